/*
 * The headers that the gateway adds to the requests for a server.
 */

#ifndef _MCP_HEADER_H_INCLUDED_
#define _MCP_HEADER_H_INCLUDED_


#include "mcp_load.h"


#define MCP_HEADER_MAX           32
#define MCP_HEADER_NAME_MAX_LEN  128


/* Reads the mapping of names to values into the server. */
void mcp_header_read(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_server_t *server);


#endif /* _MCP_HEADER_H_INCLUDED_ */
