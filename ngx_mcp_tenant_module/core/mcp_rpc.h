/*
 * Scanner of the JSON-RPC 2.0 envelope: one pass over the body, in pieces of
 * any size, in bounded memory, with no recursion.
 *
 * It checks all of RFC 8259 (grammar, UTF-8, no byte order mark, surrogates
 * in pairs, numbers that fit a double) and reads only what the gateway
 * decides on.  Keys are compared after decoding, exactly.  At a level that is
 * read, a duplicate key is an error, since peers differ in which one they take,
 * and so is a key that is one only to peers that ignore case, as Go's
 * encoding/json does, or that end it at a NUL.
 */

#ifndef _MCP_RPC_H_INCLUDED_
#define _MCP_RPC_H_INCLUDED_


#include "mcp_base.h"


#define MCP_RPC_DEPTH_MAX         128
#define MCP_RPC_BATCH_MAX         100
#define MCP_RPC_ID_MAX_LEN        256
#define MCP_RPC_METHOD_MAX_LEN    128
#define MCP_RPC_NAME_MAX_LEN      1024
#define MCP_RPC_URI_MAX_LEN       4096
#define MCP_RPC_VERSION_MAX_LEN   64
#define MCP_RPC_REF_TYPE_MAX_LEN  64

#define MCP_RPC_SUBSCRIPTIONS_MAX        256
#define MCP_RPC_SUBSCRIPTIONS_MAX_BYTES  32768


typedef enum {
    MCP_RPC_REQUEST,                /* method and id */
    MCP_RPC_NOTIFICATION,           /* method, no id */
    MCP_RPC_RESPONSE                /* id, and result or error */
} mcp_rpc_kind_e;


/*
 * One message.  id: the token as it stood ("7", "\"a\"", "null"), so that it
 * can be echoed; the rest is decoded.  Data is NULL for what was absent;
 * an empty string has data and length 0.
 *
 * From task_id on, what is no string, is too long or has a NUL is as if it
 * was absent: methods that are not MCP's may mean other things by these keys.
 * subscriptions: params.notifications.resourceSubscriptions; subscriptions_read
 * is false when there may be others, or they are not what MCP says.  no_tasks
 * is false when params.notifications.taskIds names some, or might.
 */
typedef struct {
    mcp_rpc_kind_e    kind;
    mcp_str_t         id;
    mcp_str_t         method;
    mcp_str_t         name;             /* params.name */
    mcp_str_t         uri;              /* params.uri */
    mcp_str_t         protocol_version; /* params._meta["io.modelcontext
                                           protocol/protocolVersion"] */
    mcp_str_t         task_id;          /* params.taskId */
    mcp_str_t         ref_type;         /* params.ref.type */
    mcp_str_t         ref_name;
    mcp_str_t         ref_uri;
    const mcp_str_t  *subscriptions;
    size_t            nsubscriptions;
    bool              subscriptions_read;
    bool              no_tasks;
} mcp_rpc_message_t;


typedef enum {
    MCP_RPC_DONE,
    MCP_RPC_PARSE_ERROR,                /* not JSON: -32700 */
    MCP_RPC_INVALID,                    /* not a JSON-RPC message: -32600 */
    MCP_RPC_STOPPED                     /* the handler returned MCP_ERROR */
} mcp_rpc_result_e;


/*
 * Called for every complete message; its strings live until the call
 * returns, except that those of the last message live until the next feed.
 */
typedef int (*mcp_rpc_handler_pt)(void *data,
    const mcp_rpc_message_t *message);

typedef struct mcp_rpc_scanner_s  mcp_rpc_scanner_t;


/* Bytes of a scanner, for callers that place it in memory of their own. */
size_t mcp_rpc_scanner_size(void);

/* memory: mcp_rpc_scanner_size() bytes, aligned as malloc() would. */
mcp_rpc_scanner_t *mcp_rpc_init(void *memory, mcp_rpc_handler_pt handler,
    void *data);

/*
 * Returns MCP_RPC_DONE when more input is welcome.  MCP_RPC_INVALID comes
 * from mcp_rpc_finish() only: up to then the body may prove to be no JSON,
 * and the id may still come.  No message is handed over from the first
 * invalid one on.
 */
mcp_rpc_result_e mcp_rpc_feed(mcp_rpc_scanner_t *scanner, const char *text,
    size_t len);

/* The end of the body; the verdict over all of it. */
mcp_rpc_result_e mcp_rpc_finish(mcp_rpc_scanner_t *scanner);

bool mcp_rpc_is_batch(const mcp_rpc_scanner_t *scanner);

/*
 * Offset of the byte that made the body wrong, and what was wrong, in words
 * that hold nothing of the body; NULL when nothing was.
 */
size_t mcp_rpc_error_offset(const mcp_rpc_scanner_t *scanner);
const char *mcp_rpc_error(const mcp_rpc_scanner_t *scanner);

/*
 * The id of the top-level message as far as it is known, also after an
 * error: len 0 when it is not, when there were two, and for a batch.
 */
mcp_str_t mcp_rpc_id(const mcp_rpc_scanner_t *scanner);

/*
 * One of a closed list of MCP's client-to-server methods, or "other": a
 * label whose cardinality clients cannot grow.
 */
const char *mcp_rpc_method_label(const char *method, size_t len);

/*
 * All labels by number, for counters: the methods, "other", "response" for
 * what answers a server, and "none" where no message was read.
 */
#define MCP_RPC_LABELS  28

const char *mcp_rpc_label(size_t number);

/* NULL, and what is no label, have the number of "none". */
size_t mcp_rpc_label_number(const char *label);


#endif /* _MCP_RPC_H_INCLUDED_ */
