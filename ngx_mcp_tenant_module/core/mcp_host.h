/*
 * Which hosts the URLs of a catalog may name: not the gateway itself, the
 * cloud's metadata, the Kubernetes API or another tenant's namespace.
 */

#ifndef _MCP_HOST_H_INCLUDED_
#define _MCP_HOST_H_INCLUDED_


#include "mcp_load.h"


/*
 * host: in lower case, an IPv6 address without brackets.  Returns false when
 * it reported why not; names that resolve to such addresses pass here, and
 * are left out when the image is built.
 */
bool mcp_host_passes(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, const mcp_str_t *host);


#endif /* _MCP_HOST_H_INCLUDED_ */
