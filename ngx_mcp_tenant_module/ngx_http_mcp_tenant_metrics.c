/*
 * Counting requests, and /metrics in the text format of Prometheus (0.0.4).
 * Labels come from the files and from closed lists, never from clients.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_version.h"


#define NGX_HTTP_MCP_TENANT_METRICS_TYPE  "text/plain; version=0.0.4"


typedef struct {
    ngx_http_mcp_tenant_shctx_t  *sh;
    ngx_http_mcp_tenant_image_t  *image;
    uint32_t                      first;        /* tenants to show */
    uint32_t                      last;
    ngx_http_mcp_tenant_out_t     out;
} ngx_http_mcp_tenant_metrics_t;


typedef ngx_int_t (*ngx_http_mcp_tenant_metric_pt)(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);


/*
 * operator: of the gateway as a whole; the others are told tenant by tenant.
 */
typedef struct {
    const char                     *name;
    const char                     *type;
    const char                     *help;
    ngx_http_mcp_tenant_metric_pt   handler;
    ngx_uint_t                      operator;
} ngx_http_mcp_tenant_metric_t;


static ngx_int_t ngx_http_mcp_tenant_metric_line(
    ngx_http_mcp_tenant_metrics_t *m, const char *fmt, ...);
static ngx_http_mcp_tenant_row_t *ngx_http_mcp_tenant_metric_row(
    ngx_http_mcp_tenant_metrics_t *m, uint32_t tenant, mcp_str_t *ret_id);
static ngx_int_t ngx_http_mcp_tenant_metric_build(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_generation(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_last_success(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_last_failure(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_unresolved(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_tenants(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_unidentified(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_requests(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_duration(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_received(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_sent(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_reclaimed(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_in_flight(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_concurrent_limit(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_streams(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metric_servers(
    ngx_http_mcp_tenant_metrics_t *m, const char *name, uint32_t tenant);
static ngx_int_t ngx_http_mcp_tenant_metrics_write(
    ngx_http_mcp_tenant_metrics_t *m, ngx_uint_t operator);


static ngx_http_mcp_tenant_metric_t  ngx_http_mcp_tenant_metrics[] = {

    { "nginx_mcp_tenant_build_info", "gauge",
      "Version of the module, as a label.",
      ngx_http_mcp_tenant_metric_build, 1 },

    { "nginx_mcp_tenant_config_generation", "gauge",
      "Number of the configuration that this worker serves.",
      ngx_http_mcp_tenant_metric_generation, 1 },

    { "nginx_mcp_tenant_config_last_success_timestamp_seconds", "gauge",
      "When a configuration was last taken.",
      ngx_http_mcp_tenant_metric_last_success, 1 },

    { "nginx_mcp_tenant_config_last_failure_timestamp_seconds", "gauge",
      "When a configuration was last refused, 0 if never.",
      ngx_http_mcp_tenant_metric_last_failure, 1 },

    { "nginx_mcp_tenant_unresolved_names", "gauge",
      "Host names of servers that have no address.",
      ngx_http_mcp_tenant_metric_unresolved, 1 },

    { "nginx_mcp_tenant_tenants", "gauge",
      "Tenants in the configuration.",
      ngx_http_mcp_tenant_metric_tenants, 1 },

    { "nginx_mcp_tenant_reclaimed_total", "counter",
      "Processes that died and whose slots were given back.",
      ngx_http_mcp_tenant_metric_reclaimed, 1 },

    { "nginx_mcp_tenant_unidentified_requests_total", "counter",
      "Requests that proved no tenant, by reason.",
      ngx_http_mcp_tenant_metric_unidentified, 1 },

    { "nginx_mcp_tenant_requests_total", "counter",
      "Requests of a tenant, by the gateway's reason; ok was allowed.",
      ngx_http_mcp_tenant_metric_requests, 0 },

    { "nginx_mcp_tenant_request_duration_seconds", "summary",
      "Time from the first byte of a request to the last of its answer.",
      ngx_http_mcp_tenant_metric_duration, 0 },

    { "nginx_mcp_tenant_received_bytes_total", "counter",
      "Bytes received from clients of a tenant.",
      ngx_http_mcp_tenant_metric_received, 0 },

    { "nginx_mcp_tenant_sent_bytes_total", "counter",
      "Bytes sent to clients of a tenant.",
      ngx_http_mcp_tenant_metric_sent, 0 },

    { "nginx_mcp_tenant_requests_in_flight", "gauge",
      "Requests of a tenant that hold a slot of its quota.",
      ngx_http_mcp_tenant_metric_in_flight, 0 },

    { "nginx_mcp_tenant_concurrent_requests_limit", "gauge",
      "The tenant's max_concurrent_requests, 0 if not limited.",
      ngx_http_mcp_tenant_metric_concurrent_limit, 0 },

    { "nginx_mcp_tenant_streams_open", "gauge",
      "Streams of a tenant that hold a slot of its max_streams.",
      ngx_http_mcp_tenant_metric_streams, 0 },

    { "nginx_mcp_tenant_servers", "gauge",
      "Servers in a tenant's catalog, by status.",
      ngx_http_mcp_tenant_metric_servers, 0 },

    { NULL, NULL, NULL, NULL, 0 }
};


ngx_int_t
ngx_http_mcp_tenant_log_handler(ngx_http_request_t *r)
{
    ngx_msec_int_t                    ms;
    ngx_time_t                       *tp;
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

    (void) ngx_atomic_fetch_add(
               &row->requests[ngx_http_mcp_tenant_final_reason(r, ctx)], 1);
    (void) ngx_atomic_fetch_add(&row->duration_ms, ngx_max(ms, 0));
    (void) ngx_atomic_fetch_add(&row->received, r->request_length);
    (void) ngx_atomic_fetch_add(&row->sent, r->connection->sent);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_tenant_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_http_mcp_tenant_ctx_t        *ctx;
    ngx_http_mcp_tenant_metrics_t     m;
    ngx_http_mcp_tenant_loc_conf_t   *mtlcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    m.sh = mtmcf->shm_zone->data;

    ngx_http_mcp_tenant_out_init(&m.out, r->pool);

    if (mtlcf->endpoint == NGX_HTTP_MCP_TENANT_ENDPOINT_METRICS) {

        m.image = ngx_http_mcp_tenant_image_get(mtmcf, r->connection->log);
        if (m.image == NULL) {
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        m.first = 0;
        m.last = mcp_image_ntenants(m.image->image);

        rc = ngx_http_mcp_tenant_metrics_write(&m, 1);

        ngx_http_mcp_tenant_image_put(m.image);

    } else {

        ctx = ngx_http_mcp_tenant_ctx_find(r);

        if (ctx == NULL || !ctx->allowed) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        m.image = ctx->image;
        m.first = ctx->tenant;
        m.last = ctx->tenant + 1;

        rc = ngx_http_mcp_tenant_metrics_write(&m, 0);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mcp_tenant_send(r, NGX_HTTP_OK,
                                    NGX_HTTP_MCP_TENANT_METRICS_TYPE, &m.out);
}


static ngx_int_t
ngx_http_mcp_tenant_metrics_write(ngx_http_mcp_tenant_metrics_t *m,
    ngx_uint_t operator)
{
    uint32_t                       n, last;
    ngx_http_mcp_tenant_metric_t  *metric;

    for (metric = ngx_http_mcp_tenant_metrics; metric->name; metric++) {

        if (metric->operator && !operator) {
            continue;
        }

        if (ngx_http_mcp_tenant_metric_line(m, "# HELP %s %s\n# TYPE %s %s\n",
                                            metric->name, metric->help,
                                            metric->name, metric->type)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        last = metric->operator ? m->first + 1 : m->last;

        for (n = m->first; n < last; n++) {
            if (metric->handler(m, metric->name, n) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* A line is at most a name, two labels from the files, and a number. */
static ngx_int_t
ngx_http_mcp_tenant_metric_line(ngx_http_mcp_tenant_metrics_t *m,
    const char *fmt, ...)
{
    u_char   line[512], *last;
    va_list  args;

    va_start(args, fmt);
    last = ngx_vslprintf(line, line + sizeof(line), fmt, args);
    va_end(args);

    return ngx_http_mcp_tenant_out(&m->out, line, last - line);
}


static ngx_http_mcp_tenant_row_t *
ngx_http_mcp_tenant_metric_row(ngx_http_mcp_tenant_metrics_t *m,
    uint32_t tenant, mcp_str_t *ret_id)
{
    const mcp_image_tenant_t  *record;

    record = mcp_image_tenant(m->image->image, tenant);
    *ret_id = mcp_image_text(m->image->image, &record->id);

    return record->row == MCP_IMAGE_NONE ? NULL : &m->sh->rows[record->row];
}


static ngx_int_t
ngx_http_mcp_tenant_metric_build(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s{version=\"%s\"} 1\n", name,
                                           MCP_TENANT_VERSION);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_generation(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s %uL\n", name,
                                           m->image->generation);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_last_success(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s %uA\n", name,
                                           m->sh->last_success);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_last_failure(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s %uA\n", name,
                                           m->sh->last_failure);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_unresolved(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s %uA\n", name,
                                           m->sh->unresolved);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_tenants(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s %uD\n", name,
                                       mcp_image_ntenants(m->image->image));
}


static ngx_int_t
ngx_http_mcp_tenant_metric_unidentified(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    ngx_uint_t  i;

    for (i = 0; i < MCP_REASON_COUNT; i++) {

        if (m->sh->unidentified.requests[i]
            && ngx_http_mcp_tenant_metric_line(m, "%s{reason=\"%s\"} %uA\n",
                   name, mcp_reason(i)->word, m->sh->unidentified.requests[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_metric_requests(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                   id;
    ngx_uint_t                  i;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_metric_row(m, tenant, &id);

    for (i = 0; row && i < MCP_REASON_COUNT; i++) {

        /* "ok" is there from the start, so that a rate can be built on it */

        if (row->requests[i] == 0 && i != MCP_REASON_OK) {
            continue;
        }

        if (ngx_http_mcp_tenant_metric_line(m,
                "%s{tenant=\"%*s\",reason=\"%s\"} %uA\n", name, id.len,
                id.data, mcp_reason(i)->word, row->requests[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_metric_duration(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                   id;
    ngx_uint_t                  i;
    ngx_atomic_uint_t           count;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_metric_row(m, tenant, &id);
    if (row == NULL) {
        return NGX_OK;
    }

    count = 0;

    for (i = 0; i < MCP_REASON_COUNT; i++) {
        count += row->requests[i];
    }

    return ngx_http_mcp_tenant_metric_line(m,
               "%s_sum{tenant=\"%*s\"} %uA.%03uA\n"
               "%s_count{tenant=\"%*s\"} %uA\n",
               name, id.len, id.data, row->duration_ms / 1000,
               row->duration_ms % 1000, name, id.len, id.data, count);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_received(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                   id;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_metric_row(m, tenant, &id);

    return row == NULL ? NGX_OK
           : ngx_http_mcp_tenant_metric_line(m, "%s{tenant=\"%*s\"} %uA\n",
                                             name, id.len, id.data,
                                             row->received);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_sent(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                   id;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_metric_row(m, tenant, &id);

    return row == NULL ? NGX_OK
           : ngx_http_mcp_tenant_metric_line(m, "%s{tenant=\"%*s\"} %uA\n",
                                             name, id.len, id.data, row->sent);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_reclaimed(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    return ngx_http_mcp_tenant_metric_line(m, "%s %uL\n", name,
                                   mcp_processes_reclaimed(m->sh->processes));
}


static ngx_int_t
ngx_http_mcp_tenant_metric_in_flight(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *record;

    record = mcp_image_tenant(m->image->image, tenant);
    id = mcp_image_text(m->image->image, &record->id);

    return record->limits.requests == MCP_IMAGE_NONE ? NGX_OK
           : ngx_http_mcp_tenant_metric_line(m, "%s{tenant=\"%*s\"} %uL\n",
                 name, id.len, id.data,
                 mcp_limit_in_use(m->sh->limits, record->limits.requests));
}


static ngx_int_t
ngx_http_mcp_tenant_metric_concurrent_limit(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *record;

    record = mcp_image_tenant(m->image->image, tenant);
    id = mcp_image_text(m->image->image, &record->id);

    return ngx_http_mcp_tenant_metric_line(m, "%s{tenant=\"%*s\"} %uD\n", name,
                                    id.len, id.data,
                                    record->quotas.max_concurrent_requests);
}


static ngx_int_t
ngx_http_mcp_tenant_metric_streams(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *record;

    record = mcp_image_tenant(m->image->image, tenant);
    id = mcp_image_text(m->image->image, &record->id);

    return record->limits.streams == MCP_IMAGE_NONE ? NGX_OK
           : ngx_http_mcp_tenant_metric_line(m, "%s{tenant=\"%*s\"} %uL\n",
                 name, id.len, id.data,
                 mcp_limit_in_use(m->sh->limits, record->limits.streams));
}


static ngx_int_t
ngx_http_mcp_tenant_metric_servers(ngx_http_mcp_tenant_metrics_t *m,
    const char *name, uint32_t tenant)
{
    uint32_t                   i, counts[MCP_SERVER_STATUS_COUNT];
    mcp_str_t                  id;
    const mcp_image_t         *image;
    const mcp_image_tenant_t  *record;

    image = m->image->image;
    record = mcp_image_tenant(image, tenant);
    id = mcp_image_text(image, &record->id);

    ngx_memzero(counts, sizeof(counts));

    for (i = 0; i < record->servers.count; i++) {
        counts[mcp_image_server(image, record->servers.first + i)->status]++;
    }

    for (i = 0; i < MCP_SERVER_STATUS_COUNT; i++) {

        if (ngx_http_mcp_tenant_metric_line(m,
                "%s{tenant=\"%*s\",status=\"%s\"} %uD\n", name, id.len,
                id.data, mcp_server_status_word(i), counts[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
