/*
 * When endpoints.json is written, with which sequence, and which pods that end
 * are in it.
 */

#include "endpoints_fixture.h"

#include <sys/stat.h>
#include <unistd.h>


static void test_file(void);
static void test_sequences(void);
static void test_leaving(void);
static char *content(const char *path);
static uint64_t sequence_of(const char *path);
static void put_file(const char *path, const char *text);
static void leave(void *data, const endpoints_leaving_t *pod);


static char                 folder[] = "/tmp/mcp-endpoints-XXXXXX";
static char                 path[64];
static char                 why[ENDPOINTS_ERROR_LEN];
static size_t               nleaving;
static endpoints_leaving_t  leaving;


int
main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }

    (void) snprintf(path, sizeof(path), "%s/endpoints.json", folder);

    test_file();
    test_sequences();
    test_leaving();

    (void) unlink(path);
    is_int(rmdir(folder), 0, "nothing else is left behind");

    return done();
}


static void
test_file(void)
{
    char          missing[96], *text, *again;
    uint64_t      first;
    struct stat   st;
    endpoints_t  *e;

    e = empty();

    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "written");
    is_int(stat(path, &st), 0, "it is there");
    is_int(st.st_mode & 07777, 0644, "NGINX may read it");
    first = endpoints_sequence(e);
    is_int((long long) sequence_of(path), (long long) first, "its sequence");

    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "the same once more");
    is_int((long long) sequence_of(path), (long long) first,
           "is not written");

    is_int(endpoints_write(e, path, &config, say, "x", why), MCP_OK,
           "a change");
    is_int((long long) sequence_of(path), (long long) first + 1, "is");

    put_file(path, "{}");
    is_int(endpoints_write(e, path, &config, say, "x", why), MCP_OK,
           "somebody wrote over it");
    is_int((long long) sequence_of(path), (long long) first + 2,
           "it is written again");
    text = content(path);
    endpoints_free(e);

    e = empty();
    is_int(endpoints_write(e, path, &config, say, "x", why), MCP_OK,
           "another start finds the same");
    is_int((long long) endpoints_sequence(e), (long long) first + 2,
           "and goes on from it");
    again = content(path);
    is_str(again, text, "without writing");
    free(again);
    free(text);
    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "a change then");
    is_int((long long) sequence_of(path), (long long) first + 3, "is next");

    (void) snprintf(missing, sizeof(missing), "%s/missing/x", folder);
    is_int(endpoints_write(e, missing, &config, say, "y", why), MCP_ERROR,
           "a folder that is not there");
    is_str(why, "cannot be written: No such file or directory", "is told");
    is_int((long long) endpoints_sequence(e), (long long) first + 3,
           "and is no file");

    endpoints_free(e);
}


static void
test_sequences(void)
{
    size_t        i;
    uint64_t      first;
    endpoints_t  *e;

    static const char *const  broken[] = {
        "", "{", "[]", "{\"sequence\":\"17\"}", "{\"sequence\":-1}",
        "{\"sequence\":1.5}", "{\"sequence\":0}",
        "{\"sequence\":9007199254740991}",
        "{\"sequence\":99999999999999999999}"
    };

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        put_file(path, broken[i]);

        e = empty_of(1000000 * (i + 1));

        is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
               broken[i]);
        is_int((long long) sequence_of(path), 1000000 * ((int) i + 1) + 1,
               "another number begins");
        endpoints_free(e);
    }

    put_file(path, "{\"sequence\": 41, \"version\": 1, \"tenants\": {}}");

    e = empty();
    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "a file in another form");
    first = endpoints_sequence(e);
    is_int((long long) sequence_of(path), 42, "is gone on from");

    ok(endpoints_enforced(e, first), "NGINX has this one");
    ok(endpoints_enforced(e, 41), "or the one that was there");
    ok(!endpoints_enforced(e, 40), "not one from before");
    ok(!endpoints_enforced(e, 1000), "one that was never written is none");
    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "the next file");
    is_int((long long) sequence_of(path), 1001, "is above it");
    ok(endpoints_enforced(e, 1001), "and counts");
    ok(!endpoints_enforced(e, ENDPOINTS_SEQUENCE_MAX), "a mad number is none");
    is_int(endpoints_write(e, path, &config, NULL, NULL, why), MCP_OK,
           "after it");
    is_int((long long) sequence_of(path), 1001, "all is as it was");

    endpoints_free(e);
}


static void
test_leaving(void)
{
    uint64_t      first;
    endpoints_t  *e;

    e = empty();

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1,fd00::1",
                   READY | TERMINATING));
    put_pod(e, pod("mcp-team-a", "q", "team-a", "search", "10.0.0.2", READY));
    put_pod(e, pod("mcp-team-a", "r", "team-a", "search", "10.0.0.3",
                   TERMINATING | STOPPED));

    nleaving = 0;
    endpoints_leaving(e, leave, NULL);
    is_int((long long) nleaving, 1, "one pod ends");
    is_int((long long) leaving.sequence, 0, "no file has it yet");

    (void) endpoints_write(e, path, &config, NULL, NULL, why);
    first = endpoints_sequence(e);
    endpoints_leaving(e, leave, NULL);
    is_int((long long) leaving.sequence, (long long) first, "now one has");
    is_str(leaving.addresses[0], "10.0.0.1:8080", "its address");
    is_str(leaving.addresses[1], "[fd00::1]:8080", "its other address");

    put_pod(e, pod("mcp-team-a", "p", "team-a", "search", "10.0.0.1,fd00::1",
                   TERMINATING));
    (void) endpoints_write(e, path, &config, say, "z", why);
    ok(endpoints_sequence(e) > first, "another file");
    endpoints_leaving(e, leave, NULL);
    is_int((long long) leaving.sequence, (long long) first,
           "it is the first that counts");

    take(&endpoints_pod_handler, e,
         pod("mcp-team-a", "p", "team-a", "search", "", 0));
    put_pod(e, pod("mcp-team-a", "p", "team-a", "unknown", "10.0.0.1",
                   TERMINATING));
    (void) endpoints_write(e, path, &config, NULL, NULL, why);
    endpoints_leaving(e, leave, NULL);
    is_int((long long) leaving.sequence, 0,
           "a pod of no server is in no file");

    endpoints_free(e);
}


/* The caller frees it. */
static char *
content(const char *name)
{
    FILE    *in;
    size_t   n;

    static char  text[65536];

    n = 0;
    in = fopen(name, "r");

    if (in) {
        n = fread(text, 1, sizeof(text) - 1, in);
        (void) fclose(in);
    }

    text[n] = '\0';

    return strdup(text);
}


static uint64_t
sequence_of(const char *name)
{
    json_t      *json;
    json_int_t   sequence;

    json = json_load_file(name, 0, NULL);
    sequence = json_integer_value(json_object_get(json, "sequence"));
    json_decref(json);

    return (uint64_t) sequence;
}


static void
put_file(const char *name, const char *text)
{
    FILE  *out;

    out = fopen(name, "w");

    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0) {
        ok(false, "writing %s", name);
    }
}


static void
leave(void *data, const endpoints_leaving_t *pod)
{
    (void) data;

    nleaving++;
    leaving = *pod;
}
