/*
 * The WATCH of a watch: events until it ends, and what comes then.
 */

#include "kube_watch_parts.h"
#include "backoff.h"
#include "kube_event.h"


#define KUBE_WATCH_REFUSALS_MAX  3


static bool kube_watch_line(void *data, const char *line, size_t len);
static bool kube_watch_wrong(kube_watch_t *watch, const char *text);
static void kube_watch_again(kube_watch_t *watch, const kube_reply_t *reply);


bool
kube_watch_piece(void *data, const char *piece, size_t len)
{
    kube_watch_t  *watch;

    watch = data;

    if (watch->began_ms == 0) {
        watch->began_ms = kube_watch_now(watch);
    }

    switch (kube_frame_add(&watch->frame, piece, len, kube_watch_line, watch))
    {
    case KUBE_FRAME_OK:
        return true;

    case KUBE_FRAME_TOO_LONG:
        return kube_watch_wrong(watch, "an event is larger than 8 MiB");

    case KUBE_FRAME_NO_MEMORY:
        return kube_watch_wrong(watch, "there is no memory for an event");

    default:
        return false;
    }
}


static bool
kube_watch_line(void *data, const char *line, size_t len)
{
    bool           more;
    kube_event_t   event;
    kube_watch_t  *watch;

    watch = data;
    more = true;

    if (len == 0) {
        return true;
    }

    kube_event_read(line, len, &event);

    switch (event.kind) {

    case KUBE_EVENT_OBJECT:
        watch->options.handler->object(watch->options.data, event.object);
        break;

    case KUBE_EVENT_GONE:
        watch->options.handler->gone(watch->options.data, event.object);
        break;

    case KUBE_EVENT_ODD:
        kube_watch_odd(watch, event.text);
        break;

    case KUBE_EVENT_EXPIRED:
        watch->verdict = KUBE_WATCH_EXPIRED;
        more = false;
        break;

    case KUBE_EVENT_ERROR:
    case KUBE_EVENT_BROKEN:
        watch->retry_after = event.retry_after;
        more = kube_watch_wrong(watch, event.text);
        break;

    case KUBE_EVENT_BOOKMARK:
        break;
    }

    if (more && event.resource_version) {
        watch->progress = true;

        if (!kube_watch_set(&watch->resource_version, event.resource_version))
        {
            more = kube_watch_wrong(watch, "there is no memory");
        }
    }

    kube_event_free(&event);

    return more;
}


/* Returns false, which ends the watch. */
static bool
kube_watch_wrong(kube_watch_t *watch, const char *text)
{
    watch->verdict = KUBE_WATCH_WRONG;
    kube_status_print(watch->text, text, NULL);

    return false;
}


void
kube_watch_end(void *data, const kube_reply_t *reply)
{
    bool           worked;
    uint64_t       now;
    kube_watch_t  *watch;

    watch = data;
    watch->call = NULL;
    now = kube_watch_now(watch);

    worked = watch->progress
             || (watch->began_ms
                 && now - watch->began_ms >= KUBE_WATCH_WORKS_MS);

    /* before what ended it: events that came were events */

    if (worked) {
        kube_watch_works(watch);
    }

    if (watch->verdict == KUBE_WATCH_EXPIRED
        || reply->status == KUBE_WATCH_GONE)
    {
        watch->is_current = false;
        kube_watch_relist(watch);

        /* the first time at once; a server that goes on so is failing */

        watch->due_ms += backoff_ms(watch->watch_failures++,
                                    KUBE_WATCH_BACKOFF_MS,
                                    KUBE_WATCH_BACKOFF_MAX_MS,
                                    kube_watch_random(watch));

    } else if (worked && reply->error == NULL) {

        /* as asked, after timeoutSeconds or a little sooner */

        watch->due_ms = watch->began_ms + KUBE_WATCH_WORKS_MS;

    } else {
        kube_watch_again(watch, reply);
    }
}


/* From where it ended, unless the answers to that are wrong. */
static void
kube_watch_again(kube_watch_t *watch, const kube_reply_t *reply)
{
    bool         is_refused, is_wrong;
    unsigned     retry_after;
    const char  *error;

    error = reply->error;
    retry_after = reply->retry_after;

    if (watch->verdict == KUBE_WATCH_WRONG) {
        error = watch->text;
        retry_after = watch->retry_after;
    }

    if (error == NULL) {
        error = "the watch ended as soon as it began";
    }

    is_refused = (reply->status >= 400 && reply->status < 500
                  && reply->status != KUBE_WATCH_TOO_MANY);
    is_wrong = (reply->status != 0 && reply->status != KUBE_WATCH_TOO_MANY)
               || watch->verdict == KUBE_WATCH_WRONG;

    kube_watch_failed(watch, &watch->watch_failures, retry_after, error);

    if (is_wrong && ++watch->refusals >= KUBE_WATCH_REFUSALS_MAX) {
        is_refused = true;
    }

    if (is_refused) {
        watch->step = KUBE_WATCH_LIST;
    }
}
