/*
 * Requests that wait for the first pod of a server which is started on demand.
 * They hold the slots of their quotas; one timer of the worker looks after
 * them, and runs only while there are some.
 */

#include "ngx_http_mcp_tenant_module.h"


/* How long a pod that is there goes unnoticed. */
#define NGX_HTTP_MCP_TENANT_WAIT_MS   20

/* Of one tenant, over all workers; max_concurrent_requests may allow fewer. */
#define NGX_HTTP_MCP_TENANT_WAIT_MAX  100


static uint64_t ngx_http_mcp_tenant_wait_count(
    ngx_http_mcp_tenant_shctx_t *sh, const mcp_image_t *image,
    uint32_t tenant);
static void ngx_http_mcp_tenant_wait_start(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_wait_timer(ngx_event_t *ev);
static mcp_reason_e ngx_http_mcp_tenant_wait_judge(
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_image_t *newest);
static void ngx_http_mcp_tenant_wait_over(ngx_http_mcp_tenant_ctx_t *ctx,
    mcp_reason_e reason);


/* Of this worker; all zeroes until somebody waits. */
static ngx_queue_t                   ngx_http_mcp_tenant_waiting;
static ngx_event_t                   ngx_http_mcp_tenant_wait_event;
static ngx_http_mcp_tenant_shctx_t  *ngx_http_mcp_tenant_wait_zone;


mcp_reason_e
ngx_http_mcp_tenant_wait(ngx_http_request_t *r, ngx_http_mcp_tenant_ctx_t *ctx)
{
    uint64_t                          before;
    const mcp_image_t                *image;
    const mcp_image_server_t         *server;
    ngx_http_mcp_tenant_shctx_t      *sh;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);
    sh = mtmcf->shm_zone->data;

    image = ctx->image->image;
    server = mcp_image_server(image, ctx->server);

    if (server->pod >= mcp_rows_capacity(sh->tables[MCP_IMAGE_ROWS_PODS])) {
        return MCP_REASON_OVERLOADED;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return MCP_REASON_INTERNAL_ERROR;
    }

    ngx_http_mcp_tenant_wait_start(mtmcf);

    /* counted first, so that no two of them are the last one */

    before = mcp_limit_in_use(sh->pods, server->pod);

    mcp_limit_enter(sh->pods, server->pod, ngx_http_mcp_tenant_process);

    ctx->waiting = 1;
    ctx->wait_row = server->pod;
    ctx->wait_seen = 0;
    ctx->wait_until = ngx_current_msec
                      + (ngx_msec_t) server->activation_timeout * 1000;
    ngx_queue_insert_tail(&ngx_http_mcp_tenant_waiting, &ctx->wait_queue);

    if (ngx_http_mcp_tenant_wait_count(sh, image, ctx->tenant)
        > NGX_HTTP_MCP_TENANT_WAIT_MAX)
    {
        ngx_http_mcp_tenant_wait_end(ctx);
        return MCP_REASON_WAITING_LIMITED;
    }

    ngx_http_mcp_tenant_zone_ask(sh, server);

    if (before == 0) {
        (void) ngx_atomic_fetch_add(&sh->demand, 1);
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mcp tenant: waits for a pod");

    /* a key that is revoked meanwhile ends it, and so does its client */

    ngx_http_mcp_tenant_worker_add(r, ctx);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return MCP_REASON_OK;
}


void
ngx_http_mcp_tenant_wait_end(ngx_http_mcp_tenant_ctx_t *ctx)
{
    if (!ctx->waiting) {
        return;
    }

    ctx->waiting = 0;

    ngx_queue_remove(&ctx->wait_queue);
    mcp_limit_give(ngx_http_mcp_tenant_wait_zone->pods, ctx->wait_row,
                   ngx_http_mcp_tenant_process);
}


static uint64_t
ngx_http_mcp_tenant_wait_count(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image, uint32_t tenant)
{
    uint32_t                   i;
    uint64_t                   count;
    const mcp_image_range_t   *servers;

    servers = &mcp_image_tenant(image, tenant)->servers;
    count = 0;

    for (i = 0; i < servers->count; i++) {
        count += ngx_http_mcp_tenant_zone_pod(sh,
                     mcp_image_server(image, servers->first + i)->pod);
    }

    return count;
}


static void
ngx_http_mcp_tenant_wait_start(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    static ngx_connection_t  dummy;

    ngx_event_t  *ev;

    ev = &ngx_http_mcp_tenant_wait_event;

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_mcp_tenant_waiting);

        dummy.fd = (ngx_socket_t) -1;

        ev->handler = ngx_http_mcp_tenant_wait_timer;
        ev->data = &dummy;
    }

    dummy.data = mtmcf;
    ev->log = ngx_cycle->log;
    ngx_http_mcp_tenant_wait_zone = mtmcf->shm_zone->data;

    /* a worker that shuts down lets those finish that wait: no cancelable */

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_WAIT_MS);
    }
}


static void
ngx_http_mcp_tenant_wait_timer(ngx_event_t *ev)
{
    ngx_queue_t                      *q, seen;
    mcp_reason_e                      reason;
    ngx_connection_t                 *c;
    ngx_http_mcp_tenant_ctx_t        *ctx;
    ngx_http_mcp_tenant_image_t      *newest;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    c = ev->data;
    mtmcf = c->data;

    newest = ngx_http_mcp_tenant_image_newest(mtmcf, ev->log);

    ngx_queue_init(&seen);

    /* whoever goes on leaves the queue, and may take others along */

    while (!ngx_queue_empty(&ngx_http_mcp_tenant_waiting)) {

        q = ngx_queue_head(&ngx_http_mcp_tenant_waiting);
        ctx = ngx_queue_data(q, ngx_http_mcp_tenant_ctx_t, wait_queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&seen, q);

        reason = ngx_http_mcp_tenant_wait_judge(ctx, newest);

        if (reason != MCP_REASON_NONE) {
            ngx_http_mcp_tenant_wait_over(ctx, reason);
        }
    }

    if (!ngx_queue_empty(&seen)) {
        ngx_queue_add(&ngx_http_mcp_tenant_waiting, &seen);

        if (!ev->timer_set) {
            ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_WAIT_MS);
        }
    }

    if (newest) {
        ngx_http_mcp_tenant_image_put(newest);
    }
}


/* MCP_REASON_NONE: it goes on waiting */
static mcp_reason_e
ngx_http_mcp_tenant_wait_judge(ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_http_mcp_tenant_image_t *newest)
{
    uint32_t                   n;
    const mcp_image_server_t  *server;

    if (newest && newest->generation != ctx->wait_seen) {

        ctx->wait_seen = newest->generation;

        n = ngx_http_mcp_tenant_image_server(newest->image, ctx->image->image,
                                             ctx->server);

        if (n == MCP_IMAGE_NONE) {
            return MCP_REASON_UNKNOWN_SERVER;
        }

        server = mcp_image_server(newest->image, n);

        if (server->runtime != MCP_RUNTIME_KUBERNETES) {
            return MCP_REASON_SERVER_NOT_READY;
        }

        switch (server->status) {

        case MCP_SERVER_READY:
            return MCP_REASON_OK;

        case MCP_SERVER_FAILED:
            return MCP_REASON_SERVER_FAILED;

        case MCP_SERVER_QUOTA_EXCEEDED:
            return MCP_REASON_SERVER_QUOTA_EXCEEDED;

        default:
            break;
        }
    }

    return (ngx_msec_int_t) (ctx->wait_until - ngx_current_msec) > 0
           ? MCP_REASON_NONE : MCP_REASON_ACTIVATION_TIMEOUT;
}


static void
ngx_http_mcp_tenant_wait_over(ngx_http_mcp_tenant_ctx_t *ctx,
    mcp_reason_e reason)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_mcp_tenant_wait_end(ctx);

    r->read_event_handler = ngx_http_block_reading;

    if (reason == MCP_REASON_OK) {
        ctx->waited = 1;

        r->write_event_handler = ngx_http_core_run_phases;
        ngx_http_core_run_phases(r);

    } else {
        ngx_http_mcp_tenant_worker_remove(ctx);
        ngx_http_mcp_tenant_limits_give(ctx);

        (void) ngx_http_mcp_tenant_refuse(r, ctx, reason);
    }

    ngx_http_run_posted_requests(c);
}
