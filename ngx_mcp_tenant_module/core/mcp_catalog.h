/*
 * A tenant's catalog: YAML to servers.
 */

#ifndef _MCP_CATALOG_H_INCLUDED_
#define _MCP_CATALOG_H_INCLUDED_


#include "mcp_load.h"


/*
 * Reads the servers of a catalog into the tenant.  ids: an empty set that
 * receives every id; *ret_ids_whole: whether that is all of them, so that
 * an id it lacks is a mistake of whoever names it.
 */
void mcp_catalog_read(mcp_load_t *load, mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *root,
    mcp_set_t *ids, bool *ret_ids_whole);


#endif /* _MCP_CATALOG_H_INCLUDED_ */
