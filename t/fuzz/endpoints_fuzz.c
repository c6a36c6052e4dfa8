/*
 * libFuzzer target of the file of pods: whatever it holds, it is taken whole
 * or refused with one line, and what was taken is within its bounds.
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *         t/fuzz/endpoints_fuzz.c ngx_mcp_tenant_module/core/mcp_*.c
 *         -lyaml -lcrypto
 */

#include "../../ngx_mcp_tenant_module/core/mcp_endpoints.h"

#include <stdlib.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_server(const mcp_endpoints_t *endpoints, const char *tenant,
    const char *id);
static void fuzz_check(bool holds);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc;
    mcp_report_t     *report;
    mcp_endpoints_t  *endpoints;

    endpoints = NULL;
    report = mcp_report_new();

    rc = mcp_endpoints_parse("e", (const char *) data, size, report,
                             &endpoints);

    fuzz_check((rc == MCP_OK) == (endpoints != NULL));
    fuzz_check(mcp_report_lines(report) == (rc == MCP_OK ? 0 : 1));

    if (endpoints) {
        fuzz_check(mcp_endpoints_sequence(endpoints)
                   <= MCP_ENDPOINTS_SEQUENCE_MAX);
        fuzz_server(endpoints, "a", "b");
        fuzz_server(endpoints, "team-a", "search");
    }

    mcp_endpoints_free(endpoints);
    mcp_report_free(report);

    return 0;
}


static void
fuzz_server(const mcp_endpoints_t *endpoints, const char *tenant,
    const char *id)
{
    uint32_t                       i;
    mcp_str_t                      tenant_id, server_id;
    const mcp_endpoints_server_t  *server;

    tenant_id.data = tenant;
    tenant_id.len = strlen(tenant);
    server_id.data = id;
    server_id.len = strlen(id);

    server = mcp_endpoints_find(endpoints, &tenant_id, &server_id);
    if (server == NULL) {
        return;
    }

    fuzz_check(server->state < MCP_PODS_STATES);
    fuzz_check(server->reason.len <= MCP_ENDPOINTS_REASON_MAX_LEN);
    fuzz_check(server->nactive <= MCP_ENDPOINTS_SERVER_MAX);
    fuzz_check(server->ndraining <= MCP_ENDPOINTS_SERVER_MAX);

    for (i = 0; i < server->nactive + server->ndraining; i++) {
        fuzz_check(mcp_endpoints_port(&server->addresses[i]) != 0);
    }
}


static void
fuzz_check(bool holds)
{
    if (!holds) {
        abort();
    }
}
