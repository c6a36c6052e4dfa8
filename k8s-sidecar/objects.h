/*
 * What a tenant should have in the cluster: a pure function of the files.
 * The same text comes out for the same files, whatever the time and place.
 */

#ifndef _OBJECTS_H_INCLUDED_
#define _OBJECTS_H_INCLUDED_


#include "kube_kind.h"
#include "mcp_model.h"

#include <jansson.h>


#define OBJECTS_MANAGER          "mcp-tenant"
#define OBJECTS_MANAGED_BY       "app.kubernetes.io/managed-by"
#define OBJECTS_INSTANCE         "mcp-tenant.io/instance"
#define OBJECTS_TENANT           "mcp-tenant.io/tenant"
#define OBJECTS_SERVER           "mcp-tenant.io/server"
#define OBJECTS_OWNER            "mcp-tenant.io/owner"
#define OBJECTS_APPLIED          "mcp-tenant.io/applied"

#define OBJECTS_MEMBER_ROLE      "mcp-tenant-member"
#define OBJECTS_INSTANCE_DEFAULT "default"
#define OBJECTS_GATEWAY_NAMESPACE "mcp-gateway"
#define OBJECTS_HASH_LEN         16


/* Options of subcommands; see config_load.h. */
#define OBJECTS_OPTION_INSTANCE  512
#define OBJECTS_OPTION_GATEWAY   513
#define OBJECTS_OPTION_DRAIN     514

#define OBJECTS_OPTIONS                                                      \
    { "instance", required_argument, NULL, OBJECTS_OPTION_INSTANCE },        \
    { "gateway-namespace", required_argument, NULL,                          \
      OBJECTS_OPTION_GATEWAY },                                              \
    { "drain", required_argument, NULL, OBJECTS_OPTION_DRAIN }

#define OBJECTS_OPTIONS_HELP                                                 \
    "  --instance NAME        which gateway owns the objects: "              \
    "\"default\"\n"                                                          \
    "  --gateway-namespace NAMESPACE\n"                                      \
    "                         whose pods may connect to servers: "           \
    "\"mcp-gateway\"\n"                                                      \
    "  --drain HOST:PORT      where kubelet asks before it ends a pod "      \
    "(reconcile --listen)\n"


/*
 * instance: which gateway owns the objects, a label; two gateways with
 * different ones leave each other's objects alone.  gateway_namespace: whose
 * pods may connect to servers.  drain_host, empty for none: where kubelet asks,
 * before it ends a pod, whether requests still need it.
 */
typedef struct {
    const char             *instance;
    const char             *gateway_namespace;
    char                    drain_host[254];
    uint16_t                drain_port;
    const kube_versions_t  *versions;
} objects_options_t;

/*
 * json: owned, with OBJECTS_APPLIED, the hash over all the rest.  namespace:
 * "" of a Namespace.
 */
typedef struct {
    kube_kind_e  kind;
    char         namespace[64];
    char         name[254];
    char         hash[OBJECTS_HASH_LEN + 1];
    json_t      *json;
} object_t;

typedef struct {
    object_t  *elts;
    size_t     count;
    size_t     capacity;
    bool       failed;              /* there was no memory */
} objects_t;


/*
 * Takes an option of a subcommand, and leaves those that are not its own
 * alone.  MCP_ERROR, with a message, for a wrong value.
 */
int objects_option(objects_options_t *options, const char *command,
    int option, const char *value);

/*
 * Adds the objects of a tenant, in the order in which they are to be made.
 * running: for each server of the tenant whether one on demand runs; NULL when
 * none does.  Returns MCP_ERROR without memory.
 */
int objects_build(const mcp_tenant_t *tenant, const bool *running,
    const objects_options_t *options, objects_t *objects);

/* Frees what it holds; a zeroed one is empty. */
void objects_clear(objects_t *objects);

/*
 * Whether the server has pods of its own that max_servers lets run: servers
 * that are always on count first, in the order of the catalog.
 */
bool objects_server_is_active(const mcp_tenant_t *tenant, size_t server);

/* One that counts in max_servers for as long as it runs only. */
bool objects_server_is_on_demand(const mcp_server_t *server);


/* For objects_server.c */

/*
 * Takes over json, which may be NULL for want of memory, and gives it its
 * metadata; server: NULL for an object of the tenant.
 */
void objects_add(objects_t *objects, kube_kind_e kind, const char *name,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options, json_t *json);

/* The labels that choose the pods of a server. */
json_t *objects_selector(const mcp_tenant_t *tenant,
    const mcp_server_t *server);

void objects_add_server(objects_t *objects, const mcp_tenant_t *tenant,
    const mcp_server_t *server, uint32_t replicas,
    const objects_options_t *options);


#endif /* _OBJECTS_H_INCLUDED_ */
