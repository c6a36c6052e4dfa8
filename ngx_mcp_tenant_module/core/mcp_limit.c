/*
 * Limits.  To take a slot, a process raises its own cell and then sums: of
 * those who take at once, the last to raise sees all others, so that never one
 * too many gets in.  The last to lower sees only those who did get in, so that
 * nobody is refused for others who were refused too.
 */

#include "mcp_crash.h"
#include "mcp_limit.h"

#include <stdatomic.h>

#ifdef MCP_BREAK_TAKE
#include <unistd.h>
#endif


/* a takers' race goes on for that long only if they move in step */
#define MCP_LIMIT_TRIES          256

/* a sum may meet one request twice that ends here and begins there */
#define MCP_LIMIT_LOOKS          3

#define MCP_LIMIT_RATE_SPAN_NS   UINT64_C(1000000000000)


/* what takers look at, of 13 processes in one cache line */
typedef struct {
    _Alignas(64) _Atomic uint64_t  arrival;
    _Atomic uint64_t               settings;
    _Atomic uint32_t               cells[MCP_PROCESS_CELLS];
} mcp_limit_row_t;


struct mcp_limits_s {
    const mcp_processes_t         *processes;
    uint32_t                       capacity;
    mcp_limit_row_t                rows[];
};


static uint64_t mcp_limit_sum(const mcp_limits_t *limits,
    const mcp_limit_row_t *row);
static void mcp_limit_lower(_Atomic uint32_t *cell);
static void mcp_limit_pause(uint32_t n);
static void mcp_limit_settle(mcp_limit_row_t *row, uint64_t latest,
    uint64_t settings);


size_t
mcp_limits_size(uint32_t capacity)
{
    return sizeof(mcp_limits_t) + capacity * sizeof(mcp_limit_row_t);
}


mcp_limits_t *
mcp_limits_init(void *memory, uint32_t capacity, mcp_processes_t *processes)
{
    mcp_limits_t  *limits;

    limits = memory;
    limits->processes = processes;
    limits->capacity = capacity;

    return limits;
}


void
mcp_limits_reclaim(void *limits, uint32_t process)
{
    uint32_t           i, cell;
    mcp_limits_t      *all;
    _Atomic uint32_t  *count;

    all = limits;
    cell = mcp_process_cell(process);

    for (i = 0; i < all->capacity; i++) {

        count = &all->rows[i].cells[cell];

        if (atomic_load_explicit(count, memory_order_relaxed) != 0) {
            atomic_store(count, 0);
            mcp_crash_point("reclaim-cell");
        }
    }
}


void
mcp_limit_clear(mcp_limits_t *limits, uint32_t row)
{
    uint32_t          i;
    mcp_limit_row_t  *limit;

    limit = &limits->rows[row];

    for (i = 0; i < MCP_PROCESS_CELLS; i++) {
        atomic_store(&limit->cells[i], 0);
    }

    atomic_store(&limit->arrival, 0);
    atomic_store(&limit->settings, 0);
}


bool
mcp_limit_take(mcp_limits_t *limits, uint32_t row, uint32_t process,
    uint32_t max)
{
    uint32_t           tries, looks;
    mcp_limit_row_t   *limit;
    _Atomic uint32_t  *cell;

    limit = &limits->rows[row];
    cell = &limit->cells[mcp_process_cell(process)];

#ifdef MCP_BREAK_TAKE
    if (mcp_limit_sum(limits, limit) < max) {
        mcp_crash_point("take-broken");
#ifndef MCP_CRASH_POINTS
        (void) usleep(500);
#endif
        atomic_fetch_add(cell, 1);
        return true;
    }

    return false;
#endif

    for (tries = 0; tries < MCP_LIMIT_TRIES; tries++) {

        atomic_fetch_add(cell, 1);
        mcp_crash_point("take-raised");

        if (mcp_limit_sum(limits, limit) <= max) {
            mcp_crash_point("take-taken");
            return true;
        }

        mcp_crash_point("take-over");
        mcp_limit_lower(cell);
        mcp_crash_point("take-lowered");

        for (looks = 0; looks < MCP_LIMIT_LOOKS; looks++) {
            if (mcp_limit_sum(limits, limit) < max) {
                break;
            }
        }

        if (looks == MCP_LIMIT_LOOKS) {
            break;
        }

        mcp_limit_pause((tries + process) % 16);
    }

    return false;
}


void
mcp_limit_enter(mcp_limits_t *limits, uint32_t row, uint32_t process)
{
    atomic_fetch_add(&limits->rows[row].cells[mcp_process_cell(process)], 1);
    mcp_crash_point("enter-raised");
}


void
mcp_limit_give(mcp_limits_t *limits, uint32_t row, uint32_t process)
{
    mcp_crash_point("give");

#ifdef MCP_BREAK_GIVE
    return;
#endif

    mcp_limit_lower(&limits->rows[row].cells[mcp_process_cell(process)]);
    mcp_crash_point("give-lowered");
}


/* Not below 0: a wrapped cell would lock its tenant out for good. */
static void
mcp_limit_lower(_Atomic uint32_t *cell)
{
    uint32_t  count;

    count = atomic_load(cell);

    while (count != 0
           && !atomic_compare_exchange_weak(cell, &count, count - 1))
    {
        /* void */
    }
}


uint64_t
mcp_limit_in_use(const mcp_limits_t *limits, uint32_t row)
{
    return mcp_limit_sum(limits, &limits->rows[row]);
}


static uint64_t
mcp_limit_sum(const mcp_limits_t *limits, const mcp_limit_row_t *row)
{
    uint32_t  i, cells;
    uint64_t  sum;

    sum = 0;
    cells = mcp_processes_used(limits->processes);

    if (cells > MCP_PROCESS_CELLS) {
        cells = MCP_PROCESS_CELLS;
    }

    for (i = 0; i < cells; i++) {
        sum += atomic_load(&row->cells[i]);
    }

    return sum;
}


/* Different for each process, so that two do not keep in step. */
static void
mcp_limit_pause(uint32_t n)
{
    while (n > 0) {
        n--;
#if (defined __x86_64__ || defined __i386__)
        __builtin_ia32_pause();
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
    }
}


bool
mcp_limit_rate(mcp_limits_t *limits, uint32_t row, uint64_t now,
    uint32_t rate_milli, uint32_t burst, mcp_rate_t *ret_rate)
{
    bool              passes;
    uint64_t          step, tolerance, settings, arrival, wait;
    mcp_limit_row_t  *limit;

    limit = &limits->rows[row];

    /* below 2^60, so that no sum with a time below 2^63 overflows */

    step = MCP_LIMIT_RATE_SPAN_NS / rate_milli;
    tolerance = burst * step;

    settings = (uint64_t) rate_milli << 32 | burst;

    if (atomic_load(&limit->settings) != settings) {
        mcp_limit_settle(limit, now + tolerance + step, settings);
    }

    arrival = atomic_load(&limit->arrival);

    do {
        wait = arrival > now ? arrival - now : 0;
        passes = wait <= tolerance;

    } while (passes
             && !atomic_compare_exchange_weak(&limit->arrival, &arrival,
                                              now + wait + step));

    if (ret_rate) {
        ret_rate->retry_ns = passes ? 0 : wait - tolerance;
        ret_rate->reset_ns = passes ? wait + step : wait;
        ret_rate->remaining = passes ? (uint32_t) ((tolerance - wait) / step)
                                     : 0;
        ret_rate->next_ns = passes ? step - (tolerance - wait) % step
                                   : wait - tolerance;
    }

    return passes;
}


/*
 * A slow limit that was made fast must not wait as long as the slow one would
 * have.  Nothing is lowered while settings stay: a process that was stopped
 * since it looked at the clock would let others in too early.
 */
static void
mcp_limit_settle(mcp_limit_row_t *row, uint64_t latest, uint64_t settings)
{
    uint64_t  arrival;

    arrival = atomic_load(&row->arrival);

    while (arrival > latest
           && !atomic_compare_exchange_weak(&row->arrival, &arrival, latest))
    {
        /* void */
    }

    mcp_crash_point("rate-settled");
    atomic_store(&row->settings, settings);
}


void
mcp_limit_rate_refund(mcp_limits_t *limits, uint32_t row, uint64_t now,
    uint32_t rate_milli)
{
    uint64_t          step, arrival, earlier;
    mcp_limit_row_t  *limit;

    limit = &limits->rows[row];
    step = MCP_LIMIT_RATE_SPAN_NS / rate_milli;
    arrival = atomic_load(&limit->arrival);

    do {
        if (arrival <= now) {
            return;
        }

        earlier = arrival - now > step ? arrival - step : now;

    } while (!atomic_compare_exchange_weak(&limit->arrival, &arrival,
                                           earlier));
}
