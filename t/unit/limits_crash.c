/*
 * Death between any two steps of what changes the shared memory.
 */

#include "limits_crash_run.h"


static void test_points(void);
static void test_stopped_reaper(void);
static void test_late_death(void);
static void test_bursts(void);
static void test_hammer(void);
static void arm(void);
static void stop_here(const char *name);
static void reap_stopped(int id);
static void kill_first(const char *name);
static void stay(int id);
static void die(int id);


int
main(void)
{
    seed = 3;

    test_points();
    test_stopped_reaper();
    test_late_death();
    test_bursts();
    test_hammer();

    return done();
}


static void
test_points(void)
{
    long  alive, wrong, rounds;

    rounds = scaled(20, 500);

    crash_rounds(rounds, &alive, &wrong);

    is_int(alive, 0, "every point is met");
    is_int(wrong, 0, "a death at any point is mended by the next reaper");
    printf("# %zu points, %ld deaths at each\n", CRASHES, rounds);
}


/* Nobody has to wait for a reaper that was stopped in the middle. */
static void
test_stopped_reaper(void)
{
    int    status;
    pid_t  pid;

    zone();

    (void) end(spawn(die, 0), 0);

    pid = spawn(reap_stopped, 0);
    (void) waitpid(pid, &status, WUNTRACED);
    ok(WIFSTOPPED(status), "a reaper is stopped");

    ok(attach(), "another process can attach");
    is_int(self, 1, "to the row that the reaper does not hold");
    is_int((long long) use(), 0, "as it reclaims what it can");

    is_int(end(pid, SIGKILL), SIGKILL, "the reaper is killed");
    is_int(reap(), 1, "the next one ends its work");
}


/* It dies when the table was reaped, before its row is taken. */
static void
test_late_death(void)
{
    zone();

    children[0] = spawn(stay, 0);
    await(&shared->parked[0], 1);

    (void) end(spawn(die, 0), 0);

    mcp_crash_watch(kill_first);
    ok(attach(), "attached as another one dies");
    mcp_crash_watch(NULL);

    is_int(self, 0, "to the row of that one");
    is_int((long long) use(), 0, "without what it held");
    is_int((long long) mcp_processes_reclaimed(processes), 3,
           "and its death is counted");
}


static void
test_bursts(void)
{
    burst_t  bursts = { .count = 8, .takes = 2, .max = 13 };

    bursts.rounds = scaled(500, 20000);
    mcp_crash_watch(stumble);
    run_bursts(&bursts);
    mcp_crash_watch(NULL);

    ok(bursts.over == 0 && bursts.under == 0 && bursts.left == 0,
       "stumbling takers: %ld bursts are exact", bursts.rounds);
    printf("# over %ld, under %ld, left %ld\n", bursts.over, bursts.under,
           bursts.left);
}


static void
test_hammer(void)
{
    long  deaths, over, drift;

    deaths = scaled(300, 20000);
    hammer_arm = arm;

    ok(run_hammer(4, deaths, &over, &drift), "%ld deaths at points", deaths);
    is_int(over, 0, "never over a limit");
    is_int(drift, 0, "nothing left whenever they rest");

    hammer_arm = NULL;
    mcp_crash_watch(stumble);
    ok(run_hammer(4, deaths, &over, &drift), "%ld stumbling ones killed",
       deaths);
    mcp_crash_watch(NULL);

    is_int(over, 0, "never over a limit");
    is_int(drift, 0, "nothing left whenever they rest");
}


/* Points that every process meets again and again. */
static void
arm(void)
{
    static const char  *names[] = {
        "take-raised", "take-taken", "take-over", "take-lowered", "give",
        "give-lowered", "attach-live"
    };

    mcp_crash_at(names[any(sizeof(names) / sizeof(names[0]))], 1);

    if (any(4)) {
        mcp_crash_at(names[any(6)], 1 + (long) any(100));
    }
}


static void
stop_here(const char *name)
{
    if (strcmp(name, "reap-dead") == 0) {
        (void) raise(SIGSTOP);
    }
}


static void
reap_stopped(int id)
{
    (void) id;

    mcp_crash_watch(stop_here);
    (void) reap();
}


/* In two rows; it counts in the second. */
static void
die(int id)
{
    (void) id;

    (void) attach();
    (void) attach();
    mcp_limit_enter(limits, 0, self);
}


static void
kill_first(const char *name)
{
    if (strcmp(name, "reap-dead") == 0 && children[0]) {
        (void) end(children[0], SIGKILL);
        children[0] = 0;
    }
}


static void
stay(int id)
{
    (void) attach();
    mcp_limit_enter(limits, 0, self);
    atomic_store(&shared->parked[id], 1);

    for ( ;; ) {
        (void) pause();
    }
}
