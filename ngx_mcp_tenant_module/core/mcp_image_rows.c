/*
 * Rows of shared memory that an image names.
 */

#include "mcp_image_layout.h"


/* Beside that of its requests: the limit on the streams of the same thing. */
#define MCP_IMAGE_STREAMS_IDENTITY  0x9e3779b97f4a7c15ull

/* Of the requests that wait for the first pod of a server. */
#define MCP_IMAGE_WAITING_IDENTITY  0xc2b2ae3d27d4eb4full


/* identities are collected, or rows handed out, whichever is given */
typedef struct {
    uint64_t        *identities;
    const uint32_t  *rows;
    size_t           n;
} mcp_image_visit_t;


static void mcp_image_visit_tenants(mcp_image_t *image,
    mcp_image_visit_t *visit);
static void mcp_image_visit_endpoints(mcp_image_t *image,
    mcp_image_visit_t *visit);
static void mcp_image_visit_servers(mcp_image_t *image,
    mcp_image_visit_t *visit);
static void mcp_image_visit_pods(mcp_image_t *image,
    mcp_image_visit_t *visit);
static void mcp_image_visit_limits(mcp_image_t *image,
    mcp_image_visit_t *visit);
static void mcp_image_visit_limit(mcp_image_visit_t *visit,
    mcp_image_limits_t *limits, uint64_t identity, const mcp_quotas_t *quotas,
    bool always);
static void mcp_image_visit_row(mcp_image_visit_t *visit, uint64_t identity,
    uint32_t *row);
static void mcp_image_visit(void *block, mcp_image_rows_e kind,
    mcp_image_visit_t *visit);


size_t
mcp_image_rows(void *block, mcp_image_rows_e kind, uint64_t *ret_identities)
{
    mcp_image_visit_t  visit = { ret_identities, NULL, 0 };

    mcp_image_visit(block, kind, &visit);

    return visit.n;
}


void
mcp_image_rows_set(void *block, mcp_image_rows_e kind, const uint32_t *rows)
{
    mcp_image_visit_t  visit = { NULL, rows, 0 };

    mcp_image_visit(block, kind, &visit);
}


void
mcp_image_seal(void *block, uint64_t epoch, uint64_t generation)
{
    mcp_image_t  *image;

    image = block;

    image->epoch = epoch;
    image->generation = generation;
    image->checksum = mcp_image_checksum(image);
}


static void
mcp_image_visit(void *block, mcp_image_rows_e kind, mcp_image_visit_t *visit)
{
    switch (kind) {

    case MCP_IMAGE_ROWS_TENANTS:
        mcp_image_visit_tenants(block, visit);
        break;

    case MCP_IMAGE_ROWS_LIMITS:
        mcp_image_visit_limits(block, visit);
        break;

    case MCP_IMAGE_ROWS_SERVERS:
        mcp_image_visit_servers(block, visit);
        break;

    case MCP_IMAGE_ROWS_PODS:
        mcp_image_visit_pods(block, visit);
        break;

    default:
        mcp_image_visit_endpoints(block, visit);
        break;
    }
}


static void
mcp_image_visit_tenants(mcp_image_t *image, mcp_image_visit_t *visit)
{
    uint32_t             i;
    mcp_image_tenant_t  *tenants;

    tenants = mcp_image_writable(image, MCP_IMAGE_TENANTS);

    for (i = 0; i < image->tables[MCP_IMAGE_TENANTS].count; i++) {
        mcp_image_visit_row(visit, tenants[i].identity, &tenants[i].row);
    }
}


static void
mcp_image_visit_endpoints(mcp_image_t *image, mcp_image_visit_t *visit)
{
    uint32_t               i;
    mcp_image_endpoint_t  *endpoints;

    endpoints = mcp_image_writable(image, MCP_IMAGE_ENDPOINTS);

    for (i = 0; i < image->tables[MCP_IMAGE_ENDPOINTS].count; i++) {
        mcp_image_visit_row(visit, endpoints[i].identity, &endpoints[i].row);
    }
}


static void
mcp_image_visit_servers(mcp_image_t *image, mcp_image_visit_t *visit)
{
    uint32_t             i;
    mcp_image_server_t  *servers;

    servers = mcp_image_writable(image, MCP_IMAGE_SERVERS);

    for (i = 0; i < image->tables[MCP_IMAGE_SERVERS].count; i++) {
        mcp_image_visit_row(visit, servers[i].identity, &servers[i].row);
    }
}


static void
mcp_image_visit_pods(mcp_image_t *image, mcp_image_visit_t *visit)
{
    uint32_t               i;
    mcp_image_server_t    *servers;
    mcp_image_endpoint_t  *endpoints;

    if (!image->has_pods) {
        return;
    }

    servers = mcp_image_writable(image, MCP_IMAGE_SERVERS);
    endpoints = mcp_image_writable(image, MCP_IMAGE_ENDPOINTS);

    for (i = 0; i < image->tables[MCP_IMAGE_ENDPOINTS].count; i++) {
        if (servers[endpoints[i].server].runtime == MCP_RUNTIME_KUBERNETES) {
            mcp_image_visit_row(visit, endpoints[i].identity,
                                &endpoints[i].pod);
        }
    }

    for (i = 0; i < image->tables[MCP_IMAGE_SERVERS].count; i++) {
        if (servers[i].activation_timeout) {
            mcp_image_visit_row(visit, servers[i].identity
                                       ^ MCP_IMAGE_WAITING_IDENTITY,
                                &servers[i].pod);
        }
    }
}


static void
mcp_image_visit_limits(mcp_image_t *image, mcp_image_visit_t *visit)
{
    uint32_t                 i;
    mcp_image_key_t         *keys;
    mcp_image_tenant_t      *tenants;
    mcp_image_server_t      *servers;
    mcp_image_tool_limit_t  *tools;

    tenants = mcp_image_writable(image, MCP_IMAGE_TENANTS);
    keys = mcp_image_writable(image, MCP_IMAGE_KEYS);
    servers = mcp_image_writable(image, MCP_IMAGE_SERVERS);
    tools = mcp_image_writable(image, MCP_IMAGE_TOOL_LIMITS);

    for (i = 0; i < image->tables[MCP_IMAGE_TENANTS].count; i++) {
        mcp_image_visit_limit(visit, &tenants[i].limits, tenants[i].identity,
                              &tenants[i].quotas, true);
    }

    for (i = 0; i < image->tables[MCP_IMAGE_KEYS].count; i++) {
        mcp_image_visit_limit(visit, &keys[i].limits, keys[i].identity,
                              &keys[i].quotas, false);
    }

    for (i = 0; i < image->tables[MCP_IMAGE_SERVERS].count; i++) {
        mcp_image_visit_limit(visit, &servers[i].limits, servers[i].identity,
                              &servers[i].quotas, false);
    }

    for (i = 0; i < image->tables[MCP_IMAGE_TOOL_LIMITS].count; i++) {
        mcp_image_visit_limit(visit, &tools[i].limits, tools[i].identity,
                              &tools[i].quotas, false);
    }
}


static void
mcp_image_visit_limit(mcp_image_visit_t *visit, mcp_image_limits_t *limits,
    uint64_t identity, const mcp_quotas_t *quotas, bool always)
{
    if (always || quotas->max_concurrent_requests
        || quotas->requests_per_second_milli)
    {
        mcp_image_visit_row(visit, identity, &limits->requests);
    }

    if (quotas->max_streams) {
        mcp_image_visit_row(visit, identity ^ MCP_IMAGE_STREAMS_IDENTITY,
                            &limits->streams);
    }
}


static void
mcp_image_visit_row(mcp_image_visit_t *visit, uint64_t identity, uint32_t *row)
{
    if (visit->identities) {
        visit->identities[visit->n] = identity;
    }

    if (visit->rows) {
        *row = visit->rows[visit->n];
    }

    visit->n++;
}
