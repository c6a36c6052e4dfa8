/*
 * The "runtime" of a server: where it is and how it is started.
 */

#ifndef _MCP_RUNTIME_H_INCLUDED_
#define _MCP_RUNTIME_H_INCLUDED_


#include "mcp_load.h"


/* Reads the node into the server, whose id and mark are known. */
void mcp_runtime_read(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_server_t *server);


#endif /* _MCP_RUNTIME_H_INCLUDED_ */
