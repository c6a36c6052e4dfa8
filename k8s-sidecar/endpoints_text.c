/*
 * What endpoints.json says: which of the addresses that were told count.
 */

#include "endpoints_parts.h"
#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* Ready pods have more of a say about an address than those that end. */
typedef enum {
    ENDPOINTS_LEAVES = 1,
    ENDPOINTS_SERVES
} endpoints_strength_e;

typedef struct {
    endpoints_ip_t         ip;
    endpoints_strength_e   strength;
    endpoints_pod_t       *pod;
} endpoints_claim_t;

/*
 * found: of the slices of a server; active, draining: of its pods; trouble:
 * what all its pods have, or NULL
 */
typedef struct {
    endpoints_claim_t     *claims;
    size_t                 nclaims;
    endpoints_address_t   *found;
    size_t                 nfound;
    endpoints_claim_t     *active;
    size_t                 nactive;
    endpoints_claim_t     *draining;
    size_t                 ndraining;
    const char            *trouble;
} endpoints_build_t;


static bool endpoints_build_start(endpoints_t *endpoints,
    endpoints_build_t *build);
static void endpoints_build_end(endpoints_build_t *build);
static json_t *endpoints_tenant(endpoints_t *endpoints,
    endpoints_build_t *build, const mcp_tenant_t *tenant,
    endpoints_state_pt state, void *data);
static json_t *endpoints_server(endpoints_build_t *build,
    const endpoints_namespace_t *namespace, const mcp_tenant_t *tenant,
    size_t index, endpoints_state_pt state, void *data);
static void endpoints_find_addresses(endpoints_build_t *build,
    const endpoints_namespace_t *namespace, const char *service);
static void endpoints_find_pods(endpoints_build_t *build,
    const endpoints_namespace_t *namespace, const mcp_tenant_t *tenant,
    const mcp_server_t *server);
static void endpoints_pod_place(endpoints_build_t *build,
    endpoints_pod_t *pod, const endpoints_ip_t *ip);
static bool endpoints_is_own(const endpoints_build_t *build,
    const endpoints_pod_t *pod, const endpoints_ip_t *ip);
static json_t *endpoints_list(const endpoints_claim_t *claims, size_t count,
    uint16_t port);
static void endpoints_state_known(const endpoints_build_t *build,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    endpoints_server_t *ret_state);
static void endpoints_reason_clean(endpoints_server_t *server);
static size_t endpoints_unique(endpoints_claim_t *claims, size_t count);
static int endpoints_claim_compare(const void *one, const void *two);
static int endpoints_address_compare(const void *one, const void *two);


static const char *const  endpoints_states[ENDPOINTS_STATES] = {
    [ENDPOINTS_RUNNING] = "running",
    [ENDPOINTS_STARTING] = "starting",
    [ENDPOINTS_STOPPED] = "stopped",
    [ENDPOINTS_FAILED] = "failed",
    [ENDPOINTS_QUOTA_EXCEEDED] = "quota_exceeded"
};


char *
endpoints_text(endpoints_t *endpoints, const mcp_config_t *config,
    endpoints_state_pt state, void *data, uint64_t sequence)
{
    char  *body, *text;

    body = endpoints_body(endpoints, config, state, data);

    if (body == NULL) {
        return NULL;
    }

    if (asprintf(&text, "{\"version\":1,\"sequence\":%llu,%s",
                 (unsigned long long) sequence, body) == -1)
    {
        text = NULL;
    }

    free(body);

    return text;
}


char *
endpoints_body(endpoints_t *endpoints, const mcp_config_t *config,
    endpoints_state_pt state, void *data)
{
    char               *dump, *body;
    size_t              i;
    json_t             *tenants, *tenant;
    endpoints_build_t   build;

    memset(&build, 0, sizeof(endpoints_build_t));

    dump = NULL;
    body = NULL;
    tenants = json_object();

    if (tenants == NULL || !endpoints_build_start(endpoints, &build)) {
        goto done;
    }

    for (i = 0; i < config->ntenants; i++) {
        tenant = endpoints_tenant(endpoints, &build, &config->tenants[i],
                                  state, data);

        if (tenant == NULL
            || (json_object_size(tenant)
                && json_object_set_new(tenants, config->tenants[i].id.data,
                                       json_pack("{s:O}", "servers",
                                                 tenant))))
        {
            json_decref(tenant);
            goto done;
        }

        json_decref(tenant);
    }

    dump = json_dumps(tenants, JSON_COMPACT);

    if (dump && asprintf(&body, "\"tenants\":%s}\n", dump) == -1) {
        body = NULL;
    }

done:

    free(dump);
    json_decref(tenants);
    endpoints_build_end(&build);

    return body;
}


static bool
endpoints_build_start(endpoints_t *endpoints, endpoints_build_t *build)
{
    size_t                  i, k, n, nips, naddresses;
    endpoints_pod_t        *pod;
    endpoints_claim_t      *claim;
    endpoints_namespace_t  *namespace;

    nips = 0;
    naddresses = 0;

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];
        nips += namespace->npods * ENDPOINTS_POD_IPS_MAX;

        if (naddresses < namespace->naddresses) {
            naddresses = namespace->naddresses;
        }
    }

    build->claims = mcp_alloc((nips + 1) * sizeof(endpoints_claim_t));
    build->active = mcp_alloc((nips + 1) * sizeof(endpoints_claim_t));
    build->draining = mcp_alloc((nips + 1) * sizeof(endpoints_claim_t));
    build->found = mcp_alloc((naddresses + 1) * sizeof(endpoints_address_t));

    if (build->claims == NULL || build->active == NULL
        || build->draining == NULL || build->found == NULL)
    {
        return false;
    }

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];

        for (k = 0; k < namespace->npods; k++) {
            pod = &namespace->pods[k];
            pod->is_listed = false;

            if (!pod->is_ready && !pod->is_terminating) {
                continue;
            }

            for (n = 0; n < pod->nips; n++) {
                claim = &build->claims[build->nclaims++];
                claim->ip = pod->ips[n];
                claim->pod = pod;
                claim->strength = pod->is_ready ? ENDPOINTS_SERVES
                                                : ENDPOINTS_LEAVES;
            }
        }
    }

    qsort(build->claims, build->nclaims, sizeof(endpoints_claim_t),
          endpoints_claim_compare);

    return true;
}


static void
endpoints_build_end(endpoints_build_t *build)
{
    free(build->claims);
    free(build->active);
    free(build->draining);
    free(build->found);
}


/* The servers of the tenant; NULL without memory. */
static json_t *
endpoints_tenant(endpoints_t *endpoints, endpoints_build_t *build,
    const mcp_tenant_t *tenant, endpoints_state_pt state, void *data)
{
    size_t                        i;
    json_t                       *servers;
    const endpoints_namespace_t  *namespace;

    namespace = endpoints_namespace_find(endpoints, tenant->namespace.data);
    servers = json_object();

    for (i = 0; servers && i < tenant->nservers; i++) {

        if (objects_server_is_active(tenant, i)
            && json_object_set_new(servers, tenant->servers[i].id.data,
                                   endpoints_server(build, namespace, tenant,
                                                    i, state, data)))
        {
            json_decref(servers);
            return NULL;
        }
    }

    return servers;
}


static json_t *
endpoints_server(endpoints_build_t *build,
    const endpoints_namespace_t *namespace, const mcp_tenant_t *tenant,
    size_t index, endpoints_state_pt state, void *data)
{
    json_t              *json;
    uint16_t             port;
    endpoints_server_t   known;
    const mcp_server_t  *server;

    server = &tenant->servers[index];
    port = server->urls[0].port;

    build->nactive = 0;
    build->ndraining = 0;
    build->trouble = NULL;

    if (namespace) {
        endpoints_find_addresses(build, namespace, server->id.data);
        endpoints_find_pods(build, namespace, tenant, server);
    }

    endpoints_state_known(build, tenant, server, &known);

    if (state) {
        state(data, tenant, index, build->nactive, &known);
    }

    endpoints_reason_clean(&known);

    json = json_pack("{s:s}", "state", endpoints_states[known.state]);

    if (json == NULL
        || (known.reason[0]
            && json_object_set_new(json, "reason",
                                   json_string(known.reason)))
        || json_object_set_new(json, "endpoints",
                               endpoints_list(build->active, build->nactive,
                                              port))
        || json_object_set_new(json, "draining",
                               endpoints_list(build->draining,
                                              build->ndraining, port)))
    {
        json_decref(json);
        return NULL;
    }

    return json;
}


static void
endpoints_find_addresses(endpoints_build_t *build,
    const endpoints_namespace_t *namespace, const char *service)
{
    size_t                    i;
    const endpoints_slice_t  *slice;

    build->nfound = 0;

    for (i = 0; i < namespace->nslices; i++) {
        slice = &namespace->slices[i];

        if (strcmp(slice->service, service) == 0) {
            memcpy(&build->found[build->nfound], slice->addresses,
                   slice->naddresses * sizeof(endpoints_address_t));
            build->nfound += slice->naddresses;
        }
    }

    qsort(build->found, build->nfound, sizeof(endpoints_address_t),
          endpoints_address_compare);
}


static void
endpoints_find_pods(endpoints_build_t *build,
    const endpoints_namespace_t *namespace, const mcp_tenant_t *tenant,
    const mcp_server_t *server)
{
    size_t            i, k;
    endpoints_pod_t  *pod;

    build->trouble = endpoints_namespace_trouble(namespace, tenant->id.data,
                                                 server->id.data);

    for (i = 0; i < namespace->npods; i++) {
        pod = &namespace->pods[i];

        if (strcmp(pod->tenant, tenant->id.data) != 0
            || strcmp(pod->server, server->id.data) != 0)
        {
            continue;
        }

        pod->is_listed = pod->is_terminating;
        pod->listed_port = server->urls[0].port;

        for (k = 0; k < pod->nips; k++) {
            if (endpoints_is_own(build, pod, &pod->ips[k])) {
                endpoints_pod_place(build, pod, &pod->ips[k]);

            } else {
                pod->is_listed = false;
            }
        }
    }

    build->nactive = endpoints_unique(build->active, build->nactive);
    build->ndraining = endpoints_unique(build->draining, build->ndraining);

    while (build->ndraining > ENDPOINTS_SERVER_MAX) {
        build->draining[--build->ndraining].pod->is_listed = false;
    }

    if (build->nactive > ENDPOINTS_SERVER_MAX) {
        build->nactive = ENDPOINTS_SERVER_MAX;
    }
}


/*
 * A pod that ends drains whether a slice has it or not: before Kubernetes
 * 1.22 none does.  Two slices may have one address while it moves from one to
 * the other.
 */
static void
endpoints_pod_place(endpoints_build_t *build, endpoints_pod_t *pod,
    const endpoints_ip_t *ip)
{
    bool                        ready, leaves;
    endpoints_address_t         key;
    endpoints_claim_t          *claim;
    const endpoints_address_t  *address, *end;

    ready = false;
    leaves = pod->is_terminating;

    key.ip = *ip;
    end = build->found + build->nfound;
    address = bsearch(&key, build->found, build->nfound,
                      sizeof(endpoints_address_t), endpoints_address_compare);

    while (address && address > build->found
           && endpoints_address_compare(address - 1, &key) == 0)
    {
        address--;
    }

    while (address && address < end
           && endpoints_address_compare(address, &key) == 0)
    {
        ready |= address->is_ready && !address->is_terminating;
        leaves |= address->is_terminating;
        address++;
    }

    if (pod->is_ready && ready) {
        claim = &build->active[build->nactive++];

    } else if (leaves) {
        claim = &build->draining[build->ndraining++];

    } else {
        return;
    }

    claim->ip = *ip;
    claim->pod = pod;
    claim->strength = ENDPOINTS_SERVES;
}


static bool
endpoints_is_own(const endpoints_build_t *build, const endpoints_pod_t *pod,
    const endpoints_ip_t *ip)
{
    size_t                    low, high, middle;
    const endpoints_claim_t  *claim, *first, *end;

    low = 0;
    high = build->nclaims;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (endpoints_ip_compare(&build->claims[middle].ip, ip) < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    /* the strongest come first, and nobody else may be as strong */

    first = &build->claims[low];
    end = build->claims + build->nclaims;

    if (first == end) {
        return false;
    }

    for (claim = first;
         claim < end && endpoints_claim_compare(claim, first) == 0;
         claim++)
    {
        if (claim->pod != pod) {
            return false;
        }
    }

    return true;
}


static json_t *
endpoints_list(const endpoints_claim_t *claims, size_t count, uint16_t port)
{
    char     text[ENDPOINTS_ADDRESS_LEN];
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; list && i < count; i++) {
        endpoints_ip_text(&claims[i].ip, port, text);

        if (json_array_append_new(list, json_string(text))) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static void
endpoints_state_known(const endpoints_build_t *build,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    endpoints_server_t *ret_state)
{
    memset(ret_state, 0, sizeof(endpoints_server_t));

    if (build->nactive) {
        ret_state->state = ENDPOINTS_RUNNING;

    } else if (build->trouble) {
        ret_state->state = ENDPOINTS_FAILED;
        (void) snprintf(ret_state->reason, sizeof(ret_state->reason), "%s",
                        build->trouble);

    } else if (!tenant->enabled || objects_server_is_on_demand(server)) {
        ret_state->state = ENDPOINTS_STOPPED;

    } else {
        ret_state->state = ENDPOINTS_STARTING;
    }
}


/* It may be what a container said at its end. */
static void
endpoints_reason_clean(endpoints_server_t *server)
{
    char  *p;

    server->reason[ENDPOINTS_REASON_LEN - 1] = '\0';

    for (p = server->reason; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
}


/* Sorts; one address may stand twice in a pod. */
static size_t
endpoints_unique(endpoints_claim_t *claims, size_t count)
{
    size_t  i, kept;

    qsort(claims, count, sizeof(endpoints_claim_t), endpoints_claim_compare);

    kept = 0;

    for (i = 0; i < count; i++) {
        if (i == 0 || endpoints_ip_compare(&claims[i - 1].ip, &claims[i].ip))
        {
            claims[kept++] = claims[i];
        }
    }

    return kept;
}


static int
endpoints_claim_compare(const void *one, const void *two)
{
    int                       rc;
    const endpoints_claim_t  *a = one, *b = two;

    rc = endpoints_ip_compare(&a->ip, &b->ip);

    return rc ? rc : (int) b->strength - (int) a->strength;
}


static int
endpoints_address_compare(const void *one, const void *two)
{
    const endpoints_address_t  *a = one, *b = two;

    return endpoints_ip_compare(&a->ip, &b->ip);
}
