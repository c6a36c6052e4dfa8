/*
 * Rows of processes: death in any form frees them, nothing else does.
 */

#include "limits_fixture.h"


static void test_attach(void);
static void test_generations(void);
static void test_serving(void);
static void test_detach(void);
static void test_deaths(void);
static void test_stopped(void);
static void test_forked(void);
static void test_overflow(void);
static void test_full(void);
static pid_t holder(void (*then)(int id), int id);
static void hold(int id);
static void rest(int id);
static void leave(int id);
static void crash(int id);
static void replace(int id);
static void fork_and_die(int id);


static void (*holder_then)(int id);


int
main(void)
{
    seed = 1;

    test_attach();
    test_generations();
    test_serving();
    test_detach();
    test_deaths();
    test_stopped();
    test_forked();
    test_overflow();
    test_full();

    return done();
}


static void
test_attach(void)
{
    pid_t               pid;
    mcp_process_info_t  info;

    zone();

    is_int(mcp_processes_used(processes), 0, "a new table has no rows");
    ok(!mcp_process_info(processes, 0, &info), "its first row is free");

    ok(attach(), "attached");
    is_int(self, 0, "to the first row");
    is_int(mcp_processes_used(processes), 1, "which is in use");
    ok(mcp_process_info(processes, 0, &info), "by a process");
    is_int(info.pid, getpid(), "this one");

    pid = holder(rest, 1);

    is_int(mcp_processes_used(processes), 2, "a child has the next row");
    ok(mcp_process_info(processes, 1, &info) && info.pid == pid,
       "under its own pid");
    is_int((long long) use(), 2, "and counts there");
    is_int(reap(), 0, "nobody died");

    is_int(end(pid, SIGKILL), SIGKILL, "the child is killed");
    is_int((long long) use(), 2, "its counts are left");
    is_int(reap(), 1, "its death is noticed");
    is_int((long long) use(), 0, "its counts are gone");
    is_int((long long) mcp_processes_reclaimed(processes), 1, "one reclaimed");
    ok(!mcp_process_info(processes, 1, &info), "its row is free");
    is_int(reap(), 0, "once only");

    pid = holder(rest, 1);
    is_int(mcp_processes_used(processes), 2, "the next has its row");
    (void) end(pid, SIGKILL);

    pid = holder(rest, 1);
    is_int(mcp_processes_used(processes), 2,
           "so has one that attaches before a reaper came");
    is_int((long long) use(), 2, "without what the dead one held");
    (void) end(pid, SIGKILL);
}


static void
test_generations(void)
{
    uint32_t  first, second;

    zone();

    ok(mcp_processes_oldest(processes) == MCP_GENERATION_NONE,
       "nobody uses an image");

    (void) attach();
    first = self;
    is_int((long long) mcp_processes_oldest(processes), 0,
           "who has announced nothing may use them all");

    (void) attach();
    second = self;
    mcp_process_announce(processes, first, 7);
    mcp_process_announce(processes, second, 5);
    is_int((long long) mcp_processes_oldest(processes), 5, "the oldest of two");

    mcp_process_announce(processes, second, MCP_GENERATION_NONE);
    is_int((long long) mcp_processes_oldest(processes), 7,
           "one that uses none holds up nobody");

    mcp_process_detach(processes, first);
    ok(mcp_processes_oldest(processes) == MCP_GENERATION_NONE,
       "nor does one that left");

    ok(attach() && self == first, "its row is taken again");
    is_int((long long) mcp_processes_oldest(processes), 0,
           "by one that has announced nothing");
}


static void
test_serving(void)
{
    uint32_t            first, second;
    mcp_process_info_t  info;

    zone();

    ok(mcp_processes_serving(processes) == MCP_GENERATION_NONE,
       "nobody serves");

    (void) attach();
    first = self;
    is_int((long long) mcp_processes_serving(processes), 0,
           "who has just come serves no generation yet");

    (void) attach();
    second = self;
    mcp_process_serve(processes, first, 7);
    mcp_process_serve(processes, second, 8);
    mcp_process_announce(processes, second, 3);
    is_int((long long) mcp_processes_serving(processes), 7,
           "the oldest that is served, whatever is still in use");

    ok(mcp_process_info(processes, second, &info) && info.oldest == 3
       && info.serves == 8, "both are told of each process");

    mcp_process_serve(processes, first, MCP_GENERATION_NONE);
    is_int((long long) mcp_processes_serving(processes), 8,
           "one that takes no new requests holds up nobody");

    mcp_process_detach(processes, second);
    ok(mcp_processes_serving(processes) == MCP_GENERATION_NONE,
       "nor does one that left");

    ok(attach() && self == second, "its row is taken again");
    is_int((long long) mcp_processes_serving(processes), 0,
           "by one that serves nothing yet");
}


static void
test_detach(void)
{
    pid_t  pid;

    zone();

    pid = holder(leave, 0);

    is_int(end(pid, 0), 0, "a child leaves in order");
    is_int((long long) use(), 2, "and forgets to give back");
    is_int(reap(), 0, "it did not die");
    is_int((long long) use(), 0, "what it held is reclaimed");
    is_int((long long) mcp_processes_reclaimed(processes), 0,
           "but not counted as a death");

    ok(attach(), "attached");
    is_int(self, 0, "its row is free");
    mcp_process_detach(processes, self);
    ok(attach(), "attached again without a reaper");
    is_int(self, 0, "to the same row");
}


static void
test_deaths(void)
{
    size_t  i;
    pid_t   pid;

    static const struct {
        const char  *name;
        void       (*then)(int id);
        int          result;
    } deaths[] = {
        { "_exit",   hold,    0 },
        { "a crash", crash,   SIGABRT },
        { "exec",    replace, 0 }
    };

    for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {

        zone();
        pid = holder(deaths[i].then, 1);

        is_int(end(pid, 0), deaths[i].result, deaths[i].name);
        is_int(reap(), 1, "is a death");
        is_int((long long) use(), 0, "that gives everything back");
    }
}


static void
test_stopped(void)
{
    int    status;
    pid_t  pid;

    zone();

    pid = holder(rest, 0);

    (void) kill(pid, SIGSTOP);
    (void) waitpid(pid, &status, WUNTRACED);
    ok(WIFSTOPPED(status), "a child is stopped");
    is_int(reap(), 0, "it is not dead");
    is_int((long long) use(), 2, "and keeps what it holds");
    ok(attach() && self == 1, "another takes another row");

    is_int(end(pid, SIGKILL), SIGKILL, "killed as it is stopped");
    is_int(reap(), 1, "it is");
    is_int((long long) use(), 0, "and gave all back");
}


static void
test_forked(void)
{
    pid_t  pid;

    zone();
    (void) attach();
    (void) mcp_limit_take(limits, 0, self, 1);

    holder_then = NULL;
    pid = spawn(hold, 0);
    (void) end(pid, 0);
    self = MCP_PROCESS_NONE;
    is_int(reap(), 0, "a fork's end is not its parent's");

    zone();
    pid = holder(fork_and_die, 0);
    (void) end(pid, 0);
    is_int(reap(), 1, "a parent's end is not put off by its fork");
    is_int((long long) use(), 0, "all is given back");
    atomic_store(&shared->stop, 1);
}


static void
test_overflow(void)
{
    pid_t     first, second;
    uint32_t  i;

    zone();

    for (i = 0; i < MCP_PROCESS_OVERFLOW; i++) {
        (void) attach();
    }

    is_int(self, MCP_PROCESS_OVERFLOW - 1, "all rows with cells are taken");

    first = holder(rest, 1);
    second = holder(rest, 2);

    is_int(mcp_processes_used(processes), MCP_PROCESS_OVERFLOW + 2,
           "two more have rows that share a cell");
    is_int((long long) use(), 4, "in which both count");
    ok(!mcp_limit_take(limits, 0, self, 2), "and which limits look at");

    (void) end(first, SIGKILL);
    is_int(reap(), 1, "one is dead");
    is_int(overflows, 0, "the other still counts there");
    is_int((long long) use(), 4, "what it held cannot be told apart");

    (void) end(second, SIGKILL);
    is_int(reap(), 1, "so is the other");
    is_int((long long) use(), 0, "and nothing is held");
    (void) reap();
    is_int(overflows, 1, "which was cleared once");
    ok(mcp_limit_take(limits, 0, self, 1), "a slot can be taken");

    first = holder(rest, 1);
    is_int((long long) use(), 3, "the shared cell counts again");
    mcp_process_detach(processes, self);
    self = MCP_PROCESS_NONE;
    (void) end(first, SIGKILL);
    (void) reap();
    is_int((long long) use(), 0, "and is cleared again");
}


static void
test_full(void)
{
    uint32_t  i;

    zone();

    for (i = 0; i < MCP_PROCESS_ROWS && attach(); i++) { /* void */ }

    is_int(i, MCP_PROCESS_ROWS, "every row can be taken");
    ok(!attach(), "then there is none");

    mcp_process_detach(processes, 70);
    ok(attach() && self == 70, "until one is given up");
}


/* A child that takes two slots, then goes on as told. */
static pid_t
holder(void (*then)(int id), int id)
{
    pid_t  pid;

    holder_then = then;
    atomic_store(&shared->done, 0);

    pid = spawn(hold, id);
    await(&shared->done, 1);

    return pid;
}


static void
hold(int id)
{
    if (holder_then && attach()) {
        (void) mcp_limit_take(limits, 0, self, 9);
        mcp_limit_enter(limits, 1, self);

        atomic_store(&shared->done, 1);

        if (holder_then != hold) {
            holder_then(id);
        }
    }
}


static void
rest(int id)
{
    (void) id;

    for ( ;; ) {
        (void) pause();
    }
}


static void
leave(int id)
{
    (void) id;

    mcp_process_detach(processes, self);
}


static void
crash(int id)
{
    (void) id;

    abort();
}


static void
replace(int id)
{
    (void) id;

    (void) execl("/bin/true", "true", (char *) NULL);
    abort();
}


static void
fork_and_die(int id)
{
    (void) id;

    if (fork() == 0) {
        await(&shared->stop, 1);
        _exit(0);
    }
}
