/*
 * Which of several sidecars writes: a Lease of Kubernetes.
 *
 * Decisions only, without I/O.  As other controllers do it: a holder has 15 s,
 * gives up when it could not renew for 10 s, and tries every 2 s.  Times are
 * of this host's own clock, by when a change was seen, never those that stand
 * in the Lease.  It is no fence: a write may be under way when the lease is
 * lost, which is harmless here, since every write says the same.
 */

#ifndef _LEASE_H_INCLUDED_
#define _LEASE_H_INCLUDED_


#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>


#define LEASE_DURATION_MS        15000
#define LEASE_RENEW_DEADLINE_MS  10000
#define LEASE_RETRY_MS           2000


/*
 * identity: ours, at most 63 bytes.  seen_*: the Lease as it was last seen to
 * change, and when, in ms.  version: its resourceVersion.
 */
typedef struct {
    char      identity[254];
    char      seen_holder[254];
    char      seen_renew[64];
    char      version[64];
    uint64_t  seen_ms;
    uint64_t  renewed_ms;
    int       transitions;
    bool      is_held;
    bool      was_seen;
    bool      exists;
} lease_t;


void lease_init(lease_t *lease, const char *identity);

/* What was read: the object, or NULL when there is none. */
void lease_see(lease_t *lease, const json_t *object, uint64_t now_ms);

/* Whether to write the Lease now: to renew, or because it is free. */
bool lease_may_take(const lease_t *lease, uint64_t now_ms);

/*
 * The Lease to write; wall_us: microseconds of the wall clock, which people
 * read.  renounce: give it away, at the end.
 */
json_t *lease_object(const lease_t *lease, const char *api_version,
    const char *namespace, const char *name, int64_t wall_us, bool renounce);

/* The write that began at began_ms was taken: object is the answer. */
void lease_written(lease_t *lease, const json_t *object, uint64_t began_ms);

/* Whether we may write now; false for good once the deadline passed. */
bool lease_is_held(lease_t *lease, uint64_t now_ms);


#endif /* _LEASE_H_INCLUDED_ */
