/*
 * Two tenants with servers in the cluster, and objects as the API server has
 * them.
 */

#ifndef _ENDPOINTS_FIXTURE_H_INCLUDED_
#define _ENDPOINTS_FIXTURE_H_INCLUDED_


#include "endpoints.h"
#include "tap.h"

#include <stdlib.h>


#define READY        0x01
#define TERMINATING  0x02
#define HOST         0x04
#define ENDED        0x08       /* phase Succeeded */
#define STOPPED      0x10       /* no container runs */
#define UNKNOWN      0x20       /* ready is null */
#define FORGED       0x40       /* a slice of somebody's own */
#define TROUBLED     0x80       /* CrashLoopBackOff */


static mcp_kubernetes_t  runtime = { .replicas = 1 };
static mcp_kubernetes_t  demand = {
    .replicas = 1, .activation = MCP_ACTIVATION_ON_DEMAND
};

static mcp_url_t  urls[] = { { .port = 8080 }, { .port = 9000 } };

static mcp_server_t  servers[] = {
    { .id = mcp_str("search"), .runtime = MCP_RUNTIME_KUBERNETES,
      .urls = &urls[0], .nurls = 1, .kubernetes = &runtime },
    { .id = mcp_str("docs"), .runtime = MCP_RUNTIME_KUBERNETES,
      .urls = &urls[1], .nurls = 1, .kubernetes = &demand },
    { .id = mcp_str("remote"), .runtime = MCP_RUNTIME_REMOTE,
      .urls = &urls[1], .nurls = 1 },
    { .id = mcp_str("extra"), .runtime = MCP_RUNTIME_KUBERNETES,
      .urls = &urls[0], .nurls = 1, .kubernetes = &runtime }
};

static mcp_tenant_t  tenants[] = {
    { .id = mcp_str("team-a"), .namespace = mcp_str("mcp-team-a"),
      .enabled = true, .servers = servers, .nservers = 4,
      .quotas.max_servers = 1 },
    { .id = mcp_str("team-b"), .namespace = mcp_str("other"),
      .enabled = true, .servers = servers, .nservers = 1 }
};

static mcp_config_t  config = { .tenants = tenants, .ntenants = 2 };


/* ips: separated by "," */
__attribute__((unused))
static json_t *
pod(const char *namespace, const char *name, const char *tenant,
    const char *server, const char *ips, int flags)
{
    char     text[256], *ip, *place;
    json_t  *json, *list;

    list = json_array();
    (void) snprintf(text, sizeof(text), "%s", ips);

    for (ip = strtok_r(text, ",", &place); ip;
         ip = strtok_r(NULL, ",", &place))
    {
        (void) json_array_append_new(list, json_pack("{s:s}", "ip", ip));
    }

    json = json_pack("{s:{s:s,s:s,s:s+,s:{s:s,s:s}},s:{s:b},"
                     "s:{s:s,s:o,s:[{s:s,s:s}],s:[{s:{s:{}}}]}}",
                     "metadata", "namespace", namespace, "name", name,
                     "uid", "uid-", name,
                     "labels", "mcp-tenant.io/tenant", tenant,
                     "mcp-tenant.io/server", server,
                     "spec", "hostNetwork", flags & HOST ? 1 : 0,
                     "status", "phase", flags & ENDED ? "Succeeded"
                                                      : "Running",
                     "podIPs", list, "conditions", "type", "Ready",
                     "status", flags & READY ? "True" : "False",
                     "containerStatuses", "state",
                     flags & STOPPED ? "terminated"
                     : flags & TROUBLED ? "waiting" : "running");

    if (flags & TROUBLED) {
        (void) json_object_set_new(
            json_object_get(json_object_get(json_array_get(json_object_get(
                json_object_get(json, "status"), "containerStatuses"), 0),
                "state"), "waiting"),
            "reason", json_string("CrashLoopBackOff"));
    }

    if (flags & TERMINATING) {
        (void) json_object_set_new(json_object_get(json, "metadata"),
                                   "deletionTimestamp",
                                   json_string("2027-01-01T00:00:00Z"));
    }

    return json;
}


__attribute__((unused))
static json_t *
slice(const char *namespace, const char *name, const char *service,
    const char *ips, int flags)
{
    char     text[65536], *ip, *place;
    json_t  *conditions, *list;

    list = json_array();
    (void) snprintf(text, sizeof(text), "%s", ips);

    for (ip = strtok_r(text, ",", &place); ip;
         ip = strtok_r(NULL, ",", &place))
    {
        conditions = json_pack("{s:o}", "ready",
                               flags & UNKNOWN ? json_null()
                                               : json_boolean(flags & READY));

        if (flags & TERMINATING) {
            (void) json_object_set_new(conditions, "terminating",
                                       json_true());
        }

        (void) json_array_append_new(list,
                                     json_pack("{s:[s],s:o}", "addresses", ip,
                                               "conditions", conditions));
    }

    return json_pack("{s:{s:s,s:s,s:{s:s,s:s}},s:s,s:o}",
                     "metadata", "namespace", namespace, "name", name,
                     "labels", "kubernetes.io/service-name", service,
                     "endpointslice.kubernetes.io/managed-by",
                     flags & FORGED ? "somebody"
                                    : "endpointslice-controller.k8s.io",
                     "addressType", "IPv4", "endpoints", list);
}


__attribute__((unused))
static void
put(const kube_watch_handler_t *handler, endpoints_t *endpoints, json_t *json)
{
    if (json == NULL) {
        ok(false, "an object of a test is no JSON");
        return;
    }

    handler->object(endpoints, json);
    json_decref(json);
}


__attribute__((unused))
static void
take(const kube_watch_handler_t *handler, endpoints_t *endpoints,
    json_t *json)
{
    handler->gone(endpoints, json);
    json_decref(json);
}


__attribute__((unused))
static void
put_pod(endpoints_t *endpoints, json_t *json)
{
    put(&endpoints_pod_handler, endpoints, json);
}


__attribute__((unused))
static void
put_slice(endpoints_t *endpoints, json_t *json)
{
    put(&endpoints_slice_handler, endpoints, json);
}


/* Lists that are empty, whole. */
__attribute__((unused))
static endpoints_t *
empty_of(uint64_t random)
{
    endpoints_t  *endpoints;

    endpoints = endpoints_new(random, NULL, NULL);

    endpoints_slice_handler.begin(endpoints);
    endpoints_slice_handler.whole(endpoints);
    endpoints_pod_handler.begin(endpoints);
    endpoints_pod_handler.whole(endpoints);

    return endpoints;
}


/* data: why the first server of team-a failed */
__attribute__((unused))
static void
say(void *data, const mcp_tenant_t *tenant, size_t index, size_t ready,
    endpoints_server_t *server)
{
    (void) ready;

    if (strcmp(tenant->id.data, "team-a") == 0 && index == 0) {
        server->state = ENDPOINTS_FAILED;
        (void) snprintf(server->reason, sizeof(server->reason), "%s",
                        (const char *) data);
    }
}


__attribute__((unused))
static endpoints_t *
empty(void)
{
    return empty_of(7);
}


#endif /* _ENDPOINTS_FIXTURE_H_INCLUDED_ */
