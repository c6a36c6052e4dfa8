/*
 * The version of the module and of mcp-tenant.
 */

#ifndef _MCP_VERSION_H_INCLUDED_
#define _MCP_VERSION_H_INCLUDED_


#define MCP_TENANT_VERSION  "0.1.0"


#endif /* _MCP_VERSION_H_INCLUDED_ */
