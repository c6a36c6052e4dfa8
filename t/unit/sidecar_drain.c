/*
 * When a pod may end: never while a gateway could still send it a request, or
 * has one at it, nor before all of them have said so.
 */

#include "endpoints_fixture.h"
#include "drain.h"

#include <unistd.h>


static void test_one_gateway(void);
static void test_two_gateways(void);
static void test_unknown(void);
static void test_earlier_life(void);
static void test_status(void);
static void test_texts(void);
static void status_of(uint64_t sequence, const char *busy,
    drain_gateway_t *ret_gateway);
static drain_verdict_e ask(const drain_gateway_t *gateways, size_t count);
static drain_gateway_t said(const char *text);


static char          folder[] = "/tmp/mcp-drain-XXXXXX";
static char          path[64];
static char          why[256];
static endpoints_t  *e;


int
main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }

    (void) snprintf(path, sizeof(path), "%s/endpoints.json", folder);

    test_one_gateway();
    test_two_gateways();
    test_unknown();
    test_earlier_life();
    test_status();
    test_texts();

    (void) unlink(path);
    (void) rmdir(folder);

    return done();
}


static void
test_one_gateway(void)
{
    uint64_t         first;
    drain_gateway_t  gateway;

    e = empty();
    put_slice(e, slice("mcp-team-a", "s", "search", "10.0.0.1,10.0.0.2",
                       READY));
    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1", READY));
    put_pod(e, pod("mcp-team-a", "q", "team-a", "search", "10.0.0.2", READY));
    (void) endpoints_write(e, path, &config, NULL, NULL, why);
    first = endpoints_sequence(e);

    status_of(first, NULL, &gateway);
    is_int(ask(&gateway, 1), DRAIN_IS_OVER, "no pod ends");
    is_int(drain_may_end(e, "mcp-team-a", "search", &gateway, 1,
                         DRAIN_SETTLE_MS - 1),
           DRAIN_WAITS, "but that may not have been told yet");
    drain_gateway_clear(&gateway);

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                   READY | TERMINATING));
    status_of(first, NULL, &gateway);
    is_int(ask(&gateway, 1), DRAIN_WAITS, "a pod ends, which no file says");
    is_int(drain_may_end(e, "mcp-team-a", "docs", &gateway, 1, 2000),
           DRAIN_IS_OVER, "it is none of another server");
    is_int(drain_may_end(e, "other", "search", &gateway, 1, 2000),
           DRAIN_IS_OVER, "nor of another tenant");
    drain_gateway_clear(&gateway);

    (void) endpoints_write(e, path, &config, NULL, NULL, why);
    is_int((long long) endpoints_sequence(e), (long long) first + 1,
           "a file says it");

    status_of(first, NULL, &gateway);
    is_int(ask(&gateway, 1), DRAIN_WAITS, "NGINX has not taken it up");
    drain_gateway_clear(&gateway);

    status_of(first + 1, "10.0.0.1:8080", &gateway);
    is_int(ask(&gateway, 1), DRAIN_WAITS, "a request is still there");
    is_int(drain_may_end(e, "mcp-team-a", "search", &gateway, 1,
                         DRAIN_BOUND_MS - 1),
           DRAIN_WAITS, "it is waited for");
    is_int(drain_may_end(e, "mcp-team-a", "search", &gateway, 1,
                         DRAIN_BOUND_MS),
           DRAIN_TIMED_OUT, "not for ever");
    drain_gateway_clear(&gateway);

    status_of(first + 1, "10.0.0.2:8080", &gateway);
    is_int(ask(&gateway, 1), DRAIN_IS_OVER, "requests of another pod");
    drain_gateway_clear(&gateway);

    status_of(first + 2, NULL, &gateway);
    is_int(ask(&gateway, 1), DRAIN_WAITS, "a file that was never written");
    drain_gateway_clear(&gateway);
    endpoints_free(e);
}


static void
test_two_gateways(void)
{
    drain_gateway_t  gateways[2];

    e = empty();
    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                   TERMINATING));
    put_pod(e, pod("mcp-team-a", "q", "team-a", "search", "10.0.0.2",
                   TERMINATING));
    (void) endpoints_write(e, path, &config, NULL, NULL, why);

    status_of(endpoints_sequence(e), NULL, &gateways[0]);
    is_int((long long) gateways[0].ndrained, 2, "one needs neither pod");
    is_int(ask(gateways, 1), DRAIN_IS_OVER, "it is the only one");
    is_int(ask(gateways, 0), DRAIN_WAITS, "without any there is no consent");

    gateways[1] = said("");
    is_int(ask(gateways, 2), DRAIN_WAITS, "another has said nothing");
    gateways[1] = said("uid-p\n");
    is_int(ask(gateways, 2), DRAIN_WAITS, "another needs one of the pods");
    drain_gateway_clear(&gateways[1]);
    gateways[1] = said("uid-old\nuid-q\nuid-p\n");
    is_int(ask(gateways, 2), DRAIN_IS_OVER, "another needs none, either");

    ok(!drain_gateway_same(&gateways[0], &gateways[1]),
       "they say different things");
    drain_gateway_clear(&gateways[1]);
    gateways[1] = said("uid-q\nuid-p\n");
    ok(drain_gateway_same(&gateways[0], &gateways[1]), "the same");

    drain_gateway_clear(&gateways[0]);
    drain_gateway_clear(&gateways[1]);
    endpoints_free(e);
}


static void
test_unknown(void)
{
    drain_gateway_t  gateway;

    e = empty();
    put_pod(e, pod("mcp-team-a", "p", "team-a", "removed", "10.0.0.1",
                   TERMINATING));
    (void) endpoints_write(e, path, &config, NULL, NULL, why);

    status_of(endpoints_sequence(e), NULL, &gateway);
    is_int(drain_may_end(e, "mcp-team-a", "removed", &gateway, 1, 2000),
           DRAIN_WAITS, "what a removed server was sent is not known");
    endpoints_free(e);

    e = endpoints_new(1, NULL, NULL);
    is_int(ask(&gateway, 1), DRAIN_WAITS, "pods are not known yet");
    drain_gateway_clear(&gateway);
    endpoints_free(e);
}


/* NGINX still has a file of before this start, and of another meaning. */
static void
test_earlier_life(void)
{
    size_t           i;
    uint64_t         before;
    drain_gateway_t  gateway;

    static const uint64_t  random[] = { 3, 1000 };

    for (i = 0; i < 2; i++) {
        (void) unlink(path);
        e = empty();
        (void) endpoints_write(e, path, &config, NULL, NULL, why);
        before = endpoints_sequence(e);
        endpoints_free(e);

        (void) unlink(path);
        e = empty_of(random[i]);
        put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                       TERMINATING));
        (void) endpoints_write(e, path, &config, NULL, NULL, why);
        ok((endpoints_sequence(e) > before) == (i == 1),
           "the file was lost, and begins %s", i ? "above" : "below");

        status_of(before, NULL, &gateway);
        is_int(ask(&gateway, 1), DRAIN_WAITS, "what NGINX has is no consent");
        drain_gateway_clear(&gateway);

        (void) endpoints_write(e, path, &config, NULL, NULL, why);
        ok(endpoints_sequence(e) > before, "the next one is above");
        status_of(endpoints_sequence(e), NULL, &gateway);
        is_int(ask(&gateway, 1), DRAIN_IS_OVER, "that is");
        drain_gateway_clear(&gateway);
        endpoints_free(e);
    }
}


static void
test_status(void)
{
    size_t          i;
    json_t         *json;
    drain_status_t  status;

    static const char *const  wrong[] = {
        "[]", "{}", "{\"endpoints\":3}", "{\"endpoints\":{}}",
        "{\"endpoints\":{\"sequence\":3}}",
        "{\"endpoints\":{\"sequence\":-3,\"draining\":[]}}",
        "{\"endpoints\":{\"sequence\":\"3\",\"draining\":[]}}",
        "{\"endpoints\":{\"sequence\":3,\"draining\":[7]}}",
        "{\"endpoints\":{\"sequence\":3,\"draining\":[{}]}}",
        "{\"endpoints\":{\"sequence\":3,\"draining\":"
            "[{\"address\":\"10.0.0.1:80\",\"in_flight\":\"0\"}]}}",
        "{\"endpoints\":{\"sequence\":3,\"draining\":"
            "[{\"address\":\"0123456789012345678901234567890123456789"
            "012345678901234567890\",\"in_flight\":0}]}}"
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json = json_loads(wrong[i], 0, NULL);
        why[0] = '\0';
        ok(drain_status_read(json, &status, why) == MCP_ERROR
           && strstr(why, "expected"), "%s: %s", wrong[i], why);
        json_decref(json);
    }

    json = json_loads("{\"endpoints\":{\"sequence\":null,\"loaded\":3,"
                      "\"draining\":[]}}", 0, NULL);
    is_int(drain_status_read(json, &status, why), MCP_OK,
           "workers that go by different files");
    is_int((long long) status.sequence, 0, "have none together");
    drain_status_clear(&status);

    mcp_alloc_fail_at(0);
    is_int(drain_status_read(json, &status, why), MCP_ERROR, "no memory");
    mcp_alloc_fail_at(-1);
    json_decref(json);
}


static void
test_texts(void)
{
    size_t           i;
    char            *text;
    json_t          *json;
    drain_gateway_t  gateway;

    static const char *const  wrong[] = {
        "{}", "{\"data\":[]}", "{\"data\":{}}", "{\"data\":{\"drained\":7}}",
        "{\"data\":{\"drained\":\"no line feed\"}}",
        "{\"data\":{\"drained\":\"a\\n\\nb\\n\"}}",
        "{\"data\":{\"drained\":\"a b\\n\"}}",
        ("{\"data\":{\"drained\":\"0123456789012345678901234567890123456789"
         "0123456789012345678901234\\n\"}}")
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json = json_loads(wrong[i], 0, NULL);
        why[0] = '\0';
        ok(drain_decode(json, &gateway, why) == MCP_ERROR
           && strstr(why, "expected"), "%s: %s", wrong[i], why);
        json_decref(json);
    }

    text = calloc(1, 2 * (DRAIN_UIDS_MAX + 1) + 1);

    for (i = 0; i <= DRAIN_UIDS_MAX; i++) {
        memcpy(text + 2 * i, "x\n", 2);
    }

    json = json_pack("{s:{s:s}}", "data", "drained", text);
    is_int(drain_decode(json, &gateway, why), MCP_ERROR, "too many");
    json_decref(json);
    free(text);

    gateway = said("b\na\n");
    json = drain_encode(&gateway);
    is_str(json_string_value(json_object_get(json, "drained")), "a\nb\n",
           "what is read is written, in order");
    json_decref(json);

    mcp_alloc_fail_at(0);
    ok(drain_encode(&gateway) == NULL, "no memory");
    drain_gateway_clear(&gateway);
    json = json_pack("{s:{s:s}}", "data", "drained", "a\n");
    is_int(drain_decode(json, &gateway, why), MCP_ERROR, "none to read it");
    mcp_alloc_fail_at(-1);
    json_decref(json);
}


/* busy: an address with a request in flight; "10.0.0.9:1" has none */
static void
status_of(uint64_t sequence, const char *busy, drain_gateway_t *ret_gateway)
{
    json_t          *json;
    drain_status_t   status;

    json = json_pack("{s:{s:I,s:[{s:s,s:s,s:i},{s:s,s:s,s:i}]}}",
                     "endpoints", "sequence", (json_int_t) sequence,
                     "draining", "tenant", "team-a",
                     "address", busy ? busy : "10.0.0.9:1",
                     "in_flight", busy ? 2 : 0,
                     "tenant", "team-a", "address", "10.0.0.1:8080",
                     "in_flight", 0);

    is_int(drain_status_read(json, &status, why), MCP_OK, "a status");
    is_int(drain_gateway_take(e, &status, ret_gateway), MCP_OK, "is taken");

    drain_status_clear(&status);
    json_decref(json);
}


static drain_verdict_e
ask(const drain_gateway_t *gateways, size_t count)
{
    return drain_may_end(e, "mcp-team-a", "search", gateways, count,
                         DRAIN_SETTLE_MS);
}


static drain_gateway_t
said(const char *text)
{
    json_t           *json;
    drain_gateway_t   gateway;

    memset(&gateway, 0, sizeof(drain_gateway_t));

    json = json_pack("{s:{s:s}}", "data", "drained", text);
    is_int(drain_decode(json, &gateway, why), MCP_OK, "what a gateway said");
    json_decref(json);

    return gateway;
}
