/*
 * URLs of MCP servers.
 *
 * A finding never repeats a URL: it may hold credentials, in its query too.
 * Only the host is told, once it is known to be nothing but a host.
 */

#include "mcp_url.h"
#include "mcp_field.h"
#include "mcp_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>


#define MCP_URL_HTTP_PORT   80
#define MCP_URL_HTTPS_PORT  443


static const char *mcp_url_authority(mcp_arena_t *arena, const char *text,
    size_t len, mcp_url_t *url);
static const char *mcp_url_port(const char *text, size_t len,
    mcp_url_t *url);
static const char *mcp_url_host(mcp_arena_t *arena, const char *text,
    size_t len, mcp_url_t *url);
static const char *mcp_url_name(char *name, size_t len);
static bool mcp_url_is_numeric(const char *name, size_t len);
static const char *mcp_url_path(const char *text, size_t len);
static bool mcp_url_finish(mcp_arena_t *arena, mcp_url_t *url);
static bool mcp_url_address_passes(mcp_load_t *load,
    const mcp_yaml_node_t *node, const char *name, const mcp_url_t *url);
static bool mcp_url_name_passes(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, const mcp_url_t *url);
static bool mcp_url_is_api_server(const mcp_load_t *load,
    const mcp_str_t *host);
static void mcp_url_unmap(mcp_address_t *address);
static bool mcp_url_is_kubernetes(const mcp_load_t *load,
    const mcp_str_t *host);
static mcp_str_t mcp_url_in_cluster(const mcp_load_t *load,
    const mcp_str_t *host);
static const mcp_tenant_t *mcp_url_foreign(const mcp_load_t *load,
    const mcp_tenant_t *tenant, const mcp_str_t *host);
static bool mcp_url_loopback_allowed(const mcp_load_t *load);
static bool mcp_url_ends_with(const mcp_str_t *host, const char *end);


const char *
mcp_url_parse(mcp_arena_t *arena, const char *text, size_t len,
    mcp_url_t *ret_url)
{
    size_t       i, authority_len;
    const char  *why;

    if (len == 0 || len > MCP_URL_MAX_LEN) {
        return "found a URL that is empty or too long, expected 1 to 2048 "
               "bytes";
    }

    for (i = 0; i < len; i++) {
        if ((unsigned char) text[i] <= ' ' || (unsigned char) text[i] >= 0x7f)
        {
            return "found a space, a control character or a letter outside "
                   "ASCII in the URL, expected none: write it as %XX";
        }
    }

    if (len > 8 && strncasecmp(text, "https://", 8) == 0) {
        ret_url->tls = true;
        text += 8;
        len -= 8;

    } else if (len > 7 && strncasecmp(text, "http://", 7) == 0) {
        ret_url->tls = false;
        text += 7;
        len -= 7;

    } else if (len >= 5 && strncasecmp(text, "unix:", 5) == 0) {
        return "found a unix: socket, expected http:// or https:// and a host";

    } else {
        return "found a text that is no URL, expected http:// or https:// and "
               "a host";
    }

    if (len >= 5 && strncasecmp(text, "unix:", 5) == 0) {
        return "found a unix: socket, expected http:// or https:// and a host";
    }

    authority_len = 0;

    while (authority_len < len && !strchr("/?#\\", text[authority_len])) {
        authority_len++;
    }

    if (memchr(text, '@', authority_len)) {
        return "found a user name or password in the URL, expected none: send "
               "credentials with \"headers:\"";
    }

    why = mcp_url_authority(arena, text, authority_len, ret_url);
    if (why) {
        return why;
    }

    text += authority_len;
    len -= authority_len;

    if (memchr(text, '#', len)) {
        return "found a fragment (#) in the URL, expected none";
    }

    why = mcp_url_path(text, len);
    if (why) {
        return why;
    }

    ret_url->path.data = len == 0 ? mcp_arena_strdup(arena, "/", 1)
                         : *text == '/' ? mcp_arena_strdup(arena, text, len)
                         : mcp_arena_printf(arena, "/%.*s", (int) len, text);

    if (ret_url->path.data == NULL || !mcp_url_finish(arena, ret_url)) {
        return "found no memory for the URL";
    }

    ret_url->path.len = strlen(ret_url->path.data);

    return NULL;
}


static const char *
mcp_url_authority(mcp_arena_t *arena, const char *text, size_t len,
    mcp_url_t *url)
{
    size_t       host_len;
    const char  *colon, *why;

    if (len && text[0] == '[') {
        colon = memchr(text, ']', len);
        if (colon == NULL) {
            return "found \"[\" without \"]\" in the URL, expected an IPv6 "
                   "address such as [2001:db8::1]";
        }

        host_len = (size_t) (colon + 1 - text);

    } else {
        colon = memchr(text, ':', len);
        host_len = colon ? (size_t) (colon - text) : len;
    }

    url->port = url->tls ? MCP_URL_HTTPS_PORT : MCP_URL_HTTP_PORT;

    if (host_len < len) {
        why = mcp_url_port(text + host_len, len - host_len, url);
        if (why) {
            return why;
        }
    }

    return mcp_url_host(arena, text, host_len, url);
}


/* text: from the colon on */
static const char *
mcp_url_port(const char *text, size_t len, mcp_url_t *url)
{
    size_t    i;
    unsigned  port;

    static const char  why[] = "found no proper port in the URL, expected "
                               "\":\" and 1 to 65535";

    port = 0;

    if (text[0] != ':' || len < 2 || len > 6 || text[1] == '0') {
        return why;
    }

    for (i = 1; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return why;
        }

        port = port * 10 + (unsigned) (text[i] - '0');
    }

    if (port > 65535) {
        return why;
    }

    url->port = (uint16_t) port;

    return NULL;
}


static const char *
mcp_url_host(mcp_arena_t *arena, const char *text, size_t len,
    mcp_url_t *url)
{
    char           *host;
    const char     *why;
    mcp_address_t   address;

    if (len == 0) {
        return "found no host in the URL, expected one behind \"//\"";
    }

    if (text[0] == '[') {
        if (mcp_address_parse(text, len, 0, &address) != MCP_OK) {
            return "found no IPv6 address between \"[\" and \"]\", expected "
                   "one such as [2001:db8::1], without a zone";
        }

        host = mcp_arena_alloc(arena, INET6_ADDRSTRLEN);
        if (host == NULL) {
            return "found no memory for the URL";
        }

        (void) inet_ntop(AF_INET6, &address.in6.sin6_addr, host,
                         INET6_ADDRSTRLEN);

    } else {

        if (len > 1 && text[len - 1] == '.') {
            len--;
        }

        host = mcp_arena_strdup(arena, text, len);
        if (host == NULL) {
            return "found no memory for the URL";
        }

        why = mcp_url_name(host, len);
        if (why) {
            return why;
        }

        if (mcp_url_is_numeric(host, len)
            && mcp_address_parse(host, len, 0, &address) != MCP_OK)
        {
            return "found a number in the place of a host, expected a name, "
                   "or an IPv4 address of four decimal numbers such as "
                   "192.0.2.1";
        }
    }

    url->host.data = host;
    url->host.len = strlen(host);

    return NULL;
}


/* Turns the name into lower case while it is checked. */
static const char *
mcp_url_name(char *name, size_t len)
{
    char    c;
    size_t  i, start;

    static const char  why[] = "found a host that is no DNS name, expected "
                               "labels of letters, digits, \"-\" and \"_\" "
                               "with \".\" between them";

    if (len > MCP_URL_HOST_MAX) {
        return why;
    }

    start = 0;

    for (i = 0; i <= len; i++) {
        c = name[i];

        if (i == len || c == '.') {
            if (i == start || i - start > 63 || name[start] == '-'
                || name[i - 1] == '-')
            {
                return why;
            }

            start = i + 1;
            continue;
        }

        if (c >= 'A' && c <= 'Z') {
            name[i] = (char) (c | 0x20);

        } else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
                   && c != '-' && c != '_')
        {
            return why;
        }
    }

    return NULL;
}


/*
 * Whether a resolver may take the name for an IPv4 address: inet_aton() reads
 * "2130706433", "0x7f.1" and "0177.0.0.1" as 127.0.0.1.
 */
static bool
mcp_url_is_numeric(const char *name, size_t len)
{
    size_t  i, digits;

    for (i = len; i > 0 && name[i - 1] != '.'; i--) {
        /* void */
    }

    name += i;
    len -= i;
    digits = strspn(name, "0123456789");

    return digits == len
           || (len > 1 && name[0] == '0' && name[1] == 'x'
               && strspn(name + 2, "0123456789abcdef") == len - 2);
}


/* The characters of RFC 3986 for a path with a query. */
static const char *
mcp_url_path(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (text[i] == '%') {
            if (len - i < 3 || !strchr("0123456789abcdefABCDEF", text[i + 1])
                || !strchr("0123456789abcdefABCDEF", text[i + 2]))
            {
                return "found \"%\" without two hex digits in the path, "
                       "expected %XX";
            }

            continue;
        }

        if (strchr("\"<>[\\]^`{|}#", text[i])) {
            return "found a character in the path that no URL may hold, "
                   "expected letters, digits and -._~!$&'()*+,;=:@/? only: "
                   "write others as %XX";
        }
    }

    return NULL;
}


static bool
mcp_url_finish(mcp_arena_t *arena, mcp_url_t *url)
{
    bool         is_default;
    const char  *open, *close;

    is_default = (url->port == (url->tls ? MCP_URL_HTTPS_PORT
                                         : MCP_URL_HTTP_PORT));
    open = "";
    close = "";

    if (memchr(url->host.data, ':', url->host.len)) {
        open = "[";
        close = "]";
    }

    url->authority.data = is_default
                          ? mcp_arena_printf(arena, "%s%s%s", open,
                                             url->host.data, close)
                          : mcp_arena_printf(arena, "%s%s%s:%u", open,
                                             url->host.data, close,
                                             url->port);
    if (url->authority.data == NULL) {
        return false;
    }

    url->authority.len = strlen(url->authority.data);

    return true;
}


bool
mcp_url_read(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, mcp_url_t *ret_url)
{
    mcp_str_t       text;
    const char     *why;
    mcp_address_t   address;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    why = mcp_url_parse(load->arena, text.data, text.len, ret_url);
    if (why) {
        mcp_field_error(load, node, "%s", why);
        return false;
    }

    ret_url->mark = mcp_load_mark(load, node);

    if (mcp_url_is_api_server(load, &ret_url->host)) {
        mcp_field_error(load, node, "found the Kubernetes API server as %s, "
                        "expected an MCP server", name);
        return false;
    }

    if (mcp_address_parse(ret_url->host.data, ret_url->host.len, 0, &address)
        == MCP_OK)
    {
        return mcp_url_address_passes(load, node, name, ret_url);
    }

    return mcp_url_name_passes(load, tenant, node, name, ret_url);
}


static bool
mcp_url_address_passes(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, const mcp_url_t *url)
{
    const char     *why;
    mcp_address_t   address;

    (void) mcp_address_parse(url->host.data, url->host.len, 0, &address);

    why = mcp_address_refused(&address.sa, load->options->allow,
                              load->options->nallow);
    if (why == NULL) {
        return true;
    }

    mcp_field_error(load, node, "found %s (%s) as %s, expected an address "
                    "outside the gateway, or one opened by "
                    "\"mcp_tenant_upstream_allow %s;\" in nginx.conf "
                    "(\"--upstream-allow %s\" of mcp-tenant check)", why,
                    url->host.data, name, url->host.data, url->host.data);

    return false;
}


static bool
mcp_url_name_passes(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_yaml_node_t *node, const char *name, const mcp_url_t *url)
{
    char                 quoted[MCP_TEXT_QUOTE_LEN];
    const mcp_str_t     *host;
    const mcp_tenant_t  *owner;

    host = &url->host;

    if (mcp_text_equals(host, "localhost")
        || mcp_url_ends_with(host, ".localhost"))
    {
        if (mcp_url_loopback_allowed(load)) {
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
        || mcp_url_ends_with(host, ".metadata.google.internal"))
    {
        mcp_field_error(load, node, "found a cloud metadata name (%s) as %s, "
                        "expected an MCP server",
                        mcp_text_quote(host, quoted), name);
        return false;
    }

    if (mcp_url_is_kubernetes(load, host)) {
        mcp_field_error(load, node, "found the Kubernetes API server as %s, "
                        "expected an MCP server", name);
        return false;
    }

    owner = mcp_url_foreign(load, tenant, host);
    if (owner) {
        mcp_field_error(load, node, "found a host in the namespace of another "
                        "tenant as %s, expected a host outside the cluster, "
                        "or a server of this tenant's own namespace", name);
        return false;
    }

    return true;
}


/* options->api_server is a name or an address */
static bool
mcp_url_is_api_server(const mcp_load_t *load, const mcp_str_t *host)
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

        mcp_url_unmap(&one);
        mcp_url_unmap(&two);

        return memcmp(&one, &two, sizeof(mcp_address_t)) == 0;
    }

    return host->len == len && strncasecmp(host->data, server, len) == 0;
}


/* An IPv4-mapped IPv6 address to IPv4; others stay. */
static void
mcp_url_unmap(mcp_address_t *address)
{
    struct in6_addr  in6;

    if (address->sa.sa_family != AF_INET6
        || !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
    {
        return;
    }

    in6 = address->in6.sin6_addr;

    memset(address, 0, sizeof(mcp_address_t));

    address->in.sin_family = AF_INET;
    memcpy(&address->in.sin_addr, &in6.s6_addr[12], 4);
}


static bool
mcp_url_is_kubernetes(const mcp_load_t *load, const mcp_str_t *host)
{
    mcp_str_t  name;

    name = mcp_url_in_cluster(load, host);

    return mcp_text_equals(&name, "kubernetes")
           || mcp_text_equals(&name, "kubernetes.default");
}


/* The name without ".svc" and the domain of the cluster. */
static mcp_str_t
mcp_url_in_cluster(const mcp_load_t *load, const mcp_str_t *host)
{
    size_t     len;
    mcp_str_t  name;

    name = *host;
    len = strlen(load->cluster_domain);

    if (mcp_url_ends_with(&name, load->cluster_domain)
        && name.len > len && name.data[name.len - len - 1] == '.')
    {
        name.len -= len + 1;
    }

    if (mcp_url_ends_with(&name, ".svc")
        || mcp_url_ends_with(&name, ".pod"))
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
mcp_url_foreign(const mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_str_t *host)
{
    mcp_str_t            name;
    const char          *dot;
    const mcp_tenant_t  *owner;

    name = mcp_url_in_cluster(load, host);

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
mcp_url_loopback_allowed(const mcp_load_t *load)
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
mcp_url_ends_with(const mcp_str_t *host, const char *end)
{
    size_t  len;

    len = strlen(end);

    return host->len >= len
           && memcmp(host->data + host->len - len, end, len) == 0;
}


bool
mcp_url_read_path(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_str_t *ret_path)
{
    mcp_str_t    text;
    const char  *why;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    if (text.len == 0 || text.len > MCP_URL_MAX_LEN || text.data[0] != '/') {
        mcp_field_error(load, node, "found no path as %s, expected \"/\" and "
                        "at most %d bytes, such as /mcp", name,
                        MCP_URL_MAX_LEN);
        return false;
    }

    why = mcp_text_is_visible(&text)
          ? mcp_url_path(text.data, text.len)
          : "found a space, a control character or a letter outside ASCII in "
            "the path, expected none: write it as %XX";

    if (why) {
        mcp_field_error(load, node, "%s", why);
        return false;
    }

    *ret_path = mcp_load_copy(load, &text);

    return true;
}


void
mcp_url_of_service(mcp_load_t *load, const mcp_mark_t *mark,
    const mcp_str_t *service, const mcp_str_t *namespace, uint32_t port,
    const mcp_str_t *path, mcp_url_t *ret_url)
{
    memset(ret_url, 0, sizeof(mcp_url_t));

    ret_url->mark = *mark;
    ret_url->port = (uint16_t) port;
    ret_url->path = *path;

    ret_url->host.data = mcp_arena_printf(load->arena, "%s.%s.svc.%s",
                                          service->data, namespace->data,
                                          load->cluster_domain);

    if (ret_url->host.data == NULL) {
        load->failed = true;
        return;
    }

    ret_url->host.len = strlen(ret_url->host.data);

    if (!mcp_url_finish(load->arena, ret_url)) {
        load->failed = true;
    }
}
