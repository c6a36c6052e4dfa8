/*
 * What render prints, read back by libyaml: every text is the text it was,
 * and nothing else can be taken for it.
 */

#include "mcp_yaml.h"
#include "tap.h"
#include "yaml_out.h"

#include <stdlib.h>


#define RANDOM_TEXTS  20000


static void test_texts(void);
static void test_shapes(void);
static void test_random(void);
static bool reads_back(const json_t *json);
static bool same(const mcp_yaml_node_t *node, const json_t *json);
static bool same_text(const mcp_yaml_node_t *node, const json_t *json);
static const char *print(const json_t *json);


static char         *printed;
static mcp_arena_t  *arena;


/* Texts that YAML 1.1 or 1.2 reads as something else without quotes. */
static const char *const  texts[] = {
    "", " ", "a", "a b", "true", "False", "yes", "No", "ON", "off", "y", "N",
    "null", "Null", "~", "1", "-1", "+1", "1.5", "1e3", "0x1f", "0o7", "010",
    "1_000", "1:30", ".5", ".inf", "-.inf", ".nan", "2026-01-01",
    "2026-01-01T00:00:00Z", "a:", ":a", "a: b", "a:b", "a #b", "#a", "-", "- a",
    "-a", "?", "? a", "[a]", "{a}", "&a", "*a", "!a", "!!str", "|", ">", "%a",
    "@a", "`a", "'a'", "\"a\"", "a\"b", "a\\b", "a\nb", "a\n", "\na", "a\tb",
    "---", "...", "--- a", "<<", "=", " a", "a ", "a,b", "\xc3\xa9",
    "\xf0\x9f\x98\x80", "\xe2\x80\xa8", "a\xc2\x85" "b", "\xef\xbb\xbf" "a",
    "\xef\xbf\xbf", "\x7f", "\x01", "/healthz",
    "registry.example.com/x:1", "sha256:00", "500m", "16Gi"
};


int
main(void)
{
    test_texts();
    test_shapes();
    test_random();

    free(printed);

    return done();
}


static void
test_texts(void)
{
    size_t   i;
    json_t  *json;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json = json_pack("{s:s,s:[s,{s:s}]}", "value", texts[i], "list",
                         texts[i], "value", texts[i]);
        ok(reads_back(json), "text %zu", i);
        json_decref(json);

        /* as a key, too; an empty one is none that Kubernetes has */

        if (texts[i][0]) {
            json = json_pack("{s:s}", texts[i], "x");
            ok(reads_back(json), "key %zu", i);
            json_decref(json);
        }
    }
}


static void
test_shapes(void)
{
    json_t  *json;

    json = json_pack("{s:{s:[{s:i,s:[i,b,n]},[s,[]],{}],s:{}},s:f}",
                     "a", "b", "c", 1, "d", 2, 1, "x", "e", "f", 1.5);
    ok(json != NULL && reads_back(json), "lists in lists, and what is empty");
    json_decref(json);

    json = json_pack("{s:[{s:s,s:{s:s}},{s:s}],s:i}", "list", "name", "a",
                     "in", "deep", "b", "name", "c", "n", 0);
    is_str(print(json),
           "---\n"
           "list:\n"
           "- name: a\n"
           "  in:\n"
           "    deep: b\n"
           "- name: c\n"
           "\"n\": 0\n",
           "as kubectl prints it; a key that is a boolean to YAML 1.1 is "
           "quoted");
    json_decref(json);
}


static void
test_random(void)
{
    char      text[12];
    size_t    i, j, len, wrong;
    json_t   *json;

    static const char  bytes[] = "aZ0 :#-\"'\\\n\t[]{},&*!|>%@`?~.=<";

    srand(1);
    wrong = 0;

    for (i = 0; i < RANDOM_TEXTS; i++) {
        len = (size_t) rand() % (sizeof(text) - 1);

        for (j = 0; j < len; j++) {
            text[j] = bytes[(size_t) rand() % (sizeof(bytes) - 1)];
        }

        text[len] = '\0';
        json = json_pack("{s:[s]}", "a", text);

        if (!reads_back(json)) {
            wrong++;
            printf("# wrong: %s\n", printed);
        }

        json_decref(json);
    }

    is_int((long long) wrong, 0, "random texts");
}


static bool
reads_back(const json_t *json)
{
    bool              rc;
    mcp_report_t     *report;
    mcp_yaml_node_t  *root;

    arena = mcp_arena_new();
    report = mcp_report_new();
    (void) print(json);

    rc = mcp_yaml_parse(arena, "x", printed, strlen(printed), report, &root)
         == MCP_OK && root && same(root, json);

    mcp_report_free(report);
    mcp_arena_free(arena);

    return rc;
}


static bool
same(const mcp_yaml_node_t *node, const json_t *json)
{
    size_t                  i;
    json_t                 *value;
    const char             *key;
    const mcp_yaml_node_t  *child;

    child = node->children;

    if (json_is_array(json)) {
        json_array_foreach(json, i, value) {
            if (child == NULL || !same(child, value)) {
                return false;
            }

            child = child->next;
        }

        return node->kind == MCP_YAML_SEQUENCE && child == NULL;
    }

    if (json_is_object(json)) {
        json_object_foreach((json_t *) json, key, value) {
            if (child == NULL || child->key.len != strlen(key)
                || memcmp(child->key.data, key, child->key.len) != 0
                || !same(child, value))
            {
                return false;
            }

            child = child->next;
        }

        return node->kind == MCP_YAML_MAPPING && child == NULL;
    }

    return node->kind == MCP_YAML_SCALAR && same_text(node, json);
}


static bool
same_text(const mcp_yaml_node_t *node, const json_t *json)
{
    bool         rc;
    char        *text;
    const char  *p;

    if (!json_is_string(json)) {
        text = json_dumps(json, JSON_ENCODE_ANY);
        rc = node->plain && strlen(text) == node->value.len
             && memcmp(text, node->value.data, node->value.len) == 0;
        free(text);

        return rc;
    }

    p = json_string_value(json);

    /* Without quotes only what begins with a letter or "/" stays a text. */

    return strlen(p) == node->value.len
           && memcmp(p, node->value.data, node->value.len) == 0
           && (!node->plain
               || strspn(p, "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ/_") > 0);
}


static const char *
print(const json_t *json)
{
    FILE    *out;
    size_t   len;

    free(printed);
    printed = NULL;

    out = open_memstream(&printed, &len);
    yaml_out_document(out, json);
    (void) fclose(out);

    return printed;
}
