/*
 * Rows of processes.  A row changes only under its mutex, and each step leaves
 * it so that a reaper that dies after it is followed by another: what the dead
 * process held goes first, the row is free last.
 */

#include "mcp_crash.h"
#include "mcp_process.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>


/* a row that its process gave up stays taken until it is reclaimed */
typedef enum {
    MCP_PROCESS_FREE,
    MCP_PROCESS_LIVE,
    MCP_PROCESS_LEFT
} mcp_process_state_e;


typedef struct {
    _Alignas(64) pthread_mutex_t  life;
    _Atomic uint32_t              state;
    _Atomic int32_t               pid;
    _Atomic uint64_t              oldest;
    _Atomic uint64_t              serves;
} mcp_process_row_t;


/*
 * Under the mutex "overflow" nobody attaches to a row that shares a cell, so
 * that the cell can be cleared; "crowded" says that it has to be.
 */
struct mcp_processes_s {
    pthread_mutex_t               overflow;
    _Atomic uint32_t              crowded;
    _Atomic uint32_t              used;
    _Atomic uint64_t              reclaimed;
    mcp_process_row_t             rows[MCP_PROCESS_ROWS];
};


static bool mcp_process_owned(pthread_mutex_t *mutex, int rc);
static bool mcp_process_trylock(pthread_mutex_t *mutex);
static bool mcp_process_take(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data);
static uint32_t mcp_process_bury(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data);
static void mcp_process_clear_overflow(mcp_processes_t *processes,
    mcp_process_reclaim_pt reclaim, void *data);
static uint64_t mcp_process_least(const mcp_processes_t *processes,
    size_t offset);


size_t
mcp_processes_size(void)
{
    return sizeof(mcp_processes_t);
}


int
mcp_processes_init(void *memory, mcp_processes_t **ret_processes)
{
    int                  rc;
    uint32_t             i;
    mcp_processes_t     *processes;
    pthread_mutexattr_t  attr;

    processes = memory;

    if (pthread_mutexattr_init(&attr) != 0) {
        return MCP_ERROR;
    }

    rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);

    if (rc == 0) {
        rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }

    if (rc == 0) {
        rc = pthread_mutex_init(&processes->overflow, &attr);
    }

    for (i = 0; i < MCP_PROCESS_ROWS && rc == 0; i++) {
        rc = pthread_mutex_init(&processes->rows[i].life, &attr);
    }

    (void) pthread_mutexattr_destroy(&attr);

    *ret_processes = processes;

    return rc == 0 ? MCP_OK : MCP_ERROR;
}


/* A dead owner's mutex that is unlocked without this locks nobody again. */
static bool
mcp_process_owned(pthread_mutex_t *mutex, int rc)
{
    if (rc == EOWNERDEAD) {
        mcp_crash_point("lock-dead");
        rc = pthread_mutex_consistent(mutex);
        mcp_crash_point("lock-consistent");
    }

    return rc == 0;
}


static bool
mcp_process_trylock(pthread_mutex_t *mutex)
{
    return mcp_process_owned(mutex, pthread_mutex_trylock(mutex));
}


int
mcp_process_attach(mcp_processes_t *processes,
    mcp_process_reclaim_pt reclaim, void *data, uint32_t *ret_process)
{
    bool      taken;
    uint32_t  i;

    (void) mcp_processes_reap(processes, MCP_PROCESS_NONE, reclaim, data);

    taken = false;

    for (i = 0; i < MCP_PROCESS_OVERFLOW && !taken; i++) {
        taken = mcp_process_take(processes, i, reclaim, data);
    }

    if (!taken) {

        if (!mcp_process_owned(&processes->overflow,
                               pthread_mutex_lock(&processes->overflow)))
        {
            return MCP_ERROR;
        }

        mcp_crash_point("attach-overflow");
        atomic_store(&processes->crowded, 1);
        mcp_crash_point("attach-crowded");

        for ( /* void */ ; i < MCP_PROCESS_ROWS && !taken; i++) {
            taken = mcp_process_take(processes, i, reclaim, data);
        }

        mcp_crash_point("attach-overflow-taken");
        (void) pthread_mutex_unlock(&processes->overflow);
    }

    if (!taken) {
        return MCP_ERROR;
    }

    *ret_process = i - 1;

    return MCP_OK;
}


static bool
mcp_process_take(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data)
{
    uint32_t            used;
    mcp_process_row_t  *row;

    row = &processes->rows[process];

    if (!mcp_process_trylock(&row->life)) {
        return false;
    }

    mcp_crash_point("attach-locked");

    /* it may have died since the table was reaped */

    (void) mcp_process_bury(processes, process, reclaim, data);

    atomic_store(&row->pid, (int32_t) getpid());
    atomic_store(&row->oldest, 0);
    atomic_store(&row->serves, 0);

    mcp_crash_point("attach-cleared");

    /* sums must look at the row before anything is counted in it */

    used = atomic_load(&processes->used);

    while (used <= process
           && !atomic_compare_exchange_weak(&processes->used, &used,
                                            process + 1))
    {
        /* void */
    }

    mcp_crash_point("attach-used");
    atomic_store(&row->state, MCP_PROCESS_LIVE);
    mcp_crash_point("attach-live");

    return true;
}


void
mcp_process_detach(mcp_processes_t *processes, uint32_t process)
{
    mcp_process_row_t  *row;

    row = &processes->rows[process];

    atomic_store(&row->oldest, MCP_GENERATION_NONE);
    atomic_store(&row->serves, MCP_GENERATION_NONE);
    mcp_crash_point("detach-announced");
    atomic_store(&row->state, MCP_PROCESS_LEFT);
    mcp_crash_point("detach-left");

    (void) pthread_mutex_unlock(&row->life);
}


uint32_t
mcp_processes_reap(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data)
{
    uint32_t            i, used, dead;
    mcp_process_row_t  *row;

    dead = 0;
    used = atomic_load(&processes->used);

    for (i = 0; i < used; i++) {

        row = &processes->rows[i];

        if (i == process || atomic_load(&row->state) == MCP_PROCESS_FREE
            || !mcp_process_trylock(&row->life))
        {
            continue;
        }

        mcp_crash_point("reap-locked");
        dead += mcp_process_bury(processes, i, reclaim, data);
        mcp_crash_point("reap-buried");

        (void) pthread_mutex_unlock(&row->life);
    }

    if (atomic_load(&processes->crowded)) {
        mcp_process_clear_overflow(processes, reclaim, data);
    }

    return dead;
}


/* With the row's mutex held by somebody who is not its process. */
static uint32_t
mcp_process_bury(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data)
{
    uint32_t            state;
    mcp_process_row_t  *row;

    row = &processes->rows[process];
    state = atomic_load(&row->state);

    if (state == MCP_PROCESS_FREE) {
        return 0;
    }

#ifdef MCP_BREAK_ORDER
    atomic_store(&row->state, MCP_PROCESS_FREE);
#endif

    mcp_crash_point("reap-dead");

#ifdef MCP_BREAK_REAP
    process = MCP_PROCESS_OVERFLOW;
#endif

    if (process < MCP_PROCESS_OVERFLOW) {
        reclaim(data, process);
    }

    mcp_crash_point("reap-reclaimed");

    if (state == MCP_PROCESS_LIVE) {
        atomic_fetch_add(&processes->reclaimed, 1);
    }

    mcp_crash_point("reap-counted");
    atomic_store(&row->state, MCP_PROCESS_FREE);

    return state == MCP_PROCESS_LIVE;
}


static void
mcp_process_clear_overflow(mcp_processes_t *processes,
    mcp_process_reclaim_pt reclaim, void *data)
{
    uint32_t  i;

    if (!mcp_process_trylock(&processes->overflow)) {
        return;
    }

    mcp_crash_point("overflow-locked");

    for (i = MCP_PROCESS_OVERFLOW; i < MCP_PROCESS_ROWS; i++) {
        if (atomic_load(&processes->rows[i].state) != MCP_PROCESS_FREE) {
            break;
        }
    }

    if (i == MCP_PROCESS_ROWS) {
        reclaim(data, MCP_PROCESS_OVERFLOW);
        mcp_crash_point("overflow-reclaimed");
        atomic_store(&processes->crowded, 0);
    }

    mcp_crash_point("overflow-cleared");
    (void) pthread_mutex_unlock(&processes->overflow);
}


void
mcp_process_announce(mcp_processes_t *processes, uint32_t process,
    uint64_t generation)
{
    atomic_store(&processes->rows[process].oldest, generation);
}


uint64_t
mcp_processes_oldest(const mcp_processes_t *processes)
{
    return mcp_process_least(processes,
                             offsetof(mcp_process_row_t, oldest));
}


void
mcp_process_serve(mcp_processes_t *processes, uint32_t process,
    uint64_t generation)
{
    atomic_store(&processes->rows[process].serves, generation);
}


uint64_t
mcp_processes_serving(const mcp_processes_t *processes)
{
    return mcp_process_least(processes,
                             offsetof(mcp_process_row_t, serves));
}


static uint64_t
mcp_process_least(const mcp_processes_t *processes, size_t offset)
{
    uint32_t                  i, used;
    uint64_t                  least, generation;
    const mcp_process_row_t  *row;

    least = MCP_GENERATION_NONE;
    used = mcp_processes_used(processes);

    for (i = 0; i < used; i++) {

        row = &processes->rows[i];

        if (atomic_load(&row->state) == MCP_PROCESS_FREE) {
            continue;
        }

        generation = atomic_load((const _Atomic uint64_t *)
                                 ((const char *) row + offset));

        if (generation < least) {
            least = generation;
        }
    }

    return least;
}


uint32_t
mcp_processes_used(const mcp_processes_t *processes)
{
    return atomic_load(&processes->used);
}


uint64_t
mcp_processes_reclaimed(const mcp_processes_t *processes)
{
    return atomic_load(&processes->reclaimed);
}


bool
mcp_process_info(const mcp_processes_t *processes, uint32_t process,
    mcp_process_info_t *ret_info)
{
    const mcp_process_row_t  *row;

    row = &processes->rows[process];

    ret_info->pid = atomic_load(&row->pid);
    ret_info->oldest = atomic_load(&row->oldest);
    ret_info->serves = atomic_load(&row->serves);

    return atomic_load(&row->state) == MCP_PROCESS_LIVE;
}
