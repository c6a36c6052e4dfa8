/*
 * Counting requests in the rows of their tenant and server: seven atomic adds
 * a request, in memory that the image leads to without a search.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"
#include "ngx_http_mcp_tenant_series.h"


static ngx_uint_t ngx_http_mcp_tenant_count_duration(ngx_msec_int_t ms);
static void ngx_http_mcp_tenant_count_server(ngx_http_mcp_tenant_shctx_t *sh,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_uint_t outcome);


/* Calls take milliseconds, streams last. */
const ngx_http_mcp_tenant_duration_t  ngx_http_mcp_tenant_durations[] = {
    { 5, "0.005" },
    { 25, "0.025" },
    { 100, "0.1" },
    { 250, "0.25" },
    { 1000, "1" },
    { 2500, "2.5" },
    { 10000, "10" },
    { 30000, "30" },
    { 120000, "120" },
    { 600000, "600" }
};


ngx_int_t
ngx_http_mcp_tenant_log_handler(ngx_http_request_t *r)
{
    ngx_uint_t                        outcome;
    ngx_time_t                       *tp;
    ngx_msec_int_t                    ms;
    ngx_http_mcp_tenant_ctx_t        *ctx;
    ngx_http_mcp_tenant_row_t        *row;
    ngx_http_mcp_tenant_shctx_t      *sh;
    const mcp_image_tenant_t         *tenant;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    if (ctx == NULL || ctx->counted) {
        return NGX_OK;
    }

    ctx->counted = 1;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);
    sh = mtmcf->shm_zone->data;
    row = &sh->unidentified;

    outcome = ctx->allowed ? NGX_HTTP_MCP_TENANT_ALLOWED
                           : NGX_HTTP_MCP_TENANT_DENIED;

    if (ctx->tenant != MCP_IMAGE_NONE) {
        tenant = mcp_image_tenant(ctx->image->image, ctx->tenant);

        if (tenant->row == MCP_IMAGE_NONE) {
            return NGX_OK;
        }

        row = &sh->rows[tenant->row];
    }

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));
    ms = ngx_max(ms, 0);

    (void) ngx_atomic_fetch_add(&row->requests[outcome]
                           [ngx_http_mcp_tenant_final_reason(r, ctx)], 1);
    (void) ngx_atomic_fetch_add(
               &row->durations[ngx_http_mcp_tenant_count_duration(ms)], 1);
    (void) ngx_atomic_fetch_add(&row->duration_ms, ms);
    (void) ngx_atomic_fetch_add(&row->received, r->request_length);
    (void) ngx_atomic_fetch_add(&row->sent, r->connection->sent);

    ngx_http_mcp_tenant_count_server(sh, ctx, outcome);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mcp_tenant_count_duration(ngx_msec_int_t ms)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_MCP_TENANT_DURATIONS - 1; i++) {
        if (ms <= ngx_http_mcp_tenant_durations[i].ms) {
            break;
        }
    }

    return i;
}


static void
ngx_http_mcp_tenant_count_server(ngx_http_mcp_tenant_shctx_t *sh,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_uint_t outcome)
{
    uint32_t                           n;
    const mcp_image_t                 *image;
    mcp_filter_answer_t                answer;
    const mcp_image_server_t          *server;
    ngx_http_mcp_tenant_server_row_t  *row;

    if (ctx->route != NGX_HTTP_MCP_TENANT_ROUTE_MCP
        || ctx->server == MCP_IMAGE_NONE)
    {
        return;
    }

    image = ctx->image->image;
    server = mcp_image_server(image, ctx->server);

    if (server->row == MCP_IMAGE_NONE) {
        return;
    }

    row = &sh->servers[server->row];

    row->requests[outcome][mcp_rpc_label_number(ctx->rpc_label)]++;
    row->eras[ctx->modern]++;

    answer = ngx_http_mcp_tenant_filter_answer(ctx);

    if (answer.answered) {
        row->answers[answer.has_code ? 2 : answer.is_error]++;
    }

    if (ctx->tool_limit == MCP_IMAGE_NONE) {

        if (server->tool_limits.count && ctx->rpc_label
            && ngx_strcmp(ctx->rpc_label, "tools/call") == 0)
        {
            row->others[outcome]++;
        }

        return;
    }

    n = mcp_image_tool_limit(image, ctx->tool_limit)->limits.requests;

    if (n != MCP_IMAGE_NONE) {
        sh->tools[n].requests[outcome]++;
    }
}


void
ngx_http_mcp_tenant_count_failure(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_server_t *server)
{
    if (server->row != MCP_IMAGE_NONE) {
        sh->servers[server->row].failures++;
    }
}
