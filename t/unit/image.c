/*
 * The reader: what went into an image comes out, and nothing else does.
 */

#include "image_fixture.h"


#define TENANTS_MANY  2000


static void test_records(void);
static void test_lookups(void);
static void test_reach(void);
static void test_many(void);


int
main(void)
{
    test_records();
    test_lookups();
    test_reach();
    test_many();

    free(built);

    return done();
}


static void
test_records(void)
{
    const mcp_image_t         *image;
    const mcp_image_key_t     *key;
    const mcp_image_server_t  *server;
    const mcp_image_tenant_t  *tenant;

    image = build(&config);

    is_int((long long) mcp_image_epoch(image), 3, "epoch");
    is_int((long long) mcp_image_generation(image), 4, "generation");
    is_int((long long) mcp_image_size(image), (long long) built_size, "size");
    ok(memcmp(mcp_image_digest(image), config.digest, 32) == 0, "digest");
    is_int(mcp_image_ntenants(image), 3, "tenants");
    is_int(mcp_image_nkeys(image), 4, "keys");
    is_int(mcp_image_nservers(image), 7, "servers");

    tenant = mcp_image_tenant(image, 0);

    ok(equal(text_of(image, &tenant->id), "team-a"), "id of a tenant");
    ok(equal(text_of(image, &tenant->display_name), "Team Alpha"),
       "display name of a tenant");
    ok(equal(text_of(image, &tenant->namespace), "mcp-team-a"),
       "namespace of a tenant");
    is_int(tenant->origins.count, 1, "origins of a tenant");
    ok(equal(mcp_image_string(image, &tenant->origins, 0),
             "https://a.example.com"), "origin of a tenant");
    is_int(tenant->enabled, 1, "a tenant is enabled");
    is_int(tenant->quotas.max_servers, 9, "servers quota");
    is_int(tenant->quotas.requests_per_second_milli, 50000, "rate quota");
    is_int(tenant->keys.count, 3, "keys of a tenant");
    is_int(tenant->servers.count, 5, "servers of a tenant");

    tenant = mcp_image_tenant(image, 1);

    ok(equal(text_of(image, &tenant->display_name), ""), "an empty text");
    is_int(tenant->enabled, 0, "a tenant is disabled");
    is_int(tenant->keys.count + tenant->servers.count, 0, "an empty tenant");

    key = mcp_image_key(image, 0);

    ok(equal(text_of(image, &key->name), "production"), "name of a key");
    ok(memcmp(key->digest, a_keys[0].digest, 32) == 0, "digest of a key");
    is_int(key->tenant, 0, "tenant of a key");
    is_int(key->not_before, 100, "start of a key");
    is_int(key->expires_at, 200, "end of a key");
    is_int(key->quotas.max_concurrent_requests, 5, "quota of a key");
    is_int(key->enabled, 1, "a key is enabled");
    is_int(mcp_image_key(image, 2)->enabled, 0, "a key is disabled");
    is_int(mcp_image_key(image, 3)->tenant, 2, "tenant of another key");

    server = mcp_image_server(image, 0);

    ok(equal(text_of(image, &server->id), "search"), "id of a server");
    ok(equal(text_of(image, &server->display_name), "Search"),
       "display name of a server");
    ok(equal(text_of(image, &server->description), "Finds things"),
       "description of a server");
    is_int(server->tags.count, 2, "tags of a server");
    ok(equal(mcp_image_string(image, &server->tags, 1), "docs"), "a tag");
    ok(equal(text_of(image, &server->path), "/mcp?v=1"), "path of a server");
    ok(equal(text_of(image, &server->headers),
             "Authorization: Bearer one\r\nX-Team: a\r\n"),
       "headers, without the one that was not read");
    is_int(server->quotas.burst, 3, "quota of a server");
    is_int(server->runtime, MCP_RUNTIME_REMOTE, "runtime of a server");
    is_int(server->tls, 1, "a server behind TLS");
    is_int(server->tenant, 0, "tenant of a server");

    server = mcp_image_server(image, 3);

    ok(equal(text_of(image, &server->upstream_name), "legacy_servers"),
       "upstream name");
    ok(equal(text_of(image, &server->path), "/old"), "path of an upstream");
    is_int(server->endpoints.count, 0, "an upstream has no endpoints");
    is_int(server->tls, 0, "an upstream is not behind TLS");
}


static void
test_lookups(void)
{
    size_t              i, found;
    uint32_t            n;
    unsigned char       digest[MCP_KEY_DIGEST_LEN];
    const mcp_image_t  *image;

    image = build(&config);

    is_int(mcp_image_tenant_find(image, "team-a", 6), 0, "a tenant");
    is_int(mcp_image_tenant_find(image, "team-b", 6), 2, "another tenant");
    is_int(mcp_image_tenant_find(image, "team-", 5), MCP_IMAGE_NONE,
           "a tenant's beginning");
    is_int(mcp_image_tenant_find(image, "team-aa", 7), MCP_IMAGE_NONE,
           "a tenant and more");
    is_int(mcp_image_tenant_find(image, "", 0), MCP_IMAGE_NONE,
           "an empty tenant");

    n = mcp_image_server_find(image, 0, "search", 6);
    is_int(n, 0, "a server");
    n = mcp_image_server_find(image, 2, "search", 6);
    is_int(n, 5, "a server of the same id of another tenant");
    n = mcp_image_server_find(image, 2, "legacy", 6);
    is_int(n, MCP_IMAGE_NONE, "a server that is another tenant's");
    n = mcp_image_server_find(image, 1, "search", 6);
    is_int(n, MCP_IMAGE_NONE, "a server of a tenant without any");
    n = mcp_image_server_find(image, MCP_IMAGE_NONE, "search", 6);
    is_int(n, MCP_IMAGE_NONE, "a server of no tenant");

    is_int(mcp_image_key_find(image, a_keys[1].digest), 1, "a key");
    is_int(mcp_image_key_find(image, b_keys[0].digest), 3, "another key");

    memset(digest, 0, sizeof(digest));
    is_int(mcp_image_key_find(image, digest), MCP_IMAGE_NONE,
           "the key of an empty slot");

    found = 0;

    for (i = 0; i < 8 * sizeof(digest); i++) {
        memcpy(digest, a_keys[0].digest, sizeof(digest));
        digest[i / 8] ^= 1 << i % 8;
        found += mcp_image_key_find(image, digest) != MCP_IMAGE_NONE;
    }

    is_int((long long) found, 0, "no key that differs by one bit");
}


static void
test_reach(void)
{
    const mcp_image_t      *image;
    const mcp_image_key_t  *key;

    image = build(&config);
    key = mcp_image_key(image, 0);

    ok(mcp_image_key_reaches(image, key, 0), "a key reaches the first");
    ok(mcp_image_key_reaches(image, key, 4), "a key reaches the last");
    ok(!mcp_image_key_reaches(image, key, 5), "but none of another tenant");
    ok(!mcp_image_key_reaches(image, key, 7), "and none that is not there");
    ok(!mcp_image_key_reaches(image, key, MCP_IMAGE_NONE), "nor no server");

    key = mcp_image_key(image, 1);

    is_int(key->servers.count, 2, "servers of a narrowed key");
    ok(mcp_image_key_reaches(image, key, 0), "a narrowed key reaches one");
    ok(mcp_image_key_reaches(image, key, 4), "a narrowed key reaches two");
    ok(!mcp_image_key_reaches(image, key, 1), "but not the second");
    ok(!mcp_image_key_reaches(image, key, 3), "nor the fourth");
    ok(!mcp_image_key_reaches(image, key, 5), "nor another tenant's");

    key = mcp_image_key(image, 2);

    ok(!mcp_image_key_reaches(image, key, 0),
       "a key narrowed to nothing reaches nothing");
    ok(!mcp_image_key_reaches(image, mcp_image_key(image, 3), 0),
       "another tenant's key does not reach the server");
}


static void
test_many(void)
{
    char                       id[32];
    size_t                     i, wrong;
    uint32_t                   n;
    mcp_key_t                 *keys;
    mcp_str_t                  text;
    mcp_config_t               many;
    mcp_tenant_t              *all;
    const mcp_image_t         *image;

    all = calloc(TENANTS_MANY, sizeof(mcp_tenant_t));
    keys = calloc(TENANTS_MANY, sizeof(mcp_key_t));

    many = config;
    many.tenants = all;
    many.ntenants = TENANTS_MANY;

    for (i = 0; i < TENANTS_MANY; i++) {
        text.len = (size_t) snprintf(id, sizeof(id), "tenant-%zu", i);
        text.data = strdup(id);

        keys[i].digest[0] = (unsigned char) i;
        keys[i].digest[9] = (unsigned char) (i >> 8);
        keys[i].digest[31] = 1;

        all[i].id = text;
        all[i].keys = &keys[i];
        all[i].nkeys = 1;
        all[i].servers = a_servers;
        all[i].nservers = 5;
    }

    image = build(&many);
    wrong = 0;

    for (i = 0; i < TENANTS_MANY; i++) {
        text = all[i].id;
        n = (uint32_t) i;

        wrong += mcp_image_tenant_find(image, text.data, text.len) != n;
        wrong += mcp_image_tenant_find(image, text.data, text.len - 1) == n;
        wrong += mcp_image_key_find(image, keys[i].digest) != n;
        wrong += mcp_image_server_find(image, n, "legacy", 6) != 5 * n + 3;
        wrong += mcp_image_server_find(image, n, "legacz", 6)
                 != MCP_IMAGE_NONE;

        keys[i].digest[31] = 2;
        wrong += mcp_image_key_find(image, keys[i].digest) != MCP_IMAGE_NONE;
    }

    is_int((long long) wrong, 0, "all are found among many, and no other");

    for (i = 0; i < TENANTS_MANY; i++) {
        free((char *) all[i].id.data);
    }

    free(all);
    free(keys);
}
