/*
 * What the API server has of one kind, followed: LIST in pages, then WATCH
 * from there, again and again.
 *
 * An opaque resourceVersion, bookmarks, 410 in an answer or in an ERROR event
 * (list anew), 429 with Retry-After, timeouts that are drawn between 5 and 10
 * minutes, an idle timeout that is longer, a backoff of 1 to 60 s with full
 * jitter, lines of at most 8 MiB; and a new list every resync_ms even when
 * nothing is wrong.
 */

#ifndef _KUBE_WATCH_H_INCLUDED_
#define _KUBE_WATCH_H_INCLUDED_


#include "kube_http.h"
#include "kube_kind.h"


typedef struct kube_watch_s  kube_watch_t;

/*
 * begin: a list begins: what is not named until whole() is gone.
 * object: of a list, or added or modified; borrowed.
 * gone: deleted, as it was last seen.
 * whole: the list is complete: what was not in it is not there.
 * failed: said once for each run of failures, and NULL when it works again.
 */
typedef struct {
    void  (*begin)(void *data);
    void  (*object)(void *data, json_t *object);
    void  (*gone)(void *data, json_t *object);
    void  (*whole)(void *data);
    void  (*failed)(void *data, const char *error);
} kube_watch_handler_t;

typedef struct {
    kube_kind_e                  kind;
    const char                  *namespace;         /* NULL: all */
    const char                  *label_selector;    /* NULL: none */
    unsigned                     resync_ms;
    const kube_watch_handler_t  *handler;
    void                        *data;
} kube_watch_options_t;

/* Milliseconds of a clock that only goes forward, and a random number. */
typedef struct {
    uint64_t  (*now_ms)(void *data);
    uint64_t  (*random)(void *data);
    void       *data;
} kube_clock_t;


/*
 * Copies the options; http, versions, clock, handler and data must outlive it.
 * NULL without memory.  Nothing is sent before kube_watch_turn().
 */
kube_watch_t *kube_watch_new(kube_http_t *http,
    const kube_versions_t *versions, const kube_clock_t *clock,
    const kube_watch_options_t *options);
void kube_watch_free(kube_watch_t *watch);

/*
 * Sends what is due.  Returns the milliseconds until it wants to be called
 * again, however little happens until then.
 */
unsigned kube_watch_turn(kube_watch_t *watch);

/* Whether a whole list was seen, and watching has not failed since. */
bool kube_watch_is_current(const kube_watch_t *watch);

/* When the last whole list came, on the clock; 0: never. */
uint64_t kube_watch_listed_ms(const kube_watch_t *watch);


#endif /* _KUBE_WATCH_H_INCLUDED_ */
