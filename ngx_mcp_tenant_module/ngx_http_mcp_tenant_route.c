/*
 * What the request line names.  It is judged as it stood there, not as NGINX
 * decoded and merged it: what two readers could take differently is refused.
 */

#include "ngx_http_mcp_tenant_module.h"


static ngx_uint_t ngx_http_mcp_tenant_path_is_plain(ngx_str_t *path);
static ngx_uint_t ngx_http_mcp_tenant_segment(ngx_str_t *path,
    ngx_str_t *ret_segment);
static void ngx_http_mcp_tenant_route(ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_str_t *path);
static ngx_uint_t ngx_http_mcp_tenant_host_differs(ngx_http_request_t *r);


ngx_str_t
ngx_http_mcp_tenant_raw_path(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_str_t   path;

    path = r->unparsed_uri;

    p = ngx_strlchr(path.data, path.data + path.len, '?');
    if (p) {
        path.len = p - path.data;
    }

    return path;
}


/* Finds the route, and the tenant and server that the path names. */
mcp_reason_e
ngx_http_mcp_tenant_path(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_loc_conf_t *mtlcf)
{
    if (r->http_version < NGX_HTTP_VERSION_10
        || r->request_length >= NGX_HTTP_MCP_TENANT_HEADERS_MAX_BYTES)
    {
        return MCP_REASON_MALFORMED_REQUEST;
    }

    if (ngx_http_mcp_tenant_host_differs(r)) {
        return MCP_REASON_MALFORMED_REQUEST;
    }

    return ngx_http_mcp_tenant_path_route(ctx, mtlcf,
                                          ngx_http_mcp_tenant_raw_path(r));
}


mcp_reason_e
ngx_http_mcp_tenant_path_route(ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_http_mcp_tenant_loc_conf_t *mtlcf, ngx_str_t path)
{
    if (!ngx_http_mcp_tenant_path_is_plain(&path)) {
        return MCP_REASON_MALFORMED_PATH;
    }

    if (mtlcf->prefix.len) {

        if (path.len < mtlcf->prefix.len
            || ngx_memcmp(path.data, mtlcf->prefix.data, mtlcf->prefix.len)
               != 0)
        {
            return MCP_REASON_OK;
        }

        path.data += mtlcf->prefix.len;
        path.len -= mtlcf->prefix.len;
    }

    ngx_http_mcp_tenant_route(ctx, &path);

    return MCP_REASON_OK;
}


/*
 * Segments of unreserved characters (RFC 3986, 2.3), none empty, "." or "..":
 * no escape, no parameter, nothing that a decoder could turn into another path.
 */
static ngx_uint_t
ngx_http_mcp_tenant_path_is_plain(ngx_str_t *path)
{
    u_char      ch, last;
    size_t      i, dots, segment;

    last = 0;
    dots = 0;
    segment = 0;

    if (path->len == 0 || path->data[0] != '/') {
        return 0;
    }

    for (i = 0; i < path->len; i++) {
        ch = path->data[i];

        if (ch == '/') {
            if (last == '/' || (segment && segment == dots && dots <= 2)) {
                return 0;
            }

            segment = 0;
            dots = 0;
            last = ch;
            continue;
        }

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.'
              || ch == '_' || ch == '~'))
        {
            return 0;
        }

        segment++;
        dots += (ch == '.');
        last = ch;
    }

    return !(segment && segment == dots && dots <= 2);
}


/* Takes "/segment" off the path; 0 when there is none. */
static ngx_uint_t
ngx_http_mcp_tenant_segment(ngx_str_t *path, ngx_str_t *ret_segment)
{
    u_char  *p, *last;

    if (path->len < 2 || path->data[0] != '/') {
        return 0;
    }

    last = path->data + path->len;

    p = ngx_strlchr(path->data + 1, last, '/');
    if (p == NULL) {
        p = last;
    }

    ret_segment->data = path->data + 1;
    ret_segment->len = p - path->data - 1;

    path->data = p;
    path->len = last - p;

    return ret_segment->len != 0;
}


static void
ngx_http_mcp_tenant_route(ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *path)
{
    ngx_str_t                    segment, tenant, server;
    ngx_http_mcp_tenant_route_e  route;

    ngx_str_null(&tenant);
    ngx_str_null(&server);
    route = NGX_HTTP_MCP_TENANT_ROUTE_NONE;

    if (!ngx_http_mcp_tenant_segment(path, &segment)) {
        return;
    }

    if (ngx_http_mcp_tenant_str_is(&segment, "tenant")) {

        if (!ngx_http_mcp_tenant_segment(path, &tenant)
            || !ngx_http_mcp_tenant_is_id(&tenant))
        {
            return;
        }

        ctx->requested_tenant = tenant;

        if (!ngx_http_mcp_tenant_segment(path, &segment)) {
            return;
        }

        if (ngx_http_mcp_tenant_str_is(&segment, "metrics")) {
            if (path->len == 0) {
                ctx->route = NGX_HTTP_MCP_TENANT_ROUTE_METRICS;
            }

            return;
        }
    }

    if (!ngx_http_mcp_tenant_str_is(&segment, "servers")) {
        return;
    }

    if (path->len == 0) {
        route = NGX_HTTP_MCP_TENANT_ROUTE_SERVERS;

    } else if (ngx_http_mcp_tenant_segment(path, &server)
               && ngx_http_mcp_tenant_is_id(&server))
    {
        ctx->requested_server = server;

        if (path->len == 0) {
            route = NGX_HTTP_MCP_TENANT_ROUTE_SERVER;

        } else if (ngx_http_mcp_tenant_str_is(path, "/mcp")) {
            route = NGX_HTTP_MCP_TENANT_ROUTE_MCP;
        }
    }

    ctx->route = route;
}


/*
 * In absolute form (RFC 9112, 3.2.2) the host of the target replaces Host;
 * a client that names two is refused.
 */
static ngx_uint_t
ngx_http_mcp_tenant_host_differs(ngx_http_request_t *r)
{
    size_t            len;
    ngx_table_elt_t  *host;

    if (r->schema_start == NULL || r->host_start == NULL
        || r->http_version >= NGX_HTTP_VERSION_20)
    {
        return 0;
    }

    host = r->headers_in.host;
    if (host == NULL) {
        return 0;
    }

    len = r->host_end - r->host_start;

    /* the port, when there is one, stands behind host_end */

    if (host->value.len < len
        || ngx_strncasecmp(host->value.data, r->host_start, len) != 0)
    {
        return 1;
    }

    return host->value.len > len && host->value.data[len] != ':';
}


/* [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? */
ngx_uint_t
ngx_http_mcp_tenant_is_id(ngx_str_t *id)
{
    u_char  ch;
    size_t  i;

    if (id->len == 0 || id->len > MCP_TENANT_ID_MAX_LEN
        || id->data[0] == '-' || id->data[id->len - 1] == '-')
    {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
              || ch == '-'))
        {
            return 0;
        }
    }

    return 1;
}
