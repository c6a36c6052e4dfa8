/*
 * The events of a text/event-stream: which bytes are data.  Lines end with
 * LF, CR or both; an empty one ends the event; a byte order mark may come
 * first.  Clients join the lines of data of an event with a line feed.
 */

#include "mcp_filter_parts.h"

#include <string.h>


#define MCP_FILTER_BOM        "\xef\xbb\xbf"
#define MCP_FILTER_BOM_LEN    3

#define MCP_FILTER_FIELD      "data"
#define MCP_FILTER_FIELD_LEN  4


typedef enum {
    LINE_BOM,                       /* of the whole stream */
    LINE_FIELD,                     /* it may be "data" yet */
    LINE_SPACE,                     /* behind the colon */
    LINE_DATA,
    LINE_OTHER
} mcp_filter_line_e;


static int mcp_filter_sse_byte(mcp_filter_t *filter, const char *p);
static int mcp_filter_sse_data(mcp_filter_t *filter, const char *p);
static int mcp_filter_sse_line_end(mcp_filter_t *filter, const char *p);


int
mcp_filter_sse(mcp_filter_t *filter, const char *p, const char *end)
{
    int          rc;
    const char  *start;

    rc = MCP_OK;

    while (p < end && rc == MCP_OK) {

        if (filter->after_cr) {
            filter->after_cr = false;

            if (*p == '\n') {
                p++;
                continue;
            }
        }

        if (*p == '\n' || *p == '\r') {
            rc = mcp_filter_sse_line_end(filter, p);
            filter->after_cr = (*p++ == '\r');
            continue;
        }

        if (filter->line < LINE_DATA) {
            rc = mcp_filter_sse_byte(filter, p);
            p += (filter->line != LINE_DATA);
            continue;
        }

        start = p;

        do {
            p++;
        } while (p < end && *p != '\n' && *p != '\r');

        if (filter->line == LINE_DATA) {
            rc = mcp_filter_payload(filter, start, (size_t) (p - start));

            if (rc == MCP_OK && filter->holding) {
                rc = mcp_filter_take(filter, p, false);
            }
        }
    }

    return rc == MCP_OK ? mcp_filter_take(filter, end, true) : MCP_ERROR;
}


/* When the line is LINE_DATA then, the byte at p is its first. */
static int
mcp_filter_sse_byte(mcp_filter_t *filter, const char *p)
{
    switch (filter->line) {

    case LINE_BOM:

        if (*p == MCP_FILTER_BOM[filter->matched]) {
            if (++filter->matched == MCP_FILTER_BOM_LEN) {
                filter->matched = 0;
                filter->line = LINE_FIELD;
            }

            return MCP_OK;
        }

        /* half of a mark is not one */

        filter->line = filter->matched ? LINE_OTHER : LINE_FIELD;

        if (filter->line == LINE_OTHER) {
            return MCP_OK;
        }

        /* fall through */

    case LINE_FIELD:

        if (filter->matched < MCP_FILTER_FIELD_LEN
            && *p == MCP_FILTER_FIELD[filter->matched])
        {
            filter->matched++;

        } else if (filter->matched == MCP_FILTER_FIELD_LEN && *p == ':') {
            filter->line = LINE_SPACE;

        } else {
            filter->line = LINE_OTHER;
        }

        return MCP_OK;

    default: /* LINE_SPACE */

        if (*p == ' ' && filter->matched) {

            /* the one that may stand behind the colon */

            filter->matched = 0;
            return MCP_OK;
        }

        return mcp_filter_sse_data(filter, p);
    }
}


/* A line of data begins at p, perhaps an empty one. */
static int
mcp_filter_sse_data(mcp_filter_t *filter, const char *p)
{
    bool  joint;

    joint = filter->has_data;

    filter->line = LINE_DATA;
    filter->has_data = true;

    if (filter->holding && mcp_filter_take(filter, p, true) != MCP_OK) {
        return MCP_ERROR;
    }

    return joint ? mcp_filter_joint(filter, p) : MCP_OK;
}


static int
mcp_filter_sse_line_end(mcp_filter_t *filter, const char *p)
{
    int  rc;

    rc = MCP_OK;

    if (filter->line == LINE_SPACE
        || (filter->line == LINE_FIELD
            && filter->matched == MCP_FILTER_FIELD_LEN))
    {
        rc = mcp_filter_sse_data(filter, p);

    } else if (filter->matched == 0
               && (filter->line == LINE_FIELD || filter->line == LINE_BOM))
    {
        rc = mcp_filter_text_end(filter);
        filter->has_data = false;
    }

    filter->line = LINE_FIELD;
    filter->matched = 0;

    return rc;
}
