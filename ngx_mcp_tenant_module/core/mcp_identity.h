/*
 * Identities: 64-bit names of things, the same in every process and at every
 * time, that nobody can make collide on purpose.
 *
 * An identity is the start of a SHA-256 over its kind and its parts, each
 * with its length before it, so that no two lists of parts look alike.
 */

#ifndef _MCP_IDENTITY_H_INCLUDED_
#define _MCP_IDENTITY_H_INCLUDED_


#include "mcp_address.h"
#include "mcp_model.h"


typedef struct mcp_identity_s  mcp_identity_t;


/* What computes them.  NULL without memory or SHA-256; free accepts NULL. */
mcp_identity_t *mcp_identity_new(void);
void mcp_identity_free(mcp_identity_t *identity);

/*
 * 0 when hashing itself failed, never otherwise.  A key is its digest, not its
 * name; an endpoint changes with what is connected to, whom it is told to be,
 * and every header it is sent.
 */
uint64_t mcp_identity_tenant(mcp_identity_t *identity,
    const mcp_tenant_t *tenant);
uint64_t mcp_identity_key(mcp_identity_t *identity,
    const mcp_tenant_t *tenant, const mcp_key_t *key);
uint64_t mcp_identity_server(mcp_identity_t *identity,
    const mcp_tenant_t *tenant, const mcp_server_t *server);
uint64_t mcp_identity_tool_limit(mcp_identity_t *identity,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const mcp_tool_limit_t *limit);
uint64_t mcp_identity_endpoint(mcp_identity_t *identity,
    const mcp_tenant_t *tenant, const mcp_server_t *server,
    const mcp_url_t *url, const mcp_address_t *address);


#endif /* _MCP_IDENTITY_H_INCLUDED_ */
