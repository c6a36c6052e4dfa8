/*
 * Processes that share limits, for tests of them: a zone of its own for each
 * test, children that end with their parent, and two ways of loading it.
 *
 * What is admitted is also noted outside of the zone, in one word with a byte
 * for each process: every change returns all of it as it is at one moment.
 */

#ifndef _LIMITS_FIXTURE_H_INCLUDED_
#define _LIMITS_FIXTURE_H_INCLUDED_


#include "mcp_limit.h"

#include "tap.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>


#define ROWS          8
#define CHILDREN      8
#define HELD          3
#define TRUE_ROWS     8
#define FAILED        99

#define SHORT_ALARM   60
#define LONG_ALARM    7200


/* count children that each take takes times at once, max of all get in */
typedef struct {
    uint32_t                 count;
    uint32_t                 takes;
    uint32_t                 max;
    long                     rounds;
    long                     over;
    long                     under;
    long                     left;
} burst_t;


typedef struct {
    _Atomic uint32_t         round;
    _Atomic uint32_t         give;
    _Atomic uint32_t         done;
    _Atomic uint32_t         admitted;
    _Atomic uint32_t         pause;
    _Atomic uint32_t         stop;
    _Atomic uint32_t         over;
    _Atomic uint32_t         parked[CHILDREN];
    _Atomic uint64_t         truth[ROWS];
} shared_t;


/* of the rows that are hammered */
static const uint32_t        hammer_max[] = { 1, 2, 7 };

static mcp_processes_t      *processes;
static mcp_limits_t         *limits;
static shared_t             *shared;
static burst_t              *burst;
static uint64_t              seed;
static uint32_t              self;
static uint32_t              overflows;
static pid_t                 children[CHILDREN];
static void                (*hammer_arm)(void);


static long scaled(long few, long many);
static void *memory(size_t size);
static void zone(void);
static void zone_leave(void);
static bool attach(void);
static uint32_t reap(void);
static void reclaim(void *data, uint32_t process);
static uint64_t use(void);
static uint64_t any(uint64_t below);
static pid_t spawn(void (*body)(int id), int id);
static int end(pid_t pid, int signo);
static void await(_Atomic uint32_t *word, uint32_t value);
static void run_bursts(burst_t *wanted);
static void burst_child(int id);
static bool run_hammer(int count, long deaths, long *ret_over,
    long *ret_drift);
static void hammer_child(int id);
static void hammer_hold(uint32_t *held, uint32_t *nheld);
static void hammer_drop(uint32_t *held, uint32_t *nheld);
static bool hammer_parked(int count);


__attribute__((unused))
static long
scaled(long few, long many)
{
    const char  *soak;

    soak = getenv("SOAK");

    if (soak && strcmp(soak, "long") == 0) {
        return many;
    }

    return soak && strcmp(soak, "tiny") == 0 ? few / 10 : few;
}


__attribute__((unused))
static void *
memory(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);
    if (p == MAP_FAILED) {
        exit(FAILED);
    }

    return p;
}


__attribute__((unused))
static void
zone(void)
{
    (void) alarm(getenv("SOAK") ? LONG_ALARM : SHORT_ALARM);

    if (processes) {
        zone_leave();
    }

    shared = memory(sizeof(shared_t));
    limits = memory(mcp_limits_size(ROWS));

    if (mcp_processes_init(memory(mcp_processes_size()), &processes)
        != MCP_OK)
    {
        exit(FAILED);
    }

    limits = mcp_limits_init(limits, ROWS, processes);
    self = MCP_PROCESS_NONE;
    overflows = 0;
}


/* Its rows before its memory, or the kernel would look for them there. */
static void
zone_leave(void)
{
    uint32_t            i;
    mcp_process_info_t  info;

    for (i = 0; i < MCP_PROCESS_ROWS; i++) {
        if (mcp_process_info(processes, i, &info) && info.pid == getpid()) {
            mcp_process_detach(processes, i);
        }
    }

    (void) munmap(processes, mcp_processes_size());
    (void) munmap(limits, mcp_limits_size(ROWS));
    (void) munmap(shared, sizeof(shared_t));
}


__attribute__((unused))
static bool
attach(void)
{
    return mcp_process_attach(processes, reclaim, limits, &self) == MCP_OK;
}


__attribute__((unused))
static uint32_t
reap(void)
{
    return mcp_processes_reap(processes, self, reclaim, limits);
}


/* The truth first: from then on, others may take what the dead one had. */
static void
reclaim(void *data, uint32_t process)
{
    uint32_t  row;

    for (row = 0; row < ROWS && process < TRUE_ROWS; row++) {
        atomic_fetch_and(&shared->truth[row], ~(0xffULL << 8 * process));
    }

    overflows += process == MCP_PROCESS_OVERFLOW;

    mcp_limits_reclaim(data, process);
}


__attribute__((unused))
static uint64_t
use(void)
{
    uint32_t  i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < ROWS; i++) {
        sum += mcp_limit_in_use(limits, i);
    }

    return sum;
}


__attribute__((unused))
static uint64_t
any(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % below;
}


__attribute__((unused))
static pid_t
spawn(void (*body)(int id), int id)
{
    pid_t  pid;

    (void) fflush(NULL);

    seed += 0x9e3779b97f4a7c15ULL;

    pid = fork();

    if (pid == -1) {
        exit(FAILED);
    }

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(id);
        _exit(0);
    }

    return pid;
}


/* Kills it, unless signo is 0; returns the signal it died of, or -status. */
__attribute__((unused))
static int
end(pid_t pid, int signo)
{
    int  status;

    if (signo) {
        (void) kill(pid, signo);
    }

    if (waitpid(pid, &status, 0) != pid) {
        return -FAILED;
    }

    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}


/* The alarm of zone() ends what waits for ever. */
__attribute__((unused))
static void
await(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t  spins;

    for (spins = 0; atomic_load(word) != value; spins++) {
        if (spins % 64 == 63) {
            (void) sched_yield();
        }
    }
}


__attribute__((unused))
static void
run_bursts(burst_t *wanted)
{
    long      round;
    uint32_t  i, admitted;

    burst = wanted;
    zone();

    for (i = 0; i < burst->count; i++) {
        children[i] = spawn(burst_child, (int) i);
    }

    for (round = 1; round <= burst->rounds; round++) {

        atomic_store(&shared->admitted, 0);
        atomic_store(&shared->done, 0);
        atomic_store(&shared->round, (uint32_t) round);

        if (round % 10 == 0) {
            (void) reap();
        }

        await(&shared->done, burst->count);

        admitted = atomic_load(&shared->admitted);
        burst->over += admitted > burst->max;
        burst->under += admitted < burst->max;

        atomic_store(&shared->done, 0);
        atomic_store(&shared->give, (uint32_t) round);
        await(&shared->done, burst->count);

        burst->left += use() != 0;
    }

    for (i = 0; i < burst->count; i++) {
        (void) end(children[i], 0);
    }
}


static void
burst_child(int id)
{
    long      round;
    uint32_t  i, taken;

    seed += (uint64_t) id * 77;

    if (!attach()) {
        _exit(FAILED);
    }

    for (round = 1; round <= burst->rounds; round++) {

        await(&shared->round, (uint32_t) round);
        taken = 0;

        for (i = 0; i < burst->takes; i++) {
            taken += mcp_limit_take(limits, 0, self, burst->max);
        }

        atomic_fetch_add(&shared->admitted, taken);
        atomic_fetch_add(&shared->done, 1);
        await(&shared->give, (uint32_t) round);

        for (i = 0; i < taken; i++) {
            mcp_limit_give(limits, 0, self);
        }

        atomic_fetch_add(&shared->done, 1);
    }
}


/*
 * Children take and give while one after the other dies: killed, or by what
 * hammer_arm() set.  False when one ended in another way.
 */
__attribute__((unused))
static bool
run_hammer(int count, long deaths, long *ret_over, long *ret_drift)
{
    int       id, status;
    bool      passed;
    long      n;
    pid_t     pid;
    uint64_t  spins;

    *ret_drift = 0;
    passed = true;
    zone();

    for (id = 0; id < count; id++) {
        children[id] = spawn(hammer_child, id);
    }

    for (n = 0; n < deaths; n++) {

        id = (int) any((uint64_t) count);

        if (hammer_arm == NULL) {
            for (spins = any(20); spins > 0; spins--) {
                (void) sched_yield();
            }

            (void) kill(children[id], SIGKILL);
        }

        pid = waitpid(hammer_arm ? -1 : children[id], &status, 0);

        for (id = 0; id < count && children[id] != pid; id++) { /* void */ }

        passed = passed && id < count && WIFSIGNALED(status)
                 && WTERMSIG(status) == SIGKILL;

        if (!passed) {
            break;
        }

        if (n % 2) {
            (void) reap();
        }

        children[id] = spawn(hammer_child, id);

        if (n % 10 == 9) {
            atomic_store(&shared->pause, 1);

            if (hammer_parked(count)) {
                (void) reap();
                *ret_drift += use() != 0;
            }

            atomic_store(&shared->pause, 0);
        }
    }

    atomic_store(&shared->stop, 1);

    for (id = 0; id < count; id++) {
        (void) end(children[id], 0);
    }

    (void) reap();
    *ret_drift += use() != 0;
    *ret_over = atomic_load(&shared->over);

    return passed;
}


/* All of them are idle, or dead at a point that was armed. */
static bool
hammer_parked(int count)
{
    int        id;
    siginfo_t  info;

    for (id = 0; id < count; id++) {

        info.si_pid = 0;

        while (atomic_load(&shared->parked[id]) != (uint32_t) children[id]
               && info.si_pid == 0)
        {
            (void) sched_yield();
            (void) waitid(P_PID, (id_t) children[id], &info,
                          WEXITED|WNOHANG|WNOWAIT);
        }
    }

    return true;
}


static void
hammer_child(int id)
{
    uint32_t  nheld, held[HELD];

    nheld = 0;
    seed += (uint64_t) id * 77;

    if (hammer_arm) {
        hammer_arm();
    }

    if (!attach() || self >= TRUE_ROWS) {
        _exit(FAILED);
    }

    while (!atomic_load(&shared->stop)) {

        if (atomic_load(&shared->pause)) {

            while (nheld > 0) {
                hammer_drop(held, &nheld);
            }

            atomic_store(&shared->parked[id], (uint32_t) getpid());

            while (atomic_load(&shared->pause)) {
                (void) sched_yield();
            }

            atomic_store(&shared->parked[id], 0);
        }

        if (nheld < HELD && any(2)) {
            hammer_hold(held, &nheld);

        } else if (nheld > 0) {
            hammer_drop(held, &nheld);
        }

        if (any(64) == 0) {
            (void) reap();
            (void) sched_yield();
        }
    }

    while (nheld > 0) {
        hammer_drop(held, &nheld);
    }

    mcp_process_detach(processes, self);
}


static void
hammer_hold(uint32_t *held, uint32_t *nheld)
{
    uint32_t  row, sum;
    uint64_t  truth;

    row = (uint32_t) any(sizeof(hammer_max) / sizeof(hammer_max[0]));

    if (!mcp_limit_take(limits, row, self, hammer_max[row])) {
        return;
    }

    truth = atomic_fetch_add(&shared->truth[row], 1ULL << 8 * self);

    for (sum = 1; truth; truth >>= 8) {
        sum += truth & 0xff;
    }

    if (sum > hammer_max[row]) {
        atomic_fetch_add(&shared->over, 1);
    }

    held[(*nheld)++] = row;
}


static void
hammer_drop(uint32_t *held, uint32_t *nheld)
{
    uint32_t  row;

    row = held[--*nheld];

    atomic_fetch_sub(&shared->truth[row], 1ULL << 8 * self);
    mcp_limit_give(limits, row, self);
}


#endif /* _LIMITS_FIXTURE_H_INCLUDED_ */
