/*
 * The LIST of a watch: pages until there is no other.
 */

#include "kube_watch_parts.h"
#include "backoff.h"
#include "kube_event.h"


static void kube_watch_expired_page(kube_watch_t *watch);
static void kube_watch_items(kube_watch_t *watch, const json_t *items);
static void kube_watch_whole(kube_watch_t *watch);


void
kube_watch_page(void *data, const kube_reply_t *reply)
{
    const char    *version, *more;
    const json_t  *items;
    kube_watch_t  *watch;

    watch = data;
    watch->call = NULL;

    if (reply->status == KUBE_WATCH_GONE && watch->more) {
        kube_watch_expired_page(watch);
        return;
    }

    if (reply->error) {
        (void) kube_watch_set(&watch->more, NULL);
        kube_watch_failed(watch, &watch->list_failures, reply->retry_after,
                          reply->error);
        return;
    }

    /* null is how the server may write a list of nothing */

    items = json_object_get(reply->body, "items");
    version = kube_event_resource_version(reply->body);
    more = json_string_value(json_object_get(json_object_get(reply->body,
                                                             "metadata"),
                                             "continue"));

    if (version == NULL || !(json_is_array(items) || json_is_null(items))) {
        (void) kube_watch_set(&watch->more, NULL);
        kube_watch_failed(watch, &watch->list_failures, 0,
                          "the answer is no list with a resourceVersion");
        return;
    }

    if (!kube_watch_set(&watch->resource_version, version)
        || !kube_watch_set(&watch->more, more && *more ? more : NULL))
    {
        (void) kube_watch_set(&watch->more, NULL);
        kube_watch_failed(watch, &watch->list_failures, 0,
                          "there is no memory");
        return;
    }

    kube_watch_items(watch, items);

    if (watch->more == NULL) {
        kube_watch_whole(watch);
    }
}


/* The pages are older than what the server remembers. */
static void
kube_watch_expired_page(kube_watch_t *watch)
{
    (void) kube_watch_set(&watch->more, NULL);

    watch->restarts++;
    watch->due_ms = kube_watch_now(watch);
}


static void
kube_watch_items(kube_watch_t *watch, const json_t *items)
{
    size_t   i;
    json_t  *item;

    for (i = 0; i < json_array_size(items); i++) {
        item = json_array_get(items, i);

        if (kube_event_is_object(item)) {
            watch->options.handler->object(watch->options.data, item);

        } else {
            kube_watch_odd(watch, "found an object without metadata.name in "
                           "a list, expected one");
        }
    }
}


static void
kube_watch_whole(kube_watch_t *watch)
{
    uint64_t  every;

    every = watch->options.resync_ms;

    watch->restarts = 0;
    watch->list_failures = 0;
    watch->refusals = 0;
    watch->is_current = true;
    watch->step = KUBE_WATCH_WATCH;
    watch->listed_ms = kube_watch_now(watch);

    if (every) {
        watch->resync_ms = watch->listed_ms + every - every / 10
                           + kube_watch_random(watch) % (every / 5 + 1);
    }

    /* a list that works says nothing of a watch that does not */

    watch->due_ms = watch->listed_ms
                    + backoff_ms(watch->watch_failures, KUBE_WATCH_BACKOFF_MS,
                                 KUBE_WATCH_BACKOFF_MAX_MS,
                                 kube_watch_random(watch));

    watch->options.handler->whole(watch->options.data);

    if (watch->has_failed) {
        watch->has_failed = false;
        watch->options.handler->failed(watch->options.data, NULL);
    }
}
