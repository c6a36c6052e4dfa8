/*
 * Values with ${NAME} and ${file:PATH} in them.
 */

#ifndef _MCP_SECRET_H_INCLUDED_
#define _MCP_SECRET_H_INCLUDED_


#include "mcp_load.h"


#define MCP_SECRET_VALUE_MAX  8192


/*
 * Replaces the references in the node's text by what the tenant was granted.
 * what: "header \"Authorization\"", for findings.  With no environment to
 * read from, only form and grants are checked and *ret_value has no data.
 * Returns false when it reported a mistake.
 */
bool mcp_secret_expand(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    const char *what, mcp_str_t *ret_value);

/* Whether the text is a line of "secrets": NAME or file:PATH. */
bool mcp_secret_is_grant(const mcp_str_t *text);


#endif /* _MCP_SECRET_H_INCLUDED_ */
