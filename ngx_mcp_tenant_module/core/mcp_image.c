/*
 * The lookups of each request.  Nothing here checks the image: that was done
 * once, by mcp_image_open().
 */

#include "mcp_image_layout.h"
#include "mcp_hash.h"

#include <string.h>


/* the golden ratio, odd: spreads what the digest's bytes differ in */
#define MCP_IMAGE_KEY_FACTOR  0x9e3779b97f4a7c15ULL


static bool mcp_image_digest_is(const unsigned char *stored,
    const unsigned char *digest);


uint64_t
mcp_image_epoch(const mcp_image_t *image)
{
    return image->epoch;
}


uint64_t
mcp_image_generation(const mcp_image_t *image)
{
    return image->generation;
}


size_t
mcp_image_size(const mcp_image_t *image)
{
    return (size_t) image->size;
}


const unsigned char *
mcp_image_digest(const mcp_image_t *image)
{
    return image->config_digest;
}


bool
mcp_image_has_pods(const mcp_image_t *image)
{
    return image->has_pods != 0;
}


uint64_t
mcp_image_sequence(const mcp_image_t *image)
{
    return image->sequence;
}


bool
mcp_image_cut(const mcp_image_t *image)
{
    return image->cut != 0;
}


uint32_t
mcp_image_ntenants(const mcp_image_t *image)
{
    return image->tables[MCP_IMAGE_TENANTS].count;
}


uint32_t
mcp_image_nkeys(const mcp_image_t *image)
{
    return image->tables[MCP_IMAGE_KEYS].count;
}


uint32_t
mcp_image_nservers(const mcp_image_t *image)
{
    return image->tables[MCP_IMAGE_SERVERS].count;
}


uint32_t
mcp_image_nendpoints(const mcp_image_t *image)
{
    return image->tables[MCP_IMAGE_ENDPOINTS].count;
}


uint32_t
mcp_image_ntool_limits(const mcp_image_t *image)
{
    return image->tables[MCP_IMAGE_TOOL_LIMITS].count;
}


const mcp_image_tenant_t *
mcp_image_tenant(const mcp_image_t *image, uint32_t n)
{
    const mcp_image_tenant_t  *tenants;

    tenants = mcp_image_records(image, MCP_IMAGE_TENANTS);

    return &tenants[n];
}


const mcp_image_key_t *
mcp_image_key(const mcp_image_t *image, uint32_t n)
{
    const mcp_image_key_t  *keys;

    keys = mcp_image_records(image, MCP_IMAGE_KEYS);

    return &keys[n];
}


const mcp_image_server_t *
mcp_image_server(const mcp_image_t *image, uint32_t n)
{
    const mcp_image_server_t  *servers;

    servers = mcp_image_records(image, MCP_IMAGE_SERVERS);

    return &servers[n];
}


const mcp_image_endpoint_t *
mcp_image_endpoint(const mcp_image_t *image, uint32_t n)
{
    const mcp_image_endpoint_t  *endpoints;

    endpoints = mcp_image_records(image, MCP_IMAGE_ENDPOINTS);

    return &endpoints[n];
}


const mcp_image_tool_limit_t *
mcp_image_tool_limit(const mcp_image_t *image, uint32_t n)
{
    const mcp_image_tool_limit_t  *limits;

    limits = mcp_image_records(image, MCP_IMAGE_TOOL_LIMITS);

    return &limits[n];
}


mcp_str_t
mcp_image_string(const mcp_image_t *image, const mcp_image_range_t *range,
    uint32_t n)
{
    const mcp_image_str_t  *strings;

    strings = mcp_image_records(image, MCP_IMAGE_STRINGS);

    return mcp_image_text(image, &strings[range->first + n]);
}


mcp_str_t
mcp_image_text(const mcp_image_t *image, const mcp_image_str_t *text)
{
    mcp_str_t  str;

    str.len = text->len;
    str.data = (const char *) image + text->offset;

    return str;
}


uint64_t
mcp_image_tenant_hash(const mcp_image_t *image, const char *id, size_t len)
{
    /* no server has this tenant number */

    return mcp_hash(image->seed, MCP_IMAGE_NONE, id, len);
}


uint64_t
mcp_image_server_hash(const mcp_image_t *image, uint32_t tenant,
    const char *id, size_t len)
{
    return mcp_hash(image->seed, tenant, id, len);
}


uint64_t
mcp_image_key_hash(const mcp_image_t *image,
    const unsigned char digest[MCP_KEY_DIGEST_LEN])
{
    uint64_t  hash;

    memcpy(&hash, digest, sizeof(hash));

    hash = (hash ^ image->seed[0]) * MCP_IMAGE_KEY_FACTOR;

    return hash ^ (hash >> 32);
}


uint32_t
mcp_image_tenant_find(const mcp_image_t *image, const char *id, size_t len)
{
    uint32_t                   i, n, mask;
    uint64_t                   hash;
    mcp_str_t                  text;
    const uint32_t            *slots;
    const mcp_image_tenant_t  *tenant;

    if (len > MCP_TENANT_ID_MAX_LEN) {
        return MCP_IMAGE_NONE;
    }

    slots = mcp_image_records(image, MCP_IMAGE_TENANT_SLOTS);
    mask = image->tables[MCP_IMAGE_TENANT_SLOTS].count - 1;
    hash = mcp_image_tenant_hash(image, id, len);

    for (i = 0; i <= mask; i++) {

        n = slots[(hash + i) & mask];
        if (n == MCP_IMAGE_NONE) {
            return MCP_IMAGE_NONE;
        }

        tenant = mcp_image_tenant(image, n);
        text = mcp_image_text(image, &tenant->id);

        if (text.len == len && memcmp(text.data, id, len) == 0) {
            return n;
        }
    }

    return MCP_IMAGE_NONE;
}


uint32_t
mcp_image_server_find(const mcp_image_t *image, uint32_t tenant,
    const char *id, size_t len)
{
    uint32_t                   i, n, mask;
    uint64_t                   hash;
    mcp_str_t                  text;
    const uint32_t            *slots;
    const mcp_image_server_t  *server;

    if (len > MCP_SERVER_ID_MAX_LEN) {
        return MCP_IMAGE_NONE;
    }

    slots = mcp_image_records(image, MCP_IMAGE_SERVER_SLOTS);
    mask = image->tables[MCP_IMAGE_SERVER_SLOTS].count - 1;
    hash = mcp_image_server_hash(image, tenant, id, len);

    for (i = 0; i <= mask; i++) {

        n = slots[(hash + i) & mask];
        if (n == MCP_IMAGE_NONE) {
            return MCP_IMAGE_NONE;
        }

        server = mcp_image_server(image, n);
        text = mcp_image_text(image, &server->id);

        if (server->tenant == tenant && text.len == len
            && memcmp(text.data, id, len) == 0)
        {
            return n;
        }
    }

    return MCP_IMAGE_NONE;
}


uint32_t
mcp_image_key_find(const mcp_image_t *image,
    const unsigned char digest[MCP_KEY_DIGEST_LEN])
{
    uint32_t              i, n, mask, found;
    uint64_t              hash;
    const uint32_t       *slots;
    const unsigned char  *stored;

    slots = mcp_image_records(image, MCP_IMAGE_KEY_SLOTS);
    mask = image->tables[MCP_IMAGE_KEY_SLOTS].count - 1;
    hash = mcp_image_key_hash(image, digest);
    found = MCP_IMAGE_NONE;

    /*
     * A hit does not end the search and the empty slot costs a comparison
     * too, so that both answers take the same steps.
     */

    for (i = 0; i <= mask; i++) {

        n = slots[(hash + i) & mask];
        stored = n == MCP_IMAGE_NONE ? image->decoy
                                     : mcp_image_key(image, n)->digest;

        if (mcp_image_digest_is(stored, digest)) {
            found = n;
        }

        if (n == MCP_IMAGE_NONE) {
            break;
        }
    }

    return found;
}


/* In constant time: volatile keeps all steps; a word each, not a byte. */
static bool
mcp_image_digest_is(const unsigned char *stored, const unsigned char *digest)
{
    size_t             i;
    uint64_t           one[MCP_KEY_DIGEST_LEN / sizeof(uint64_t)];
    uint64_t           two[MCP_KEY_DIGEST_LEN / sizeof(uint64_t)];
    volatile uint64_t  differ;

    memcpy(one, stored, MCP_KEY_DIGEST_LEN);
    memcpy(two, digest, MCP_KEY_DIGEST_LEN);

    differ = 0;

    for (i = 0; i < MCP_KEY_DIGEST_LEN / sizeof(uint64_t); i++) {
        differ |= one[i] ^ two[i];
    }

    return differ == 0;
}


bool
mcp_image_key_reaches(const mcp_image_t *image, const mcp_image_key_t *key,
    uint32_t server)
{
    uint32_t         low, high, middle;
    const uint32_t  *references;

    if (server >= mcp_image_nservers(image)
        || mcp_image_server(image, server)->tenant != key->tenant)
    {
        return false;
    }

    if (!key->narrowed) {
        return true;
    }

    references = mcp_image_records(image, MCP_IMAGE_REFERENCES);
    low = key->servers.first;
    high = low + key->servers.count;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (references[middle] < server) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low < key->servers.first + key->servers.count
           && references[low] == server;
}


const char *
mcp_server_status_word(uint32_t status)
{
    static const char  *words[MCP_SERVER_STATUS_COUNT] = {
        [MCP_SERVER_READY] = "ready",
        [MCP_SERVER_UNRESOLVED] = "unresolved",
        [MCP_SERVER_PENDING] = "pending",
        [MCP_SERVER_QUOTA_EXCEEDED] = "quota_exceeded",
        [MCP_SERVER_STARTING] = "starting",
        [MCP_SERVER_STOPPED] = "stopped",
        [MCP_SERVER_FAILED] = "failed"
    };

    return status < MCP_SERVER_STATUS_COUNT ? words[status] : "unknown";
}
