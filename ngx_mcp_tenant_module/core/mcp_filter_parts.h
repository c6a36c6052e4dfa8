/*
 * What the files of the filter share: messages (mcp_filter.c), the events that
 * they come in (mcp_filter_sse.c) and the bytes that wait (mcp_filter_hold.c).
 */

#ifndef _MCP_FILTER_PARTS_H_INCLUDED_
#define _MCP_FILTER_PARTS_H_INCLUDED_


#include "mcp_filter.h"
#include "mcp_json_scan.h"


#define MCP_FILTER_NOWHERE  SIZE_MAX


typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
} mcp_filter_buffer_t;


/* What is known of the text that the payload bytes are part of. */
typedef enum {
    MCP_FILTER_BLANK,               /* nothing but white space yet */
    MCP_FILTER_MESSAGE,
    MCP_FILTER_PLAIN                /* cannot be a message */
} mcp_filter_text_e;


/*
 * from: the first byte of the present piece that has not gone out or into
 * the hold.  Bytes are payload, which is the JSON text, or framing of events.
 * The hold has both, and the framing a second time, to be left when the
 * payload is taken out.
 *
 * In the hold, after white space, may be one lead (a comma before an entry,
 * the colon before a value), then comes the body; the places of both.
 */
struct mcp_filter_s {
    mcp_filter_options_t   options;
    mcp_filter_answer_t    answer;
    const char            *error;

    /* pieces */

    const char            *from;
    bool                   holding;
    char                   lead;
    size_t                 lead_at;
    size_t                 body_at;
    size_t                 body_framing;
    mcp_filter_buffer_t    held;
    mcp_filter_buffer_t    framing;

    /* events */

    uint8_t                line;
    uint8_t                matched;
    bool                   after_cr;
    bool                   has_data;

    /* messages */

    mcp_filter_text_e      text;
    const char            *payload;         /* what is being scanned */
    size_t                 payload_offset;  /* of it in the text */
    uint8_t                level;
    uint8_t                member;
    uint8_t                list;
    bool                   is_batch;
    bool                   has_name;
    unsigned               names;
    size_t                 name_len;
    size_t                 kept;
    mcp_filter_answer_t    message;
    char                   name[MCP_FILTER_NAME_MAX + 1];
    char                   scope[sizeof("private")];
    mcp_json_scan_t        json;
};


/* MCP_ERROR, with the first error kept. */
int mcp_filter_fail(mcp_filter_t *filter, const char *error);

/* Bytes of the JSON text, at their place in the piece. */
int mcp_filter_payload(mcp_filter_t *filter, const char *p, size_t len);

/* The line feed between two lines of data, whose bytes are framing. */
int mcp_filter_joint(mcp_filter_t *filter, const char *p);

/* The end of the text; the next payload begins another. */
int mcp_filter_text_end(mcp_filter_t *filter);

/* A piece of a text/event-stream. */
int mcp_filter_sse(mcp_filter_t *filter, const char *p, const char *end);


/* The bytes up to p go out, or wait. */
int mcp_filter_take(mcp_filter_t *filter, const char *p, bool is_framing);

/* From the byte at p on, which is payload, bytes wait; up to it they do not. */
int mcp_filter_hold(mcp_filter_t *filter, const char *p, char lead);

/*
 * What waits goes out, whole or without its lead; or its payload is taken
 * out; or its body is replaced.  More may wait then.
 */
int mcp_filter_hold_keep(mcp_filter_t *filter, bool with_lead);
int mcp_filter_hold_drop(mcp_filter_t *filter);
int mcp_filter_hold_replace(mcp_filter_t *filter, const char *body);

/* Nothing waits any more: what did has been dealt with. */
void mcp_filter_hold_end(mcp_filter_t *filter);
void mcp_filter_hold_free(mcp_filter_t *filter);


#endif /* _MCP_FILTER_PARTS_H_INCLUDED_ */
