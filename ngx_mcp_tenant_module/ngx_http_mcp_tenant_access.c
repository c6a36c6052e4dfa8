/*
 * The ladder of decisions; the first rung that fails is the reason.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


static mcp_reason_e ngx_http_mcp_tenant_ladder(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_reason_e server);
static mcp_reason_e ngx_http_mcp_tenant_server(
    ngx_http_mcp_tenant_ctx_t *ctx);
static mcp_reason_e ngx_http_mcp_tenant_mcp(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_reason_e body);
static mcp_reason_e ngx_http_mcp_tenant_protocol(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static mcp_reason_e ngx_http_mcp_tenant_server_active(
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_uint_t ngx_http_mcp_tenant_is_modern(ngx_str_t *version);
static ngx_uint_t ngx_http_mcp_tenant_is_json(ngx_str_t *type);
static ngx_uint_t ngx_http_mcp_tenant_wants_body(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_tenant_read_body(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static void ngx_http_mcp_tenant_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_tenant_allow(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);


/*
 * Never answers NGX_OK: under "satisfy any" that would let a request past
 * the other access modules.
 */
ngx_int_t
ngx_http_mcp_tenant_access_handler(ngx_http_request_t *r)
{
    mcp_reason_e                     reason, server;
    ngx_http_mcp_tenant_ctx_t       *ctx;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    if (!mtlcf->enable
        || mtlcf->endpoint != NGX_HTTP_MCP_TENANT_ENDPOINT_NONE)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_mcp_tenant_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->allowed) {
        return NGX_DECLINED;
    }

    if (ctx->waited) {
        return ngx_http_mcp_tenant_allow(r, ctx);
    }

    /* the phase may be entered again */

    if (ctx->waiting) {
        return NGX_DONE;
    }

    reason = ngx_http_mcp_tenant_identify(r, ctx);

    if (reason != MCP_REASON_OK) {
        return ngx_http_mcp_tenant_refuse(r, ctx, reason);
    }

    ctx->modern = ngx_http_mcp_tenant_is_modern(&ctx->mcp_version);
    server = ngx_http_mcp_tenant_server(ctx);

    /* read before the ladder goes on, so that a refusal can echo the id */

    if (!ctx->body_done && ngx_http_mcp_tenant_wants_body(r, ctx)) {
        return ngx_http_mcp_tenant_read_body(r, ctx);
    }

    reason = ngx_http_mcp_tenant_ladder(r, ctx, server);

    if (reason == MCP_REASON_OK
        && ctx->route == NGX_HTTP_MCP_TENANT_ROUTE_MCP)
    {
        ctx->stream = r->method == NGX_HTTP_GET
                      || (ctx->rpc_label
                          && ngx_strcmp(ctx->rpc_label, "subscriptions/listen")
                             == 0);

        reason = ngx_http_mcp_tenant_limits_take(r, ctx);

        if (reason == MCP_REASON_OK && ctx->must_wait) {

            reason = ngx_http_mcp_tenant_wait(r, ctx);

            if (reason == MCP_REASON_OK) {
                return NGX_DONE;
            }

            ngx_http_mcp_tenant_limits_give(ctx);
        }
    }

    if (reason != MCP_REASON_OK) {
        return ngx_http_mcp_tenant_refuse(r, ctx, reason);
    }

    return ngx_http_mcp_tenant_allow(r, ctx);
}


static mcp_reason_e
ngx_http_mcp_tenant_ladder(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_reason_e server)
{
    mcp_reason_e  body;

    /* looked at before it is its turn: a refusal can then echo the id */

    body = ctx->body_done ? ngx_http_mcp_tenant_body_scan(r, ctx)
                          : MCP_REASON_OK;

    if (!ngx_http_mcp_tenant_host_allowed(r)) {
        return MCP_REASON_HOST_NOT_ALLOWED;
    }

    if (!ngx_http_mcp_tenant_origin_allowed(ctx)) {
        return MCP_REASON_ORIGIN_NOT_ALLOWED;
    }

    if (ctx->route == NGX_HTTP_MCP_TENANT_ROUTE_NONE) {
        return MCP_REASON_NOT_FOUND;
    }

    if (server != MCP_REASON_OK) {
        return server;
    }

    if (ctx->route == NGX_HTTP_MCP_TENANT_ROUTE_MCP) {
        return ngx_http_mcp_tenant_mcp(r, ctx, body);
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return MCP_REASON_METHOD_NOT_ALLOWED;
    }

    return MCP_REASON_OK;
}


/* Finds the server that the path names, when the key may reach it. */
static mcp_reason_e
ngx_http_mcp_tenant_server(ngx_http_mcp_tenant_ctx_t *ctx)
{
    uint32_t            server;
    const mcp_image_t  *image;

    if (ctx->requested_server.len == 0) {
        return MCP_REASON_OK;
    }

    image = ctx->image->image;

    server = mcp_image_server_find(image, ctx->tenant,
                                   (char *) ctx->requested_server.data,
                                   ctx->requested_server.len);

    if (server == MCP_IMAGE_NONE) {
        return MCP_REASON_UNKNOWN_SERVER;
    }

    if (ctx->key != MCP_IMAGE_NONE
        && !mcp_image_key_reaches(image, mcp_image_key(image, ctx->key),
                                  server))
    {
        return MCP_REASON_SERVER_NOT_ALLOWED;
    }

    ctx->server = server;

    return MCP_REASON_OK;
}


static mcp_reason_e
ngx_http_mcp_tenant_mcp(ngx_http_request_t *r, ngx_http_mcp_tenant_ctx_t *ctx,
    mcp_reason_e body)
{
    mcp_reason_e  reason;

    reason = ngx_http_mcp_tenant_protocol(r, ctx);
    if (reason != MCP_REASON_OK) {
        return reason;
    }

    if (body != MCP_REASON_OK) {
        return body;
    }

    reason = ngx_http_mcp_tenant_session_open(r, ctx);
    if (reason != MCP_REASON_OK) {
        return reason;
    }

    return ngx_http_mcp_tenant_server_active(ctx);
}


static mcp_reason_e
ngx_http_mcp_tenant_protocol(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_POST|NGX_HTTP_DELETE))) {
        return MCP_REASON_METHOD_NOT_ALLOWED;
    }

    if (r->method != NGX_HTTP_POST && ctx->modern) {
        return MCP_REASON_METHOD_NOT_ALLOWED;
    }

    if (r->method != NGX_HTTP_POST) {

        /* no revision of MCP gives these a body */

        if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
            return MCP_REASON_MALFORMED_REQUEST;
        }

        return MCP_REASON_OK;
    }

    if (!ngx_http_mcp_tenant_is_json(&ctx->content_type)) {
        return MCP_REASON_UNSUPPORTED_MEDIA_TYPE;
    }

    /* servers would decode it: they would see what the gateway did not */

    if (ctx->content_encoding.len
        && (ctx->content_encoding.len != sizeof("identity") - 1
            || ngx_strncasecmp(ctx->content_encoding.data,
                               (u_char *) "identity",
                               sizeof("identity") - 1)
               != 0))
    {
        return MCP_REASON_UNSUPPORTED_ENCODING;
    }

    return MCP_REASON_OK;
}


/* Revisions are named by their dates. */
static ngx_uint_t
ngx_http_mcp_tenant_is_modern(ngx_str_t *version)
{
    static ngx_str_t  first = ngx_string("2026-07-28");

    return version->len == first.len && version->data[4] == '-'
           && version->data[7] == '-'
           && ngx_memcmp(version->data, first.data, first.len) >= 0;
}


/* application/json, with no parameter but charset=utf-8 */
static ngx_uint_t
ngx_http_mcp_tenant_is_json(ngx_str_t *type)
{
    u_char  *p, *last;

    static const char  json[] = "application/json";
    static const char  charset[] = "charset=";

    if (type->len < sizeof(json) - 1
        || ngx_strncasecmp(type->data, (u_char *) json, sizeof(json) - 1) != 0)
    {
        return 0;
    }

    p = type->data + sizeof(json) - 1;
    last = type->data + type->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ';')) {
        p++;
    }

    if (p == last) {
        return 1;
    }

    if (type->data[sizeof(json) - 1] != ';'
        && type->data[sizeof(json) - 1] != ' ')
    {
        return 0;
    }

    if ((size_t) (last - p) < sizeof(charset) - 1
        || ngx_strncasecmp(p, (u_char *) charset, sizeof(charset) - 1) != 0)
    {
        return 0;
    }

    p += sizeof(charset) - 1;

    if (last - p == 7 && *p == '"' && last[-1] == '"') {
        p++;
        last--;
    }

    return last - p == 5 && ngx_strncasecmp(p, (u_char *) "utf-8", 5) == 0;
}


static mcp_reason_e
ngx_http_mcp_tenant_server_active(ngx_http_mcp_tenant_ctx_t *ctx)
{
    const mcp_image_server_t  *server;

    server = mcp_image_server(ctx->image->image, ctx->server);

    /* its endpoint was found, though it may drain */

    if (ctx->session_id.len) {
        return MCP_REASON_OK;
    }

    /* one that cannot be started is not waited for */

    if (server->activation_timeout
        && (server->status == MCP_SERVER_STOPPED
            || server->status == MCP_SERVER_STARTING
            || server->status == MCP_SERVER_PENDING))
    {
        ctx->must_wait = 1;
        return MCP_REASON_OK;
    }

    switch (server->status) {

    case MCP_SERVER_READY:
        return MCP_REASON_OK;

    case MCP_SERVER_QUOTA_EXCEEDED:
        return MCP_REASON_SERVER_QUOTA_EXCEEDED;

    case MCP_SERVER_STARTING:
        return MCP_REASON_SERVER_STARTING;

    case MCP_SERVER_STOPPED:
        return MCP_REASON_SERVER_STOPPED;

    case MCP_SERVER_FAILED:
        return MCP_REASON_SERVER_FAILED;

    default:
        return MCP_REASON_SERVER_NOT_READY;
    }
}


static ngx_uint_t
ngx_http_mcp_tenant_wants_body(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    return r->method == NGX_HTTP_POST
           && ctx->route == NGX_HTTP_MCP_TENANT_ROUTE_MCP
           && ngx_http_mcp_tenant_protocol(r, ctx) == MCP_REASON_OK
           && ngx_http_mcp_tenant_body_needed(r, ctx);
}


static ngx_int_t
ngx_http_mcp_tenant_read_body(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_int_t  rc;

    /* the phase is entered again while the body arrives */

    if (ctx->waiting_body) {
        return NGX_DONE;
    }

    ctx->waiting_body = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_mcp_tenant_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_mcp_tenant_body_handler(ngx_http_request_t *r)
{
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    ctx->waiting_body = 0;
    ctx->body_done = 1;

    /* it is read once more, by the proxy */

    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_mcp_tenant_allow(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ctx->allowed = 1;
    ctx->reason = MCP_REASON_OK;

    switch (ctx->route) {

    case NGX_HTTP_MCP_TENANT_ROUTE_SERVERS:
    case NGX_HTTP_MCP_TENANT_ROUTE_SERVER:
        r->content_handler = ngx_http_mcp_tenant_servers_handler;
        return NGX_DECLINED;

    case NGX_HTTP_MCP_TENANT_ROUTE_METRICS:
        r->content_handler = ngx_http_mcp_tenant_metrics_handler;
        return NGX_DECLINED;

    default:
        ngx_http_mcp_tenant_worker_add(r, ctx);
        return ngx_http_mcp_tenant_headers_filter(r);
    }
}
