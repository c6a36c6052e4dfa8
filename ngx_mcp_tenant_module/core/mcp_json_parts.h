/*
 * What the three files of the JSON scanner share: the structure of a text
 * (mcp_json_scan.c), its strings (mcp_json_string.c) and its numbers
 * (mcp_json_number.c).
 *
 * Each function takes the place in the input and returns the place to go on
 * from, or NULL when the scan is over.
 */

#ifndef _MCP_JSON_PARTS_H_INCLUDED_
#define _MCP_JSON_PARTS_H_INCLUDED_


#include "mcp_json_scan.h"

#include <string.h>


typedef enum {
    CLASS_OTHER,
    CLASS_SPACE,
    CLASS_QUOTE,
    CLASS_ZERO,
    CLASS_DIGIT,
    CLASS_MINUS,
    CLASS_PLUS,
    CLASS_POINT,
    CLASS_EXPONENT,
    CLASS_LITERAL,
    CLASS_BRACE,
    CLASS_BRACE_END,
    CLASS_BRACKET,
    CLASS_BRACKET_END,
    CLASS_COMMA,
    CLASS_COLON,
    CLASS_COUNT
} mcp_json_class_e;


typedef enum {
    STATE_VALUE,
    STATE_FIRST_ELEMENT,
    STATE_FIRST_KEY,
    STATE_KEY,
    STATE_COLON,
    STATE_AFTER_MEMBER,
    STATE_AFTER_ELEMENT,
    STATE_END,
    STATE_STRUCTURE_COUNT,
    STATE_STRING = STATE_STRUCTURE_COUNT,
    STATE_NUMBER,
    STATE_LITERAL
} mcp_json_state_e;


#define mcp_json_each(byte)  ((byte) * UINT64_C(0x0101010101010101))


extern const uint8_t  mcp_json_classes[256];


/* Tells the handler of an event at p. */
const unsigned char *mcp_json_scan_emit(mcp_json_scan_t *scan,
    const unsigned char *p, mcp_json_event_e event, const mcp_str_t *text);

/* The byte at p is wrong.  Returns NULL. */
const unsigned char *mcp_json_scan_fail(mcp_json_scan_t *scan,
    const unsigned char *p, const char *error);

/*
 * A KEY or STRING from its quote at p, of which the bytes up to stop stand for
 * themselves; whole: the quote at its end is known, and what is wanted of it
 * stands for itself; feed: one that the last feed began.
 */
const unsigned char *mcp_json_string_begin(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *stop,
    const unsigned char *end, mcp_json_event_e event);
const unsigned char *mcp_json_string_whole(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *quote,
    mcp_json_event_e event);
const unsigned char *mcp_json_string_feed(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);

/* The same for a number; a text that is only a number ends by the last. */
const unsigned char *mcp_json_number_begin(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
const unsigned char *mcp_json_number_feed(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
const unsigned char *mcp_json_number_end(mcp_json_scan_t *scan,
    const unsigned char *start, const unsigned char *p);


/* A key or a value other than a container ended at p: what comes next. */

static inline const unsigned char *
mcp_json_scan_value(mcp_json_scan_t *scan, const unsigned char *p,
    mcp_json_event_e event, const mcp_str_t *text)
{
    scan->state = event == MCP_JSON_KEY ? STATE_COLON
                                        : scan->after_value[scan->depth];

    if (scan->depth == scan->watched) {
        return mcp_json_scan_emit(scan, p, event, text);
    }

    return p;
}


/* Eight bytes, the first one lowest. */

static inline uint64_t
mcp_json_word(const unsigned char *p)
{
    uint64_t  word;

    memcpy(&word, p, 8);

#if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
    word = __builtin_bswap64(word);
#endif

    return word;
}


/* The first byte that does not stand for itself in a string, or end. */

static inline const unsigned char *
mcp_json_plain(const unsigned char *p, const unsigned char *end)
{
    uint64_t  word;

    /*
     * The top bit of a byte is set when it is over 0x7f, below 0x20, a quote
     * or a backslash.  A borrow may set that of a byte after such a one, so
     * that only the first is sure.
     */

    while (end - p >= 8) {
        word = mcp_json_word(p);

        word = (word | (word - mcp_json_each(0x20))
                | ((word ^ mcp_json_each('"')) - mcp_json_each(1))
                | ((word ^ mcp_json_each('\\')) - mcp_json_each(1)))
               & mcp_json_each(0x80);

        if (word) {
            return p + __builtin_ctzll(word) / 8;
        }

        p += 8;
    }

    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


#endif /* _MCP_JSON_PARTS_H_INCLUDED_ */
