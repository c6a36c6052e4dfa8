/*
 * What a web page may reach: MCP asks for a check of Origin, and of Host, since
 * a page whose name resolves to this host (DNS rebinding) is of the same
 * origin.  Such a page sends its own name as Host.
 */

#include "ngx_http_mcp_tenant_module.h"


static ngx_uint_t ngx_http_mcp_tenant_host_is_address(ngx_http_request_t *r,
    ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_tenant_host_is_server(ngx_http_request_t *r,
    ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_tenant_host_matches(ngx_str_t *name,
    ngx_str_t *host);


ngx_int_t
ngx_http_mcp_tenant_origin_init(ngx_conf_t *cf)
{
    ngx_uint_t                        i;
    ngx_array_t                      *names;
    ngx_http_server_name_t           *name;
    ngx_http_core_srv_conf_t        **cscf;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_mcp_tenant_srv_conf_t   *mtscf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {

        mtscf = cscf[i]->ctx->srv_conf[ngx_http_mcp_tenant_module.ctx_index];
        names = &cscf[i]->server_names;

        if (ngx_array_init(&mtscf->names, cf->pool, names->nelts,
                           sizeof(ngx_http_server_name_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        name = ngx_array_push_n(&mtscf->names, names->nelts);
        if (name == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(name, names->elts,
                   names->nelts * sizeof(ngx_http_server_name_t));
    }

    return NGX_OK;
}


/* Programs send no Origin; a browser does, and only a known one may. */
ngx_uint_t
ngx_http_mcp_tenant_origin_allowed(ngx_http_mcp_tenant_ctx_t *ctx)
{
    uint32_t                   i;
    mcp_str_t                  origin;
    const mcp_image_t         *image;
    const mcp_image_tenant_t  *tenant;

    if (ctx->origin.data == NULL) {
        return 1;
    }

    image = ctx->image->image;
    tenant = mcp_image_tenant(image, ctx->tenant);

    for (i = 0; i < tenant->origins.count; i++) {

        origin = mcp_image_string(image, &tenant->origins, i);

        if (origin.len == ctx->origin.len
            && ngx_memcmp(origin.data, ctx->origin.data, origin.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* What has no Host is no browser. */
ngx_uint_t
ngx_http_mcp_tenant_host_allowed(ngx_http_request_t *r)
{
    ngx_str_t                       *host, *name;
    ngx_uint_t                       i;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    host = &r->headers_in.server;

    if (host->len == 0) {
        return 1;
    }

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    if (mtlcf->allowed_hosts) {

        name = mtlcf->allowed_hosts->elts;

        for (i = 0; i < mtlcf->allowed_hosts->nelts; i++) {
            if (ngx_http_mcp_tenant_str_is(&name[i], "any")
                || ngx_http_mcp_tenant_host_matches(&name[i], host))
            {
                return 1;
            }
        }
    }

    return ngx_http_mcp_tenant_host_is_server(r, host)
           || ngx_http_mcp_tenant_host_is_address(r, host);
}


/* The address that the client has connected to; a socket file has no page. */
static ngx_uint_t
ngx_http_mcp_tenant_host_is_address(ngx_http_request_t *r, ngx_str_t *host)
{
    mcp_address_t      address;
    ngx_connection_t  *c;

    c = r->connection;

    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return 0;
    }

    if (c->local_sockaddr->sa_family == AF_UNIX) {
        return 1;
    }

    if (ngx_http_mcp_tenant_str_is(host, "localhost")) {
        return mcp_address_is_loopback(c->local_sockaddr);
    }

    return mcp_address_parse((char *) host->data, host->len, 0, &address)
           == MCP_OK
           && mcp_address_same(&address.sa, c->local_sockaddr);
}


static ngx_uint_t
ngx_http_mcp_tenant_host_is_server(ngx_http_request_t *r, ngx_str_t *host)
{
    ngx_uint_t                       i;
    ngx_http_server_name_t          *name;
    ngx_http_mcp_tenant_srv_conf_t  *mtscf;

    mtscf = ngx_http_get_module_srv_conf(r, ngx_http_mcp_tenant_module);
    name = mtscf->names.elts;

    for (i = 0; i < mtscf->names.nelts; i++) {

#if (NGX_PCRE)
        if (name[i].regex) {

            if (ngx_http_regex_exec(r, name[i].regex, host) == NGX_OK) {
                return 1;
            }

            continue;
        }
#endif

        if (ngx_http_mcp_tenant_host_matches(&name[i].name, host)) {
            return 1;
        }
    }

    return 0;
}


/* Names as "server_name" has them: "*.example.com", ".example.com", "www.*" */
static ngx_uint_t
ngx_http_mcp_tenant_host_matches(ngx_str_t *name, ngx_str_t *host)
{
    size_t   len;
    u_char  *tail;

    len = name->len;

    if (len > 2 && name->data[0] == '*' && name->data[1] == '.') {
        return host->len > len - 1
               && ngx_memcmp(host->data + host->len - (len - 1),
                             name->data + 1, len - 1)
                  == 0;
    }

    if (len > 1 && name->data[0] == '.') {
        tail = host->data + host->len - ngx_min(len, host->len);

        return (host->len == len - 1
                && ngx_memcmp(host->data, name->data + 1, len - 1) == 0)
               || (host->len > len && ngx_memcmp(tail, name->data, len) == 0);
    }

    if (len > 2 && name->data[len - 1] == '*' && name->data[len - 2] == '.') {
        return host->len > len - 1
               && ngx_memcmp(host->data, name->data, len - 1) == 0;
    }

    return host->len == len && ngx_memcmp(host->data, name->data, len) == 0;
}
