/*
 * Why the gateway decided as it did: one closed list of words, the same in
 * the response, the audit line and the metrics.
 */

#ifndef _MCP_REASON_H_INCLUDED_
#define _MCP_REASON_H_INCLUDED_


#include "mcp_base.h"


typedef enum {
    MCP_REASON_NONE,                    /* not decided */
    MCP_REASON_OK,
    MCP_REASON_MALFORMED_REQUEST,
    MCP_REASON_MALFORMED_PATH,
    MCP_REASON_DUPLICATE_HEADER,
    MCP_REASON_INVALID_TENANT,
    MCP_REASON_TENANT_MISMATCH,
    MCP_REASON_INVALID_AUTHORIZATION,
    MCP_REASON_KEY_MISMATCH,
    MCP_REASON_MISSING_KEY,
    MCP_REASON_UNKNOWN_KEY,
    MCP_REASON_KEY_DISABLED,
    MCP_REASON_KEY_EXPIRED,
    MCP_REASON_KEY_NOT_YET_VALID,
    MCP_REASON_TENANT_DISABLED,
    MCP_REASON_UNKNOWN_TENANT,
    MCP_REASON_CROSS_TENANT,
    MCP_REASON_FORBIDDEN,
    MCP_REASON_HOST_NOT_ALLOWED,
    MCP_REASON_ORIGIN_NOT_ALLOWED,
    MCP_REASON_NOT_FOUND,
    MCP_REASON_UNKNOWN_SERVER,
    MCP_REASON_SERVER_NOT_ALLOWED,
    MCP_REASON_METHOD_NOT_ALLOWED,
    MCP_REASON_BODY_TOO_LARGE,
    MCP_REASON_BODY_INCOMPLETE,
    MCP_REASON_UNSUPPORTED_MEDIA_TYPE,
    MCP_REASON_UNSUPPORTED_ENCODING,
    MCP_REASON_NOT_JSON,
    MCP_REASON_INVALID_MESSAGE,
    MCP_REASON_HEADER_MISMATCH,
    MCP_REASON_UNKNOWN_SESSION,
    MCP_REASON_SESSION_EXPIRED,
    MCP_REASON_SESSION_ENDPOINT_GONE,
    MCP_REASON_TOOL_NOT_ALLOWED,
    MCP_REASON_PROMPT_NOT_ALLOWED,
    MCP_REASON_RESOURCE_NOT_ALLOWED,
    MCP_REASON_RPC_METHOD_NOT_ALLOWED,
    MCP_REASON_LIMITED,
    MCP_REASON_SERVER_QUOTA_EXCEEDED,
    MCP_REASON_RATE_LIMITED,
    MCP_REASON_CONCURRENCY_LIMITED,
    MCP_REASON_STREAMS_LIMITED,
    MCP_REASON_SERVER_NOT_READY,
    MCP_REASON_UPSTREAM_FAILED,
    MCP_REASON_UPSTREAM_TIMEOUT,
    MCP_REASON_CLIENT_CLOSED,
    MCP_REASON_REVOKED,
    MCP_REASON_OVERLOADED,
    MCP_REASON_INTERNAL_ERROR,
    MCP_REASON_COUNT
} mcp_reason_e;


/*
 * word: as audit and metrics have it.  public_word and title: what the
 * response says, which hides from an unproven client why its key was not
 * taken, and from a proven one what other tenants have.  rpc_code: of the
 * JSON-RPC error body.
 */
typedef struct {
    const char  *word;
    const char  *public_word;
    const char  *title;
    uint16_t     status;
    int32_t      rpc_code;
} mcp_reason_t;


const mcp_reason_t *mcp_reason(mcp_reason_e reason);


#endif /* _MCP_REASON_H_INCLUDED_ */
