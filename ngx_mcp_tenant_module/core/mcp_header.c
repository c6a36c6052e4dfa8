/*
 * The headers that the gateway adds to the requests for a server.
 */

#include "mcp_header.h"
#include "mcp_field.h"
#include "mcp_secret.h"
#include "mcp_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>


static void mcp_header_one(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_server_t *server);
static bool mcp_header_name(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_server_t *server);
static bool mcp_header_is_reserved(const mcp_str_t *name);


/*
 * What the gateway, NGINX's proxy or MCP decides per request; a name with "-"
 * at its end stands for all that start with it.
 */
static const char *const  mcp_header_reserved[] = {
    "Accept",
    "Accept-Encoding",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Expect",
    "Host",
    "Keep-Alive",
    "Last-Event-ID",
    "Mcp-",
    "Proxy-",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    NULL
};


void
mcp_header_read(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_server_t *server)
{
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, "headers", MCP_YAML_MAPPING)) {
        return;
    }

    if (node->nchildren > MCP_HEADER_MAX) {
        mcp_field_key_error(load, node, "found %u headers, expected at most "
                            "%d", node->nchildren, MCP_HEADER_MAX);
        return;
    }

    server->headers = mcp_load_array(load, node->nchildren,
                                     sizeof(mcp_header_t));
    if (server->headers == NULL) {
        return;
    }

    for (child = node->children; child; child = child->next) {
        mcp_header_one(load, tenant, work, child, server);
    }
}


static void
mcp_header_one(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_server_t *server)
{
    char           what[MCP_HEADER_NAME_MAX_LEN + 16];
    mcp_header_t  *header;

    if (!mcp_header_name(load, node, server)) {
        return;
    }

    (void) snprintf(what, sizeof(what), "header %s", node->key.data);

    header = &server->headers[server->nheaders++];
    header->mark = mcp_load_mark(load, node);
    header->mark.line = node->key_line;
    header->mark.column = node->key_column;
    header->name = mcp_load_copy(load, &node->key);

    (void) mcp_secret_expand(load, tenant, work, node, what, &header->value);
}


/* A name that is no token is not told: a value may stand in its place. */
static bool
mcp_header_name(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_server_t *server)
{
    size_t               i;
    const mcp_header_t  *header;

    if (!mcp_text_is_token(&node->key)
        || node->key.len > MCP_HEADER_NAME_MAX_LEN)
    {
        mcp_field_key_error(load, node, "found no name of a header, expected "
                            "one such as X-Team");
        return false;
    }

    if (mcp_header_is_reserved(&node->key)) {
        mcp_field_key_error(load, node, "found the header %s, expected one "
                            "that the gateway does not set or strip itself",
                            node->key.data);
        return false;
    }

    for (i = 0; i < server->nheaders; i++) {
        header = &server->headers[i];

        if (header->name.len == node->key.len
            && strncasecmp(header->name.data, node->key.data, node->key.len)
               == 0)
        {
            mcp_field_key_error(load, node, "found the header %s again, "
                                "expected it once: it stands in line %u "
                                "already", node->key.data,
                                header->mark.line);
            return false;
        }
    }

    return true;
}


static bool
mcp_header_is_reserved(const mcp_str_t *name)
{
    size_t              len;
    const char *const  *reserved;

    for (reserved = mcp_header_reserved; *reserved; reserved++) {
        len = strlen(*reserved);

        if ((name->len == len
             || (name->len > len && (*reserved)[len - 1] == '-'))
            && strncasecmp(name->data, *reserved, len) == 0)
        {
            return true;
        }
    }

    return false;
}
