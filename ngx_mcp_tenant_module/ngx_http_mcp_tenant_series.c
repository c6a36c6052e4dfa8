/*
 * The metrics as text.  Labels come from the files and from closed lists,
 * never from clients.  A unit is a tenant, a server or a process; a metric
 * tells of one unit after the other, so that the text can be made in pieces.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_series.h"

#include "core/mcp_version.h"


/* A piece ends with the unit that fills this, */
#define NGX_HTTP_MCP_TENANT_SERIES_FULL   32768

/* or that many units had little to say. */
#define NGX_HTTP_MCP_TENANT_SERIES_UNITS  512


static const ngx_http_mcp_tenant_metric_t *ngx_http_mcp_tenant_series_metric(
    ngx_uint_t n);
static void ngx_http_mcp_tenant_series_units(ngx_http_mcp_tenant_series_t *s,
    ngx_http_mcp_tenant_unit_e unit, uint32_t *ret_first, uint32_t *ret_last);
static void ngx_http_mcp_tenant_metric_build(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_generation(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_number(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_process(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_error(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_tenants(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_zone(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_reclaimed(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_unidentified(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);


static const ngx_http_mcp_tenant_metric_t  ngx_http_mcp_tenant_metrics[] = {

    { "nginx_mcp_tenant_build_info", "gauge",
      "Version of the module, as a label.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_build,
      0 },

    { "nginx_mcp_tenant_config_generation", "gauge",
      "Number of the configuration that this worker serves.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_generation,
      0 },

    { "nginx_mcp_tenant_config_last_success_timestamp_seconds", "gauge",
      "When a configuration was last taken.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_number,
      offsetof(ngx_http_mcp_tenant_shctx_t, last_success) },

    { "nginx_mcp_tenant_config_last_failure_timestamp_seconds", "gauge",
      "When a configuration was last refused, 0 if never.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_number,
      offsetof(ngx_http_mcp_tenant_shctx_t, last_failure) },

    { "nginx_mcp_tenant_process_generation", "gauge",
      "Oldest configuration that a process still uses.",
      NGX_HTTP_MCP_TENANT_UNIT_PROCESS,
      ngx_http_mcp_tenant_metric_process,
      offsetof(mcp_process_info_t, oldest) },

    { "nginx_mcp_tenant_process_serving_generation", "gauge",
      "Configuration by which a process judges new requests.",
      NGX_HTTP_MCP_TENANT_UNIT_PROCESS,
      ngx_http_mcp_tenant_metric_process,
      offsetof(mcp_process_info_t, serves) },

    { "nginx_mcp_tenant_config_last_error_info", "gauge",
      "Why the files are not served, as a label; no series when they are.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_error,
      offsetof(ngx_http_mcp_tenant_shctx_t, error) },

    { "nginx_mcp_tenant_loader_last_look_timestamp_seconds", "gauge",
      "When the loader last looked at the files.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_number,
      offsetof(ngx_http_mcp_tenant_shctx_t, looked) },

    { "nginx_mcp_tenant_unresolved_names", "gauge",
      "Host names of servers that have no address.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_number,
      offsetof(ngx_http_mcp_tenant_shctx_t, unresolved) },

    { "nginx_mcp_tenant_endpoints_sequence", "gauge",
      "Sequence of the sidecar's file that was taken last, 0 for none.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_number,
      offsetof(ngx_http_mcp_tenant_shctx_t, pods_taken) },

    { "nginx_mcp_tenant_endpoints_last_error_info", "gauge",
      "Why the sidecar's file is not taken, as a label; no series when it is.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_error,
      offsetof(ngx_http_mcp_tenant_shctx_t, pods_error) },

    { "nginx_mcp_tenant_tenants", "gauge",
      "Tenants in the configuration.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_tenants,
      0 },

    { "nginx_mcp_tenant_zone_rows", "gauge",
      "Rows of the tables in shared memory.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_zone,
      0 },

    { "nginx_mcp_tenant_reclaimed_total", "counter",
      "Processes that died and whose slots were given back.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_reclaimed,
      0 },

    { "nginx_mcp_tenant_unidentified_requests_total", "counter",
      "Requests that proved no tenant, by reason.",
      NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
      ngx_http_mcp_tenant_metric_unidentified,
      0 }
};


ngx_int_t
ngx_http_mcp_tenant_series_next(ngx_http_mcp_tenant_series_t *s, ngx_buf_t *b)
{
    uint32_t                             first, last;
    ngx_uint_t                           units;
    const ngx_http_mcp_tenant_metric_t  *metric;

    s->last = b->last;
    s->end = b->end;

    for (units = 0; units < NGX_HTTP_MCP_TENANT_SERIES_UNITS; units++) {

        metric = ngx_http_mcp_tenant_series_metric(s->metric);

        if (metric->name == NULL) {
            break;
        }

        ngx_http_mcp_tenant_series_units(s, metric->unit, &first, &last);

        if (!s->begun) {
            s->begun = 1;
            s->n = first;
            s->name = metric->name;
            s->offset = metric->offset;

            if (first < last) {
                ngx_http_mcp_tenant_series(s,
                    "# HELP %s %s\n# TYPE %s %s\n", metric->name,
                    metric->help, metric->name, metric->type);
            }
        }

        if (s->n < last) {
            metric->handler(s, s->n++);
        }

        if (s->n >= last) {
            s->begun = 0;
            s->metric++;
        }

        if (s->last - b->last >= NGX_HTTP_MCP_TENANT_SERIES_FULL) {
            break;
        }
    }

    if (s->last == s->end) {
        return NGX_ERROR;
    }

    b->last = s->last;

    return ngx_http_mcp_tenant_series_metric(s->metric)->name ? NGX_AGAIN
                                                              : NGX_OK;
}


/* The last one has no name. */
static const ngx_http_mcp_tenant_metric_t *
ngx_http_mcp_tenant_series_metric(ngx_uint_t n)
{
    ngx_uint_t  gateway;

    gateway = sizeof(ngx_http_mcp_tenant_metrics)
              / sizeof(ngx_http_mcp_tenant_metric_t);

    return n < gateway ? &ngx_http_mcp_tenant_metrics[n]
                       : &ngx_http_mcp_tenant_tenant_metrics[n - gateway];
}


/* The number of processes may grow while the others are told. */
static void
ngx_http_mcp_tenant_series_units(ngx_http_mcp_tenant_series_t *s,
    ngx_http_mcp_tenant_unit_e unit, uint32_t *ret_first, uint32_t *ret_last)
{
    const mcp_image_tenant_t  *tenant;

    *ret_first = 0;
    *ret_last = 0;

    if (s->tenant == MCP_IMAGE_NONE) {

        switch (unit) {

        case NGX_HTTP_MCP_TENANT_UNIT_GATEWAY:
            *ret_last = 1;
            break;

        case NGX_HTTP_MCP_TENANT_UNIT_PROCESS:
            *ret_last = mcp_processes_used(s->sh->processes);
            break;

        case NGX_HTTP_MCP_TENANT_UNIT_TENANT:
            *ret_last = mcp_image_ntenants(s->image->image);
            break;

        case NGX_HTTP_MCP_TENANT_UNIT_SERVER:
            *ret_last = mcp_image_nservers(s->image->image);
            break;
        }

        return;
    }

    if (unit == NGX_HTTP_MCP_TENANT_UNIT_TENANT) {
        *ret_first = s->tenant;
        *ret_last = s->tenant + 1;
    }

    if (unit == NGX_HTTP_MCP_TENANT_UNIT_SERVER) {
        tenant = mcp_image_tenant(s->image->image, s->tenant);

        *ret_first = tenant->servers.first;
        *ret_last = tenant->servers.first + tenant->servers.count;
    }
}


void
ngx_http_mcp_tenant_series(ngx_http_mcp_tenant_series_t *s, const char *fmt,
    ...)
{
    va_list  args;

    va_start(args, fmt);
    s->last = ngx_vslprintf(s->last, s->end, fmt, args);
    va_end(args);
}


static void
ngx_http_mcp_tenant_metric_build(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_series(s, "%s{version=\"%s\"} 1\n", s->name,
                               MCP_TENANT_VERSION);
}


static void
ngx_http_mcp_tenant_metric_generation(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_series(s, "%s %uL\n", s->name, s->image->generation);
}


static void
ngx_http_mcp_tenant_metric_number(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_series(s, "%s %uA\n", s->name,
        *(ngx_atomic_t *) ((u_char *) s->sh + s->offset));
}


static void
ngx_http_mcp_tenant_metric_process(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    uint64_t            generation;
    mcp_process_info_t  info;

    if (!mcp_process_info(s->sh->processes, n, &info)) {
        return;
    }

    generation = *(uint64_t *) ((u_char *) &info + s->offset);

    if (generation != MCP_GENERATION_NONE) {
        ngx_http_mcp_tenant_series(s, "%s{process=\"%uD\"} %uL\n", s->name, n,
                                   generation);
    }
}


static void
ngx_http_mcp_tenant_metric_error(ngx_http_mcp_tenant_series_t *s, uint32_t n)
{
    u_char  *p, text[NGX_HTTP_MCP_TENANT_ERROR_BYTES];

    ngx_http_mcp_tenant_zone_error((ngx_http_mcp_tenant_error_t *)
                                   ((u_char *) s->sh + s->offset), text);

    if (text[0] == '\0') {
        return;
    }

    ngx_http_mcp_tenant_series(s, "%s{error=\"", s->name);

    for (p = text; *p; p++) {
        ngx_http_mcp_tenant_series(s, *p == '"' || *p == '\\' ? "\\%c" : "%c",
                                   *p);
    }

    ngx_http_mcp_tenant_series(s, "\"} 1\n");
}


static void
ngx_http_mcp_tenant_metric_tenants(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_series(s, "%s %uD\n", s->name,
                               mcp_image_ntenants(s->image->image));
}


static void
ngx_http_mcp_tenant_metric_zone(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_uint_t   kind;
    const char  *word;

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {

        word = ngx_http_mcp_tenant_zone_words[kind];

        ngx_http_mcp_tenant_series(s,
            "%s{table=\"%s\",state=\"used\"} %uD\n"
            "%s{table=\"%s\",state=\"capacity\"} %uD\n",
            s->name, word, mcp_rows_used(s->sh->tables[kind]),
            s->name, word, mcp_rows_capacity(s->sh->tables[kind]));
    }
}


static void
ngx_http_mcp_tenant_metric_reclaimed(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_series(s, "%s %uL\n", s->name,
                               mcp_processes_reclaimed(s->sh->processes));
}


static void
ngx_http_mcp_tenant_metric_unidentified(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  count;

    for (i = 0; i < MCP_REASON_COUNT; i++) {

        count = s->sh->unidentified.requests[NGX_HTTP_MCP_TENANT_DENIED][i];

        if (count) {
            ngx_http_mcp_tenant_series(s, "%s{reason=\"%s\"} %uA\n", s->name,
                                       mcp_reason(i)->word, count);
        }
    }
}
