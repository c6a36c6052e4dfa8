/*
 * One process dies between two steps, at each point in turn; one reaper must
 * be enough to mend it.
 */

#ifndef _LIMITS_CRASH_RUN_H_INCLUDED_
#define _LIMITS_CRASH_RUN_H_INCLUDED_


#include "limits_crash.h"


/* crowded: the point is met when rows with cells of their own are all taken */
typedef struct {
    const char  *name;
    bool         crowded;
} crash_t;


static const crash_t  crashes[] = {
    { "attach-locked",         false },
    { "attach-cleared",        false },
    { "attach-used",           false },
    { "attach-live",           false },
    { "attach-overflow",       true },
    { "attach-crowded",        true },
    { "attach-locked",         true },
    { "attach-live",           true },
    { "attach-overflow-taken", true },
    { "detach-announced",      false },
    { "detach-left",           false },
    { "detach-left",           true },
    { "lock-dead",             false },
    { "lock-consistent",       false },
    { "reap-locked",           false },
    { "reap-dead",             false },
    { "reclaim-cell",          false },
    { "reap-reclaimed",        false },
    { "reap-counted",          false },
    { "reap-buried",           false },
    { "reap-buried",           true },
    { "overflow-locked",       true },
    { "overflow-reclaimed",    true },
    { "overflow-cleared",      true },
    { "take-raised",           false },
    { "take-taken",            false },
    { "take-over",             false },
    { "take-lowered",          false },
    { "take-raised",           true },
    { "enter-raised",          false },
    { "give",                  false },
    { "give-lowered",          false },
    { "give-lowered",          true },
    { "rate-settled",          false }
};

#define CRASHES  (sizeof(crashes) / sizeof(crashes[0]))


static const crash_t  *crash;
static long            crash_count;


static void crash_rounds(long rounds, long *ret_alive, long *ret_wrong);
static bool crash_round(void);
static bool crash_mended(void);
static void crash_body(int id);
static void crash_hold(int id);
static void crash_leave(int id);
static void crash_take_all(int id);


/*
 * ret_alive: who should have died at a point and did not; ret_wrong: rounds
 * that left something behind, or locked somebody out.
 */
static void
crash_rounds(long rounds, long *ret_alive, long *ret_wrong)
{
    long    round, wrong;
    size_t  i;

    *ret_alive = 0;
    *ret_wrong = 0;

    for (i = 0; i < CRASHES; i++) {

        crash = &crashes[i];
        wrong = 0;

        for (round = 0; round < rounds; round++) {
            crash_count = 1 + round % 2;
            *ret_alive += !crash_round();
            wrong += !crash_mended();
        }

        if (wrong) {
            printf("# %s: %ld of %ld wrong\n", crash->name, wrong, rounds);
        }

        *ret_wrong += wrong;
    }
}


/* True when it died where it should. */
static bool
crash_round(void)
{
    int       i;
    bool      died;
    uint32_t  filled;

    zone();
    (void) attach();
    (void) mcp_limit_take(limits, 0, self, 2);

    if (crash->crowded) {
        filled = self;

        for (i = 1; i < MCP_PROCESS_OVERFLOW; i++) {
            (void) attach();
        }

        self = filled;
    }

    /* two that died already, and two that left */

    for (i = 0; i < 4; i++) {
        children[i] = spawn(i < 2 ? crash_hold : crash_leave, i);
    }

    for (i = 0; i < 4; i++) {
        await(&shared->parked[i], 1);
    }

    atomic_store(&shared->stop, 1);

    for (i = 0; i < 4; i++) {
        (void) end(children[i], 0);
    }

    died = end(spawn(crash_body, 0), 0) == SIGKILL;

    if (!died) {
        printf("# %s: nobody died\n", crash->name);
    }

    return died;
}


static bool
crash_mended(void)
{
    bool                clean;
    uint32_t            i, live, expected;
    mcp_process_info_t  info;

    (void) reap();

    clean = use() == 1;

    mcp_limit_give(limits, 0, self);
    clean = clean && use() == 0;

    live = 0;

    for (i = 0; i < MCP_PROCESS_ROWS; i++) {
        live += mcp_process_info(processes, i, &info);
    }

    expected = crash->crowded ? MCP_PROCESS_OVERFLOW : 1;

    atomic_store(&shared->admitted, 0);

    return end(spawn(crash_take_all, 0), 0) == 0 && clean
           && live == expected && atomic_load(&shared->admitted) == 1
           && reap() == 0 && use() == 0;
}


static void
crash_hold(int id)
{
    if (!attach()) {
        _exit(FAILED);
    }

    mcp_limit_enter(limits, 2, self);
    mcp_limit_enter(limits, 3, self);

    atomic_store(&shared->parked[id], 1);
    await(&shared->stop, 1);
}


static void
crash_leave(int id)
{
    crash_hold(id);
    mcp_process_detach(processes, self);
}


/* Passes every point; the limit of 2 has one slot left. */
static void
crash_body(int id)
{
    int  i;

    (void) id;

    self = MCP_PROCESS_NONE;
    mcp_crash_at(crash->name, crash_count);

    for (i = 0; i < 3; i++) {

        (void) attach();

        (void) mcp_limit_take(limits, 0, self, 2);
        (void) mcp_limit_take(limits, 0, self, 2);
        mcp_limit_enter(limits, 1, self);
        (void) mcp_limit_rate(limits, 0, 1, 1000, (uint32_t) i, NULL);
        mcp_limit_give(limits, 1, self);
        mcp_limit_give(limits, 0, self);
        (void) mcp_limit_take(limits, 0, self, 2);
        (void) reap();

        mcp_process_detach(processes, self);
    }

    self = MCP_PROCESS_NONE;
    (void) reap();
}


static void
crash_take_all(int id)
{
    uint32_t  i;

    (void) id;
    mcp_crash_at(NULL, 0);

    if (!attach()) {
        _exit(FAILED);
    }

    for (i = 0; i < 10; i++) {
        atomic_fetch_add(&shared->admitted,
                         mcp_limit_take(limits, 0, self, 1));
    }

    mcp_process_detach(processes, self);
}


#endif /* _LIMITS_CRASH_RUN_H_INCLUDED_ */
