/*
 * A small configuration with one of everything, and its image.
 */

#ifndef _IMAGE_FIXTURE_H_INCLUDED_
#define _IMAGE_FIXTURE_H_INCLUDED_


#include "mcp_image.h"

#include "tap.h"

#include <stdlib.h>


#define S(text)  { sizeof(text) - 1, text }


__attribute__((unused))
static const mcp_image_t *build(const mcp_config_t *from);
static size_t addresses_of(void *data, const char *name,
    mcp_address_t *ret_addresses, size_t max);
__attribute__((unused))
static mcp_str_t text_of(const mcp_image_t *image,
    const mcp_image_str_t *text);
__attribute__((unused))
static bool equal(mcp_str_t got, const char *expected);


static mcp_str_t  tags[] = { S("search"), S("docs") };
static mcp_str_t  origins[] = { S("https://a.example.com") };
static mcp_str_t  allow_patterns[] = { S("read_*"), S("list") };
static mcp_str_t  deny_patterns[] = { S("*_secret") };
static mcp_str_t  uri_patterns[] = { S("file:///docs/*"), S("db://Rows/%20*") };
static mcp_str_t  deny_uris[] = { S("file:///docs/private/*"),
                                  S("file:///docs/hidden") };
static mcp_str_t  prompt_patterns[] = { S("hello*") };
static mcp_str_t  key_patterns[] = { S("read_a*"), S("*_secret"),
                                     S("write") };
static mcp_str_t  reachable[] = { S("shared"), S("nowhere"), S("search") };

static mcp_url_t  search_urls[] = {
    { .tls = true, .port = 443, .host = S("mcp.example.com"),
      .authority = S("mcp.example.com"), .path = S("/mcp?v=1") },
    { .tls = true, .port = 8443, .host = S("2001:db8::7"),
      .authority = S("[2001:db8::7]:8443"), .path = S("/mcp?v=1") }
};

static mcp_header_t  search_headers[] = {
    { .name = S("Authorization"), .value = S("Bearer one") },
    { .name = S("X-Unread") },
    { .name = S("X-Team"), .value = S("a") }
};

static mcp_url_t  pods_urls[] = {
    { .port = 8080, .host = S("pods.mcp-team-a.svc.cluster.local"),
      .authority = S("pods.mcp-team-a.svc.cluster.local:8080"),
      .path = S("/mcp") }
};

static mcp_url_t  shared_urls[] = {
    { .port = 8080, .host = S("shared.mcp-team-a.svc.cluster.local"),
      .authority = S("shared.mcp-team-a.svc.cluster.local:8080"),
      .path = S("/") }
};

static mcp_url_t  plain_urls[] = {
    { .port = 80, .host = S("192.0.2.9"), .authority = S("192.0.2.9"),
      .path = S("/b") }
};

static mcp_tool_limit_t  tool_limits[] = {
    { .match = S("read_a*"), .quotas = { 0, 1, 0, 0, 0 } },
    { .match = S("read_*"), .quotas = { 0, 0, 0, 2, 500 } }
};

static mcp_kubernetes_t  always = { .activation = MCP_ACTIVATION_ALWAYS };
static mcp_kubernetes_t  on_demand = {
    .activation = MCP_ACTIVATION_ON_DEMAND, .activation_timeout = 60
};

static mcp_server_t  a_servers[] = {
    { .id = S("search"), .display_name = S("Search"),
      .description = S("Finds things"), .tags = tags, .ntags = 2,
      .runtime = MCP_RUNTIME_REMOTE, .urls = search_urls, .nurls = 2,
      .headers = search_headers, .nheaders = 3,
      .rules[MCP_KIND_TOOLS] = { true, allow_patterns, 2, deny_patterns, 1 },
      .rules[MCP_KIND_RESOURCES] = { true, uri_patterns, 2, deny_uris, 2 },
      .tool_limits = tool_limits, .ntool_limits = 2,
      .quotas = { 0, 10, 0, 3, 2500 } },
    { .id = S("demand"), .runtime = MCP_RUNTIME_KUBERNETES,
      .kubernetes = &on_demand, .urls = pods_urls, .nurls = 1 },
    { .id = S("pods"), .runtime = MCP_RUNTIME_KUBERNETES,
      .kubernetes = &always, .urls = pods_urls, .nurls = 1 },
    { .id = S("legacy"), .runtime = MCP_RUNTIME_UPSTREAM,
      .upstream_name = S("legacy_servers"), .upstream_path = S("/old") },
    { .id = S("shared"), .runtime = MCP_RUNTIME_K8S_SERVICE,
      .urls = shared_urls, .nurls = 1,
      .rules[MCP_KIND_TOOLS] = { .has_allow = true } }
};

static mcp_server_t  b_servers[] = {
    { .id = S("search"), .runtime = MCP_RUNTIME_REMOTE, .urls = plain_urls,
      .nurls = 1,
      .rules[MCP_KIND_TOOLS] = { .deny = deny_patterns, .ndeny = 1 } },
    { .id = S("other"), .runtime = MCP_RUNTIME_REMOTE, .urls = plain_urls,
      .nurls = 1 }
};

static mcp_key_t  a_keys[] = {
    { .name = S("production"), .digest = { 1, 2, 3 }, .enabled = true,
      .not_before = 100, .expires_at = 200, .quotas = { 0, 5, 0, 6, 7 } },
    { .name = S("narrow"), .digest = { 4, 5, 6 }, .enabled = true,
      .narrowed = true, .servers = reachable, .nservers = 3,
      .rules[MCP_KIND_TOOLS] = { true, key_patterns, 3, NULL, 0 },
      .rules[MCP_KIND_PROMPTS] = { .deny = prompt_patterns, .ndeny = 1 } },
    { .name = S("nothing"), .digest = { 7 }, .narrowed = true }
};

static mcp_key_t  b_keys[] = {
    { .name = S("production"), .digest = { 8 }, .enabled = true }
};

static mcp_tenant_t  tenants[] = {
    { .id = S("team-a"), .display_name = S("Team Alpha"),
      .namespace = S("mcp-team-a"), .enabled = true, .keys = a_keys,
      .nkeys = 3, .allowed_origins = origins, .nallowed_origins = 1,
      .quotas = { 9, 100, 7, 20, 50000 }, .servers = a_servers, .nservers = 5 },
    { .id = S("empty") },
    { .id = S("team-b"), .enabled = true, .keys = b_keys, .nkeys = 1,
      .servers = b_servers, .nservers = 2 }
};

static mcp_config_t  config = {
    .tenants = tenants, .ntenants = 3, .digest = { 0xd1, 0x9e }
};

static mcp_config_options_t  options;

/* what the sidecar tells; NULL: nobody does */
static mcp_endpoints_t      *pods;

static void    *built;
static size_t   built_size;


/* Frees the one before. */
static const mcp_image_t *
build(const mcp_config_t *from)
{
    const char         *error;
    const mcp_image_t  *image;

    free(built);

    error = "no text";

    (void) mcp_image_build(from, &options, addresses_of, NULL, pods, 3, 4,
                           &built, &built_size, &error);
    image = built ? mcp_image_open(built, built_size, &error) : NULL;

    if (image == NULL) {
        ok(false, "an image (%s)", error);
        exit(done());
    }

    return image;
}


static size_t
addresses_of(void *data, const char *name, mcp_address_t *ret_addresses,
    size_t max)
{
    size_t  i;

    static const char  *texts[] = {
        "2001:db8::1", "10.0.0.2", "127.0.0.1", "10.0.0.1", "10.0.0.2"
    };

    (void) data;

    if (strstr(name, ".example.com") == NULL) {
        return 0;
    }

    if (strcmp(name, "mcp.example.com") != 0) {
        (void) mcp_address_parse("10.1.1.1", 8, 0, ret_addresses);
        return 1;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]) && i < max; i++) {
        (void) mcp_address_parse(texts[i], strlen(texts[i]), 0,
                                 &ret_addresses[i]);
    }

    return i;
}


/* As the reader gives it, every byte of it read. */
static mcp_str_t
text_of(const mcp_image_t *image, const mcp_image_str_t *text)
{
    size_t     i;
    mcp_str_t  str;

    str = mcp_image_text(image, text);

    for (i = 0; i <= str.len; i++) {
        (void) *(volatile const char *) &str.data[i];
    }

    return str;
}


static bool
equal(mcp_str_t got, const char *expected)
{
    return got.len == strlen(expected)
           && memcmp(got.data, expected, got.len) == 0
           && got.data[got.len] == '\0';
}


#endif /* _IMAGE_FIXTURE_H_INCLUDED_ */
