/*
 * Quotas: rate and concurrency of tool, server, key and tenant, the narrowest
 * first.  A request takes all of them or none.
 */

#include "ngx_http_mcp_tenant_module.h"


typedef struct {
    const char                *name;
    const mcp_quotas_t        *quotas;
    const mcp_image_limits_t  *limits;
} ngx_http_mcp_tenant_scope_t;


/* What the response tells of the tightest rate; refused: whose limit was met */
typedef struct {
    const char  *name;
    const char  *refused;
    uint32_t     milli;
    uint32_t     burst;
    mcp_rate_t   rate;
} ngx_http_mcp_tenant_told_t;


static ngx_uint_t ngx_http_mcp_tenant_scopes(ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_http_mcp_tenant_scope_t *scopes);
static mcp_reason_e ngx_http_mcp_tenant_take_rates(mcp_limits_t *limits,
    ngx_http_mcp_tenant_scope_t *scopes, ngx_uint_t n, uint64_t now,
    ngx_http_mcp_tenant_told_t *policy);
static void ngx_http_mcp_tenant_refund_rates(mcp_limits_t *limits,
    ngx_http_mcp_tenant_scope_t *scopes, ngx_uint_t n, uint64_t now);
static mcp_reason_e ngx_http_mcp_tenant_take_slots(
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_limits_t *limits,
    ngx_http_mcp_tenant_scope_t *scopes, ngx_uint_t n,
    ngx_http_mcp_tenant_told_t *policy);
static void ngx_http_mcp_tenant_limits_log(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_told_t *policy,
    mcp_reason_e reason);
static ngx_int_t ngx_http_mcp_tenant_limit_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_told_t *policy, mcp_reason_e reason);
static ngx_int_t ngx_http_mcp_tenant_printf_header(ngx_http_request_t *r,
    const char *name, const char *fmt, ...);
static uint64_t ngx_http_mcp_tenant_now(void);


mcp_reason_e
ngx_http_mcp_tenant_limits_take(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    uint64_t                          now;
    ngx_uint_t                        n;
    mcp_reason_e                      reason;
    ngx_http_mcp_tenant_scope_t       scopes[NGX_HTTP_MCP_TENANT_SCOPES];
    ngx_http_mcp_tenant_shctx_t      *sh;
    ngx_http_mcp_tenant_told_t      policy;
    ngx_http_mcp_tenant_loc_conf_t   *mtlcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);
    sh = mtmcf->shm_zone->data;

    ctx->limits = sh->limits;

    n = ngx_http_mcp_tenant_scopes(ctx, scopes);

    if (scopes[n - 1].limits->requests == MCP_IMAGE_NONE) {

        /* the zone had no rows left for this image */

        return MCP_REASON_OVERLOADED;
    }

    now = ngx_http_mcp_tenant_now();
    ngx_memzero(&policy, sizeof(ngx_http_mcp_tenant_told_t));

    reason = ngx_http_mcp_tenant_take_rates(sh->limits, scopes, n, now,
                                            &policy);

    if (reason == MCP_REASON_OK) {
        reason = ngx_http_mcp_tenant_take_slots(ctx, sh->limits, scopes, n,
                                                &policy);

        if (reason != MCP_REASON_OK) {
            ngx_http_mcp_tenant_refund_rates(sh->limits, scopes, n, now);
        }
    }

    ctx->limit_status = NGX_HTTP_MCP_TENANT_LIMIT_PASSED;

    if (reason != MCP_REASON_OK) {

        ngx_http_mcp_tenant_limits_log(r, ctx, &policy, reason);

        if (mtlcf->dry_run) {
            ctx->limit_status = NGX_HTTP_MCP_TENANT_LIMIT_REJECTED_DRY_RUN;
            return MCP_REASON_OK;
        }

        ctx->limit_status = NGX_HTTP_MCP_TENANT_LIMIT_REJECTED;
        ctx->retry_after = reason == MCP_REASON_RATE_LIMITED
                           ? (policy.rate.next_ns + 999999) / 1000000 : 1000;
    }

    if (ngx_http_mcp_tenant_limit_headers(r, &policy, reason) != NGX_OK) {
        ngx_http_mcp_tenant_limits_give(ctx);
        return MCP_REASON_INTERNAL_ERROR;
    }

    return reason;
}


/* The tenant is the last one, and always there. */
static ngx_uint_t
ngx_http_mcp_tenant_scopes(ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_http_mcp_tenant_scope_t *scopes)
{
    ngx_uint_t                     n;
    const mcp_image_t             *image;
    const mcp_image_key_t         *key;
    const mcp_image_tenant_t      *tenant;
    const mcp_image_server_t      *server;
    const mcp_image_tool_limit_t  *tool;

    image = ctx->image->image;
    n = 0;

    if (ctx->tool_limit != MCP_IMAGE_NONE) {
        tool = mcp_image_tool_limit(image, ctx->tool_limit);

        scopes[n].name = "tool";
        scopes[n].quotas = &tool->quotas;
        scopes[n++].limits = &tool->limits;
    }

    server = mcp_image_server(image, ctx->server);

    scopes[n].name = "server";
    scopes[n].quotas = &server->quotas;
    scopes[n++].limits = &server->limits;

    if (ctx->key != MCP_IMAGE_NONE) {
        key = mcp_image_key(image, ctx->key);

        scopes[n].name = "key";
        scopes[n].quotas = &key->quotas;
        scopes[n++].limits = &key->limits;
    }

    tenant = mcp_image_tenant(image, ctx->tenant);

    scopes[n].name = "tenant";
    scopes[n].quotas = &tenant->quotas;
    scopes[n++].limits = &tenant->limits;

    return n;
}


static mcp_reason_e
ngx_http_mcp_tenant_take_rates(mcp_limits_t *limits,
    ngx_http_mcp_tenant_scope_t *scopes, ngx_uint_t n, uint64_t now,
    ngx_http_mcp_tenant_told_t *policy)
{
    bool         passed;
    mcp_rate_t   rate;
    ngx_uint_t   i;

    for (i = 0; i < n; i++) {

        if (scopes[i].quotas->requests_per_second_milli == 0) {
            continue;
        }

        passed = mcp_limit_rate(limits, scopes[i].limits->requests, now,
                                scopes[i].quotas->requests_per_second_milli,
                                scopes[i].quotas->burst, &rate);

        if (!passed || policy->name == NULL
            || rate.remaining < policy->rate.remaining)
        {
            policy->name = scopes[i].name;
            policy->milli = scopes[i].quotas->requests_per_second_milli;
            policy->burst = scopes[i].quotas->burst;
            policy->rate = rate;
        }

        if (!passed) {
            policy->refused = scopes[i].name;
            ngx_http_mcp_tenant_refund_rates(limits, scopes, i, now);
            return MCP_REASON_RATE_LIMITED;
        }
    }

    return MCP_REASON_OK;
}


static void
ngx_http_mcp_tenant_refund_rates(mcp_limits_t *limits,
    ngx_http_mcp_tenant_scope_t *scopes, ngx_uint_t n, uint64_t now)
{
    while (n--) {
        if (scopes[n].quotas->requests_per_second_milli) {
            mcp_limit_rate_refund(limits, scopes[n].limits->requests, now,
                               scopes[n].quotas->requests_per_second_milli);
        }
    }
}


/*
 * A stream counts as one request, or as a stream alone where streams have a
 * limit of their own: idle listeners then do not starve calls.
 */
static mcp_reason_e
ngx_http_mcp_tenant_take_slots(ngx_http_mcp_tenant_ctx_t *ctx,
    mcp_limits_t *limits, ngx_http_mcp_tenant_scope_t *scopes, ngx_uint_t n,
    ngx_http_mcp_tenant_told_t *policy)
{
    uint32_t      row, max;
    ngx_uint_t    i;
    mcp_reason_e  reason;

    for (i = 0; i < n; i++) {

        row = scopes[i].limits->requests;
        max = scopes[i].quotas->max_concurrent_requests;
        reason = MCP_REASON_CONCURRENCY_LIMITED;

        if (ctx->stream && scopes[i].quotas->max_streams) {
            row = scopes[i].limits->streams;
            max = scopes[i].quotas->max_streams;
            reason = MCP_REASON_STREAMS_LIMITED;
        }

        if (row == MCP_IMAGE_NONE || (max == 0 && i != n - 1)) {
            continue;
        }

        if (max == 0) {
            mcp_limit_enter(limits, row, ngx_http_mcp_tenant_process);

        } else if (!mcp_limit_take(limits, row, ngx_http_mcp_tenant_process,
                                   max))
        {
            policy->refused = scopes[i].name;
            ngx_http_mcp_tenant_limits_give(ctx);
            return reason;
        }

        ctx->slots[ctx->nslots++] = row;
    }

    return MCP_REASON_OK;
}


void
ngx_http_mcp_tenant_limits_give(ngx_http_mcp_tenant_ctx_t *ctx)
{
    while (ctx->nslots) {
        mcp_limit_give(ctx->limits, ctx->slots[--ctx->nslots],
                       ngx_http_mcp_tenant_process);
    }
}


static void
ngx_http_mcp_tenant_limits_log(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_told_t *policy,
    mcp_reason_e reason)
{
    mcp_str_t                        id;
    const mcp_image_t               *image;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

    image = ctx->image->image;
    id = mcp_image_text(image, &mcp_image_tenant(image, ctx->tenant)->id);

    ngx_log_error(mtlcf->log_level, r->connection->log, 0,
                  "limiting request%s of tenant \"%*s\": %s by the quota of "
                  "the %s", mtlcf->dry_run ? ", dry run," : "",
                  id.len, id.data, mcp_reason(reason)->word, policy->refused);
}


/*
 * draft-ietf-httpapi-ratelimit-headers-11; the policy is named by its scope.
 * What was refused for another limit gave its token back: its fields would be
 * wrong, and their window not that of Retry-After.
 */
static ngx_int_t
ngx_http_mcp_tenant_limit_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_told_t *policy, mcp_reason_e reason)
{
    uint64_t  quota, window;

    if (reason != MCP_REASON_OK && reason != MCP_REASON_RATE_LIMITED) {
        return ngx_http_mcp_tenant_printf_header(r, "Retry-After", "1");
    }

    if (policy->name) {

        quota = (uint64_t) policy->burst + 1;
        window = (quota * 1000 + policy->milli - 1) / policy->milli;

        if (ngx_http_mcp_tenant_printf_header(r, "RateLimit-Policy",
                "\"%s\";q=%uL;w=%uL", policy->name, quota, window)
            != NGX_OK
            || ngx_http_mcp_tenant_printf_header(r, "RateLimit",
                   "\"%s\";r=%uD;t=%uL", policy->name, policy->rate.remaining,
                   (policy->rate.next_ns + 999999999) / 1000000000)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (reason == MCP_REASON_OK) {
        return NGX_OK;
    }

    return ngx_http_mcp_tenant_printf_header(r, "Retry-After", "%uL",
               (policy->rate.next_ns + 999999999) / 1000000000);
}


static ngx_int_t
ngx_http_mcp_tenant_printf_header(ngx_http_request_t *r, const char *name,
    const char *fmt, ...)
{
    u_char     text[128];
    va_list    args;
    ngx_str_t  value;

    va_start(args, fmt);
    value.len = ngx_vslprintf(text, text + sizeof(text), fmt, args) - text;
    va_end(args);

    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value.data, text, value.len);

    return ngx_http_mcp_tenant_add_header(r, name, &value);
}


/* Of a clock that no one sets; NGINX's own is too coarse. */
static uint64_t
ngx_http_mcp_tenant_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}
