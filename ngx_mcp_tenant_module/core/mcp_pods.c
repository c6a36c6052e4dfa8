/*
 * What a server of runtime "kubernetes" says about its pods.
 */

#include "mcp_pods.h"
#include "mcp_cluster.h"
#include "mcp_field.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_PODS_REPLICAS_MAX  100
#define MCP_PODS_ENV_MAX       32768
#define MCP_PODS_NAME_MAX      253

/* seconds that a request waits for the first pod */
#define MCP_PODS_ACTIVATION_DEFAULT  60
#define MCP_PODS_ACTIVATION_MAX      600


typedef bool (*mcp_pods_value_pt)(mcp_load_t *load,
    const mcp_yaml_node_t *node, mcp_str_t *ret_value);


static void mcp_pods_activation(mcp_load_t *load,
    const mcp_pods_nodes_t *nodes, mcp_kubernetes_t *kubernetes);
static void mcp_pods_on_demand(mcp_load_t *load,
    const mcp_pods_nodes_t *nodes, const mcp_yaml_node_t *node,
    const char *name, bool fine, mcp_kubernetes_t *kubernetes);
static void mcp_pods_environment(mcp_load_t *load,
    const mcp_pods_nodes_t *nodes, mcp_kubernetes_t *kubernetes);
static void mcp_pods_pairs(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_pods_value_pt value, mcp_set_t *names,
    mcp_pair_t **ret_pairs, size_t *ret_count);
static bool mcp_pods_env_name(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *names, mcp_pair_t *pair);
static bool mcp_pods_env_value(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_str_t *ret_value);
static bool mcp_pods_secret_key(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_str_t *ret_value);
static void mcp_pods_resources(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_kubernetes_t *kubernetes);
static void mcp_pods_amounts(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_pair_t **ret_pairs, size_t *ret_count);


static const mcp_field_t  mcp_pods_resources_keys[] = {
    { "requests", NULL, NULL },
    { "limits", NULL, NULL }
};

static const mcp_field_t  mcp_pods_amounts_keys[] = {
    { "cpu", NULL, NULL },
    { "memory", NULL, NULL }
};


void
mcp_pods_read(mcp_load_t *load, const mcp_pods_nodes_t *nodes,
    mcp_kubernetes_t *kubernetes)
{
    char       found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t  text;

    if (nodes->image && mcp_field_scalar(load, nodes->image, "image", &text))
    {
        if (mcp_text_is_image(&text)) {
            kubernetes->image = mcp_load_copy(load, &text);

        } else {
            mcp_field_error(load, nodes->image, "found %s as image, expected "
                            "an image reference such as "
                            "registry.example.com/search-mcp:1.4",
                            mcp_text_quote(&text, found));
        }
    }

    kubernetes->replicas = 1;

    if (nodes->replicas) {
        (void) mcp_field_number(load, nodes->replicas, "replicas",
                                MCP_PODS_REPLICAS_MAX, &kubernetes->replicas);
    }

    mcp_pods_environment(load, nodes, kubernetes);

    if (nodes->resources) {
        mcp_pods_resources(load, nodes->resources, kubernetes);
    }

    if (nodes->egress) {
        mcp_cluster_egress(load, nodes->egress, kubernetes);
    }

    if (nodes->probe_path
        && mcp_field_scalar(load, nodes->probe_path, "probe_path", &text))
    {
        if (text.len && text.data[0] == '/' && mcp_text_is_visible(&text)) {
            kubernetes->probe_path = mcp_load_copy(load, &text);

        } else {
            mcp_field_error(load, nodes->probe_path, "found %s as probe_path, "
                            "expected a path such as /healthz",
                            mcp_text_quote(&text, found));
        }
    }

    mcp_pods_activation(load, nodes, kubernetes);
}


static void
mcp_pods_activation(mcp_load_t *load, const mcp_pods_nodes_t *nodes,
    mcp_kubernetes_t *kubernetes)
{
    bool                    fine;
    char                    found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t               text;
    const mcp_yaml_node_t  *node;

    fine = true;
    node = nodes->activation;

    if (node) {
        fine = mcp_field_scalar(load, node, "activation", &text);

        if (fine && mcp_text_equals(&text, "on_demand")) {
            kubernetes->activation = MCP_ACTIVATION_ON_DEMAND;

        } else if (fine && !mcp_text_equals(&text, "always")) {
            fine = false;
            mcp_field_error(load, node, "found %s as activation, expected "
                            "always or on_demand",
                            mcp_text_quote(&text, found));
        }
    }

    if (kubernetes->activation == MCP_ACTIVATION_ON_DEMAND) {
        kubernetes->activation_timeout = MCP_PODS_ACTIVATION_DEFAULT;
    }

    node = nodes->idle_timeout;

    if (node) {
        mcp_pods_on_demand(load, nodes, node, "idle_timeout", fine,
                           kubernetes);

        if (mcp_field_scalar(load, node, "idle_timeout", &text)
            && !mcp_text_duration(&text, &kubernetes->idle_timeout))
        {
            mcp_field_error(load, node, "found %s as idle_timeout, expected a "
                            "time such as 90s, 10m or 1h, at most 720h",
                            mcp_text_quote(&text, found));
        }
    }

    node = nodes->activation_timeout;

    if (node) {
        mcp_pods_on_demand(load, nodes, node, "activation_timeout", fine,
                           kubernetes);

        if (mcp_field_scalar(load, node, "activation_timeout", &text)
            && (!mcp_text_duration(&text, &kubernetes->activation_timeout)
                || kubernetes->activation_timeout > MCP_PODS_ACTIVATION_MAX))
        {
            mcp_field_error(load, node, "found %s as activation_timeout, "
                            "expected a time such as 90s or 2m, at most 10m",
                            mcp_text_quote(&text, found));
        }
    }
}


/* Whether the key may stand there; fine: "activation" is what it should be. */
static void
mcp_pods_on_demand(mcp_load_t *load, const mcp_pods_nodes_t *nodes,
    const mcp_yaml_node_t *node, const char *name, bool fine,
    mcp_kubernetes_t *kubernetes)
{
    if (fine && kubernetes->activation != MCP_ACTIVATION_ON_DEMAND
        && !nodes->partial)
    {
        mcp_field_key_error(load, node, "found %s for a server that is always "
                            "on, expected it with \"activation: on_demand\"",
                            name);
    }
}


static void
mcp_pods_environment(mcp_load_t *load, const mcp_pods_nodes_t *nodes,
    mcp_kubernetes_t *kubernetes)
{
    mcp_set_t  names;

    memset(&names, 0, sizeof(mcp_set_t));

    if (nodes->env) {
        mcp_pods_pairs(load, nodes->env, "env", mcp_pods_env_value, &names,
                       &kubernetes->env, &kubernetes->nenv);
    }

    if (nodes->secret_env) {
        mcp_pods_pairs(load, nodes->secret_env, "secret_env",
                       mcp_pods_secret_key, &names, &kubernetes->secret_env,
                       &kubernetes->nsecret_env);
    }

    mcp_set_free(&names);
}


/* names: of env and secret_env together */
static void
mcp_pods_pairs(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_pods_value_pt value, mcp_set_t *names,
    mcp_pair_t **ret_pairs, size_t *ret_count)
{
    mcp_pair_t             *pair;
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, name, MCP_YAML_MAPPING)) {
        return;
    }

    *ret_pairs = mcp_load_array(load, node->nchildren, sizeof(mcp_pair_t));
    if (*ret_pairs == NULL) {
        return;
    }

    for (child = node->children; child; child = child->next) {
        pair = &(*ret_pairs)[*ret_count];

        if (mcp_pods_env_name(load, child, names, pair)
            && value(load, child, &pair->value))
        {
            (*ret_count)++;
        }
    }
}


/* The name is not told when it is wrong: a value may stand in its place. */
static bool
mcp_pods_env_name(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *names, mcp_pair_t *pair)
{
    const mcp_yaml_node_t  *first;

    if (!mcp_text_is_word(&node->key, "_.-", MCP_PODS_NAME_MAX)
        || (node->key.data[0] >= '0' && node->key.data[0] <= '9'))
    {
        mcp_field_key_error(load, node, "found no name of an environment "
                            "variable, expected letters, digits and \"_\", "
                            "not a digit first");
        return false;
    }

    first = mcp_load_set_add(load, names, &node->key, node);
    if (first) {
        mcp_field_key_error(load, node, "found a variable of env again, "
                            "expected it once: it stands in line %u already",
                            first->key_line);
        return false;
    }

    pair->mark = mcp_load_mark(load, node);
    pair->name = mcp_load_copy(load, &node->key);

    return true;
}


static bool
mcp_pods_env_value(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_str_t *ret_value)
{
    mcp_str_t  text;

    if (!mcp_field_scalar(load, node, "a value of env", &text)) {
        return false;
    }

    if (text.len > MCP_PODS_ENV_MAX || !mcp_text_is_printable(&text, true)) {
        mcp_field_error(load, node, "found a value of env that is too long "
                        "or holds control characters, expected at most %d "
                        "bytes of text", MCP_PODS_ENV_MAX);
        return false;
    }

    *ret_value = mcp_load_copy(load, &text);

    return true;
}


/* "secret-name/key" */
static bool
mcp_pods_secret_key(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_str_t *ret_value)
{
    mcp_str_t    text, secret, key;
    const char  *slash;

    if (!mcp_field_scalar(load, node, "a value of secret_env", &text)) {
        return false;
    }

    slash = memchr(text.data, '/', text.len);

    if (slash) {
        secret.data = text.data;
        secret.len = (size_t) (slash - text.data);
        key.data = slash + 1;
        key.len = text.len - secret.len - 1;
    }

    if (slash == NULL || !mcp_text_is_subdomain(&secret)
        || !mcp_text_is_word(&key, "._-", MCP_PODS_NAME_MAX))
    {
        mcp_field_error(load, node, "found no reference to a Secret in "
                        "secret_env, expected its name, \"/\" and a key, such "
                        "as search-mcp/api-key");
        return false;
    }

    *ret_value = mcp_load_copy(load, &text);

    return true;
}


static void
mcp_pods_resources(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_kubernetes_t *kubernetes)
{
    const mcp_yaml_node_t  *v[2];

    if (!mcp_field_mapping(load, node, "resources", mcp_pods_resources_keys,
                           2, v))
    {
        return;
    }

    if (v[0]) {
        mcp_pods_amounts(load, v[0], "requests", &kubernetes->requests,
                         &kubernetes->nrequests);
    }

    if (v[1]) {
        mcp_pods_amounts(load, v[1], "limits", &kubernetes->limits,
                         &kubernetes->nlimits);
    }
}


static void
mcp_pods_amounts(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_pair_t **ret_pairs, size_t *ret_count)
{
    int                     i;
    mcp_str_t               text;
    mcp_pair_t             *pair;
    const char             *key;
    const mcp_yaml_node_t  *v[2];

    if (!mcp_field_mapping(load, node, name, mcp_pods_amounts_keys, 2, v)) {
        return;
    }

    *ret_pairs = mcp_load_array(load, 2, sizeof(mcp_pair_t));

    for (i = 0; *ret_pairs && i < 2; i++) {
        key = mcp_pods_amounts_keys[i].name;

        if (v[i] == NULL
            || !mcp_cluster_amount(load, v[i], key, i ? "256Mi" : "500m",
                                   &text))
        {
            continue;
        }

        pair = &(*ret_pairs)[(*ret_count)++];
        pair->mark = mcp_load_mark(load, v[i]);
        pair->name = mcp_load_text(load, key);
        pair->value = text;
    }
}
