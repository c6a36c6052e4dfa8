/*
 * The members of a JSON-RPC message that are read: one table, and what their
 * values may be.
 */

#include "mcp_rpc_parts.h"

#include <string.h>


#define MCP_RPC_PROTOCOL_VERSION_KEY  "io.modelcontextprotocol/protocolVersion"


_Static_assert(sizeof(MCP_RPC_PROTOCOL_VERSION_KEY)
               <= MCP_JSON_KEY_MAX_LEN + 1, "every key that is read fits");
_Static_assert(MCP_JSON_KEY_MAX_LEN < 64, "every length of a key has a bit");
_Static_assert(sizeof(mcp_rpc_scanner_t) <= UINT16_MAX, "every offset fits");
_Static_assert(MEMBER_COUNT <= 32, "every member has a bit");


/*
 * size, buffer: where a string value is kept, offset in the scanner; value:
 * where it is told, offset in the message.  The last three are what is wrong
 * with a value that should be a string; where they are NULL, such a value is
 * as if it was absent.
 */
typedef struct {
    mcp_str_t         key;
    uint16_t          size;
    uint16_t          buffer;
    uint16_t          value;
    const char       *duplicate;
    const char       *no_string;
    const char       *too_long;
    const char       *has_nul;
} mcp_rpc_field_t;

#define mcp_rpc_length(len)     (UINT64_C(1) << (len))
#define mcp_rpc_length_of(key)  mcp_rpc_length(sizeof(key) - 1)

#define mcp_rpc_buffer(field)                                                 \
    sizeof(((mcp_rpc_scanner_t *) 0)->field),                                 \
    offsetof(mcp_rpc_scanner_t, field)


static mcp_rpc_member_e mcp_rpc_member(mcp_rpc_level_e level,
    const mcp_str_t *key, bool *ret_exact);
static mcp_rpc_member_e mcp_rpc_member_folded(mcp_rpc_level_e level,
    const mcp_str_t *key);
static bool mcp_rpc_plain(const mcp_str_t *key);
static bool mcp_rpc_folds(const mcp_str_t *key, const mcp_str_t *known);
static int mcp_rpc_lower(int c);
static void mcp_rpc_value_jsonrpc(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event, const mcp_str_t *text);
static void mcp_rpc_value_id(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event, const mcp_str_t *text);
static void mcp_rpc_value_params(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event);
static void mcp_rpc_value_string(mcp_rpc_scanner_t *scanner,
    mcp_json_event_e event, const mcp_str_t *text);
static void mcp_rpc_subscription_next(mcp_rpc_scanner_t *scanner);


static const mcp_rpc_field_t  mcp_rpc_fields[MEMBER_COUNT] = {
    [MEMBER_JSONRPC] = { mcp_str("jsonrpc"), mcp_rpc_buffer(jsonrpc), 0,
        "\"jsonrpc\" is there twice", NULL, NULL, NULL },

    [MEMBER_ID] = { mcp_str("id"), mcp_rpc_buffer(id), 0,
        "\"id\" is there twice", NULL, NULL, NULL },

    [MEMBER_METHOD] = { mcp_str("method"),
        mcp_rpc_buffer(method), offsetof(mcp_rpc_message_t, method),
        "\"method\" is there twice",
        "\"method\" is not a string",
        "\"method\" is longer than 128 bytes",
        "\"method\" has a NUL in it" },

    [MEMBER_PARAMS] = { mcp_str("params"), 0, 0, 0,
        "\"params\" is there twice", NULL, NULL, NULL },

    [MEMBER_RESULT] = { mcp_str("result"), 0, 0, 0,
        "\"result\" is there twice", NULL, NULL, NULL },

    [MEMBER_ERROR] = { mcp_str("error"), 0, 0, 0,
        "\"error\" is there twice", NULL, NULL, NULL },

    [MEMBER_NAME] = { mcp_str("name"),
        mcp_rpc_buffer(name), offsetof(mcp_rpc_message_t, name),
        "\"params.name\" is there twice",
        "\"params.name\" is not a string",
        "\"params.name\" is longer than 1024 bytes",
        "\"params.name\" has a NUL in it" },

    [MEMBER_URI] = { mcp_str("uri"),
        mcp_rpc_buffer(uri), offsetof(mcp_rpc_message_t, uri),
        "\"params.uri\" is there twice",
        "\"params.uri\" is not a string",
        "\"params.uri\" is longer than 4096 bytes",
        "\"params.uri\" has a NUL in it" },

    [MEMBER_TASK_ID] = { mcp_str("taskId"),
        mcp_rpc_buffer(task_id), offsetof(mcp_rpc_message_t, task_id),
        "\"params.taskId\" is there twice", NULL, NULL, NULL },

    [MEMBER_META] = { mcp_str("_meta"), 0, 0, 0,
        "\"params._meta\" is there twice", NULL, NULL, NULL },

    [MEMBER_REF] = { mcp_str("ref"), 0, 0, 0,
        "\"params.ref\" is there twice", NULL, NULL, NULL },

    [MEMBER_NOTIFICATIONS] = { mcp_str("notifications"), 0, 0, 0,
        "\"params.notifications\" is there twice", NULL, NULL, NULL },

    [MEMBER_PROTOCOL_VERSION] = { mcp_str(MCP_RPC_PROTOCOL_VERSION_KEY),
        mcp_rpc_buffer(protocol_version),
        offsetof(mcp_rpc_message_t, protocol_version),
        "the protocol version in \"params._meta\" is there twice",
        "the protocol version in \"params._meta\" is not a string",
        "the protocol version in \"params._meta\" is longer than 64 bytes",
        "the protocol version in \"params._meta\" has a NUL in it" },

    [MEMBER_REF_TYPE] = { mcp_str("type"),
        mcp_rpc_buffer(ref_type), offsetof(mcp_rpc_message_t, ref_type),
        "\"params.ref.type\" is there twice", NULL, NULL, NULL },

    [MEMBER_REF_NAME] = { mcp_str("name"),
        mcp_rpc_buffer(ref_name), offsetof(mcp_rpc_message_t, ref_name),
        "\"params.ref.name\" is there twice", NULL, NULL, NULL },

    [MEMBER_REF_URI] = { mcp_str("uri"),
        mcp_rpc_buffer(ref_uri), offsetof(mcp_rpc_message_t, ref_uri),
        "\"params.ref.uri\" is there twice", NULL, NULL, NULL },

    [MEMBER_SUBSCRIPTIONS] = { mcp_str("resourceSubscriptions"), 0, 0, 0,
        "\"resourceSubscriptions\" is there twice", NULL, NULL, NULL },

    [MEMBER_TASKS] = { mcp_str("taskIds"), 0, 0, 0,
        "\"taskIds\" is there twice", NULL, NULL, NULL }
};

/* Those of a level end where those of the next begin. */

static const uint8_t  mcp_rpc_first[LEVEL_COUNT] = {
    [LEVEL_MESSAGE] = MEMBER_JSONRPC, [LEVEL_PARAMS] = MEMBER_NAME,
    [LEVEL_META] = MEMBER_PROTOCOL_VERSION, [LEVEL_REF] = MEMBER_REF_TYPE,
    [LEVEL_NOTIFICATIONS] = MEMBER_SUBSCRIPTIONS,
    [LEVEL_SUBSCRIPTIONS] = MEMBER_COUNT, [LEVEL_TASKS] = MEMBER_COUNT
};

/* The lengths of their keys, since most keys are none of them. */

static const uint64_t  mcp_rpc_lengths[LEVEL_COUNT] = {
    [LEVEL_MESSAGE] = mcp_rpc_length_of("jsonrpc") | mcp_rpc_length_of("id")
                      | mcp_rpc_length_of("method")
                      | mcp_rpc_length_of("params")
                      | mcp_rpc_length_of("result")
                      | mcp_rpc_length_of("error"),
    [LEVEL_PARAMS] = mcp_rpc_length_of("name") | mcp_rpc_length_of("uri")
                     | mcp_rpc_length_of("taskId") | mcp_rpc_length_of("_meta")
                     | mcp_rpc_length_of("ref")
                     | mcp_rpc_length_of("notifications"),
    [LEVEL_META] = mcp_rpc_length_of(MCP_RPC_PROTOCOL_VERSION_KEY),
    [LEVEL_REF] = mcp_rpc_length_of("type") | mcp_rpc_length_of("name")
                  | mcp_rpc_length_of("uri"),
    [LEVEL_NOTIFICATIONS] = mcp_rpc_length_of("resourceSubscriptions")
                            | mcp_rpc_length_of("taskIds")
};


void
mcp_rpc_key(mcp_rpc_scanner_t *scanner, const mcp_str_t *key)
{
    bool                    exact;
    uint32_t                bit;
    mcp_str_t               start;
    const char             *error;
    mcp_rpc_member_e        i;
    const mcp_rpc_field_t  *field;

    if (key->data == NULL) {
        start = mcp_json_scan_long_key(&scanner->json);

        if (memchr(start.data, '\0', start.len)) {
            key = &start;
        }
    }

    i = mcp_rpc_member(scanner->level, key, &exact);

    if (i == MEMBER_OTHER) {
        scanner->member = MEMBER_OTHER;
        return;
    }

    error = exact ? NULL : "some readers take a key for one that is read";

    bit = mcp_rpc_bit(i);
    field = &mcp_rpc_fields[i];

    if (scanner->seen & bit) {
        error = field->duplicate;
    }

    scanner->seen |= bit;

    if (error) {
        mcp_rpc_invalid(scanner, error);

        if (i == MEMBER_ID) {
            memset(&scanner->message.id, 0, sizeof(mcp_str_t));
        }

        scanner->member = MEMBER_OTHER;
        return;
    }

    scanner->member = i;

    if (field->size) {
        mcp_json_scan_capture(&scanner->json,
                              (char *) scanner + field->buffer, field->size,
                              i == MEMBER_ID ? MCP_JSON_RAW
                                             : MCP_JSON_DECODED);
    }
}


/* A key without data, which was too long, is none of those that are read. */

static mcp_rpc_member_e
mcp_rpc_member(mcp_rpc_level_e level, const mcp_str_t *key, bool *ret_exact)
{
    uint64_t           lengths;
    mcp_rpc_member_e   i;
    const mcp_str_t   *known;

    if (key->data == NULL) {
        return MEMBER_OTHER;
    }

    lengths = mcp_rpc_lengths[level];

    if (!(lengths & mcp_rpc_length(key->len))) {

        /* what folds to ASCII is longer in UTF-8, as is what a NUL cuts */

        if (!(lengths & (mcp_rpc_length(key->len) - 1))
            || mcp_rpc_plain(key))
        {
            return MEMBER_OTHER;
        }

        *ret_exact = false;

        return mcp_rpc_member_folded(level, key);
    }

    for (i = mcp_rpc_first[level]; i < mcp_rpc_first[level + 1]; i++) {
        known = &mcp_rpc_fields[i].key;

        if (known->len == key->len
            && memcmp(known->data, key->data, key->len) == 0)
        {
            *ret_exact = true;
            return i;
        }
    }

    *ret_exact = false;

    return mcp_rpc_member_folded(level, key);
}


static mcp_rpc_member_e
mcp_rpc_member_folded(mcp_rpc_level_e level, const mcp_str_t *key)
{
    mcp_rpc_member_e  i;

    for (i = mcp_rpc_first[level]; i < mcp_rpc_first[level + 1]; i++) {
        if (mcp_rpc_folds(key, &mcp_rpc_fields[i].key)) {
            return i;
        }
    }

    return MEMBER_OTHER;
}


/* ASCII, and no NUL: taking 1 from that sets its highest bit. */

static bool
mcp_rpc_plain(const mcp_str_t *key)
{
    size_t    i;
    uint64_t  bytes, all;

    all = 0;

    for (i = 0; key->len - i >= sizeof(bytes); i += sizeof(bytes)) {
        memcpy(&bytes, key->data + i, sizeof(bytes));
        all |= bytes | (bytes - UINT64_C(0x0101010101010101));
    }

    for ( /* void */ ; i < key->len; i++) {
        bytes = (unsigned char) key->data[i];
        all |= bytes | (bytes - 1);
    }

    return (all & UINT64_C(0x8080808080808080)) == 0;
}


/*
 * All that ASCII letters fold to: Unicode has the long s and the Kelvin sign,
 * and by some tables the capital i with a dot and the small one without.  To
 * readers with C strings a key ends at a NUL.
 */

static bool
mcp_rpc_folds(const mcp_str_t *key, const mcp_str_t *known)
{
    size_t       i, j, n;
    const char  *p, *last;

    static const struct {
        char       letter;
        mcp_str_t  text;
    } folded[] = {
        { 's', mcp_str("\xc5\xbf") },
        { 'k', mcp_str("\xe2\x84\xaa") },
        { 'i', mcp_str("\xc4\xb0") },
        { 'i', mcp_str("\xc4\xb1") }
    };

    if (key->len < known->len) {
        return false;
    }

    p = key->data;
    last = p + key->len;

    for (i = 0; i < known->len; i++) {

        if (p < last && mcp_rpc_lower(*p) == mcp_rpc_lower(known->data[i])) {
            p++;
            continue;
        }

        n = 0;

        for (j = 0; j < sizeof(folded) / sizeof(folded[0]) && n == 0; j++) {
            if (mcp_rpc_lower(known->data[i]) == folded[j].letter
                && (size_t) (last - p) >= folded[j].text.len
                && memcmp(p, folded[j].text.data, folded[j].text.len) == 0)
            {
                n = folded[j].text.len;
            }
        }

        if (n == 0) {
            return false;
        }

        p += n;
    }

    return p == last || *p == '\0';
}


static int
mcp_rpc_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}


void
mcp_rpc_value(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text)
{
    switch (scanner->member) {

    case MEMBER_OTHER:
    case MEMBER_RESULT:
    case MEMBER_ERROR:
        break;

    case MEMBER_JSONRPC:
        mcp_rpc_value_jsonrpc(scanner, event, text);
        break;

    case MEMBER_ID:
        mcp_rpc_value_id(scanner, event, text);
        break;

    case MEMBER_PARAMS:
        mcp_rpc_value_params(scanner, event);
        break;

    case MEMBER_META:

        if (event == MCP_JSON_OBJECT) {
            mcp_rpc_enter(scanner, LEVEL_META);
        }

        break;

    case MEMBER_REF:

        if (event == MCP_JSON_OBJECT) {
            mcp_rpc_enter(scanner, LEVEL_REF);
        }

        break;

    case MEMBER_NOTIFICATIONS:

        if (event == MCP_JSON_OBJECT) {
            mcp_rpc_enter(scanner, LEVEL_NOTIFICATIONS);

        } else {
            scanner->message.subscriptions_read = false;
            scanner->message.no_tasks = false;
        }

        break;

    case MEMBER_SUBSCRIPTIONS:

        if (event == MCP_JSON_ARRAY) {
            mcp_rpc_enter(scanner, LEVEL_SUBSCRIPTIONS);
            mcp_rpc_subscription_next(scanner);

        } else {
            scanner->message.subscriptions_read = false;
        }

        break;

    case MEMBER_TASKS:

        if (event == MCP_JSON_ARRAY) {
            mcp_rpc_enter(scanner, LEVEL_TASKS);

        } else {
            scanner->message.no_tasks = false;
        }

        break;

    default:
        mcp_rpc_value_string(scanner, event, text);
        break;
    }
}


static void
mcp_rpc_value_jsonrpc(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text)
{
    if (event != MCP_JSON_STRING || text->len != 3
        || memcmp(text->data, "2.0", 3) != 0)
    {
        mcp_rpc_invalid(scanner, "\"jsonrpc\" is not \"2.0\"");
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
        mcp_rpc_enter(scanner, LEVEL_PARAMS);
        break;

    case MCP_JSON_ARRAY:
        scanner->message.subscriptions_read = false;
        scanner->message.no_tasks = false;
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
    mcp_str_t              *value;
    const char             *error;
    const mcp_rpc_field_t  *field;

    field = &mcp_rpc_fields[scanner->member];

    if (event != MCP_JSON_STRING) {
        error = field->no_string;

    } else if (text->data == NULL) {
        error = field->too_long;

    } else if (memchr(text->data, '\0', text->len)) {
        error = field->has_nul;

    } else {
        value = (mcp_str_t *) ((char *) &scanner->message + field->value);
        *value = *text;
        return;
    }

    if (error) {
        mcp_rpc_invalid(scanner, error);
    }
}


/* After one that is not read, no other counts, and none is kept. */

void
mcp_rpc_subscription(mcp_rpc_scanner_t *scanner, mcp_json_event_e event,
    const mcp_str_t *text)
{
    mcp_rpc_message_t  *message;

    message = &scanner->message;

    if (event != MCP_JSON_STRING || text->data == NULL
        || memchr(text->data, '\0', text->len))
    {
        message->subscriptions_read = false;
        return;
    }

    scanner->subscriptions[message->nsubscriptions++] = *text;
    scanner->uris_len += text->len + 1;

    mcp_rpc_subscription_next(scanner);
}


static void
mcp_rpc_subscription_next(mcp_rpc_scanner_t *scanner)
{
    size_t  room;

    room = sizeof(scanner->uris) - scanner->uris_len;

    if (room == 0
        || scanner->message.nsubscriptions == MCP_RPC_SUBSCRIPTIONS_MAX)
    {
        return;
    }

    if (room > MCP_RPC_URI_MAX_LEN + 1) {
        room = MCP_RPC_URI_MAX_LEN + 1;
    }

    mcp_json_scan_capture(&scanner->json, scanner->uris + scanner->uris_len,
                          room, MCP_JSON_DECODED);
}
