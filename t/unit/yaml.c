/*
 * YAML to nodes: places, the subset, and files made to break the reader.
 */

#include "config_case.h"
#include "mcp_yaml.h"


typedef struct {
    const char  *name;
    const char  *text;
    size_t       len;
    const char  *findings;
} yaml_case_t;

#define yaml_text(text)  text, sizeof(text) - 1


static const yaml_case_t  cases[] = {
    { "a byte order mark", yaml_text("\xef\xbb\xbf" "a: 1\n"), "" },
    { "a document start and end", yaml_text("---\na: 1\n...\n"), "" },
    { "lines that end in CR LF", yaml_text("a: 1\r\nb: 2\r\n"), "" },
    { "no line feed at the end", yaml_text("a: 1"), "" },
    { "UTF-16", yaml_text("\xff\xfe" "a\0:\0 \0" "1\0"),
      "f:1:1: found bytes that are no text (invalid leading UTF-8 octet), "
      "expected UTF-8 without control characters\n" },
    { "a NUL", yaml_text("a: 1\nb\0: 2\n"),
      "f:2:2: found bytes that are no text (control characters are not "
      "allowed), expected UTF-8 without control characters\n" },
    { "broken UTF-8", yaml_text("a: \xc3\x28\n"),
      "f:1:5: found bytes that are no text (invalid trailing UTF-8 octet), "
      "expected UTF-8 without control characters\n" },
    { "overlong UTF-8", yaml_text("a: \xc0\xaf\n"),
      "f:1:4: found bytes that are no text (invalid length of a UTF-8 "
      "sequence), expected UTF-8 without control characters\n" },
    { "a surrogate in UTF-8", yaml_text("a: \xed\xa0\x80\n"),
      "f:1:4: found bytes that are no text (invalid Unicode character), "
      "expected UTF-8 without control characters\n" },
    { "columns are characters", yaml_text("\xc3\xa9: &x 1\n"),
      "f:1:4: found an anchor (&), expected the value alone\n" },
    { "a duplicate key that is quoted", yaml_text("a: 1\n\"a\": 2\n"),
      "f:2:1: found \"a\" again, expected it once: it stands in line 1 "
      "already\n" },
    { "a mapping as a key", yaml_text("{{a: b}: c, d: e}\n"),
      "f:1:2: found a mapping as a key, expected a word\n" },
    { "what a list as a key hides", yaml_text("{[a, *y]: *x, d: *z}\n"),
      "f:1:2: found a list as a key, expected a word\n"
      "f:1:18: found an alias (*), expected the value itself\n" },
    { "what a duplicate key hides",
      yaml_text("a: 1\na: {b: *x, c: [*y]}\nd: *z\n"),
      "f:2:1: found \"a\" again, expected it once: it stands in line 1 "
      "already\n"
      "f:3:4: found an alias (*), expected the value itself\n" },
    { "an alias bomb",
      yaml_text("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
      "f:1:4: found an anchor (&), expected the value alone\n"
      "f:2:4: found an anchor (&), expected the value alone\n"
      "f:2:8: found an alias (*), expected the value itself\n"
      "f:2:12: found an alias (*), expected the value itself\n"
      "f:3:5: found an alias (*), expected the value itself\n"
      "f:3:9: found an alias (*), expected the value itself\n" },
    { "a %TAG directive", yaml_text("%TAG ! tag:x,2000:\n--- !y\na: 1\n"),
      "f:2:5: found a tag (!), expected the value alone\n" },
    { NULL, NULL, 0, NULL }
};


static char *parse(const char *text, size_t len, mcp_yaml_node_t **ret_root,
    mcp_arena_t **ret_arena);
static void subset(void);
static void tree(void);
static void large(void);


int
main(void)
{
    subset();
    tree();
    large();

    return done();
}


static char *
parse(const char *text, size_t len, mcp_yaml_node_t **ret_root,
    mcp_arena_t **ret_arena)
{
    int            rc;
    char          *findings;
    mcp_arena_t   *arena;
    mcp_report_t  *report;

    arena = mcp_arena_new();
    report = mcp_report_new();

    rc = mcp_yaml_parse(arena, "f", text, len, report, ret_root);
    findings = config_report_text(report);

    if ((rc == MCP_OK) != (*findings == '\0')) {
        ok(false, "the result fits the findings");
    }

    mcp_report_free(report);

    if (ret_arena) {
        *ret_arena = arena;

    } else {
        mcp_arena_free(arena);
    }

    return findings;
}


static void
subset(void)
{
    char               *findings;
    mcp_yaml_node_t    *root;
    const yaml_case_t  *one;

    for (one = cases; one->name; one++) {
        findings = parse(one->text, one->len, &root, NULL);
        is_str(findings, one->findings, one->name);
        free(findings);
    }
}


static void
tree(void)
{
    char             *findings;
    mcp_arena_t      *arena;
    mcp_yaml_node_t  *root, *node;

    static const char  text[] = "# top\na: one\n'b':\n  - x\n  - \"5\"\nc:\n";

    findings = parse(text, sizeof(text) - 1, &root, &arena);
    is_str(findings, "", "a small tree");
    free(findings);

    is_int(root->kind, MCP_YAML_MAPPING, "its root is a mapping");
    is_int(root->line, 2, "in line 2");
    is_int(root->nchildren, 3, "with 3 children");

    node = root->children;
    is_str(node->key.data, "a", "the first key");
    is_str(node->value.data, "one", "the first value");
    ok(node->plain, "is plain");
    is_int(node->key_column, 1, "the column of the key");
    is_int(node->column, 4, "the column of the value");

    node = node->next;
    is_int(node->kind, MCP_YAML_SEQUENCE, "then a list");
    is_int(node->line, 4, "in line 4");
    is_int(node->key_line, 3, "its key in line 3");
    is_int(node->children->next->column, 5, "the second item");
    ok(!node->children->next->plain, "is quoted");

    node = node->next;
    ok(mcp_yaml_is_null(node), "the last is null");
    ok(node->next == NULL, "and nothing follows");

    mcp_arena_free(arena);

    findings = parse("a: [x, {b: 1", 12, &root, &arena);
    ok(*findings != '\0', "a file that breaks off is a mistake");
    free(findings);

    ok(root && root->partial, "what was open is partial");
    ok(root->children->partial && root->children->children->next->partial,
       "down to the last");
    ok(!root->children->children->partial, "what was whole is not");

    mcp_arena_free(arena);

    findings = parse(" # c\n", 5, &root, NULL);
    ok(*findings == '\0' && root == NULL, "a file without a document");
    free(findings);
}


/* Files made to be slow, deep or full of mistakes. */
static void
large(void)
{
    char             *text, *findings;
    size_t            i, n, len;
    mcp_yaml_node_t  *root;

    n = 100000;
    text = malloc(n * 32);

    memset(text, '[', n);
    findings = parse(text, n, &root, NULL);
    is_str(findings, "f:1:33: found more than 32 levels of lists and mappings "
           "inside each other, expected at most 32\n", "100,000 levels");
    free(findings);

    for (i = 0, len = 0; i < 40; i++) {
        len += (size_t) sprintf(text + len, "%*sa:\n", (int) i, "");
    }

    findings = parse(text, len, &root, NULL);
    ok(strstr(findings, "found more than 32 levels") != NULL,
       "40 levels of a block");
    free(findings);

    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    findings = parse(text, 64, &root, NULL);
    is_str(findings, "", "32 levels are fine");
    free(findings);

    for (i = 0, len = 0; i < n; i++) {
        len += (size_t) sprintf(text + len, "k%zu: 1\n", i);
    }

    len += (size_t) sprintf(text + len, "k5: 1\nk99999: 1\n");

    findings = parse(text, len, &root, NULL);
    is_str(findings,
           "f:100001:1: found \"k5\" again, expected it once: it stands in "
           "line 6 already\n"
           "f:100002:1: found \"k99999\" again, expected it once: it stands "
           "in line 100000 already\n", "duplicates among 100,000 keys");
    free(findings);

    for (i = 0, len = 0; i < n; i++) {
        len += (size_t) sprintf(text + len, "%%TAG !%zu! x\n", i);
    }

    findings = parse(text, len, &root, NULL);
    is_str(findings, "f:1:1: found more than 16 times %TAG, expected none\n",
           "100,000 %TAG directives");
    free(findings);

    text[0] = '[';

    for (i = 0, len = 1; i < n; i++) {
        len += (size_t) sprintf(text + len, "*a, ");
    }

    findings = parse(text, len, &root, NULL);
    ok(strstr(findings, "found 1000 mistakes up to here") != NULL,
       "a file full of mistakes is given up");
    free(findings);

    free(text);
}
