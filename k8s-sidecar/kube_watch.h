/*
 * What the API server has of one kind, followed: LIST in pages, then WATCH
 * from there, again and again.
 *
 * An opaque resourceVersion, bookmarks, 410 in an answer or in an ERROR event
 * (list anew), Retry-After of at most 5 minutes, timeouts that are drawn
 * between 1 and 2 minutes, an idle timeout that is 20 s longer, so that a
 * connection which is open and carries nothing is noticed by then, a backoff of
 * 1 to 60 s with full jitter, lines of at most 8 MiB.  A watch that breaks goes
 * on from the last resourceVersion; one that is refused, or gets 3 wrong
 * answers in a row, begins with a list; and there is a new list every
 * resync_ms, give or take a tenth, even when nothing is wrong.
 */

#ifndef _KUBE_WATCH_H_INCLUDED_
#define _KUBE_WATCH_H_INCLUDED_


#include "kube_http.h"
#include "kube_kind.h"


typedef struct kube_watch_s  kube_watch_t;

/*
 * begin: a list begins, perhaps instead of one that was not whole: what is not
 * named until whole() is gone.
 * object: of a list (then often without its kind and apiVersion), or added or
 * modified; has metadata with a name; borrowed.
 * gone: deleted, as it was last seen.
 * whole: the list is complete: what was not in it is not there.
 * failed: said once for each run of failures, and NULL when it works again.
 * odd: something was passed over that the server should not send; said once
 * for each list or watch; may be NULL.
 * None of them may free the watch.
 */
typedef struct {
    void  (*begin)(void *data);
    void  (*object)(void *data, json_t *object);
    void  (*gone)(void *data, json_t *object);
    void  (*whole)(void *data);
    void  (*failed)(void *data, const char *error);
    void  (*odd)(void *data, const char *what);
} kube_watch_handler_t;

typedef struct {
    kube_kind_e                  kind;
    const char                  *namespace;         /* NULL: all */
    const char                  *label_selector;    /* NULL: none */
    unsigned                     resync_ms;         /* 0: never */
    uint64_t                    *calls;     /* counts requests, or NULL */
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
 * again, however little happens until then; call it after every
 * kube_http_turn(), too.
 */
unsigned kube_watch_turn(kube_watch_t *watch);

/* Whether a whole list was seen, and watching has not failed since. */
bool kube_watch_is_current(const kube_watch_t *watch);

/* When the last whole list came, on the clock; 0: never. */
uint64_t kube_watch_listed_ms(const kube_watch_t *watch);


#endif /* _KUBE_WATCH_H_INCLUDED_ */
