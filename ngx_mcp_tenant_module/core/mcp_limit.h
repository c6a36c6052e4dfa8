/*
 * Limits on concurrency and rate in shared memory, without a lock.
 *
 * Concurrency has no shared counter that could drift: a limit is an array of
 * cells, one for each process; its use is their sum, and a dead process is
 * undone by zeroing its cells.  The rate is GCRA: one theoretical arrival time.
 */

#ifndef _MCP_LIMIT_H_INCLUDED_
#define _MCP_LIMIT_H_INCLUDED_


#include "mcp_process.h"


typedef struct mcp_limits_s  mcp_limits_t;


size_t mcp_limits_size(uint32_t capacity);

/*
 * memory: zeroed, shared, aligned to 64 bytes, of the size above; once.  The
 * limits borrow the process table, which lies in the same memory.
 */
mcp_limits_t *mcp_limits_init(void *memory, uint32_t capacity,
    mcp_processes_t *processes);

/* mcp_process_reclaim_pt over a zone's limits: zeroes the process's cells. */
void mcp_limits_reclaim(void *limits, uint32_t process);

/* Clears a row that gets another identity. */
void mcp_limit_clear(mcp_limits_t *limits, uint32_t row);

/*
 * Takes a slot when fewer than max are in use over all processes: never one
 * too many, and, with a bounded number of tries, not refused because of other
 * takers that are refused themselves.  Give back exactly once, by the same
 * process.
 */
bool mcp_limit_take(mcp_limits_t *limits, uint32_t row, uint32_t process,
    uint32_t max);
void mcp_limit_give(mcp_limits_t *limits, uint32_t row, uint32_t process);
uint64_t mcp_limit_in_use(const mcp_limits_t *limits, uint32_t row);

/* Raises the use without a limit, for gauges; given back in the same way. */
void mcp_limit_enter(mcp_limits_t *limits, uint32_t row, uint32_t process);

/*
 * remaining: requests that would pass now; next_ns: until one more would;
 * reset_ns: until the full burst is back; retry_ns: until one request would
 * pass, 0 when this one did.
 */
typedef struct {
    uint64_t  retry_ns;
    uint64_t  next_ns;
    uint64_t  reset_ns;
    uint32_t  remaining;
} mcp_rate_t;

/*
 * Lets a request pass or not: rate_milli requests in 1,000 seconds (1 to 10^9),
 * burst more at once (to 10^6; as "burst" of limit_req with nodelay).  now:
 * nanoseconds of a clock that no one sets, below 2^63.  The time between two
 * requests is rounded down to whole nanoseconds.  ret_rate may be NULL.
 */
bool mcp_limit_rate(mcp_limits_t *limits, uint32_t row, uint64_t now,
    uint32_t rate_milli, uint32_t burst, mcp_rate_t *ret_rate);

/*
 * Gives the token back of a request that was refused for another reason, with
 * the time and the rate that it was taken with.
 */
void mcp_limit_rate_refund(mcp_limits_t *limits, uint32_t row, uint64_t now,
    uint32_t rate_milli);


#endif /* _MCP_LIMIT_H_INCLUDED_ */
