/*
 * The compiler of images.  One walk over the configuration is done twice:
 * first with no block to write into, which only counts, then with a block of
 * exactly that size.
 */

#include "mcp_image_build.h"
#include "mcp_hash.h"

#include <stdlib.h>
#include <string.h>


#define mcp_image_align(n)                                                    \
    (((n) + (MCP_IMAGE_ALIGNMENT - 1)) & ~(uint64_t) (MCP_IMAGE_ALIGNMENT - 1))


static int mcp_image_compile(mcp_image_build_t *build,
    const char **reterr_text);
static int mcp_image_lay_out(mcp_image_build_t *build,
    const char **reterr_text);
static void mcp_image_walk(mcp_image_build_t *build);
static void mcp_image_add_tenant(mcp_image_build_t *build,
    const mcp_tenant_t *tenant);
static bool mcp_image_counts(const mcp_server_t *server);
static bool mcp_image_runs(const mcp_image_build_t *build,
    const mcp_tenant_t *tenant, const mcp_server_t *server);
static void mcp_image_add_server(mcp_image_build_t *build, uint32_t tenant,
    const mcp_tenant_t *owner, const mcp_server_t *server, bool exceeded);
static mcp_server_status_e mcp_image_status(const mcp_server_t *server,
    const mcp_endpoints_server_t *pods, uint32_t nendpoints);
static void mcp_image_add_pods(mcp_image_build_t *build,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const mcp_endpoints_server_t *pods, mcp_image_server_t *record);
static void mcp_image_add_endpoints(mcp_image_build_t *build,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const mcp_url_t *url, const mcp_address_t *addresses, size_t naddresses);
static int mcp_image_find_targets(mcp_image_build_t *build, uint32_t n,
    const mcp_url_t *url, const mcp_address_t *addresses, size_t naddresses);
static void mcp_image_add_key(mcp_image_build_t *build, uint32_t tenant,
    const mcp_tenant_t *owner, const mcp_key_t *key);
static mcp_image_range_t mcp_image_add_references(mcp_image_build_t *build,
    uint32_t tenant, const mcp_key_t *key);
static int mcp_image_reference_compare(const void *one, const void *two);
static void mcp_image_add_slot(mcp_image_build_t *build,
    mcp_image_table_e slots, uint64_t hash, uint32_t record);


int
mcp_image_build(const mcp_config_t *config,
    const mcp_config_options_t *options, mcp_image_addresses_pt addresses,
    void *data, const mcp_endpoints_t *pods, uint64_t epoch,
    uint64_t generation, void **ret_block, size_t *ret_size,
    const char **reterr_text)
{
    int                 rc;
    mcp_image_build_t  *build;

    *ret_block = NULL;
    *ret_size = 0;
    *reterr_text = "there is not enough memory for the image";

    build = mcp_alloc(sizeof(mcp_image_build_t));
    if (build == NULL) {
        return MCP_ERROR;
    }

    memset(build, 0, sizeof(mcp_image_build_t));

    build->config = config;
    build->pods = pods;
    build->identity = mcp_identity_new();
    build->targets = mcp_targets_new(options, addresses, data);

    rc = build->identity && build->targets
         ? mcp_image_compile(build, reterr_text) : MCP_ERROR;

    if (rc == MCP_OK) {
        build->image->epoch = epoch;
        build->image->generation = generation;
        build->image->checksum = mcp_image_checksum(build->image);

        *ret_block = build->image;
        *ret_size = (size_t) build->image->size;

    } else {
        free(build->image);
    }

    mcp_targets_free(build->targets);
    mcp_identity_free(build->identity);
    free(build);

    return rc;
}


static int
mcp_image_compile(mcp_image_build_t *build, const char **reterr_text)
{
    mcp_image_walk(build);

    if (build->failed || mcp_image_lay_out(build, reterr_text) != MCP_OK) {
        return MCP_ERROR;
    }

    mcp_image_walk(build);

    /* keys that name servers which are not there leave references unused */

    build->image->tables[MCP_IMAGE_REFERENCES].count =
                               (uint32_t) build->used[MCP_IMAGE_REFERENCES];

    return build->failed ? MCP_ERROR : MCP_OK;
}


/* Makes the block for what was counted, all tables empty. */
static int
mcp_image_lay_out(mcp_image_build_t *build, const char **reterr_text)
{
    uint64_t           size, offset[MCP_IMAGE_TABLES];
    mcp_image_t       *image;
    mcp_image_table_e  i;

    build->used[MCP_IMAGE_TENANT_SLOTS] =
                             mcp_hash_slots(build->used[MCP_IMAGE_TENANTS]);
    build->used[MCP_IMAGE_KEY_SLOTS] =
                             mcp_hash_slots(build->used[MCP_IMAGE_KEYS]);
    build->used[MCP_IMAGE_SERVER_SLOTS] =
                             mcp_hash_slots(build->used[MCP_IMAGE_SERVERS]);

    /* no sum of 32-bit numbers of 32-bit sizes leaves 64 bits */

    size = sizeof(mcp_image_t);

    for (i = 0; i < MCP_IMAGE_TABLES; i++) {

        if (build->used[i] > UINT32_MAX) {
            build->too_large = true;
            break;
        }

        offset[i] = size;
        size = mcp_image_align(size
                               + build->used[i] * mcp_image_record_size(i));
    }

    if (build->too_large || size > UINT32_MAX || size > SIZE_MAX) {
        *reterr_text = "the image would be larger than 4 GiB";
        return MCP_ERROR;
    }

    image = mcp_alloc((size_t) size);
    if (image == NULL) {
        return MCP_ERROR;
    }

    memset(image, 0, (size_t) size);
    build->image = image;

    memcpy(image->magic, MCP_IMAGE_MAGIC, MCP_IMAGE_MAGIC_LEN);
    memcpy(image->config_digest, build->config->digest,
           sizeof(image->config_digest));

    image->layout = MCP_IMAGE_LAYOUT;
    image->byte_order = MCP_IMAGE_BYTE_ORDER;
    image->size = size;
    image->cut = build->config->cut.line != 0;
    image->has_pods = build->pods != NULL;
    image->sequence = build->pods ? mcp_endpoints_sequence(build->pods) : 0;

    for (i = 0; i < MCP_IMAGE_TABLES; i++) {
        image->tables[i].offset = (uint32_t) offset[i];
        image->tables[i].count = (uint32_t) build->used[i];
        image->tables[i].record_size = mcp_image_record_size(i);
    }

    for (i = MCP_IMAGE_TENANT_SLOTS; i <= MCP_IMAGE_SERVER_SLOTS; i++) {
        memset((char *) image + offset[i], 0xff,
               image->tables[i].count * sizeof(uint32_t));
    }

    if (mcp_hash_seed(image->seed) != MCP_OK) {
        *reterr_text = "the system gave no random numbers";
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
mcp_image_walk(mcp_image_build_t *build)
{
    size_t  i;

    memset(build->used, 0, sizeof(build->used));

    mcp_targets_rewind(build->targets);
    build->next_url = 0;

    /* the NUL that every empty text is */

    build->used[MCP_IMAGE_TEXT] = 1;

    for (i = 0; i < build->config->ntenants; i++) {
        mcp_image_add_tenant(build, &build->config->tenants[i]);
    }
}


static void
mcp_image_add_tenant(mcp_image_build_t *build, const mcp_tenant_t *tenant)
{
    bool                 exceeded;
    size_t               i;
    uint32_t             n, active, running;
    mcp_image_tenant_t  *record;

    n = (uint32_t) build->used[MCP_IMAGE_TENANTS];
    record = mcp_image_add_record(build, MCP_IMAGE_TENANTS);

    record->id = mcp_image_add_text(build, tenant->id.data, tenant->id.len);
    record->display_name = mcp_image_add_text(build,
                                              tenant->display_name.data,
                                              tenant->display_name.len);
    record->namespace = mcp_image_add_text(build, tenant->namespace.data,
                                           tenant->namespace.len);
    record->origins = mcp_image_add_strings(build, tenant->allowed_origins,
                                            tenant->nallowed_origins);
    record->quotas = tenant->quotas;
    record->row = MCP_IMAGE_NONE;
    record->limits = mcp_image_no_limits;
    record->enabled = tenant->enabled;

    if (build->image) {
        record->identity = mcp_identity_tenant(build->identity, tenant);
        build->failed |= record->identity == 0;

        mcp_image_add_slot(build, MCP_IMAGE_TENANT_SLOTS,
                           mcp_image_tenant_hash(build->image,
                                                 tenant->id.data,
                                                 tenant->id.len), n);
    }

    record->servers.first = (uint32_t) build->used[MCP_IMAGE_SERVERS];
    record->servers.count = (uint32_t) tenant->nservers;
    active = 0;
    running = 0;

    for (i = 0; i < tenant->nservers; i++) {

        exceeded = false;

        if (mcp_image_counts(&tenant->servers[i])) {
            exceeded = tenant->quotas.max_servers
                       && active >= tenant->quotas.max_servers;
            active += !exceeded;

        } else {
            running += mcp_image_runs(build, tenant, &tenant->servers[i]);
        }

        mcp_image_add_server(build, n, tenant, &tenant->servers[i],
                             exceeded);
    }

    record->active_servers = active + running;

    /* after the servers, which keys may name */

    record->keys.first = (uint32_t) build->used[MCP_IMAGE_KEYS];
    record->keys.count = (uint32_t) tenant->nkeys;

    for (i = 0; i < tenant->nkeys; i++) {
        mcp_image_add_key(build, n, tenant, &tenant->keys[i]);
    }
}


/* Servers that run on demand count only while they do. */
static bool
mcp_image_counts(const mcp_server_t *server)
{
    return server->runtime != MCP_RUNTIME_KUBERNETES
           || server->kubernetes == NULL
           || server->kubernetes->activation == MCP_ACTIVATION_ALWAYS;
}


static bool
mcp_image_runs(const mcp_image_build_t *build, const mcp_tenant_t *tenant,
    const mcp_server_t *server)
{
    const mcp_endpoints_server_t  *pods;

    pods = build->pods ? mcp_endpoints_find(build->pods, &tenant->id,
                                            &server->id)
                       : NULL;

    return pods && (pods->nactive || pods->state == MCP_PODS_RUNNING
                    || pods->state == MCP_PODS_STARTING);
}


static void
mcp_image_add_server(mcp_image_build_t *build, uint32_t tenant,
    const mcp_tenant_t *owner, const mcp_server_t *server, bool exceeded)
{
    size_t                         i;
    uint32_t                       n;
    uint64_t                       first;
    const mcp_str_t               *path;
    mcp_image_server_t            *record;
    const mcp_endpoints_server_t  *pods;

    n = (uint32_t) build->used[MCP_IMAGE_SERVERS];
    record = mcp_image_add_record(build, MCP_IMAGE_SERVERS);

    path = server->nurls ? &server->urls[0].path : &server->upstream_path;

    record->id = mcp_image_add_text(build, server->id.data, server->id.len);
    record->display_name = mcp_image_add_text(build,
                                              server->display_name.data,
                                              server->display_name.len);
    record->description = mcp_image_add_text(build, server->description.data,
                                             server->description.len);
    record->tags = mcp_image_add_strings(build, server->tags, server->ntags);
    record->path = mcp_image_add_text(build, path->data, path->len);
    record->upstream_name = mcp_image_add_text(build,
                                               server->upstream_name.data,
                                               server->upstream_name.len);
    record->headers = mcp_image_add_headers(build, server);
    record->tool_limits = mcp_image_add_tool_limits(build, owner, server);
    mcp_image_add_rules(build, server->rules, record->rules);
    record->quotas = server->quotas;
    record->row = MCP_IMAGE_NONE;
    record->limits = mcp_image_no_limits;
    record->tenant = tenant;
    record->runtime = server->runtime;
    record->tls = server->nurls ? server->urls[0].tls : false;

    if (build->image) {
        record->identity = mcp_identity_server(build->identity, owner,
                                               server);
        build->failed |= record->identity == 0;

        mcp_image_add_slot(build, MCP_IMAGE_SERVER_SLOTS,
                           mcp_image_server_hash(build->image, tenant,
                                                 server->id.data,
                                                 server->id.len), n);
    }

    first = build->used[MCP_IMAGE_ENDPOINTS];

    pods = NULL;
    record->endpoints.first = (uint32_t) first;
    record->endpoints.count = 0;
    record->ndraining = 0;
    record->pods_state = MCP_IMAGE_NONE;
    record->activation_timeout = build->pods && !mcp_image_counts(server)
                                 ? server->kubernetes->activation_timeout : 0;
    record->pod = MCP_IMAGE_NONE;
    record->reason = mcp_image_add_text(build, NULL, 0);

    /* one that is past the quota has nowhere to go */

    if (exceeded) {
        record->status = MCP_SERVER_QUOTA_EXCEEDED;
        return;
    }

    if (build->pods && server->runtime == MCP_RUNTIME_KUBERNETES) {
        pods = mcp_endpoints_find(build->pods, &owner->id, &server->id);

        if (pods) {
            mcp_image_add_pods(build, owner, server, pods, record);
        }

    } else {
        for (i = 0; i < server->nurls; i++) {
            mcp_image_add_endpoints(build, owner, server, &server->urls[i],
                                    NULL, 0);
        }

        record->endpoints.count =
                        (uint32_t) (build->used[MCP_IMAGE_ENDPOINTS] - first);
    }

    record->status = mcp_image_status(server, pods, record->endpoints.count);
}


static mcp_server_status_e
mcp_image_status(const mcp_server_t *server,
    const mcp_endpoints_server_t *pods, uint32_t nendpoints)
{
    if (server->runtime == MCP_RUNTIME_UPSTREAM || nendpoints) {
        return MCP_SERVER_READY;
    }

    if (server->runtime != MCP_RUNTIME_KUBERNETES) {
        return MCP_SERVER_UNRESOLVED;
    }

    switch (pods ? pods->state : MCP_PODS_RUNNING) {

    case MCP_PODS_STARTING:
        return MCP_SERVER_STARTING;

    case MCP_PODS_STOPPED:
        return MCP_SERVER_STOPPED;

    case MCP_PODS_FAILED:
        return MCP_SERVER_FAILED;

    case MCP_PODS_QUOTA_EXCEEDED:
        return MCP_SERVER_QUOTA_EXCEEDED;

    default:
        return MCP_SERVER_PENDING;
    }
}


static void
mcp_image_add_pods(mcp_image_build_t *build, const mcp_tenant_t *tenant,
    const mcp_server_t *server, const mcp_endpoints_server_t *pods,
    mcp_image_server_t *record)
{
    uint64_t  *used, first;

    record->pods_state = pods->state;
    record->reason = mcp_image_add_text(build, pods->reason.data,
                                        pods->reason.len);

    if (server->nurls == 0) {
        return;
    }

    used = &build->used[MCP_IMAGE_ENDPOINTS];
    first = *used;

    mcp_image_add_endpoints(build, tenant, server, &server->urls[0],
                            pods->addresses, pods->nactive);
    record->endpoints.count = (uint32_t) (*used - first);

    mcp_image_add_endpoints(build, tenant, server, &server->urls[0],
                            pods->addresses + pods->nactive,
                            pods->ndraining);
    record->ndraining = (uint32_t) (*used - first) - record->endpoints.count;
}


/* addresses: NULL for those of the URL's host */
static void
mcp_image_add_endpoints(mcp_image_build_t *build,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const mcp_url_t *url, const mcp_address_t *addresses, size_t naddresses)
{
    uint32_t               n;
    mcp_image_str_t        authority, tls_name;
    const mcp_target_t    *target;
    mcp_image_endpoint_t  *record;

    n = build->next_url++;

    /* the counting walk asks, the other one finds what it was told */

    if (build->image == NULL
        && mcp_image_find_targets(build, n, url, addresses, naddresses)
           != MCP_OK)
    {
        build->failed = true;
        return;
    }

    target = mcp_targets_next(build->targets, n);
    if (target == NULL) {
        return;
    }

    authority = mcp_image_add_text(build, url->authority.data,
                                   url->authority.len);
    tls_name = mcp_image_add_text(build, url->host.data,
                                  url->tls ? url->host.len : 0);

    do {
        record = mcp_image_add_record(build, MCP_IMAGE_ENDPOINTS);

        record->address = target->address;
        record->address_len = mcp_address_len(&target->address);
        record->authority = authority;
        record->tls_name = tls_name;
        record->text = mcp_image_add_text(build, target->text,
                                          target->text_len);
        record->server = (uint32_t) build->used[MCP_IMAGE_SERVERS] - 1;
        record->row = MCP_IMAGE_NONE;
        record->pod = MCP_IMAGE_NONE;

        if (build->image) {
            record->identity = mcp_identity_endpoint(build->identity, tenant,
                                                     server, url,
                                                     &target->address);
            build->failed |= record->identity == 0;
        }

        target = mcp_targets_next(build->targets, n);

    } while (target);
}


static int
mcp_image_find_targets(mcp_image_build_t *build, uint32_t n,
    const mcp_url_t *url, const mcp_address_t *addresses, size_t naddresses)
{
    size_t  i;

    if (addresses == NULL) {
        return mcp_targets_find(build->targets, n, url);
    }

    for (i = 0; i < naddresses; i++) {
        if (mcp_endpoints_port(&addresses[i]) == url->port
            && mcp_targets_add(build->targets, n, &addresses[i], url->port)
               != MCP_OK)
        {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


static void
mcp_image_add_key(mcp_image_build_t *build, uint32_t tenant,
    const mcp_tenant_t *owner, const mcp_key_t *key)
{
    uint32_t          n;
    mcp_image_key_t  *record;

    n = (uint32_t) build->used[MCP_IMAGE_KEYS];
    record = mcp_image_add_record(build, MCP_IMAGE_KEYS);

    memcpy(record->digest, key->digest, MCP_KEY_DIGEST_LEN);

    record->name = mcp_image_add_text(build, key->name.data, key->name.len);
    record->servers = mcp_image_add_references(build, tenant, key);
    mcp_image_add_rules(build, key->rules, record->rules);
    record->tenant = tenant;
    record->enabled = key->enabled;
    record->narrowed = key->narrowed;
    record->quotas = key->quotas;
    record->limits = mcp_image_no_limits;
    record->not_before = key->not_before;
    record->expires_at = key->expires_at;

    if (build->image) {
        record->identity = mcp_identity_key(build->identity, owner, key);
        build->failed |= record->identity == 0;

        mcp_image_add_slot(build, MCP_IMAGE_KEY_SLOTS,
                           mcp_image_key_hash(build->image, key->digest), n);
    }
}


/* Sorted, so that a request finds its server among many by halving. */
static mcp_image_range_t
mcp_image_add_references(mcp_image_build_t *build, uint32_t tenant,
    const mcp_key_t *key)
{
    size_t              i;
    uint32_t            server, *reference, *references;
    mcp_image_range_t   range;

    range.first = (uint32_t) build->used[MCP_IMAGE_REFERENCES];
    range.count = 0;

    for (i = 0; i < key->nservers; i++) {

        if (build->image == NULL) {
            build->used[MCP_IMAGE_REFERENCES]++;
            continue;
        }

        server = mcp_image_server_find(build->image, tenant,
                                       key->servers[i].data,
                                       key->servers[i].len);

        if (server != MCP_IMAGE_NONE) {
            reference = mcp_image_add_record(build, MCP_IMAGE_REFERENCES);
            *reference = server;
            range.count++;
        }
    }

    if (range.count) {
        references = (uint32_t *) mcp_image_records(build->image,
                                                    MCP_IMAGE_REFERENCES);

        qsort(references + range.first, range.count, sizeof(uint32_t),
              mcp_image_reference_compare);
    }

    return range;
}


static int
mcp_image_reference_compare(const void *one, const void *two)
{
    const uint32_t  *a, *b;

    a = one;
    b = two;

    return (*a > *b) - (*a < *b);
}


void *
mcp_image_add_record(mcp_image_build_t *build, mcp_image_table_e table)
{
    uint64_t  n;

    n = build->used[table]++;

    if (build->image == NULL) {
        return &build->scratch[table];
    }

    return (char *) build->image + build->image->tables[table].offset
           + n * mcp_image_record_size(table);
}


mcp_image_str_t
mcp_image_add_text(mcp_image_build_t *build, const char *data, size_t len)
{
    mcp_image_str_t  text;

    text.offset = build->image ? build->image->tables[MCP_IMAGE_TEXT].offset
                               : 0;
    text.len = (uint32_t) len;

    if (len == 0) {
        return text;
    }

    /* each len is below 4 GiB, so that no number of them leaves 64 bits */

    if (len >= UINT32_MAX) {
        build->too_large = true;
        return text;
    }

    text.offset += (uint32_t) build->used[MCP_IMAGE_TEXT];
    build->used[MCP_IMAGE_TEXT] += len + 1;

    if (build->image && data) {
        memcpy((char *) build->image + text.offset, data, len);
    }

    return text;
}


mcp_image_range_t
mcp_image_add_strings(mcp_image_build_t *build, const mcp_str_t *strings,
    size_t n)
{
    size_t              i;
    mcp_image_str_t    *record;
    mcp_image_range_t   range;

    range.first = (uint32_t) build->used[MCP_IMAGE_STRINGS];
    range.count = (uint32_t) n;

    for (i = 0; i < n; i++) {
        record = mcp_image_add_record(build, MCP_IMAGE_STRINGS);
        *record = mcp_image_add_text(build, strings[i].data, strings[i].len);
    }

    return range;
}


static void
mcp_image_add_slot(mcp_image_build_t *build, mcp_image_table_e table,
    uint64_t hash, uint32_t record)
{
    uint32_t  mask, *slots;

    slots = (uint32_t *) mcp_image_records(build->image, table);
    mask = build->image->tables[table].count - 1;

    while (slots[hash & mask] != MCP_IMAGE_NONE) {
        hash++;
    }

    slots[hash & mask] = record;
}
