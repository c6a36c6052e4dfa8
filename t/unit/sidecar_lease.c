/* Who may write: the decisions of the Lease, on clocks that the test turns. */

#include "lease.h"
#include "tap.h"


/* A Lease as the API server has it; each write has another version. */
static json_t  *server;
static int      version;


static void test_alone(void);
static void test_two(void);
static void test_takeover(void);
static void test_lost(void);
static void test_clocks(void);
static void test_renounce(void);
static bool take(lease_t *lease, uint64_t now, bool renounce);
static bool try_take(lease_t *lease, uint64_t now);
static void reset(void);


int
main(void)
{
    test_alone();
    test_two();
    test_takeover();
    test_lost();
    test_clocks();
    test_renounce();
    reset();

    return done();
}


static void
test_alone(void)
{
    lease_t  a;

    reset();
    lease_init(&a, "a");

    ok(!lease_is_held(&a, 0), "nobody leads at first");
    ok(try_take(&a, 1000), "a free lease is taken");
    ok(lease_is_held(&a, 1000), "who took it leads");
    ok(try_take(&a, 3000) && lease_is_held(&a, 12999), "renewed, it is held");
    is_int(json_integer_value(json_object_get(json_object_get(server, "spec"),
                                              "leaseTransitions")),
           0, "no transition");
}


static void
test_two(void)
{
    lease_t  a, b;

    reset();
    lease_init(&a, "a");
    lease_init(&b, "b");

    ok(take(&a, 0, false), "a took it");

    lease_see(&b, server, 100);
    ok(!lease_may_take(&b, 100), "b may not");
    ok(!lease_may_take(&b, 100 + LEASE_DURATION_MS - 1), "not for 15 s");

    /* Both read the free lease; the version lets one write only. */

    reset();
    lease_init(&a, "a");
    lease_init(&b, "b");
    lease_see(&a, NULL, 0);
    lease_see(&b, NULL, 0);
    ok(take(&a, 0, false), "of two that read it at once, one writes");
    ok(!take(&b, 0, false) && !lease_is_held(&b, 0), "the other does not");
}


static void
test_takeover(void)
{
    lease_t  a, b;

    reset();
    lease_init(&a, "a");
    lease_init(&b, "b");
    ok(take(&a, 0, false), "a leads");

    lease_see(&b, server, 500);
    ok(take(&a, 2000, false), "and renews");
    lease_see(&b, server, 2500);
    ok(!lease_may_take(&b, 500 + LEASE_DURATION_MS),
       "the time of b counts from the last change");
    lease_see(&b, server, 2500 + LEASE_DURATION_MS);
    ok(lease_may_take(&b, 2500 + LEASE_DURATION_MS), "a is gone: b may");
    ok(take(&b, 2500 + LEASE_DURATION_MS, false), "b takes it");
    is_int(json_integer_value(json_object_get(json_object_get(server, "spec"),
                                              "leaseTransitions")),
           1, "a transition");
    ok(!lease_is_held(&a, 2500 + LEASE_DURATION_MS),
       "a, that heard nothing, gave up long before");
}


static void
test_lost(void)
{
    lease_t  a;

    reset();
    lease_init(&a, "a");
    ok(take(&a, 0, false), "a leads");
    ok(lease_is_held(&a, LEASE_RENEW_DEADLINE_MS - 1), "until the deadline");
    ok(!lease_is_held(&a, LEASE_RENEW_DEADLINE_MS), "not after it");
    ok(!lease_is_held(&a, 1), "and not again by itself");
    ok(LEASE_RENEW_DEADLINE_MS < LEASE_DURATION_MS,
       "who leads gives up before others may take it");
}


/* What stands in the Lease comes from the clock of another host. */
static void
test_clocks(void)
{
    lease_t  b;

    reset();
    version++;
    server = json_pack("{s:{s:s},s:{s:s,s:s,s:i}}", "metadata",
                       "resourceVersion", "1", "spec", "holderIdentity", "a",
                       "renewTime", "1999-01-01T00:00:00.000000Z",
                       "leaseTransitions", 3);
    lease_init(&b, "b");
    lease_see(&b, server, 50);
    ok(!lease_may_take(&b, 60), "a renewTime long past takes nothing away");
    lease_see(&b, server, 50 + LEASE_DURATION_MS);
    ok(lease_may_take(&b, 50 + LEASE_DURATION_MS), "but silence does");
}


static void
test_renounce(void)
{
    lease_t  a, b;

    reset();
    lease_init(&a, "a");
    lease_init(&b, "b");
    ok(take(&a, 0, false) && take(&a, 10, true), "a gives it away");
    ok(!lease_is_held(&a, 10), "and no longer leads");
    lease_see(&b, server, 20);
    ok(lease_may_take(&b, 20), "b may take it at once");
}


static bool
try_take(lease_t *lease, uint64_t now)
{
    lease_see(lease, server, now);

    return lease_may_take(lease, now) && take(lease, now, false);
}


/* As the API server does: only who read the newest version may write. */
static bool
take(lease_t *lease, uint64_t now, bool renounce)
{
    char         text[16];
    json_t      *object, *metadata;
    const char  *sent;

    object = lease_object(lease, "coordination.k8s.io/v1", "ns", "l",
                          (int64_t) now * 1000, renounce);
    metadata = json_object_get(object, "metadata");
    sent = json_string_value(json_object_get(metadata, "resourceVersion"));

    (void) snprintf(text, sizeof(text), "%d", version);

    if (server ? sent == NULL || strcmp(sent, text) != 0 : sent != NULL) {
        json_decref(object);
        return false;
    }

    (void) snprintf(text, sizeof(text), "%d", ++version);
    (void) json_object_set_new(metadata, "resourceVersion",
                               json_string(text));

    json_decref(server);
    server = object;
    lease_written(lease, server, now);

    return true;
}


static void
reset(void)
{
    json_decref(server);
    server = NULL;
    version = 0;
}
