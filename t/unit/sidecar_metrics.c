/*
 * The metrics of the sidecar, and that Prometheus has nothing to say of them.
 */

#include "metrics.h"
#include "tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>


static void test_empty(void);
static void test_values(void);
static void test_promtool(const char *text);
static void has(const char *text, const char *line);
static bool promtool_is_there(void);


int
main(void)
{
    test_empty();
    test_values();

    return done();
}


static void
test_empty(void)
{
    char       *text;
    metrics_t   metrics;

    memset(&metrics, 0, sizeof(metrics_t));

    text = metrics_text(&metrics);
    has(text, "mcp_tenant_sidecar_leader 0");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_count 0");
    has(text, "mcp_tenant_sidecar_last_full_sync_timestamp_seconds 0");
    test_promtool(text);
    free(text);
}


static void
test_values(void)
{
    char       *text;
    metrics_t   metrics;

    static const metrics_condition_t  conditions[] = {
        { "team-a", "Ready", true },
        { "team-b", "Ready", false },
        { "team-\"b\"\n", "back\\slash", true }
    };

    memset(&metrics, 0, sizeof(metrics_t));

    metrics.kinds[KUBE_POD].calls = 12;
    metrics.kinds[KUBE_POD].errors = 3;
    metrics.kinds[KUBE_NAMESPACE].watch_restarts = 4;
    metrics.last_full_sync = 1790000000;
    metrics.sync_errors = 1;
    metrics.endpoints_sequence = UINT64_C(1) << 52;
    metrics.endpoints_write_errors = 5;
    metrics.endpoints_left_out = 6;
    metrics.drains = 8;
    metrics.drains_timed_out = 7;
    metrics.is_leader = true;
    metrics.conditions = conditions;
    metrics.nconditions = 3;

    metrics_sync(&metrics, 0);
    metrics_sync(&metrics, 50);
    metrics_sync(&metrics, 51);
    metrics_sync(&metrics, 120000);
    metrics_sync(&metrics, 120001);

    text = metrics_text(&metrics);

    has(text, "mcp_tenant_sidecar_leader 1");
    has(text, "mcp_tenant_sidecar_api_calls_total{kind=\"Pod\"} 12");
    has(text, "mcp_tenant_sidecar_api_errors_total{kind=\"Pod\"} 3");
    has(text, "mcp_tenant_sidecar_api_errors_total{kind=\"Lease\"} 0");
    has(text, "mcp_tenant_sidecar_watch_restarts_total{kind=\"Namespace\"} 4");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_bucket{le=\"0.05\"} "
        "2");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_bucket{le=\"0.1\"} 3");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_bucket{le=\"120\"} 4");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_bucket{le=\"+Inf\"} "
        "5");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_sum 240.102");
    has(text, "mcp_tenant_sidecar_sync_duration_seconds_count 5");
    has(text, "mcp_tenant_sidecar_sync_errors_total 1");
    has(text, "mcp_tenant_sidecar_last_full_sync_timestamp_seconds "
        "1790000000");
    has(text, "mcp_tenant_sidecar_endpoints_sequence 4503599627370496");
    has(text, "mcp_tenant_sidecar_endpoints_write_errors_total 5");
    has(text, "mcp_tenant_sidecar_endpoints_left_out_total 6");
    has(text, "mcp_tenant_sidecar_drains_total 8");
    has(text, "mcp_tenant_sidecar_drains_timed_out_total 7");
    has(text, "mcp_tenant_sidecar_tenant_condition{tenant=\"team-a\","
        "condition=\"Ready\"} 1");
    has(text, "mcp_tenant_sidecar_tenant_condition{tenant=\"team-b\","
        "condition=\"Ready\"} 0");
    has(text, "mcp_tenant_sidecar_tenant_condition{tenant=\"team-\\\"b\\\"\\n\""
        ",condition=\"back\\\\slash\"} 1");

    test_promtool(text);
    free(text);
}


/* Its findings are its output, and its status. */
static void
test_promtool(const char *text)
{
    int    status;
    FILE  *out;

    if (!promtool_is_there()) {
        ok(true, "promtool finds nothing # SKIP no promtool");
        return;
    }

    (void) fflush(stdout);

    out = popen("promtool check metrics >&2", "w");

    if (out == NULL) {
        ok(false, "promtool cannot be started");
        return;
    }

    (void) fputs(text ? text : "", out);
    status = pclose(out);

    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "promtool finds nothing");
}


static bool
promtool_is_there(void)
{
    int   status;

    status = system("command -v promtool > /dev/null");

    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}


/* A whole line. */
static void
has(const char *text, const char *line)
{
    char  whole[256];

    (void) snprintf(whole, sizeof(whole), "\n%s\n", line);

    ok(text && strstr(text, whole), "%s", line);
}
