/*
 * What the metrics tell of tenants and their servers.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_series.h"


static const mcp_image_tenant_t *ngx_http_mcp_tenant_series_tenant(
    ngx_http_mcp_tenant_series_t *s, uint32_t n, mcp_str_t *ret_id);
static ngx_http_mcp_tenant_row_t *ngx_http_mcp_tenant_series_row(
    ngx_http_mcp_tenant_series_t *s, uint32_t n, mcp_str_t *ret_id);
static ngx_http_mcp_tenant_server_row_t *
    ngx_http_mcp_tenant_series_server_row(ngx_http_mcp_tenant_series_t *s,
    uint32_t n, mcp_str_t *ret_tenant, mcp_str_t *ret_id);
static const char *ngx_http_mcp_tenant_outcome(ngx_uint_t outcome,
    mcp_reason_e reason);
static void ngx_http_mcp_tenant_metric_requests(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_duration(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_bytes(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_in_flight(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_limit(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_streams(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_rate_limit(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_servers(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_requests(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_failures(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_in_flight(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_limit(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_eras(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_answers(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static void ngx_http_mcp_tenant_metric_server_counts(
    ngx_http_mcp_tenant_series_t *s, mcp_str_t *tenant, mcp_str_t *id,
    const char *label, const char **values, _Atomic uint32_t *counts,
    ngx_uint_t n);


const ngx_http_mcp_tenant_metric_t  ngx_http_mcp_tenant_tenant_metrics[] = {

    { "nginx_mcp_tenant_requests_total", "counter",
      "Requests of a tenant, by the decision and its reason.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_requests,
      0 },

    { "nginx_mcp_tenant_request_duration_seconds", "histogram",
      "Time from the first byte of a request to the last of its answer.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_duration,
      0 },

    { "nginx_mcp_tenant_received_bytes_total", "counter",
      "Bytes received from clients of a tenant.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_bytes,
      offsetof(ngx_http_mcp_tenant_row_t, received) },

    { "nginx_mcp_tenant_sent_bytes_total", "counter",
      "Bytes sent to clients of a tenant.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_bytes,
      offsetof(ngx_http_mcp_tenant_row_t, sent) },

    { "nginx_mcp_tenant_requests_in_flight", "gauge",
      "Requests of a tenant that hold a slot of its quota.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_in_flight,
      0 },

    { "nginx_mcp_tenant_concurrent_requests_limit", "gauge",
      "The tenant's max_concurrent_requests, 0 if not limited.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_limit,
      offsetof(mcp_quotas_t, max_concurrent_requests) },

    { "nginx_mcp_tenant_streams_open", "gauge",
      "Streams of a tenant that hold a slot of its max_streams.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_streams,
      0 },

    { "nginx_mcp_tenant_streams_limit", "gauge",
      "The tenant's max_streams, 0 if they count as requests.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_limit,
      offsetof(mcp_quotas_t, max_streams) },

    { "nginx_mcp_tenant_requests_per_second_limit", "gauge",
      "The tenant's requests_per_second, 0 if not limited.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_rate_limit,
      0 },

    { "nginx_mcp_tenant_servers", "gauge",
      "Servers in a tenant's catalog, by status.",
      NGX_HTTP_MCP_TENANT_UNIT_TENANT,
      ngx_http_mcp_tenant_metric_servers,
      0 },

    { "nginx_mcp_tenant_server_requests_total", "counter",
      "Requests for a server, by JSON-RPC method and decision.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_server_requests,
      0 },

    { "nginx_mcp_tenant_server_era_requests_total", "counter",
      "Requests for a server, by the era of their revision of MCP.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_server_eras,
      0 },

    { "nginx_mcp_tenant_server_answers_total", "counter",
      "JSON-RPC answers of a server, as far as they were looked into.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_server_answers,
      0 },

    { "nginx_mcp_tenant_server_upstream_failures_total", "counter",
      "Failed attempts to get an answer from an endpoint of a server.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_server_failures,
      0 },

    { "nginx_mcp_tenant_server_requests_in_flight", "gauge",
      "Requests that hold a slot of a limited server.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_server_in_flight,
      0 },

    { "nginx_mcp_tenant_server_concurrent_requests_limit", "gauge",
      "The server's max_concurrent_requests.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_server_limit,
      0 },

    { "nginx_mcp_tenant_tool_requests_total", "counter",
      "Calls that a limit of tools matched, by the decision.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_tools_requests,
      0 },

    { "nginx_mcp_tenant_tool_requests_in_flight", "gauge",
      "Calls that hold a slot of a limit of tools.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_tools_in_flight,
      0 },

    { "nginx_mcp_tenant_tool_concurrent_requests_limit", "gauge",
      "The max_concurrent_requests of a limit of tools.",
      NGX_HTTP_MCP_TENANT_UNIT_SERVER,
      ngx_http_mcp_tenant_metric_tools_limit,
      0 },

    { NULL, NULL, NULL, 0, NULL, 0 }
};


static const mcp_image_tenant_t *
ngx_http_mcp_tenant_series_tenant(ngx_http_mcp_tenant_series_t *s, uint32_t n,
    mcp_str_t *ret_id)
{
    const mcp_image_tenant_t  *tenant;

    tenant = mcp_image_tenant(s->image->image, n);
    *ret_id = mcp_image_text(s->image->image, &tenant->id);

    return tenant;
}


static ngx_http_mcp_tenant_row_t *
ngx_http_mcp_tenant_series_row(ngx_http_mcp_tenant_series_t *s, uint32_t n,
    mcp_str_t *ret_id)
{
    uint32_t  row;

    row = ngx_http_mcp_tenant_series_tenant(s, n, ret_id)->row;

    return row == MCP_IMAGE_NONE ? NULL : &s->sh->rows[row];
}


const mcp_image_server_t *
ngx_http_mcp_tenant_series_server(ngx_http_mcp_tenant_series_t *s, uint32_t n,
    mcp_str_t *ret_tenant, mcp_str_t *ret_id)
{
    const mcp_image_server_t  *server;

    server = mcp_image_server(s->image->image, n);
    *ret_id = mcp_image_text(s->image->image, &server->id);

    (void) ngx_http_mcp_tenant_series_tenant(s, server->tenant, ret_tenant);

    return server;
}


static ngx_http_mcp_tenant_server_row_t *
ngx_http_mcp_tenant_series_server_row(ngx_http_mcp_tenant_series_t *s,
    uint32_t n, mcp_str_t *ret_tenant, mcp_str_t *ret_id)
{
    uint32_t  row;

    row = ngx_http_mcp_tenant_series_server(s, n, ret_tenant, ret_id)->row;

    return row == MCP_IMAGE_NONE ? NULL : &s->sh->servers[row];
}


/* As $mcp_tenant_decision, which is empty where nothing was decided. */
static const char *
ngx_http_mcp_tenant_outcome(ngx_uint_t outcome, mcp_reason_e reason)
{
    if (reason == MCP_REASON_NONE) {
        return "none";
    }

    return outcome == NGX_HTTP_MCP_TENANT_ALLOWED ? "allow" : "deny";
}


static void
ngx_http_mcp_tenant_metric_requests(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                   id;
    ngx_uint_t                  i, outcome;
    ngx_atomic_uint_t           count;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_series_row(s, n, &id);

    for (i = 0; row && i < 2 * MCP_REASON_COUNT; i++) {

        outcome = i / MCP_REASON_COUNT;
        count = row->requests[outcome][i % MCP_REASON_COUNT];

        /* "ok" is there from the start, so that a rate can be built on it */

        if (count == 0
            && i != NGX_HTTP_MCP_TENANT_ALLOWED * MCP_REASON_COUNT
                    + MCP_REASON_OK)
        {
            continue;
        }

        ngx_http_mcp_tenant_series(s,
            "%s{tenant=\"%*s\",outcome=\"%s\",reason=\"%s\"} %uA\n", s->name,
            id.len, id.data,
            ngx_http_mcp_tenant_outcome(outcome, i % MCP_REASON_COUNT),
            mcp_reason(i % MCP_REASON_COUNT)->word, count);
    }
}


static void
ngx_http_mcp_tenant_metric_duration(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                   id;
    ngx_uint_t                  i;
    ngx_atomic_uint_t           count;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_series_row(s, n, &id);
    if (row == NULL) {
        return;
    }

    count = 0;

    for (i = 0; i < NGX_HTTP_MCP_TENANT_DURATIONS; i++) {

        count += row->durations[i];

        ngx_http_mcp_tenant_series(s,
            "%s_bucket{tenant=\"%*s\",le=\"%s\"} %uA\n", s->name, id.len,
            id.data, i < NGX_HTTP_MCP_TENANT_DURATIONS - 1
                     ? ngx_http_mcp_tenant_durations[i].seconds : "+Inf",
            count);
    }

    ngx_http_mcp_tenant_series(s,
        "%s_sum{tenant=\"%*s\"} %uA.%03uA\n%s_count{tenant=\"%*s\"} %uA\n",
        s->name, id.len, id.data, row->duration_ms / 1000,
        row->duration_ms % 1000, s->name, id.len, id.data, count);
}


static void
ngx_http_mcp_tenant_metric_bytes(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                   id;
    ngx_http_mcp_tenant_row_t  *row;

    row = ngx_http_mcp_tenant_series_row(s, n, &id);

    if (row) {
        ngx_http_mcp_tenant_series(s, "%s{tenant=\"%*s\"} %uA\n", s->name,
                                   id.len, id.data,
                                   *(ngx_atomic_t *) ((u_char *) row
                                                      + s->offset));
    }
}


static void
ngx_http_mcp_tenant_metric_in_flight(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *tenant;

    tenant = ngx_http_mcp_tenant_series_tenant(s, n, &id);

    if (tenant->limits.requests != MCP_IMAGE_NONE) {
        ngx_http_mcp_tenant_series(s, "%s{tenant=\"%*s\"} %uL\n", s->name,
                                   id.len, id.data,
                                   mcp_limit_in_use(s->sh->limits,
                                                  tenant->limits.requests));
    }
}


static void
ngx_http_mcp_tenant_metric_limit(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *tenant;

    tenant = ngx_http_mcp_tenant_series_tenant(s, n, &id);

    ngx_http_mcp_tenant_series(s, "%s{tenant=\"%*s\"} %uD\n", s->name, id.len,
                               id.data,
                               *(uint32_t *) ((u_char *) &tenant->quotas
                                              + s->offset));
}


static void
ngx_http_mcp_tenant_metric_streams(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *tenant;

    tenant = ngx_http_mcp_tenant_series_tenant(s, n, &id);

    if (tenant->limits.streams != MCP_IMAGE_NONE) {
        ngx_http_mcp_tenant_series(s, "%s{tenant=\"%*s\"} %uL\n", s->name,
                                   id.len, id.data,
                                   mcp_limit_in_use(s->sh->limits,
                                                  tenant->limits.streams));
    }
}


static void
ngx_http_mcp_tenant_metric_rate_limit(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                  id;
    const mcp_image_tenant_t  *tenant;

    tenant = ngx_http_mcp_tenant_series_tenant(s, n, &id);

    ngx_http_mcp_tenant_series(s, "%s{tenant=\"%*s\"} %uD.%03uD\n", s->name,
        id.len, id.data, tenant->quotas.requests_per_second_milli / 1000,
        tenant->quotas.requests_per_second_milli % 1000);
}


static void
ngx_http_mcp_tenant_metric_servers(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    uint32_t                   i, counts[MCP_SERVER_STATUS_COUNT];
    mcp_str_t                  id;
    const mcp_image_tenant_t  *tenant;

    tenant = ngx_http_mcp_tenant_series_tenant(s, n, &id);

    ngx_memzero(counts, sizeof(counts));

    for (i = 0; i < tenant->servers.count; i++) {
        counts[mcp_image_server(s->image->image,
                                tenant->servers.first + i)->status]++;
    }

    for (i = 0; i < MCP_SERVER_STATUS_COUNT; i++) {
        ngx_http_mcp_tenant_series(s,
            "%s{tenant=\"%*s\",status=\"%s\"} %uD\n", s->name, id.len, id.data,
            mcp_server_status_word(i), counts[i]);
    }
}


static void
ngx_http_mcp_tenant_metric_server_requests(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                          id, tenant;
    ngx_uint_t                         i, method, outcome;
    ngx_atomic_uint_t                  count;
    ngx_http_mcp_tenant_server_row_t  *row;

    row = ngx_http_mcp_tenant_series_server_row(s, n, &tenant, &id);

    for (i = 0; row && i < 2 * MCP_RPC_LABELS; i++) {

        outcome = i / MCP_RPC_LABELS;
        method = i % MCP_RPC_LABELS;
        count = row->requests[outcome][method];

        if (count) {
            ngx_http_mcp_tenant_series(s,
                "%s{tenant=\"%*s\",server=\"%*s\",method=\"%s\","
                "outcome=\"%s\"} %uA\n", s->name, tenant.len, tenant.data,
                id.len, id.data, mcp_rpc_label(method),
                ngx_http_mcp_tenant_outcome(outcome, MCP_REASON_OK), count);
        }
    }
}


static void
ngx_http_mcp_tenant_metric_server_eras(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                          id, tenant;
    ngx_http_mcp_tenant_server_row_t  *row;

    static const char  *eras[] = { "legacy", "modern" };

    row = ngx_http_mcp_tenant_series_server_row(s, n, &tenant, &id);

    if (row) {
        ngx_http_mcp_tenant_metric_server_counts(s, &tenant, &id, "era", eras,
                                                 row->eras,
                                                 NGX_HTTP_MCP_TENANT_ERAS);
    }
}


static void
ngx_http_mcp_tenant_metric_server_answers(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                          id, tenant;
    ngx_http_mcp_tenant_server_row_t  *row;

    static const char  *answers[] = { "result", "tool_error", "error" };

    row = ngx_http_mcp_tenant_series_server_row(s, n, &tenant, &id);

    if (row) {
        ngx_http_mcp_tenant_metric_server_counts(s, &tenant, &id, "answer",
                                                 answers, row->answers,
                                                 NGX_HTTP_MCP_TENANT_ANSWERS);
    }
}


static void
ngx_http_mcp_tenant_metric_server_counts(ngx_http_mcp_tenant_series_t *s,
    mcp_str_t *tenant, mcp_str_t *id, const char *label, const char **values,
    _Atomic uint32_t *counts, ngx_uint_t n)
{
    uint32_t    count;
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        count = counts[i];

        if (count) {
            ngx_http_mcp_tenant_series(s,
                "%s{tenant=\"%*s\",server=\"%*s\",%s=\"%s\"} %uD\n", s->name,
                tenant->len, tenant->data, id->len, id->data, label, values[i],
                count);
        }
    }
}


static void
ngx_http_mcp_tenant_metric_server_failures(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                          id, tenant;
    ngx_http_mcp_tenant_server_row_t  *row;

    row = ngx_http_mcp_tenant_series_server_row(s, n, &tenant, &id);

    if (row) {
        ngx_http_mcp_tenant_series(s,
            "%s{tenant=\"%*s\",server=\"%*s\"} %uA\n", s->name, tenant.len,
            tenant.data, id.len, id.data, (ngx_atomic_uint_t) row->failures);
    }
}


static void
ngx_http_mcp_tenant_metric_server_in_flight(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                  id, tenant;
    const mcp_image_server_t  *server;

    server = ngx_http_mcp_tenant_series_server(s, n, &tenant, &id);

    if (server->quotas.max_concurrent_requests
        && server->limits.requests != MCP_IMAGE_NONE)
    {
        ngx_http_mcp_tenant_series(s,
            "%s{tenant=\"%*s\",server=\"%*s\"} %uL\n", s->name, tenant.len,
            tenant.data, id.len, id.data,
            mcp_limit_in_use(s->sh->limits, server->limits.requests));
    }
}


static void
ngx_http_mcp_tenant_metric_server_limit(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    mcp_str_t                  id, tenant;
    const mcp_image_server_t  *server;

    server = ngx_http_mcp_tenant_series_server(s, n, &tenant, &id);

    if (server->quotas.max_concurrent_requests) {
        ngx_http_mcp_tenant_series(s,
            "%s{tenant=\"%*s\",server=\"%*s\"} %uD\n", s->name, tenant.len,
            tenant.data, id.len, id.data,
            server->quotas.max_concurrent_requests);
    }
}
