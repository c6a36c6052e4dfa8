/*
 * What of the client's headers goes on to a server: a list of what is known
 * to be harmless, not the client's less a few.  Keys, cookies, the tenant and
 * everything that belongs to the hop stay here.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


#define NGX_HTTP_MCP_TENANT_PARAM  "mcp-param-"

/* what clients of MCP send, so that one part of the list holds all */
#define NGX_HTTP_MCP_TENANT_PASSED  8


static ngx_uint_t ngx_http_mcp_tenant_header_passes(ngx_table_elt_t *header,
    ngx_array_t *more);


static ngx_str_t  ngx_http_mcp_tenant_passed_headers[] = {
    ngx_string("accept"),
    ngx_string("accept-language"),
    ngx_string("baggage"),
    ngx_string("content-type"),
    ngx_string("last-event-id"),
    ngx_string("mcp-method"),
    ngx_string("mcp-name"),
    ngx_string("mcp-protocol-version"),
    ngx_string("traceparent"),
    ngx_string("tracestate"),
    ngx_string("user-agent"),
    ngx_string("x-request-id"),
    ngx_null_string
};


ngx_int_t
ngx_http_mcp_tenant_headers_filter(ngx_http_request_t *r)
{
    ngx_uint_t                       i;
    ngx_list_part_t                  first, *part;
    ngx_table_elt_t                 *header, *h;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    first = r->headers_in.headers.part;

    /* with it, the proxy would let a server turn the answer into a tunnel */

    r->headers_in.upgrade = NULL;

    if (ngx_list_init(&r->headers_in.headers, r->pool,
                      NGX_HTTP_MCP_TENANT_PASSED, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    part = &first;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (!ngx_http_mcp_tenant_header_passes(&header[i],
                                               mtlcf->pass_headers))
        {
            continue;
        }

        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = header[i];
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_mcp_tenant_header_passes(ngx_table_elt_t *header, ngx_array_t *more)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    for (known = ngx_http_mcp_tenant_passed_headers; known->len; known++) {
        if (ngx_http_mcp_tenant_header_is(header, known)) {
            return 1;
        }
    }

    if (header->key.len > sizeof(NGX_HTTP_MCP_TENANT_PARAM) - 1
        && ngx_strncasecmp(header->key.data,
                           (u_char *) NGX_HTTP_MCP_TENANT_PARAM,
                           sizeof(NGX_HTTP_MCP_TENANT_PARAM) - 1)
           == 0)
    {
        return 1;
    }

    if (more == NULL) {
        return 0;
    }

    known = more->elts;

    for (i = 0; i < more->nelts; i++) {
        if (known[i].len == header->key.len
            && ngx_strncasecmp(known[i].data, header->key.data,
                               known[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_mcp_tenant_header_is(ngx_table_elt_t *header, ngx_str_t *name)
{
    if (header->key.len != name->len) {
        return 0;
    }

    /* NGINX fills it in; other modules, which add headers, may not */

    if (header->lowcase_key == NULL) {
        return ngx_strncasecmp(header->key.data, name->data, name->len) == 0;
    }

    return ngx_memcmp(header->lowcase_key, name->data, name->len) == 0;
}
