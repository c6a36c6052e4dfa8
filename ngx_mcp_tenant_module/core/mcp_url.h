/*
 * URLs of MCP servers: their form, and which hosts a catalog may name.
 */

#ifndef _MCP_URL_H_INCLUDED_
#define _MCP_URL_H_INCLUDED_


#include "mcp_load.h"


#define MCP_URL_MAX_LEN   2048
#define MCP_URL_HOST_MAX  253


/*
 * Splits an absolute http or https URL.  Returns NULL, or why the text is not
 * one: "found ..., expected ...", a constant that holds nothing of the text.
 * The parts are allocated from arena; *ret_url is partly filled then.
 */
const char *mcp_url_parse(mcp_arena_t *arena, const char *text, size_t len,
    mcp_url_t *ret_url);

/* Reads a URL for a tenant, with findings; name: as in mcp_field.h. */
bool mcp_url_read(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, mcp_url_t *ret_url);

/* Reads the path of a server ("/mcp"), with its query if it has one. */
bool mcp_url_read_path(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_str_t *ret_path);

/* Fills an http URL for a name inside the cluster. */
void mcp_url_of_service(mcp_load_t *load, const mcp_mark_t *mark,
    const mcp_str_t *service, const mcp_str_t *namespace, uint32_t port,
    const mcp_str_t *path, mcp_url_t *ret_url);


#endif /* _MCP_URL_H_INCLUDED_ */
