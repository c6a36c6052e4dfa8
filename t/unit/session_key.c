/*
 * Files of session keys: what is right in them, what is not, and that no
 * finding repeats a key.
 */

#include "mcp_session.h"

#include "tap.h"

#include <stdlib.h>
#include <unistd.h>


#define EXPECTED  ", expected a line as \"mcp-tenant session-key\" prints it\n"


typedef struct {
    const char  *name;
    const char  *text;          /* "1" to "9" stand for keys */
    size_t       count;
    const char  *findings;
} key_case_t;


static void test_generate(void);
static void test_cases(void);
static void test_file(void);
static bool parse(const char *text, size_t len, char *ret_findings);
static size_t expand(const char *text, char *ret_text);


static char                line[10][MCP_SESSION_KEY_LEN + 1];
static mcp_session_keys_t  keys;

static const key_case_t  cases[] = {
    { "one key", "1\n", 1, "" },
    { "no line feed at the end", "1", 1, "" },
    { "some keys, comments, empty lines", "# new\n1\r\n\n#2\n  \n3 \n", 2,
      "" },
    { "eight keys", "1\n2\n3\n4\n5\n6\n7\n8\n", 8, "" },
    { "an empty file", "", 0, "k:1:1: found no session key" EXPECTED },
    { "comments only", "#\n#1\n", 0,
      "k:1:1: found no session key" EXPECTED },
    { "nine keys", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", 0,
      "k:9:1: found more than 8 session keys, expected fewer: old ones only "
      "open what they sealed\n" },
    { "a key twice", "1\n2\n1\n", 0,
      "k:3:1: found a session key again, expected each key once\n" },
    { "another text", "1\nsecret\n", 0,
      "k:2:1: found a line that is no session key" EXPECTED },
    { "an indented key", " 1\n", 0,
      "k:1:1: found a line that is no session key" EXPECTED },
    { "two keys in a line", "1 2\n", 0,
      "k:1:1: found a session key that is too long" EXPECTED },
    { "half a key", "mcps_abc\n", 0,
      "k:1:1: found a session key that is too short" EXPECTED },
    { "each mistake", "x\n1\ny", 0,
      "k:1:1: found a line that is no session key" EXPECTED
      "k:3:1: found a line that is no session key" EXPECTED }
};


int
main(void)
{
    test_generate();
    test_cases();
    test_file();

    return done();
}


static void
test_generate(void)
{
    size_t  i, n, wrong;
    char    text[MCP_SESSION_KEY_LEN + 1], findings[4096];

    for (i = 1; i < 10; i++) {
        (void) mcp_session_key_generate(line[i]);
    }

    ok(strlen(line[1]) == MCP_SESSION_KEY_LEN
       && strncmp(line[1], "mcps_", 5) == 0, "a key");
    ok(strcmp(line[1], line[2]) != 0, "no key comes twice");

    wrong = 0;

    for (i = 0; i < MCP_SESSION_KEY_LEN; i++) {
        for (n = 1; n < 128; n <<= 1) {
            memcpy(text, line[1], sizeof(text));
            text[i] ^= (char) n;

            wrong += parse(text, MCP_SESSION_KEY_LEN, findings);
            wrong += strstr(findings, text + 10) != NULL;
        }
    }

    is_int((long long) wrong, 0, "one wrong bit is found, and not told");

    ok(parse(line[1], MCP_SESSION_KEY_LEN, findings)
       && keys.keys[0][0] + keys.keys[0][1] + keys.keys[0][31] > 0,
       "a right one is taken");
}


static void
test_cases(void)
{
    char               text[1024], findings[4096];
    size_t             i, len;
    const key_case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        len = expand(c->text, text);

        ok(parse(text, len, findings) == (c->count > 0), "%s", c->name);
        is_str(findings, c->findings, "what is told of it");
        is_int((long long) keys.count, (long long) c->count, "its keys");
    }
}


static void
test_file(void)
{
    int            fd;
    char           path[] = "/tmp/mcp_session_key.XXXXXX";
    mcp_report_t  *report;

    fd = mkstemp(path);
    report = mcp_report_new();

    ok(fd != -1 && write(fd, line[1], MCP_SESSION_KEY_LEN)
                   == (ssize_t) MCP_SESSION_KEY_LEN
       && mcp_session_keys_read(path, report, &keys) && keys.count == 1,
       "a file is read");

    (void) close(fd);
    (void) unlink(path);

    ok(!mcp_session_keys_read(path, report, &keys), "one that is missing");
    ok(strstr(mcp_report_line(report, 0, NULL),
              ":1:1: the file of session keys cannot be opened: No such file")
       != NULL, "and why");

    mcp_report_free(report);
}


static bool
parse(const char *text, size_t len, char *ret_findings)
{
    char          *copy;
    bool           fine;
    size_t         i;
    mcp_report_t  *report;

    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);

    report = mcp_report_new();
    fine = mcp_session_keys_parse("k", copy, len, report, &keys);
    ret_findings[0] = '\0';

    for (i = 0; i < mcp_report_lines(report); i++) {
        strcat(ret_findings, mcp_report_line(report, i, NULL));
        strcat(ret_findings, "\n");
    }

    mcp_report_free(report);
    free(copy);

    return fine;
}


static size_t
expand(const char *text, char *ret_text)
{
    char  *p;

    for (p = ret_text; *text; text++) {
        if (*text >= '1' && *text <= '9') {
            p = stpcpy(p, line[*text - '0']);

        } else {
            *p++ = *text;
        }
    }

    return (size_t) (p - ret_text);
}
