/*
 * The guard of answers: what a server sends must be a plain HTTP response,
 * whichever upstream block it came through.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


static ngx_int_t ngx_http_mcp_tenant_answer_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_mcp_tenant_answer_session(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_tenant_answer_process_header(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_tenant_answer_reinit_request(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_tenant_answer_input_filter_init(void *data);
static ngx_int_t ngx_http_mcp_tenant_answer_input_filter(void *data,
    ssize_t bytes);
static void ngx_http_mcp_tenant_answer_finalize_request(
    ngx_http_request_t *r, ngx_int_t rc);
static mcp_reason_e ngx_http_mcp_tenant_answer_reason(ngx_http_request_t *r,
    ngx_int_t rc);


ngx_int_t
ngx_http_mcp_tenant_answer_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    mcp_str_t                        *name;
    ngx_uint_t                        i, n;
    ngx_http_upstream_srv_conf_t    **us;
    ngx_http_upstream_main_conf_t    *umcf;
    ngx_http_mcp_tenant_srv_conf_t   *mtscf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    us = umcf->upstreams.elts;
    name = mtmcf->upstream_names.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        /* those that a proxy_pass made for itself have no configuration */

        if (us[i] == mtmcf->upstream || us[i]->srv_conf == NULL) {
            continue;
        }

        for (n = 0; n < mtmcf->upstream_names.nelts; n++) {
            if (us[i]->host.len == name[n].len
                && ngx_strncasecmp(us[i]->host.data, (u_char *) name[n].data,
                                   name[n].len)
                   == 0)
            {
                break;
            }
        }

        if (n == mtmcf->upstream_names.nelts) {
            continue;
        }

        mtscf = ngx_http_conf_upstream_srv_conf(us[i],
                                                ngx_http_mcp_tenant_module);

        mtscf->init_peer = us[i]->peer.init;
        us[i]->peer.init = ngx_http_mcp_tenant_answer_init_peer;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_answer_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_int_t                        rc;
    ngx_http_mcp_tenant_ctx_t       *ctx;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;
    ngx_http_mcp_tenant_srv_conf_t  *mtscf;

    mtscf = ngx_http_conf_upstream_srv_conf(us, ngx_http_mcp_tenant_module);

    rc = mtscf->init_peer(r, us);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_mcp_tenant_ctx_find(r);
    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    /* locations of another kind may use the block as well */

    if (mtlcf->enable && ctx && r == r->main) {
        ngx_http_mcp_tenant_answer_guard(r, ctx);
        return ngx_http_mcp_tenant_answer_session(r, ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_answer_session(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t   line;

    if (ctx->session_id.len == 0) {
        return NGX_OK;
    }

    b = ngx_create_temp_buf(r->pool, ngx_http_mcp_tenant_session_line_len(ctx)
                                     + sizeof(CRLF) - 1);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_http_mcp_tenant_session_line(ctx, b->last);
    b->last = ngx_cpymem(b->last, CRLF, sizeof(CRLF) - 1);

    line.buf = b;
    line.next = NULL;

    return ngx_http_mcp_tenant_upstream_append(r, &line);
}


void
ngx_http_mcp_tenant_answer_guard(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    ctx->process_header = u->process_header;
    ctx->reinit_request = u->reinit_request;
    ctx->finalize_request = u->finalize_request;
    ctx->input_filter_init = NULL;

    u->process_header = ngx_http_mcp_tenant_answer_process_header;
    u->reinit_request = ngx_http_mcp_tenant_answer_reinit_request;
    u->finalize_request = ngx_http_mcp_tenant_answer_finalize_request;

    if (u->input_filter_init && u->input_filter_ctx == r) {
        ctx->input_filter_init = u->input_filter_init;
        u->input_filter_init = ngx_http_mcp_tenant_answer_input_filter_init;
    }
}


/*
 * No revision of MCP switches protocols; a tunnel would escape all checks.
 * What has no status line NGINX would pass on as HTTP/0.9, without a header of
 * its own: the server would write the client's header.
 */
static ngx_int_t
ngx_http_mcp_tenant_answer_process_header(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_uint_t                  version;
    ngx_http_upstream_t        *u;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_mcp_tenant_ctx_find(r);
    version = r->http_version;

    /* the proxy's own handler replaces itself as it goes on */

    u->process_header = ctx->process_header;
    rc = u->process_header(r);

    ctx->process_header = u->process_header;
    u->process_header = ngx_http_mcp_tenant_answer_process_header;

    r->http_version = version;

    if (rc == NGX_OK && u->headers_in.status_n < NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream answered with status %ui, expected a final one",
                      u->headers_in.status_n);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* the server may ask for it, and would get round all that follows */

    u->buffering = 0;

    rc = ngx_http_mcp_tenant_session_answer(r, ctx);

    return rc == NGX_OK ? ngx_http_mcp_tenant_filter_init(r, ctx) : rc;
}


static ngx_int_t
ngx_http_mcp_tenant_answer_reinit_request(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    rc = ctx->reinit_request(r);

    ctx->process_header = r->upstream->process_header;
    r->upstream->process_header = ngx_http_mcp_tenant_answer_process_header;

    return rc;
}


/*
 * The server has ended when the last byte of its answer is here.  The slot must
 * be free before the client has that byte: its next request may be quicker
 * than what this process has yet to do for this one.
 */
static ngx_int_t
ngx_http_mcp_tenant_answer_input_filter_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_int_t                   rc;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    if (ctx->filter) {
        ngx_http_mcp_tenant_filter_restore(r, ctx->filter);
    }

    rc = ctx->input_filter_init(data);

    ctx->input_filter = r->upstream->input_filter;
    r->upstream->input_filter = ngx_http_mcp_tenant_answer_input_filter;

    return rc;
}


static ngx_int_t
ngx_http_mcp_tenant_answer_input_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    ngx_int_t                    rc;
    ngx_chain_t                **end;
    ngx_http_mcp_tenant_ctx_t   *ctx;

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    for (end = &r->upstream->out_bufs; *end; end = &(*end)->next) {
        /* void */
    }

    rc = ctx->input_filter(data, bytes);

    if (ctx->filter && rc == NGX_OK) {
        rc = ngx_http_mcp_tenant_filter_body(r, ctx->filter, end);
    }

    if (r->upstream->length == 0) {
        ngx_http_mcp_tenant_limits_give(ctx);
    }

    return rc;
}


/*
 * The answer is finished; what follows, such as a lingering close, is no
 * longer the tenant's request.  An error before the header is not the end: its
 * page may be another location that asks a server again.
 */
static void
ngx_http_mcp_tenant_answer_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc)
{
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    if (rc < NGX_HTTP_SPECIAL_RESPONSE || r->upstream->header_sent) {
        ngx_http_mcp_tenant_limits_give(ctx);
    }

    if (r->upstream->header_sent && ctx->reason == MCP_REASON_OK) {
        ctx->reason = ngx_http_mcp_tenant_answer_reason(r, rc);
    }

    ctx->finalize_request(r, rc);
}


/* Whether a server broke off what it had begun; the status has been sent. */
static mcp_reason_e
ngx_http_mcp_tenant_answer_reason(ngx_http_request_t *r, ngx_int_t rc)
{
    switch (rc) {

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return MCP_REASON_UPSTREAM_TIMEOUT;

    case NGX_HTTP_BAD_GATEWAY:
        return MCP_REASON_UPSTREAM_FAILED;

    case NGX_ERROR:

        /* or it was the client who could not be written to */

        return r->connection->error ? MCP_REASON_OK
                                    : MCP_REASON_UPSTREAM_FAILED;

    default:
        return MCP_REASON_OK;
    }
}
