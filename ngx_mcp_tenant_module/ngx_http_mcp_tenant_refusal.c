/*
 * Refusals: a JSON-RPC error on the mcp path, application/problem+json
 * (RFC 9457) elsewhere, both with the reason's public word.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <jansson.h>


#define NGX_HTTP_MCP_TENANT_RETRY_AFTER  "5"

/* "Resource not found" up to 2025-11-25; later ones must not send it */
#define NGX_HTTP_MCP_TENANT_LEGACY_NOT_FOUND  -32002


typedef struct {
    ngx_uint_t    status;
    mcp_reason_e  reason;
} ngx_http_mcp_tenant_status_reason_t;


static ngx_uint_t ngx_http_mcp_tenant_is_limited(
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_uint_t ngx_http_mcp_tenant_limited_status(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_uint_t ngx_http_mcp_tenant_is_request(
    ngx_http_mcp_tenant_ctx_t *ctx);
static mcp_reason_e ngx_http_mcp_tenant_reason_of_status(ngx_uint_t status);
static ngx_int_t ngx_http_mcp_tenant_answer(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_uint_t status);
static ngx_int_t ngx_http_mcp_tenant_answer_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_uint_t status);
static ngx_int_t ngx_http_mcp_tenant_rpc_body(ngx_http_mcp_tenant_ctx_t *ctx,
    const mcp_reason_t *reason, ngx_http_mcp_tenant_out_t *out);
static ngx_int_t ngx_http_mcp_tenant_problem_body(const mcp_reason_t *reason,
    ngx_uint_t status, ngx_http_mcp_tenant_out_t *out);


/* What NGINX itself, or another of its modules, answers with. */
static ngx_http_mcp_tenant_status_reason_t
    ngx_http_mcp_tenant_status_reasons[] = {

    { NGX_HTTP_UNAUTHORIZED, MCP_REASON_MISSING_KEY },
    { NGX_HTTP_FORBIDDEN, MCP_REASON_FORBIDDEN },
    { NGX_HTTP_NOT_FOUND, MCP_REASON_NOT_FOUND },
    { NGX_HTTP_NOT_ALLOWED, MCP_REASON_METHOD_NOT_ALLOWED },
    { NGX_HTTP_REQUEST_TIME_OUT, MCP_REASON_BODY_INCOMPLETE },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, MCP_REASON_BODY_TOO_LARGE },
    { NGX_HTTP_TOO_MANY_REQUESTS, MCP_REASON_LIMITED },
    { NGX_HTTP_BAD_GATEWAY, MCP_REASON_UPSTREAM_FAILED },
    { NGX_HTTP_SERVICE_UNAVAILABLE, MCP_REASON_OVERLOADED },
    { NGX_HTTP_GATEWAY_TIME_OUT, MCP_REASON_UPSTREAM_TIMEOUT },
    { 0, MCP_REASON_NONE }
};


ngx_int_t
ngx_http_mcp_tenant_refuse(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_reason_e reason)
{
    ngx_uint_t           status;
    const mcp_reason_t  *text;

    text = mcp_reason(reason);
    status = text->status;

    ctx->reason = reason;

    /* 2026-07-28 wants 404; to older clients that ends the session */

    if (reason == MCP_REASON_RPC_METHOD_NOT_ALLOWED && ctx->modern) {
        status = NGX_HTTP_NOT_FOUND;

    } else if (ngx_http_mcp_tenant_is_limited(ctx)) {
        status = ngx_http_mcp_tenant_limited_status(r, ctx);
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "request refused: %s", text->word);

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    ngx_http_finalize_request(r, ngx_http_mcp_tenant_answer(r, ctx, status));

    return NGX_DONE;
}


/* Whether it is a limit of the tenant that was met. */
static ngx_uint_t
ngx_http_mcp_tenant_is_limited(ngx_http_mcp_tenant_ctx_t *ctx)
{
    return ctx->limit_status == NGX_HTTP_MCP_TENANT_LIMIT_REJECTED
           || ctx->reason == MCP_REASON_SERVER_QUOTA_EXCEEDED;
}


/*
 * A client that asks which revisions there are takes 429 for "not this one",
 * and goes on with an older one, as with any JSON-RPC error in 200; it waits
 * when the server is not available.
 */
static ngx_uint_t
ngx_http_mcp_tenant_limited_status(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    if (ctx->rpc_label && ngx_strcmp(ctx->rpc_label, "server/discover") == 0) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (mtlcf->quota_error == NGX_HTTP_MCP_TENANT_QUOTA_JSONRPC
        && ngx_http_mcp_tenant_is_request(ctx))
    {
        return NGX_HTTP_OK;
    }

    return ctx->limit_status == NGX_HTTP_MCP_TENANT_LIMIT_REJECTED
           ? mtlcf->status_code : NGX_HTTP_TOO_MANY_REQUESTS;
}


/* Whether there is someone who waits for a JSON-RPC answer. */
static ngx_uint_t
ngx_http_mcp_tenant_is_request(ngx_http_mcp_tenant_ctx_t *ctx)
{
    return ctx->rpc_id.len && ctx->rpc_label
           && ngx_strcmp(ctx->rpc_label, "response") != 0;
}


ngx_int_t
ngx_http_mcp_tenant_error_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_uint_t                  status;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = ngx_http_mcp_tenant_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    status = r->err_status ? r->err_status : NGX_HTTP_NOT_FOUND;

    /* NGINX refused before any location was asked; name who it was */

    ngx_http_mcp_tenant_mask_keys(r->main);

    (void) ngx_http_mcp_tenant_identify(r, ctx);

    ctx->reason = ngx_http_mcp_tenant_reason_of_status(status);

    /* whatever the request was, this is the end of it */

    ngx_http_mcp_tenant_limits_give(ctx);

    return ngx_http_mcp_tenant_answer(r, ctx, status);
}


mcp_reason_e
ngx_http_mcp_tenant_final_reason(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_uint_t  status;

    status = r->headers_out.status;

    if (ctx->reason == MCP_REASON_REVOKED) {
        return ctx->reason;
    }

    if (status == NGX_HTTP_CLIENT_CLOSED_REQUEST
        && (ctx->allowed || ctx->reason == MCP_REASON_NONE))
    {
        return MCP_REASON_CLIENT_CLOSED;
    }

    /* NGINX ended it while the body was read */

    if (ctx->reason == MCP_REASON_NONE && status >= NGX_HTTP_BAD_REQUEST) {
        return ngx_http_mcp_tenant_reason_of_status(status);
    }

    return ctx->reason;
}


static mcp_reason_e
ngx_http_mcp_tenant_reason_of_status(ngx_uint_t status)
{
    ngx_http_mcp_tenant_status_reason_t  *known;

    for (known = ngx_http_mcp_tenant_status_reasons; known->status; known++) {
        if (known->status == status) {
            return known->reason;
        }
    }

    return status < NGX_HTTP_INTERNAL_SERVER_ERROR
           || status == NGX_HTTP_NOT_IMPLEMENTED
           || status == NGX_HTTP_VERSION_NOT_SUPPORTED
           ? MCP_REASON_MALFORMED_REQUEST : MCP_REASON_INTERNAL_ERROR;
}


static ngx_int_t
ngx_http_mcp_tenant_answer(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_uint_t status)
{
    ngx_int_t                   rc;
    const char                 *type;
    const mcp_reason_t         *reason;
    ngx_http_mcp_tenant_out_t   out;

    reason = mcp_reason(ctx->reason);

    if (ngx_http_mcp_tenant_answer_headers(r, ctx, status) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what nobody waits for has no answer */

    if (ctx->body_done && ngx_http_mcp_tenant_is_limited(ctx)
        && !ngx_http_mcp_tenant_is_request(ctx))
    {
        r->headers_out.status = status;
        r->headers_out.content_length_n = 0;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    ngx_http_mcp_tenant_out_init(&out, r->pool);

    if (ctx->route == NGX_HTTP_MCP_TENANT_ROUTE_MCP) {
        type = "application/json";
        rc = ngx_http_mcp_tenant_rpc_body(ctx, reason, &out);

    } else {
        type = "application/problem+json";
        rc = ngx_http_mcp_tenant_problem_body(reason, status, &out);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mcp_tenant_send(r, status, type, &out);
}


static ngx_int_t
ngx_http_mcp_tenant_answer_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_uint_t status)
{
    ngx_str_t  challenge;

    static ngx_str_t  mcp_methods = ngx_string("GET, POST, DELETE");
    static ngx_str_t  modern_methods = ngx_string("POST");
    static ngx_str_t  methods = ngx_string("GET, HEAD");
    static ngx_str_t  later = ngx_string(NGX_HTTP_MCP_TENANT_RETRY_AFTER);

    switch (status) {

    case NGX_HTTP_UNAUTHORIZED:

        if (ngx_http_mcp_tenant_resource_challenge(r, ctx, &challenge)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_mcp_tenant_add_header(r, "WWW-Authenticate",
                                              &challenge);

    case NGX_HTTP_NOT_ALLOWED:
        if (ctx->route != NGX_HTTP_MCP_TENANT_ROUTE_MCP) {
            return ngx_http_mcp_tenant_add_header(r, "Allow", &methods);
        }

        return ngx_http_mcp_tenant_add_header(r, "Allow",
                                              ctx->modern ? &modern_methods
                                                          : &mcp_methods);

    case NGX_HTTP_SERVICE_UNAVAILABLE:

        /* a limit has said when */

        if (ctx->limit_status == NGX_HTTP_MCP_TENANT_LIMIT_REJECTED) {
            return NGX_OK;
        }

        return ngx_http_mcp_tenant_add_header(r, "Retry-After", &later);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_mcp_tenant_rpc_body(ngx_http_mcp_tenant_ctx_t *ctx,
    const mcp_reason_t *reason, ngx_http_mcp_tenant_out_t *out)
{
    int         code;
    json_t     *json;
    ngx_str_t   id, *name;

    static ngx_str_t  null_id = ngx_string("null");

    /* the id is echoed as it stood: 1.0 and 1 are different ids */

    id = ctx->rpc_id.len ? ctx->rpc_id : null_id;
    name = &ctx->rpc_name;
    code = reason->rpc_code;

    if (ctx->reason == MCP_REASON_RESOURCE_NOT_ALLOWED && !ctx->modern) {
        code = NGX_HTTP_MCP_TENANT_LEGACY_NOT_FOUND;
    }

    ctx->rpc_code = code;

    json = json_pack("{s:i, s:s, s:{s:s}}", "code", code,
                     "message", reason->title,
                     "data", "reason", reason->public_word);

    if (name->len
        && (ctx->reason == MCP_REASON_TOOL_NOT_ALLOWED
            || ctx->reason == MCP_REASON_PROMPT_NOT_ALLOWED
            || ctx->reason == MCP_REASON_RESOURCE_NOT_ALLOWED))
    {
        (void) json_object_set_new(json, "message",
                   json_sprintf("%s: %.*s", reason->title, (int) name->len,
                                name->data));
    }

    if (ctx->retry_after) {
        (void) json_object_set_new(json_object_get(json, "data"),
                   "retryAfterMs",
                   json_integer((json_int_t) ctx->retry_after));
    }

    if (ngx_http_mcp_tenant_out_text(out, "{\"jsonrpc\":\"2.0\",\"id\":")
        != NGX_OK
        || ngx_http_mcp_tenant_out(out, id.data, id.len) != NGX_OK
        || ngx_http_mcp_tenant_out_text(out, ",\"error\":") != NGX_OK
        || ngx_http_mcp_tenant_out_json(out, json, JSON_COMPACT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mcp_tenant_out_text(out, "}\n");
}


static ngx_int_t
ngx_http_mcp_tenant_problem_body(const mcp_reason_t *reason,
    ngx_uint_t status, ngx_http_mcp_tenant_out_t *out)
{
    if (ngx_http_mcp_tenant_out_json(out,
            json_pack("{s:s, s:s, s:i, s:s}",
                      "type", "about:blank",
                      "title", reason->title,
                      "status", (int) status,
                      "reason", reason->public_word),
            JSON_COMPACT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mcp_tenant_out_text(out, "\n");
}
