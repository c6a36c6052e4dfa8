/*
 * A strict, resumable JSON scanner (RFC 8259) that tells its handler only
 * about the members and elements of the containers it entered.
 *
 * It takes input in pieces of any size, keeps no tree, allocates nothing and
 * does not recurse.  Refused besides bad grammar: bytes that are no UTF-8, a
 * byte order mark, unpaired surrogates, numbers beyond a double, and nesting
 * or numbers beyond the limits here.
 */

#ifndef _MCP_JSON_SCAN_H_INCLUDED_
#define _MCP_JSON_SCAN_H_INCLUDED_


#include "mcp_base.h"


#define MCP_JSON_DEPTH_MAX       128
#define MCP_JSON_NUMBER_MAX_LEN  1000
#define MCP_JSON_KEY_MAX_LEN     63


/*
 * OBJECT and ARRAY come before the first byte within; END only for what was
 * entered.  The text is the decoded key, the captured string, or the number
 * as it stands; NULL data means that a key or string was longer than its
 * buffer or that a string was not captured.
 */
typedef enum {
    MCP_JSON_OBJECT,
    MCP_JSON_ARRAY,
    MCP_JSON_END,
    MCP_JSON_KEY,
    MCP_JSON_STRING,
    MCP_JSON_NUMBER,
    MCP_JSON_TRUE,
    MCP_JSON_FALSE,
    MCP_JSON_NULL
} mcp_json_event_e;


/* MCP_ERROR ends the scan.  The text lives until the handler returns. */
typedef int (*mcp_json_handler_pt)(void *data, mcp_json_event_e event,
    const mcp_str_t *text);


typedef enum {
    MCP_JSON_DECODED,
    MCP_JSON_RAW                        /* as it stands, with its quotes */
} mcp_json_capture_e;


/* Private to mcp_json_scan.c, here so that it can be part of other structs. */
typedef struct {
    mcp_json_handler_pt   handler;
    void                 *data;

    uint8_t               state;
    uint8_t               number_state;
    uint8_t               string_state;
    uint8_t               sequence_left;
    uint8_t               sequence_low;
    uint8_t               sequence_high;
    uint8_t               hex_left;
    uint8_t               literal_left;
    bool                  is_key;
    bool                  is_raw;
    bool                  overflow;
    uint16_t              unit;
    uint16_t              high_surrogate;

    uint32_t              depth;
    uint32_t              watched;      /* depth whose values are told */

    const char           *literal;
    mcp_json_event_e      literal_event;

    char                 *sink;
    size_t                sink_size;
    size_t                sink_len;

    const unsigned char  *text;         /* of the present feed */
    size_t                offset;       /* of text in the whole */

    size_t                event_offset;

    const char           *error;
    size_t                error_offset;

    size_t                number_len;
    uint8_t               after_value[MCP_JSON_DEPTH_MAX + 1];
    char                  key[MCP_JSON_KEY_MAX_LEN + 1];
    char                  number[MCP_JSON_NUMBER_MAX_LEN];
} mcp_json_scan_t;


void mcp_json_scan_init(mcp_json_scan_t *scan, mcp_json_handler_pt handler,
    void *data);

/*
 * MCP_OK when more input is welcome.  After MCP_ERROR, which comes for bad
 * JSON and for a handler that wanted an end, the scanner takes no more.
 */
int mcp_json_scan_feed(mcp_json_scan_t *scan, const char *text, size_t len);

/* The end of the input: MCP_OK when it was one JSON text. */
int mcp_json_scan_finish(mcp_json_scan_t *scan);

/* What is wrong with the JSON, NULL when nothing, and at which byte. */
const char *mcp_json_scan_error(const mcp_json_scan_t *scan);
size_t mcp_json_scan_error_offset(const mcp_json_scan_t *scan);

/* For a handler: the offset of the byte that made the event certain. */
size_t mcp_json_scan_offset(const mcp_json_scan_t *scan);

/*
 * For a handler of a KEY that was too long: how it begins.  A NUL among its
 * first MCP_JSON_KEY_MAX_LEN bytes is there, with all before it.
 */
mcp_str_t mcp_json_scan_long_key(const mcp_json_scan_t *scan);

/* For a handler of OBJECT or ARRAY: tell what is in it, too. */
void mcp_json_scan_enter(mcp_json_scan_t *scan);

/*
 * For a handler of KEY, of an ARRAY that it entered, or of an element of one:
 * keep the next value if it is a string, and a NUL after it, in a buffer of
 * size bytes, at least one.
 */
void mcp_json_scan_capture(mcp_json_scan_t *scan, char *buffer, size_t size,
    mcp_json_capture_e how);


#endif /* _MCP_JSON_SCAN_H_INCLUDED_ */
