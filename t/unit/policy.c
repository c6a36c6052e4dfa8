/*
 * The policy on messages: rules of servers and keys, spellings of URIs, and
 * every way to a tool, a prompt or a resource.
 */

#include "image_fixture.h"
#include "mcp_glob.h"
#include "mcp_policy.h"
#include "mcp_rpc.h"
#include "mcp_uri.h"


static void test_globs(void);
static void test_slow_globs(void);
static void test_rules(void);
static void test_uris(void);
static void test_uri_forms(void);
static void test_methods(void);
static void test_names(void);
static void test_references(void);
static void test_subscriptions(void);
static void test_tasks(void);
static void test_tool_limits(void);
static void test_session_key(void);
static bool allows(const mcp_policy_t *policy, mcp_kind_e kind,
    const char *name);
static mcp_policy_verdict_e judge(const mcp_policy_t *policy,
    const char *label, const char *name, const char *uri);


/* search: all kinds of rules but prompts; of keys: none, and a narrow one */

static mcp_policy_t  search, narrow, empty_allow, deny_only, none;


int
main(void)
{
    const mcp_image_t  *image;

    image = build(&config);

    search.image = image;
    search.server = mcp_image_server(image, 0);
    narrow = search;
    narrow.key = mcp_image_key(image, 1);
    empty_allow = search;
    empty_allow.server = mcp_image_server(image, 4);
    deny_only = search;
    deny_only.server = mcp_image_server(image, 5);
    none = search;
    none.server = mcp_image_server(image, 6);

    test_globs();
    test_slow_globs();
    test_rules();
    test_uris();
    test_uri_forms();
    test_methods();
    test_names();
    test_references();
    test_subscriptions();
    test_tasks();
    test_tool_limits();
    test_session_key();

    free(built);

    return done();
}


static void
test_globs(void)
{
    size_t     i;
    mcp_str_t  pattern, name;

    static const struct {
        const char  *pattern;
        const char  *name;
        bool         matches;
    } globs[] = {
        { "read", "read", true },
        { "read", "reads", false },
        { "read", "rea", false },
        { "read", "Read", false },
        { "read", "", false },
        { "", "", true },
        { "", "a", false },
        { "*", "", true },
        { "*", "anything", true },
        { "**", "anything", true },
        { "read_*", "read_", true },
        { "read_*", "read_file", true },
        { "read_*", "write_read_file", false },
        { "read_*", "read", false },
        { "*_file", "read_file", true },
        { "*_file", "_file", true },
        { "*_file", "file", false },
        { "*_file", "read_file_", false },
        { "a*a", "a", false },
        { "a*a", "aa", true },
        { "a*b*c", "abc", true },
        { "a*b*c", "axxbxxc", true },
        { "a*b*c", "acb", false },
        { "*ab*ab*", "ab", false },
        { "*ab*ab*", "abab", true },
        { "*ab*ab", "abxab", true },
        { "*aab", "aaab", true },
        { "*ab*b", "ab", false },
        { "?", "a", false },
        { "[a]", "a", false }
    };

    for (i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
        pattern.data = globs[i].pattern;
        pattern.len = strlen(pattern.data);
        name.data = globs[i].name;
        name.len = strlen(name.data);

        ok(mcp_glob(&pattern, &name) == globs[i].matches, "'%s' %s '%s'",
           globs[i].pattern, globs[i].matches ? "is" : "is not",
           globs[i].name);
    }
}


/* One that tries every place of every star would not end in this century. */
static void
test_slow_globs(void)
{
    char        stars[129], pieces[129];
    char       *text;
    size_t      i, len;
    mcp_str_t   pattern, name;

    len = 1048576;
    text = malloc(len);
    memset(text, 'a', len);
    name.data = text;
    name.len = len;

    for (i = 0; i < 128; i += 2) {
        memcpy(stars + i, "*a", 2);
    }

    memcpy(pieces, stars, 128);
    memset(pieces + 64, 'a', 63);

    pattern.data = stars;
    pattern.len = 128;
    ok(mcp_glob(&pattern, &name), "many stars are found");

    stars[127] = 'b';
    ok(!mcp_glob(&pattern, &name), "many stars, and no end");

    pattern.data = pieces;
    pieces[127] = '*';
    pieces[126] = 'b';
    ok(!mcp_glob(&pattern, &name), "a long piece that is nearly there");

    free(text);
}


static void
test_rules(void)
{
    ok(mcp_policy_stands(&search) && mcp_policy_stands(&empty_allow)
       && mcp_policy_stands(&deny_only), "allow or deny is a policy");
    ok(!mcp_policy_stands(&none), "neither is none");

    ok(allows(&search, MCP_KIND_TOOLS, "read_file"), "allowed");
    ok(allows(&search, MCP_KIND_TOOLS, "list"), "allowed too");
    ok(!allows(&search, MCP_KIND_TOOLS, "write"), "not allowed");
    ok(!allows(&search, MCP_KIND_TOOLS, "read_secret"), "deny wins");
    ok(!allows(&search, MCP_KIND_TOOLS, ""), "nothing is not allowed");
    ok(!allows(&empty_allow, MCP_KIND_TOOLS, "read"),
       "an empty allow allows nothing");
    ok(allows(&empty_allow, MCP_KIND_PROMPTS, "read"),
       "but says nothing of other kinds");
    ok(allows(&deny_only, MCP_KIND_TOOLS, "read"),
       "deny alone allows the rest");
    ok(!allows(&deny_only, MCP_KIND_TOOLS, "a_secret"), "and denies");
    ok(allows(&none, MCP_KIND_TOOLS, "a_secret"), "no rules, no limits");

    ok(allows(&narrow, MCP_KIND_TOOLS, "read_all"), "server and key allow");
    ok(!allows(&narrow, MCP_KIND_TOOLS, "read_file"), "the key does not");
    ok(!allows(&narrow, MCP_KIND_TOOLS, "write"), "the server does not");
    ok(!allows(&narrow, MCP_KIND_TOOLS, "read_a_secret"),
       "what the key allows does not undo a deny of the server");
    ok(!allows(&narrow, MCP_KIND_PROMPTS, "hello"), "the key denies");
    ok(allows(&search, MCP_KIND_PROMPTS, "hello"), "others may");
}


static void
test_uris(void)
{
    char    longest[MCP_URI_MAX_LEN + 2];
    size_t  i;

    static const struct {
        const char  *uri;
        bool         allowed;
    } uris[] = {
        { "file:///docs/a", true },
        { "file:///docs/", true },
        { "file:///docs/a%20b", true },
        { "file:///docs/...", true },
        { "file:///docs/a..b/.c/d.", true },
        { "file:///docs/{+path}", true },
        { "file:///docs/{name}{?page}{#part}", true },
        { "file:///docs", false },
        { "file:///Docs/a", false },
        { "FILE:///docs/a", false },
        { "file:///secret", false },
        { "file:///docs/private/a", false },
        { "file:///docs/PRIVATE/a", false },
        { "file:///docs/%70rivate/a", false },
        { "file:///docs/p%72ivate%2fa", false },
        { "file:///docs//private/a", false },
        { "file:///docs/%2Fprivate/a", false },
        { "file:////docs/private/a", false },
        { "file:///docs/../secret", false },
        { "file:///docs/..", false },
        { "file:///docs/%2e%2e/secret", false },
        { "file:///docs/.%2E/secret", false },
        { "file:///docs/./private/a", false },
        { "file:///docs/%252e%252e/secret", false },
        { "file:///docs/a?/../../secret", false },
        { "file:///docs/a#/../../secret", false },
        { "file:///docs/?f=../secret", false },
        { "file:///docs\\..\\secret", false },
        { "file:///docs/a\\b", false },
        { "file:///docs/%5c..%5csecret", false },
        { "file:///docs/a\tb", false },
        { "file:///docs/a\nb", false },
        { "file:///docs/a%00b", false },
        { "file:///docs/a%0ab", false },
        { " file:///docs/a", false },
        { "file:///docs/a ", false },
        { "docs/a", false },
        { "", false },
        { "db://Rows/%20a", true },
        { "db://rows/%20a", false },
        { "db://Rows/a", false },
        { "file:///%64ocs/a", false },
        { "file:///docs/hidden/x", true },
        { "file:///docs/hidden", false },
        { "file:///docs/Hidden?x", false },
        { "file:///docs/hidden#x", false }
    };

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        ok(allows(&search, MCP_KIND_RESOURCES, uris[i].uri)
           == uris[i].allowed, "'%s' %s allowed", uris[i].uri,
           uris[i].allowed ? "is" : "is not");
    }

    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "file:///docs/", 13);
    longest[MCP_URI_MAX_LEN + 1] = '\0';
    ok(!allows(&search, MCP_KIND_RESOURCES, longest), "a longer one is not");
    longest[MCP_URI_MAX_LEN] = '\0';
    ok(allows(&search, MCP_KIND_RESOURCES, longest), "the longest URI is");
}


static void
test_uri_forms(void)
{
    size_t             i;
    mcp_str_t          pattern;
    static mcp_uri_t   uri;

    static const struct {
        const char  *uri;
        const char  *plain;
        const char  *cut;
    } forms[] = {
        { "A://B/C", "A://B/C", "a://b/c" },
        { "a:////b///c//", "a:///b/c/", "a:///b/c/" },
        { "//a//b", "/a/b", "/a/b" },
        { "a:b//c", "a:b/c", "a:b/c" },
        { "a%41%", "aA%", "aa%" },
        { "a%4", "a%4", "a%4" },
        { "a?b#c", "a?b#c", "a" },
        { "a{?b}#c", "a{?b}#c", "a{?b}" }
    };

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        ok(mcp_uri_init(&uri, forms[i].uri, strlen(forms[i].uri))
           && uri.plain.len == strlen(forms[i].plain)
           && memcmp(uri.plain.data, forms[i].plain, uri.plain.len) == 0,
           "'%s' is '%s'", forms[i].uri, forms[i].plain);
        ok(uri.folded_cut.len == strlen(forms[i].cut)
           && memcmp(uri.folded_cut.data, forms[i].cut, uri.folded_cut.len)
              == 0, "cut, '%s'", forms[i].cut);
    }

    /* a pattern that the check of the files keeps out */

    pattern.data = "a/../*";
    pattern.len = 6;
    (void) mcp_uri_init(&uri, "b", 1);

    ok(!mcp_uri_is_pattern(&pattern), "a pattern has a plain form");
    ok(!mcp_uri_is(&uri, &pattern), "one that has none allows nothing");
    ok(mcp_uri_may_be(&uri, &pattern), "and denies everything");
}


static void
test_methods(void)
{
    size_t       i, allowed, denied, unknown;
    const char  *label;

    allowed = 0;
    denied = 0;
    unknown = 0;

    for (i = 0; i < MCP_RPC_LABELS - 2; i++) {
        label = mcp_rpc_label(i);

        switch (judge(&narrow, label, NULL, NULL)) {

        case MCP_POLICY_ALLOWED:
            allowed++;
            break;

        case MCP_POLICY_DENIED:
            denied++;
            break;

        default:
            unknown++;
        }

        is_int(judge(&none, label, NULL, NULL), MCP_POLICY_ALLOWED, label);
    }

    /*
     * Denied are tools/call, prompts/get, three of resources, and completions;
     * not there five of tasks, subscriptions that may be to some, and "other".
     */

    is_int((long long) denied, 6, "what needs a name is denied without");
    is_int((long long) unknown, 7, "what is no method under rules");
    is_int((long long) allowed, MCP_RPC_LABELS - 2 - 13, "the rest passes");

    is_int(judge(&deny_only, "other", NULL, NULL), MCP_POLICY_NO_METHOD,
           "one rule is enough to deny what is not known");
    is_int(judge(&none, "other", NULL, NULL), MCP_POLICY_ALLOWED,
           "without rules it passes");
}


static void
test_names(void)
{
    is_int(judge(&search, "tools/call", "read_file", NULL),
           MCP_POLICY_ALLOWED, "a tool");
    is_int(judge(&search, "tools/call", "write", NULL), MCP_POLICY_DENIED,
           "a tool that is denied");
    is_int(judge(&search, "tools/call", NULL, "file:///docs/a"),
           MCP_POLICY_DENIED, "a tool is no uri");
    is_int(judge(&narrow, "prompts/get", "hello", NULL), MCP_POLICY_DENIED,
           "a prompt that is denied");
    is_int(judge(&narrow, "prompts/get", "other", NULL), MCP_POLICY_ALLOWED,
           "a prompt");
    is_int(judge(&search, "prompts/get", NULL, NULL), MCP_POLICY_ALLOWED,
           "without rules on prompts, the server judges");

    is_int(judge(&search, "resources/read", NULL, "file:///docs/a"),
           MCP_POLICY_ALLOWED, "a resource");
    is_int(judge(&search, "resources/read", "read_file", NULL),
           MCP_POLICY_DENIED, "a resource is no name");
    is_int(judge(&search, "resources/read", NULL, "file:///x"),
           MCP_POLICY_DENIED, "a resource that is denied");
    is_int(judge(&search, "resources/subscribe", NULL, "file:///x"),
           MCP_POLICY_DENIED, "and to subscribe to");
    is_int(judge(&search, "resources/unsubscribe", NULL, "file:///x"),
           MCP_POLICY_DENIED, "and to unsubscribe from");
}


static void
test_references(void)
{
    mcp_policy_request_t  request = { .label = "completion/complete" };

    request.ref_type = (mcp_str_t) mcp_str("ref/prompt");
    request.ref_name = (mcp_str_t) mcp_str("hello");
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_DENIED,
           "completion for a prompt that is denied");

    request.ref_name = (mcp_str_t) mcp_str("other");
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_ALLOWED,
           "for one that is not");

    request.ref_type = (mcp_str_t) mcp_str("ref/resource");
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_DENIED,
           "for a resource without its URI");

    request.ref_uri = (mcp_str_t) mcp_str("file:///{path}");
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_DENIED,
           "for a template that reaches further");

    request.ref_uri = (mcp_str_t) mcp_str("file:///docs/{path}");
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_ALLOWED,
           "for one within");

    request.ref_type = (mcp_str_t) mcp_str("ref/tool");
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_DENIED,
           "for what is not known");
    is_int(mcp_policy_judge(&deny_only, &request), MCP_POLICY_ALLOWED,
           "rules on tools do not matter here");
}


static void
test_subscriptions(void)
{
    mcp_str_t             uris[] = { S("file:///docs/a"), S("file:///x") };
    mcp_policy_request_t  request = { .label = "subscriptions/listen" };

    is_int(mcp_policy_judge(&search, &request), MCP_POLICY_DENIED,
           "subscriptions that were not read");
    is_int(mcp_policy_judge(&deny_only, &request), MCP_POLICY_ALLOWED,
           "without rules on resources they do not matter");

    request.subscriptions_read = true;
    is_int(mcp_policy_judge(&search, &request), MCP_POLICY_ALLOWED,
           "no subscriptions");

    request.subscriptions = uris;
    request.nsubscriptions = 1;
    is_int(mcp_policy_judge(&search, &request), MCP_POLICY_ALLOWED,
           "one that is allowed");

    request.nsubscriptions = 2;
    is_int(mcp_policy_judge(&search, &request), MCP_POLICY_DENIED,
           "one of two that is not");
}


static void
test_tasks(void)
{
    mcp_policy_request_t  request = { .label = "subscriptions/listen" };

    is_int(judge(&search, "tasks/list", NULL, NULL), MCP_POLICY_NO_METHOD,
           "a list of all tasks tells of calls of others");
    is_int(judge(&search, "tasks/get", NULL, NULL), MCP_POLICY_ALLOWED,
           "a task comes from a call that was allowed");
    is_int(judge(&narrow, "tasks/get", NULL, NULL), MCP_POLICY_NO_METHOD,
           "but to another key");
    is_int(judge(&narrow, "tasks/result", NULL, NULL), MCP_POLICY_NO_METHOD,
           "as its result does");

    request.subscriptions_read = true;
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_NO_METHOD,
           "to listen to tasks is to use them");
    is_int(mcp_policy_judge(&search, &request), MCP_POLICY_ALLOWED,
           "which a key without rules on tools may");

    request.no_tasks = true;
    is_int(mcp_policy_judge(&narrow, &request), MCP_POLICY_ALLOWED,
           "to listen to none is not");
}


static void
test_tool_limits(void)
{
    is_int(mcp_policy_tool_limit(&search, "read_all", 8), 0,
           "the first limit that matches");
    is_int(mcp_policy_tool_limit(&search, "read_x", 6), 1, "the second");
    is_int(mcp_policy_tool_limit(&search, "list", 4), MCP_IMAGE_NONE,
           "none");
    is_int(mcp_policy_tool_limit(&none, "read_x", 6), MCP_IMAGE_NONE,
           "not of another server");
    is_int(mcp_image_tool_limit(search.image, 1)->quotas.burst, 2,
           "and what it is");
}


static void
test_session_key(void)
{
    const mcp_image_key_t  *key;

    is_int((long long) mcp_policy_session_key(NULL), 0, "no key");
    is_int((long long) mcp_policy_session_key(
                                          mcp_image_key(search.image, 0)), 0,
           "a key that is not narrowed shares its sessions");
    ok(mcp_policy_session_key(narrow.key) == narrow.key->identity
       && narrow.key->identity != 0, "a narrowed one does not");

    key = mcp_image_key(search.image, 2);
    ok(mcp_policy_session_key(key) == key->identity,
       "nor does one with servers of its own alone");
}


static bool
allows(const mcp_policy_t *policy, mcp_kind_e kind, const char *name)
{
    return mcp_policy_allows(policy, kind, name, strlen(name));
}


static mcp_policy_verdict_e
judge(const mcp_policy_t *policy, const char *label, const char *name,
    const char *uri)
{
    mcp_policy_request_t  request = { .label = label };

    request.name.data = name;
    request.name.len = name ? strlen(name) : 0;
    request.uri.data = uri;
    request.uri.len = uri ? strlen(uri) : 0;

    return mcp_policy_judge(policy, &request);
}
