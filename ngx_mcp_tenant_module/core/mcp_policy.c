/*
 * The policy on messages.
 */

#include "mcp_policy.h"
#include "mcp_glob.h"
#include "mcp_text.h"
#include "mcp_uri.h"

#include <string.h>


/* How a method reaches things. */
typedef enum {
    WAY_NONE,
    WAY_TOOL,
    WAY_PROMPT,
    WAY_RESOURCE,
    WAY_REFERENCE,
    WAY_SUBSCRIPTIONS,
    WAY_TASK,
    WAY_TASKS
} mcp_policy_way_e;


typedef struct {
    const char        *label;
    mcp_policy_way_e   way;
} mcp_policy_method_t;


static bool mcp_policy_method(const char *label, mcp_policy_way_e *ret_way);
static mcp_policy_verdict_e mcp_policy_way(const mcp_policy_t *policy,
    const mcp_policy_request_t *request, mcp_policy_way_e way);
static bool mcp_policy_named(const mcp_policy_t *policy, mcp_kind_e kind,
    const mcp_str_t *name);
static bool mcp_policy_reference(const mcp_policy_t *policy,
    const mcp_policy_request_t *request);
static bool mcp_policy_subscriptions(const mcp_policy_t *policy,
    const mcp_policy_request_t *request);
static bool mcp_policy_tasks(const mcp_policy_t *policy);
static bool mcp_policy_rules_stand(const mcp_image_rules_t *rules);
static bool mcp_policy_pass(const mcp_image_t *image,
    const mcp_image_rules_t *rules, const mcp_str_t *name,
    const mcp_uri_t *uri);
static bool mcp_policy_any(const mcp_image_t *image,
    const mcp_image_range_t *patterns, const mcp_str_t *name,
    const mcp_uri_t *uri,
    bool (*of_uri)(const mcp_uri_t *uri, const mcp_str_t *pattern));


/*
 * Everything that mcp_rpc_method_label() knows; a method that is missing here
 * is denied where rules stand.  Lists and the capabilities are not denied:
 * what they tell is filtered.
 */
static const mcp_policy_method_t  mcp_policy_methods[] = {
    { "tools/call", WAY_TOOL },
    { "tools/list", WAY_NONE },
    { "initialize", WAY_NONE },
    { "notifications/initialized", WAY_NONE },
    { "ping", WAY_NONE },
    { "server/discover", WAY_NONE },
    { "resources/read", WAY_RESOURCE },
    { "resources/list", WAY_NONE },
    { "resources/templates/list", WAY_NONE },
    { "prompts/get", WAY_PROMPT },
    { "prompts/list", WAY_NONE },
    { "notifications/cancelled", WAY_NONE },
    { "notifications/progress", WAY_NONE },
    { "notifications/roots/list_changed", WAY_NONE },
    { "notifications/tasks/status", WAY_NONE },
    { "completion/complete", WAY_REFERENCE },
    { "logging/setLevel", WAY_NONE },
    { "resources/subscribe", WAY_RESOURCE },
    { "resources/unsubscribe", WAY_RESOURCE },
    { "subscriptions/listen", WAY_SUBSCRIPTIONS },
    { "tasks/get", WAY_TASK },
    { "tasks/result", WAY_TASK },
    { "tasks/update", WAY_TASK },
    { "tasks/cancel", WAY_TASK },
    { "tasks/list", WAY_TASKS }
};


mcp_policy_verdict_e
mcp_policy_judge(const mcp_policy_t *policy,
    const mcp_policy_request_t *request)
{
    mcp_policy_way_e  way;

    if (!mcp_policy_stands(policy)) {
        return MCP_POLICY_ALLOWED;
    }

    if (!mcp_policy_method(request->label, &way)) {
        return MCP_POLICY_NO_METHOD;
    }

    return mcp_policy_way(policy, request, way);
}


static bool
mcp_policy_method(const char *label, mcp_policy_way_e *ret_way)
{
    size_t  i;

    for (i = 0;
         i < sizeof(mcp_policy_methods) / sizeof(mcp_policy_methods[0]);
         i++)
    {
        if (strcmp(mcp_policy_methods[i].label, label) == 0) {
            *ret_way = mcp_policy_methods[i].way;
            return true;
        }
    }

    return false;
}


static mcp_policy_verdict_e
mcp_policy_way(const mcp_policy_t *policy,
    const mcp_policy_request_t *request, mcp_policy_way_e way)
{
    bool  allowed;

    switch (way) {

    case WAY_TOOL:
        allowed = mcp_policy_named(policy, MCP_KIND_TOOLS, &request->name);
        break;

    case WAY_PROMPT:
        allowed = mcp_policy_named(policy, MCP_KIND_PROMPTS, &request->name);
        break;

    case WAY_RESOURCE:
        allowed = mcp_policy_named(policy, MCP_KIND_RESOURCES, &request->uri);
        break;

    case WAY_REFERENCE:
        allowed = mcp_policy_reference(policy, request);
        break;

    case WAY_SUBSCRIPTIONS:

        if (!request->no_tasks && !mcp_policy_tasks(policy)) {
            return MCP_POLICY_NO_METHOD;
        }

        allowed = mcp_policy_subscriptions(policy, request);
        break;

    case WAY_TASK:
        return mcp_policy_tasks(policy)
               ? MCP_POLICY_ALLOWED : MCP_POLICY_NO_METHOD;

    case WAY_TASKS:

        /* the list tells of everybody's calls */

        return mcp_policy_has_rules(policy, MCP_KIND_TOOLS)
               ? MCP_POLICY_NO_METHOD : MCP_POLICY_ALLOWED;

    default: /* WAY_NONE */
        return MCP_POLICY_ALLOWED;
    }

    return allowed ? MCP_POLICY_ALLOWED : MCP_POLICY_DENIED;
}


/* What has no name is nothing that a rule could allow. */
static bool
mcp_policy_named(const mcp_policy_t *policy, mcp_kind_e kind,
    const mcp_str_t *name)
{
    if (name->data == NULL) {
        return !mcp_policy_has_rules(policy, kind);
    }

    return mcp_policy_allows(policy, kind, name->data, name->len);
}


static bool
mcp_policy_reference(const mcp_policy_t *policy,
    const mcp_policy_request_t *request)
{
    const mcp_str_t  *type;

    type = &request->ref_type;

    if (type->data && mcp_text_equals(type, "ref/prompt")) {
        return mcp_policy_named(policy, MCP_KIND_PROMPTS,
                                &request->ref_name);
    }

    if (type->data && mcp_text_equals(type, "ref/resource")) {
        return mcp_policy_named(policy, MCP_KIND_RESOURCES,
                                &request->ref_uri);
    }

    return !mcp_policy_has_rules(policy, MCP_KIND_PROMPTS)
           && !mcp_policy_has_rules(policy, MCP_KIND_RESOURCES);
}


static bool
mcp_policy_subscriptions(const mcp_policy_t *policy,
    const mcp_policy_request_t *request)
{
    size_t  i;

    if (!request->subscriptions_read) {
        return !mcp_policy_has_rules(policy, MCP_KIND_RESOURCES);
    }

    for (i = 0; i < request->nsubscriptions; i++) {
        if (!mcp_policy_named(policy, MCP_KIND_RESOURCES,
                              &request->subscriptions[i]))
        {
            return false;
        }
    }

    return true;
}


/*
 * A task comes from a call that was allowed, yet perhaps to another key:
 * where keys differ in their tools, they would share results.
 */
static bool
mcp_policy_tasks(const mcp_policy_t *policy)
{
    return policy->key == NULL
           || !mcp_policy_rules_stand(&policy->key->rules[MCP_KIND_TOOLS]);
}


bool
mcp_policy_allows(const mcp_policy_t *policy, mcp_kind_e kind,
    const char *name, size_t len)
{
    mcp_str_t  given = { len, name };
    mcp_uri_t  uri, *forms;

    if (!mcp_policy_has_rules(policy, kind)) {
        return true;
    }

    forms = kind == MCP_KIND_RESOURCES ? &uri : NULL;

    if (forms && !mcp_uri_init(forms, name, len)) {
        return false;
    }

    return mcp_policy_pass(policy->image, &policy->server->rules[kind],
                           &given, forms)
           && (policy->key == NULL
               || mcp_policy_pass(policy->image, &policy->key->rules[kind],
                                  &given, forms));
}


bool
mcp_policy_has_rules(const mcp_policy_t *policy, mcp_kind_e kind)
{
    return mcp_policy_rules_stand(&policy->server->rules[kind])
           || (policy->key
               && mcp_policy_rules_stand(&policy->key->rules[kind]));
}


bool
mcp_policy_stands(const mcp_policy_t *policy)
{
    mcp_kind_e  kind;

    for (kind = 0; kind < MCP_KINDS; kind++) {
        if (mcp_policy_has_rules(policy, kind)) {
            return true;
        }
    }

    return false;
}


static bool
mcp_policy_rules_stand(const mcp_image_rules_t *rules)
{
    return rules->has_allow || rules->deny.count;
}


static bool
mcp_policy_pass(const mcp_image_t *image, const mcp_image_rules_t *rules,
    const mcp_str_t *name, const mcp_uri_t *uri)
{
    if (mcp_policy_any(image, &rules->deny, name, uri, mcp_uri_may_be)) {
        return false;
    }

    return !rules->has_allow
           || mcp_policy_any(image, &rules->allow, name, uri, mcp_uri_is);
}


static bool
mcp_policy_any(const mcp_image_t *image, const mcp_image_range_t *patterns,
    const mcp_str_t *name, const mcp_uri_t *uri,
    bool (*of_uri)(const mcp_uri_t *uri, const mcp_str_t *pattern))
{
    uint32_t   i;
    mcp_str_t  pattern;

    for (i = 0; i < patterns->count; i++) {
        pattern = mcp_image_string(image, patterns, i);

        if (uri ? of_uri(uri, &pattern) : mcp_glob(&pattern, name)) {
            return true;
        }
    }

    return false;
}


uint32_t
mcp_policy_tool_limit(const mcp_policy_t *policy, const char *name,
    size_t len)
{
    uint32_t                  i, n;
    mcp_str_t                 tool = { len, name }, match;
    const mcp_image_range_t  *limits;

    limits = &policy->server->tool_limits;

    for (i = 0; i < limits->count; i++) {
        n = limits->first + i;
        match = mcp_image_text(policy->image,
                               &mcp_image_tool_limit(policy->image, n)->match);

        if (mcp_glob(&match, &tool)) {
            return n;
        }
    }

    return MCP_IMAGE_NONE;
}


uint64_t
mcp_policy_session_key(const mcp_image_key_t *key)
{
    mcp_kind_e  kind;

    if (key == NULL) {
        return 0;
    }

    for (kind = 0; kind < MCP_KINDS; kind++) {
        if (mcp_policy_rules_stand(&key->rules[kind])) {
            return key->identity;
        }
    }

    return key->narrowed ? key->identity : 0;
}
