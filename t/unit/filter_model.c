/*
 * The filter of lists against jansson: on chance bodies, and on the same with
 * some bytes changed, what it lets out is what the model makes of it.
 */

#include "filter_model.h"

#include "tap.h"


#define BODIES     4000
#define MAX_BYTES  65536


static void test_model(mcp_filter_framing_e framing, bool changed);
static size_t make_json(void);
static size_t make_stream(void);
static void put(const char *text);
static void put_space(void);
static void put_value(unsigned depth);
static void put_message(void);
static void put_entry(void);
static void put_line_end(void);
static uint32_t chance(uint32_t n);


static uint32_t   seed = 1;
static char      *out;
static char       body[MAX_BYTES];
static bool       in_stream;


int
main(void)
{
    test_model(MCP_FILTER_JSON, false);
    test_model(MCP_FILTER_JSON, true);
    test_model(MCP_FILTER_SSE, false);
    test_model(MCP_FILTER_SSE, true);

    return done();
}


static void
test_model(mcp_filter_framing_e framing, bool changed)
{
    bool              agrees;
    size_t            i, n, len, wrong, passed, hidden;
    filter_outcome_t  outcome;

    wrong = 0;
    passed = 0;
    hidden = 0;

    for (i = 0; i < BODIES; i++) {
        len = framing == MCP_FILTER_SSE ? make_stream() : make_json();

        for (n = changed ? chance(4) + 1 : 0; n && len; n--) {
            body[chance((uint32_t) len)] = "{}[],:\"\\ \n\ru0a"[chance(14)];
        }

        filter_run(framing, false, body, len, chance(2) ? chance(64) : 0,
                   seed, &outcome);

        if (outcome.rc == MCP_OK) {
            agrees = framing == MCP_FILTER_SSE
                     ? model_stream_agrees(body, len, outcome.text,
                                           outcome.len)
                     : model_agrees(body, len, outcome.text, outcome.len);
            passed++;
            hidden += outcome.answer.hidden;

        } else {
            agrees = changed;
        }

        if (!agrees && wrong++ < 3) {
            printf("# in:  %.*s\n# out: %s\n# %s\n", (int) len, body,
                   outcome.text, outcome.error ? outcome.error : "");
        }

        free(outcome.text);
    }

    is_int((long long) wrong, 0, changed ? "changed bodies" : "bodies");
    ok(passed > BODIES / 20 && hidden > passed / 2, "%zu passed, %zu hidden",
       passed, hidden);
}


static size_t
make_json(void)
{
    unsigned  n;

    in_stream = false;
    out = body;

    if (chance(4)) {
        put_message();
        return (size_t) (out - body);
    }

    put("[");

    for (n = chance(4); n; n--) {
        put_message();

        if (n > 1) {
            put(",");
        }
    }

    put("]");

    return (size_t) (out - body);
}


static size_t
make_stream(void)
{
    unsigned  n;

    in_stream = true;
    out = body;

    for (n = chance(4) + 1; n; n--) {

        if (chance(2)) {
            put(": data: {\"result\":{\"tools\":[1]}}");
            put_line_end();
        }

        if (chance(4) == 0) {
            put("event: x");
            put_line_end();
            put("data: /plain");

        } else {
            put(chance(2) ? "data:" : "data: ");
            put_message();
        }

        put_line_end();

        if (chance(2)) {
            put("id: 5");
            put_line_end();
        }

        put_line_end();
    }

    return (size_t) (out - body);
}


static void
put(const char *text)
{
    if (out + strlen(text) + 64 < body + sizeof(body)) {
        out = stpcpy(out, text);
    }
}


static void
put_line_end(void)
{
    static const char *const  ends[] = { "\n", "\r\n", "\r" };

    /* CR and LF of two lines would be one end */

    put(ends[chance(out > body && out[-1] == '\r' ? 2 : 3)
             + (out > body && out[-1] == '\r')]);
}


static void
put_space(void)
{
    static const char *const  spaces[] = { "", "", "", " ", "\t", "  " };

    put(spaces[chance(6)]);

    if (in_stream && chance(12) == 0) {
        put_line_end();

        if (chance(3) == 0) {
            put(": , [ \"");
            put_line_end();
        }

        put(chance(2) ? "data:" : "data: ");
    }
}


static void
put_value(unsigned depth)
{
    unsigned                  n;
    static const char *const  scalars[] = {
        "1", "-2.5e3", "true", "false", "null", "\"\"", "\"hidden\"", "\"a\"",
        "\"\\u0068idden\"", "\"\\\"]\"", "\"\\ud83d\\ude00\"", "\"public\"",
        "\"private\"", "\"\xc3\xa9\"", "0", "\"{\""
    };
    static const char *const  keys[] = {
        "\"a\":", "\"b\" :", "\"name\":", "\"tools\":", "\"result\":"
    };

    put_space();
    n = chance(depth ? 8 : 6);

    if (n < 6) {
        put(scalars[chance(16)]);

    } else if (n == 6) {
        put("[");

        for (n = chance(3); n; n--) {
            put_value(depth - 1);
            put(n > 1 ? "," : "");
        }

        put("]");

    } else {
        put("{");

        for (n = chance(3) + 2; n < 5; n++) {
            put_space();
            put(keys[n]);
            put_value(depth - 1);
            put(n < 4 ? "," : "");
        }

        put("}");
    }

    put_space();
}


/* Members in any order, each once. */
static void
put_message(void)
{
    unsigned                  i, n, first;
    static const char *const  members[] = {
        "\"tools\":", "\"nextCursor\":", "\"cacheScope\":", "\"prompts\":",
        "\"resources\":", "\"isError\":", "\"resourceTempl\\u0061tes\":"
    };

    put_space();
    put("{\"jsonrpc\":\"2.0\",");

    if (chance(4) == 0) {
        put("\"method\":\"m\",");
    }

    put(chance(2) ? "\"id\":7,\"result\":" : "\"result\":");

    if (chance(10) == 0) {
        put_value(2);
        put("}");
        return;
    }

    put_space();
    put("{");
    first = chance(7);

    for (i = 0; i < 7; i++) {
        put_space();
        put(members[(first + i) % 7]);
        put_space();

        if (chance(5)) {
            put("[");

            for (n = chance(5); n; n--) {
                put_entry();
                put(n > 1 ? "," : "");
            }

            put("]");

        } else {
            put_value(2);
        }

        put_space();
        put(i < 6 ? "," : "");
    }

    put("}");
    put_space();
    put("}");
    put_space();
}


static void
put_entry(void)
{
    if (chance(5) == 0) {
        put_value(2);
        return;
    }

    put_space();
    put("{\"x\":");
    put_value(1);
    put(",");
    put_space();
    put(chance(2) ? "\"name\":" : "\"n\\u0061me\":");
    put_value(0);
    put(",\"uri\":");
    put_value(0);
    put(",\"uriTemplate\":");
    put_value(0);
    put("}");
    put_space();
}


static uint32_t
chance(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;

    return (uint32_t) (((uint64_t) (seed >> 8) * n) >> 24);
}
