/*
 * Protected resource metadata (RFC 9728): where clients of MCP learn which
 * authorization server gives them a token for the gateway.  It says the same
 * of tenants and servers that there are and of those that there are not.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <jansson.h>


#define NGX_HTTP_MCP_TENANT_WELL_KNOWN  "/.well-known/oauth-protected-resource"


static ngx_int_t ngx_http_mcp_tenant_resource_base(ngx_http_request_t *r,
    ngx_str_t *ret_base);
static json_t *ngx_http_mcp_tenant_resource_servers(ngx_array_t *servers);


ngx_int_t
ngx_http_mcp_tenant_resource_handler(ngx_http_request_t *r)
{
    json_t                          *json;
    ngx_int_t                        rc;
    ngx_str_t                        path, base;
    ngx_http_mcp_tenant_ctx_t        named;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    if (!ngx_http_mcp_tenant_host_allowed(r)) {
        return NGX_HTTP_FORBIDDEN;
    }

    path = ngx_http_mcp_tenant_raw_path(r);

    if (mtlcf->authorization_servers == NULL
        || path.len < sizeof(NGX_HTTP_MCP_TENANT_WELL_KNOWN) - 1
        || ngx_memcmp(path.data, NGX_HTTP_MCP_TENANT_WELL_KNOWN,
                      sizeof(NGX_HTTP_MCP_TENANT_WELL_KNOWN) - 1)
           != 0)
    {
        return NGX_HTTP_NOT_FOUND;
    }

    path.data += sizeof(NGX_HTTP_MCP_TENANT_WELL_KNOWN) - 1;
    path.len -= sizeof(NGX_HTTP_MCP_TENANT_WELL_KNOWN) - 1;

    /* the path of the whole gateway is what clients try last */

    if (path.len) {

        ngx_memzero(&named, sizeof(ngx_http_mcp_tenant_ctx_t));

        if (ngx_http_mcp_tenant_path_route(&named, mtlcf, path)
            != MCP_REASON_OK
            || named.route != NGX_HTTP_MCP_TENANT_ROUTE_MCP)
        {
            return NGX_HTTP_NOT_FOUND;
        }
    }

    if (ngx_http_mcp_tenant_resource_base(r, &base) != NGX_OK) {
        return NGX_HTTP_BAD_REQUEST;
    }

    json = json_pack("{s:o, s:o, s:[s]}",
                     "resource", json_sprintf("%.*s%.*s", (int) base.len,
                                              base.data, (int) path.len,
                                              path.data),
                     "authorization_servers",
                     ngx_http_mcp_tenant_resource_servers(
                                               mtlcf->authorization_servers),
                     "bearer_methods_supported", "header");

    return ngx_http_mcp_tenant_send_json(r, NGX_HTTP_OK, json);
}


static json_t *
ngx_http_mcp_tenant_resource_servers(ngx_array_t *servers)
{
    json_t      *list;
    ngx_str_t   *url;
    ngx_uint_t   i;

    list = json_array();
    url = servers->elts;

    for (i = 0; i < servers->nelts; i++) {
        (void) json_array_append_new(list,
                   json_stringn((char *) url[i].data, url[i].len));
    }

    return list;
}


/* "https://host" as clients see it; NGX_DECLINED when it is not known. */
static ngx_int_t
ngx_http_mcp_tenant_resource_base(ngx_http_request_t *r, ngx_str_t *ret_base)
{
    size_t                           i;
    ngx_str_t                       *host, scheme;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    if (mtlcf->public_url) {
        return ngx_http_complex_value(r, mtlcf->public_url, ret_base);
    }

    if (r->headers_in.host == NULL || r->headers_in.host->value.len == 0) {
        return NGX_DECLINED;
    }

    host = &r->headers_in.host->value;

    /* it goes into a quoted string */

    for (i = 0; i < host->len; i++) {
        if (host->data[i] <= ' ' || host->data[i] == '"'
            || host->data[i] == '\\' || host->data[i] >= 0x7f)
        {
            return NGX_DECLINED;
        }
    }

    ngx_str_set(&scheme, "http");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&scheme, "https");
    }
#endif

    ret_base->data = ngx_pnalloc(r->pool, scheme.len + sizeof("://") - 1
                                          + host->len);
    if (ret_base->data == NULL) {
        return NGX_ERROR;
    }

    ret_base->len = ngx_sprintf(ret_base->data, "%V://%V", &scheme, host)
                    - ret_base->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_tenant_resource_challenge(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_value)
{
    u_char                          *p;
    ngx_str_t                        base, path;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    static const char  realm[] = "Bearer realm=\"mcp\"";
    static const char  error[] = ", error=\"invalid_token\"";
    static const char  metadata[] = ", resource_metadata=\"";

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    ngx_str_null(&base);
    path = ngx_http_mcp_tenant_raw_path(r->main);

    if (mtlcf->authorization_servers
        && ctx->route == NGX_HTTP_MCP_TENANT_ROUTE_MCP
        && ngx_http_mcp_tenant_host_allowed(r)
        && ngx_http_mcp_tenant_resource_base(r, &base) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, sizeof(realm) + sizeof(error) + sizeof(metadata)
                             + base.len + path.len
                             + sizeof(NGX_HTTP_MCP_TENANT_WELL_KNOWN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ret_value->data = p;

    p = ngx_cpymem(p, realm, sizeof(realm) - 1);

    if (mtlcf->authorization_servers && ctx->key_sent) {
        p = ngx_cpymem(p, error, sizeof(error) - 1);
    }

    if (base.len) {
        p = ngx_cpymem(p, metadata, sizeof(metadata) - 1);
        p = ngx_sprintf(p, "%V%s%V\"", &base, NGX_HTTP_MCP_TENANT_WELL_KNOWN,
                        &path);
    }

    ret_value->len = p - ret_value->data;

    return NGX_OK;
}
