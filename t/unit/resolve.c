/*
 * Names, asked for in a child: with a resolver of the test's own, so that
 * names hang, fail and move as each test wants, and with the system's.
 *
 * Where a test needs an answer and a name that hangs, it gives the round more
 * time until the answer came: nothing here depends on the machine's speed.
 */

#include "resolve_fixture.h"


#define TIMEOUT_MS  60000
#define HANGING     100
#define NAMES_MANY  3000


static void test_nothing(void);
static void test_answers(void);
static void test_changes(void);
static void test_failures(void);
static void test_deadline(void);
static void test_stopped(void);
static void test_turns(void);
static void test_dead_child(void);
static void test_signals(void);
static void test_inherited(void);
static void test_many(void);
static void test_memory(void);
static void test_system(void);
static void on_child(int signo);


static volatile sig_atomic_t  reaped;

static mcp_url_t  urls[] = {
    { .host = S("one.test"), .path = S("/") },
    { .host = S("192.0.2.1"), .path = S("/") },
    { .host = S("2001:db8::1"), .path = S("/") },
    { .host = S("moving.test"), .path = S("/") },
    { .host = S("one.test"), .path = S("/") },
    { .host = S("many.test"), .path = S("/") }
};

static mcp_url_t  with_failure[] = {
    { .host = S("moving.test"), .path = S("/") },
    { .host = S("failing.test"), .path = S("/") },
    { .host = S("empty.test"), .path = S("/") }
};

static mcp_url_t  hanging[] = {
    { .host = S("hang.test"), .path = S("/") },
    { .host = S("moving.test"), .path = S("/") }
};

static mcp_url_t  crashing[] = {
    { .host = S("crash.test"), .path = S("/") }
};

static mcp_url_t  signaling[] = {
    { .host = S("signal.test"), .path = S("/") }
};

static mcp_url_t  curious[] = {
    { .host = S("inherited.test"), .path = S("/") }
};


int
main(void)
{
    test_nothing();
    test_answers();
    test_changes();
    test_failures();
    test_deadline();
    test_stopped();
    test_turns();
    test_dead_child();
    test_signals();
    test_inherited();
    test_many();
    test_memory();
    test_system();

    return done();
}


static void
test_nothing(void)
{
    bool           changed, stopped;
    const char    *error;
    mcp_names_t   *names;
    mcp_config_t   config;
    mcp_address_t  address;

    memset(&config, 0, sizeof(config));
    names = mcp_names_new();

    is_int((long long) mcp_names_addresses(names, "one.test", &address, 1),
           0, "an empty table has no addresses");
    is_int(mcp_names_set(names, &config, true), MCP_OK, "no names");

    changed = true;
    is_int(mcp_names_resolve(names, 0, -1, &changed, &stopped), MCP_OK,
           "asked for none");
    ok(!changed, "nothing changed");
    is_int((long long) mcp_names_count(names), 0, "none");
    is_int((long long) mcp_names_unresolved(names), 0, "none unresolved");
    ok(mcp_names_newly_failed(names, 0, &error) == NULL, "none failed");

    mcp_names_free(names);
    mcp_names_free(NULL);
}


static void
test_answers(void)
{
    size_t         files;
    mcp_names_t   *names;
    mcp_address_t  addresses[MCP_IMAGE_NAME_ADDRESSES_MAX];

    names = mcp_names_new();
    set(names, urls, 6);

    is_int((long long) mcp_names_count(names), 3, "each name once");
    is_int((long long) mcp_names_unresolved(names), 3, "none known yet");

    files = open_files();

    ok(resolve(names, TIMEOUT_MS), "the first answers are a change");
    is_int((long long) mcp_names_unresolved(names), 0, "all known");
    is_str(first_address(names, "one.test"), "10.0.0.9:0", "an address");
    is_str(first_address(names, "192.0.2.1"), "", "none for a literal one");
    is_str(first_address(names, "one"), "", "none for part of a name");

    is_int((long long) mcp_names_addresses(names, "many.test", addresses,
                                           MCP_IMAGE_NAME_ADDRESSES_MAX),
           16, "the first 16 of many");
    ok(addresses[15].in.sin_addr.s_addr == htonl(0x0a000010),
       "in order, without doubles");
    is_int((long long) mcp_names_addresses(names, "many.test", addresses, 2),
           2, "as many as there is room for");

    ok(!resolve(names, TIMEOUT_MS), "the same answers are no change");
    is_int((long long) open_files(), (long long) files, "no file stays open");
    ok(no_child(), "no child stays");

    mcp_names_free(names);
}


static void
test_changes(void)
{
    mcp_names_t  *names;

    names = mcp_names_new();

    moving = "10.0.0.1";
    set(names, urls, 6);
    (void) resolve(names, TIMEOUT_MS);

    moving = "10.0.0.2";
    ok(resolve(names, TIMEOUT_MS), "another address is a change");
    is_str(first_address(names, "moving.test"), "10.0.0.2:0", "the new one");

    set(names, urls + 3, 2);
    is_int((long long) mcp_names_count(names), 2, "fewer names");
    is_str(first_address(names, "moving.test"), "10.0.0.2:0",
           "a name that stays keeps its address");
    is_str(first_address(names, "many.test"), "", "one that went is gone");

    set(names, urls, 6);
    is_str(first_address(names, "many.test"), "", "and comes back unknown");
    is_str(first_address(names, "moving.test"), "10.0.0.2:0",
           "beside the known one");

    mcp_names_free(names);
}


static void
test_failures(void)
{
    size_t        n;
    const char   *error, *name;
    mcp_names_t  *names;

    names = mcp_names_new();

    set(names, with_failure, 3);
    (void) resolve(names, TIMEOUT_MS);

    is_int((long long) mcp_names_unresolved(names), 2, "two failed");

    for (n = 0; n < 2; n++) {
        name = mcp_names_newly_failed(names, n, &error);

        if (name && strcmp(name, "failing.test") == 0) {
            is_str(error, gai_strerror(EAI_NONAME), "one, and why");

        } else {
            is_str(name, "empty.test", "the other");
            is_str(error, "it has no address", "and why");
        }
    }

    ok(mcp_names_newly_failed(names, 2, &error) == NULL, "no third");

    (void) resolve(names, TIMEOUT_MS);
    ok(mcp_names_newly_failed(names, 0, &error) == NULL,
       "they are told once");

    set(names, with_failure, 2);
    (void) resolve(names, TIMEOUT_MS);
    ok(mcp_names_newly_failed(names, 0, &error) == NULL,
       "also when the names were set again");

    moving = "10.0.0.5";
    (void) resolve(names, TIMEOUT_MS);
    is_str(first_address(names, "moving.test"), "10.0.0.5:0", "the other");

    mcp_names_free(names);
}


static void
test_deadline(void)
{
    unsigned      timeout_ms;
    const char   *error;
    mcp_names_t  *names;

    names = mcp_names_new();

    set(names, hanging, 1);
    ok(!resolve(names, 20), "a name that hangs is no change");
    is_str(mcp_names_newly_failed(names, 0, &error), "hang.test",
           "it failed");
    is_str(error, "timed out", "and why");
    ok(no_child(), "its child is gone");

    moving = "10.0.0.1";
    set(names, hanging, 2);

    for (timeout_ms = 20; timeout_ms < TIMEOUT_MS; timeout_ms *= 2) {
        if (resolve(names, timeout_ms)) {
            break;
        }
    }

    is_str(first_address(names, "moving.test"), "10.0.0.1:0",
           "another name is answered meanwhile");

    ok(!resolve(names, 0), "no time");
    is_str(first_address(names, "moving.test"), "10.0.0.1:0",
           "a name that times out keeps its address");
    is_str(mcp_names_newly_failed(names, 0, &error), "moving.test",
           "and it failed");
    is_int((long long) mcp_names_unresolved(names), 1,
           "it is not unresolved");
    ok(no_child(), "no child stays");

    mcp_names_free(names);
}


/* More names of one tenant hang than there are threads. */
/* Who has something better to do is not held up by a name that hangs. */
static void
test_stopped(void)
{
    int           fds[2];
    bool          changed, stopped;
    const char   *error;
    mcp_names_t  *names;

    names = mcp_names_new();
    set(names, hanging, 2);

    is_int(pipe(fds), 0, "a pipe");
    is_int(write(fds[1], "x", 1), 1, "that can be read");

    is_int(mcp_names_resolve(names, 1000000, fds[0], &changed, &stopped),
           MCP_OK, "a round that is stopped");
    ok(stopped, "says so");
    ok(mcp_names_newly_failed(names, 0, &error) == NULL,
       "what was not answered has not failed");
    ok(no_child(), "no child stays");

    (void) close(fds[0]);
    (void) close(fds[1]);
    mcp_names_free(names);
}


static void
test_turns(void)
{
    size_t         i, n;
    unsigned       timeout_ms;
    mcp_url_t     *dead;
    mcp_names_t   *names;
    mcp_server_t   servers[2];
    mcp_tenant_t   tenants[2];
    mcp_config_t   config;

    dead = calloc(HANGING + 1, sizeof(mcp_url_t));

    for (i = 0; i < HANGING; i++) {
        dead[i].host.data = malloc(32);
        dead[i].host.len = (size_t) snprintf((char *) dead[i].host.data, 32,
                                             "hang-%zu.test", i);
    }

    memset(servers, 0, sizeof(servers));
    memset(tenants, 0, sizeof(tenants));
    memset(&config, 0, sizeof(config));

    servers[0].urls = dead;
    servers[0].nurls = HANGING;
    servers[1].urls = &urls[3];
    servers[1].nurls = 3;
    tenants[0].servers = &servers[0];
    tenants[0].nservers = 1;
    tenants[1].servers = &servers[1];
    tenants[1].nservers = 1;
    config.tenants = tenants;
    config.ntenants = 2;

    /* a new table each time, to which no name is known as dead */

    for (timeout_ms = 20; timeout_ms < TIMEOUT_MS / 8; timeout_ms *= 2) {
        names = mcp_names_new();
        (void) mcp_names_set(names, &config, true);
        (void) resolve(names, timeout_ms);

        n = mcp_names_unresolved(names);
        mcp_names_free(names);

        if (n == HANGING) {
            break;
        }
    }

    is_int((long long) n, HANGING,
           "a tenant's dead names do not keep another's from an answer");

    /* one tenant alone, whose one live name is the last */

    dead[HANGING] = urls[0];
    servers[0].nurls = HANGING + 1;
    config.ntenants = 1;

    names = mcp_names_new();
    (void) mcp_names_set(names, &config, true);

    for (timeout_ms = 20; timeout_ms < TIMEOUT_MS / 8; timeout_ms *= 2) {
        if (resolve(names, timeout_ms)) {
            break;
        }
    }

    is_str(first_address(names, "one.test"), "10.0.0.9:0",
           "names that hung come after those not asked for yet");

    for (i = 0; i < HANGING; i++) {
        free((char *) dead[i].host.data);
    }

    free(dead);
    mcp_names_free(names);
}


static void
test_dead_child(void)
{
    const char   *error;
    mcp_names_t  *names;

    names = mcp_names_new();

    set(names, crashing, 1);
    ok(!resolve(names, TIMEOUT_MS), "a child that dies is no change");
    is_str(mcp_names_newly_failed(names, 0, &error), "crash.test",
           "its names failed");
    is_str(error, "the process that asked for it ended early", "and why");
    ok(no_child(), "no child stays");

    mcp_names_free(names);
}


static void
on_child(int signo)
{
    (void) signo;

    if (waitpid(-1, NULL, WNOHANG) != -1) {
        reaped++;
    }
}


static void
test_signals(void)
{
    sigset_t          before, after;
    mcp_names_t      *names;
    struct sigaction  action;

    names = mcp_names_new();
    set(names, signaling, 1);

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_child;
    (void) sigaction(SIGCHLD, &action, NULL);
    (void) sigprocmask(SIG_SETMASK, NULL, &before);

    ok(resolve(names, TIMEOUT_MS), "with a handler that reaps children");
    is_int(reaped, 0, "it finds no child of ours");

    (void) sigprocmask(SIG_SETMASK, NULL, &after);
    is_int(sigismember(&after, SIGCHLD), sigismember(&before, SIGCHLD),
           "signals are blocked as before");

    (void) signal(SIGCHLD, SIG_IGN);

    set(names, urls, 6);
    ok(resolve(names, TIMEOUT_MS), "with children ignored");
    set(names, hanging, 2);
    ok(!resolve(names, 0), "also when the time is over");

    (void) signal(SIGCHLD, SIG_DFL);
    ok(no_child(), "no child stays");

    mcp_names_free(names);
}


static void
test_inherited(void)
{
    mcp_names_t  *names;

    names = mcp_names_new();
    set(names, curious, 1);

    is_int(pipe(inherited), 0, "two more files");

    /* one below and one above the child's own */

    (void) close(inherited[1]);
    inherited[1] = fcntl(inherited[0], F_DUPFD, 100);

    (void) resolve(names, TIMEOUT_MS);
    is_int((long long) mcp_names_unresolved(names), 0,
           "the child does not have them");

    (void) close(inherited[0]);
    (void) close(inherited[1]);
    mcp_names_free(names);
}


static void
test_many(void)
{
    size_t        i;
    mcp_url_t    *many;
    mcp_names_t  *names;

    many = calloc(NAMES_MANY, sizeof(mcp_url_t));

    for (i = 0; i < NAMES_MANY; i++) {
        many[i].host.data = malloc(32);
        many[i].host.len = (size_t) snprintf((char *) many[i].host.data, 32,
                                             "name-%zu.test", i / 2);
    }

    names = mcp_names_new();
    set(names, many, NAMES_MANY);

    is_int((long long) mcp_names_count(names), NAMES_MANY / 2,
           "many names, each once");
    ok(resolve(names, TIMEOUT_MS), "they answer");
    is_int((long long) mcp_names_unresolved(names), 0, "all of them");
    is_str(first_address(names, "name-1234.test"), "10.0.0.9:0", "one");

    for (i = 0; i < NAMES_MANY; i++) {
        free((char *) many[i].host.data);
    }

    free(many);
    mcp_names_free(names);
}


static void
test_memory(void)
{
    int            rc;
    bool           changed, stopped;
    long           n;
    mcp_names_t   *names;
    mcp_server_t   server;
    mcp_tenant_t   tenant;
    mcp_config_t   config;

    mcp_alloc_fail_at(0);
    ok(mcp_names_new() == NULL, "no memory for a table");
    mcp_alloc_fail_at(-1);

    memset(&server, 0, sizeof(server));
    memset(&tenant, 0, sizeof(tenant));
    memset(&config, 0, sizeof(config));

    server.urls = with_failure;
    server.nurls = 3;
    tenant.servers = &server;
    tenant.nservers = 1;
    config.tenants = &tenant;
    config.ntenants = 1;

    moving = "10.0.0.1";
    names = mcp_names_new();
    set(names, urls, 6);
    (void) resolve(names, TIMEOUT_MS);

    for (n = 0; n < 20; n++) {
        mcp_alloc_fail_at(n);
        rc = mcp_names_set(names, &config, true);
        mcp_alloc_fail_at(-1);

        if (rc == MCP_OK) {
            break;
        }

        if (mcp_names_count(names) != 3) {
            break;
        }
    }

    ok(rc == MCP_OK && n == 4, "without memory the old names stay");

    moving = "10.0.0.2";

    for (n = 0; n < 2; n++) {
        mcp_alloc_fail_at(n);
        rc = mcp_names_resolve(names, TIMEOUT_MS, -1, &changed, &stopped);
        mcp_alloc_fail_at(-1);

        is_int(rc, MCP_ERROR, "no memory to ask");
    }

    mcp_alloc_fail_at(2);
    rc = mcp_names_resolve(names, TIMEOUT_MS, -1, &changed, &stopped);
    mcp_alloc_fail_at(-1);

    ok(rc == MCP_OK && !changed, "no memory for a new address");
    is_str(first_address(names, "moving.test"), "10.0.0.1:0",
           "leaves the old one");

    mcp_names_free(names);
}


static void
test_system(void)
{
    const char   *address, *error;
    mcp_names_t  *names;

    static mcp_url_t  real[] = {
        { .host = S("localhost"), .path = S("/") },
        { .host = S("nothing.invalid"), .path = S("/") }
    };

    use_system = true;
    names = mcp_names_new();

    set(names, real, 1);
    ok(resolve(names, TIMEOUT_MS), "the system's resolver");

    address = first_address(names, "localhost");
    ok(strcmp(address, "127.0.0.1:0") == 0 || strcmp(address, "[::1]:0") == 0,
       "knows localhost");

    /* whatever a machine's resolver makes of it, and however long it takes */

    set(names, real + 1, 1);
    (void) resolve(names, 200);

    is_str(first_address(names, "nothing.invalid"), "",
           "and no invalid name");
    is_str(mcp_names_newly_failed(names, 0, &error), "nothing.invalid",
           "which failed");
    ok(no_child(), "no child stays");

    mcp_names_free(names);
    use_system = false;
}
