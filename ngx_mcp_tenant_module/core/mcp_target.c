/*
 * Where URLs lead to.  Literal addresses and what names resolved to pass the
 * same checks: a name must not lead where an address could not.
 */

#include "mcp_target.h"

#include <stdlib.h>
#include <string.h>


#define MCP_TARGETS_MIN  64


struct mcp_targets_s {
    const mcp_config_options_t  *options;
    mcp_image_addresses_pt       addresses;
    void                        *data;
    mcp_target_t                *targets;
    size_t                       ntargets;
    size_t                       capacity;
    size_t                       next;
    mcp_address_t                api_server;
    bool                         has_api_server;
};


static bool mcp_target_api_server(const mcp_config_options_t *options,
    mcp_address_t *ret_address);
static const char *mcp_target_judge(const mcp_address_t *address,
    const mcp_config_options_t *options, const mcp_address_t *api_server);
static const void *mcp_target_bytes(const mcp_address_t *address,
    size_t *ret_len);
static int mcp_targets_grow(mcp_targets_t *targets);


mcp_targets_t *
mcp_targets_new(const mcp_config_options_t *options,
    mcp_image_addresses_pt addresses, void *data)
{
    mcp_targets_t  *targets;

    targets = mcp_alloc(sizeof(mcp_targets_t));
    if (targets == NULL) {
        return NULL;
    }

    memset(targets, 0, sizeof(mcp_targets_t));

    targets->options = options;
    targets->addresses = addresses;
    targets->data = data;

    targets->has_api_server = mcp_target_api_server(options,
                                                    &targets->api_server);

    return targets;
}


void
mcp_targets_free(mcp_targets_t *targets)
{
    if (targets == NULL) {
        return;
    }

    free(targets->targets);
    free(targets);
}


int
mcp_targets_find(mcp_targets_t *targets, uint32_t n, const mcp_url_t *url)
{
    size_t         i, found;
    mcp_address_t  addresses[MCP_IMAGE_NAME_ADDRESSES_MAX];

    if (mcp_address_parse(url->host.data, url->host.len, url->port,
                          &addresses[0])
        == MCP_OK)
    {
        return mcp_targets_add(targets, n, &addresses[0], url->port);
    }

    if (targets->addresses == NULL) {
        return MCP_OK;
    }

    found = targets->addresses(targets->data, url->host.data, addresses,
                               MCP_IMAGE_NAME_ADDRESSES_MAX);

    if (found > MCP_IMAGE_NAME_ADDRESSES_MAX) {
        found = MCP_IMAGE_NAME_ADDRESSES_MAX;
    }

    found = mcp_target_sort(addresses, found);

    for (i = 0; i < found; i++) {
        if (mcp_targets_add(targets, n, &addresses[i], url->port) != MCP_OK) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


int
mcp_targets_add(mcp_targets_t *targets, uint32_t n,
    const mcp_address_t *address, uint16_t port)
{
    mcp_target_t  *target;

    if (mcp_target_judge(address, targets->options,
                         targets->has_api_server ? &targets->api_server
                                                 : NULL))
    {
        return MCP_OK;
    }

    if (targets->ntargets == targets->capacity
        && mcp_targets_grow(targets) != MCP_OK)
    {
        return MCP_ERROR;
    }

    target = &targets->targets[targets->ntargets++];
    memset(target, 0, sizeof(mcp_target_t));

    target->url = n;

    if (address->sa.sa_family == AF_INET) {
        target->address.in.sin_family = AF_INET;
        target->address.in.sin_addr = address->in.sin_addr;
        target->address.in.sin_port = htons(port);

    } else {
        target->address.in6.sin6_family = AF_INET6;
        target->address.in6.sin6_addr = address->in6.sin6_addr;
        target->address.in6.sin6_scope_id = address->in6.sin6_scope_id;
        target->address.in6.sin6_port = htons(port);
    }

    target->text_len = (uint32_t) mcp_address_text(&target->address,
                                                   target->text);

    return MCP_OK;
}


static bool
mcp_target_api_server(const mcp_config_options_t *options,
    mcp_address_t *ret_address)
{
    const char  *api;

    api = options->api_server;

    return api && mcp_address_parse(api, strlen(api), 0, ret_address)
                  == MCP_OK;
}


const char *
mcp_target_refused(const mcp_address_t *address,
    const mcp_config_options_t *options)
{
    mcp_address_t  api_server;

    return mcp_target_judge(address, options,
                            mcp_target_api_server(options, &api_server)
                            ? &api_server : NULL);
}


static const char *
mcp_target_judge(const mcp_address_t *address,
    const mcp_config_options_t *options, const mcp_address_t *api_server)
{
    size_t       len, api_len;
    const char  *refused;
    const void  *bytes, *api_bytes;

    if (address->sa.sa_family != AF_INET && address->sa.sa_family != AF_INET6)
    {
        return "an address of no network";
    }

    refused = mcp_address_refused(&address->sa, options->allow,
                                  options->nallow);

    if (refused || api_server == NULL) {
        return refused;
    }

    bytes = mcp_target_bytes(address, &len);
    api_bytes = mcp_target_bytes(api_server, &api_len);

    return len == api_len && memcmp(bytes, api_bytes, len) == 0
           ? "the Kubernetes API server" : NULL;
}


static int
mcp_targets_grow(mcp_targets_t *targets)
{
    size_t         capacity;
    mcp_target_t  *grown;

    capacity = targets->capacity ? targets->capacity * 2 : MCP_TARGETS_MIN;

    grown = mcp_alloc(capacity * sizeof(mcp_target_t));
    if (grown == NULL) {
        return MCP_ERROR;
    }

    if (targets->ntargets) {
        memcpy(grown, targets->targets,
               targets->ntargets * sizeof(mcp_target_t));
    }

    free(targets->targets);

    targets->targets = grown;
    targets->capacity = capacity;

    return MCP_OK;
}


const mcp_target_t *
mcp_targets_next(mcp_targets_t *targets, uint32_t n)
{
    if (targets->next == targets->ntargets
        || targets->targets[targets->next].url != n)
    {
        return NULL;
    }

    return &targets->targets[targets->next++];
}


void
mcp_targets_rewind(mcp_targets_t *targets)
{
    targets->next = 0;
}


size_t
mcp_target_sort(mcp_address_t *addresses, size_t n)
{
    size_t  i, kept;

    if (n == 0) {
        return 0;
    }

    qsort(addresses, n, sizeof(mcp_address_t), mcp_target_compare);

    kept = 1;

    for (i = 1; i < n; i++) {
        if (mcp_target_compare(&addresses[kept - 1], &addresses[i]) != 0) {
            addresses[kept++] = addresses[i];
        }
    }

    return kept;
}


int
mcp_target_compare(const void *one, const void *two)
{
    int                   rc;
    const mcp_address_t  *a, *b;

    a = one;
    b = two;

    if (a->sa.sa_family != b->sa.sa_family) {
        return a->sa.sa_family < b->sa.sa_family ? -1 : 1;
    }

    if (a->sa.sa_family == AF_INET) {
        return memcmp(&a->in.sin_addr, &b->in.sin_addr,
                      sizeof(a->in.sin_addr));
    }

    rc = memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
                sizeof(a->in6.sin6_addr));
    if (rc != 0) {
        return rc;
    }

    return (a->in6.sin6_scope_id > b->in6.sin6_scope_id)
           - (a->in6.sin6_scope_id < b->in6.sin6_scope_id);
}


/* The address alone; one that is mapped into IPv6 is the IPv4 address. */
static const void *
mcp_target_bytes(const mcp_address_t *address, size_t *ret_len)
{
    const unsigned char  *bytes;

    if (address->sa.sa_family == AF_INET) {
        *ret_len = sizeof(address->in.sin_addr);
        return &address->in.sin_addr;
    }

    bytes = address->in6.sin6_addr.s6_addr;

    if (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr)) {
        *ret_len = sizeof(address->in.sin_addr);
        return bytes + sizeof(address->in6.sin6_addr)
               - sizeof(address->in.sin_addr);
    }

    *ret_len = sizeof(address->in6.sin6_addr);

    return bytes;
}
