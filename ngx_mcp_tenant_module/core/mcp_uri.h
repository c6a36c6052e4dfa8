/*
 * URIs of resources against patterns.  The server behind the gateway may read
 * a URI by the RFC, as a browser does, or as a path, so that one resource has
 * many spellings; what is allowed has to be so in each of them, and what is
 * denied is denied in any.
 *
 * The plain form is the text with its escapes decoded and runs of "/" in the
 * path as one.  A URI has none, and is never allowed, with a control
 * character, space or "\", with an escape that hides another, and with a
 * segment "." or "..".
 */

#ifndef _MCP_URI_H_INCLUDED_
#define _MCP_URI_H_INCLUDED_


#include "mcp_base.h"


#define MCP_URI_MAX_LEN  4096


/* The folded ones are in lower case; cut is without query and fragment. */
typedef struct {
    mcp_str_t  given;
    mcp_str_t  plain;
    mcp_str_t  folded;
    mcp_str_t  folded_plain;
    mcp_str_t  folded_cut;
    char       buffers[3][MCP_URI_MAX_LEN];
} mcp_uri_t;


/* False without a plain form.  data is borrowed, and ret_uri not moved. */
bool mcp_uri_init(mcp_uri_t *ret_uri, const char *data, size_t len);

/* Whether the URI is of the pattern in both forms, for what is allowed. */
bool mcp_uri_is(const mcp_uri_t *uri, const mcp_str_t *pattern);

/*
 * Whether it may be of it: in one of the forms, in letters of any case, or by
 * what stands before its query; for what is denied.
 */
bool mcp_uri_may_be(const mcp_uri_t *uri, const mcp_str_t *pattern);

/* A pattern that has a plain form itself. */
bool mcp_uri_is_pattern(const mcp_str_t *pattern);


#endif /* _MCP_URI_H_INCLUDED_ */
