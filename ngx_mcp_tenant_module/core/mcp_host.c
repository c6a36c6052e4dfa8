/*
 * Which hosts the URLs of a catalog may name.
 */

#include "mcp_host.h"
#include "mcp_field.h"
#include "mcp_text.h"

#include <string.h>
#include <strings.h>


static bool mcp_host_address(mcp_load_t *load,
    const mcp_yaml_node_t *node, const char *name, const mcp_str_t *host);
static bool mcp_host_name(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, const mcp_str_t *host);
static bool mcp_host_is_api_server(const mcp_load_t *load,
    const mcp_str_t *host);
static bool mcp_host_is_kubernetes(const mcp_load_t *load,
    const mcp_str_t *host);
static mcp_str_t mcp_host_in_cluster(const mcp_load_t *load,
    const mcp_str_t *host);
static const mcp_tenant_t *mcp_host_foreign(const mcp_load_t *load,
    const mcp_tenant_t *tenant, const mcp_str_t *host);
static bool mcp_host_loopback_allowed(const mcp_load_t *load);
static bool mcp_host_ends_with(const mcp_str_t *host, const char *end);


bool
mcp_host_passes(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, const mcp_str_t *host)
{
    mcp_address_t  address;

    if (mcp_host_is_api_server(load, host)) {
        mcp_field_error(load, node, "found the Kubernetes API server as %s, "
                        "expected an MCP server", name);
        return false;
    }

    if (mcp_address_parse(host->data, host->len, 0, &address) == MCP_OK) {
        return mcp_host_address(load, node, name, host);
    }

    return mcp_host_name(load, tenant, node, name, host);
}


static bool
mcp_host_address(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, const mcp_str_t *host)
{
    const char     *why;
    mcp_address_t   address;

    (void) mcp_address_parse(host->data, host->len, 0, &address);

    why = mcp_address_refused(&address.sa, load->options->allow,
                              load->options->nallow);
    if (why == NULL) {
        return true;
    }

    mcp_field_error(load, node, "found %s (%s) as %s, expected an address "
                    "outside the gateway, or one opened by "
                    "\"mcp_tenant_upstream_allow %s;\" in nginx.conf "
                    "(\"--upstream-allow %s\" of mcp-tenant check)", why,
                    host->data, name, host->data, host->data);

    return false;
}


static bool
mcp_host_name(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, const mcp_str_t *host)
{
    char  quoted[MCP_TEXT_QUOTE_LEN];

    if (mcp_text_equals(host, "localhost")
        || mcp_host_ends_with(host, ".localhost"))
    {
        if (mcp_host_loopback_allowed(load)) {
            return true;
        }

        mcp_field_error(load, node, "found a loopback name (localhost) as "
                        "%s, expected a host outside the gateway, or "
                        "\"mcp_tenant_upstream_allow 127.0.0.0/8;\" in "
                        "nginx.conf (\"--upstream-allow 127.0.0.0/8\" of "
                        "mcp-tenant check)", name);
        return false;
    }

    if (mcp_text_equals(host, "metadata.google.internal")
        || mcp_text_equals(host, "metadata")
        || mcp_text_equals(host, "instance-data")
        || mcp_host_ends_with(host, ".metadata.google.internal"))
    {
        mcp_field_error(load, node, "found a cloud metadata name (%s) as %s, "
                        "expected an MCP server",
                        mcp_text_quote(host, quoted), name);
        return false;
    }

    if (mcp_host_is_kubernetes(load, host)) {
        mcp_field_error(load, node, "found the Kubernetes API server as %s, "
                        "expected an MCP server", name);
        return false;
    }

    if (mcp_host_foreign(load, tenant, host)) {
        mcp_field_error(load, node, "found a host in the namespace of another "
                        "tenant as %s, expected a host outside the cluster, "
                        "or a server of this tenant's own namespace", name);
        return false;
    }

    return true;
}


/* options->api_server is a name or an address */
static bool
mcp_host_is_api_server(const mcp_load_t *load, const mcp_str_t *host)
{
    size_t          len;
    const char     *server;
    mcp_address_t   one, two;

    server = load->options->api_server;

    if (server == NULL || *server == '\0') {
        return false;
    }

    len = strlen(server);

    if (mcp_address_parse(server, len, 0, &one) == MCP_OK) {

        if (mcp_address_parse(host->data, host->len, 0, &two) != MCP_OK) {
            return false;
        }

        return mcp_address_same(&one.sa, &two.sa);
    }

    return host->len == len && strncasecmp(host->data, server, len) == 0;
}


static bool
mcp_host_is_kubernetes(const mcp_load_t *load, const mcp_str_t *host)
{
    mcp_str_t  name;

    name = mcp_host_in_cluster(load, host);

    return mcp_text_equals(&name, "kubernetes")
           || mcp_text_equals(&name, "kubernetes.default");
}


/* The name without ".svc" and the domain of the cluster. */
static mcp_str_t
mcp_host_in_cluster(const mcp_load_t *load, const mcp_str_t *host)
{
    size_t     len;
    mcp_str_t  name;

    name = *host;
    len = strlen(load->cluster_domain);

    if (mcp_host_ends_with(&name, load->cluster_domain)
        && name.len > len && name.data[name.len - len - 1] == '.')
    {
        name.len -= len + 1;
    }

    if (mcp_host_ends_with(&name, ".svc")
        || mcp_host_ends_with(&name, ".pod"))
    {
        name.len -= 4;
    }

    return name;
}


/*
 * The other tenant whose namespace the name reaches.  A resolver with the
 * search list of a pod completes "db.mcp-b" to "db.mcp-b.svc.cluster.local",
 * so that the last label is what counts.
 */
static const mcp_tenant_t *
mcp_host_foreign(const mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_str_t *host)
{
    mcp_str_t            name;
    const char          *dot;
    const mcp_tenant_t  *owner;

    name = mcp_host_in_cluster(load, host);

    dot = memrchr(name.data, '.', name.len);
    if (dot == NULL) {
        return NULL;
    }

    dot++;

    owner = mcp_set_find(&load->namespaces, dot,
                         (size_t) (name.data + name.len - dot));

    return owner == tenant ? NULL : owner;
}


static bool
mcp_host_loopback_allowed(const mcp_load_t *load)
{
    mcp_address_t  address;

    (void) mcp_address_parse("127.0.0.1", sizeof("127.0.0.1") - 1, 0,
                             &address);

    if (mcp_address_refused(&address.sa, load->options->allow,
                            load->options->nallow)
        == NULL)
    {
        return true;
    }

    (void) mcp_address_parse("::1", sizeof("::1") - 1, 0, &address);

    return mcp_address_refused(&address.sa, load->options->allow,
                               load->options->nallow)
           == NULL;
}


static bool
mcp_host_ends_with(const mcp_str_t *host, const char *end)
{
    size_t  len;

    len = strlen(end);

    return host->len >= len
           && memcmp(host->data + host->len - len, end, len) == 0;
}
