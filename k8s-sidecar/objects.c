/*
 * The objects of a tenant's namespace; those of its servers are in
 * objects_server.c.
 */

#include "objects.h"
#include "mcp_text.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define OBJECTS_ACCOUNT     "mcp-server"
#define OBJECTS_SURGE_PODS  1

/* Also what is left of a variable that was not replaced is no host. */
#define OBJECTS_HOST_CHARACTERS                                              \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-[]"

#define OBJECTS_SECURITY_VERSION  "v1.33"


static bool objects_grow(objects_t *objects);
static json_t *objects_metadata(const object_t *object,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options);
static void objects_namespace_security(json_t *json,
    const objects_options_t *options);
static bool objects_hash(json_t *json, char ret_hash[OBJECTS_HASH_LEN + 1]);
static json_t *objects_quota(const mcp_tenant_t *tenant);
static json_t *objects_limit_range(const mcp_tenant_t *tenant);
static uint32_t objects_pods(const mcp_tenant_t *tenant);
static void objects_policies(objects_t *objects, const mcp_tenant_t *tenant,
    const objects_options_t *options);
static json_t *objects_role_binding(const mcp_tenant_t *tenant);
static json_t *objects_subject(const mcp_subject_t *subject);


int
objects_option(objects_options_t *options, const char *command, int option,
    const char *value)
{
    char           *end;
    size_t          len;
    mcp_str_t       text;
    const char     *colon;
    unsigned long   port;

    text.data = value;
    text.len = value ? strlen(value) : 0;

    if (option == OBJECTS_OPTION_INSTANCE || option == OBJECTS_OPTION_GATEWAY)
    {
        if (!mcp_text_is_label(&text)) {
            fprintf(stderr, "mcp-tenant %s: found \"%s\" as %s, expected 1 "
                    "to 63 of a-z, 0-9 and \"-\", with no \"-\" at either "
                    "end\n", command, value,
                    option == OBJECTS_OPTION_INSTANCE ? "--instance"
                                                     : "--gateway-namespace");
            return MCP_ERROR;
        }

        if (option == OBJECTS_OPTION_INSTANCE) {
            options->instance = value;

        } else {
            options->gateway_namespace = value;
        }
    }

    if (option == OBJECTS_OPTION_DRAIN) {
        colon = strrchr(value, ':');
        port = colon ? strtoul(colon + 1, &end, 10) : 0;
        len = colon ? (size_t) (colon - value) : 0;

        if (len == 0 || len >= sizeof(options->drain_host) || *end != '\0'
            || strspn(value, OBJECTS_HOST_CHARACTERS) < len
            || port < 1 || port > 65535)
        {
            fprintf(stderr, "mcp-tenant %s: found \"%s\" as --drain, expected "
                    "HOST:PORT\n", command, value);
            return MCP_ERROR;
        }

        (void) snprintf(options->drain_host, sizeof(options->drain_host),
                        "%.*s", (int) len, value);
        options->drain_port = (uint16_t) port;
    }

    return MCP_OK;
}


int
objects_build(const mcp_tenant_t *tenant, const bool *running,
    const objects_options_t *options, objects_t *objects)
{
    size_t               i;
    uint32_t             replicas;
    const mcp_server_t  *server;

    objects_add(objects, KUBE_NAMESPACE, tenant->namespace.data, tenant, NULL,
                options, json_object());

    objects_add(objects, KUBE_RESOURCE_QUOTA, OBJECTS_MANAGER, tenant, NULL,
                options, objects_quota(tenant));

    objects_add(objects, KUBE_LIMIT_RANGE, OBJECTS_MANAGER, tenant, NULL,
                options, objects_limit_range(tenant));

    objects_policies(objects, tenant, options);

    objects_add(objects, KUBE_SERVICE_ACCOUNT, OBJECTS_ACCOUNT, tenant, NULL,
                options, json_pack("{s:b}", "automountServiceAccountToken",
                                   0));

    if (tenant->nsubjects) {
        objects_add(objects, KUBE_ROLE_BINDING, OBJECTS_MEMBER_ROLE, tenant,
                    NULL, options, objects_role_binding(tenant));
    }

    for (i = 0; i < tenant->nservers; i++) {
        server = &tenant->servers[i];

        if (!objects_server_is_active(tenant, i)) {
            continue;
        }

        replicas = server->kubernetes->replicas;

        if (!tenant->enabled
            || (objects_server_is_on_demand(server)
                && (running == NULL || !running[i])))
        {
            replicas = 0;
        }

        objects_add_server(objects, tenant, server, replicas, options);
    }

    return objects->failed ? MCP_ERROR : MCP_OK;
}


void
objects_clear(objects_t *objects)
{
    size_t  i;

    for (i = 0; i < objects->count; i++) {
        json_decref(objects->elts[i].json);
    }

    free(objects->elts);
    memset(objects, 0, sizeof(objects_t));
}


bool
objects_server_is_on_demand(const mcp_server_t *server)
{
    return server->kubernetes
           && server->kubernetes->activation == MCP_ACTIVATION_ON_DEMAND;
}


bool
objects_server_is_active(const mcp_tenant_t *tenant, size_t server)
{
    size_t    i;
    uint32_t  active;

    if (tenant->servers[server].kubernetes == NULL) {
        return false;
    }

    if (objects_server_is_on_demand(&tenant->servers[server])
        || tenant->quotas.max_servers == 0)
    {
        return true;
    }

    active = 0;

    for (i = 0; i < server; i++) {
        active += !objects_server_is_on_demand(&tenant->servers[i]);
    }

    return active < tenant->quotas.max_servers;
}


void
objects_add(objects_t *objects, kube_kind_e kind, const char *name,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const objects_options_t *options, json_t *json)
{
    json_t    *metadata;
    object_t  *object;

    if (json == NULL || !objects_grow(objects)) {
        objects->failed = true;
        json_decref(json);
        return;
    }

    object = &objects->elts[objects->count];
    memset(object, 0, sizeof(object_t));

    object->kind = kind;
    (void) snprintf(object->name, sizeof(object->name), "%s", name);

    if (kube_kinds[kind].is_namespaced) {
        (void) snprintf(object->namespace, sizeof(object->namespace), "%s",
                        tenant->namespace.data);
    }

    metadata = objects_metadata(object, tenant, server, options);

    object->json = json_pack("{s:s,s:s,s:o}", "apiVersion",
                             options->versions->api_version[kind], "kind",
                             kube_kinds[kind].kind, "metadata", metadata);

    if (object->json == NULL || json_object_update(object->json, json)
        || !objects_hash(object->json, object->hash)
        || json_object_set_new(json_object_get(metadata, "annotations"),
                               OBJECTS_APPLIED, json_string(object->hash)))
    {
        objects->failed = true;
        json_decref(object->json);
        json_decref(json);
        return;
    }

    json_decref(json);
    objects->count++;
}


static bool
objects_grow(objects_t *objects)
{
    size_t     capacity;
    object_t  *elts;

    if (objects->count < objects->capacity) {
        return true;
    }

    capacity = objects->capacity ? 2 * objects->capacity : 16;

    elts = realloc(objects->elts, capacity * sizeof(object_t));
    if (elts == NULL) {
        return false;
    }

    objects->elts = elts;
    objects->capacity = capacity;

    return true;
}


static json_t *
objects_metadata(const object_t *object, const mcp_tenant_t *tenant,
    const mcp_server_t *server, const objects_options_t *options)
{
    char     owner[160];
    json_t  *metadata, *labels;

    (void) snprintf(owner, sizeof(owner), "%s/%s", options->instance,
                    tenant->id.data);

    labels = json_pack("{s:s,s:s,s:s}", OBJECTS_MANAGED_BY, OBJECTS_MANAGER,
                       OBJECTS_INSTANCE, options->instance, OBJECTS_TENANT,
                       tenant->id.data);

    metadata = json_pack("{s:s}", "name", object->name);

    if (object->namespace[0]) {
        (void) json_object_set_new(metadata, "namespace",
                                   json_string(object->namespace));

    } else {
        objects_namespace_security(labels, options);
    }

    (void) json_object_set_new(metadata, "labels", labels);
    (void) json_object_set_new(metadata, "annotations",
                               json_pack("{s:s}", OBJECTS_OWNER, owner));

    if (server) {
        (void) json_object_set_new(labels, OBJECTS_SERVER,
                                   json_string(server->id.data));
    }

    return metadata;
}


/* https://kubernetes.io/docs/concepts/security/pod-security-admission/ */
static void
objects_namespace_security(json_t *labels, const objects_options_t *options)
{
    size_t  i;
    char    name[64];

    static const char *const  modes[] = { "enforce", "audit", "warn" };

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        (void) snprintf(name, sizeof(name),
                        "pod-security.kubernetes.io/%s", modes[i]);
        (void) json_object_set_new(labels, name, json_string("restricted"));

        /* From 1.34 on, the level refuses hooks that name a host. */

        if (options->drain_host[0]) {
            (void) snprintf(name, sizeof(name),
                            "pod-security.kubernetes.io/%s-version",
                            modes[i]);
            (void) json_object_set_new(labels, name,
                                       json_string(OBJECTS_SECURITY_VERSION));
        }
    }
}


static bool
objects_hash(json_t *json, char ret_hash[OBJECTS_HASH_LEN + 1])
{
    int            i;
    char          *text;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        return false;
    }

    SHA256((unsigned char *) text, strlen(text), digest);
    free(text);

    for (i = 0; i < OBJECTS_HASH_LEN / 2; i++) {
        (void) snprintf(ret_hash + 2 * i, 3, "%02x", digest[i]);
    }

    return true;
}


static json_t *
objects_quota(const mcp_tenant_t *tenant)
{
    char     pods[16];
    json_t  *json, *hard;

    (void) snprintf(pods, sizeof(pods), "%u", objects_pods(tenant));

    /* Ways round the gateway that a namespace would have otherwise. */
    hard = json_pack("{s:s,s:s,s:s}", "pods", pods,
                     "services.loadbalancers", "0", "services.nodeports",
                     "0");

    if (tenant->cpu.len) {
        (void) json_object_set_new(hard, "limits.cpu",
                                   json_string(tenant->cpu.data));
    }

    if (tenant->memory.len) {
        (void) json_object_set_new(hard, "limits.memory",
                                   json_string(tenant->memory.data));
    }

    json = json_pack("{s:{s:o}}", "spec", "hard", hard);

    return json;
}


/*
 * What a container has that says nothing.  A quota of cpu refuses those
 * without a limit; without a quota, cpu that nobody else wants is free.
 */
static json_t *
objects_limit_range(const mcp_tenant_t *tenant)
{
    json_t  *defaults;

    defaults = json_pack("{s:s}", "memory", "256Mi");

    if (tenant->cpu.len) {
        (void) json_object_set_new(defaults, "cpu", json_string("500m"));
    }

    return json_pack("{s:{s:[{s:s,s:o,s:{s:s,s:s}}]}}", "spec", "limits",
                     "type", "Container", "default", defaults,
                     "defaultRequest", "cpu", "50m", "memory", "64Mi");
}


static uint32_t
objects_pods(const mcp_tenant_t *tenant)
{
    size_t    i;
    uint32_t  pods;

    pods = 0;

    for (i = 0; i < tenant->nservers; i++) {
        if (objects_server_is_active(tenant, i)) {
            pods += tenant->servers[i].kubernetes->replicas
                    + OBJECTS_SURGE_PODS;
        }
    }

    return pods;
}


static void
objects_policies(objects_t *objects, const mcp_tenant_t *tenant,
    const objects_options_t *options)
{
    objects_add(objects, KUBE_NETWORK_POLICY, "default-deny", tenant, NULL,
                options,
                json_pack("{s:{s:{},s:[s,s]}}", "spec", "podSelector",
                          "policyTypes", "Ingress", "Egress"));

    /* The label is the one that cluster DNS has everywhere. */
    objects_add(objects, KUBE_NETWORK_POLICY, "allow-dns", tenant, NULL,
                options,
                json_pack("{s:{s:{},s:[s],s:[{s:[{s:{},s:{s:{s:s}}}],"
                          "s:[{s:s,s:i},{s:s,s:i}]}]}}",
                          "spec", "podSelector", "policyTypes", "Egress",
                          "egress", "to", "namespaceSelector", "podSelector",
                          "matchLabels", "k8s-app", "kube-dns", "ports",
                          "protocol", "UDP", "port", 53,
                          "protocol", "TCP", "port", 53));

    objects_add(objects, KUBE_NETWORK_POLICY, "allow-gateway", tenant, NULL,
                options,
                json_pack("{s:{s:{},s:[s],s:[{s:[{s:{s:{s:s}},"
                          "s:{s:{s:s}}}]}]}}",
                          "spec", "podSelector", "policyTypes", "Ingress",
                          "ingress", "from", "namespaceSelector",
                          "matchLabels", "kubernetes.io/metadata.name",
                          options->gateway_namespace, "podSelector",
                          "matchLabels", "app.kubernetes.io/name",
                          "mcp-gateway"));
}


static json_t *
objects_role_binding(const mcp_tenant_t *tenant)
{
    size_t   i;
    json_t  *json, *subjects;

    subjects = json_array();

    for (i = 0; i < tenant->nsubjects; i++) {
        (void) json_array_append_new(subjects,
                                     objects_subject(&tenant->subjects[i]));
    }

    json = json_pack("{s:{s:s,s:s,s:s},s:o}", "roleRef",
                     "apiGroup", "rbac.authorization.k8s.io",
                     "kind", "ClusterRole", "name", OBJECTS_MEMBER_ROLE,
                     "subjects", subjects);

    return json;
}


static json_t *
objects_subject(const mcp_subject_t *subject)
{
    if (subject->kind == MCP_SUBJECT_SERVICE_ACCOUNT) {
        return json_pack("{s:s,s:s,s:s}", "kind", "ServiceAccount",
                         "name", subject->name.data,
                         "namespace", subject->namespace.data);
    }

    return json_pack("{s:s,s:s,s:s}",
                     "apiGroup", "rbac.authorization.k8s.io",
                     "kind", subject->kind == MCP_SUBJECT_USER ? "User"
                                                               : "Group",
                     "name", subject->name.data);
}
