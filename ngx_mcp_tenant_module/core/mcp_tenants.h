/*
 * tenants.yaml: YAML to tenants.
 */

#ifndef _MCP_TENANTS_H_INCLUDED_
#define _MCP_TENANTS_H_INCLUDED_


#include "mcp_load.h"


/*
 * Fills load->config->tenants and load->tenants, element by element the same
 * tenant, and load->namespaces.  root: of tenants.yaml, NULL when it is empty.
 */
void mcp_tenants_read(mcp_load_t *load, const mcp_yaml_node_t *root);


#endif /* _MCP_TENANTS_H_INCLUDED_ */
