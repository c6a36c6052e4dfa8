/*
 * The filter of lists: what it takes out, that every other byte stays, and
 * that it fails closed.  Each case is fed in pieces of every size.
 */

#include "filter_run.h"

#include "tap.h"


#define LIST(list)     "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{" list "}}"
#define TOOL(name)     "{\"name\":\"" name "\"}"


typedef struct {
    const char  *name;
    const char  *body;
    const char  *expected;          /* NULL: it fails; "": the same */
} filter_case_t;


static void test_cases(mcp_filter_framing_e framing,
    const filter_case_t *cases, size_t n);
static bool pieces_agree(mcp_filter_framing_e framing, const char *body,
    const filter_outcome_t *whole);
static void test_at_once(void);
static void test_closed(void);
static void test_answers(void);
static void answer_is(const char *body, bool is_error, bool has_code,
    int64_t code);
static void test_look(void);
static void test_limits(void);
static void test_fails(void);
static int no_output(void *data, const char *text, size_t len);


static const filter_case_t  json_cases[] = {
    { "no body", "", "" },
    { "a space", " \n", "" },
    { "nothing hidden", LIST("\"tools\":[" TOOL("a") ", " TOOL("b") "]"),
      "" },
    { "an empty list", LIST("\"tools\":[ ]"), "" },
    { "the first", LIST("\"tools\":[" TOOL("hidden") "," TOOL("b") "]"),
      LIST("\"tools\":[" TOOL("b") "]") },
    { "the last", LIST("\"tools\":[" TOOL("a") "," TOOL("hidden") "]"),
      LIST("\"tools\":[" TOOL("a") "]") },
    { "one in between",
      LIST("\"tools\":[" TOOL("a") "," TOOL("hidden") "," TOOL("b") "]"),
      LIST("\"tools\":[" TOOL("a") "," TOOL("b") "]") },
    { "the first two",
      LIST("\"tools\":[" TOOL("hidden") "," TOOL("hidden2") "," TOOL("b")
           "]"),
      LIST("\"tools\":[" TOOL("b") "]") },
    { "all of a page, its cursor stays",
      LIST("\"tools\":[" TOOL("hidden") "],\"nextCursor\":\"\""),
      LIST("\"tools\":[],\"nextCursor\":\"\"") },
    { "white space stays",
      LIST(" \"tools\" : [\n " TOOL("hidden") " ,\n " TOOL("b") " \n] "),
      LIST(" \"tools\" : [ \n " TOOL("b") " \n] ") },
    { "all with white space", LIST("\"tools\":[ " TOOL("hidden") " ]"),
      LIST("\"tools\":[ ]") },
    { "other members of an entry",
      LIST("\"tools\":[{\"inputSchema\":{\"name\":\"hidden\",\"x\":[1,{}]},"
           "\"name\":\"a\",\"x\":\"hidden\"}]"), "" },
    { "a name that comes last",
      LIST("\"tools\":[{\"inputSchema\":{\"name\":\"a\"},\"x\":[\"]\"],"
           "\"name\":\"hidden\"}]"), LIST("\"tools\":[]") },
    { "an escaped name",
      LIST("\"tools\":[{\"n\\u0061me\":\"\\u0068idden\"}]"),
      LIST("\"tools\":[]") },
    { "escaped keys above",
      "{\"r\\u0065sult\":{\"\\u0074ools\":[" TOOL("hidden") "]}}",
      "{\"r\\u0065sult\":{\"\\u0074ools\":[]}}" },
    { "a name twice",
      LIST("\"tools\":[{\"name\":\"a\",\"name\":\"b\"}," TOOL("b") "]"),
      LIST("\"tools\":[" TOOL("b") "]") },
    { "no name, and no entry",
      LIST("\"tools\":[{},{\"name\":1},{\"name\":null},{\"uri\":\"a\"},"
           "[{\"name\":\"a\"},[" TOOL("a") "]],\"a,b\",1,-1.5e3,true,null,"
           TOOL("a") "]"), LIST("\"tools\":[" TOOL("a") "]") },
    { "scalars with white space",
      LIST("\"tools\":[ 1 , \",\" , 2 ]"), LIST("\"tools\":[ ]") },
    { "prompts, resources and templates",
      LIST("\"prompts\":[" TOOL("hidden") "],"
           "\"resources\":[{\"uri\":\"hidden:\"},{\"uri\":\"a:\","
           "\"name\":\"hidden\"}],\"resourceTemplates\":[{\"uriTemplate\":"
           "\"hidden{x}\"},{\"uriTemplate\":\"a{x}\",\"uri\":\"hidden\"}]"),
      LIST("\"prompts\":[],"
           "\"resources\":[{\"uri\":\"a:\","
           "\"name\":\"hidden\"}],\"resourceTemplates\":["
           "{\"uriTemplate\":\"a{x}\",\"uri\":\"hidden\"}]") },
    { "a list twice",
      LIST("\"tools\":[" TOOL("hidden") "],\"tools\":[" TOOL("hidden") "]"),
      LIST("\"tools\":[],\"tools\":[]") },
    { "a result twice",
      "{\"result\":{},\"result\":{\"tools\":[" TOOL("hidden") "]}}",
      "{\"result\":{},\"result\":{\"tools\":[]}}" },
    { "lists elsewhere",
      "{\"tools\":[" TOOL("hidden") "],\"params\":{\"tools\":["
      TOOL("hidden") "]},\"result\":{\"x\":{\"tools\":[" TOOL("hidden")
      "]},\"capabilities\":{\"tools\":{}}}}", "" },
    { "what is no list", LIST("\"tools\":{\"name\":\"hidden\"}"), "" },
    { "a notification",
      "{\"method\":\"notifications/progress\",\"params\":{\"a\":1}}", "" },
    { "an error", "{\"id\":1,\"error\":{\"code\":-32602}}", "" },
    { "a batch",
      "[" LIST("\"tools\":[" TOOL("hidden") "]") ",{\"method\":\"m\"},1,[],"
      LIST("\"prompts\":[" TOOL("hidden") "," TOOL("b") "]") "]",
      "[" LIST("\"tools\":[]") ",{\"method\":\"m\"},1,[],"
      LIST("\"prompts\":[" TOOL("b") "]") "]" },
    { "a batch in a batch is no message",
      "[[" LIST("\"tools\":[" TOOL("hidden") "]") "]]", "" },
    { "cacheScope before and behind",
      LIST("\"cacheScope\":\"public\",\"tools\":[],\"cacheScope\" : "
           "\"p\\u0075blic\" "),
      LIST("\"cacheScope\":\"private\",\"tools\":[],\"cacheScope\" : "
           "\"private\" ") },
    { "cacheScope of one written otherwise",
      LIST("\"cacheScope\":\"privat\\u0065\",\"cacheScope\":\"\","
           "\"cacheScope\": 1 ,\"cacheScope\":null,\"cacheScope\":{\"a\":1},"
           "\"cacheScope\":[1],\"cacheScope\":\"private, really\""),
      LIST("\"cacheScope\":\"privat\\u0065\",\"cacheScope\":\"private\","
           "\"cacheScope\": \"private\" ,\"cacheScope\":\"private\","
           "\"cacheScope\":{\"a\":1},\"cacheScope\":[1],"
           "\"cacheScope\":\"private\"") },
    { "cacheScope elsewhere",
      "{\"cacheScope\":\"public\",\"result\":{\"_meta\":{\"cacheScope\":"
      "\"public\"}}}", "" },
    { "no JSON", "<html>", NULL },
    { "a scalar", "1", NULL },
    { "a byte order mark", "\xef\xbb\xbf{}", NULL },
    { "an early end", "{\"result\":{\"tools\":[" TOOL("a"), NULL },
    { "an early end of all", "{\"a\":1", NULL },
    { "an unpaired surrogate", LIST("\"x\":\"\\ud800\""), NULL },
    { "two texts", "{}{}", NULL },
    { "a trailing comma", LIST("\"tools\":[" TOOL("hidden") ",]"), NULL },
    { "two commas", LIST("\"tools\":[" TOOL("hidden") ",," TOOL("a") "]"),
      NULL }
};

static const filter_case_t  sse_cases[] = {
    { "no stream", "", "" },
    { "nothing but comments", ": a\n\n:\n\r\n\r\n\r\r", "" },
    { "an event of each line ending",
      "data: " LIST("\"tools\":[" TOOL("hidden") "]") "\n\n"
      "data:" LIST("\"tools\":[" TOOL("hidden") "]") "\r\n\r\n"
      "data:  " LIST("\"tools\":[" TOOL("hidden") "]") "\r\r",
      "data: " LIST("\"tools\":[]") "\n\n"
      "data:" LIST("\"tools\":[]") "\r\n\r\n"
      "data:  " LIST("\"tools\":[]") "\r\r" },
    { "other lines of an event stay",
      "id: 7\nretry: 1\ndata\n\nevent: message\ndata: {\"method\":\"m\"}\n"
      "id: 8\n\n: ping\n\nid: 9\ndata: "
      LIST("\"tools\":[" TOOL("hidden") "]") "\nevent: message\n\n",
      "id: 7\nretry: 1\ndata\n\nevent: message\ndata: {\"method\":\"m\"}\n"
      "id: 8\n\n: ping\n\nid: 9\ndata: "
      LIST("\"tools\":[]") "\nevent: message\n\n" },
    { "data of many lines",
      "data: {\"result\":\ndata: {\"tools\":[\r\ndata:" TOOL("hidden")
      "\r: a, b\rdata: ,\nid: 1\ndata: {\"name\"\ndata:\ndata: :\"b\"\n"
      "data: } ] } }\n\n",
      "data: {\"result\":\ndata: {\"tools\":[\r\ndata:"
      "\r: a, b\rdata: \nid: 1\ndata: {\"name\"\ndata:\ndata: :\"b\"\n"
      "data: } ] } }\n\n" },
    { "hidden over many lines",
      "data: {\"result\":{\"tools\":[{\ndata: \"name\":\nid: x\ndata: "
      "\"hidden\"\ndata: }\ndata: ]}}\n\n",
      "data: {\"result\":{\"tools\":[\ndata: \nid: x\ndata: \ndata: \n"
      "data: ]}}\n\n" },
    { "numbers that a line ends",
      "data: {\"result\":{\"cacheScope\":1\ndata: ,\"tools\":[1\ndata: ,2\n"
      "data: ," TOOL("a") "]}}\n\n",
      "data: {\"result\":{\"cacheScope\":\"private\"\ndata: ,\"tools\":[\n"
      "data: \ndata: " TOOL("a") "]}}\n\n" },
    { "a byte order mark",
      "\xef\xbb\xbf" "data: " LIST("\"tools\":[" TOOL("hidden") "]") "\n\n",
      "\xef\xbb\xbf" "data: " LIST("\"tools\":[]") "\n\n" },
    { "half of one",
      "\xef\xbb" "data: " LIST("\"tools\":[" TOOL("hidden") "]") "\n\n"
      "\xef\xbb\xbf" "data: x\n\n", "" },
    { "fields that are not data",
      "Data: {\n\ndat: {\n\ndata : {\n\n data: {\n\ndatas: {\n\ndata2\n\n"
      "\xef\xbb\xbf" "data: {\n\n", "" },
    { "events that are no message",
      "event: endpoint\ndata: /messages?a={\n\ndata: 1\n\ndata: \"{\"\n\n"
      "data: \xef\xbb\xbf{}\n\ndata:\ndata: x\ndata: {\n\n", "" },
    { "blank data", "data: \ndata:  \n\n", "" },
    { "an event that the end cuts off",
      "data: {}\n\ndata: {\"result\":{\"tools\":[" TOOL("hidden") "]}}\n",
      "data: {}\n\ndata: {\"result\":{\"tools\":[]}}\n" },
    { "an event that is no JSON", "data: {}\n\ndata: {x\n\n", NULL },
    { "an event that ends early", "data: {\n\n", NULL },
    { "a line within a string", "data: {\"a\ndata: b\":1}\n\n", NULL },
    { "a line within a word", "data: [tru\ndata: e]\n\n", NULL },
    { "two messages in one event", "data: {}\ndata: {}\n\n", NULL }
};


int
main(void)
{
    test_cases(MCP_FILTER_JSON, json_cases,
               sizeof(json_cases) / sizeof(json_cases[0]));
    test_cases(MCP_FILTER_SSE, sse_cases,
               sizeof(sse_cases) / sizeof(sse_cases[0]));
    test_at_once();
    test_closed();
    test_answers();
    test_look();
    test_limits();
    test_fails();

    return done();
}


static void
test_cases(mcp_filter_framing_e framing, const filter_case_t *cases, size_t n)
{
    size_t            i;
    const char       *expected;
    filter_outcome_t  whole;

    for (i = 0; i < n; i++) {
        filter_run(framing, false, cases[i].body, strlen(cases[i].body),
                   SIZE_MAX, 0, &whole);

        expected = cases[i].expected;

        if (expected == NULL) {
            ok(whole.rc != MCP_OK && whole.error, "%s: fails (%s)",
               cases[i].name, whole.error ? whole.error : "");

        } else {
            ok(whole.rc == MCP_OK && whole.error == NULL, "%s",
               cases[i].name);
            is_str(whole.text, expected[0] ? expected : cases[i].body,
                   "what goes out");
        }

        ok(pieces_agree(framing, cases[i].body, &whole), "in any pieces");
        free(whole.text);
    }
}


static bool
pieces_agree(mcp_filter_framing_e framing, const char *body,
    const filter_outcome_t *whole)
{
    bool              agree;
    size_t            len, piece;
    filter_outcome_t  other;

    len = strlen(body);
    agree = true;

    for (piece = 0; piece < len + 20 && agree; piece++) {

        filter_run(framing, false, body, len, piece < len ? piece : 0,
                   (uint32_t) piece, &other);
        agree = filter_outcomes_agree(whole, &other);

        if (!agree) {
            printf("# pieces of %zu: %d '%s' (%s)\n", piece, other.rc,
                   other.text, other.error ? other.error : "");
        }

        free(other.text);
    }

    return agree;
}


/* What passes does not wait for what comes. */
static void
test_at_once(void)
{
    mcp_filter_t          *filter;
    filter_outcome_t       outcome = { 0 };
    mcp_filter_options_t   options = { MCP_FILTER_SSE, filter_allows,
                                       filter_output, &outcome };
    static const char      first[] = ": ping\nid: 1\ndata: {\"method\":";
    static const char      second[] = "\"m\"}\n\ndata: {\"result\":{\"tools\":";

    filter = mcp_filter_new(&options);

    (void) mcp_filter_feed(filter, first, sizeof(first) - 1);
    is_str(outcome.text, first, "half an event goes out at once");
    is_int((long long) outcome.pieces, 1, "in one piece");

    (void) mcp_filter_feed(filter, second, sizeof(second) - 1);
    is_str(outcome.text + sizeof(first) - 1, second, "and the rest");
    is_int((long long) outcome.pieces, 2, "in another");

    outcome.len = 0;
    (void) mcp_filter_feed(filter, "[{\"name\":\"a\"", 12);
    is_str(outcome.text, "[", "an entry waits");
    (void) mcp_filter_feed(filter, "}", 1);
    is_str(outcome.text, "[{\"name\":\"a\"}", "until it is whole");

    mcp_filter_free(filter);
    mcp_filter_free(NULL);
    free(outcome.text);
}


/* Nothing goes out after a mistake, and no event ends with one. */
static void
test_closed(void)
{
    size_t            len;
    filter_outcome_t  outcome;

    static const char  body[] = "data: {\"result\":{\"tools\":[\"\\ud800\"\n"
                                "\ndata: {}\n\n";

    filter_run(MCP_FILTER_SSE, false, body, sizeof(body) - 1, 1, 0,
               &outcome);
    is_str(outcome.text, "data: {\"result\":{\"tools\":[",
           "nothing behind a mistake");
    free(outcome.text);

    filter_run(MCP_FILTER_SSE, false, "data: {\n\ndata: {}\n\n", 19, 1, 0,
               &outcome);
    len = outcome.len;
    ok(outcome.rc != MCP_OK && len == 8,
       "an event that is not whole is not ended");
    free(outcome.text);
}


static void
test_answers(void)
{
    answer_is(LIST("\"isError\":true"), true, false, 0);
    answer_is(LIST("\"isError\":false"), false, false, 0);
    answer_is(LIST("\"isError\":\"true\""), false, false, 0);
    answer_is(LIST("\"content\":[{\"isError\":true}]"), false, false, 0);
    answer_is(LIST("\"tools\":[{\"name\":\"a\"},{\"name\":\"bc\"}]"), false,
              false, 0);
    answer_is("{\"error\":{\"message\":\"x\",\"code\":-32602}}", false, true,
              -32602);
    answer_is("{\"error\":{\"code\":429}}", false, true, 429);
    answer_is("{\"error\":{\"code\":1.5}}", false, false, 0);
    answer_is("{\"error\":{\"code\":1e3}}", false, false, 0);
    answer_is("{\"error\":{\"code\":\"1\"}}", false, false, 0);
    answer_is("{\"error\":{\"code\":-999999999999999999}}", false, true,
              -999999999999999999);
    answer_is("{\"error\":{\"code\":1000000000000000000}}", false, false, 0);
    answer_is("{\"error\":{\"data\":{\"code\":1}}}", false, false, 0);
    answer_is("{\"error\":null}", false, false, 0);
    answer_is("[" LIST("\"isError\":true") ",{\"error\":{\"code\":1}},"
              "{\"method\":\"m\"}]", false, true, 1);
}


static void
answer_is(const char *body, bool is_error, bool has_code, int64_t code)
{
    filter_outcome_t  outcome;

    filter_run(MCP_FILTER_JSON, false, body, strlen(body), 3, 0, &outcome);

    ok(outcome.rc == MCP_OK && outcome.answer.answered
       && outcome.answer.is_error == is_error
       && outcome.answer.has_code == has_code && outcome.answer.code == code,
       "the answer of %s", body);

    free(outcome.text);
}


/* To look only: the same answer, and nothing changes or fails. */
static void
test_look(void)
{
    size_t            i;
    filter_outcome_t  outcome;

    static const char *const  bodies[] = {
        LIST("\"cacheScope\":\"public\",\"tools\":[" TOOL("hidden") "]"),
        "<html>", "{x", "{", "[1,{\"a\":\"\\ud800\"}]"
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        filter_run(MCP_FILTER_JSON, true, bodies[i], strlen(bodies[i]), 2, 0,
                   &outcome);
        ok(outcome.rc == MCP_OK, "looking does not fail");
        is_str(outcome.text, bodies[i], "nor change");
        ok(outcome.answer.hidden == 0 && outcome.answer.answered == (i == 0),
           "it tells what it saw");
        free(outcome.text);
    }

    filter_run(MCP_FILTER_SSE, true, "data: {x\ndata: y\n\ndata: {\"error\":"
               "{\"code\":5}}\n\n", 44, 1, 0, &outcome);
    ok(outcome.rc == MCP_OK && outcome.len == 44 && outcome.answer.code == 5,
       "a bad event does not keep it from the next");
    free(outcome.text);
}


static void
test_limits(void)
{
    char              *body, *p;
    size_t             i, len;
    filter_outcome_t   outcome;

    body = malloc(8 * MCP_FILTER_ENTRY_MAX);

    /* "{\"name\":\"a\",\"x\":\"" is 17 bytes, "\"}" two more */

    for (i = 0; i < 2; i++) {
        p = stpcpy(body, "{\"result\":{\"tools\":[{\"name\":\"a\",\"x\":\"");
        memset(p, 'x', MCP_FILTER_ENTRY_MAX - 19 + i);
        p = stpcpy(p + MCP_FILTER_ENTRY_MAX - 19 + i, "\"}]}}");
        len = (size_t) (p - body);

        filter_run(MCP_FILTER_JSON, false, body, len, 8192, 0, &outcome);
        ok(outcome.rc == (i ? MCP_ERROR : MCP_OK)
           && (i || outcome.len == len),
           "an entry of the limit%s", i ? ", and one byte more" : "");
        free(outcome.text);
    }

    /* many entries, each far below */

    p = stpcpy(body, "{\"result\":{\"tools\":[");

    for (i = 0; i < 40000; i++) {
        p += sprintf(p, "%s{\"name\":\"%s%zu\",\"x\":\"%0*d\"}", i ? "," : "",
                     i % 2 ? "a" : "hidden", i, (int) (i % 64) + 1, 0);
    }

    p = stpcpy(p, "]}}");
    filter_run(MCP_FILTER_JSON, false, body, (size_t) (p - body), 4096, 0,
               &outcome);
    ok(outcome.rc == MCP_OK && outcome.answer.hidden == 20000
       && strstr(outcome.text, "hidden") == NULL, "a list has no limit");
    free(outcome.text);

    /* framing counts as well */

    p = stpcpy(body, "data: {\"result\":{\"tools\":[{\n");

    for (i = 0; i < MCP_FILTER_ENTRY_MAX / 4; i++) {
        p = stpcpy(p, ":xx\n");
    }

    filter_run(MCP_FILTER_SSE, false, body, (size_t) (p - body), 4096, 0,
               &outcome);
    ok(outcome.rc != MCP_OK, "comments within an entry are bounded");
    free(outcome.text);

    /* names */

    p = stpcpy(body, "{\"result\":{\"tools\":[{\"name\":\"");
    memset(p, 'x', MCP_FILTER_NAME_MAX + 1);
    p = stpcpy(p + MCP_FILTER_NAME_MAX, "\"}]}}");
    filter_run(MCP_FILTER_JSON, false, body, (size_t) (p - body), 999, 0,
               &outcome);
    ok(outcome.rc == MCP_OK && outcome.answer.hidden == 0,
       "the longest name");
    free(outcome.text);

    p = stpcpy(p - 5, "x\"}]}}");
    filter_run(MCP_FILTER_JSON, false, body, (size_t) (p - body), 999, 0,
               &outcome);
    ok(outcome.rc == MCP_OK && outcome.answer.hidden == 1,
       "a longer one is hidden");
    free(outcome.text);

    free(body);
}


static void
test_fails(void)
{
    long                   n;
    mcp_filter_t          *filter;
    filter_outcome_t       outcome = { 0 };
    mcp_filter_options_t   options = { MCP_FILTER_JSON, filter_allows,
                                       no_output, &outcome };
    static const char      body[] = LIST("\"tools\":[" TOOL("a") "]");

    filter = mcp_filter_new(&options);
    ok(mcp_filter_feed(filter, body, sizeof(body) - 1) != MCP_OK
       && mcp_filter_feed(filter, body, 1) != MCP_OK
       && mcp_filter_finish(filter) != MCP_OK, "an output that fails");
    is_str(mcp_filter_error(filter), "the output failed", "is told");
    mcp_filter_free(filter);

    options.output = filter_output;

    for (n = 0; n < 10; n++) {
        mcp_alloc_fail_at(n);
        filter = mcp_filter_new(&options);

        if (filter && mcp_filter_feed(filter, body, sizeof(body) - 1)
                      == MCP_OK)
        {
            break;
        }

        mcp_filter_free(filter);
    }

    mcp_alloc_fail_at(-1);
    mcp_filter_free(filter);
    free(outcome.text);

    is_int(n, 2, "it lacks memory cleanly");
}


static int
no_output(void *data, const char *text, size_t len)
{
    (void) data;
    (void) text;
    (void) len;

    return MCP_ERROR;
}
