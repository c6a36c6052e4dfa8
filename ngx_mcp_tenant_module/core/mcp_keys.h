/*
 * The "api_keys" of a tenant.
 */

#ifndef _MCP_KEYS_H_INCLUDED_
#define _MCP_KEYS_H_INCLUDED_


#include "mcp_load.h"


/*
 * Reads the list into the tenant.  digests: of all keys of the file so far.
 * Returns whether any key names servers.
 */
bool mcp_keys_read(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *digests, mcp_tenant_t *tenant);

/*
 * Reports the servers named by keys that are not in ids; has_catalog: whether
 * there is a catalog at all.
 */
void mcp_keys_check_servers(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_set_t *ids, bool has_catalog);


#endif /* _MCP_KEYS_H_INCLUDED_ */
