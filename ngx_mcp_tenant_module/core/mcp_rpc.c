/*
 * The JSON-RPC envelope: which members of a message are read, and what makes
 * it a request, a notification, a response or none of them.  The JSON itself
 * is mcp_json_scan's.
 */

#include "mcp_rpc.h"

#include "mcp_json_scan.h"

#include <string.h>


#define MCP_RPC_PROTOCOL_VERSION_KEY  "io.modelcontextprotocol/protocolVersion"

#define mcp_rpc_bit(member)  (1u << (member))


_Static_assert(MCP_RPC_DEPTH_MAX == MCP_JSON_DEPTH_MAX, "one limit");
_Static_assert(sizeof(MCP_RPC_PROTOCOL_VERSION_KEY)
               <= MCP_JSON_KEY_MAX_LEN + 1, "every key that is read fits");


typedef enum {
    LEVEL_DOCUMENT,
    LEVEL_BATCH,
    LEVEL_MESSAGE,
    LEVEL_PARAMS,
    LEVEL_META,
    LEVEL_COUNT
} mcp_rpc_level_e;


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
    MEMBER_META,
    MEMBER_PROTOCOL_VERSION,
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
    mcp_rpc_message_t    message;
    mcp_json_scan_t      json;
    char                 jsonrpc[sizeof("2.0")];
    char                 id[MCP_RPC_ID_MAX_LEN + 1];
    char                 method[MCP_RPC_METHOD_MAX_LEN + 1];
    char                 name[MCP_RPC_NAME_MAX_LEN + 1];
    char                 uri[MCP_RPC_URI_MAX_LEN + 1];
    char                 protocol_version[MCP_RPC_VERSION_MAX_LEN + 1];
};


/*
 * size, buffer: where a string value is kept, offset in the scanner; value:
 * where it is told, offset in the message.  The last three are what is wrong
 * with a value that should be a string.
 */
typedef struct {
    mcp_str_t         key;
    mcp_rpc_level_e   level;
    uint16_t          size;
    uint16_t          buffer;
    uint16_t          value;
    const char       *duplicate;
    const char       *no_string;
    const char       *too_long;
    const char       *has_nul;
} mcp_rpc_member_t;

#define mcp_rpc_buffer(field)                                                 \
    sizeof(((mcp_rpc_scanner_t *) 0)->field),                                 \
    offsetof(mcp_rpc_scanner_t, field)


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
static void mcp_rpc_key(mcp_rpc_scanner_t *scanner, const mcp_str_t *key);
static mcp_rpc_member_e mcp_rpc_member(mcp_rpc_level_e level,
    const mcp_str_t *key);
static void mcp_rpc_value(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text);
static void mcp_rpc_value_id(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event, const mcp_str_t *text);
static void mcp_rpc_value_params(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event);
static void mcp_rpc_value_string(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event, const mcp_str_t *text);
static void mcp_rpc_invalid(mcp_rpc_scanner_t *scanner, const char *error);


static const mcp_rpc_member_t  mcp_rpc_members[MEMBER_COUNT] = {
    [MEMBER_OTHER] = { .level = LEVEL_COUNT },

    [MEMBER_JSONRPC] = { mcp_str("jsonrpc"), LEVEL_MESSAGE,
        mcp_rpc_buffer(jsonrpc), 0,
        "\"jsonrpc\" is there twice", NULL, NULL, NULL },

    [MEMBER_ID] = { mcp_str("id"), LEVEL_MESSAGE, mcp_rpc_buffer(id), 0,
        "\"id\" is there twice", NULL, NULL, NULL },

    [MEMBER_METHOD] = { mcp_str("method"), LEVEL_MESSAGE,
        mcp_rpc_buffer(method), offsetof(mcp_rpc_message_t, method),
        "\"method\" is there twice",
        "\"method\" is not a string",
        "\"method\" is longer than 128 bytes",
        "\"method\" has a NUL in it" },

    [MEMBER_PARAMS] = { mcp_str("params"), LEVEL_MESSAGE, 0, 0, 0,
        "\"params\" is there twice", NULL, NULL, NULL },

    [MEMBER_RESULT] = { mcp_str("result"), LEVEL_MESSAGE, 0, 0, 0,
        "\"result\" is there twice", NULL, NULL, NULL },

    [MEMBER_ERROR] = { mcp_str("error"), LEVEL_MESSAGE, 0, 0, 0,
        "\"error\" is there twice", NULL, NULL, NULL },

    [MEMBER_NAME] = { mcp_str("name"), LEVEL_PARAMS,
        mcp_rpc_buffer(name), offsetof(mcp_rpc_message_t, name),
        "\"params.name\" is there twice",
        "\"params.name\" is not a string",
        "\"params.name\" is longer than 1024 bytes",
        "\"params.name\" has a NUL in it" },

    [MEMBER_URI] = { mcp_str("uri"), LEVEL_PARAMS,
        mcp_rpc_buffer(uri), offsetof(mcp_rpc_message_t, uri),
        "\"params.uri\" is there twice",
        "\"params.uri\" is not a string",
        "\"params.uri\" is longer than 4096 bytes",
        "\"params.uri\" has a NUL in it" },

    [MEMBER_META] = { mcp_str("_meta"), LEVEL_PARAMS, 0, 0, 0,
        "\"params._meta\" is there twice", NULL, NULL, NULL },

    [MEMBER_PROTOCOL_VERSION] = { mcp_str(MCP_RPC_PROTOCOL_VERSION_KEY),
        LEVEL_META, mcp_rpc_buffer(protocol_version),
        offsetof(mcp_rpc_message_t, protocol_version),
        "the protocol version in \"params._meta\" is there twice",
        "the protocol version in \"params._meta\" is not a string",
        "the protocol version in \"params._meta\" is longer than 64 bytes",
        "the protocol version in \"params._meta\" has a NUL in it" }
};


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

    /* the buffers are written before they are read, and large */

    memset(scanner, 0, offsetof(mcp_rpc_scanner_t, json));

    scanner->handler = handler;
    scanner->data = data;

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

    if (event == MCP_JSON_END) {
        return mcp_rpc_end(scanner);
    }

    switch (scanner->level) {

    case LEVEL_DOCUMENT:
        return mcp_rpc_document(scanner, event);

    case LEVEL_BATCH:
        return mcp_rpc_element(scanner, event);

    default:

        if (event == MCP_JSON_KEY) {
            mcp_rpc_key(scanner, text);

        } else {
            mcp_rpc_value(scanner, event, text);
        }

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
        scanner->level = LEVEL_BATCH;
        mcp_json_scan_enter(&scanner->json);
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

    scanner->seen = 0;
    scanner->id_is_null = false;
    scanner->level = LEVEL_MESSAGE;

    mcp_json_scan_enter(&scanner->json);
}


static int
mcp_rpc_end(mcp_rpc_scanner_t *scanner)
{
    switch (scanner->level) {

    case LEVEL_META:
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


static void
mcp_rpc_key(mcp_rpc_scanner_t *scanner, const mcp_str_t *key)
{
    uint32_t                 bit;
    mcp_rpc_member_e         i;
    const mcp_rpc_member_t  *member;

    i = mcp_rpc_member(scanner->level, key);
    scanner->member = i;

    if (i == MEMBER_OTHER) {
        return;
    }

    bit = mcp_rpc_bit(i);
    member = &mcp_rpc_members[i];

    if (scanner->seen & bit) {
        mcp_rpc_invalid(scanner, member->duplicate);

        if (i == MEMBER_ID) {
            memset(&scanner->message.id, 0, sizeof(mcp_str_t));
        }

        scanner->member = MEMBER_OTHER;
        return;
    }

    scanner->seen |= bit;

    if (member->size) {
        mcp_json_scan_capture(&scanner->json,
                              (char *) scanner + member->buffer, member->size,
                              i == MEMBER_ID ? MCP_JSON_RAW
                                             : MCP_JSON_DECODED);
    }
}


/* A key that was too long for its buffer is none of those that are read. */

static mcp_rpc_member_e
mcp_rpc_member(mcp_rpc_level_e level, const mcp_str_t *key)
{
    mcp_rpc_member_e         i;
    const mcp_rpc_member_t  *member;

    if (key->data == NULL) {
        return MEMBER_OTHER;
    }

    for (i = MEMBER_OTHER + 1; i < MEMBER_COUNT; i++) {
        member = &mcp_rpc_members[i];

        if (member->level == level && member->key.len == key->len
            && memcmp(member->key.data, key->data, key->len) == 0)
        {
            return i;
        }
    }

    return MEMBER_OTHER;
}


static void
mcp_rpc_value(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text)
{
    switch (scanner->member) {

    case MEMBER_JSONRPC:

        if (event != MCP_JSON_STRING || text->len != 3
            || memcmp(text->data, "2.0", 3) != 0)
        {
            mcp_rpc_invalid(scanner, "\"jsonrpc\" is not \"2.0\"");
        }

        break;

    case MEMBER_ID:
        mcp_rpc_value_id(scanner, event, text);
        break;

    case MEMBER_PARAMS:
        mcp_rpc_value_params(scanner, event);
        break;

    case MEMBER_META:

        if (event == MCP_JSON_OBJECT) {
            scanner->level = LEVEL_META;
            mcp_json_scan_enter(&scanner->json);
        }

        break;

    case MEMBER_METHOD:
    case MEMBER_NAME:
    case MEMBER_URI:
    case MEMBER_PROTOCOL_VERSION:
        mcp_rpc_value_string(scanner, event, text);
        break;

    default:
        break;
    }
}


static void
mcp_rpc_value_id(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text)
{
    mcp_str_t               *id;
    static const mcp_str_t   null = mcp_str("null");

    id = &scanner->message.id;

    switch (event) {

    case MCP_JSON_NULL:
        scanner->id_is_null = true;
        *id = null;
        return;

    case MCP_JSON_STRING:

        if (text->data) {
            *id = *text;
            return;
        }

        break;

    case MCP_JSON_NUMBER:

        if (text->len <= MCP_RPC_ID_MAX_LEN) {
            memcpy(scanner->id, text->data, text->len);
            scanner->id[text->len] = '\0';
            id->data = scanner->id;
            id->len = text->len;
            return;
        }

        break;

    default:
        mcp_rpc_invalid(scanner, "\"id\" is neither a string nor a number");
        return;
    }

    mcp_rpc_invalid(scanner, "\"id\" is longer than 256 bytes");
}


static void
mcp_rpc_value_params(mcp_rpc_scanner_t *scanner, mcp_json_event_e event)
{
    switch (event) {

    case MCP_JSON_OBJECT:
        scanner->level = LEVEL_PARAMS;
        mcp_json_scan_enter(&scanner->json);
        break;

    case MCP_JSON_ARRAY:
        break;

    default:
        mcp_rpc_invalid(scanner, "\"params\" is neither an object nor an "
                        "array");
        break;
    }
}


static void
mcp_rpc_value_string(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text)
{
    mcp_str_t               *value;
    const mcp_rpc_member_t  *member;

    member = &mcp_rpc_members[scanner->member];

    if (event != MCP_JSON_STRING) {
        mcp_rpc_invalid(scanner, member->no_string);

    } else if (text->data == NULL) {
        mcp_rpc_invalid(scanner, member->too_long);

    } else if (memchr(text->data, '\0', text->len)) {
        mcp_rpc_invalid(scanner, member->has_nul);

    } else {
        value = (mcp_str_t *) ((char *) &scanner->message + member->value);
        *value = *text;
    }
}


/* The first reason stays: it is the one a person should mend. */

static void
mcp_rpc_invalid(mcp_rpc_scanner_t *scanner, const char *error)
{
    if (scanner->invalid == NULL) {
        scanner->invalid = error;
        scanner->invalid_offset = mcp_json_scan_offset(&scanner->json);
    }
}
