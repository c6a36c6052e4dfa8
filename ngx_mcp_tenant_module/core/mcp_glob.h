/*
 * Patterns in which "*" stands for any text, an empty one too.
 */

#ifndef _MCP_GLOB_H_INCLUDED_
#define _MCP_GLOB_H_INCLUDED_


#include "mcp_base.h"


/* Bytes are compared; nothing but "*" is special. */
bool mcp_glob(const mcp_str_t *pattern, const mcp_str_t *name);


#endif /* _MCP_GLOB_H_INCLUDED_ */
