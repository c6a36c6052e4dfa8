/*
 * The objects of one server: Service, Deployment, PodDisruptionBudget and the
 * policy of what its pods may reach.
 */

#include "objects.h"
#include "mcp_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define OBJECTS_GRACE_SECONDS   60
#define OBJECTS_LINK_LOCAL      "169.254.0.0/16"
#define OBJECTS_LINK_LOCAL6     "fe80::/10"


static void objects_add_egress(objects_t *objects,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options);
static json_t *objects_route(const mcp_egress_t *egress);
static void objects_except(json_t *block, const mcp_str_t *range);
static json_t *objects_deployment(const mcp_tenant_t *tenant,
    const mcp_server_t *server, uint32_t replicas,
    const objects_options_t *options);
static json_t *objects_pod(const mcp_tenant_t *tenant,
    const mcp_server_t *server, const objects_options_t *options);
static json_t *objects_container(const mcp_tenant_t *tenant,
    const mcp_server_t *server, const objects_options_t *options);
static json_t *objects_env(const mcp_kubernetes_t *kubernetes);
static json_t *objects_secret_env(const mcp_pair_t *pair);
static json_t *objects_resources(const mcp_kubernetes_t *kubernetes);
static json_t *objects_amounts(const mcp_pair_t *pairs, size_t count);
static json_t *objects_probe(const mcp_server_t *server);
static json_t *objects_drain(const mcp_tenant_t *tenant,
    const mcp_server_t *server, const objects_options_t *options);


void
objects_add_server(objects_t *objects, const mcp_tenant_t *tenant,
    const mcp_server_t *server, uint32_t replicas,
    const objects_options_t *options)
{
    const char  *name;

    name = server->id.data;

    /* Without an address of its own: the gateway balances over the pods. */
    objects_add(objects, KUBE_SERVICE, name, tenant, server, options,
                json_pack("{s:{s:s,s:o,s:[{s:s,s:s,s:i,s:s}]}}", "spec",
                          "clusterIP", "None",
                          "selector", objects_selector(tenant, server),
                          "ports", "name", "mcp", "protocol", "TCP",
                          "port", (int) server->urls[0].port,
                          "targetPort", "mcp"));

    if (server->kubernetes->negress) {
        objects_add_egress(objects, tenant, server, options);
    }

    if (server->kubernetes->replicas > 1) {
        objects_add(objects, KUBE_POD_DISRUPTION_BUDGET, name, tenant, server,
                    options,
                    json_pack("{s:{s:i,s:{s:o}}}", "spec",
                              "maxUnavailable", 1, "selector", "matchLabels",
                              objects_selector(tenant, server)));
    }

    objects_add(objects, KUBE_DEPLOYMENT, name, tenant, server, options,
                objects_deployment(tenant, server, replicas, options));
}


json_t *
objects_selector(const mcp_tenant_t *tenant, const mcp_server_t *server)
{
    return json_pack("{s:s,s:s}", OBJECTS_TENANT, tenant->id.data,
                     OBJECTS_SERVER, server->id.data);
}


static void
objects_add_egress(objects_t *objects, const mcp_tenant_t *tenant,
    const mcp_server_t *server, const objects_options_t *options)
{
    char     name[128];
    size_t   i;
    json_t  *rules;

    rules = json_array();

    for (i = 0; i < server->kubernetes->negress; i++) {
        if (json_array_append_new(rules,
                         objects_route(&server->kubernetes->egress[i])))
        {
            objects->failed = true;
        }
    }

    (void) snprintf(name, sizeof(name), "egress-%s", server->id.data);

    objects_add(objects, KUBE_NETWORK_POLICY, name, tenant, server, options,
                json_pack("{s:{s:{s:o},s:[s],s:o}}", "spec", "podSelector",
                          "matchLabels", objects_selector(tenant, server),
                          "policyTypes", "Egress", "egress", rules));
}


static json_t *
objects_route(const mcp_egress_t *egress)
{
    size_t   i;
    json_t  *block, *ports;

    block = json_pack("{s:s}", "cidr", egress->cidr.data);
    objects_except(block, &egress->cidr);

    ports = json_array();

    if (egress->nports == 0) {
        (void) json_array_append_new(ports,
                                     json_pack("{s:s}", "protocol", "TCP"));
    }

    for (i = 0; i < egress->nports; i++) {
        (void) json_array_append_new(ports,
                                     json_pack("{s:s,s:i}", "protocol", "TCP",
                                               "port",
                                               (int) egress->ports[i]));
    }

    return json_pack("{s:[{s:o}],s:o}", "to", "ipBlock", block, "ports",
                     ports);
}


/* The metadata of the cloud, with its credentials, is at such an address. */
static void
objects_except(json_t *block, const mcp_str_t *range)
{
    mcp_cidr_t   cidr, local;
    const char  *text;

    if (mcp_cidr_parse(range->data, range->len, &cidr) != MCP_OK) {
        return;
    }

    text = cidr.family == AF_INET ? OBJECTS_LINK_LOCAL : OBJECTS_LINK_LOCAL6;

    if (mcp_cidr_parse(text, strlen(text), &local) == MCP_OK
        && mcp_cidr_holds(&cidr, &local))
    {
        (void) json_object_set_new(block, "except", json_pack("[s]", text));
    }
}


static json_t *
objects_deployment(const mcp_tenant_t *tenant, const mcp_server_t *server,
    uint32_t replicas, const objects_options_t *options)
{
    json_t  *labels;

    labels = json_pack("{s:s,s:s,s:s,s:s}", OBJECTS_MANAGED_BY,
                       OBJECTS_MANAGER, OBJECTS_INSTANCE, options->instance,
                       OBJECTS_TENANT, tenant->id.data, OBJECTS_SERVER,
                       server->id.data);

    return json_pack("{s:{s:i,s:i,s:{s:o},s:{s:s,s:{s:i,s:i}},"
                     "s:{s:{s:o},s:o}}}", "spec",
                     "replicas", (int) replicas,
                     "revisionHistoryLimit", 2,
                     "selector", "matchLabels",
                     objects_selector(tenant, server),
                     "strategy", "type", "RollingUpdate", "rollingUpdate",
                     "maxSurge", 1, "maxUnavailable", 0,
                     "template", "metadata", "labels", labels,
                     "spec", objects_pod(tenant, server, options));
}


/* https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
static json_t *
objects_pod(const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options)
{
    return json_pack("{s:s,s:b,s:b,s:i,s:{s:b,s:{s:s}},"
                     "s:[{s:i,s:s,s:s,s:{s:o}}],s:[o]}",
                     "serviceAccountName", "mcp-server",
                     "automountServiceAccountToken", 0,
                     "enableServiceLinks", 0,
                     "terminationGracePeriodSeconds", OBJECTS_GRACE_SECONDS,
                     "securityContext", "runAsNonRoot", 1,
                     "seccompProfile", "type", "RuntimeDefault",
                     "topologySpreadConstraints", "maxSkew", 1,
                     "topologyKey", "kubernetes.io/hostname",
                     "whenUnsatisfiable", "ScheduleAnyway",
                     "labelSelector", "matchLabels",
                     objects_selector(tenant, server),
                     "containers",
                     objects_container(tenant, server, options));
}


static json_t *
objects_container(const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options)
{
    json_t                  *json;
    const mcp_kubernetes_t  *kubernetes;

    kubernetes = server->kubernetes;

    json = json_pack("{s:s,s:s,s:[{s:s,s:s,s:i}],s:{s:b,s:{s:[s]}},s:o}",
                     "name", "server", "image", kubernetes->image.data,
                     "ports", "name", "mcp", "protocol", "TCP",
                     "containerPort", (int) server->urls[0].port,
                     "securityContext", "allowPrivilegeEscalation", 0,
                     "capabilities", "drop", "ALL",
                     "readinessProbe", objects_probe(server));

    if (json == NULL) {
        return NULL;
    }

    if ((kubernetes->nenv + kubernetes->nsecret_env
         && json_object_set_new(json, "env", objects_env(kubernetes)))
        || (kubernetes->nrequests + kubernetes->nlimits
            && json_object_set_new(json, "resources",
                                   objects_resources(kubernetes)))
        || (options->drain_host[0]
            && json_object_set_new(json, "lifecycle",
                                   objects_drain(tenant, server, options))))
    {
        json_decref(json);
        return NULL;
    }

    return json;
}


static json_t *
objects_env(const mcp_kubernetes_t *kubernetes)
{
    size_t             i;
    json_t            *env;
    const mcp_pair_t  *pair;

    env = json_array();

    for (i = 0; i < kubernetes->nenv; i++) {
        pair = &kubernetes->env[i];

        if (json_array_append_new(env,
                                  json_pack("{s:s,s:s}", "name",
                                            pair->name.data, "value",
                                            pair->value.data)))
        {
            json_decref(env);
            return NULL;
        }
    }

    for (i = 0; i < kubernetes->nsecret_env; i++) {
        if (json_array_append_new(env,
                         objects_secret_env(&kubernetes->secret_env[i])))
        {
            json_decref(env);
            return NULL;
        }
    }

    return env;
}


/* value: SECRET/KEY */
static json_t *
objects_secret_env(const mcp_pair_t *pair)
{
    const char  *slash;

    slash = strchr(pair->value.data, '/');

    return json_pack("{s:s,s:{s:{s:s%,s:s}}}", "name", pair->name.data,
                     "valueFrom", "secretKeyRef", "name", pair->value.data,
                     (size_t) (slash - pair->value.data), "key", slash + 1);
}


static json_t *
objects_resources(const mcp_kubernetes_t *kubernetes)
{
    json_t  *resources, *requests, *limits;

    resources = json_object();
    requests = objects_amounts(kubernetes->requests, kubernetes->nrequests);
    limits = objects_amounts(kubernetes->limits, kubernetes->nlimits);

    /* The default of the LimitRange may be less than what is requested. */

    (void) json_object_update_missing(limits, requests);

    if (kubernetes->nrequests) {
        (void) json_object_set(resources, "requests", requests);
    }

    (void) json_object_set(resources, "limits", limits);

    json_decref(requests);
    json_decref(limits);

    return resources;
}


static json_t *
objects_amounts(const mcp_pair_t *pairs, size_t count)
{
    size_t   i;
    json_t  *amounts;

    amounts = json_object();

    for (i = 0; i < count; i++) {
        (void) json_object_set_new(amounts, pairs[i].name.data,
                                   json_string(pairs[i].value.data));
    }

    return amounts;
}


static json_t *
objects_probe(const mcp_server_t *server)
{
    if (server->kubernetes->probe_path.len) {
        return json_pack("{s:i,s:i,s:{s:s,s:s}}", "periodSeconds", 5,
                         "failureThreshold", 2, "httpGet", "path",
                         server->kubernetes->probe_path.data, "port", "mcp");
    }

    return json_pack("{s:i,s:i,s:{s:s}}", "periodSeconds", 5,
                     "failureThreshold", 2, "tcpSocket", "port", "mcp");
}


/*
 * kubelet asks before it sends SIGTERM, and waits for the answer for as long
 * as the grace period lasts.
 */
static json_t *
objects_drain(const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options)
{
    char  path[160];

    (void) snprintf(path, sizeof(path), "/drain/%s/%s",
                    tenant->namespace.data, server->id.data);

    return json_pack("{s:{s:{s:s,s:i,s:s}}}", "preStop", "httpGet",
                     "host", options->drain_host,
                     "port", (int) options->drain_port, "path", path);
}
