/*
 * What the files say for Kubernetes alone, beside the pods of a server.
 */

#ifndef _MCP_CLUSTER_H_INCLUDED_
#define _MCP_CLUSTER_H_INCLUDED_


#include "mcp_load.h"


/* rbac_subjects of a tenant: who may look after its namespace. */
void mcp_cluster_subjects(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_tenant_t *tenant);

/* egress of a server: where its pods may connect to. */
void mcp_cluster_egress(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_kubernetes_t *kubernetes);

/* An amount of Kubernetes; example: for the finding. */
bool mcp_cluster_amount(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, const char *example, mcp_str_t *ret_text);


#endif /* _MCP_CLUSTER_H_INCLUDED_ */
