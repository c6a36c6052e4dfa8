/*
 * "tools", "resources" and "prompts": which are allowed, and the limits of
 * tools.
 */

#include "mcp_rules.h"
#include "mcp_field.h"
#include "mcp_text.h"
#include "mcp_uri.h"

#include <string.h>


#define MCP_RULES_LIMITS_MAX  64


enum {
    MCP_RULES_ALLOW,
    MCP_RULES_DENY,
    MCP_RULES_LIMITS,
    MCP_RULES_KEYS
};

enum {
    MCP_RULES_MATCH,
    MCP_RULES_REQUESTS_PER_SECOND,
    MCP_RULES_BURST,
    MCP_RULES_MAX_CONCURRENT_REQUESTS,
    MCP_RULES_LIMIT_KEYS
};


static void mcp_rules_limits(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_server_t *server);
static void mcp_rules_limit(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *seen, mcp_tool_limit_t *limit);
static void mcp_rules_match(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *seen, mcp_tool_limit_t *limit);
static bool mcp_rules_is_name(const mcp_str_t *text);
static bool mcp_rules_is_uri(const mcp_str_t *text);


#define MCP_RULES_NAME  "1 to 128 visible ASCII characters such as read_*"
#define MCP_RULES_URI   "1 to 1024 visible ASCII characters such as "         \
                        "file:///docs/*, without \"\\\" and \"..\""

static const mcp_field_t  mcp_rules_server_keys[] = {
    { "allow", NULL, NULL },
    { "deny", NULL, NULL },
    { "limits", NULL, NULL }
};

static const mcp_field_t  mcp_rules_inner_keys[] = {
    { "allow", NULL, NULL },
    { "deny", NULL, NULL },
    { "limits", NULL, "found limits here, expected it in the tools of a "
                      "server only" }
};

static const mcp_field_t  mcp_rules_limit_keys[] = {
    { "match", "the tools it is for, such as \"match: search_*\"", NULL },
    { "requests_per_second", NULL, NULL },
    { "burst", NULL, NULL },
    { "max_concurrent_requests", NULL, NULL }
};


static const char *const  mcp_rules_words[MCP_KINDS] = {
    "tools", "resources", "prompts"
};

static const mcp_field_words_t  mcp_rules_patterns[MCP_KINDS][2] = {
    { { "allow", "a tool pattern", mcp_rules_is_name, MCP_RULES_NAME, false },
      { "deny", "a tool pattern", mcp_rules_is_name, MCP_RULES_NAME,
        false } },
    { { "allow", "a resource pattern", mcp_rules_is_uri, MCP_RULES_URI,
        false },
      { "deny", "a resource pattern", mcp_rules_is_uri, MCP_RULES_URI,
        false } },
    { { "allow", "a prompt pattern", mcp_rules_is_name, MCP_RULES_NAME,
        false },
      { "deny", "a prompt pattern", mcp_rules_is_name, MCP_RULES_NAME,
        false } }
};


void
mcp_rules_read(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_kind_e kind, mcp_server_t *server, mcp_rules_t *ret_rules)
{
    bool                    has_limits;
    const mcp_yaml_node_t  *v[MCP_RULES_KEYS];

    has_limits = server && kind == MCP_KIND_TOOLS;

    if (!mcp_field_mapping(load, node, mcp_rules_words[kind],
                           has_limits ? mcp_rules_server_keys
                                      : mcp_rules_inner_keys,
                           MCP_RULES_KEYS, v))
    {
        return;
    }

    if (v[MCP_RULES_ALLOW]) {
        ret_rules->has_allow = true;
        (void) mcp_field_words(load, v[MCP_RULES_ALLOW],
                               &mcp_rules_patterns[kind][0],
                               &ret_rules->allow, &ret_rules->nallow);
    }

    if (v[MCP_RULES_DENY]) {
        (void) mcp_field_words(load, v[MCP_RULES_DENY],
                               &mcp_rules_patterns[kind][1],
                               &ret_rules->deny, &ret_rules->ndeny);
    }

    if (v[MCP_RULES_LIMITS]) {
        mcp_rules_limits(load, v[MCP_RULES_LIMITS], server);
    }
}


static void
mcp_rules_limits(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_server_t *server)
{
    mcp_set_t               seen;
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, "limits", MCP_YAML_SEQUENCE)) {
        return;
    }

    if (node->nchildren > MCP_RULES_LIMITS_MAX) {
        mcp_field_error(load, node, "found %zu limits, expected at most %d",
                        (size_t) node->nchildren, MCP_RULES_LIMITS_MAX);
        return;
    }

    server->tool_limits = mcp_load_array(load, node->nchildren,
                                         sizeof(mcp_tool_limit_t));
    if (server->tool_limits == NULL) {
        return;
    }

    memset(&seen, 0, sizeof(mcp_set_t));

    for (child = node->children; child && !load->failed; child = child->next)
    {
        mcp_rules_limit(load, child, &seen,
                        &server->tool_limits[server->ntool_limits++]);
    }

    mcp_set_free(&seen);
}


static void
mcp_rules_limit(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *seen, mcp_tool_limit_t *limit)
{
    const mcp_yaml_node_t  *v[MCP_RULES_LIMIT_KEYS];

    limit->mark = mcp_load_mark(load, node);

    if (!mcp_field_mapping(load, node, "a limit", mcp_rules_limit_keys,
                           MCP_RULES_LIMIT_KEYS, v))
    {
        return;
    }

    if (v[MCP_RULES_MATCH]) {
        mcp_rules_match(load, v[MCP_RULES_MATCH], seen, limit);
    }

    mcp_field_limits(load, node, v[MCP_RULES_REQUESTS_PER_SECOND],
                     v[MCP_RULES_BURST],
                     v[MCP_RULES_MAX_CONCURRENT_REQUESTS], &limit->quotas);

    if (mcp_field_find(node, "requests_per_second") == NULL
        && mcp_field_find(node, "max_concurrent_requests") == NULL
        && !node->partial)
    {
        mcp_field_error(load, node, "found a limit that limits nothing, "
                        "expected requests_per_second or "
                        "max_concurrent_requests");
    }
}


static void
mcp_rules_match(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *seen, mcp_tool_limit_t *limit)
{
    char                    found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t               text;
    const mcp_yaml_node_t  *first;

    if (!mcp_field_scalar(load, node, "match", &text)) {
        return;
    }

    if (!mcp_rules_is_name(&text)) {
        mcp_field_error(load, node, "found %s as match, expected "
                        MCP_RULES_NAME, mcp_text_quote(&text, found));
        return;
    }

    limit->match = mcp_load_copy(load, &text);

    /* the second could never be reached: the first that matches counts */

    first = mcp_load_set_add(load, seen, &text, node);
    if (first) {
        mcp_field_error(load, node, "found %s again, expected one limit for "
                        "it: it stands in line %u already",
                        mcp_text_quote(&text, found), first->line);
    }
}


static bool
mcp_rules_is_name(const mcp_str_t *text)
{
    return text->len <= MCP_RULES_NAME_MAX_LEN && mcp_text_is_visible(text);
}


static bool
mcp_rules_is_uri(const mcp_str_t *text)
{
    return text->len <= MCP_RULES_URI_MAX_LEN && mcp_text_is_visible(text)
           && mcp_uri_is_pattern(text);
}
