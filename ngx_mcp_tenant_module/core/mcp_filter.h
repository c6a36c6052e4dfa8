/*
 * The filter of lists: takes what the policy hides out of the answers to
 * tools/list, prompts/list, resources/list and resources/templates/list, as
 * they pass, in pieces of any size.
 *
 * It looks at every JSON-RPC message of a body: one message or batch, or the
 * events of a text/event-stream.  What it changes in a message, whatever its
 * method and id:
 *
 *   - entries of result.tools, .prompts, .resources and .resourceTemplates
 *     that are not allowed, or have not exactly one name to tell by, are left
 *     out, with one comma each;
 *   - result.cacheScope becomes "private", since what is filtered for one
 *     client must not be cached for another.
 *
 * Every other byte goes out as it came and at once; only an entry of a list
 * waits until it is whole.  Telling by shape, not by id, also finds a list
 * that is replayed on another stream, or whose id is written otherwise.
 *
 * It fails closed: after what is not JSON (by mcp_json_scan.h) in a message,
 * or an entry over the limit, nothing goes out any more.  An event is then
 * not ended, so that no client takes it.  Events of a stream that begin
 * with neither "{" nor "[" can be no message, and pass.
 */

#ifndef _MCP_FILTER_H_INCLUDED_
#define _MCP_FILTER_H_INCLUDED_


#include "mcp_model.h"


/* What one entry may hold back, with the framing of an event within. */
#define MCP_FILTER_ENTRY_MAX  1048576

/* Names and URIs that are longer are not allowed. */
#define MCP_FILTER_NAME_MAX   4096


typedef enum {
    MCP_FILTER_JSON,                /* application/json */
    MCP_FILTER_SSE                  /* text/event-stream */
} mcp_filter_framing_e;


/*
 * allows: NULL to look only, and then nothing fails.  name: decoded; of a
 * resource its URI or URI template.  output: the text lives until it
 * returns; MCP_ERROR fails the filter.
 */
typedef struct {
    mcp_filter_framing_e   framing;
    bool                 (*allows)(void *data, mcp_kind_e kind,
                               const char *name, size_t len);
    int                  (*output)(void *data, const char *text, size_t len);
    void                  *data;
} mcp_filter_options_t;


/* Of the last message with a result or an error, but hidden, of all. */
typedef struct {
    bool      answered;
    bool      is_error;             /* result.isError */
    bool      has_code;             /* error.code, a whole number */
    int64_t   code;
    uint64_t  hidden;               /* entries that were left out */
} mcp_filter_answer_t;


typedef struct mcp_filter_s  mcp_filter_t;


/* About 7 KiB, and an entry more while it waits.  free accepts NULL. */
mcp_filter_t *mcp_filter_new(const mcp_filter_options_t *options);
void mcp_filter_free(mcp_filter_t *filter);

/* MCP_ERROR when it failed, now or before. */
int mcp_filter_feed(mcp_filter_t *filter, const char *text, size_t len);

/*
 * The end of the body.  MCP_ERROR when a JSON body is not complete; an event
 * that is not is the client's to leave out.
 */
int mcp_filter_finish(mcp_filter_t *filter);

/* Why it failed, in words that hold nothing of the body, or NULL. */
const char *mcp_filter_error(const mcp_filter_t *filter);

mcp_filter_answer_t mcp_filter_answer(const mcp_filter_t *filter);


#endif /* _MCP_FILTER_H_INCLUDED_ */
