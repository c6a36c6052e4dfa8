/*
 * "tools", "resources" and "prompts" of a server or a key.
 */

#ifndef _MCP_RULES_H_INCLUDED_
#define _MCP_RULES_H_INCLUDED_


#include "mcp_load.h"


/* server: whose "limits" are read too, NULL for a key, which has none. */
void mcp_rules_read(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_kind_e kind, mcp_server_t *server, mcp_rules_t *ret_rules);


#endif /* _MCP_RULES_H_INCLUDED_ */
