/*
 * The "api_keys" of a tenant.
 *
 * No finding here repeats what stands as key_hash: it may be a key.
 */

#include "mcp_keys.h"
#include "mcp_field.h"
#include "mcp_key.h"
#include "mcp_rules.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_KEYS_PREFIX_LEN  (sizeof(MCP_KEY_HASH_PREFIX) - 1)


enum {
    MCP_KEYS_HASH,
    MCP_KEYS_NAME,
    MCP_KEYS_NOT_BEFORE,
    MCP_KEYS_EXPIRES_AT,
    MCP_KEYS_ENABLED,
    MCP_KEYS_SERVERS,
    MCP_KEYS_TOOLS,
    MCP_KEYS_RESOURCES,
    MCP_KEYS_PROMPTS,
    MCP_KEYS_QUOTAS,
    MCP_KEYS_KEYS
};


static void mcp_keys_one(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *digests, mcp_set_t *names, mcp_key_t *key);
static void mcp_keys_hash(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *digests, mcp_key_t *key);
static void mcp_keys_no_hash(mcp_load_t *load, const mcp_yaml_node_t *node);
static void mcp_keys_name(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *names, mcp_key_t *key);
static void mcp_keys_window(mcp_load_t *load,
    const mcp_yaml_node_t *not_before, const mcp_yaml_node_t *expires_at,
    mcp_key_t *key);


static const char  mcp_keys_expected[] =
    "\"" MCP_KEY_HASH_PREFIX "\" and 64 hex digits, as \"mcp-tenant keygen\" "
    "prints them";

static const mcp_field_t  mcp_keys_keys[] = {
    { "key_hash", "\"sha256:\" and 64 hex digits, as \"mcp-tenant keygen\" "
                  "prints them", NULL },
    { "name", "one for logs and metrics, such as \"name: production\"",
      NULL },
    { "not_before", NULL, NULL },
    { "expires_at", NULL, NULL },
    { "enabled", NULL, NULL },
    { "servers", NULL, NULL },
    { "tools", NULL, NULL },
    { "resources", NULL, NULL },
    { "prompts", NULL, NULL },
    { "quotas", NULL, NULL }
};


static const mcp_field_words_t  mcp_keys_server_words = {
    "servers", "a server", mcp_text_is_label,
    "the id of a server of this tenant's catalog", false
};


bool
mcp_keys_read(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *digests, mcp_tenant_t *tenant)
{
    bool                    narrowed;
    mcp_key_t              *key;
    mcp_set_t               names;
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, "api_keys", MCP_YAML_SEQUENCE)) {
        return false;
    }

    tenant->keys = mcp_load_array(load, node->nchildren, sizeof(mcp_key_t));
    if (tenant->keys == NULL) {
        return false;
    }

    narrowed = false;
    memset(&names, 0, sizeof(mcp_set_t));

    for (child = node->children; child && !load->failed; child = child->next)
    {
        key = &tenant->keys[tenant->nkeys++];

        mcp_keys_one(load, child, digests, &names, key);

        if (key->narrowed) {
            narrowed = true;
        }
    }

    mcp_set_free(&names);

    return narrowed;
}


static void
mcp_keys_one(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *digests, mcp_set_t *names, mcp_key_t *key)
{
    mcp_kind_e              kind;
    const mcp_yaml_node_t  *v[MCP_KEYS_KEYS];

    key->mark = mcp_load_mark(load, node);
    key->enabled = true;

    if (!mcp_field_mapping(load, node, "an API key", mcp_keys_keys,
                           MCP_KEYS_KEYS, v))
    {
        return;
    }

    if (v[MCP_KEYS_HASH]) {
        mcp_keys_hash(load, v[MCP_KEYS_HASH], digests, key);
    }

    if (v[MCP_KEYS_NAME]) {
        mcp_keys_name(load, v[MCP_KEYS_NAME], names, key);
    }

    mcp_keys_window(load, v[MCP_KEYS_NOT_BEFORE], v[MCP_KEYS_EXPIRES_AT],
                    key);

    if (v[MCP_KEYS_ENABLED]) {
        (void) mcp_field_bool(load, v[MCP_KEYS_ENABLED], "enabled",
                              &key->enabled);
    }

    if (v[MCP_KEYS_SERVERS]) {
        key->narrowed = true;
        (void) mcp_field_words(load, v[MCP_KEYS_SERVERS],
                               &mcp_keys_server_words, &key->servers,
                               &key->nservers);
    }

    for (kind = 0; kind < MCP_KINDS; kind++) {
        if (v[MCP_KEYS_TOOLS + kind]) {
            mcp_rules_read(load, v[MCP_KEYS_TOOLS + kind], kind, NULL,
                           &key->rules[kind]);
        }
    }

    if (v[MCP_KEYS_QUOTAS]) {
        (void) mcp_field_quotas(load, v[MCP_KEYS_QUOTAS], "a key", NULL,
                                &key->quotas);
    }
}


static void
mcp_keys_hash(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *digests, mcp_key_t *key)
{
    mcp_str_t               digest;
    const mcp_yaml_node_t  *first;

    if (!mcp_field_is(load, node, "key_hash", MCP_YAML_SCALAR)) {
        return;
    }

    if (mcp_key_hash_parse(node->value.data, node->value.len, key->digest)
        != MCP_OK)
    {
        mcp_keys_no_hash(load, node);
        return;
    }

    digest.data = (const char *) key->digest;
    digest.len = MCP_KEY_DIGEST_LEN;

    first = mcp_load_set_add(load, digests, &digest, node);

    if (first) {
        mcp_field_error(load, node, "found a key_hash again, expected every "
                        "key once: it stands in line %u already",
                        first->line);
    }
}


static void
mcp_keys_no_hash(mcp_load_t *load, const mcp_yaml_node_t *node)
{
    size_t           digits;
    mcp_str_t        text;
    const mcp_str_t *value;

    value = &node->value;

    if (value->len < MCP_KEYS_PREFIX_LEN
        || memcmp(value->data, MCP_KEY_HASH_PREFIX, MCP_KEYS_PREFIX_LEN) != 0)
    {
        mcp_field_error(load, node, "found a value that is not a hash (%zu "
                        "characters) as key_hash, expected %s", value->len,
                        mcp_keys_expected);
        return;
    }

    text.data = value->data + MCP_KEYS_PREFIX_LEN;
    text.len = value->len - MCP_KEYS_PREFIX_LEN;

    if (memchr(text.data, '<', text.len)
        || memmem(text.data, text.len, "...", 3)
        || memmem(text.data, text.len, "\xe2\x80\xa6", 3))
    {
        mcp_field_error(load, node, "found the placeholder of an example as "
                        "key_hash, expected %s", mcp_keys_expected);
        return;
    }

    digits = strspn(text.data, "0123456789abcdefABCDEF");

    if (digits < text.len) {
        mcp_field_error(load, node, "found a character that is no hex digit "
                        "in key_hash, expected %s", mcp_keys_expected);
        return;
    }

    mcp_field_error(load, node, "found %zu hex digits in key_hash, expected "
                    "%s", digits, mcp_keys_expected);
}


static void
mcp_keys_name(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *names, mcp_key_t *key)
{
    char                    found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t               text;
    const mcp_yaml_node_t  *first;

    if (!mcp_field_scalar(load, node, "name", &text)) {
        return;
    }

    if (!mcp_text_is_word(&text, "._-", MCP_KEY_NAME_MAX_LEN)) {
        mcp_field_error(load, node, "found %s as name, expected 1 to %d of "
                        "letters, digits and \"._-\"",
                        mcp_text_quote(&text, found), MCP_KEY_NAME_MAX_LEN);
        return;
    }

    key->name = mcp_load_copy(load, &text);

    first = mcp_load_set_add(load, names, &text, node);

    if (first) {
        mcp_field_error(load, node, "found %s again, expected a name of its "
                        "own for every key of a tenant: it stands in line %u "
                        "already", mcp_text_quote(&text, found),
                        first->line);
    }
}


static void
mcp_keys_window(mcp_load_t *load, const mcp_yaml_node_t *not_before,
    const mcp_yaml_node_t *expires_at, mcp_key_t *key)
{
    bool  fine;

    fine = (not_before && expires_at);

    if (not_before
        && !mcp_field_timestamp(load, not_before, "not_before",
                                &key->not_before))
    {
        fine = false;
    }

    if (expires_at
        && !mcp_field_timestamp(load, expires_at, "expires_at",
                                &key->expires_at))
    {
        fine = false;
    }

    if (fine && key->not_before >= key->expires_at) {
        mcp_field_error(load, expires_at, "found an expires_at that is not "
                        "after not_before, expected a later time");
    }
}


void
mcp_keys_check_servers(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_set_t *ids, bool has_catalog)
{
    const mcp_yaml_node_t  *key, *servers, *child;

    for (key = node->children; key; key = key->next) {

        servers = key->kind == MCP_YAML_MAPPING
                  ? mcp_field_find(key, "servers") : NULL;

        if (servers == NULL || servers->kind != MCP_YAML_SEQUENCE) {
            continue;
        }

        for (child = servers->children; child; child = child->next) {

            if (child->kind != MCP_YAML_SCALAR
                || mcp_yaml_is_null(child)
                || !mcp_text_is_label(&child->value)
                || mcp_set_find(ids, child->value.data, child->value.len))
            {
                continue;
            }

            mcp_field_error(load, child, "found the server \"%s\", expected "
                            "one of this tenant's catalog%s",
                            child->value.data,
                            has_catalog ? "" : ", and it has no catalog_file");
        }
    }
}
