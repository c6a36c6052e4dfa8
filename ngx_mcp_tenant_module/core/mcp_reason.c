/*
 * The list of reasons.  Codes from -31001 on are the gateway's own: the range
 * -32000 to -32099 is the protocol's.
 */

#include "mcp_reason.h"


#define MCP_RPC_CODE_PARSE_ERROR      -32700
#define MCP_RPC_CODE_INVALID_REQUEST  -32600
#define MCP_RPC_CODE_UNKNOWN_METHOD   -32601
#define MCP_RPC_CODE_INVALID_PARAMS   -32602
#define MCP_RPC_CODE_HEADER_MISMATCH  -32020
#define MCP_RPC_CODE_NOT_FOUND        -31001
#define MCP_RPC_CODE_LIMITED          -31002
#define MCP_RPC_CODE_UPSTREAM_FAILED  -31003
#define MCP_RPC_CODE_UPSTREAM_TIMEOUT -31004
#define MCP_RPC_CODE_TOO_LARGE        -31005
#define MCP_RPC_CODE_REFUSED          -31006
#define MCP_RPC_CODE_INTERNAL         -32603


static const mcp_reason_t  mcp_reasons[MCP_REASON_COUNT] = {

    [MCP_REASON_NONE] = { "none", "none", "Not decided", 500,
        MCP_RPC_CODE_INTERNAL },

    [MCP_REASON_OK] = { "ok", "ok", "OK", 200, 0 },

    [MCP_REASON_MALFORMED_REQUEST] = { "malformed_request",
        "malformed_request", "The request is malformed", 400,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_MALFORMED_PATH] = { "malformed_path", "malformed_path",
        "The path is not in its plain form", 400,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_DUPLICATE_HEADER] = { "duplicate_header",
        "duplicate_header", "A header that may stand once stands twice",
        400, MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_INVALID_TENANT] = { "invalid_tenant", "invalid_tenant",
        "X-Tenant-ID is not the id of a tenant", 400,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_TENANT_MISMATCH] = { "tenant_mismatch", "tenant_mismatch",
        "The path and X-Tenant-ID name different tenants", 400,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_INVALID_AUTHORIZATION] = { "invalid_authorization",
        "unauthorized", "A valid API key is required", 401,
        MCP_RPC_CODE_REFUSED },

    [MCP_REASON_KEY_MISMATCH] = { "key_mismatch", "key_mismatch",
        "Authorization and X-API-Key hold different keys", 400,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_MISSING_KEY] = { "missing_key", "unauthorized",
        "A valid API key is required", 401, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_UNKNOWN_KEY] = { "unknown_key", "unauthorized",
        "A valid API key is required", 401, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_KEY_DISABLED] = { "key_disabled", "unauthorized",
        "A valid API key is required", 401, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_KEY_EXPIRED] = { "key_expired", "unauthorized",
        "A valid API key is required", 401, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_KEY_NOT_YET_VALID] = { "key_not_yet_valid", "unauthorized",
        "A valid API key is required", 401, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_TENANT_DISABLED] = { "tenant_disabled", "unauthorized",
        "A valid API key is required", 401, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_UNKNOWN_TENANT] = { "unknown_tenant", "not_found",
        "There is no such resource", 404, MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_CROSS_TENANT] = { "cross_tenant", "forbidden",
        "The key does not belong to the tenant that the request names",
        403, MCP_RPC_CODE_REFUSED },

    [MCP_REASON_FORBIDDEN] = { "forbidden", "forbidden",
        "A rule of the gateway's operator refuses the request", 403,
        MCP_RPC_CODE_REFUSED },

    [MCP_REASON_HOST_NOT_ALLOWED] = { "host_not_allowed",
        "host_not_allowed", "The Host is not one of this server", 403,
        MCP_RPC_CODE_REFUSED },

    [MCP_REASON_ORIGIN_NOT_ALLOWED] = { "origin_not_allowed",
        "origin_not_allowed", "The Origin is not allowed", 403,
        MCP_RPC_CODE_REFUSED },

    [MCP_REASON_NOT_FOUND] = { "not_found", "not_found",
        "There is no such resource", 404, MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_UNKNOWN_SERVER] = { "unknown_server", "unknown_server",
        "The tenant has no such server", 404, MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_SERVER_NOT_ALLOWED] = { "server_not_allowed",
        "unknown_server", "The tenant has no such server", 404,
        MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_METHOD_NOT_ALLOWED] = { "method_not_allowed",
        "method_not_allowed", "The resource does not have this method", 405,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_BODY_TOO_LARGE] = { "body_too_large", "body_too_large",
        "The body is too large", 413, MCP_RPC_CODE_TOO_LARGE },

    [MCP_REASON_BODY_INCOMPLETE] = { "body_incomplete", "body_incomplete",
        "The body did not arrive in time", 408,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_UNSUPPORTED_MEDIA_TYPE] = { "unsupported_media_type",
        "unsupported_media_type", "The Content-Type must be "
        "application/json", 415, MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_UNSUPPORTED_ENCODING] = { "unsupported_encoding",
        "unsupported_encoding", "The body must not be encoded", 415,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_NOT_JSON] = { "not_json", "not_json",
        "The body is not JSON", 400, MCP_RPC_CODE_PARSE_ERROR },

    [MCP_REASON_INVALID_MESSAGE] = { "invalid_message", "invalid_message",
        "The body is not a JSON-RPC message", 400,
        MCP_RPC_CODE_INVALID_REQUEST },

    [MCP_REASON_HEADER_MISMATCH] = { "header_mismatch", "header_mismatch",
        "A header contradicts the body", 400,
        MCP_RPC_CODE_HEADER_MISMATCH },

    [MCP_REASON_UNKNOWN_SESSION] = { "unknown_session", "unknown_session",
        "There is no such session", 404, MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_SESSION_EXPIRED] = { "session_expired", "unknown_session",
        "There is no such session", 404, MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_SESSION_ENDPOINT_GONE] = { "session_endpoint_gone",
        "unknown_session", "There is no such session", 404,
        MCP_RPC_CODE_NOT_FOUND },

    [MCP_REASON_TOOL_NOT_ALLOWED] = { "tool_not_allowed",
        "unknown_tool", "Unknown tool", 200, MCP_RPC_CODE_INVALID_PARAMS },

    [MCP_REASON_PROMPT_NOT_ALLOWED] = { "prompt_not_allowed",
        "unknown_prompt", "Unknown prompt", 200,
        MCP_RPC_CODE_INVALID_PARAMS },

    [MCP_REASON_RESOURCE_NOT_ALLOWED] = { "resource_not_allowed",
        "unknown_resource", "Resource not found", 200,
        MCP_RPC_CODE_INVALID_PARAMS },

    [MCP_REASON_RPC_METHOD_NOT_ALLOWED] = { "rpc_method_not_allowed",
        "unknown_method", "Method not found", 200,
        MCP_RPC_CODE_UNKNOWN_METHOD },

    [MCP_REASON_LIMITED] = { "limited", "limited",
        "A limit of the gateway's operator refuses the request", 429,
        MCP_RPC_CODE_LIMITED },

    [MCP_REASON_SERVER_QUOTA_EXCEEDED] = { "server_quota_exceeded",
        "server_quota_exceeded", "The server is past the tenant's "
        "max_servers", 429, MCP_RPC_CODE_LIMITED },

    [MCP_REASON_RATE_LIMITED] = { "rate_limited", "rate_limited",
        "Too many requests per second", 429, MCP_RPC_CODE_LIMITED },

    [MCP_REASON_CONCURRENCY_LIMITED] = { "concurrency_limited",
        "concurrency_limited", "Too many requests at once", 429,
        MCP_RPC_CODE_LIMITED },

    [MCP_REASON_STREAMS_LIMITED] = { "streams_limited", "streams_limited",
        "Too many streams at once", 429, MCP_RPC_CODE_LIMITED },

    [MCP_REASON_SERVER_NOT_READY] = { "server_not_ready",
        "server_not_ready", "The server has no endpoint at this time", 503,
        MCP_RPC_CODE_UPSTREAM_FAILED },

    [MCP_REASON_SERVER_STARTING] = { "server_starting",
        "server_starting", "The server is being started", 503,
        MCP_RPC_CODE_UPSTREAM_FAILED },

    [MCP_REASON_SERVER_STOPPED] = { "server_stopped", "server_stopped",
        "The server is not running", 503, MCP_RPC_CODE_UPSTREAM_FAILED },

    [MCP_REASON_SERVER_FAILED] = { "server_failed", "server_failed",
        "The server cannot be started", 503, MCP_RPC_CODE_UPSTREAM_FAILED },

    [MCP_REASON_ACTIVATION_TIMEOUT] = { "activation_timeout",
        "activation_timeout", "The server was not started in time", 503,
        MCP_RPC_CODE_UPSTREAM_FAILED },

    [MCP_REASON_WAITING_LIMITED] = { "waiting_limited", "waiting_limited",
        "Too many requests wait for servers to start", 503,
        MCP_RPC_CODE_LIMITED },

    [MCP_REASON_UPSTREAM_FAILED] = { "upstream_failed", "upstream_failed",
        "The server gave no valid answer", 502,
        MCP_RPC_CODE_UPSTREAM_FAILED },

    [MCP_REASON_UPSTREAM_TIMEOUT] = { "upstream_timeout",
        "upstream_timeout", "The server did not answer in time", 504,
        MCP_RPC_CODE_UPSTREAM_TIMEOUT },

    [MCP_REASON_CLIENT_CLOSED] = { "client_closed", "client_closed",
        "The client left", 499, MCP_RPC_CODE_INTERNAL },

    [MCP_REASON_REVOKED] = { "revoked", "revoked",
        "The key or tenant was revoked while the request ran", 444,
        MCP_RPC_CODE_INTERNAL },

    [MCP_REASON_OVERLOADED] = { "overloaded", "overloaded",
        "The gateway cannot take the request at this time", 503,
        MCP_RPC_CODE_INTERNAL },

    [MCP_REASON_INTERNAL_ERROR] = { "internal_error", "internal_error",
        "The gateway failed", 500, MCP_RPC_CODE_INTERNAL }
};


const mcp_reason_t *
mcp_reason(mcp_reason_e reason)
{
    if ((unsigned) reason >= MCP_REASON_COUNT) {
        reason = MCP_REASON_NONE;
    }

    return &mcp_reasons[reason];
}
