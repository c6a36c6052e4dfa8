/*
 * /metrics in the text format of Prometheus (0.0.4), sent piece by piece: one
 * piece in a turn of the event loop, and the next when the client took it, so
 * that neither many tenants nor a slow reader hold up the worker.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_series.h"


#define NGX_HTTP_MCP_TENANT_METRICS_TYPE  "text/plain; version=0.0.4"


/* image: the reference that is given back, if it is not the request's own */

typedef struct {
    ngx_http_mcp_tenant_image_t   *image;
    ngx_http_mcp_tenant_series_t   series;
    ngx_chain_t                   *free;
    ngx_chain_t                   *busy;
    ngx_uint_t                     done;
} ngx_http_mcp_tenant_metrics_t;


static ngx_http_mcp_tenant_metrics_t *ngx_http_mcp_tenant_metrics_new(
    ngx_http_request_t *r);
static ngx_http_mcp_tenant_metrics_t *ngx_http_mcp_tenant_metrics_find(
    ngx_http_request_t *r);
static void ngx_http_mcp_tenant_metrics_cleanup(void *data);
static ngx_int_t ngx_http_mcp_tenant_metrics_select(ngx_http_request_t *r,
    ngx_http_mcp_tenant_metrics_t *m);
static ngx_int_t ngx_http_mcp_tenant_metrics_header(ngx_http_request_t *r);
static void ngx_http_mcp_tenant_metrics_writer(ngx_http_request_t *r);
static void ngx_http_mcp_tenant_metrics_wait(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_tenant_metrics_piece(ngx_http_request_t *r,
    ngx_http_mcp_tenant_metrics_t *m);
static ngx_int_t ngx_http_mcp_tenant_metrics_send(ngx_http_request_t *r,
    ngx_http_mcp_tenant_metrics_t *m, ngx_chain_t *out);


ngx_int_t
ngx_http_mcp_tenant_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_mcp_tenant_metrics_t  *m;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    m = ngx_http_mcp_tenant_metrics_new(r);
    if (m == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mcp_tenant_metrics_select(r, m);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_mcp_tenant_metrics_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (r != r->main) {

        /* what a subrequest sends is kept anyway until it is its turn */

        while (rc != NGX_ERROR && !m->done) {
            rc = ngx_http_mcp_tenant_metrics_piece(r, m);
        }

        return rc;
    }

    r->main->count++;

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_mcp_tenant_metrics_writer;

    ngx_http_mcp_tenant_metrics_writer(r);

    return NGX_DONE;
}


static ngx_http_mcp_tenant_metrics_t *
ngx_http_mcp_tenant_metrics_new(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_mcp_tenant_metrics_t  *m;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_tenant_metrics_t));
    if (cln == NULL) {
        return NULL;
    }

    m = cln->data;
    ngx_memzero(m, sizeof(ngx_http_mcp_tenant_metrics_t));

    cln->handler = ngx_http_mcp_tenant_metrics_cleanup;

    return m;
}


static ngx_http_mcp_tenant_metrics_t *
ngx_http_mcp_tenant_metrics_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_mcp_tenant_metrics_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_mcp_tenant_metrics_cleanup(void *data)
{
    ngx_http_mcp_tenant_metrics_t *m = data;

    if (m->image) {
        ngx_http_mcp_tenant_image_put(m->image);
        m->image = NULL;
    }
}


static ngx_int_t
ngx_http_mcp_tenant_metrics_select(ngx_http_request_t *r,
    ngx_http_mcp_tenant_metrics_t *m)
{
    ngx_http_mcp_tenant_ctx_t        *ctx;
    ngx_http_mcp_tenant_loc_conf_t   *mtlcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    m->series.sh = mtmcf->shm_zone->data;

    if (mtlcf->endpoint == NGX_HTTP_MCP_TENANT_ENDPOINT_METRICS) {

        m->image = ngx_http_mcp_tenant_image_get(mtmcf, r->connection->log);
        if (m->image == NULL) {
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        m->series.image = m->image;
        m->series.tenant = MCP_IMAGE_NONE;

        return NGX_OK;
    }

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    if (ctx == NULL || !ctx->allowed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->series.image = ctx->image;
    m->series.tenant = ctx->tenant;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_metrics_header(ngx_http_request_t *r)
{
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;

    ngx_str_set(&r->headers_out.content_type,
                NGX_HTTP_MCP_TENANT_METRICS_TYPE);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    return ngx_http_send_header(r);
}


static void
ngx_http_mcp_tenant_metrics_writer(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_event_t                    *wev;
    ngx_connection_t               *c;
    ngx_http_mcp_tenant_metrics_t  *m;

    c = r->connection;
    wev = c->write;
    m = ngx_http_mcp_tenant_metrics_find(r);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        ngx_http_mcp_tenant_metrics_wait(r);
        return;
    }

    rc = NGX_OK;

    if (r->buffered || r->postponed || c->buffered) {
        rc = ngx_http_mcp_tenant_metrics_send(r, m, NULL);
    }

    if (rc != NGX_ERROR && !r->buffered && !r->postponed && !c->buffered)
    {
        rc = ngx_http_mcp_tenant_metrics_piece(r, m);
    }

    /* the end may still be on its way; that is for NGINX to wait for */

    if (rc == NGX_ERROR || m->done) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (r->buffered || r->postponed || c->buffered) {
        ngx_http_mcp_tenant_metrics_wait(r);
        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    ngx_post_event(wev, &ngx_posted_next_events);
}


static void
ngx_http_mcp_tenant_metrics_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_mcp_tenant_metrics_piece(ngx_http_request_t *r,
    ngx_http_mcp_tenant_metrics_t *m)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(r->pool, &m->free);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;

    if (b->start == NULL) {
        b->start = ngx_palloc(r->pool, NGX_HTTP_MCP_TENANT_SERIES_BYTES);
        if (b->start == NULL) {
            return NGX_ERROR;
        }

        b->end = b->start + NGX_HTTP_MCP_TENANT_SERIES_BYTES;
        b->tag = (ngx_buf_tag_t) &ngx_http_mcp_tenant_module;
    }

    b->pos = b->start;
    b->last = b->start;

    rc = ngx_http_mcp_tenant_series_next(&m->series, b);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "a piece of the metrics does not fit its buffer");
        return NGX_ERROR;
    }

    m->done = rc == NGX_OK;

    if (b->last == b->pos && !m->done) {
        cl->next = m->free;
        m->free = cl;
        return NGX_OK;
    }

    b->temporary = b->last != b->pos;
    b->flush = !m->done;
    b->last_buf = m->done && r == r->main;
    b->last_in_chain = m->done;

    return ngx_http_mcp_tenant_metrics_send(r, m, cl);
}


static ngx_int_t
ngx_http_mcp_tenant_metrics_send(ngx_http_request_t *r,
    ngx_http_mcp_tenant_metrics_t *m, ngx_chain_t *out)
{
    ngx_int_t  rc;

    rc = ngx_http_output_filter(r, out);

    ngx_chain_update_chains(r->pool, &m->free, &m->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_mcp_tenant_module);

    return rc;
}
