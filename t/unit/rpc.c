/*
 * The JSON-RPC scanner.  Every case is fed whole, byte by byte, and in two
 * pieces split at every position; verdict, messages, id, error and offset
 * must be the same each time.
 */

#include "rpc_cases.h"
#include "rpc_key_cases.h"
#include "rpc_run.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>


#define count_of(array)  (sizeof(array) / sizeof((array)[0]))


static void test_cases(const rpc_case_t *cases, size_t count);
static void test_lengths(void);
static void length_is(const char *before, const char *unit, size_t count,
    const char *after, const char *error);
static void test_unread(void);
static void unread_is(const char *before, const char *unit, size_t count,
    const char *after, const char *what);
static void test_numbers(void);
static void number_is(const char *number, bool is_good);
static void test_random_numbers(void);
static size_t random_number(char *ret_text);
static void test_utf8(void);
static bool utf8_is_valid(const unsigned char *p, size_t len);
static void test_depth(void);
static void nested_is(const char *opening, const char *inner,
    const char *closing, size_t depth, bool is_good);
static void test_large(void);
static void test_batch_size(void);
static void test_stop(void);
static void test_offsets(void);
static void offset_is(const char *text, size_t offset, const char *error);
static void test_truncation(void);
static void test_labels(void);


int
main(void)
{
    test_cases(shape_cases, count_of(shape_cases));
    test_cases(invalid_cases, count_of(invalid_cases));
    test_cases(policy_cases, count_of(policy_cases));
    test_cases(duplicate_cases, count_of(duplicate_cases));
    test_cases(fold_cases, count_of(fold_cases));
    test_cases(syntax_cases, count_of(syntax_cases));
    test_cases(strings_cases, count_of(strings_cases));
    test_cases(batch_cases, count_of(batch_cases));

    test_lengths();
    test_unread();
    test_numbers();
    test_random_numbers();
    test_utf8();
    test_depth();
    test_large();
    test_batch_size();
    test_stop();
    test_offsets();
    test_truncation();
    test_labels();

    return done();
}


static void
test_cases(const rpc_case_t *cases, size_t count)
{
    size_t             i;
    rpc_outcome_t      whole;
    const rpc_case_t  *c;

    for (i = 0; i < count; i++) {
        c = &cases[i];

        run(c->text, c->len, c->len, c->len, 0, &whole);

        ok(whole.result == c->result
           && strcmp(whole.messages, c->messages) == 0
           && strcmp(whole.id, c->id) == 0
           && (whole.error != NULL) == (c->result != MCP_RPC_DONE)
           && whole.is_batch == (c->text[0] == '[')
           && splits_agree(c->text, c->len, 1, &whole), "%s", c->title);

        if (whole.result != c->result
            || strcmp(whole.messages, c->messages) != 0
            || strcmp(whole.id, c->id) != 0)
        {
            printf("# got %d '%s' id '%s' (%s at %zu)\n", whole.result,
                   whole.messages, whole.id,
                   whole.error ? whole.error : "no error",
                   whole.error_offset);
        }
    }
}


static void
test_lengths(void)
{
    const char  *id, *method, *name, *uri, *version;

    method = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"";
    name = PARAM "\"name\":\"";
    uri = PARAM "\"uri\":\"";
    version = META "\"" VERSION "\":\"";
    id = "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":";

    length_is(method, "a", 128, "\"}", NULL);
    length_is(method, "a", 129, "\"}", "\"method\" is longer than 128 bytes");
    length_is(name, "a", 1024, "\"}}", NULL);
    length_is(name, "a", 1025, "\"}}",
              "\"params.name\" is longer than 1024 bytes");
    length_is(name, "\\u20ac", 341, "\"}}", NULL);
    length_is(name, "\\u20ac", 342, "\"}}",
              "\"params.name\" is longer than 1024 bytes");
    length_is(uri, "a", 4096, "\"}}", NULL);
    length_is(uri, "a", 4097, "\"}}",
              "\"params.uri\" is longer than 4096 bytes");
    length_is(version, "a", 64, "\"}}}", NULL);
    length_is(version, "a", 65, "\"}}}",
              "the protocol version in \"params._meta\" is longer than 64 "
              "bytes");
    length_is(id, "1", 256, "}", NULL);
    length_is(id, "1", 257, "}", "\"id\" is longer than 256 bytes");
    length_is("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"", "a", 254,
              "\"}", NULL);
    length_is("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"", "a", 255,
              "\"}", "\"id\" is longer than 256 bytes");
    length_is(VALUE "0.", "1", 998, "}", NULL);
    length_is(VALUE "0.", "1", 999, "}",
              "a number is longer than 1000 characters");
    length_is(VALUE "0.", "1", 2000, "x",
              "a number is longer than 1000 characters");
    length_is(VALUE "1", "0", 308, "}", NULL);
    length_is(VALUE "1", "0", 309, "}",
              "a number is too large for a double");
    length_is(VALUE "0.", "0", 400, "1}", NULL);
    length_is(CALL ",\"method", "d", 100, "\":1}", NULL);
}


static void
length_is(const char *before, const char *unit, size_t count,
    const char *after, const char *error)
{
    char                  *text;
    size_t                 len;
    static rpc_outcome_t   whole;

    text = repeat(before, unit, count, after, &len);

    run(text, len, len, len, 0, &whole);

    ok((error == NULL ? whole.error == NULL
                      : whole.error && strcmp(whole.error, error) == 0)
       && (error || strchr(whole.messages, '?') == NULL)
       && splits_agree(text, len, 13, &whole),
       "%zu times %s: %s", count, unit, error ? error : "accepted");

    free(text);
}


/* What is beyond a limit is not told, nor anything that comes after it. */

static void
test_unread(void)
{
    char        *uri;
    size_t       len;
    const char  *none, *others;

    none = "request 1 m - - -;";
    others = "request 1 m - - - and others;";

    unread_is(PARAM "\"taskId\":\"", "a", 1025, "\"}}", none);
    unread_is(REF "\"type\":\"", "a", 65, "\"}}}", none);
    unread_is(REF "\"name\":\"", "a", 1025, "\"}}}", none);
    unread_is(REF "\"uri\":\"", "a", 4097, "\"}}}", none);
    unread_is(TO "\"", "a", 4097, "\",\"b\"]}}}", others);
    unread_is(TO "\"", "\\u20ac", 1366, "\"]}}}", others);

    unread_is(TO "\"a\"", ",\"b\"", 255, "]}}}", " to b to b;");
    unread_is(TO "\"a\"", ",\"b\"", 256, "]}}}", " to b to b and others;");
    unread_is(TO "\"a\"", ",\"b\"", 1000, "]}}}", " to b to b and others;");

    /* with its NUL, each takes a 32nd of the room */

    uri = repeat("\"", "a", 1023, "\",", &len);

    unread_is(TO, uri, 31, "\"b\"]}}}", "aa to b;");
    unread_is(TO, uri, 31, "\"b\",\"\"]}}}", "aa to b to '';");
    unread_is(TO, uri, 32, "\"\"]}}}", "aa and others;");
    unread_is(TO, uri, 32, "\"b\"]}}}", "aa and others;");

    free(uri);
}


/* end: what is told of the message ends in that. */

static void
unread_is(const char *before, const char *unit, size_t count,
    const char *after, const char *end)
{
    char                  *text;
    size_t                 len;
    static rpc_outcome_t   whole;

    text = repeat(before, unit, count, after, &len);

    run(text, len, len, len, 0, &whole);

    ok(whole.result == MCP_RPC_DONE && strchr(whole.messages, '?') == NULL
       && whole.messages_len >= strlen(end)
       && strcmp(whole.messages + whole.messages_len - strlen(end), end) == 0
       && splits_agree(text, len, 1 + len / 100, &whole),
       "%zu times %.20s and %s: %s", count, unit, after, end);

    free(text);
}


static void
test_numbers(void)
{
    size_t  i;

    static const char *const  good[] = {
        "0", "-0", "0.0", "-0.0e0", "1", "10", "1234567890", "0.5", "1e0",
        "1E+0", "1e-0", "1e00", "1e308", "1.7976931348623157e308",
        "1.7976931348623158e308", "-1.7976931348623157e+308",
        "17976931348623157e292", "0.00017976931348623157e312", "1e-400",
        "1e-99999999999999999999", "0e400", "0.000e99999999999999999999",
        "-0e400", "12345678901234567890123456789012345678901234567890",
        "1.797693134862315807e308"
    };

    static const char *const  bad[] = {
        "-", "+1", "01", "-01", "00", ".5", "1.", "1.e1", "1e", "1e+",
        "1e-", "1e1.5", "1.5.5", "--1", "1-1", "0x10", "1e1e1", "1_000",
        "1e400", "-1e400", "1e309", "1.8e308", "10e308", "0.1e310",
        "1.7976931348623159e308", "17976931348623159e292",
        "1e99999999999999999999", "-1e+99999999999999999999",
        "0.00018e312", "1.79769313486231580794e308", "1e+-1", "1e--1",
        "1e18446744073709551616"
    };

    for (i = 0; i < count_of(good); i++) {
        number_is(good[i], true);
    }

    for (i = 0; i < count_of(bad); i++) {
        number_is(bad[i], false);
    }
}


static void
number_is(const char *number, bool is_good)
{
    char                  text[256];
    size_t                len;
    static rpc_outcome_t  whole;

    len = (size_t) snprintf(text, sizeof(text), VALUE "[%s]}", number);

    run(text, len, len, len, 0, &whole);

    ok(whole.result == (is_good ? MCP_RPC_DONE : MCP_RPC_PARSE_ERROR)
       && splits_agree(text, len, 1, &whole),
       "the number %s is %s", number, is_good ? "one" : "none");
}


/* strtod() knows what a double holds. */

static void
test_random_numbers(void)
{
    char                  text[1200], *number;
    size_t                len;
    unsigned              i, wrong, infinite;
    mcp_rpc_result_e      expected;
    static rpc_outcome_t  whole;

    wrong = 0;
    infinite = 0;
    srand(1);

    for (i = 0; i < 20000; i++) {
        len = (size_t) snprintf(text, sizeof(text), VALUE);
        number = text + len;

        len += random_number(number);

        expected = isinf(strtod(number, NULL)) ? MCP_RPC_PARSE_ERROR
                                               : MCP_RPC_DONE;
        infinite += expected != MCP_RPC_DONE;

        text[len++] = '}';
        run(text, len, len, len, 0, &whole);

        if (whole.result != expected) {
            printf("# %.*s\n", (int) len, text);
            wrong++;
        }
    }

    ok(wrong == 0 && infinite > 1000 && infinite < 19000,
       "20000 numbers near the limit are judged as strtod() does");
}


/* Close to 2^1024 on both sides, with its point and exponent anywhere. */

static size_t
random_number(char *ret_text)
{
    int     exponent;
    size_t  len, digits, point, i;

    static const char  limit[] =
        "17976931348623158079372897140530341507993413271003782693617377898"
        "04449682927647509466490179775872070963302864166928879109465555478"
        "51940402630657488671505820681908902000708383676273854845817711531"
        "76447573027006985557136695962284291481986083493647529271907416844"
        "4365510704342711559699508093042880177904174497792";

    len = 0;
    digits = 1 + (size_t) rand() % (sizeof(limit) - 1);
    point = (size_t) rand() % digits;

    /* where the point stands behind the first digits, the exponent is less */

    exponent = 308 - (int) point + (rand() % 16 == 0) - (rand() % 16 == 0);

    for (i = 0; i < digits; i++) {
        ret_text[len++] = limit[i];

        if (i == point && i + 1 < digits) {
            ret_text[len++] = '.';
        }
    }

    if (rand() % 2) {
        i = len - 1 - (size_t) rand() % (len < 4 ? 1 : 3);

        if (ret_text[i] >= '0' && ret_text[i] < '9') {
            ret_text[i]++;
        }
    }

    return len + (size_t) sprintf(ret_text + len, "e%d", exponent);
}


/* Every lead and second byte, and the edges of the third and fourth. */

static void
test_utf8(void)
{
    char                  text[64];
    size_t                head, i, j;
    unsigned              lead, second, wrong;
    static rpc_outcome_t  whole, split;

    static const char  edges[4] = { 0x7f, (char) 0x80, (char) 0xbf,
                                    (char) 0xc0 };

    wrong = 0;
    head = (size_t) snprintf(text, sizeof(text), VALUE "\"");
    memcpy(text + head + 4, "abcd\"}", 6);

    for (lead = 0x80; lead < 0x100; lead++) {
        for (second = 0x5d; second < 0x100; second++) {
            for (i = 0; i < 16; i++) {

                text[head] = (char) lead;
                text[head + 1] = (char) second;
                text[head + 2] = edges[i & 3];
                text[head + 3] = edges[i >> 2];

                run(text, head + 10, head + 10, 1, 0, &whole);
                j = head + i % 4;
                run(text, head + 10, j, head + 10, 0, &split);

                if ((whole.result == MCP_RPC_DONE)
                    != utf8_is_valid((unsigned char *) text + head, 4)
                    || !outcomes_agree(&whole, &split))
                {
                    wrong++;
                }
            }
        }
    }

    is_int(wrong, 0, "every sequence of bytes is judged as its code says");
}


/* By the code point, not by ranges of bytes as the scanner does. */

static bool
utf8_is_valid(const unsigned char *p, size_t len)
{
    size_t     n, i;
    uint32_t   code;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    for ( ; len; p += n, len -= n) {

        n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2
            : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;

        if (n == 0 || n > len) {
            return false;
        }

        if (n == 1) {
            continue;
        }

        code = p[0] & (0xff >> (n + 1));

        for (i = 1; i < n; i++) {
            if (p[i] >> 6 != 2) {
                return false;
            }

            code = code << 6 | (p[i] & 0x3f);
        }

        if (code < least[n] || code > 0x10ffff
            || (code >= 0xd800 && code <= 0xdfff))
        {
            return false;
        }
    }

    return true;
}


static void
test_depth(void)
{
    char                  *text;
    size_t                 len;
    static rpc_outcome_t   whole;

    nested_is("[", "1", "]", 127, true);
    nested_is("[", "", "]", 127, true);
    nested_is("[", "1", "]", 128, false);
    nested_is("{\"a\":", "1", "}", 127, true);
    nested_is("{\"a\":", "1", "}", 128, false);

    text = repeat("", "[", 100000, "", &len);
    run(text, len, len, len, 0, &whole);
    ok(whole.result == MCP_RPC_PARSE_ERROR && whole.error_offset == 128,
       "100000 levels end at the 129th");
    free(text);

    text = repeat("", "{\"params\":", 100000, "", &len);
    run(text, len, 7, 7, 0, &whole);
    ok(whole.result == MCP_RPC_PARSE_ERROR
       && whole.error_offset == 128 * strlen("{\"params\":"),
       "and so do those of objects");
    free(text);
}


static void
nested_is(const char *opening, const char *inner, const char *closing,
    size_t depth, bool is_good)
{
    char                  *text, *end;
    size_t                 len;
    static rpc_outcome_t   whole;

    text = repeat(VALUE, opening, depth, inner, &len);
    end = repeat(text, closing, depth, "}", &len);

    run(end, len, len, len, 0, &whole);

    ok(whole.result == (is_good ? MCP_RPC_DONE : MCP_RPC_PARSE_ERROR)
       && splits_agree(end, len, 1, &whole),
       "%zu levels of %s within the message are %s", depth, opening,
       is_good ? "read" : "too deep");

    free(text);
    free(end);
}


static void
test_large(void)
{
    char                  *text;
    size_t                 len;
    static rpc_outcome_t   whole;

    text = repeat(PARAM "\"name\":\"a\",\"x\":\"", "0123456789", 1000000,
                  "\"}}", &len);

    run(text, len, len, len, 0, &whole);
    ok(whole.result == MCP_RPC_DONE
       && strcmp(whole.messages, "request 1 m a - -;") == 0,
       "a string of 10 MB");

    run(text, len, 1000, 4093, 0, &whole);
    ok(whole.result == MCP_RPC_DONE, "in pieces");

    text[len - 4] = '\n';
    run(text, len, len, len, 0, &whole);
    ok(whole.result == MCP_RPC_PARSE_ERROR && whole.error_offset == len - 4,
       "with a control character as its last byte");
    free(text);

    text = repeat(PARAM "\"name\":\"", "0123456789", 1000000, "\"}}", &len);
    run(text, len, len, len, 0, &whole);
    is_int(whole.result, MCP_RPC_INVALID, "a name of 10 MB");
    is_str(whole.id, "1", "with its id");
    free(text);

    text = repeat("{\"", "0123456789", 1000000, "\":1}", &len);
    run(text, len, len, 65536, 0, &whole);
    is_int(whole.result, MCP_RPC_INVALID, "a key of 10 MB");
    free(text);

    text = repeat(CALL, " ", 1000000, "}", &len);
    run(text, len, len, 65536, 0, &whole);
    is_int(whole.result, MCP_RPC_DONE, "a million blanks");
    free(text);
}


static void
test_batch_size(void)
{
    char                  *text;
    size_t                 len;
    static rpc_outcome_t   whole;

    text = repeat("[", CALL "},", 99, CALL "}]", &len);
    run(text, len, len, len, 0, &whole);
    ok(whole.result == MCP_RPC_DONE
       && whole.messages_len == 100 * strlen("request 1 m - - -;"),
       "a batch of 100");
    free(text);

    text = repeat("[", CALL "},", 100, CALL "}]", &len);
    run(text, len, len, len, 0, &whole);
    ok(whole.result == MCP_RPC_INVALID
       && strcmp(whole.error, "the batch has more than 100 elements") == 0
       && whole.messages_len == 100 * strlen("request 1 m - - -;"),
       "a batch of 101 is refused at the last");
    free(text);
}


static void
test_stop(void)
{
    static rpc_outcome_t  whole, split;
    static const char     text[] = "[" CALL "}," CALL "}," CALL "}]x";

    run(text, sizeof(text) - 1, sizeof(text), 1, 2, &whole);
    is_int(whole.result, MCP_RPC_STOPPED, "a handler may end the scan");
    is_str(whole.messages, "request 1 m - - -;", "it is called no more");
    ok(whole.error == NULL, "which is no error of the body");

    run(text, sizeof(text) - 1, 1, 1, 2, &split);
    ok(outcomes_agree(&whole, &split), "byte by byte, too");
}


static void
test_offsets(void)
{
    offset_is("", 0, "the body is empty");
    offset_is("\xef\xbb\xbf{}", 0, "a value was expected");
    offset_is("{\"a\" 1}", 5, "\":\" was expected");
    offset_is("[1,]", 3, "a value was expected");
    offset_is("[1}", 2, "\",\" or \"]\" was expected");
    offset_is("{} x", 3, "there is more after the end of the JSON text");
    offset_is("{\"a\":tru}", 8, "a word other than true, false and null");
    offset_is("[\"\\ud800x\"]", 8, "an unpaired surrogate");
    offset_is("[1e400]", 6, "a number is too large for a double");
    offset_is("{\"id\":1,\"id\":2}", 11, "\"id\" is there twice");
    offset_is("{}", 1, "\"jsonrpc\" is missing");
    offset_is("{\"a\":", 5, "the JSON text ends early");
}


static void
offset_is(const char *text, size_t offset, const char *error)
{
    size_t                len;
    static rpc_outcome_t  whole;

    len = strlen(text);
    run(text, len, len, len, 0, &whole);

    ok(whole.error && whole.error_offset == offset
       && strcmp(whole.error, error) == 0, "at byte %zu: %s", offset, error);
}


static void
test_truncation(void)
{
    size_t                len;
    unsigned              wrong;
    static rpc_outcome_t  whole;
    static const char     text[] = META "\"" VERSION "\":\"2026-07-28\"},"
                                   "\"name\":\"\\u00e9\xe2\x82\xac\","
                                   "\"x\":[-1.5e+3,true,null,{}]}}";

    wrong = 0;

    for (len = 0; len < sizeof(text) - 1; len++) {
        run(text, len, len, len, 0, &whole);
        wrong += whole.result != MCP_RPC_PARSE_ERROR;
        wrong += whole.messages_len != 0;
    }

    is_int(wrong, 0, "a body cut at any byte is no JSON and has no message");

    run(text, len, len, len, 0, &whole);
    is_int(whole.result, MCP_RPC_DONE, "the whole of it is");
}


static void
test_labels(void)
{
    size_t  i, wrong;

    static const char *const  known[] = {
        "initialize", "ping", "tools/list", "tools/call", "resources/list",
        "resources/templates/list", "resources/read", "resources/subscribe",
        "resources/unsubscribe", "prompts/list", "prompts/get",
        "completion/complete", "logging/setLevel", "tasks/get",
        "tasks/result", "tasks/list", "tasks/cancel", "tasks/update",
        "notifications/initialized", "notifications/cancelled",
        "notifications/progress", "notifications/roots/list_changed",
        "notifications/tasks/status", "server/discover",
        "subscriptions/listen"
    };

    static const char *const  unknown[] = {
        "", "tools/calls", "tools/cal", "Tools/call", "tools/call ",
        "sampling/createMessage", "response", "notifications/message", "x"
    };

    wrong = 0;

    for (i = 0; i < count_of(known); i++) {
        wrong += strcmp(mcp_rpc_method_label(known[i], strlen(known[i])),
                        known[i]) != 0;
    }

    is_int((long long) wrong, 0, "every method of MCP is its own label");

    for (i = 0; i < count_of(unknown); i++) {
        wrong += strcmp(mcp_rpc_method_label(unknown[i], strlen(unknown[i])),
                        "other") != 0;
    }

    wrong += strcmp(mcp_rpc_method_label("ping\0", 5), "other") != 0;

    is_int((long long) wrong, 0, "any other is \"other\"");

    for (i = 0; i < MCP_RPC_LABELS; i++) {
        wrong += mcp_rpc_label_number(mcp_rpc_label(i)) != i;
    }

    is_int((long long) wrong, 0, "every label has its number");
    ok(strcmp(mcp_rpc_label(mcp_rpc_label_number(NULL)), "none") == 0,
       "no label is that of no message");
}
