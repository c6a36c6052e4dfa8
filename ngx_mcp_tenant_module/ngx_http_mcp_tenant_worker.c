/*
 * What a worker does beside requests, on one timer: it follows the
 * configuration, gives back what dead processes held, and closes requests
 * under way whose key or tenant may no longer do what they do.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


/* Also the longest that an idle worker is behind. */
#define NGX_HTTP_MCP_TENANT_WORKER_MS     200

/* Requests that are looked at in one go: all come within a few seconds. */
#define NGX_HTTP_MCP_TENANT_WORKER_BATCH  4096


static void ngx_http_mcp_tenant_worker_timer(ngx_event_t *ev);
static void ngx_http_mcp_tenant_worker_judge(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_log_t *log);
static ngx_uint_t ngx_http_mcp_tenant_worker_may(const mcp_image_t *newest,
    ngx_http_mcp_tenant_ctx_t *ctx);
static void ngx_http_mcp_tenant_worker_close(ngx_http_mcp_tenant_ctx_t *ctx);


/* Allowed requests under way; who was looked at goes to the end. */
static ngx_queue_t       ngx_http_mcp_tenant_worker_requests;

static ngx_event_t       ngx_http_mcp_tenant_worker_event;
static ngx_connection_t  ngx_http_mcp_tenant_worker_connection;


ngx_int_t
ngx_http_mcp_tenant_worker_init(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_event_t  *ev;

    if (ngx_http_mcp_tenant_zone_init_process(cycle, mtmcf->shm_zone->data)
        != NGX_OK
        || ngx_http_mcp_tenant_image_init_process(cycle, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_session_init_process(cycle, mtmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "with \"master_process off\" nobody looks for changes of "
                      "\"%V\"", &mtmcf->config_file);
    }

    ngx_queue_init(&ngx_http_mcp_tenant_worker_requests);

    ev = &ngx_http_mcp_tenant_worker_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ngx_http_mcp_tenant_worker_connection.fd = (ngx_socket_t) -1;
    ngx_http_mcp_tenant_worker_connection.data = mtmcf;

    ev->handler = ngx_http_mcp_tenant_worker_timer;
    ev->log = cycle->log;
    ev->data = &ngx_http_mcp_tenant_worker_connection;

    /* an idle worker that shuts down must not wait for it */

    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_WORKER_MS);

    return NGX_OK;
}


static void
ngx_http_mcp_tenant_worker_timer(ngx_event_t *ev)
{
    ngx_connection_t                 *c;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    c = ev->data;
    mtmcf = c->data;

    ngx_http_mcp_tenant_zone_reap(mtmcf->shm_zone->data, ev->log);
    ngx_http_mcp_tenant_image_follow(mtmcf, ev->log);
    ngx_http_mcp_tenant_worker_judge(mtmcf, ev->log);

    ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_WORKER_MS);
}


void
ngx_http_mcp_tenant_worker_add(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    if (ctx->request) {
        return;
    }

    ctx->request = r->main;

    ngx_queue_insert_tail(&ngx_http_mcp_tenant_worker_requests, &ctx->queue);
}


void
ngx_http_mcp_tenant_worker_remove(ngx_http_mcp_tenant_ctx_t *ctx)
{
    if (ctx->request) {
        ngx_queue_remove(&ctx->queue);
        ctx->request = NULL;
    }
}


/*
 * Not only when the configuration has changed: keys expire, too.  A request
 * that is closed leaves the queue, and may take others along.
 */
static void
ngx_http_mcp_tenant_worker_judge(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    ngx_uint_t                    n;
    ngx_queue_t                  *q, seen;
    ngx_http_mcp_tenant_ctx_t    *ctx;
    ngx_http_mcp_tenant_image_t  *newest;

    if (ngx_queue_empty(&ngx_http_mcp_tenant_worker_requests)) {
        return;
    }

    newest = ngx_http_mcp_tenant_image_newest(mtmcf, log);
    if (newest == NULL) {
        return;
    }

    ngx_queue_init(&seen);

    for (n = 0; n < NGX_HTTP_MCP_TENANT_WORKER_BATCH; n++) {

        if (ngx_queue_empty(&ngx_http_mcp_tenant_worker_requests)) {
            break;
        }

        q = ngx_queue_head(&ngx_http_mcp_tenant_worker_requests);
        ctx = ngx_queue_data(q, ngx_http_mcp_tenant_ctx_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&seen, q);

        if (!ngx_http_mcp_tenant_worker_may(newest->image, ctx)) {
            ngx_http_mcp_tenant_worker_close(ctx);
        }
    }

    if (!ngx_queue_empty(&seen)) {
        ngx_queue_add(&ngx_http_mcp_tenant_worker_requests, &seen);
    }

    ngx_http_mcp_tenant_image_put(newest);
}


/*
 * A server that is taken out of a catalog is let finish; a key that may no
 * longer reach it is not.
 */
static ngx_uint_t
ngx_http_mcp_tenant_worker_may(const mcp_image_t *newest,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    uint32_t                   n, server;
    mcp_str_t                  id;
    const mcp_image_t         *image;
    const mcp_image_key_t     *key;
    const mcp_image_tenant_t  *tenant;

    image = ctx->image->image;
    tenant = mcp_image_tenant(image, ctx->tenant);
    id = mcp_image_text(image, &tenant->id);

    if (ctx->key == MCP_IMAGE_NONE) {
        n = mcp_image_tenant_find(newest, id.data, id.len);

        return n != MCP_IMAGE_NONE && mcp_image_tenant(newest, n)->enabled;
    }

    n = mcp_image_key_find(newest, mcp_image_key(image, ctx->key)->digest);

    if (n == MCP_IMAGE_NONE) {
        return 0;
    }

    key = mcp_image_key(newest, n);

    if (mcp_image_tenant(newest, key->tenant)->identity != tenant->identity
        || !mcp_image_tenant(newest, key->tenant)->enabled
        || ngx_http_mcp_tenant_key_usable(newest, key) != MCP_REASON_OK)
    {
        return 0;
    }

    id = mcp_image_text(image, &mcp_image_server(image, ctx->server)->id);
    server = mcp_image_server_find(newest, key->tenant, id.data, id.len);

    return server == MCP_IMAGE_NONE
           || mcp_image_key_reaches(newest, key, server);
}


/* Without the end that an answer has: the client must not take it for whole. */
static void
ngx_http_mcp_tenant_worker_close(ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_mcp_tenant_worker_remove(ctx);
    ngx_http_mcp_tenant_wait_end(ctx);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "closing a request whose key or tenant was revoked");

    ctx->reason = MCP_REASON_REVOKED;

    /*
     * Ending the upstream finalizes the request once more, on the way: without
     * a count of its own, that would keep the connection and free the request.
     */

    r->main->count++;

    ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
    ngx_http_run_posted_requests(c);
}
