/*
 * A tenant's catalog: YAML to servers.
 */

#include "mcp_catalog.h"
#include "mcp_field.h"
#include "mcp_rules.h"
#include "mcp_runtime.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_CATALOG_NAME_MAX         256
#define MCP_CATALOG_DESCRIPTION_MAX  4096
#define MCP_CATALOG_TAG_MAX          64


enum {
    MCP_CATALOG_ID,
    MCP_CATALOG_DISPLAY_NAME,
    MCP_CATALOG_DESCRIPTION,
    MCP_CATALOG_TAGS,
    MCP_CATALOG_RUNTIME,
    MCP_CATALOG_TOOLS,
    MCP_CATALOG_RESOURCES,
    MCP_CATALOG_PROMPTS,
    MCP_CATALOG_SERVER_QUOTAS,
    MCP_CATALOG_KEYS
};


static bool mcp_catalog_server(mcp_load_t *load, mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_set_t *ids);
static bool mcp_catalog_id(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *ids, mcp_server_t *server);
static bool mcp_catalog_is_tag(const mcp_str_t *text);
static void mcp_catalog_quota(mcp_load_t *load, const mcp_tenant_t *tenant);


static const mcp_field_t  mcp_catalog_top[] = {
    { "servers", "a list of servers behind \"servers:\"", NULL }
};

static const mcp_field_t  mcp_catalog_keys[] = {
    { "id", "one such as \"id: search\"", NULL },
    { "display_name", NULL, NULL },
    { "description", NULL, NULL },
    { "tags", NULL, NULL },
    { "runtime", "where the server is, such as \"runtime: {type: remote, "
                 "url: ...}\"", NULL },
    { "tools", NULL, NULL },
    { "resources", NULL, NULL },
    { "prompts", NULL, NULL },
    { "quotas", NULL, NULL }
};


static const mcp_field_words_t  mcp_catalog_tag_words = {
    "tags", "a tag", mcp_catalog_is_tag,
    "1 to 64 of letters, digits and \"._:-\"", false
};


void
mcp_catalog_read(mcp_load_t *load, mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *root,
    mcp_set_t *ids, bool *ret_ids_whole)
{
    const mcp_yaml_node_t  *servers, *node;

    *ret_ids_whole = false;

    if (!mcp_field_mapping(load, root, "a catalog", mcp_catalog_top, 1,
                           &servers)
        || servers == NULL
        || !mcp_field_is(load, servers, "servers", MCP_YAML_SEQUENCE))
    {
        return;
    }

    *ret_ids_whole = !servers->partial;

    tenant->servers = mcp_load_array(load, servers->nchildren,
                                     sizeof(mcp_server_t));
    if (load->failed) {
        return;
    }

    for (node = servers->children; node; node = node->next) {
        if (!mcp_catalog_server(load, tenant, work, node, ids)) {
            *ret_ids_whole = false;
        }

        if (load->failed) {
            return;
        }
    }

    mcp_catalog_quota(load, tenant);
}


/* Returns whether the id was right. */
static bool
mcp_catalog_server(mcp_load_t *load, mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_set_t *ids)
{
    bool                    id_fine;
    mcp_kind_e              kind;
    mcp_server_t           *server;
    const mcp_yaml_node_t  *v[MCP_CATALOG_KEYS];

    if (!mcp_field_mapping(load, node, "a server", mcp_catalog_keys,
                           MCP_CATALOG_KEYS, v))
    {
        return false;
    }

    server = &tenant->servers[tenant->nservers++];
    server->mark = mcp_load_mark(load, node);

    id_fine = v[MCP_CATALOG_ID]
              && mcp_catalog_id(load, v[MCP_CATALOG_ID], ids, server);

    server->display_name = server->id;

    if (v[MCP_CATALOG_DISPLAY_NAME]) {
        (void) mcp_field_text(load, v[MCP_CATALOG_DISPLAY_NAME],
                              "display_name", MCP_CATALOG_NAME_MAX, false,
                              &server->display_name);
    }

    if (v[MCP_CATALOG_DESCRIPTION]) {
        (void) mcp_field_text(load, v[MCP_CATALOG_DESCRIPTION],
                              "description", MCP_CATALOG_DESCRIPTION_MAX,
                              true, &server->description);
    }

    if (v[MCP_CATALOG_TAGS]) {
        (void) mcp_field_words(load, v[MCP_CATALOG_TAGS],
                               &mcp_catalog_tag_words, &server->tags,
                               &server->ntags);
    }

    if (v[MCP_CATALOG_RUNTIME]) {
        mcp_runtime_read(load, tenant, work, v[MCP_CATALOG_RUNTIME], server);
    }

    for (kind = 0; kind < MCP_KINDS; kind++) {
        if (v[MCP_CATALOG_TOOLS + kind]) {
            mcp_rules_read(load, v[MCP_CATALOG_TOOLS + kind], kind, server,
                           &server->rules[kind]);
        }
    }

    if (v[MCP_CATALOG_SERVER_QUOTAS]) {
        (void) mcp_field_quotas(load, v[MCP_CATALOG_SERVER_QUOTAS],
                                "a server", NULL, &server->quotas);
    }

    return id_fine;
}


static bool
mcp_catalog_id(mcp_load_t *load, const mcp_yaml_node_t *node, mcp_set_t *ids,
    mcp_server_t *server)
{
    const mcp_yaml_node_t  *first;

    if (!mcp_field_label(load, node, "id", &server->id)) {
        return false;
    }

    first = mcp_load_set_add(load, ids, &server->id, node);

    if (first) {
        mcp_field_error(load, node, "found the id \"%s\" again, expected "
                        "every server once: it stands in line %u already",
                        server->id.data, first->line);
    }

    return true;
}


static bool
mcp_catalog_is_tag(const mcp_str_t *text)
{
    return mcp_text_is_word(text, "._:-", MCP_CATALOG_TAG_MAX);
}


/* Says which servers will answer 429; that is legal, and rarely meant. */
static void
mcp_catalog_quota(mcp_load_t *load, const mcp_tenant_t *tenant)
{
    size_t               i, active;
    const mcp_server_t  *server, *past;

    if (tenant->quotas.max_servers == 0) {
        return;
    }

    active = 0;
    past = NULL;

    for (i = 0; i < tenant->nservers; i++) {
        server = &tenant->servers[i];

        if (server->kubernetes
            && server->kubernetes->activation == MCP_ACTIVATION_ON_DEMAND)
        {
            continue;
        }

        if (active++ == tenant->quotas.max_servers) {
            past = server;
        }
    }

    if (past) {
        mcp_report_add(load->report, MCP_REPORT_WARNING, &past->mark,
                       "found %zu servers that are always on, expected at "
                       "most %u (max_servers): this one and those behind it "
                       "answer 429", active, tenant->quotas.max_servers);
    }
}
