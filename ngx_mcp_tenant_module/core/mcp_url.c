/*
 * URLs of MCP servers.
 *
 * A finding never repeats a URL: it may hold credentials, in its query too.
 * Only the host is told, once it is known to be nothing but a host.
 */

#include "mcp_url.h"
#include "mcp_field.h"
#include "mcp_host.h"
#include "mcp_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>


#define MCP_URL_HTTP_PORT   80
#define MCP_URL_HTTPS_PORT  443


static const char *mcp_url_scheme(const char **text, size_t *len,
    mcp_url_t *url);
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

    why = mcp_url_scheme(&text, &len, ret_url);
    if (why) {
        return why;
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


/* Moves text and len behind the scheme. */
static const char *
mcp_url_scheme(const char **text, size_t *len, mcp_url_t *url)
{
    size_t  scheme;

    scheme = 0;

    if (*len > 8 && strncasecmp(*text, "https://", 8) == 0) {
        url->tls = true;
        scheme = 8;

    } else if (*len > 7 && strncasecmp(*text, "http://", 7) == 0) {
        url->tls = false;
        scheme = 7;
    }

    *text += scheme;
    *len -= scheme;

    if (*len >= 5 && strncasecmp(*text, "unix:", 5) == 0) {
        return "found a unix: socket, expected http:// or https:// and a host";
    }

    if (scheme == 0) {
        return "found a text that is no URL, expected http:// or https:// and "
               "a host";
    }

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
    mcp_str_t    text;
    const char  *why;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    why = mcp_url_parse(load->arena, text.data, text.len, ret_url);
    if (why) {
        mcp_field_error(load, node, "%s", why);
        return false;
    }

    ret_url->mark = mcp_load_mark(load, node);

    return mcp_host_passes(load, tenant, node, name, &ret_url->host);
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
        mcp_field_error(load, node, "found a text that is no path as %s, "
                        "expected \"/\" and at most %d bytes, such as /mcp",
                        name, MCP_URL_MAX_LEN);
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
