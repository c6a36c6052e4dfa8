/*
 * What a server of runtime "kubernetes" says about its pods.
 */

#ifndef _MCP_PODS_H_INCLUDED_
#define _MCP_PODS_H_INCLUDED_


#include "mcp_load.h"


/* The values of the runtime's keys, NULL for what there is not. */
typedef struct {
    const mcp_yaml_node_t  *image;
    const mcp_yaml_node_t  *replicas;
    const mcp_yaml_node_t  *env;
    const mcp_yaml_node_t  *secret_env;
    const mcp_yaml_node_t  *resources;
    const mcp_yaml_node_t  *activation;
    const mcp_yaml_node_t  *idle_timeout;
    const mcp_yaml_node_t  *activation_timeout;
    const mcp_yaml_node_t  *egress;
    const mcp_yaml_node_t  *probe_path;
    bool                    partial;
} mcp_pods_nodes_t;


void mcp_pods_read(mcp_load_t *load, const mcp_pods_nodes_t *nodes,
    mcp_kubernetes_t *kubernetes);


#endif /* _MCP_PODS_H_INCLUDED_ */
