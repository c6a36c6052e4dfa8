/*
 * Which servers on demand run: started when somebody waits and max_servers
 * allows, kept while any gateway uses them, stopped after.
 */

#include "demand.h"
#include "tap.h"

#include <limits.h>
#include <stdlib.h>


static void test_take(void);
static void test_lives(void);
static void test_bad(void);
static void test_texts(void);
static void test_decide(void);
static void test_left(void);
static void test_room(void);
static void test_states(void);
static const char *take(uint64_t now_ms, const char *waiting,
    const char *in_flight, const char *idle);
static const char *text_of(const demand_gateway_t *gateway);
static const char *decide(const char *active, const char *first,
    const char *second);
static demand_gateway_t said(const char *text);


static mcp_kubernetes_t  always = { .replicas = 1 };
static mcp_kubernetes_t  demand = {
    .replicas = 1, .activation = MCP_ACTIVATION_ON_DEMAND, .idle_timeout = 60
};
static mcp_kubernetes_t  other = {
    .replicas = 1, .activation = MCP_ACTIVATION_ON_DEMAND
};

static mcp_server_t  servers[] = {
    { .id = mcp_str("a"), .kubernetes = &demand },
    { .id = mcp_str("b"), .kubernetes = &other },
    { .id = mcp_str("c"), .kubernetes = &demand },
    { .id = mcp_str("run"), .kubernetes = &always },
    { .id = mcp_str("remote") }
};

static mcp_tenant_t  tenants[] = {
    { .id = mcp_str("team-z"), .enabled = true, .servers = servers,
      .nservers = 1 },
    { .id = mcp_str("team-a"), .enabled = true, .servers = servers,
      .nservers = 5 }
};

static mcp_config_t     config = { .tenants = tenants, .ntenants = 2 };
static demand_memory_t  memory;
static demand_answer_t  answer;
static char             why[DEMAND_ERROR_LEN];

/* decide() begins at 1000, when all was needed last. */
static uint64_t         now = 1000 + DEMAND_LINGER_MS;
static unsigned         again;


int
main(void)
{
    ok(demand_is_used(&config), "servers on demand are found");
    config.ntenants = 0;
    ok(!demand_is_used(&config), "where there are some");
    config.ntenants = 2;

    test_take();
    test_lives();
    test_bad();
    test_texts();
    test_decide();
    test_left();
    test_room();
    test_states();

    demand_memory_clear(&memory);

    return done();
}


/* The answers are about server a of team-a. */
static void
test_take(void)
{
    is_str(take(1000000, "1", "0", "0"),
           "team-a a waiting\nteam-a b used\nteam-a c used\nteam-z a used\n",
           "what nobody knows of counts as used");
    is_int((long long) answer.counter, 7, "the counter");
    is_int(answer.next_seconds, 2, "and when to look again");

    is_str(take(1059000, "0", "0", "58"),
           "team-a a used\nteam-a b used\nteam-a c used\nteam-z a used\n",
           "used 58 seconds ago");
    is_int(answer.next_seconds, 1, "some are idle in a second");

    is_str(take(1060000, "0", "0", "59"), "team-a a used\nteam-a b used\n",
           "those of 60 seconds are idle");
    is_str(take(1061000, "0", "0", "60"), "team-a b used\n",
           "this one, too, after as long");
    is_str(take(1062000, "0", "2", "300"), "team-a a used\nteam-a b used\n",
           "an open stream is a use");
    is_str(take(1063000, "0", "0", "301"), "team-a a used\nteam-a b used\n",
           "also when its worker was killed and could not tell of the end");
    is_str(take(1063000, "0", "0", "0"), "team-a a used\nteam-a b used\n",
           "it has ended just now");
    is_str(take(1123000, "0", "0", "60"), "team-a b used\n",
           "and is idle later");
    is_str(take(1599000, "0", "0", "500"), "team-a b used\n",
           "10 minutes is what says nothing else");
    is_int(answer.next_seconds, 1, "which is over soon");
    is_str(take(1600000, "0", "0", "501"), "", "now");
}


/* NGINX and this program are started anew on their own. */
static void
test_lives(void)
{
    demand_memory_clear(&memory);
    (void) take(1000000, "0", "0", "10");

    is_str(take(1040000, "0", "0", "null"), "team-a a used\nteam-a b used\n"
           "team-a c used\nteam-z a used\n",
           "what a new NGINX does not know is remembered");
    is_str(take(1051000, "0", "0", "null"), "team-a b used\nteam-a c used\n"
           "team-z a used\n", "for as long as the old one would have said");

    demand_memory_clear(&memory);
    is_str(take(2000, "0", "0", "59"), "team-a a used\nteam-a b used\n"
           "team-a c used\nteam-z a used\n",
           "NGINX knows of more than this clock counts");
    is_str(take(2001, "0", "0", "60"), "team-a a used\nteam-a b used\n"
           "team-a c used\nteam-z a used\n",
           "and the clock began a moment ago");
}


static void
test_bad(void)
{
    size_t            i;
    json_t           *json;
    demand_gateway_t  gateway;

    static const char *const  texts[] = {
        "{}", "{\"counter\":-1,\"servers\":[]}",
        "{\"counter\":1,\"servers\":{}}", "{\"counter\":\"1\",\"servers\":[]}",
        "{\"counter\":1,\"servers\":[1]}",
        "{\"counter\":1,\"servers\":[{\"tenant\":\"a\",\"server\":\"b\","
        "\"waiting\":0,\"in_flight\":0,\"idle_seconds\":-1}]}",
        "{\"counter\":1,\"servers\":[{\"tenant\":\"a\",\"server\":\"b\","
        "\"waiting\":0,\"in_flight\":true,\"idle_seconds\":null}]}",
        "{\"counter\":1,\"servers\":[{\"tenant\":\"a\",\"server\":\"b\","
        "\"waiting\":\"1\",\"in_flight\":0,\"idle_seconds\":null}]}",
        "{\"counter\":1,\"servers\":[{\"tenant\":\"a0123456789012345678901234"
        "567890123456789012345678901234567890123\",\"server\":\"b\","
        "\"waiting\":1,\"in_flight\":0,\"idle_seconds\":null}]}"
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json = json_loads(texts[i], 0, NULL);
        why[0] = '\0';

        ok(demand_take(&memory, &config, json, 5000, &gateway, &answer, why)
           != MCP_OK, "no answer of NGINX: %s", texts[i]);
        ok(strncmp(why, "found ", 6) == 0 && strstr(why, ", expected "),
           "%s", why);
        json_decref(json);
    }

    is_int((long long) memory.count, 4, "and nothing is forgotten");
}


static void
test_texts(void)
{
    size_t             i;
    json_t            *json;
    demand_gateway_t   one, other;

    static const char *const  bad[] = {
        "team-a", "team-a a used", "team-a a\n", "team-a a \n",
        "team-a a use\n", "team-a a waiting \n", "team-a  a used\n",
        "\n", "team-a a used\n\n", "Team a used\n",
        ("a01234567890123456789012345678901234567890123456789012345678901234 "
         "a used\n")
    };

    one = said("team-b b used\nteam-a c waiting\nteam-a a used\n");
    is_str(text_of(&one), "team-a a used\nteam-a c waiting\nteam-b b used\n",
           "what was said, in order");

    other = said("team-a a used\nteam-a c used\nteam-b b used\n");
    ok(demand_gateway_same(&one, &one) && !demand_gateway_same(&one, &other),
       "to wait is something else than to use");
    demand_gateway_clear(&other);
    other = said("team-a a used\n");
    ok(!demand_gateway_same(&one, &other), "and one is not three");
    demand_gateway_clear(&other);

    json = json_pack("{s:{s:s}}", "data", "drained", "");
    ok(demand_decode(json, &other, why) == MCP_OK && other.count == 0,
       "one of before says nothing");
    demand_gateway_clear(&other);
    json_decref(json);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json = json_pack("{s:{s:s}}", "data", "demand", bad[i]);
        ok(demand_decode(json, &one, why) != MCP_OK, "refused: line %zu", i);
        json_decref(json);
    }

    is_int((long long) one.count, 3, "and what was said before stays");
    demand_gateway_clear(&one);
}


/* Letters of active and of the result: the servers a, b, c of team-a. */
static void
test_decide(void)
{
    is_str(decide("", "", ""), "", "nobody wants anything");
    is_str(decide("", "team-a a waiting\n", ""), "a", "somebody waits");
    is_str(decide("", "", "team-a a waiting\n"), "a", "at any gateway");
    is_str(decide("", "team-a a used\n", "team-a b used\n"), "",
           "a use starts nothing");
    is_str(decide("ab", "team-a a used\n", "team-a b waiting\n"), "ab",
           "what runs and is used goes on");
    is_str(decide("ab", "team-a b used\n", ""), "b",
           "what nobody uses is stopped");
    is_int(again, UINT_MAX, "which changes by what gateways say");

    now--;
    is_str(decide("ab", "team-a b used\n", ""), "ab",
           "but not before all could object");
    is_int(again, 1, "which is over soon");
    is_str(decide("", "", ""), "", "nothing is started by that");
    is_int(again, UINT_MAX, "nor waited for");
    now++;

    is_str(decide("abc", "team-z a used\n", ""), "",
           "a server of that name of another tenant is not meant");
    is_str(decide("", "team-a run waiting\nteam-a remote waiting\n", ""), "",
           "others are not meant either");

    tenants[1].enabled = false;
    is_str(decide("a", "team-a a waiting\nteam-a b waiting\n", ""), "",
           "a disabled tenant has none");
    tenants[1].enabled = true;
}


/* One that was stopped for long is started by a client that leaves. */
static void
test_left(void)
{
    demand_flags_t  flags, running;
    demand_times_t  times;

    flags = demand_flags_new(&config);
    running = demand_flags_new(&config);
    times = demand_times_new(&config, 1000);

    if (!ok(flags && running && times, "there is memory")) {
        return;
    }

    (void) demand_decide(&config, NULL, 0, 100000, flags, times, running);
    flags[1][0] = true;
    again = demand_decide(&config, NULL, 0, 101000, flags, times, running);

    ok(running[1][0] && again == DEMAND_LINGER_MS - 1000,
       "it is not stopped before a gateway could say that it needs it");

    free(flags);
    free(running);
    free(times);
}


/* Two of max_servers always run. */
static void
test_room(void)
{
    tenants[1].quotas.max_servers = 3;

    is_str(decide("", "team-a b waiting\nteam-a c waiting\n", ""), "b",
           "no more than max_servers");
    is_str(decide("c", "team-a b waiting\nteam-a c used\n", ""), "c",
           "those that run come first");
    is_str(decide("c", "team-a b waiting\n", ""), "",
           "what stops has its slot until it has");
    is_str(decide("", "team-a b waiting\n", ""), "b", "then the next starts");
    is_str(decide("ac", "team-a a used\nteam-a c used\n", ""), "a",
           "fewer than run: the first of the catalog");

    tenants[1].quotas.max_servers = 2;
    is_str(decide("a", "team-a a waiting\nteam-a b waiting\n", ""), "",
           "those that always run come before");
    tenants[1].quotas.max_servers = 1;
    is_str(decide("", "team-a a waiting\n", ""), "", "also over the limit");
    tenants[1].quotas.max_servers = 0;
}


static void
test_states(void)
{
    static const bool  none[5], first[5] = { true };

    is_int(demand_state(&tenants[1], 0, none), ENDPOINTS_STOPPED, "stopped");
    is_int(demand_state(&tenants[1], 0, first), ENDPOINTS_STARTING,
           "starting");

    tenants[1].quotas.max_servers = 3;
    is_int(demand_state(&tenants[1], 1, none), ENDPOINTS_STOPPED,
           "there is room for it");
    is_int(demand_state(&tenants[1], 1, first), ENDPOINTS_QUOTA_EXCEEDED,
           "there is none");
    tenants[1].quotas.max_servers = 2;
    is_int(demand_state(&tenants[1], 1, none), ENDPOINTS_QUOTA_EXCEEDED,
           "others have it always");
    tenants[1].quotas.max_servers = 0;

    tenants[1].enabled = false;
    is_int(demand_state(&tenants[1], 0, first), ENDPOINTS_STOPPED,
           "a disabled tenant's");
    tenants[1].enabled = true;
}


/* Borrowed until the next call. */
static const char *
take(uint64_t now_ms, const char *waiting, const char *in_flight,
    const char *idle)
{
    int                rc;
    char               text[512];
    json_t            *json;
    const char        *result;
    demand_gateway_t   gateway;

    (void) snprintf(text, sizeof(text), "{\"counter\":7,\"servers\":["
                    "{\"tenant\":\"gone\",\"server\":\"a\",\"waiting\":1,"
                    "\"in_flight\":0,\"idle_seconds\":0},"
                    "{\"tenant\":\"team-a\",\"server\":\"a\",\"waiting\":%s,"
                    "\"in_flight\":%s,\"idle_seconds\":%s}]}", waiting,
                    in_flight, idle);

    json = json_loads(text, 0, NULL);
    rc = demand_take(&memory, &config, json, now_ms, &gateway, &answer, why);
    json_decref(json);

    if (rc != MCP_OK) {
        return why;
    }

    result = text_of(&gateway);
    demand_gateway_clear(&gateway);

    return result;
}


/* Borrowed until the next call. */
static const char *
text_of(const demand_gateway_t *gateway)
{
    json_t       *json;

    static char  text[1024];

    json = demand_encode(gateway);
    (void) snprintf(text, sizeof(text), "%s",
                    json_string_value(json_object_get(json, "demand")));
    json_decref(json);

    return text;
}


static const char *
decide(const char *active, const char *first, const char *second)
{
    char                    *p;
    size_t                   i;
    demand_flags_t           flags, running;
    demand_times_t           times;
    demand_gateway_t         one, two;
    const demand_gateway_t  *gateways[2] = { &one, &two };

    static char              text[8];

    one = said(first);
    two = said(second);
    flags = demand_flags_new(&config);
    running = demand_flags_new(&config);
    times = demand_times_new(&config, 1000);
    p = text;

    if (flags == NULL || running == NULL || times == NULL) {
        return "no memory";
    }

    for (i = 0; i < 3; i++) {
        flags[1][i] = strchr(active, 'a' + (int) i) != NULL;
    }

    again = demand_decide(&config, gateways, 2, now, flags, times, running);

    for (i = 0; i < 5; i++) {
        if (running[1][i]) {
            *p++ = i < 3 ? (char) ('a' + i) : '?';
        }
    }

    *p = '\0';

    free(times);
    free(flags);
    free(running);
    demand_gateway_clear(&one);
    demand_gateway_clear(&two);

    return text;
}


static demand_gateway_t
said(const char *text)
{
    json_t            *json;
    demand_gateway_t   gateway = { NULL, 0 };

    json = json_pack("{s:{s:s}}", "data", "demand", text);

    if (demand_decode(json, &gateway, why) != MCP_OK) {
        ok(false, "a text of a test: %s", why);
    }

    json_decref(json);

    return gateway;
}
