/*
 * A file that has lost tenants may have been cut short, or written by a
 * program that knew only some of them: more often an accident than what its
 * author wants.
 */

#ifndef _MCP_SHRINK_H_INCLUDED_
#define _MCP_SHRINK_H_INCLUDED_


#include "mcp_config.h"
#include "mcp_image.h"


/*
 * MCP_ERROR, and a finding in report, when config lacks more than half of the
 * tenants that are served, unless its allow_shrink_to is their number, or
 * lacks any tenant or key and ends within a line where the served file did
 * not.  allowed: neither counts.  A change that passes leaves a warning of
 * the tenants that go.  config must be as mcp_config_load() gave it, served
 * an opened image.
 */
int mcp_shrink_check(const mcp_config_t *config, const mcp_image_t *served,
    bool allowed, mcp_report_t *report);


#endif /* _MCP_SHRINK_H_INCLUDED_ */
