/*
 * LIST and WATCH of one kind.
 *
 * There is at most one call at a time.  A callback of kube_http only notes
 * what comes next and when; kube_watch_turn() sends it.
 */

#include "kube_watch_parts.h"
#include "backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define KUBE_WATCH_LIMIT              "limit=500"
#define KUBE_WATCH_LIST_MS            120000
#define KUBE_WATCH_LIST_IDLE_MS       30000
#define KUBE_WATCH_MIN_SECONDS        60
#define KUBE_WATCH_MORE_SECONDS       60
#define KUBE_WATCH_IDLE_SECONDS       20

#define KUBE_WATCH_LINE_MAX_BYTES     (8u * 1024 * 1024)

#define KUBE_WATCH_RETRY_MAX_SECONDS  300


static void kube_watch_send(kube_watch_t *watch);
static char *kube_watch_path(kube_watch_t *watch, unsigned seconds);
static char *kube_watch_escape(const char *text);


kube_watch_t *
kube_watch_new(kube_http_t *http, const kube_versions_t *versions,
    const kube_clock_t *clock, const kube_watch_options_t *options)
{
    kube_watch_t  *watch;

    watch = calloc(1, sizeof(kube_watch_t));
    if (watch == NULL) {
        return NULL;
    }

    watch->http = http;
    watch->versions = versions;
    watch->clock = clock;
    watch->options = *options;
    watch->frame.max = KUBE_WATCH_LINE_MAX_BYTES;

    if (options->label_selector) {
        watch->selector = kube_watch_escape(options->label_selector);
    }

    if (!kube_watch_set(&watch->namespace, options->namespace)
        || (options->label_selector && watch->selector == NULL))
    {
        kube_watch_free(watch);
        return NULL;
    }

    return watch;
}


void
kube_watch_free(kube_watch_t *watch)
{
    if (watch == NULL) {
        return;
    }

    if (watch->call) {
        kube_http_cancel(watch->http, watch->call);
    }

    kube_frame_free(&watch->frame);
    free(watch->resource_version);
    free(watch->more);
    free(watch->selector);
    free(watch->namespace);
    free(watch);
}


unsigned
kube_watch_turn(kube_watch_t *watch)
{
    uint64_t  now, until;

    now = kube_watch_now(watch);

    if (watch->call && watch->step == KUBE_WATCH_WATCH && watch->began_ms
        && now - watch->began_ms >= KUBE_WATCH_WORKS_MS)
    {
        kube_watch_works(watch);
    }

    if (watch->step == KUBE_WATCH_WATCH && watch->resync_ms
        && now >= watch->resync_ms)
    {
        if (watch->call) {
            kube_http_cancel(watch->http, watch->call);
            watch->call = NULL;
        }

        kube_watch_relist(watch);
    }

    if (watch->call == NULL && now >= watch->due_ms) {
        kube_watch_send(watch);
    }

    until = now + KUBE_WATCH_LIST_MS;

    if (watch->call == NULL) {
        until = watch->due_ms;

    } else if (watch->step == KUBE_WATCH_WATCH) {

        if (watch->resync_ms) {
            until = watch->resync_ms;
        }

        if (!watch->is_current && watch->began_ms
            && watch->began_ms + KUBE_WATCH_WORKS_MS < until)
        {
            until = watch->began_ms + KUBE_WATCH_WORKS_MS;
        }
    }

    return until <= now ? 0
           : until - now > KUBE_WATCH_LIST_MS ? KUBE_WATCH_LIST_MS
           : (unsigned) (until - now);
}


bool
kube_watch_is_current(const kube_watch_t *watch)
{
    return watch->is_current;
}


uint64_t
kube_watch_listed_ms(const kube_watch_t *watch)
{
    return watch->listed_ms;
}


static void
kube_watch_send(kube_watch_t *watch)
{
    bool                  is_list;
    unsigned              seconds;
    kube_http_request_t   request;
    char                 *path;

    is_list = (watch->step == KUBE_WATCH_LIST);
    seconds = KUBE_WATCH_MIN_SECONDS
              + (unsigned) (kube_watch_random(watch)
                            % (KUBE_WATCH_MORE_SECONDS + 1));

    path = kube_watch_path(watch, seconds);
    if (path == NULL) {
        kube_watch_failed(watch, &watch->list_failures, 0,
                          "there is no memory");
        return;
    }

    memset(&request, 0, sizeof(kube_http_request_t));

    request.method = "GET";
    request.path = path;
    request.timeout_ms = is_list ? KUBE_WATCH_LIST_MS : 0;
    request.idle_timeout_ms = is_list ? KUBE_WATCH_LIST_IDLE_MS
                              : (seconds + KUBE_WATCH_IDLE_SECONDS) * 1000;

    /* a list that begins; one that goes on has said so */

    if (is_list && watch->more == NULL) {
        watch->odd_said = false;
        watch->options.handler->begin(watch->options.data);
    }

    if (!is_list) {
        watch->began_ms = 0;
        watch->progress = false;
        watch->odd_said = false;
        watch->retry_after = 0;
        watch->verdict = KUBE_WATCH_GOES_ON;
        kube_frame_free(&watch->frame);
    }

    watch->call = kube_http_send(watch->http, &request,
                                 is_list ? NULL : kube_watch_piece,
                                 is_list ? kube_watch_page : kube_watch_end,
                                 watch);
    free(path);

    if (watch->call && watch->options.calls) {
        (*watch->options.calls)++;
    }

    if (watch->call == NULL) {
        kube_watch_failed(watch, is_list ? &watch->list_failures
                                         : &watch->watch_failures,
                          0, kube_http_error(watch->http));
    }
}


/* seconds: of a watch */
static char *
kube_watch_path(kube_watch_t *watch, unsigned seconds)
{
    int    len;
    char  *collection, *path, *escaped;

    collection = kube_kind_path(watch->options.kind, watch->versions,
                                watch->namespace, NULL);
    if (collection == NULL) {
        return NULL;
    }

    escaped = kube_watch_escape(watch->step == KUBE_WATCH_WATCH
                                ? watch->resource_version
                                : watch->more ? watch->more : "");
    if (escaped == NULL) {
        free(collection);
        return NULL;
    }

    if (watch->step == KUBE_WATCH_WATCH) {
        len = asprintf(&path, "%s?watch=true&allowWatchBookmarks=true"
                       "&timeoutSeconds=%u&resourceVersion=%s%s%s",
                       collection, seconds, escaped,
                       watch->selector ? "&labelSelector=" : "",
                       watch->selector ? watch->selector : "");

    } else {

        /* pages that expired twice: the list comes in one piece */

        len = asprintf(&path, "%s?%s%s%s%s%s", collection,
                       watch->restarts < 2 ? KUBE_WATCH_LIMIT : "limit=0",
                       watch->more ? "&continue=" : "", escaped,
                       watch->selector ? "&labelSelector=" : "",
                       watch->selector ? watch->selector : "");
    }

    free(escaped);
    free(collection);

    return len < 0 ? NULL : path;
}


/* For a value of a query: all but the unreserved characters of RFC 3986. */
static char *
kube_watch_escape(const char *text)
{
    char           *escaped, *p;
    unsigned char   c;

    escaped = malloc(strlen(text) * 3 + 1);
    if (escaped == NULL) {
        return NULL;
    }

    for (p = escaped; *text; text++) {
        c = (unsigned char) *text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || strchr("-._~", c))
        {
            *p++ = (char) c;

        } else {
            p += sprintf(p, "%%%02X", c);
        }
    }

    *p = '\0';

    return escaped;
}


void
kube_watch_works(kube_watch_t *watch)
{
    watch->watch_failures = 0;
    watch->refusals = 0;
    watch->is_current = true;

    if (watch->has_failed) {
        watch->has_failed = false;
        watch->options.handler->failed(watch->options.data, NULL);
    }
}


void
kube_watch_relist(kube_watch_t *watch)
{
    watch->step = KUBE_WATCH_LIST;
    watch->restarts = 0;
    watch->due_ms = watch->listed_ms + KUBE_WATCH_WORKS_MS;
    (void) kube_watch_set(&watch->more, NULL);
}


void
kube_watch_failed(kube_watch_t *watch, unsigned *failures,
    unsigned retry_after, const char *error)
{
    uint64_t  wait;

    if (retry_after > KUBE_WATCH_RETRY_MAX_SECONDS) {
        retry_after = KUBE_WATCH_RETRY_MAX_SECONDS;
    }

    wait = backoff_ms(++*failures, KUBE_WATCH_BACKOFF_MS,
                      KUBE_WATCH_BACKOFF_MAX_MS, kube_watch_random(watch));

    /* later than asked, by a random time, as all were told the same */

    watch->due_ms = kube_watch_now(watch) + wait
                    + (uint64_t) retry_after * 1000;
    watch->is_current = false;

    if (!watch->has_failed) {
        watch->has_failed = true;
        watch->options.handler->failed(watch->options.data, error);
    }
}


void
kube_watch_odd(kube_watch_t *watch, const char *what)
{
    if (!watch->odd_said && watch->options.handler->odd) {
        watch->odd_said = true;
        watch->options.handler->odd(watch->options.data, what);
    }
}


bool
kube_watch_set(char **text, const char *value)
{
    char  *copy;

    copy = NULL;

    if (value) {
        copy = strdup(value);
        if (copy == NULL) {
            return false;
        }
    }

    free(*text);
    *text = copy;

    return true;
}


uint64_t
kube_watch_now(const kube_watch_t *watch)
{
    return watch->clock->now_ms(watch->clock->data);
}


uint64_t
kube_watch_random(const kube_watch_t *watch)
{
    return watch->clock->random(watch->clock->data);
}
