/*
 * The compiler: states, endpoints, identities, and what it runs out of.
 */

#include "image_fixture.h"


static void test_status(void);
static void test_endpoints(void);
static void test_refused(void);
static void test_identities(void);
static void test_endpoint_identity(void);
static void test_memory(void);
static void test_too_large(void);
static void refuses_size(const char *what);
static uint64_t endpoint_identity(void);


int
main(void)
{
    test_status();
    test_endpoints();
    test_refused();
    test_identities();
    test_endpoint_identity();
    test_memory();
    test_too_large();

    free(built);

    return done();
}


static void
test_status(void)
{
    const mcp_image_t  *image;

    image = build(&config);

    is_int(mcp_image_server(image, 0)->status, MCP_SERVER_READY,
           "a server with an address is ready");
    is_int(mcp_image_server(image, 1)->status, MCP_SERVER_PENDING,
           "an on-demand server without pods is pending");
    is_int(mcp_image_server(image, 2)->status, MCP_SERVER_PENDING,
           "a server without pods is pending");
    is_int(mcp_image_server(image, 3)->status, MCP_SERVER_READY,
           "an upstream is ready");
    is_int(mcp_image_server(image, 4)->status, MCP_SERVER_UNRESOLVED,
           "a service without address is unresolved");
    is_int(mcp_image_tenant(image, 0)->active_servers, 4,
           "all count but the on-demand one");

    tenants[0].quotas.max_servers = 2;
    image = build(&config);

    is_int(mcp_image_server(image, 0)->status, MCP_SERVER_READY,
           "the first is within the quota");
    is_int(mcp_image_server(image, 1)->status, MCP_SERVER_PENDING,
           "the on-demand one does not count");
    is_int(mcp_image_server(image, 2)->status, MCP_SERVER_PENDING,
           "the second that counts is within the quota");
    is_int(mcp_image_server(image, 3)->status, MCP_SERVER_QUOTA_EXCEEDED,
           "the third is past it");
    is_int(mcp_image_server(image, 4)->status, MCP_SERVER_QUOTA_EXCEEDED,
           "the fourth is past it");
    is_int(mcp_image_server(image, 5)->status, MCP_SERVER_READY,
           "another tenant's is not");
    is_int(mcp_image_tenant(image, 0)->active_servers, 2, "two are active");

    tenants[2].quotas.max_servers = 1;
    image = build(&config);

    is_int(mcp_image_server(image, 6)->endpoints.count, 0,
           "a server past the quota has no endpoints");
    is_int(mcp_image_server(image, 5)->endpoints.count, 1,
           "the one before it has");

    tenants[0].quotas.max_servers = 9;
    tenants[2].quotas.max_servers = 0;
}


static void
test_endpoints(void)
{
    uint32_t                     i, n;
    const mcp_image_t           *image;
    const mcp_image_server_t    *server;
    const mcp_image_endpoint_t  *endpoint;

    static const char  *texts[] = {
        "10.0.0.1:443", "10.0.0.2:443", "[2001:db8::1]:443",
        "[2001:db8::7]:8443"
    };

    image = build(&config);
    server = mcp_image_server(image, 0);

    is_int(server->endpoints.count, 4,
           "addresses, without doubles and those that are refused");

    for (i = 0; i < server->endpoints.count && i < 4; i++) {
        n = server->endpoints.first + i;
        endpoint = mcp_image_endpoint(image, n);

        is_str(text_of(image, &endpoint->text).data, texts[i], "an address");
        is_int(endpoint->server, 0, "its server");
        is_int(endpoint->address_len, i < 2 ? sizeof(struct sockaddr_in)
                                            : sizeof(struct sockaddr_in6),
               "its length");
        ok(equal(text_of(image, &endpoint->authority),
                 i < 3 ? "mcp.example.com" : "[2001:db8::7]:8443"),
           "its authority");
        ok(equal(text_of(image, &endpoint->tls_name),
                 i < 3 ? "mcp.example.com" : "2001:db8::7"),
           "the name to verify");
    }

    endpoint = mcp_image_endpoint(image, server->endpoints.first);

    is_int(ntohs(endpoint->address.in.sin_port), 443, "the URL's port");

    server = mcp_image_server(image, 5);
    endpoint = mcp_image_endpoint(image, server->endpoints.first);

    is_int(server->endpoints.count, 1, "one literal address");
    is_str(text_of(image, &endpoint->text).data, "192.0.2.9:80", "it");
    ok(equal(text_of(image, &endpoint->tls_name), ""), "no name without TLS");
    is_int((long long) mcp_image_nendpoints(image), 6, "all endpoints");
}


static void
test_refused(void)
{
    mcp_cidr_t          loopback;
    const mcp_image_t  *image;

    plain_urls[0].host = (mcp_str_t) S("127.0.0.1");

    image = build(&config);
    is_int(mcp_image_server(image, 5)->endpoints.count, 0,
           "a loopback address is left out");
    is_int(mcp_image_server(image, 5)->status, MCP_SERVER_UNRESOLVED,
           "and its server unresolved");

    (void) mcp_cidr_parse("127.0.0.0/8", 11, &loopback);
    options.allow = &loopback;
    options.nallow = 1;

    image = build(&config);
    is_int(mcp_image_server(image, 5)->endpoints.count, 1,
           "an allowed loopback address is not");
    is_int(mcp_image_server(image, 0)->endpoints.count, 5,
           "and a name may lead to it");

    options.allow = NULL;
    options.nallow = 0;
    options.api_server = "10.0.0.2";
    plain_urls[0].host = (mcp_str_t) S("::ffff:10.0.0.2");

    image = build(&config);
    is_int(mcp_image_server(image, 0)->endpoints.count, 3,
           "a name does not lead to the API server");
    is_int(mcp_image_server(image, 5)->endpoints.count, 0,
           "nor does its mapped address");

    options.api_server = "api.example.com";

    image = build(&config);
    is_int(mcp_image_server(image, 0)->endpoints.count, 4,
           "an API server that is a name");

    options.api_server = NULL;
    plain_urls[0].host = (mcp_str_t) S("192.0.2.9");
}


static void
test_identities(void)
{
    uint64_t            tenant, key, server, other;
    const mcp_image_t  *image;

    image = build(&config);

    tenant = mcp_image_tenant(image, 2)->identity;
    key = mcp_image_key(image, 3)->identity;
    server = mcp_image_server(image, 5)->identity;
    other = mcp_image_server(image, 0)->identity;

    /* fixed, as other processes have the same; changing them is a break */

    ok(tenant == 0x84c176cd054f9d12ULL, "identity of a tenant");
    ok(key == 0x0db551aadd1334d3ULL, "identity of a key");
    ok(server == 0x8105f28e583d2383ULL, "identity of a server");
    ok(server != other, "servers of one id of two tenants differ");

    config.tenants = tenants + 1;
    config.ntenants = 2;
    b_keys[0].name = (mcp_str_t) S("renamed");
    b_servers[0].description = (mcp_str_t) S("Described");

    image = build(&config);

    ok(mcp_image_tenant(image, 1)->identity == tenant
       && mcp_image_key(image, 0)->identity == key
       && mcp_image_server(image, 0)->identity == server,
       "they stay when others go and texts change");

    b_keys[0].digest[31] = 1;
    b_servers[0].id = (mcp_str_t) S("searching");

    image = build(&config);

    ok(mcp_image_key(image, 0)->identity != key, "another digest");
    ok(mcp_image_server(image, 0)->identity != server, "another server id");

    tenants[2].id = (mcp_str_t) S("team-bs");
    b_servers[0].id = (mcp_str_t) S("earch");
    b_keys[0].digest[31] = 0;

    image = build(&config);

    ok(mcp_image_tenant(image, 1)->identity != tenant, "another tenant id");
    ok(mcp_image_key(image, 0)->identity != key, "the key of another tenant");
    ok(mcp_image_server(image, 0)->identity != server,
       "the parts of an identity do not run together");

    tenants[2].id = (mcp_str_t) S("team-b");
    b_servers[0].id = (mcp_str_t) S("search");
    b_servers[0].description = (mcp_str_t) S("");
    b_keys[0].name = (mcp_str_t) S("production");
    config.tenants = tenants;
    config.ntenants = 3;
}


static void
test_endpoint_identity(void)
{
    uint64_t      identity;
    mcp_url_t     url;
    mcp_header_t  headers[2];

    static mcp_header_t  first[] = {
        { .name = S("A"), .value = S("one") },
        { .name = S("B"), .value = S("two") }
    };

    url = plain_urls[0];
    memcpy(headers, first, sizeof(headers));

    b_servers[0].headers = headers;
    b_servers[0].nheaders = 2;

    identity = endpoint_identity();

    ok(identity == endpoint_identity(), "an endpoint's identity");

    b_servers[0].display_name = (mcp_str_t) S("Named");
    ok(identity == endpoint_identity(), "a text does not change it");

    b_servers[0].display_name = (mcp_str_t) S("");
    headers[1].value = (mcp_str_t) S("twq");
    ok(identity != endpoint_identity(), "a header's value does");

    headers[1] = first[1];
    headers[1].name = (mcp_str_t) S("C");
    ok(identity != endpoint_identity(), "a header's name does");

    headers[0].value = (mcp_str_t) S("on");
    headers[1].name = (mcp_str_t) S("eB");
    ok(identity != endpoint_identity(), "headers do not run together");

    memcpy(headers, first, sizeof(headers));
    b_servers[0].nheaders = 1;
    ok(identity != endpoint_identity(), "a header's absence does");

    b_servers[0].nheaders = 2;
    plain_urls[0].port = 81;
    ok(identity != endpoint_identity(), "the port does");

    plain_urls[0] = url;
    plain_urls[0].tls = true;
    ok(identity != endpoint_identity(), "the scheme does");

    plain_urls[0] = url;
    plain_urls[0].host = (mcp_str_t) S("192.0.2.8");
    ok(identity != endpoint_identity(), "the address does");

    plain_urls[0].host = (mcp_str_t) S("one.example.com");
    identity = endpoint_identity();

    plain_urls[0].host = (mcp_str_t) S("two.example.com");
    ok(identity != endpoint_identity(), "the name does");

    plain_urls[0].host = (mcp_str_t) S("one.example.com");
    b_servers[0].id = (mcp_str_t) S("find");
    ok(identity != endpoint_identity(), "the server does");

    b_servers[0].id = (mcp_str_t) S("search");
    tenants[2].id = (mcp_str_t) S("team-c");
    ok(identity != endpoint_identity(), "the tenant does");

    tenants[2].id = (mcp_str_t) S("team-b");
    ok(identity == endpoint_identity(), "and all as before is as before");

    plain_urls[0] = url;
    b_servers[0].headers = NULL;
    b_servers[0].nheaders = 0;
}


static void
test_memory(void)
{
    int          rc;
    long         n;
    void        *block;
    size_t       size;
    const char  *error;

    for (n = 0; n < 100; n++) {

        mcp_alloc_fail_at(n);
        rc = mcp_image_build(&config, &options, addresses_of, NULL, pods, 3, 4,
                             &block, &size, &error);
        mcp_alloc_fail_at(-1);

        if (rc == MCP_OK) {
            free(block);
            break;
        }

        if (block || error == NULL) {
            break;
        }
    }

    ok(rc == MCP_OK && n >= 4, "every lack of memory is an error");
}


static void
test_too_large(void)
{
    size_t  i, len;

    static const uint64_t  lens[] = {
        0xfffffff0, 0xffffffff, 0x100000000, 0x1fffffff0, SIZE_MAX - 1,
        SIZE_MAX
    };

    /* text that is not there: it must be counted, and never read */

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {

        a_servers[0].description.len = (size_t) lens[i];
        refuses_size("a text");
        a_servers[0].description.len = strlen("Finds things");

        search_headers[0].value.len = (size_t) lens[i];
        refuses_size("a header");
        search_headers[0].value.len = strlen("Bearer one");
    }

    a_servers[1].description.len = 0x80000000;
    a_servers[2].description.len = 0x80000000;
    refuses_size("two texts");
    a_servers[1].description.len = 0;
    a_servers[2].description.len = 0;

    /* the text alone would fit, the records before it leave no room */

    (void) build(&config);
    len = UINT32_MAX - built_size / 2;

    a_servers[0].description.len = len;
    refuses_size("all tables together");
    a_servers[0].description.len = strlen("Finds things");
}


static void
refuses_size(const char *what)
{
    void        *block;
    size_t       size;
    const char  *error;

    (void) mcp_image_build(&config, &options, addresses_of, NULL, pods, 3, 4,
                           &block, &size, &error);

    is_str(block ? "built" : error, "the image would be larger than 4 GiB",
           what);
}


static uint64_t
endpoint_identity(void)
{
    const mcp_image_t         *image;
    const mcp_image_server_t  *server;

    image = build(&config);
    server = mcp_image_server(image,
                              mcp_image_tenant(image, 2)->servers.first);

    return mcp_image_endpoint(image, server->endpoints.first)->identity;
}
