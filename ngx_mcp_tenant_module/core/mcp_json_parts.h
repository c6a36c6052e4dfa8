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


extern const uint8_t  mcp_json_classes[256];


/* A key or a value other than a container ended at p: what comes next. */
const unsigned char *mcp_json_scan_value(mcp_json_scan_t *scan,
    const unsigned char *p, mcp_json_event_e event, const mcp_str_t *text);

/* The byte at p is wrong.  Returns NULL. */
const unsigned char *mcp_json_scan_fail(mcp_json_scan_t *scan,
    const unsigned char *p, const char *error);

/* A string from its quote at p, and a string that the last feed began. */
const unsigned char *mcp_json_string_begin(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end, bool is_key);
const unsigned char *mcp_json_string_feed(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);

/* The same for a number; a text that is only a number ends by the last. */
const unsigned char *mcp_json_number_begin(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
const unsigned char *mcp_json_number_feed(mcp_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
const unsigned char *mcp_json_number_end(mcp_json_scan_t *scan,
    const unsigned char *start, const unsigned char *p);


#endif /* _MCP_JSON_PARTS_H_INCLUDED_ */
