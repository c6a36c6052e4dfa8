/*
 * Answers that the module makes itself.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <jansson.h>


#define NGX_HTTP_MCP_TENANT_OUT_FIRST_BYTES  512
#define NGX_HTTP_MCP_TENANT_OUT_BYTES        32768


static int ngx_http_mcp_tenant_out_write(const char *text, size_t len,
    void *data);


void
ngx_http_mcp_tenant_out_init(ngx_http_mcp_tenant_out_t *out, ngx_pool_t *pool)
{
    out->pool = pool;
    out->first = NULL;
    out->last = NULL;
    out->length = 0;
}


ngx_int_t
ngx_http_mcp_tenant_out(ngx_http_mcp_tenant_out_t *out, const void *data,
    size_t len)
{
    size_t         n;
    ngx_buf_t     *b;
    ngx_chain_t   *cl;
    const u_char  *p;

    p = data;
    out->length += len;

    while (len) {

        b = out->last ? out->last->buf : NULL;

        if (b == NULL || b->last == b->end) {

            b = ngx_create_temp_buf(out->pool,
                                    b ? NGX_HTTP_MCP_TENANT_OUT_BYTES
                                      : NGX_HTTP_MCP_TENANT_OUT_FIRST_BYTES);
            cl = ngx_alloc_chain_link(out->pool);

            if (b == NULL || cl == NULL) {
                return NGX_ERROR;
            }

            cl->buf = b;
            cl->next = NULL;

            if (out->last) {
                out->last->next = cl;

            } else {
                out->first = cl;
            }

            out->last = cl;
        }

        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, p, n);
        p += n;
        len -= n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_tenant_out_text(ngx_http_mcp_tenant_out_t *out, const char *text)
{
    return ngx_http_mcp_tenant_out(out, text, ngx_strlen(text));
}


ngx_int_t
ngx_http_mcp_tenant_out_json(ngx_http_mcp_tenant_out_t *out, void *json,
    size_t flags)
{
    int  rc;

    if (json == NULL) {
        return NGX_ERROR;
    }

    rc = json_dump_callback(json, ngx_http_mcp_tenant_out_write, out, flags);

    json_decref(json);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


static int
ngx_http_mcp_tenant_out_write(const char *text, size_t len, void *data)
{
    return ngx_http_mcp_tenant_out(data, text, len) == NGX_OK ? 0 : -1;
}


ngx_int_t
ngx_http_mcp_tenant_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *content_type, ngx_http_mcp_tenant_out_t *out)
{
    ngx_int_t  rc;

    if (out->last == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out->last->buf->last_buf = (r == r->main);
    out->last->buf->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = out->length;

    r->headers_out.content_type.data = (u_char *) content_type;
    r->headers_out.content_type.len = ngx_strlen(content_type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out->first);
}


ngx_int_t
ngx_http_mcp_tenant_send_json(ngx_http_request_t *r, ngx_uint_t status,
    void *json)
{
    ngx_http_mcp_tenant_out_t  out;

    ngx_http_mcp_tenant_out_init(&out, r->pool);

    if (ngx_http_mcp_tenant_out_json(&out, json, JSON_INDENT(2)) != NGX_OK
        || ngx_http_mcp_tenant_out_text(&out, "\n") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mcp_tenant_send(r, status, "application/json", &out);
}


ngx_int_t
ngx_http_mcp_tenant_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}
