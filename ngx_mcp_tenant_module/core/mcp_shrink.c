/*
 * The guard against files that have lost most of their tenants.
 */

#include "mcp_shrink.h"


int
mcp_shrink_check(const mcp_config_t *config, const mcp_image_t *served,
    mcp_report_t *report)
{
    size_t            i, left, lost, before;
    const mcp_str_t  *id;

    before = mcp_image_ntenants(served);
    left = 0;

    for (i = 0; i < config->ntenants; i++) {
        id = &config->tenants[i].id;

        if (mcp_image_tenant_find(served, id->data, id->len)
            != MCP_IMAGE_NONE)
        {
            left++;
        }
    }

    lost = before - left;

    if (lost <= before / 2) {
        return MCP_OK;
    }

    if (config->ntenants == 0) {
        mcp_report_add(report, MCP_REPORT_ERROR, &config->list,
                       "found no tenants, of %zu that are served, expected at "
                       "least half of those (\"allow_shrink\" of "
                       "mcp_tenant_config lets any change pass)", before);
        return MCP_ERROR;
    }

    if (config->allow_shrink_to == config->ntenants) {
        return MCP_OK;
    }

    mcp_report_add(report, MCP_REPORT_ERROR, &config->list,
                   "found %zu tenants, without %zu of the %zu that are served, "
                   "expected at least half of those, or \"allow_shrink_to: "
                   "%zu\" beside \"tenants\" when it is meant",
                   config->ntenants, lost, before, config->ntenants);

    return MCP_ERROR;
}
