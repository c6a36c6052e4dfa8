/*
 * What the sidecar says of pods, once it was read: looking it up, and taking
 * it out of an image again.
 */

#include "mcp_endpoints_parts.h"
#include "mcp_target.h"
#include "mcp_text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>


static const char *mcp_endpoints_refused(const mcp_address_t *address,
    const mcp_url_t *url, const mcp_config_options_t *options);
static void mcp_endpoints_check_server(const mcp_endpoints_server_t *server,
    const mcp_mark_t *mark, const mcp_tenant_t *tenant,
    const mcp_server_t *of, const mcp_config_options_t *options,
    mcp_report_t *report);
static int mcp_endpoints_take(mcp_endpoints_t *endpoints,
    const mcp_image_t *image, const mcp_image_server_t *record);


mcp_endpoints_t *
mcp_endpoints_new(void)
{
    mcp_endpoints_t  *endpoints;

    endpoints = mcp_alloc(sizeof(mcp_endpoints_t));
    if (endpoints == NULL) {
        return NULL;
    }

    memset(endpoints, 0, sizeof(mcp_endpoints_t));

    endpoints->arena = mcp_arena_new();

    if (endpoints->arena == NULL) {
        free(endpoints);
        return NULL;
    }

    return endpoints;
}


void
mcp_endpoints_free(mcp_endpoints_t *endpoints)
{
    if (endpoints == NULL) {
        return;
    }

    mcp_set_free(&endpoints->servers);
    mcp_arena_free(endpoints->arena);
    free(endpoints);
}


uint64_t
mcp_endpoints_sequence(const mcp_endpoints_t *endpoints)
{
    return endpoints->sequence;
}


bool
mcp_endpoints_same(const mcp_endpoints_t *one, const mcp_endpoints_t *two)
{
    return one->hash != 0 && one->hash == two->hash;
}


size_t
mcp_endpoints_name(char name[MCP_ENDPOINTS_NAME_LEN], const mcp_str_t *tenant,
    const mcp_str_t *server)
{
    if (tenant->len > MCP_TENANT_ID_MAX_LEN
        || server->len > MCP_SERVER_ID_MAX_LEN)
    {
        return 0;
    }

    memcpy(name, tenant->data, tenant->len);
    name[tenant->len] = '/';
    memcpy(name + tenant->len + 1, server->data, server->len);

    return tenant->len + 1 + server->len;
}


const mcp_endpoints_server_t *
mcp_endpoints_find(const mcp_endpoints_t *endpoints, const mcp_str_t *tenant,
    const mcp_str_t *server)
{
    char    name[MCP_ENDPOINTS_NAME_LEN];
    size_t  len;

    len = mcp_endpoints_name(name, tenant, server);

    return len ? mcp_set_find(&endpoints->servers, name, len) : NULL;
}


void
mcp_endpoints_check(const mcp_endpoints_t *endpoints, const char *name,
    const mcp_config_t *config, const mcp_config_options_t *options,
    mcp_report_t *report)
{
    size_t                         i, k;
    mcp_mark_t                     mark = { name, 1, 1 };
    const mcp_server_t            *of;
    const mcp_tenant_t            *tenant;
    const mcp_endpoints_server_t  *server;

    for (i = 0; i < config->ntenants; i++) {
        tenant = &config->tenants[i];

        for (k = 0; k < tenant->nservers; k++) {
            of = &tenant->servers[k];

            if (of->runtime != MCP_RUNTIME_KUBERNETES || of->nurls == 0) {
                continue;
            }

            server = mcp_endpoints_find(endpoints, &tenant->id, &of->id);

            if (server) {
                mcp_endpoints_check_server(server, &mark, tenant, of, options,
                                           report);
            }
        }
    }
}


static void
mcp_endpoints_check_server(const mcp_endpoints_server_t *server,
    const mcp_mark_t *mark, const mcp_tenant_t *tenant,
    const mcp_server_t *of, const mcp_config_options_t *options,
    mcp_report_t *report)
{
    char         text[MCP_ADDRESS_TEXT_LEN];
    uint32_t     i;
    const char  *refused;

    for (i = 0; i < server->nactive + server->ndraining; i++) {

        refused = mcp_endpoints_refused(&server->addresses[i], &of->urls[0],
                                        options);
        if (refused == NULL) {
            continue;
        }

        (void) mcp_address_text(&server->addresses[i], text);

        mcp_report_add(report, MCP_REPORT_WARNING, mark,
                       "found %s as an endpoint of server \"%s\" of tenant "
                       "\"%s\", which is %s, expected the address of a pod, "
                       "with port %u; it is not used", text, of->id.data,
                       tenant->id.data, refused, of->urls[0].port);
    }
}


static const char *
mcp_endpoints_refused(const mcp_address_t *address, const mcp_url_t *url,
    const mcp_config_options_t *options)
{
    if (mcp_endpoints_port(address) != url->port) {
        return "of another port";
    }

    return mcp_target_refused(address, options);
}


uint16_t
mcp_endpoints_port(const mcp_address_t *address)
{
    return ntohs(address->sa.sa_family == AF_INET ? address->in.sin_port
                                                  : address->in6.sin6_port);
}


mcp_endpoints_t *
mcp_endpoints_of_image(const mcp_image_t *image)
{
    uint32_t                   i;
    mcp_endpoints_t           *endpoints;
    const mcp_image_server_t  *server;

    endpoints = mcp_endpoints_new();
    if (endpoints == NULL) {
        return NULL;
    }

    endpoints->sequence = mcp_image_sequence(image);

    for (i = 0; i < mcp_image_nservers(image); i++) {
        server = mcp_image_server(image, i);

        if (server->pods_state < MCP_PODS_STATES
            && mcp_endpoints_take(endpoints, image, server) != MCP_OK)
        {
            mcp_endpoints_free(endpoints);
            return NULL;
        }
    }

    return endpoints;
}


static int
mcp_endpoints_take(mcp_endpoints_t *endpoints, const mcp_image_t *image,
    const mcp_image_server_t *record)
{
    char                     name[MCP_ENDPOINTS_NAME_LEN], *copy;
    size_t                   len;
    uint32_t                 i, n;
    mcp_str_t                tenant, id, reason;
    const void              *first;
    mcp_endpoints_server_t  *server;

    id = mcp_image_text(image, &record->id);
    tenant = mcp_image_text(image,
                            &mcp_image_tenant(image, record->tenant)->id);
    reason = mcp_image_text(image, &record->reason);

    n = record->endpoints.count + record->ndraining;
    len = mcp_endpoints_name(name, &tenant, &id);

    copy = mcp_arena_strdup(endpoints->arena, name, len);
    server = mcp_arena_alloc(endpoints->arena, sizeof(*server));

    if (copy == NULL || server == NULL) {
        return MCP_ERROR;
    }

    server->state = record->pods_state;
    server->nactive = record->endpoints.count;
    server->ndraining = record->ndraining;
    server->reason.data = mcp_arena_strdup(endpoints->arena, reason.data,
                                           reason.len);
    server->reason.len = reason.len;
    server->addresses = mcp_arena_alloc(endpoints->arena,
                                        (n + 1) * sizeof(mcp_address_t));

    if (server->reason.data == NULL || server->addresses == NULL) {
        return MCP_ERROR;
    }

    for (i = 0; i < n; i++) {
        server->addresses[i] =
            mcp_image_endpoint(image, record->endpoints.first + i)->address;
    }

    return mcp_set_add(&endpoints->servers, copy, len, server, &first);
}
