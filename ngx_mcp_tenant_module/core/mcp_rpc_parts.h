/*
 * What the two files of the JSON-RPC scanner share: what makes a message
 * (mcp_rpc.c), and which members of it are read (mcp_rpc_member.c).
 */

#ifndef _MCP_RPC_PARTS_H_INCLUDED_
#define _MCP_RPC_PARTS_H_INCLUDED_


#include "mcp_json_scan.h"
#include "mcp_rpc.h"


#define mcp_rpc_bit(member)  (1u << (member))


/* The containers that are read; from MESSAGE on to META they are objects. */
typedef enum {
    LEVEL_DOCUMENT,
    LEVEL_BATCH,
    LEVEL_MESSAGE,
    LEVEL_PARAMS,
    LEVEL_META,
    LEVEL_REF,
    LEVEL_NOTIFICATIONS,
    LEVEL_SUBSCRIPTIONS,
    LEVEL_TASKS,
    LEVEL_COUNT
} mcp_rpc_level_e;


/* By the level that they are of. */
typedef enum {
    MEMBER_OTHER,
    MEMBER_JSONRPC,
    MEMBER_ID,
    MEMBER_METHOD,
    MEMBER_PARAMS,
    MEMBER_RESULT,
    MEMBER_ERROR,
    MEMBER_NAME,
    MEMBER_URI,
    MEMBER_TASK_ID,
    MEMBER_META,
    MEMBER_REF,
    MEMBER_NOTIFICATIONS,
    MEMBER_PROTOCOL_VERSION,
    MEMBER_REF_TYPE,
    MEMBER_REF_NAME,
    MEMBER_REF_URI,
    MEMBER_SUBSCRIPTIONS,
    MEMBER_TASKS,
    MEMBER_COUNT
} mcp_rpc_member_e;


struct mcp_rpc_scanner_s {
    mcp_rpc_handler_pt   handler;
    void                *data;
    mcp_rpc_result_e     result;        /* final once it is not DONE */
    mcp_rpc_level_e      level;
    mcp_rpc_member_e     member;        /* whose value comes next */
    uint32_t             seen;
    uint32_t             count;         /* elements of the batch */
    bool                 is_batch;
    bool                 id_is_null;
    const char          *invalid;
    size_t               invalid_offset;
    size_t               uris_len;
    mcp_rpc_message_t    message;
    mcp_json_scan_t      json;
    char                 jsonrpc[sizeof("2.0")];
    char                 id[MCP_RPC_ID_MAX_LEN + 1];
    char                 method[MCP_RPC_METHOD_MAX_LEN + 1];
    char                 name[MCP_RPC_NAME_MAX_LEN + 1];
    char                 uri[MCP_RPC_URI_MAX_LEN + 1];
    char                 task_id[MCP_RPC_NAME_MAX_LEN + 1];
    char                 protocol_version[MCP_RPC_VERSION_MAX_LEN + 1];
    char                 ref_type[MCP_RPC_REF_TYPE_MAX_LEN + 1];
    char                 ref_name[MCP_RPC_NAME_MAX_LEN + 1];
    char                 ref_uri[MCP_RPC_URI_MAX_LEN + 1];
    mcp_str_t            subscriptions[MCP_RPC_SUBSCRIPTIONS_MAX];
    char                 uris[MCP_RPC_SUBSCRIPTIONS_MAX_BYTES];
};


/* A key, and the value of the last one. */
void mcp_rpc_key(mcp_rpc_scanner_t *scanner, const mcp_str_t *key);
void mcp_rpc_value(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text);

/* An element of params.notifications.resourceSubscriptions. */
void mcp_rpc_subscription(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text);

/* What comes next is in that container; told of at its first byte. */
void mcp_rpc_enter(mcp_rpc_scanner_t *scanner, mcp_rpc_level_e level);

/* What is wrong, at the byte of the present event. */
void mcp_rpc_invalid(mcp_rpc_scanner_t *scanner, const char *error);


#endif /* _MCP_RPC_PARTS_H_INCLUDED_ */
