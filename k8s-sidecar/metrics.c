/*
 * The text that Prometheus reads.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

#include "metrics.h"
#include "mcp_version.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>


#define METRICS_PREFIX  "mcp_tenant_sidecar_"


/* offset: of an uint64_t */
typedef struct {
    const char  *name;
    const char  *type;
    const char  *help;
    size_t       offset;
} metrics_row_t;


static void metrics_head(FILE *out, const char *name, const char *type,
    const char *help);
static void metrics_kinds(FILE *out, const metrics_t *metrics,
    const metrics_row_t *row);
static void metrics_syncs(FILE *out, const metrics_t *metrics);
static void metrics_conditions(FILE *out, const metrics_t *metrics);
static void metrics_label(FILE *out, const char *value);


static const uint64_t  metrics_bounds_ms[METRICS_SYNC_BUCKETS] = {
    50, 100, 250, 500, 1000, 5000, 30000, 120000
};

static const metrics_row_t  metrics_kind_rows[] = {
    { "api_calls_total", "counter",
      "Requests to the API server, lists and watches too.",
      offsetof(metrics_kind_t, calls) },
    { "api_errors_total", "counter",
      "Those that were to change something, and did not.",
      offsetof(metrics_kind_t, errors) },
    { "watch_restarts_total", "counter",
      "Watches that ended and were begun anew.",
      offsetof(metrics_kind_t, watch_restarts) }
};

static const metrics_row_t  metrics_rows[] = {
    { "sync_errors_total", "counter",
      "Passes over all tenants in which something failed.",
      offsetof(metrics_t, sync_errors) },
    { "last_full_sync_timestamp_seconds", "gauge",
      "When the last pass over all tenants succeeded, 0 for never.",
      offsetof(metrics_t, last_full_sync) },
    { "endpoints_sequence", "gauge",
      "The sequence of the newest file of endpoints, 0 for none.",
      offsetof(metrics_t, endpoints_sequence) },
    { "endpoints_write_errors_total", "counter",
      "Files of endpoints that could not be written.",
      offsetof(metrics_t, endpoints_write_errors) },
    { "endpoints_left_out_total", "counter",
      "EndpointSlices, addresses and pods over the limits of a namespace.",
      offsetof(metrics_t, endpoints_left_out) },
    { "drains_total", "counter",
      "Answers to kubelet that a pod may end.",
      offsetof(metrics_t, drains) },
    { "drains_timed_out_total", "counter",
      "Those given before all gateways agreed.",
      offsetof(metrics_t, drains_timed_out) },
    { "on_demand_starts_total", "counter",
      "Servers on demand that were started.",
      offsetof(metrics_t, starts) },
    { "on_demand_stops_total", "counter",
      "Servers on demand that nobody used any more.",
      offsetof(metrics_t, stops) }
};


void
metrics_sync(metrics_t *metrics, uint64_t ms)
{
    size_t  i;

    for (i = 0; i < METRICS_SYNC_BUCKETS && ms > metrics_bounds_ms[i]; i++) {
        /* void */
    }

    metrics->sync_buckets[i]++;
    metrics->sync_ms += ms;
}


char *
metrics_text(const metrics_t *metrics)
{
    bool                  failed;
    char                 *text;
    FILE                 *out;
    size_t                i, len;
    const metrics_row_t  *row;

    text = NULL;

    out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }

    metrics_head(out, "build_info", "gauge", "What runs.");
    fprintf(out, METRICS_PREFIX "build_info{version=\"%s\"} 1\n",
            MCP_TENANT_VERSION);

    metrics_head(out, "leader", "gauge",
                 "1 when it is this one that changes the cluster.");
    fprintf(out, METRICS_PREFIX "leader %d\n", metrics->is_leader);

    for (i = 0;
         i < sizeof(metrics_kind_rows) / sizeof(metrics_kind_rows[0]);
         i++)
    {
        metrics_kinds(out, metrics, &metrics_kind_rows[i]);
    }

    metrics_syncs(out, metrics);

    for (i = 0; i < sizeof(metrics_rows) / sizeof(metrics_rows[0]); i++) {
        row = &metrics_rows[i];

        metrics_head(out, row->name, row->type, row->help);
        fprintf(out, METRICS_PREFIX "%s %llu\n", row->name,
                (unsigned long long) *(const uint64_t *)
                    ((const char *) metrics + row->offset));
    }

    metrics_conditions(out, metrics);

    failed = ferror(out);

    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }

    return text;
}


static void
metrics_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP " METRICS_PREFIX "%s %s\n"
            "# TYPE " METRICS_PREFIX "%s %s\n", name, help, name, type);
}


static void
metrics_kinds(FILE *out, const metrics_t *metrics, const metrics_row_t *row)
{
    size_t  i;

    metrics_head(out, row->name, row->type, row->help);

    for (i = 0; i < KUBE_KINDS; i++) {
        fprintf(out, METRICS_PREFIX "%s{kind=\"%s\"} %llu\n", row->name,
                kube_kinds[i].kind,
                (unsigned long long) *(const uint64_t *)
                    ((const char *) &metrics->kinds[i] + row->offset));
    }
}


static void
metrics_syncs(FILE *out, const metrics_t *metrics)
{
    size_t    i;
    uint64_t  count;

    metrics_head(out, "sync_duration_seconds", "histogram",
                 "How long passes over all tenants took.");

    count = 0;

    for (i = 0; i < METRICS_SYNC_BUCKETS; i++) {
        count += metrics->sync_buckets[i];
        fprintf(out, METRICS_PREFIX "sync_duration_seconds_bucket{le=\"%g\"} "
                "%llu\n", (double) metrics_bounds_ms[i] / 1000,
                (unsigned long long) count);
    }

    count += metrics->sync_buckets[i];

    fprintf(out, METRICS_PREFIX "sync_duration_seconds_bucket{le=\"+Inf\"} "
            "%llu\n", (unsigned long long) count);
    fprintf(out, METRICS_PREFIX "sync_duration_seconds_sum %llu.%03u\n",
            (unsigned long long) (metrics->sync_ms / 1000),
            (unsigned) (metrics->sync_ms % 1000));
    fprintf(out, METRICS_PREFIX "sync_duration_seconds_count %llu\n",
            (unsigned long long) count);
}


static void
metrics_conditions(FILE *out, const metrics_t *metrics)
{
    size_t                      i;
    const metrics_condition_t  *condition;

    metrics_head(out, "tenant_condition", "gauge",
                 "1 when a condition of a tenant is true.");

    for (i = 0; i < metrics->nconditions; i++) {
        condition = &metrics->conditions[i];

        fputs(METRICS_PREFIX "tenant_condition{tenant=\"", out);
        metrics_label(out, condition->tenant);
        fputs("\",condition=\"", out);
        metrics_label(out, condition->condition);
        fprintf(out, "\"} %d\n", condition->is_true);
    }
}


static void
metrics_label(FILE *out, const char *value)
{
    for ( /* void */ ; *value; value++) {

        if (*value == '\n') {
            fputs("\\n", out);
            continue;
        }

        if (*value == '\\' || *value == '"') {
            fputc('\\', out);
        }

        fputc(*value, out);
    }
}
