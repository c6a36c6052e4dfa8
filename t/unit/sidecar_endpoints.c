/*
 * Which addresses get into endpoints.json, whatever people of a tenant write
 * into their namespace.
 */

#include "endpoints_fixture.h"

#include <unistd.h>


static void test_rules(void);
static void test_foreign(void);
static void test_ended(void);
static void test_twice(void);
static void test_malformed(void);
static void test_lists(void);
static void test_states(void);
static void test_many(void);
static void test_limits(void);
static void test_memory(void);
static void check(endpoints_t *endpoints, const char *active,
    const char *draining, const char *name);
static char *list_of(endpoints_t *endpoints, const char *tenant,
    const char *server, const char *list);


static char  folder[] = "/tmp/mcp-endpoints-XXXXXX";
static char  path[64];
static char  why[ENDPOINTS_ERROR_LEN];


int
main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }

    (void) snprintf(path, sizeof(path), "%s/endpoints.json", folder);

    test_rules();
    test_foreign();
    test_ended();
    test_twice();
    test_malformed();
    test_lists();
    test_states();
    test_many();
    test_limits();
    test_memory();

    (void) unlink(path);
    is_int(rmdir(folder), 0, "nothing else is left behind");

    return done();
}


static void
test_rules(void)
{
    char         *text;
    endpoints_t  *e;

    e = empty();
    text = endpoints_text(e, &config, NULL, NULL, 17);
    is_str(text, "{\"version\":1,\"sequence\":17,\"tenants\":{"
           "\"team-a\":{\"servers\":{"
           "\"search\":{\"state\":\"starting\",\"endpoints\":[],"
           "\"draining\":[]},"
           "\"docs\":{\"state\":\"stopped\",\"endpoints\":[],"
           "\"draining\":[]}}},"
           "\"team-b\":{\"servers\":{"
           "\"search\":{\"state\":\"starting\",\"endpoints\":[],"
           "\"draining\":[]}}}}}\n",
           "servers without pods; not the remote one, nor one over the quota");
    free(text);

    put_pod(e, pod("mcp-team-a", "p1", "team-a", "search", "10.0.0.9", READY));
    check(e, "", "", "a pod without a slice is not used");

    put_slice(e, slice("mcp-team-a", "s1", "search", "10.0.0.9,10.0.0.10",
                       READY));
    check(e, "10.0.0.9:8080", "", "a slice and a pod make an endpoint");

    put_pod(e, pod("mcp-team-a", "p2", "team-a", "search", "10.0.0.10",
                   READY));
    check(e, "10.0.0.9:8080 10.0.0.10:8080", "", "in the order of bytes");

    put_pod(e, pod("mcp-team-a", "p2", "team-a", "search", "10.0.0.10", 0));
    check(e, "10.0.0.9:8080", "", "a pod that is not ready is not used");

    put_slice(e, slice("mcp-team-a", "s1", "search", "10.0.0.9,10.0.0.10",
                       0));
    check(e, "", "", "what a slice has as not ready is not used");

    put_slice(e, slice("mcp-team-a", "s1", "search", "10.0.0.9,10.0.0.10",
                       UNKNOWN));
    check(e, "10.0.0.9:8080", "", "null counts as ready");

    put_slice(e, slice("mcp-team-a", "s1", "search", "10.0.0.9", READY));
    put_slice(e, slice("mcp-team-a", "s2", "search", "10.0.0.9", 0));
    check(e, "10.0.0.9:8080", "", "it moves from one slice to another");

    put_slice(e, slice("mcp-team-a", "s1", "search", "10.0.0.9",
                       READY | TERMINATING));
    check(e, "", "10.0.0.9:8080", "a terminating one drains");

    put_slice(e, slice("mcp-team-a", "s1", "search", "10.0.0.9", READY));
    put_pod(e, pod("mcp-team-a", "p1", "team-a", "search", "10.0.0.9",
                   READY | TERMINATING));
    check(e, "", "10.0.0.9:8080", "so does one whose pod is deleted");

    take(&endpoints_slice_handler, e,
         slice("mcp-team-a", "s1", "search", "", READY));
    take(&endpoints_slice_handler, e,
         slice("mcp-team-a", "s2", "search", "", READY));
    check(e, "", "10.0.0.9:8080", "also when no slice has it any more");

    take(&endpoints_pod_handler, e,
         pod("mcp-team-a", "p1", "team-a", "search", "", 0));
    check(e, "", "", "a pod that is gone does not");

    put_pod(e, pod("mcp-team-a", "six", "team-a", "search",
                   "10.0.0.3,fd00::1,fd00::1", READY));
    put_slice(e, slice("mcp-team-a", "s6", "search", "fd00::1", READY));
    check(e, "[fd00::1]:8080", "", "an address of IPv6, once");

    endpoints_free(e);
    endpoints_free(NULL);
}


static void
test_foreign(void)
{
    endpoints_t  *e;

    e = empty();

    put_pod(e, pod("other", "victim", "team-b", "search", "10.0.0.1", READY));
    put_slice(e, slice("other", "s", "search", "10.0.0.1", READY));
    put_slice(e, slice("mcp-team-a", "s", "search", "10.0.0.1", READY));
    check(e, "", "", "a slice that names the pod of another namespace");

    put_pod(e, pod("other", "p1", "team-a", "search", "10.0.0.2", READY));
    put_slice(e, slice("other", "s2", "search", "10.0.0.2", READY));
    check(e, "", "", "a pod with the labels of a tenant in another namespace");
    is_str(list_of(e, "team-b", "search", "endpoints"), "10.0.0.1:8080",
           "it is not of the namespace's tenant, either");

    put_pod(e, pod("mcp-team-a", "p2", "team-b", "search", "10.0.0.3",
                   READY));
    put_slice(e, slice("mcp-team-a", "s3", "search", "10.0.0.3", READY));
    check(e, "", "", "a pod that says it is of another tenant");
    is_str(list_of(e, "team-b", "search", "endpoints"), "10.0.0.1:8080",
           "it is not of that one");

    put_pod(e, pod("mcp-team-a", "p3", "team-a", "docs", "10.0.0.4", READY));
    put_slice(e, slice("mcp-team-a", "s4", "search", "10.0.0.4", READY));
    check(e, "", "", "a pod of another server");

    put_pod(e, pod("mcp-team-a", "p4", "team-a", "search", "10.0.0.5",
                   READY | HOST));
    put_slice(e, slice("mcp-team-a", "s5", "search", "10.0.0.5", READY));
    check(e, "", "", "a pod on the network of its node");

    put_pod(e, pod("mcp-team-a", "p5", "team-a", "search", "10.0.0.6",
                   READY));
    put_slice(e, slice("mcp-team-a", "s6", "search", "10.0.0.6",
                       READY | FORGED));
    check(e, "", "", "a slice that Kubernetes did not make");

    put_slice(e, slice("mcp-team-a", "s6", "search", "10.0.0.6", READY));
    check(e, "10.0.0.6:8080", "", "and one that it made");

    endpoints_free(e);
}


static void
test_ended(void)
{
    endpoints_t  *e;

    e = empty();
    put_slice(e, slice("mcp-team-a", "s", "search", "10.0.0.1", READY));

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                   READY | ENDED));
    check(e, "", "", "a pod that has ended has no address");

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                   TERMINATING | ENDED));
    check(e, "", "", "nor when it is deleted");

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                   TERMINATING | STOPPED));
    check(e, "", "", "nor when something keeps what does not run any more");

    endpoints_free(e);
}


static void
test_twice(void)
{
    endpoints_t  *e;

    e = empty();

    put_slice(e, slice("mcp-team-a", "s", "search", "10.0.0.1", READY));
    put_slice(e, slice("other", "s", "search", "10.0.0.1", READY));
    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1", READY));
    put_pod(e, pod("other", "p", "team-b", "search", "10.0.0.1", READY));

    check(e, "", "", "an address of two tenants is not the first's");
    is_str(list_of(e, "team-b", "search", "endpoints"), "",
           "nor the second's");

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1",
                   TERMINATING));
    check(e, "", "", "a pod that ends has no say against one that is ready");
    is_str(list_of(e, "team-b", "search", "endpoints"), "10.0.0.1:8080",
           "which has it");

    put_pod(e, pod("other", "p", "team-b", "search", "10.0.0.1",
                   TERMINATING));
    check(e, "", "", "two that end");
    is_str(list_of(e, "team-b", "search", "draining"), "", "both have none");

    put_pod(e, pod("other", "p", "team-b", "search", "10.0.0.1", 0));
    check(e, "", "10.0.0.1:8080", "one that is not ready has no say at all");

    endpoints_free(e);
}


static void
test_malformed(void)
{
    size_t        i;
    json_t       *object;
    endpoints_t  *e;

    static const char *const  objects[] = {
        "[]", "{}", "null", "{\"metadata\":7}",
        "{\"metadata\":{\"name\":\"x\"}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\"}}",
        "{\"metadata\":{\"namespace\":\"../../x\",\"name\":\"x\"}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":[]}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":\"x\","
            "\"labels\":[]},\"endpoints\":{}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":\"x\","
            "\"uid\":\"u\",\"labels\":{\"mcp-tenant.io/tenant\":\"team-a\","
            "\"mcp-tenant.io/server\":7}},\"spec\":{},\"status\":{}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":\"x\","
            "\"uid\":\"u\",\"labels\":{\"mcp-tenant.io/tenant\":\"team-a\","
            "\"mcp-tenant.io/server\":\"search\"}},\"spec\":{},"
            "\"status\":{\"phase\":\"Running\",\"podIPs\":{},"
            "\"podIP\":\"10.0.0.300\",\"conditions\":7}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":\"x\","
            "\"uid\":\"u\",\"labels\":{\"mcp-tenant.io/tenant\":\"team-a\","
            "\"mcp-tenant.io/server\":\"search\"}},"
            "\"spec\":{\"hostNetwork\":\"false\"},"
            "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\","
            "\"conditions\":[7,{\"type\":\"Ready\",\"status\":\"True\"}],"
            "\"containerStatuses\":[7,{\"state\":{\"running\":{}}}]}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":\"x\","
            "\"uid\":\"u\",\"labels\":{\"mcp-tenant.io/tenant\":\"team-a\","
            "\"mcp-tenant.io/server\":\"search\"}},\"spec\":{},"
            "\"status\":{\"phase\":\"Running\",\"podIP\":\"::ffff:10.0.0.1\","
            "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"
            "\"containerStatuses\":[{\"state\":{\"running\":{}}}]}}",
        "{\"metadata\":{\"namespace\":\"mcp-team-a\",\"name\":\"x\","
            "\"labels\":{\"kubernetes.io/service-name\":\"search\","
            "\"endpointslice.kubernetes.io/managed-by\":"
            "\"endpointslice-controller.k8s.io\"}},"
            "\"endpoints\":[7,{},{\"addresses\":\"10.0.0.1\"},"
            "{\"addresses\":[7,\"x\",\"10.0.0.1:80\",\"::ffff:10.0.0.1\"]},"
            "{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":\"no\","
            "\"terminating\":\"no\"}}]}"
    };

    e = empty();

    put_slice(e, slice("mcp-team-a", "good", "search",
                       "10.0.0.2,10.0.0.1,::ffff:10.0.0.1", 0));

    for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        object = json_loads(objects[i], JSON_DECODE_ANY, NULL);

        put_pod(e, json_incref(object));
        put_slice(e, json_incref(object));
        take(&endpoints_pod_handler, e, json_incref(object));
        put_pod(e, json_incref(object));

        check(e, "", "", objects[i]);

        take(&endpoints_slice_handler, e, json_incref(object));
        take(&endpoints_pod_handler, e, object);
    }

    put_slice(e, slice("mcp-team-a", "good", "search", "10.0.0.2", READY));
    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.2", READY));
    check(e, "10.0.0.2:8080", "", "after all that");

    put_pod(e, pod("mcp-team-a", "p", "", "search", "10.0.0.2", READY));
    check(e, "", "", "a pod that lost a label");

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.2", READY));
    put_slice(e, slice("mcp-team-a", "good", "search", "10.0.0.2",
                       READY | FORGED));
    check(e, "", "", "a slice that lost a label");

    endpoints_free(e);
}


static void
test_lists(void)
{
    uint64_t      version;
    endpoints_t  *e;

    e = endpoints_new(1, NULL, NULL);

    ok(!endpoints_is_whole(e), "nothing is known at first");

    endpoints_slice_handler.begin(e);
    put_slice(e, slice("mcp-team-a", "s", "search", "10.0.0.1,10.0.0.2",
                       READY));
    endpoints_slice_handler.whole(e);
    ok(!endpoints_is_whole(e), "slices alone are not all");

    endpoints_pod_handler.begin(e);
    put_pod(e, pod("mcp-team-a", "p1", "team-a", "search", "10.0.0.1",
                   READY));
    put_pod(e, pod("mcp-team-a", "p2", "team-a", "search", "10.0.0.2",
                   READY));
    ok(!endpoints_is_whole(e), "nor a list that goes on");
    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "it is not written");
    is_int(access(path, F_OK), -1, "no file is there");

    endpoints_pod_handler.whole(e);
    ok(endpoints_is_whole(e), "now it is whole");
    check(e, "10.0.0.1:8080 10.0.0.2:8080", "", "two pods");

    version = endpoints_version(e);
    endpoints_pod_handler.begin(e);
    put_pod(e, pod("mcp-team-a", "p2", "team-a", "search", "10.0.0.2",
                   READY));
    check(e, "10.0.0.1:8080 10.0.0.2:8080", "", "a new list takes nothing");
    endpoints_pod_handler.whole(e);
    check(e, "10.0.0.2:8080", "", "until it is whole");
    ok(endpoints_version(e) != version, "the version is another one");

    endpoints_slice_handler.begin(e);
    endpoints_slice_handler.whole(e);
    check(e, "", "", "the same for slices");

    endpoints_free(e);
}


static void
test_states(void)
{
    char         *text;
    endpoints_t  *e;

    e = empty();
    text = endpoints_text(e, &config, say, "ImagePullBackOff \"\x01\xff\"", 1);

    ok(text && strstr(text, "\"search\":{\"state\":\"failed\",\"reason\":"
                      "\"ImagePullBackOff \\\"\?\?\\\"\","),
       "the state and the reason are told");
    free(text);

    tenants[0].enabled = false;
    text = endpoints_text(e, &config, NULL, NULL, 1);
    ok(text && strstr(text, "\"search\":{\"state\":\"stopped\""),
       "a disabled tenant's servers are stopped");
    free(text);
    tenants[0].enabled = true;

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "", TROUBLED));
    text = endpoints_text(e, &config, NULL, NULL, 1);
    ok(text && strstr(text, "\"search\":{\"state\":\"failed\",\"reason\":"
                      "\"CrashLoopBackOff\","),
       "one whose pods cannot run has failed");
    free(text);

    put_pod(e, pod("mcp-team-a", "q", "team-a", "search", "10.0.0.1", 0));
    text = endpoints_text(e, &config, NULL, NULL, 1);
    ok(text && strstr(text, "\"search\":{\"state\":\"starting\",\"end"),
       "not while another pod may become ready");
    free(text);

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "",
                   TROUBLED | TERMINATING));
    put_pod(e, pod("mcp-team-a", "q", "team-a", "docs", "", TROUBLED));
    text = endpoints_text(e, &config, NULL, NULL, 1);
    ok(text && strstr(text, "\"search\":{\"state\":\"starting\",\"end")
       && strstr(text, "\"docs\":{\"state\":\"failed\""),
       "nor for a pod that goes, or is another server's");
    free(text);

    endpoints_free(e);
}


static void
test_many(void)
{
    char          name[32], ip[32], ips[4096], *text, *again, *p;
    size_t        i, k, len;
    mcp_tenant_t  many[10];
    mcp_config_t  big = { .tenants = many, .ntenants = 10 };
    endpoints_t  *e;

    static char  names[10][32];

    e = empty();

    for (i = 0; i < 10; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "team-%zu", i);
        many[i] = tenants[1];
        many[i].id.data = many[i].namespace.data = names[i];
        many[i].id.len = many[i].namespace.len = strlen(names[i]);
        len = 0;

        for (k = 0; k < 105; k++) {
            (void) snprintf(name, sizeof(name), "p%zu", (k * 37) % 105);
            (void) snprintf(ip, sizeof(ip), "10.0.%zu.%zu", i,
                            (k * 37) % 105);
            len += (size_t) snprintf(ips + len, sizeof(ips) - len, ",%s", ip);
            put_pod(e, pod(names[i], name, names[i], "search", ip, READY));
        }

        put_slice(e, slice(names[i], "s", "search", ips, READY));
    }

    text = endpoints_text(e, &big, NULL, NULL, 1);
    again = endpoints_text(e, &big, NULL, NULL, 1);
    is_str(again, text, "the same text twice");

    len = 0;

    for (p = text; p && (p = strstr(p, ":8080")); p++) {
        len++;
    }

    is_int((long long) len, 1000, "of 105 pods the first 100 are there");
    ok(text && strstr(text, "\"10.0.9.99:8080\"]"), "in order");

    free(text);
    free(again);
    endpoints_free(e);
}


static void
test_limits(void)
{
    char          name[32], ips[16384];
    size_t        i, len;
    endpoints_t  *e;

    e = empty();
    len = 0;

    for (i = 0; i < 1000; i++) {
        len += (size_t) snprintf(ips + len, sizeof(ips) - len,
                                 ",10.9.%zu.%zu", i / 250, i % 250);
    }

    for (i = 0; i < 2 * ENDPOINTS_SLICES_MAX; i++) {
        (void) snprintf(name, sizeof(name), "s%zu", i);
        put_slice(e, slice("mcp-team-a", name, "search", i < 20 ? ips : "",
                           READY));
    }

    is_int((long long) endpoints_left_out(e),
           10 * 1000 + ENDPOINTS_SLICES_MAX, "what is too much is left out");

    put_slice(e, slice("mcp-team-a", "s0", "search", "10.0.0.1", READY));
    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1", READY));
    check(e, "10.0.0.1:8080", "", "what was there may change");

    put_slice(e, slice("other", "s", "search", "10.0.0.2", READY));
    put_pod(e, pod("other", "p", "team-b", "search", "10.0.0.2", READY));
    is_str(list_of(e, "team-b", "search", "endpoints"), "10.0.0.2:8080",
           "another namespace has room");

    endpoints_free(e);
}


static void
test_memory(void)
{
    long          n;
    char         *text;
    json_t       *one, *two;
    endpoints_t  *e;

    one = slice("mcp-team-a", "s", "search", "10.0.0.1", READY);
    two = pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1", READY);

    for (n = 0; n < 30; n++) {
        e = empty();

        mcp_alloc_fail_at(n);
        put_slice(e, json_incref(one));
        put_pod(e, json_incref(two));
        text = endpoints_text(e, &config, NULL, NULL, 1);
        mcp_alloc_fail_at(-1);

        if (text && endpoints_is_whole(e)) {
            free(text);
            break;
        }

        /* what was lost comes with the next whole list */

        free(text);
        endpoints_slice_handler.begin(e);
        put_slice(e, json_incref(one));
        endpoints_slice_handler.whole(e);
        endpoints_pod_handler.begin(e);
        put_pod(e, json_incref(two));
        endpoints_pod_handler.whole(e);

        check(e, "10.0.0.1:8080", "", "after a want of memory");
        endpoints_free(e);
        e = NULL;
    }

    ok(n > 5 && n < 30, "%ld allocations failed", n);

    endpoints_free(e);
    json_decref(one);
    json_decref(two);
}


/* Of the server "search" of team-a. */
static void
check(endpoints_t *endpoints, const char *active, const char *draining,
    const char *name)
{
    char  text[512];

    (void) snprintf(text, sizeof(text), "%s",
                    list_of(endpoints, "team-a", "search", "endpoints"));
    is_str(text, active, name);

    is_str(list_of(endpoints, "team-a", "search", "draining"), draining,
           "what drains");
}


/* Separated by " "; until the next call. */
static char *
list_of(endpoints_t *endpoints, const char *tenant, const char *server,
    const char *list)
{
    char    *text;
    size_t   i, len;
    json_t  *json, *entry, *value;

    static char  found[512];

    found[0] = '\0';
    len = 0;

    text = endpoints_text(endpoints, &config, NULL, NULL, 1);
    json = text ? json_loads(text, 0, NULL) : NULL;
    ok(json != NULL, "the text is JSON");

    value = json_object_get(json_object_get(json, "tenants"), tenant);
    value = json_object_get(json_object_get(value, "servers"), server);

    json_array_foreach(json_object_get(value, list), i, entry) {
        len += (size_t) snprintf(found + len, sizeof(found) - len, "%s%s",
                                 i ? " " : "", json_string_value(entry));
    }

    json_decref(json);
    free(text);

    return found;
}
