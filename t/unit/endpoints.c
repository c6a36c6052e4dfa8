/* endpoints.json: what is taken, what refuses it, what an image has of it. */

#include "image_fixture.h"

#include "mcp_endpoints.h"


#define HEAD    "{\"version\": 1, \"sequence\": 17, \"tenants\": "
#define SERVER(members)                                                       \
    HEAD "{\"team-a\": {\"servers\": {\"pods\": {" members "}}}}}"
#define LIST(list)  SERVER("\"state\": \"running\", \"endpoints\": " list)


typedef struct {
    const char  *text;
    const char  *says;
} refused_t;


static void test_whole(void);
static void test_unknown(void);
static void test_reason(void);
static void test_refused(void);
static void test_sequence(void);
static void test_lists(void);
static void test_cut(void);
static void test_memory(void);
static void test_file(void);
static void test_same(void);
static void test_image(void);
static void test_image_states(void);
static void test_image_addresses(void);
static void test_image_back(void);
static void test_check(void);
static mcp_endpoints_t *parse(const char *text);
static const mcp_endpoints_server_t *find(const char *tenant,
    const char *server);
static const mcp_image_server_t *compiled(const char *text, uint32_t n);
static char *list_of(int n, const char *format);


static const char  whole[] =
    HEAD "{\"team-a\": {\"servers\": {\n"
    "  \"pods\": {\"state\": \"running\", \"reason\": \"well\",\n"
    "    \"endpoints\": [\"10.1.2.3:8080\", \"[fd00::1]:8080\"],\n"
    "    \"draining\": [\"10.1.2.4:8080\"]},\n"
    "  \"demand\": {\"state\": \"stopped\"}}},\n"
    "  \"gone\": {\"servers\": {\"x\": {\"state\": \"failed\"}}},\n"
    "  \"team-b\": {}}}\n";

static mcp_report_t     *report;
static mcp_endpoints_t  *parsed;


int
main(void)
{
    report = mcp_report_new();

    test_whole();
    test_unknown();
    test_reason();
    test_refused();
    test_sequence();
    test_lists();
    test_cut();
    test_memory();
    test_file();
    test_same();
    test_image();
    test_image_states();
    test_image_addresses();
    test_image_back();
    test_check();

    mcp_endpoints_free(parsed);
    mcp_report_free(report);
    free(built);

    return done();
}


static void
test_whole(void)
{
    char                           text[MCP_ADDRESS_TEXT_LEN];
    mcp_endpoints_t               *none;
    const mcp_endpoints_server_t  *server;

    ok(parse(whole) != NULL, "a file with everything");
    is_int((long long) mcp_endpoints_sequence(parsed), 17, "its sequence");

    server = find("team-a", "pods");

    is_int(server->state, MCP_PODS_RUNNING, "a state");
    is_str(server->reason.data, "well", "a reason");
    is_int(server->nactive, 2, "two endpoints");
    is_int(server->ndraining, 1, "one that drains");

    (void) mcp_address_text(&server->addresses[0], text);
    is_str(text, "10.1.2.3:8080", "the first");
    (void) mcp_address_text(&server->addresses[1], text);
    is_str(text, "[fd00::1]:8080", "the second");
    (void) mcp_address_text(&server->addresses[2], text);
    is_str(text, "10.1.2.4:8080", "the one that drains");

    server = find("team-a", "demand");
    is_int(server->state, MCP_PODS_STOPPED, "another state");
    is_int(server->nactive + server->ndraining, 0, "without endpoints");
    is_str(server->reason.data, "", "and without a reason");

    ok(find("gone", "x") != NULL, "a tenant that nobody knows is kept");
    ok(find("team-b", "pods") == NULL, "servers of one tenant only");
    ok(find("team-a", "x") == NULL, "a server that is not there");

    none = mcp_endpoints_new();
    is_int((long long) mcp_endpoints_sequence(none), 0, "nothing was read");
    mcp_endpoints_free(none);
    mcp_endpoints_free(NULL);
}


static void
test_unknown(void)
{
    ok(parse("{\"later\": [{\"version\": 2}], \"tenants\": {\"a\": "
             "{\"x\": {\"servers\": 1}, \"servers\": {\"s\": {\"state\": "
             "\"failed\", \"more\": null, \"zone\": {\"state\": 5}}}}}, "
             "\"sequence\": 0, \"version\": 1}") != NULL,
       "keys that are not known, in any order");
    is_int(find("a", "s")->state, MCP_PODS_FAILED, "beside those that are");

    ok(parse(HEAD "{\"a23456789012345678901234567890123456789012345678901234"
             "5678901234\": 7, \"b\": {\"servers\": {\"a2345678901234567890123"
             "45678901234567890123456789012345678901234\": [], "
             "\"c\": {\"state\": \"starting\"}}}}}") != NULL,
       "what is too long for an id is nobody's");
    ok(find("b", "c") != NULL, "and the next one is somebody's");
}


static void
test_reason(void)
{
    char  text[700], reason[400];

    memset(reason, 'r', sizeof(reason));
    reason[MCP_ENDPOINTS_REASON_MAX_LEN] = '\0';

    (void) snprintf(text, sizeof(text), SERVER("\"state\": \"failed\", "
                    "\"reason\": \"%s\""), reason);
    ok(parse(text) != NULL, "the longest reason");
    is_int((long long) find("team-a", "pods")->reason.len,
           MCP_ENDPOINTS_REASON_MAX_LEN, "is kept");

    (void) snprintf(text, sizeof(text), SERVER("\"state\": \"failed\", "
                    "\"reason\": \"%sr\""), reason);
    ok(parse(text) != NULL, "a longer one");
    is_int((long long) find("team-a", "pods")->reason.len, 0, "is not");

    ok(parse(SERVER("\"state\": \"failed\", \"reason\": \"a\\u001b[1m\""))
       != NULL, "one with control characters");
    is_int((long long) find("team-a", "pods")->reason.len, 0,
           "is not kept either");
}


static void
test_refused(void)
{
    size_t        i;
    const char   *line;

    static const refused_t  refused[] = {
        { "", "e:1:1: found an empty file, expected one that the sidecar "
          "wrote" },
        { "[]", "e:1:1: found a list as the file, expected an object" },
        { "{}", "e:1:2: found no version, expected it" },
        { "{\"version\": 1, \"sequence\": 1}",
          "e:1:29: found no tenants, expected it" },
        { "{\"version\": 1, \"tenants\": {}}",
          "e:1:29: found no sequence, expected it" },
        { "{\"version\": 2,", "e:1:14: found version 2, expected 1" },
        { "{\"version\": 1.0,", "e:1:16: found version 1.0, expected 1" },
        { "{\"version\": \"1\",",
          "e:1:15: found a text as version, expected a number" },
        { "{\"version\": 1,\n \"version\": 1}",
          "e:2:10: found \"version\" again, expected it once" },
        { "{\"version\": 1, \"sequence\": -1,", "e:1:30: found another number "
          "as sequence, expected a whole one from 0 to 2^53 - 1" },
        { "{\"version\": 1, \"sequence\": 1e3,", "e:1:31: found another number "
          "as sequence, expected a whole one from 0 to 2^53 - 1" },
        { HEAD "[]}",
          "e:1:43: found a list as tenants, expected an object" },
        { HEAD "{\"a\": 1}}",
          "e:1:50: found a number as tenants.a, expected an object" },
        { HEAD "{\"a\": {}, \"a\": {}}}",
          "e:1:55: found the tenant \"a\" again, expected it once" },
        { HEAD "{\"a\": {\"servers\": null}}}", "e:1:64: found null as "
          "tenants.a.servers, expected an object" },
        { HEAD "{\"a\": {\"servers\": {}, \"servers\": {}}}}",
          "e:1:73: found \"servers\" again, expected it once" },
        { HEAD "{\"a\": {\"servers\": {\"s\": true}}}}", "e:1:70: found true "
          "as tenants.a.servers.s, expected an object" },
        { HEAD "{\"a\": {\"servers\": {\"s\": {\"state\": \"failed\"}, "
          "\"s\": {\"state\": \"failed\"}}}}}",
          "e:1:90: found the server \"s\" again, expected it once" },
        { HEAD "{\"a\": {\"servers\": {\"s\": {}}}}}", "e:1:68: found no "
          "tenants.a.servers.s.state, expected it" },
        { HEAD "{\"A b\": {\"servers\": {\"\\n\": {}}}}}", "e:1:71: found no "
          "tenants.....servers.....state, expected it" },
        { SERVER("\"state\": \"gone\""), "e:1:90: found \"gone\" as "
          "tenants.team-a.servers.pods.state, expected running, starting, "
          "stopped, failed or quota_exceeded" },
        { SERVER("\"state\": 1"), "e:1:86: found a number as "
          "tenants.team-a.servers.pods.state, expected a text" },
        { SERVER("\"state\": \"failed\", \"state\": \"failed\""),
          "e:1:101: found \"state\" again, expected it once" },
        { SERVER("\"reason\": []"), "e:1:86: found a list as "
          "tenants.team-a.servers.pods.reason, expected a text" },
        { SERVER("\"endpoints\": \"10.1.2.3:8080\""), "e:1:103: found a text "
          "as tenants.team-a.servers.pods.endpoints, expected a list" },
        { SERVER("\"draining\": {}"), "e:1:88: found an object as "
          "tenants.team-a.servers.pods.draining, expected a list" },
        { LIST("[{}]"), "e:1:110: found an object as "
          "tenants.team-a.servers.pods.endpoints, expected a text" },
        { LIST("[\"10.1.2.3:8080\", \"10.1.2.3:8080\"]"), "e:1:141: found "
          "\"10.1.2.3:8080\" in tenants.team-a.servers.pods.endpoints again, "
          "expected it once in endpoints or draining" },
        { LIST("[\"10.1.2.3:8080\"], \"draining\": [\"10.1.2.3:8080\"]"),
          "e:1:155: found \"10.1.2.3:8080\" in "
          "tenants.team-a.servers.pods.draining again, expected it once in "
          "endpoints or draining" },
        { whole + 1, "e:1:9: found a text as the file, expected an object" }
    };

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        line = parse(refused[i].text) ? "taken"
                                      : mcp_report_line(report, 0, NULL);
        is_str(line, refused[i].says, "refused");
        is_int((long long) mcp_report_lines(report), line ? 1 : 0,
               "in one line");
    }
}


static void
test_sequence(void)
{
    ok(parse("{\"version\": 1, \"sequence\": 9007199254740991, "
             "\"tenants\": {}}") != NULL, "the largest sequence");
    is_int((long long) mcp_endpoints_sequence(parsed), 9007199254740991,
           "it");
    ok(parse("{\"version\": 1, \"sequence\": 9007199254740992, "
             "\"tenants\": {}}") == NULL, "a larger one");
    ok(parse("{\"version\": 1, \"sequence\": 99999999999999999999999, "
             "\"tenants\": {}}") == NULL, "one with many digits");
    ok(parse("{\"version\": 1, \"sequence\": 1.5, \"tenants\": {}}") == NULL,
       "a part of one");
}


static void
test_lists(void)
{
    char                           text[16384];
    size_t                         i;
    const mcp_endpoints_server_t  *server;

    static const char  *wrong[] = {
        "", ":80", "10.1.2.3", "10.1.2.3:", "10.1.2.3:0", "10.1.2.3:65536",
        "10.1.2.3:080", "10.1.2.3:+80", "10.1.2.3:80 ", " 10.1.2.3:80",
        "10.1.2:80", "10.1.2.300:80", "010.1.2.3:80", "pod.example.com:80",
        "localhost:80", "fd00::1:80", "[fd00::1]", "[fd00::1:80", "[]:80",
        "[10.1.2.3]:80", "[fd00::1]80", "fd00::1]:80", "unix:/tmp/x:80",
        "http://10.1.2.3:80", "10.1.2.3:80/x", "0x0a010203:80",
        "167838211:80", "10.1.2.3:80\\u0000"
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void) snprintf(text, sizeof(text), LIST("[\"%s\"]"), wrong[i]);
        ok(parse(text) == NULL, "no address with a port: '%s'", wrong[i]);
    }

    (void) snprintf(text, sizeof(text), LIST("[%s], \"draining\": [%s]"),
                    list_of(100, "\"10.0.0.%d:80\""),
                    list_of(100, "\"[fd00::%d]:80\""));
    ok(parse(text) != NULL, "as many as there may be");

    server = find("team-a", "pods");
    is_int(server->nactive, 100, "in use");
    is_int(server->ndraining, 100, "and draining");

    (void) snprintf(text, sizeof(text), LIST("[%s]"),
                    list_of(101, "\"10.0.0.%d:80\""));
    ok(parse(text) == NULL, "one more");
    ok(strstr(mcp_report_line(report, 0, NULL), "at most 100") != NULL,
       "says how many there may be");

    ok(parse(LIST("[\"10.1.2.3:80\", \"10.1.2.3:81\"]")) != NULL,
       "ports of one address");
}


/* Comma-separated, at most 101; the text of the last two calls lives. */
static char *
list_of(int n, const char *format)
{
    int     i;
    char   *p;

    static char      texts[2][8192];
    static unsigned  turn;

    turn ^= 1;
    p = texts[turn];

    for (i = 0; i < n; i++) {
        p += sprintf(p, format, i);
        *p++ = ',';
    }

    p[-1] = '\0';

    return texts[turn];
}


static void
test_cut(void)
{
    char    text[sizeof(whole)];
    size_t  n, taken;

    taken = 0;

    for (n = 0; n < sizeof(whole) - 2; n++) {
        memcpy(text, whole, n);
        text[n] = '\0';
        taken += parse(text) != NULL;
    }

    is_int((long long) taken, 0, "a file that is cut anywhere is refused");
}


static void
test_memory(void)
{
    long              n;
    int               rc;
    mcp_endpoints_t  *endpoints;

    for (n = 0; n < 200; n++) {
        mcp_report_clear(report);
        mcp_alloc_fail_at(n);
        rc = mcp_endpoints_parse("e", whole, sizeof(whole) - 1, report,
                                 &endpoints);
        mcp_alloc_fail_at(-1);

        if (rc == MCP_OK) {
            mcp_endpoints_free(endpoints);
            break;
        }
    }

    ok(n > 5 && n < 200, "without memory nothing is taken (%ld times)", n);
}


static void
test_file(void)
{
    mcp_report_clear(report);

    is_int(mcp_endpoints_load("t/unit/no-such-file", report, &parsed),
           MCP_ERROR, "a file that is not there");
    is_str(mcp_report_line(report, 0, NULL),
           "t/unit/no-such-file:1:1: found a file that cannot be opened: No "
           "such file or directory, expected one that the sidecar wrote",
           "says so");
}


static void
test_same(void)
{
    mcp_endpoints_t  *one, *none;

    (void) parse(whole);
    one = parsed;
    parsed = NULL;

    ok(mcp_endpoints_same(one, parse(whole)), "the same bytes");
    ok(!mcp_endpoints_same(one, parse(SERVER("\"state\": \"failed\""))),
       "others");

    none = mcp_endpoints_new();
    ok(!mcp_endpoints_same(none, none), "no bytes are no file");

    mcp_endpoints_free(none);
    mcp_endpoints_free(one);
}


static void
test_image(void)
{
    char                         text[MCP_ADDRESS_TEXT_LEN];
    uint64_t                     identity;
    const mcp_image_t           *image;
    const mcp_image_server_t    *server;
    const mcp_image_endpoint_t  *endpoint;

    server = compiled(whole, 2);
    image = built;

    ok(mcp_image_has_pods(image), "an image with pods");
    is_int((long long) mcp_image_sequence(image), 17, "the sequence");
    is_int(server->status, MCP_SERVER_READY, "a server with pods is ready");
    is_int(server->endpoints.count, 2, "has endpoints");
    is_int(server->ndraining, 1, "and one that drains behind them");
    ok(equal(text_of(image, &server->reason), "well"), "and a reason");

    endpoint = mcp_image_endpoint(image, server->endpoints.first + 2);
    (void) mcp_address_text(&endpoint->address, text);
    is_str(text, "10.1.2.4:8080", "the one that drains");
    ok(equal(text_of(image, &endpoint->authority),
             "pods.mcp-team-a.svc.cluster.local:8080"), "its Host");
    identity = endpoint->identity;

    is_int((long long) mcp_image_rows(built, MCP_IMAGE_ROWS_PODS, NULL), 4,
           "each pod has a row, and the server on demand");
    is_int(server->activation_timeout, 0, "for one that is on nobody waits");
    is_int(mcp_image_server(image, 1)->activation_timeout, 60,
           "for one on demand somebody does");

    server = compiled(LIST("[\"10.1.2.4:8080\"]"), 2);
    endpoint = mcp_image_endpoint(built, server->endpoints.first);
    ok(endpoint->identity == identity,
       "an endpoint is the same, draining or not");

    mcp_endpoints_free(pods);
    pods = NULL;
    image = build(&config);

    ok(!mcp_image_has_pods(image), "an image without");
    is_int(mcp_image_server(image, 1)->activation_timeout, 0,
           "where nobody starts pods nobody waits");
    is_int((long long) mcp_image_rows(built, MCP_IMAGE_ROWS_PODS, NULL), 0,
           "has no such rows");
    is_int(mcp_image_server(image, 2)->status, MCP_SERVER_PENDING,
           "and its server waits for a name");
}


static void
test_image_states(void)
{
    const mcp_image_server_t  *server;

    is_int(compiled(SERVER("\"state\": \"starting\""), 2)->status,
           MCP_SERVER_STARTING, "starting");
    is_int(compiled(SERVER("\"state\": \"stopped\""), 2)->status,
           MCP_SERVER_STOPPED, "stopped");
    is_int(compiled(SERVER("\"state\": \"failed\""), 2)->status,
           MCP_SERVER_FAILED, "failed");
    is_int(compiled(SERVER("\"state\": \"running\""), 2)->status,
           MCP_SERVER_PENDING, "running, but nowhere");
    is_int(compiled(SERVER("\"state\": \"quota_exceeded\""), 2)->status,
           MCP_SERVER_QUOTA_EXCEEDED, "past the quota");
    is_int(compiled(HEAD "{}}", 2)->status, MCP_SERVER_PENDING,
           "not in the file");
    is_int(compiled(SERVER("\"state\": \"starting\", \"endpoints\": "
                           "[\"10.1.2.3:8080\"]"), 2)->status,
           MCP_SERVER_READY, "an endpoint is one, whatever the state");

    server = compiled(SERVER("\"state\": \"stopped\", \"draining\": "
                             "[\"10.1.2.3:8080\"]"), 2);
    is_int(server->status, MCP_SERVER_STOPPED, "one that drains is none");
    is_int(server->ndraining, 1, "for who has no session");

    is_int(mcp_image_tenant(built, 0)->active_servers, 4,
           "a stopped server on demand does not count");
    (void) compiled(HEAD "{\"team-a\": {\"servers\": {\"demand\": {\"state\": "
                    "\"starting\"}}}}}", 1);
    is_int(mcp_image_tenant(built, 0)->active_servers, 5,
           "one that starts does");

    tenants[0].quotas.max_servers = 1;
    server = compiled(whole, 2);
    is_int(server->status, MCP_SERVER_QUOTA_EXCEEDED,
           "the quota goes before the file");
    is_int(server->endpoints.count + server->ndraining, 0, "and nowhere");
    tenants[0].quotas.max_servers = 9;
}


static void
test_image_addresses(void)
{
    mcp_cidr_t  open;

    static const char  list[] = LIST("[\"10.1.2.3:8081\", \"127.0.0.1:8080\", "
        "\"169.254.169.254:8080\", \"0.0.0.0:8080\", \"224.0.0.1:8080\", "
        "\"[::1]:8080\", \"[fe80::1]:8080\", \"[::ffff:127.0.0.1]:8080\", "
        "\"10.1.2.3:8080\"]");

    is_int(compiled(list, 2)->endpoints.count, 1,
           "addresses that pods cannot have are left out");

    (void) mcp_cidr_parse("127.0.0.0/8", 11, &open);
    options.allow = &open;
    options.nallow = 1;
    is_int(compiled(list, 2)->endpoints.count, 3, "unless they are open");
    options.nallow = 0;

    options.api_server = "10.1.2.3";
    is_int(compiled(list, 2)->endpoints.count, 0,
           "so is that of the API server");
    options.api_server = NULL;
}


/* As a master does that finds a broken file: the image has it all. */
static void
test_image_back(void)
{
    long               n;
    size_t             size;
    void              *first;
    mcp_endpoints_t   *back;
    const mcp_image_t *image;

    (void) compiled(whole, 2);

    first = built;
    size = built_size;
    built = NULL;
    image = first;

    for (n = 0; n < 100; n++) {
        mcp_alloc_fail_at(n);
        back = mcp_endpoints_of_image(image);
        mcp_alloc_fail_at(-1);

        if (back) {
            break;
        }
    }

    ok(n > 2 && n < 100, "not without memory");
    is_int((long long) mcp_endpoints_sequence(back), 17, "the sequence again");

    mcp_endpoints_free(pods);
    pods = back;
    (void) build(&config);

    is_int((long long) built_size, (long long) size, "the same image");
    is_int(mcp_image_server(built, 2)->endpoints.count, 2, "with its pods");
    is_int(mcp_image_server(built, 1)->status, MCP_SERVER_STOPPED,
           "and states");

    free(first);
    mcp_endpoints_free(pods);
    pods = NULL;
}


static void
test_check(void)
{
    mcp_report_level_e  level;

    (void) parse(SERVER("\"state\": \"running\", \"endpoints\": "
                        "[\"10.1.2.3:8081\"], \"draining\": "
                        "[\"127.0.0.1:8080\", \"10.1.2.3:8080\"]"));
    mcp_report_clear(report);
    mcp_endpoints_check(parsed, "e", &config, &options, report);

    is_int((long long) mcp_report_lines(report), 2, "two are told of");
    is_str(mcp_report_line(report, 0, &level), "e:1:1: warning: found "
           "10.1.2.3:8081 as an endpoint of server \"pods\" of tenant "
           "\"team-a\", which is of another port, expected the address of a "
           "pod, with port 8080; it is not used", "another port");
    is_int(level, MCP_REPORT_WARNING, "as a warning");
    is_str(mcp_report_line(report, 1, NULL), "e:1:1: warning: found "
           "127.0.0.1:8080 as an endpoint of server \"pods\" of tenant "
           "\"team-a\", which is a loopback address, expected the address of "
           "a pod, with port 8080; it is not used", "a loopback address");
}


static mcp_endpoints_t *
parse(const char *text)
{
    mcp_endpoints_free(parsed);
    parsed = NULL;

    mcp_report_clear(report);
    (void) mcp_endpoints_parse("e", text, strlen(text), report, &parsed);

    return parsed;
}


static const mcp_endpoints_server_t *
find(const char *tenant, const char *server)
{
    mcp_str_t  tenant_id, server_id;

    tenant_id.data = tenant;
    tenant_id.len = strlen(tenant);
    server_id.data = server;
    server_id.len = strlen(server);

    return mcp_endpoints_find(parsed, &tenant_id, &server_id);
}


/* The n-th server of the image that is built with the text. */
static const mcp_image_server_t *
compiled(const char *text, uint32_t n)
{
    if (parse(text) == NULL) {
        ok(false, "%s", mcp_report_line(report, 0, NULL));
        exit(done());
    }

    mcp_endpoints_free(pods);
    pods = parsed;
    parsed = NULL;

    return mcp_image_server(build(&config), n);
}
