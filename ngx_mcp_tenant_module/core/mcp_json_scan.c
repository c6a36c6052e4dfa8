/*
 * The structure of a JSON text: a table of state and byte class, and the
 * telling of events.  It knows nothing of JSON-RPC.
 */

#include "mcp_json_scan.h"
#include "mcp_json_parts.h"


typedef enum {
    ACTION_REFUSE,
    ACTION_SKIP,
    ACTION_STRING,
    ACTION_KEY,
    ACTION_NUMBER,
    ACTION_LITERAL,
    ACTION_OBJECT,
    ACTION_ARRAY,
    ACTION_CLOSE,
    ACTION_COLON,
    ACTION_NEXT_KEY,
    ACTION_NEXT_VALUE
} mcp_json_action_e;


static const unsigned char *mcp_json_scan_resume(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *mcp_json_scan_structure(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static inline const unsigned char *mcp_json_scan_string(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end, mcp_json_event_e event);
static const unsigned char *mcp_json_scan_blanks(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *mcp_json_scan_open(mcp_json_scan_t *scan,
    const unsigned char *p, mcp_json_event_e event);
static const unsigned char *mcp_json_scan_close(mcp_json_scan_t *scan,
    const unsigned char *p);
static const unsigned char *mcp_json_scan_literal_begin(
    mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end);
static const unsigned char *mcp_json_scan_literal(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);


const uint8_t  mcp_json_classes[256] = {
    ['\t'] = CLASS_SPACE, ['\n'] = CLASS_SPACE, ['\r'] = CLASS_SPACE,
    [' '] = CLASS_SPACE, ['"'] = CLASS_QUOTE, ['0'] = CLASS_ZERO,
    ['1' ... '9'] = CLASS_DIGIT, ['-'] = CLASS_MINUS, ['+'] = CLASS_PLUS,
    ['.'] = CLASS_POINT, ['e'] = CLASS_EXPONENT, ['E'] = CLASS_EXPONENT,
    ['t'] = CLASS_LITERAL, ['f'] = CLASS_LITERAL, ['n'] = CLASS_LITERAL,
    ['{'] = CLASS_BRACE, ['}'] = CLASS_BRACE_END, ['['] = CLASS_BRACKET,
    [']'] = CLASS_BRACKET_END, [','] = CLASS_COMMA, [':'] = CLASS_COLON
};


#define MCP_JSON_VALUE_ACTIONS                                                \
    [CLASS_SPACE] = ACTION_SKIP, [CLASS_QUOTE] = ACTION_STRING,               \
    [CLASS_ZERO] = ACTION_NUMBER, [CLASS_DIGIT] = ACTION_NUMBER,              \
    [CLASS_MINUS] = ACTION_NUMBER, [CLASS_LITERAL] = ACTION_LITERAL,          \
    [CLASS_BRACE] = ACTION_OBJECT, [CLASS_BRACKET] = ACTION_ARRAY

static const uint8_t  mcp_json_actions[STATE_STRUCTURE_COUNT][CLASS_COUNT] = {
    [STATE_VALUE] = { MCP_JSON_VALUE_ACTIONS },

    [STATE_FIRST_ELEMENT] = { MCP_JSON_VALUE_ACTIONS,
        [CLASS_BRACKET_END] = ACTION_CLOSE },

    [STATE_FIRST_KEY] = { [CLASS_SPACE] = ACTION_SKIP,
        [CLASS_QUOTE] = ACTION_KEY, [CLASS_BRACE_END] = ACTION_CLOSE },

    [STATE_KEY] = { [CLASS_SPACE] = ACTION_SKIP,
        [CLASS_QUOTE] = ACTION_KEY },

    [STATE_COLON] = { [CLASS_SPACE] = ACTION_SKIP,
        [CLASS_COLON] = ACTION_COLON },

    [STATE_AFTER_MEMBER] = { [CLASS_SPACE] = ACTION_SKIP,
        [CLASS_COMMA] = ACTION_NEXT_KEY, [CLASS_BRACE_END] = ACTION_CLOSE },

    [STATE_AFTER_ELEMENT] = { [CLASS_SPACE] = ACTION_SKIP,
        [CLASS_COMMA] = ACTION_NEXT_VALUE,
        [CLASS_BRACKET_END] = ACTION_CLOSE },

    [STATE_END] = { [CLASS_SPACE] = ACTION_SKIP }
};

static const char *const  mcp_json_expected[STATE_STRUCTURE_COUNT] = {
    [STATE_VALUE] = "a value was expected",
    [STATE_FIRST_ELEMENT] = "a value or \"]\" was expected",
    [STATE_FIRST_KEY] = "a key or \"}\" was expected",
    [STATE_KEY] = "a key was expected",
    [STATE_COLON] = "\":\" was expected",
    [STATE_AFTER_MEMBER] = "\",\" or \"}\" was expected",
    [STATE_AFTER_ELEMENT] = "\",\" or \"]\" was expected",
    [STATE_END] = "there is more after the end of the JSON text"
};


void
mcp_json_scan_init(mcp_json_scan_t *scan, mcp_json_handler_pt handler,
    void *data)
{
    /* what a string, number or word needs is set where that begins */

    scan->handler = handler;
    scan->data = data;
    scan->state = STATE_VALUE;
    scan->is_raw = false;
    scan->high_surrogate = 0;
    scan->depth = 0;
    scan->watched = 0;
    scan->sink = NULL;
    scan->offset = 0;
    scan->event_offset = 0;
    scan->error = NULL;
    scan->error_offset = 0;
    scan->after_value[0] = STATE_END;
}


int
mcp_json_scan_feed(mcp_json_scan_t *scan, const char *text, size_t len)
{
    const unsigned char  *p, *end;

    if (len == 0) {
        return MCP_OK;
    }

    p = (const unsigned char *) text;
    end = p + len;

    scan->text = p;

    if (scan->state >= STATE_STRUCTURE_COUNT) {
        p = mcp_json_scan_resume(scan, p, end);
    }

    if (p && p < end) {
        p = mcp_json_scan_structure(scan, p, end);
    }

    scan->offset += len;

    return p ? MCP_OK : MCP_ERROR;
}


int
mcp_json_scan_finish(mcp_json_scan_t *scan)
{
    static const unsigned char  nothing;

    scan->text = &nothing;

    if (scan->state == STATE_NUMBER && scan->depth == 0
        && mcp_json_number_end(scan, &nothing, &nothing) == NULL)
    {
        return MCP_ERROR;
    }

    if (scan->state != STATE_END) {
        (void) mcp_json_scan_fail(scan, &nothing,
                                  scan->offset ? "the JSON text ends early"
                                               : "the body is empty");
        return MCP_ERROR;
    }

    return MCP_OK;
}


const char *
mcp_json_scan_error(const mcp_json_scan_t *scan)
{
    return scan->error;
}


size_t
mcp_json_scan_error_offset(const mcp_json_scan_t *scan)
{
    return scan->error_offset;
}


size_t
mcp_json_scan_offset(const mcp_json_scan_t *scan)
{
    return scan->event_offset;
}


mcp_str_t
mcp_json_scan_long_key(const mcp_json_scan_t *scan)
{
    mcp_str_t  key;

    key.data = scan->key;
    key.len = scan->overflow ? scan->sink_len : 0;

    return key;
}


void
mcp_json_scan_enter(mcp_json_scan_t *scan)
{
    scan->watched = scan->depth + 1;
}


void
mcp_json_scan_capture(mcp_json_scan_t *scan, char *buffer, size_t size,
    mcp_json_capture_e how)
{
    scan->sink = buffer;
    scan->sink_size = size;
    scan->is_raw = (how == MCP_JSON_RAW);
}


static const unsigned char *
mcp_json_scan_resume(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    switch (scan->state) {

    case STATE_STRING:
        return mcp_json_string_feed(scan, p, end);

    case STATE_NUMBER:
        return mcp_json_number_feed(scan, p, end);

    default: /* STATE_LITERAL */
        return mcp_json_scan_literal(scan, p, end);
    }
}


static const unsigned char *
mcp_json_scan_structure(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    while (p && p < end) {

        switch (mcp_json_actions[scan->state][mcp_json_classes[*p]]) {

        case ACTION_SKIP:
            p = mcp_json_scan_blanks(p + 1, end);
            break;

        case ACTION_STRING:
            p = mcp_json_scan_string(scan, p, end, MCP_JSON_STRING);
            break;

        case ACTION_NUMBER:
            p = mcp_json_number_begin(scan, p, end);
            break;

        case ACTION_LITERAL:
            p = mcp_json_scan_literal_begin(scan, p, end);
            break;

        case ACTION_OBJECT:
            p = mcp_json_scan_open(scan, p, MCP_JSON_OBJECT);
            break;

        case ACTION_ARRAY:
            p = mcp_json_scan_open(scan, p, MCP_JSON_ARRAY);
            break;

        case ACTION_CLOSE:
            p = mcp_json_scan_close(scan, p);
            break;

        case ACTION_KEY:
            p = mcp_json_scan_string(scan, p, end, MCP_JSON_KEY);

            /* mostly, a colon follows at once */

            if (p == NULL || p == end || *p != ':') {
                break;
            }

            /* fall through */

        case ACTION_COLON:
        case ACTION_NEXT_VALUE:
            scan->state = STATE_VALUE;
            p++;
            break;

        case ACTION_NEXT_KEY:
            scan->state = STATE_KEY;
            p++;
            break;

        default: /* ACTION_REFUSE */
            return mcp_json_scan_fail(scan, p,
                                      mcp_json_expected[scan->state]);
        }
    }

    return p;
}


/* Most strings are of no interest, without escapes and in one piece. */

static inline const unsigned char *
mcp_json_scan_string(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end, mcp_json_event_e event)
{
    const unsigned char  *stop;

    stop = mcp_json_plain(p + 1, end);

    if (stop == end || *stop != '"') {
        return mcp_json_string_begin(scan, p, stop, end, event);
    }

    if (scan->depth == scan->watched) {
        return mcp_json_string_whole(scan, p, stop, event);
    }

    return mcp_json_scan_value(scan, stop, event, NULL) + 1;
}


/* Texts made for people are indented by many. */

static const unsigned char *
mcp_json_scan_blanks(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 8 && mcp_json_word(p) == mcp_json_each(' ')) {
        p += 8;
    }

    while (p < end && mcp_json_classes[*p] == CLASS_SPACE) {
        p++;
    }

    return p;
}


static const unsigned char *
mcp_json_scan_open(mcp_json_scan_t *scan, const unsigned char *p,
    mcp_json_event_e event)
{
    if (scan->depth == MCP_JSON_DEPTH_MAX) {
        return mcp_json_scan_fail(scan, p, "the JSON text is nested deeper "
                                  "than 128 levels");
    }

    scan->sink = NULL;

    if (scan->depth == scan->watched) {
        p = mcp_json_scan_emit(scan, p, event, NULL);
        if (p == NULL) {
            return NULL;
        }
    }

    scan->depth++;

    if (event == MCP_JSON_OBJECT) {
        scan->after_value[scan->depth] = STATE_AFTER_MEMBER;
        scan->state = STATE_FIRST_KEY;

    } else {
        scan->after_value[scan->depth] = STATE_AFTER_ELEMENT;
        scan->state = STATE_FIRST_ELEMENT;
    }

    return p + 1;
}


static const unsigned char *
mcp_json_scan_close(mcp_json_scan_t *scan, const unsigned char *p)
{
    scan->depth--;
    scan->state = scan->after_value[scan->depth];

    if (scan->depth < scan->watched) {
        scan->watched = scan->depth;

        p = mcp_json_scan_emit(scan, p, MCP_JSON_END, NULL);
        if (p == NULL) {
            return NULL;
        }
    }

    return p + 1;
}


static const unsigned char *
mcp_json_scan_literal_begin(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    switch (*p) {

    case 't':
        scan->literal = "rue";
        scan->literal_left = 3;
        scan->literal_event = MCP_JSON_TRUE;
        break;

    case 'f':
        scan->literal = "alse";
        scan->literal_left = 4;
        scan->literal_event = MCP_JSON_FALSE;
        break;

    default: /* n */
        scan->literal = "ull";
        scan->literal_left = 3;
        scan->literal_event = MCP_JSON_NULL;
        break;
    }

    scan->state = STATE_LITERAL;

    return mcp_json_scan_literal(scan, p + 1, end);
}


static const unsigned char *
mcp_json_scan_literal(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    while (p < end) {

        if (*p != (unsigned char) *scan->literal) {
            return mcp_json_scan_fail(scan, p, "a word other than true, "
                                      "false and null");
        }

        scan->literal++;

        if (--scan->literal_left == 0) {
            p = mcp_json_scan_value(scan, p, scan->literal_event, NULL);
            return p ? p + 1 : NULL;
        }

        p++;
    }

    return p;
}


const unsigned char *
mcp_json_scan_emit(mcp_json_scan_t *scan, const unsigned char *p,
    mcp_json_event_e event, const mcp_str_t *text)
{
    scan->event_offset = scan->offset + (size_t) (p - scan->text);

    /* a buffer that was given for a string is not for the one after */

    scan->sink = NULL;

    return scan->handler(scan->data, event, text) == MCP_OK ? p : NULL;
}


const unsigned char *
mcp_json_scan_fail(mcp_json_scan_t *scan, const unsigned char *p,
    const char *error)
{
    scan->error = error;
    scan->error_offset = scan->offset + (size_t) (p - scan->text);

    return NULL;
}
