/*
 * What the files of a watch share: its state, and what each step does to it.
 */

#ifndef _KUBE_WATCH_PARTS_H_INCLUDED_
#define _KUBE_WATCH_PARTS_H_INCLUDED_


#include "kube_frame.h"
#include "kube_status.h"
#include "kube_watch.h"


#define KUBE_WATCH_BACKOFF_MS      1000
#define KUBE_WATCH_BACKOFF_MAX_MS  60000

/* A watch that lasts so long works; one that ends sooner, with nothing, not. */
#define KUBE_WATCH_WORKS_MS        1000

#define KUBE_WATCH_GONE            410
#define KUBE_WATCH_TOO_MANY        429


/* What is done, or is done next. */
typedef enum {
    KUBE_WATCH_LIST,
    KUBE_WATCH_WATCH
} kube_watch_step_e;

/* How the watch that is under way was ended by us. */
typedef enum {
    KUBE_WATCH_GOES_ON,
    KUBE_WATCH_EXPIRED,
    KUBE_WATCH_WRONG            /* why: in text */
} kube_watch_verdict_e;


/*
 * due_ms: when step may begin, without a call.  more: the "continue" of the
 * next page.  restarts: of a list, after 410 on a page.  refusals: wrong
 * answers to WATCH since one was right.  progress: the watch gave an event.
 */
struct kube_watch_s {
    kube_http_t            *http;
    const kube_versions_t  *versions;
    const kube_clock_t     *clock;
    kube_watch_options_t    options;
    char                   *namespace;
    char                   *selector;           /* escaped */
    kube_call_t            *call;
    kube_watch_step_e       step;
    uint64_t                due_ms;
    uint64_t                began_ms;           /* of a watch; 0: not yet */
    uint64_t                listed_ms;
    uint64_t                resync_ms;
    char                   *more;
    char                   *resource_version;
    kube_frame_t            frame;
    kube_watch_verdict_e    verdict;
    unsigned                restarts;
    unsigned                list_failures;
    unsigned                watch_failures;
    unsigned                refusals;
    unsigned                retry_after;
    bool                    progress;
    bool                    has_failed;
    bool                    is_current;
    bool                    odd_said;
    char                    text[KUBE_STATUS_ERROR_LEN];
};


/* Of a LIST: one page of it, or why there is none. */
void kube_watch_page(void *data, const kube_reply_t *reply);

/* Of a WATCH: its events, and its end. */
bool kube_watch_piece(void *data, const char *piece, size_t len);
void kube_watch_end(void *data, const kube_reply_t *reply);

/* The watch gives what it should: nothing has failed any more. */
void kube_watch_works(kube_watch_t *watch);

/* From the first page, at once, but not time and again within a second. */
void kube_watch_relist(kube_watch_t *watch);

/* The same step again, after the backoff and the seconds that were asked. */
void kube_watch_failed(kube_watch_t *watch, unsigned *failures,
    unsigned retry_after, const char *error);
void kube_watch_odd(kube_watch_t *watch, const char *what);

/* A copy of value, which may be NULL; false, and no change, without memory. */
bool kube_watch_set(char **text, const char *value);

uint64_t kube_watch_now(const kube_watch_t *watch);
uint64_t kube_watch_random(const kube_watch_t *watch);


#endif /* _KUBE_WATCH_PARTS_H_INCLUDED_ */
