/*
 * Sealed sessions: a client gets a token in place of the server's session id,
 * and the server its id in place of the token.  What does not open, for this
 * tenant and server and for this key, never reaches a server.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


#define NGX_HTTP_MCP_TENANT_SESSION_HEADER  "mcp-session-id"
#define NGX_HTTP_MCP_TENANT_SESSION_LINE    "Mcp-Session-Id: "


static void ngx_http_mcp_tenant_session_cleanup(void *data);
static mcp_reason_e ngx_http_mcp_tenant_session_find(
    ngx_http_mcp_tenant_ctx_t *ctx, uint64_t identity);
static ngx_table_elt_t *ngx_http_mcp_tenant_session_given(
    ngx_http_request_t *r, ngx_uint_t *ret_count);
static void ngx_http_mcp_tenant_session_scope(
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_session_scope_t *ret_scope);


static mcp_session_ring_t  *ngx_http_mcp_tenant_session_ring;


ngx_int_t
ngx_http_mcp_tenant_session_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    bool                 fine;
    mcp_report_t        *report;
    ngx_pool_cleanup_t  *cln;

    if (mtmcf->session_key.len == 0 || ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &mtmcf->session_key, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(mcp_session_keys_t));
    report = mcp_report_new();

    if (cln == NULL || report == NULL) {
        mcp_report_free(report);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mcp_tenant_session_cleanup;

    fine = mcp_session_keys_read((char *) mtmcf->session_key.data, report,
                                 cln->data);

    ngx_http_mcp_tenant_load_log(NGX_LOG_EMERG, cf->log, report);
    mcp_report_free(report);

    if (!fine) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_tenant_session_key\" refuses \"%V\"",
                      &mtmcf->session_key);
        return NGX_ERROR;
    }

    mtmcf->session_keys = cln->data;

    return NGX_OK;
}


static void
ngx_http_mcp_tenant_session_cleanup(void *data)
{
    mcp_session_keys_wipe(data);
}


ngx_int_t
ngx_http_mcp_tenant_session_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    ngx_http_mcp_tenant_session_ring = mcp_session_ring_new(
                mtmcf->session_keys ? mtmcf->session_keys : &sh->session_keys);

    if (ngx_http_mcp_tenant_session_ring == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "sessions cannot be sealed: no memory, or no AES in "
                      "this OpenSSL");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_mcp_tenant_session_exit_process(void)
{
    mcp_session_ring_free(ngx_http_mcp_tenant_session_ring);
    ngx_http_mcp_tenant_session_ring = NULL;
}


/*
 * A revision without sessions ignores their ids.  An id of an event alone
 * names what some session has seen, and no one can tell which.
 */
mcp_reason_e
ngx_http_mcp_tenant_session_open(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    mcp_session_t                     session;
    mcp_session_scope_t               scope;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (ctx->modern) {
        return MCP_REASON_OK;
    }

    if (ctx->mcp_session.data == NULL) {
        return ctx->last_event_id.data ? MCP_REASON_UNKNOWN_SESSION
                                       : MCP_REASON_OK;
    }

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    ngx_http_mcp_tenant_session_scope(ctx, &scope);

    switch (mcp_session_open(ngx_http_mcp_tenant_session_ring, &scope,
                             (char *) ctx->mcp_session.data,
                             ctx->mcp_session.len, ngx_time(),
                             mtmcf->session_lifetime, &session))
    {
    case MCP_SESSION_OK:
        break;

    case MCP_SESSION_EXPIRED:
        return MCP_REASON_SESSION_EXPIRED;

    default:
        return MCP_REASON_UNKNOWN_SESSION;
    }

    ctx->session_id.data = ngx_pnalloc(r->pool, session.id.len);
    if (ctx->session_id.data == NULL) {
        return MCP_REASON_INTERNAL_ERROR;
    }

    ngx_memcpy(ctx->session_id.data, session.id.data, session.id.len);
    ctx->session_id.len = session.id.len;

    return ngx_http_mcp_tenant_session_find(ctx, session.endpoint);
}


/* A server of an upstream{} block has no endpoints of ours, and 0 for all. */
static mcp_reason_e
ngx_http_mcp_tenant_session_find(ngx_http_mcp_tenant_ctx_t *ctx,
    uint64_t identity)
{
    uint32_t                   i, n;
    const mcp_image_t         *image;
    const mcp_image_server_t  *server;

    image = ctx->image->image;
    server = mcp_image_server(image, ctx->server);

    if (server->upstream_name.len) {
        return identity == 0 ? MCP_REASON_OK
                             : MCP_REASON_SESSION_ENDPOINT_GONE;
    }

    n = server->endpoints.count;

    /* where sessions end, none begins */

    if (ctx->rpc_label == NULL
        || ngx_strcmp(ctx->rpc_label, "initialize") != 0)
    {
        n += server->ndraining;
    }

    for (i = 0; i < n; i++) {

        if (mcp_image_endpoint(image, server->endpoints.first + i)->identity
            == identity)
        {
            ctx->session_endpoint = i;
            return MCP_REASON_OK;
        }
    }

    return MCP_REASON_SESSION_ENDPOINT_GONE;
}


size_t
ngx_http_mcp_tenant_session_line_len(ngx_http_mcp_tenant_ctx_t *ctx)
{
    return ctx->session_id.len == 0 ? 0
           : sizeof(NGX_HTTP_MCP_TENANT_SESSION_LINE) - 1
             + ctx->session_id.len + sizeof(CRLF) - 1;
}


u_char *
ngx_http_mcp_tenant_session_line(ngx_http_mcp_tenant_ctx_t *ctx, u_char *p)
{
    if (ctx->session_id.len == 0) {
        return p;
    }

    p = ngx_cpymem(p, NGX_HTTP_MCP_TENANT_SESSION_LINE,
                   sizeof(NGX_HTTP_MCP_TENANT_SESSION_LINE) - 1);
    p = ngx_cpymem(p, ctx->session_id.data, ctx->session_id.len);

    return ngx_cpymem(p, CRLF, sizeof(CRLF) - 1);
}


ngx_int_t
ngx_http_mcp_tenant_session_answer(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    char                 *token;
    size_t                len;
    ngx_uint_t            count;
    mcp_session_t         session;
    ngx_table_elt_t      *given;
    mcp_session_scope_t   scope;

    given = ngx_http_mcp_tenant_session_given(r, &count);

    if (given == NULL) {
        return NGX_OK;
    }

    /* the same one again keeps its token */

    if (count == 1 && ctx->session_id.len
        && given->value.len == ctx->session_id.len
        && ngx_memcmp(given->value.data, ctx->session_id.data,
                      ctx->session_id.len)
           == 0)
    {
        given->value = ctx->mcp_session;
        return NGX_OK;
    }

    session.endpoint = ctx->endpoint ? ctx->endpoint->identity : 0;
    session.issued = ngx_time();
    session.id.data = (char *) given->value.data;
    session.id.len = given->value.len;

    ngx_http_mcp_tenant_session_scope(ctx, &scope);

    token = ngx_pnalloc(r->pool, MCP_SESSION_TOKEN_MAX_LEN);
    if (token == NULL) {
        return NGX_ERROR;
    }

    len = 0;

    switch (count == 1
            ? mcp_session_seal(ngx_http_mcp_tenant_session_ring, &scope,
                               &session, token, &len)
            : MCP_SESSION_NO_ID)
    {
    case MCP_SESSION_OK:
        given->value.data = (u_char *) token;
        given->value.len = len;
        return NGX_OK;

    case MCP_SESSION_NO_ID:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent an invalid Mcp-Session-Id, expected one "
                      "of 1 to %d visible ASCII characters",
                      MCP_SESSION_ID_MAX_LEN);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;

    default:
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "a session cannot be sealed");
        return NGX_ERROR;
    }
}


/*
 * The header, when it is to be sealed; an answer to a revision without
 * sessions loses it.
 */
static ngx_table_elt_t *
ngx_http_mcp_tenant_session_given(ngx_http_request_t *r,
    ngx_uint_t *ret_count)
{
    ngx_uint_t                  i;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *header, *given;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    static ngx_str_t  name = ngx_string(NGX_HTTP_MCP_TENANT_SESSION_HEADER);

    ctx = ngx_http_mcp_tenant_ctx_find(r);
    part = &r->upstream->headers_in.headers.part;
    header = part->elts;
    given = NULL;
    *ret_count = 0;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return given;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (!ngx_http_mcp_tenant_header_is(&header[i], &name)) {
            continue;
        }

        if (ctx->modern) {
            header[i].hash = 0;
            continue;
        }

        given = &header[i];
        (*ret_count)++;
    }
}


static void
ngx_http_mcp_tenant_session_scope(ngx_http_mcp_tenant_ctx_t *ctx,
    mcp_session_scope_t *ret_scope)
{
    const mcp_image_t  *image;

    image = ctx->image->image;

    ret_scope->tenant = mcp_image_tenant(image, ctx->tenant)->identity;
    ret_scope->server = mcp_image_server(image, ctx->server)->identity;
    ret_scope->key = mcp_policy_session_key(
        ctx->key == MCP_IMAGE_NONE ? NULL : mcp_image_key(image, ctx->key));
}
