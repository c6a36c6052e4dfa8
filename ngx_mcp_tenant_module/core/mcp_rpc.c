/*
 * The JSON-RPC envelope: where messages begin and end in a body, and what
 * makes each a request, a notification, a response or none of them.  The JSON
 * itself is mcp_json_scan's.
 */

#include "mcp_rpc_parts.h"

#include <string.h>


_Static_assert(MCP_RPC_DEPTH_MAX == MCP_JSON_DEPTH_MAX, "one limit");


static mcp_rpc_result_e mcp_rpc_result(mcp_rpc_scanner_t *scanner, int rc);
static int mcp_rpc_event(void *data, mcp_json_event_e event,
    const mcp_str_t *text);
static int mcp_rpc_document(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event);
static int mcp_rpc_element(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event);
static void mcp_rpc_begin(mcp_rpc_scanner_t *scanner);
static int mcp_rpc_end(mcp_rpc_scanner_t *scanner);
static int mcp_rpc_message_end(mcp_rpc_scanner_t *scanner);
static const char *mcp_rpc_message_check(mcp_rpc_scanner_t *scanner);


size_t
mcp_rpc_scanner_size(void)
{
    return sizeof(mcp_rpc_scanner_t);
}


mcp_rpc_scanner_t *
mcp_rpc_init(void *memory, mcp_rpc_handler_pt handler, void *data)
{
    mcp_rpc_scanner_t  *scanner;

    scanner = memory;

    /* what is of a message is set where that begins, the buffers are large */

    scanner->handler = handler;
    scanner->data = data;
    scanner->result = MCP_RPC_DONE;
    scanner->level = LEVEL_DOCUMENT;
    scanner->count = 0;
    scanner->is_batch = false;
    scanner->invalid = NULL;
    scanner->invalid_offset = 0;
    scanner->message.id.len = 0;
    scanner->message.id.data = NULL;

    mcp_json_scan_init(&scanner->json, mcp_rpc_event, scanner);

    return scanner;
}


mcp_rpc_result_e
mcp_rpc_feed(mcp_rpc_scanner_t *scanner, const char *text, size_t len)
{
    if (scanner->result != MCP_RPC_DONE) {
        return scanner->result;
    }

    return mcp_rpc_result(scanner,
                          mcp_json_scan_feed(&scanner->json, text, len));
}


mcp_rpc_result_e
mcp_rpc_finish(mcp_rpc_scanner_t *scanner)
{
    mcp_rpc_result_e  result;

    if (scanner->result != MCP_RPC_DONE) {
        return scanner->result;
    }

    result = mcp_rpc_result(scanner, mcp_json_scan_finish(&scanner->json));

    if (result == MCP_RPC_DONE && scanner->invalid) {
        scanner->result = MCP_RPC_INVALID;
    }

    return scanner->result;
}


static mcp_rpc_result_e
mcp_rpc_result(mcp_rpc_scanner_t *scanner, int rc)
{
    if (rc != MCP_OK) {
        scanner->result = mcp_json_scan_error(&scanner->json)
                          ? MCP_RPC_PARSE_ERROR : MCP_RPC_STOPPED;
    }

    return scanner->result;
}


bool
mcp_rpc_is_batch(const mcp_rpc_scanner_t *scanner)
{
    return scanner->is_batch;
}


size_t
mcp_rpc_error_offset(const mcp_rpc_scanner_t *scanner)
{
    return mcp_json_scan_error(&scanner->json)
           ? mcp_json_scan_error_offset(&scanner->json)
           : scanner->invalid_offset;
}


const char *
mcp_rpc_error(const mcp_rpc_scanner_t *scanner)
{
    const char  *error;

    error = mcp_json_scan_error(&scanner->json);

    return error ? error : scanner->invalid;
}


mcp_str_t
mcp_rpc_id(const mcp_rpc_scanner_t *scanner)
{
    static const mcp_str_t  none;

    return scanner->is_batch ? none : scanner->message.id;
}


static int
mcp_rpc_event(void *data, mcp_json_event_e event, const mcp_str_t *text)
{
    mcp_rpc_scanner_t  *scanner;

    scanner = data;

    switch (event) {

    case MCP_JSON_END:
        return mcp_rpc_end(scanner);

    case MCP_JSON_KEY:
        mcp_rpc_key(scanner, text);
        return MCP_OK;

    default:
        break;
    }

    switch (scanner->level) {

    case LEVEL_DOCUMENT:
        return mcp_rpc_document(scanner, event);

    case LEVEL_BATCH:
        return mcp_rpc_element(scanner, event);

    case LEVEL_SUBSCRIPTIONS:
        mcp_rpc_subscription(scanner, event, text);
        return MCP_OK;

    case LEVEL_TASKS:
        scanner->message.no_tasks = false;
        return MCP_OK;

    default:
        mcp_rpc_value(scanner, event, text);
        return MCP_OK;
    }
}


static int
mcp_rpc_document(mcp_rpc_scanner_t *scanner, mcp_json_event_e event)
{
    switch (event) {

    case MCP_JSON_OBJECT:
        mcp_rpc_begin(scanner);
        break;

    case MCP_JSON_ARRAY:
        scanner->is_batch = true;
        mcp_rpc_enter(scanner, LEVEL_BATCH);
        break;

    default:
        mcp_rpc_invalid(scanner, "the body is neither a message nor a batch");
        break;
    }

    return MCP_OK;
}


static int
mcp_rpc_element(mcp_rpc_scanner_t *scanner, mcp_json_event_e event)
{
    if (++scanner->count > MCP_RPC_BATCH_MAX) {
        mcp_rpc_invalid(scanner, "the batch has more than 100 elements");

    } else if (event != MCP_JSON_OBJECT) {
        mcp_rpc_invalid(scanner, "an element of the batch is not a message");

    } else {
        mcp_rpc_begin(scanner);
    }

    return MCP_OK;
}


static void
mcp_rpc_begin(mcp_rpc_scanner_t *scanner)
{
    memset(&scanner->message, 0, sizeof(mcp_rpc_message_t));

    scanner->message.subscriptions = scanner->subscriptions;
    scanner->message.subscriptions_read = true;
    scanner->message.no_tasks = true;

    scanner->seen = 0;
    scanner->id_is_null = false;
    scanner->uris_len = 0;

    mcp_rpc_enter(scanner, LEVEL_MESSAGE);
}


void
mcp_rpc_enter(mcp_rpc_scanner_t *scanner, mcp_rpc_level_e level)
{
    scanner->level = level;
    mcp_json_scan_enter(&scanner->json);
}


static int
mcp_rpc_end(mcp_rpc_scanner_t *scanner)
{
    switch (scanner->level) {

    case LEVEL_SUBSCRIPTIONS:
    case LEVEL_TASKS:
        scanner->level = LEVEL_NOTIFICATIONS;
        return MCP_OK;

    case LEVEL_META:
    case LEVEL_REF:
    case LEVEL_NOTIFICATIONS:
        scanner->level = LEVEL_PARAMS;
        return MCP_OK;

    case LEVEL_PARAMS:
        scanner->level = LEVEL_MESSAGE;
        return MCP_OK;

    case LEVEL_MESSAGE:
        scanner->level = scanner->is_batch ? LEVEL_BATCH : LEVEL_DOCUMENT;
        return mcp_rpc_message_end(scanner);

    default: /* LEVEL_BATCH */

        scanner->level = LEVEL_DOCUMENT;

        if (scanner->count == 0) {
            mcp_rpc_invalid(scanner, "the batch is empty");
        }

        return MCP_OK;
    }
}


static int
mcp_rpc_message_end(mcp_rpc_scanner_t *scanner)
{
    const char  *error;

    error = mcp_rpc_message_check(scanner);
    if (error) {
        mcp_rpc_invalid(scanner, error);
    }

    if (scanner->invalid) {
        return MCP_OK;
    }

    return scanner->handler(scanner->data, &scanner->message);
}


static const char *
mcp_rpc_message_check(mcp_rpc_scanner_t *scanner)
{
    bool                has_id, has_result, has_error;
    mcp_rpc_message_t  *message;

    message = &scanner->message;

    has_id = scanner->seen & mcp_rpc_bit(MEMBER_ID);
    has_result = scanner->seen & mcp_rpc_bit(MEMBER_RESULT);
    has_error = scanner->seen & mcp_rpc_bit(MEMBER_ERROR);

    if (!(scanner->seen & mcp_rpc_bit(MEMBER_JSONRPC))) {
        return "\"jsonrpc\" is missing";
    }

    if (scanner->seen & mcp_rpc_bit(MEMBER_METHOD)) {

        if (has_result || has_error) {
            return "a message with \"method\" has a result or an error";
        }

        /* JSON-RPC discourages it, MCP forbids it */

        if (scanner->id_is_null) {
            return "the \"id\" of a request is null";
        }

        message->kind = has_id ? MCP_RPC_REQUEST : MCP_RPC_NOTIFICATION;

        return NULL;
    }

    if (!has_result && !has_error) {
        return "the message has no \"method\", no \"result\" and no "
               "\"error\"";
    }

    if (has_result && has_error) {
        return "a response has a result and an error";
    }

    if (!has_id) {
        return "a response has no \"id\"";
    }

    if (scanner->id_is_null && has_result) {
        return "the \"id\" of a result is null";
    }

    message->kind = MCP_RPC_RESPONSE;

    return NULL;
}


/* The first reason stays: it is the one a person should mend. */

void
mcp_rpc_invalid(mcp_rpc_scanner_t *scanner, const char *error)
{
    if (scanner->invalid == NULL) {
        scanner->invalid = error;
        scanner->invalid_offset = mcp_json_scan_offset(&scanner->json);
    }
}
