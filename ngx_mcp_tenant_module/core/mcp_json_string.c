/*
 * The strings of a JSON text: those that are wanted, and those in which some
 * bytes do not stand for themselves.  These are stepped over by the character
 * where nobody wants them, else judged by the byte, which can stop and go on
 * anywhere.
 */

#include "mcp_json_parts.h"

#include <string.h>


typedef enum {
    STRING_PLAIN,
    STRING_SEQUENCE,
    STRING_ESCAPE,
    STRING_HEX,
    STRING_LOW_ESCAPE,
    STRING_LOW_U
} mcp_json_string_e;


static const unsigned char *mcp_json_string_end(mcp_json_scan_t *scan,
    const unsigned char *p);
static const unsigned char *mcp_json_string_run(const unsigned char *p,
    const unsigned char *end, bool is_wanted);
static size_t mcp_json_string_escape_len(const unsigned char *p,
    const unsigned char *end);
static size_t mcp_json_string_sequence_len(const unsigned char *p,
    const unsigned char *end);
static const char *mcp_json_string_byte(mcp_json_scan_t *scan,
    unsigned char c);
static const char *mcp_json_string_sequence_begin(mcp_json_scan_t *scan,
    unsigned char c);
static const char *mcp_json_string_sequence(mcp_json_scan_t *scan,
    unsigned char c);
static const char *mcp_json_string_escape(mcp_json_scan_t *scan,
    unsigned char c);
static const char *mcp_json_string_hex(mcp_json_scan_t *scan, unsigned char c);
static void mcp_json_string_put_utf8(mcp_json_scan_t *scan, uint32_t code);
static void mcp_json_string_put(mcp_json_scan_t *scan,
    const unsigned char *data, size_t len);


static const uint8_t  mcp_json_hex[256] = {
    ['0' ... '9'] = 1, ['A' ... 'F'] = 1, ['a' ... 'f'] = 1
};


const unsigned char *
mcp_json_string_begin(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *stop, const unsigned char *end,
    mcp_json_event_e event)
{
    bool  is_wanted;

    is_wanted = event == MCP_JSON_KEY ? scan->depth == scan->watched
                                      : scan->sink != NULL;

    stop = mcp_json_string_run(stop, end, is_wanted);

    if (stop < end && *stop == '"') {
        return mcp_json_string_whole(scan, p, stop, event);
    }

    scan->state = STATE_STRING;
    scan->string_state = STRING_PLAIN;
    scan->is_key = (event == MCP_JSON_KEY);
    scan->overflow = false;
    scan->sink_len = 0;

    if (scan->is_key) {
        scan->sink = is_wanted ? scan->key : NULL;
        scan->sink_size = sizeof(scan->key);
        scan->is_raw = false;
    }

    if (is_wanted) {
        p += !scan->is_raw;
        mcp_json_string_put(scan, p, (size_t) (stop - p));
    }

    return mcp_json_string_feed(scan, stop, end);
}


const unsigned char *
mcp_json_string_whole(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *quote, mcp_json_event_e event)
{
    size_t                len;
    mcp_str_t             text;
    const unsigned char  *start;

    text.len = 0;
    text.data = NULL;

    start = p + 1;
    len = (size_t) (quote - start);

    if (event == MCP_JSON_KEY) {

        if (len <= MCP_JSON_KEY_MAX_LEN) {
            text.len = len;
            text.data = (const char *) start;
        }

        /* nothing of it is kept, and it has no escapes */

        scan->overflow = false;

    } else if (scan->sink) {

        if (scan->is_raw) {
            start--;
            len += 2;
        }

        if (len < scan->sink_size) {
            memcpy(scan->sink, start, len);
            scan->sink[len] = '\0';

            text.len = len;
            text.data = scan->sink;
        }
    }

    p = mcp_json_scan_value(scan, quote, event, &text);

    return p ? p + 1 : NULL;
}


const unsigned char *
mcp_json_string_feed(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    const char           *error;
    const unsigned char  *start, *run;

    start = p;

    while (p < end) {

        if (scan->string_state == STRING_PLAIN) {

            run = p;
            p = mcp_json_plain(p, end);
            p = mcp_json_string_run(p, end, scan->sink != NULL);

            if (!scan->is_raw) {
                mcp_json_string_put(scan, run, (size_t) (p - run));
            }

            if (p == end) {
                break;
            }

            if (*p == '"') {

                if (scan->sink && scan->is_raw) {
                    mcp_json_string_put(scan, start, (size_t) (p + 1 - start));
                }

                return mcp_json_string_end(scan, p);
            }
        }

        error = mcp_json_string_byte(scan, *p);
        if (error) {
            return mcp_json_scan_fail(scan, p, error);
        }

        p++;
    }

    if (scan->sink && scan->is_raw) {
        mcp_json_string_put(scan, start, (size_t) (p - start));
    }

    return p;
}


static const unsigned char *
mcp_json_string_end(mcp_json_scan_t *scan, const unsigned char *p)
{
    mcp_str_t  text;

    text.len = 0;
    text.data = NULL;

    if (scan->sink && !scan->overflow) {
        scan->sink[scan->sink_len] = '\0';
        text.len = scan->sink_len;
        text.data = scan->sink;
    }

    p = mcp_json_scan_value(scan, p, scan->is_key ? MCP_JSON_KEY
                                                  : MCP_JSON_STRING, &text);

    return p ? p + 1 : NULL;
}


/*
 * From where mcp_json_plain() ended to a byte to be judged alone, or to what
 * is not whole.  Escapes are only stepped over where nobody wants the string.
 */

static const unsigned char *
mcp_json_string_run(const unsigned char *p, const unsigned char *end,
    bool is_wanted)
{
    size_t                n;
    const unsigned char  *start;

    for ( ;; ) {

        for (start = p; p < end; p += n) {

            if (*p >= 0x80) {
                n = mcp_json_string_sequence_len(p, end);

            } else if (*p == '\\' && !is_wanted) {
                n = mcp_json_string_escape_len(p, end);

            } else {
                break;
            }

            if (n == 0) {
                return p;
            }
        }

        if (p == start) {
            return p;
        }

        p = mcp_json_plain(p, end);
    }
}


/* 0: wrong, cut, or a surrogate, whose other half must be seen. */

static size_t
mcp_json_string_escape_len(const unsigned char *p, const unsigned char *end)
{
    if (end - p < 6) {
        return 0;
    }

    switch (p[1]) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;

    case 'u':

        if (!(mcp_json_hex[p[2]] && mcp_json_hex[p[3]]
              && mcp_json_hex[p[4]] && mcp_json_hex[p[5]])
            || ((p[2] | 0x20) == 'd' && p[3] >= '8'))
        {
            return 0;
        }

        return 6;

    default:
        return 0;
    }
}


/* Of a well-formed character of more than one byte; 0: none, or cut. */

static size_t
mcp_json_string_sequence_len(const unsigned char *p, const unsigned char *end)
{
    if (end - p < 4) {
        return 0;
    }

    if (p[0] >= 0xe0 && p[0] < 0xf0) {

        if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80
            || (p[0] == 0xe0 && p[1] < 0xa0)
            || (p[0] == 0xed && p[1] > 0x9f))
        {
            return 0;
        }

        return 3;
    }

    if (p[0] >= 0xc2 && p[0] < 0xe0) {
        return (p[1] & 0xc0) == 0x80 ? 2 : 0;
    }

    if (p[0] < 0xf0 || p[0] > 0xf4
        || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80
        || (p[3] & 0xc0) != 0x80
        || (p[0] == 0xf0 && p[1] < 0x90)
        || (p[0] == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }

    return 4;
}


static const char *
mcp_json_string_byte(mcp_json_scan_t *scan, unsigned char c)
{
    switch (scan->string_state) {

    case STRING_PLAIN:

        if (c == '\\') {
            scan->string_state = STRING_ESCAPE;
            return NULL;
        }

        if (c < 0x20) {
            return "a control character in a string";
        }

        return mcp_json_string_sequence_begin(scan, c);

    case STRING_SEQUENCE:
        return mcp_json_string_sequence(scan, c);

    case STRING_ESCAPE:
        return mcp_json_string_escape(scan, c);

    case STRING_HEX:
        return mcp_json_string_hex(scan, c);

    case STRING_LOW_ESCAPE:
        scan->string_state = STRING_LOW_U;
        return c == '\\' ? NULL : "an unpaired surrogate";

    default: /* STRING_LOW_U */
        scan->string_state = STRING_HEX;
        scan->hex_left = 4;
        return c == 'u' ? NULL : "an unpaired surrogate";
    }
}


/* The ranges of the second byte are those of RFC 3629, section 4. */

static const char *
mcp_json_string_sequence_begin(mcp_json_scan_t *scan, unsigned char c)
{
    if (c < 0xc2 || c > 0xf4) {
        return "a string that is not UTF-8";
    }

    scan->string_state = STRING_SEQUENCE;
    scan->sequence_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

    scan->sequence_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    scan->sequence_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    if (!scan->is_raw) {
        mcp_json_string_put(scan, &c, 1);
    }

    return NULL;
}


static const char *
mcp_json_string_sequence(mcp_json_scan_t *scan, unsigned char c)
{
    if (c < scan->sequence_low || c > scan->sequence_high) {
        return "a string that is not UTF-8";
    }

    scan->sequence_low = 0x80;
    scan->sequence_high = 0xbf;

    if (--scan->sequence_left == 0) {
        scan->string_state = STRING_PLAIN;
    }

    if (!scan->is_raw) {
        mcp_json_string_put(scan, &c, 1);
    }

    return NULL;
}


static const char *
mcp_json_string_escape(mcp_json_scan_t *scan, unsigned char c)
{
    switch (c) {

    case '"':
    case '\\':
    case '/':
        break;

    case 'b':
        c = '\b';
        break;

    case 'f':
        c = '\f';
        break;

    case 'n':
        c = '\n';
        break;

    case 'r':
        c = '\r';
        break;

    case 't':
        c = '\t';
        break;

    case 'u':
        scan->string_state = STRING_HEX;
        scan->hex_left = 4;
        return NULL;

    default:
        return "an unknown escape in a string";
    }

    scan->string_state = STRING_PLAIN;

    if (!scan->is_raw) {
        mcp_json_string_put(scan, &c, 1);
    }

    return NULL;
}


static const char *
mcp_json_string_hex(mcp_json_scan_t *scan, unsigned char c)
{
    uint32_t  code;

    if (c >= '0' && c <= '9') {
        c -= '0';

    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        c = (c | 0x20) - 'a' + 10;

    } else {
        return "a \\u escape needs four hex digits";
    }

    scan->unit = (uint16_t) (scan->unit << 4 | c);

    if (--scan->hex_left) {
        return NULL;
    }

    code = scan->unit;

    if (scan->high_surrogate) {

        if (code < 0xdc00 || code > 0xdfff) {
            return "an unpaired surrogate";
        }

        code = 0x10000 + ((uint32_t) (scan->high_surrogate - 0xd800) << 10)
               + (code - 0xdc00);
        scan->high_surrogate = 0;

    } else if (code >= 0xd800 && code <= 0xdbff) {
        scan->high_surrogate = scan->unit;
        scan->string_state = STRING_LOW_ESCAPE;
        return NULL;

    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return "an unpaired surrogate";
    }

    scan->string_state = STRING_PLAIN;

    if (!scan->is_raw) {
        mcp_json_string_put_utf8(scan, code);
    }

    return NULL;
}


static void
mcp_json_string_put_utf8(mcp_json_scan_t *scan, uint32_t code)
{
    size_t         n;
    unsigned char  text[4];

    n = 0;

    if (code < 0x80) {
        text[n++] = (unsigned char) code;

    } else if (code < 0x800) {
        text[n++] = (unsigned char) (0xc0 | code >> 6);
        text[n++] = (unsigned char) (0x80 | (code & 0x3f));

    } else if (code < 0x10000) {
        text[n++] = (unsigned char) (0xe0 | code >> 12);
        text[n++] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        text[n++] = (unsigned char) (0x80 | (code & 0x3f));

    } else {
        text[n++] = (unsigned char) (0xf0 | code >> 18);
        text[n++] = (unsigned char) (0x80 | (code >> 12 & 0x3f));
        text[n++] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        text[n++] = (unsigned char) (0x80 | (code & 0x3f));
    }

    mcp_json_string_put(scan, text, n);
}


static void
mcp_json_string_put(mcp_json_scan_t *scan, const unsigned char *data,
    size_t len)
{
    if (scan->sink == NULL || scan->overflow) {
        return;
    }

    /* one byte stays for the NUL */

    if (len >= scan->sink_size - scan->sink_len) {
        scan->overflow = true;
        return;
    }

    memcpy(scan->sink + scan->sink_len, data, len);
    scan->sink_len += len;
}
