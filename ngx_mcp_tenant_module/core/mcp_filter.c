/*
 * Messages in the filter of lists: which values of a message matter, and what
 * becomes of them.  The JSON itself is mcp_json_scan's.
 */

#include "mcp_filter_parts.h"

#include <stdlib.h>
#include <string.h>


#define MCP_FILTER_PRIVATE      "private"
#define MCP_FILTER_CODE_DIGITS  18


typedef enum {
    LEVEL_DOCUMENT,
    LEVEL_BATCH,
    LEVEL_MESSAGE,
    LEVEL_RESULT,
    LEVEL_ERROR,
    LEVEL_LIST,
    LEVEL_ENTRY,
    LEVEL_NO_ENTRY              /* an array in a list */
} mcp_filter_level_e;


typedef enum {
    MEMBER_OTHER,
    MEMBER_RESULT,
    MEMBER_ERROR,
    MEMBER_CODE,
    MEMBER_IS_ERROR,
    MEMBER_CACHE_SCOPE,
    MEMBER_NAME,
    MEMBER_LISTS                /* and those behind it */
} mcp_filter_member_e;


typedef struct {
    mcp_str_t            key;
    mcp_filter_level_e   level;
    uint8_t              member;
} mcp_filter_member_t;


typedef struct {
    mcp_kind_e   kind;
    mcp_str_t    name;          /* the member that an entry is told by */
} mcp_filter_list_t;


static int mcp_filter_scan(mcp_filter_t *filter, const char *at,
    const char *text, size_t len);
static int mcp_filter_event(void *data, mcp_json_event_e event,
    const mcp_str_t *text);
static int mcp_filter_document(mcp_filter_t *filter, mcp_json_event_e event);
static int mcp_filter_end(mcp_filter_t *filter, const char *at);
static void mcp_filter_message_end(mcp_filter_t *filter);
static int mcp_filter_key(mcp_filter_t *filter, const mcp_str_t *key,
    const char *at);
static uint8_t mcp_filter_member(const mcp_filter_t *filter,
    const mcp_str_t *key);
static bool mcp_filter_is(const mcp_str_t *one, const mcp_str_t *two);
static int mcp_filter_value(mcp_filter_t *filter, mcp_json_event_e event,
    const mcp_str_t *text, const char *at);
static void mcp_filter_enter(mcp_filter_t *filter, mcp_filter_level_e level);
static void mcp_filter_code(mcp_filter_t *filter, const mcp_str_t *text);
static int mcp_filter_cache_scope(mcp_filter_t *filter,
    mcp_json_event_e event, const mcp_str_t *text, const char *end);
static int mcp_filter_element(mcp_filter_t *filter, mcp_json_event_e event,
    const char *end);
static int mcp_filter_entry_end(mcp_filter_t *filter, const char *end);


static const mcp_filter_list_t  mcp_filter_lists[] = {
    { MCP_KIND_TOOLS, mcp_str("name") },
    { MCP_KIND_PROMPTS, mcp_str("name") },
    { MCP_KIND_RESOURCES, mcp_str("uri") },
    { MCP_KIND_RESOURCES, mcp_str("uriTemplate") }
};

static const mcp_filter_member_t  mcp_filter_members[] = {
    { mcp_str("result"), LEVEL_MESSAGE, MEMBER_RESULT },
    { mcp_str("error"), LEVEL_MESSAGE, MEMBER_ERROR },
    { mcp_str("code"), LEVEL_ERROR, MEMBER_CODE },
    { mcp_str("isError"), LEVEL_RESULT, MEMBER_IS_ERROR },
    { mcp_str("cacheScope"), LEVEL_RESULT, MEMBER_CACHE_SCOPE },
    { mcp_str("tools"), LEVEL_RESULT, MEMBER_LISTS },
    { mcp_str("prompts"), LEVEL_RESULT, MEMBER_LISTS + 1 },
    { mcp_str("resources"), LEVEL_RESULT, MEMBER_LISTS + 2 },
    { mcp_str("resourceTemplates"), LEVEL_RESULT, MEMBER_LISTS + 3 }
};


mcp_filter_t *
mcp_filter_new(const mcp_filter_options_t *options)
{
    mcp_filter_t  *filter;

    filter = mcp_alloc(sizeof(mcp_filter_t));
    if (filter == NULL) {
        return NULL;
    }

    memset(filter, 0, offsetof(mcp_filter_t, name));
    filter->options = *options;

    return filter;
}


void
mcp_filter_free(mcp_filter_t *filter)
{
    if (filter == NULL) {
        return;
    }

    mcp_filter_hold_free(filter);
    free(filter);
}


int
mcp_filter_feed(mcp_filter_t *filter, const char *text, size_t len)
{
    if (filter->error) {
        return MCP_ERROR;
    }

    filter->from = text;

    if (filter->options.framing == MCP_FILTER_SSE) {
        return mcp_filter_sse(filter, text, text + len);
    }

    if (mcp_filter_payload(filter, text, len) != MCP_OK) {
        return MCP_ERROR;
    }

    return mcp_filter_take(filter, text + len, false);
}


int
mcp_filter_finish(mcp_filter_t *filter)
{
    if (filter->error) {
        return MCP_ERROR;
    }

    return filter->options.framing == MCP_FILTER_SSE
           ? MCP_OK : mcp_filter_text_end(filter);
}


const char *
mcp_filter_error(const mcp_filter_t *filter)
{
    return filter->error;
}


mcp_filter_answer_t
mcp_filter_answer(const mcp_filter_t *filter)
{
    return filter->answer;
}


int
mcp_filter_fail(mcp_filter_t *filter, const char *error)
{
    if (filter->error == NULL) {
        filter->error = error;
    }

    return MCP_ERROR;
}


int
mcp_filter_payload(mcp_filter_t *filter, const char *p, size_t len)
{
    while (filter->text == MCP_FILTER_BLANK && len) {

        if (*p == '{' || *p == '[') {
            filter->text = MCP_FILTER_MESSAGE;
            filter->level = LEVEL_DOCUMENT;
            filter->is_batch = false;
            filter->payload_offset = 0;
            mcp_json_scan_init(&filter->json, mcp_filter_event, filter);
            break;
        }

        if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n') {

            filter->text = MCP_FILTER_PLAIN;

            if (filter->options.framing == MCP_FILTER_JSON
                && filter->options.allows)
            {
                return mcp_filter_fail(filter, "the body is neither a "
                                       "message nor a batch");
            }
        }

        p++;
        len--;
    }

    if (filter->text != MCP_FILTER_MESSAGE) {
        return MCP_OK;
    }

    return mcp_filter_scan(filter, p, p, len);
}


int
mcp_filter_joint(mcp_filter_t *filter, const char *p)
{
    if (filter->text != MCP_FILTER_MESSAGE) {
        return MCP_OK;
    }

    /* what it makes certain, the end of a number, ends before p */

    return mcp_filter_scan(filter, p, "\n", 1);
}


/* at: the place of the text in the piece. */
static int
mcp_filter_scan(mcp_filter_t *filter, const char *at, const char *text,
    size_t len)
{
    int  rc;

    filter->payload = at;
    rc = mcp_json_scan_feed(&filter->json, text, len);
    filter->payload_offset += len;

    if (rc == MCP_OK) {
        return MCP_OK;
    }

    if (filter->options.allows == NULL) {
        filter->text = MCP_FILTER_PLAIN;
        return MCP_OK;
    }

    return mcp_filter_fail(filter, mcp_json_scan_error(&filter->json));
}


int
mcp_filter_text_end(mcp_filter_t *filter)
{
    mcp_filter_text_e  text;

    text = filter->text;
    filter->text = MCP_FILTER_BLANK;

    if (text == MCP_FILTER_MESSAGE && filter->options.allows
        && mcp_json_scan_finish(&filter->json) != MCP_OK)
    {
        return mcp_filter_fail(filter, mcp_json_scan_error(&filter->json));
    }

    return MCP_OK;
}


static int
mcp_filter_event(void *data, mcp_json_event_e event, const mcp_str_t *text)
{
    const char    *at;
    mcp_filter_t  *filter;

    filter = data;

    at = filter->payload + (mcp_json_scan_offset(&filter->json)
                            - filter->payload_offset);

    switch (event) {

    case MCP_JSON_END:
        return mcp_filter_end(filter, at);

    case MCP_JSON_KEY:
        return mcp_filter_key(filter, text, at);

    default:
        return filter->level <= LEVEL_BATCH
               ? mcp_filter_document(filter, event)
               : mcp_filter_value(filter, event, text, at);
    }
}


static int
mcp_filter_document(mcp_filter_t *filter, mcp_json_event_e event)
{
    if (event == MCP_JSON_OBJECT) {
        memset(&filter->message, 0, sizeof(mcp_filter_answer_t));
        mcp_filter_enter(filter, LEVEL_MESSAGE);

    } else if (event == MCP_JSON_ARRAY && filter->level == LEVEL_DOCUMENT) {
        filter->is_batch = true;
        mcp_filter_enter(filter, LEVEL_BATCH);
    }

    return MCP_OK;
}


static int
mcp_filter_end(mcp_filter_t *filter, const char *at)
{
    switch (filter->level) {

    case LEVEL_ENTRY:
    case LEVEL_NO_ENTRY:
        return mcp_filter_entry_end(filter, at + 1);

    case LEVEL_LIST:
        filter->level = LEVEL_RESULT;

        if (mcp_filter_take(filter, at, false) != MCP_OK
            || mcp_filter_hold_keep(filter, true) != MCP_OK)
        {
            return MCP_ERROR;
        }

        mcp_filter_hold_end(filter);
        return MCP_OK;

    case LEVEL_RESULT:
    case LEVEL_ERROR:
        filter->level = LEVEL_MESSAGE;
        return MCP_OK;

    case LEVEL_MESSAGE:
        filter->level = filter->is_batch ? LEVEL_BATCH : LEVEL_DOCUMENT;
        mcp_filter_message_end(filter);
        return MCP_OK;

    default: /* LEVEL_BATCH */
        filter->level = LEVEL_DOCUMENT;
        return MCP_OK;
    }
}


static void
mcp_filter_message_end(mcp_filter_t *filter)
{
    if (filter->message.answered) {
        filter->message.hidden = filter->answer.hidden;
        filter->answer = filter->message;
    }
}


static int
mcp_filter_key(mcp_filter_t *filter, const mcp_str_t *key, const char *at)
{
    filter->member = mcp_filter_member(filter, key);

    switch (filter->member) {

    case MEMBER_RESULT:
    case MEMBER_ERROR:
        filter->message.answered = true;
        break;

    case MEMBER_NAME:
        filter->names++;
        mcp_json_scan_capture(&filter->json, filter->name,
                              sizeof(filter->name), MCP_JSON_DECODED);
        break;

    case MEMBER_CACHE_SCOPE:

        if (filter->options.allows == NULL) {
            filter->member = MEMBER_OTHER;
            break;
        }

        mcp_json_scan_capture(&filter->json, filter->scope,
                              sizeof(filter->scope), MCP_JSON_DECODED);

        return mcp_filter_hold(filter, at + 1, ':');

    default:
        break;
    }

    return MCP_OK;
}


static uint8_t
mcp_filter_member(const mcp_filter_t *filter, const mcp_str_t *key)
{
    size_t                      i;
    const mcp_filter_member_t  *member;

    if (key->data == NULL) {
        return MEMBER_OTHER;
    }

    if (filter->level == LEVEL_ENTRY) {
        return mcp_filter_is(key, &mcp_filter_lists[filter->list].name)
               ? MEMBER_NAME : MEMBER_OTHER;
    }

    for (i = 0;
         i < sizeof(mcp_filter_members) / sizeof(mcp_filter_members[0]);
         i++)
    {
        member = &mcp_filter_members[i];

        if (member->level == filter->level
            && mcp_filter_is(key, &member->key))
        {
            return member->member;
        }
    }

    return MEMBER_OTHER;
}


static bool
mcp_filter_is(const mcp_str_t *one, const mcp_str_t *two)
{
    return one->len == two->len && memcmp(one->data, two->data, one->len) == 0;
}


static int
mcp_filter_value(mcp_filter_t *filter, mcp_json_event_e event,
    const mcp_str_t *text, const char *at)
{
    const char  *end;

    /* a number is certain at the byte behind it */

    end = event == MCP_JSON_NUMBER ? at : at + 1;

    if (filter->level == LEVEL_LIST) {
        return mcp_filter_element(filter, event, end);
    }

    if (filter->level == LEVEL_NO_ENTRY) {
        return MCP_OK;
    }

    switch (filter->member) {

    case MEMBER_RESULT:

        if (event == MCP_JSON_OBJECT) {
            mcp_filter_enter(filter, LEVEL_RESULT);
        }

        return MCP_OK;

    case MEMBER_ERROR:

        if (event == MCP_JSON_OBJECT) {
            mcp_filter_enter(filter, LEVEL_ERROR);
        }

        return MCP_OK;

    case MEMBER_CODE:

        if (event == MCP_JSON_NUMBER) {
            mcp_filter_code(filter, text);
        }

        return MCP_OK;

    case MEMBER_IS_ERROR:
        filter->message.is_error = (event == MCP_JSON_TRUE);
        return MCP_OK;

    case MEMBER_CACHE_SCOPE:
        return mcp_filter_cache_scope(filter, event, text, end);

    case MEMBER_NAME:
        filter->has_name = (event == MCP_JSON_STRING && text->data);
        filter->name_len = filter->has_name ? text->len : 0;
        return MCP_OK;

    case MEMBER_OTHER:
        return MCP_OK;

    default: /* MEMBER_LISTS and those behind it */

        if (event != MCP_JSON_ARRAY || filter->options.allows == NULL) {
            return MCP_OK;
        }

        filter->list = (uint8_t) (filter->member - MEMBER_LISTS);
        filter->kept = 0;
        mcp_filter_enter(filter, LEVEL_LIST);

        return mcp_filter_hold(filter, end, ',');
    }
}


static void
mcp_filter_enter(mcp_filter_t *filter, mcp_filter_level_e level)
{
    filter->level = level;
    mcp_json_scan_enter(&filter->json);
}


static void
mcp_filter_code(mcp_filter_t *filter, const mcp_str_t *text)
{
    size_t   i;
    int64_t  code;

    i = (text->data[0] == '-');
    code = 0;

    if (text->len - i > MCP_FILTER_CODE_DIGITS) {
        return;
    }

    for ( /* void */ ; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return;
        }

        code = code * 10 + (text->data[i] - '0');
    }

    filter->message.has_code = true;
    filter->message.code = text->data[0] == '-' ? -code : code;
}


/* A value that is no scalar is no scope, and clients take it for private. */
static int
mcp_filter_cache_scope(mcp_filter_t *filter, mcp_json_event_e event,
    const mcp_str_t *text, const char *end)
{
    int                     rc;
    static const mcp_str_t  private = mcp_str(MCP_FILTER_PRIVATE);

    rc = mcp_filter_take(filter, end, false);

    if (rc == MCP_OK) {
        rc = event == MCP_JSON_OBJECT || event == MCP_JSON_ARRAY
             || (event == MCP_JSON_STRING && text->data
                 && mcp_filter_is(text, &private))
             ? mcp_filter_hold_keep(filter, true)
             : mcp_filter_hold_replace(filter,
                                       "\"" MCP_FILTER_PRIVATE "\"");
    }

    mcp_filter_hold_end(filter);

    return rc;
}


static int
mcp_filter_element(mcp_filter_t *filter, mcp_json_event_e event,
    const char *end)
{
    filter->names = 0;
    filter->has_name = false;

    switch (event) {

    case MCP_JSON_OBJECT:
        mcp_filter_enter(filter, LEVEL_ENTRY);
        return MCP_OK;

    case MCP_JSON_ARRAY:
        mcp_filter_enter(filter, LEVEL_NO_ENTRY);
        return MCP_OK;

    default:
        return mcp_filter_entry_end(filter, end);
    }
}


/* Of two names, clients may take either: such an entry is hidden. */
static int
mcp_filter_entry_end(mcp_filter_t *filter, const char *end)
{
    filter->level = LEVEL_LIST;

    if (mcp_filter_take(filter, end, false) != MCP_OK) {
        return MCP_ERROR;
    }

    if (filter->names == 1 && filter->has_name
        && filter->options.allows(filter->options.data,
                                  mcp_filter_lists[filter->list].kind,
                                  filter->name, filter->name_len))
    {
        return mcp_filter_hold_keep(filter, filter->kept++ > 0);
    }

    filter->answer.hidden++;

    return mcp_filter_hold_drop(filter);
}
