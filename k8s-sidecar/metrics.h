/*
 * What the sidecar counts, as Prometheus reads it.  Plain data: whoever does
 * something counts it.
 */

#ifndef _METRICS_H_INCLUDED_
#define _METRICS_H_INCLUDED_


#include "kube_kind.h"

#include <stdint.h>


#define METRICS_SYNC_BUCKETS  8


/*
 * calls: answered or not, lists and watches too; errors: of changes, without a
 * 2xx.
 */
typedef struct {
    uint64_t                    calls;
    uint64_t                    errors;
    uint64_t                    watch_restarts;
} metrics_kind_t;

/* Of one tenant, such as "Ready"; borrowed. */
typedef struct {
    const char                 *tenant;
    const char                 *condition;
    bool                        is_true;
} metrics_condition_t;

/*
 * syncs: in milliseconds, see metrics_sync(); buckets: each without those below
 * it, the last one is what is longer than all bounds.  last_full_sync: Unix
 * seconds, 0 for never.  drains: of pods that may end, and of those among them
 * that had to end before all gateways agreed.  starts, stops: of servers on
 * demand.
 */
typedef struct {
    metrics_kind_t              kinds[KUBE_KINDS];

    uint64_t                    sync_buckets[METRICS_SYNC_BUCKETS + 1];
    uint64_t                    sync_ms;
    uint64_t                    sync_errors;
    uint64_t                    last_full_sync;

    uint64_t                    endpoints_sequence;
    uint64_t                    endpoints_write_errors;
    uint64_t                    endpoints_left_out;

    uint64_t                    drains;
    uint64_t                    drains_timed_out;

    uint64_t                    starts;
    uint64_t                    stops;

    bool                        is_leader;
    const metrics_condition_t  *conditions;
    size_t                      nconditions;
} metrics_t;


/* Counts a pass over all tenants, of that length. */
void metrics_sync(metrics_t *metrics, uint64_t ms);

/* Returns malloc()ed text, NULL without memory. */
char *metrics_text(const metrics_t *metrics);


#endif /* _METRICS_H_INCLUDED_ */
