/*
 * A file that has lost most of its tenants is more often an accident, such as
 * a file that was cut short, than what its author wants.
 */

#ifndef _MCP_SHRINK_H_INCLUDED_
#define _MCP_SHRINK_H_INCLUDED_


#include "mcp_config.h"
#include "mcp_image.h"


/*
 * MCP_ERROR, and a finding in report, when config lacks more than half of the
 * tenants that are served, unless its allow_shrink_to is their number.  config
 * must be as mcp_config_load() gave it, served an opened image.
 */
int mcp_shrink_check(const mcp_config_t *config, const mcp_image_t *served,
    mcp_report_t *report);


#endif /* _MCP_SHRINK_H_INCLUDED_ */
