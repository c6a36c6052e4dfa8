/*
 * Bytes on their way through the filter: those that pass go out in as few
 * pieces as they came in, those of an entry wait in a buffer.
 */

#include "mcp_filter_parts.h"

#include <stdlib.h>
#include <string.h>


#define MCP_FILTER_BUFFER_MIN   4096

/* A buffer that is larger is given back when its list has ended. */
#define MCP_FILTER_BUFFER_KEEP  16384


static int mcp_filter_out(mcp_filter_t *filter, const char *text,
    size_t len);
static void mcp_filter_look(mcp_filter_t *filter, const char *text,
    size_t len);
static int mcp_filter_append(mcp_filter_t *filter,
    mcp_filter_buffer_t *buffer, const char *text, size_t len);
static void mcp_filter_hold_reset(mcp_filter_t *filter);
static void mcp_filter_shrink(mcp_filter_buffer_t *buffer, size_t keep);


int
mcp_filter_take(mcp_filter_t *filter, const char *p, bool is_framing)
{
    size_t       len;
    const char  *text;

    text = filter->from;
    len = (size_t) (p - text);
    filter->from = p;

    if (!filter->holding) {
        return mcp_filter_out(filter, text, len);
    }

    if (is_framing) {
        if (mcp_filter_append(filter, &filter->framing, text, len) != MCP_OK)
        {
            return MCP_ERROR;
        }

    } else {
        mcp_filter_look(filter, text, len);
    }

    return mcp_filter_append(filter, &filter->held, text, len);
}


static int
mcp_filter_out(mcp_filter_t *filter, const char *text, size_t len)
{
    if (len == 0) {
        return MCP_OK;
    }

    if (filter->options.output(filter->options.data, text, len) != MCP_OK) {
        return mcp_filter_fail(filter, "the output failed");
    }

    return MCP_OK;
}


/* Finds the lead and the body in what is about to be held. */
static void
mcp_filter_look(mcp_filter_t *filter, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len && filter->body_at == MCP_FILTER_NOWHERE; i++) {

        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'
            || text[i] == '\n')
        {
            continue;
        }

        if (text[i] == filter->lead && filter->lead_at == MCP_FILTER_NOWHERE)
        {
            filter->lead_at = filter->held.len + i;
            continue;
        }

        filter->body_at = filter->held.len + i;
        filter->body_framing = filter->framing.len;
    }
}


static int
mcp_filter_append(mcp_filter_t *filter, mcp_filter_buffer_t *buffer,
    const char *text, size_t len)
{
    char    *data;
    size_t   size;

    if (len == 0) {
        return MCP_OK;
    }

    if (len > MCP_FILTER_ENTRY_MAX - buffer->len) {
        return mcp_filter_fail(filter, "an entry of a list is longer than "
                               "1 MiB");
    }

    if (len > buffer->size - buffer->len) {

        size = buffer->size ? buffer->size : MCP_FILTER_BUFFER_MIN;

        while (size < buffer->len + len) {
            size *= 2;
        }

        data = mcp_alloc(size);
        if (data == NULL) {
            return mcp_filter_fail(filter, "there is not enough memory");
        }

        if (buffer->len) {
            memcpy(data, buffer->data, buffer->len);
        }

        free(buffer->data);

        buffer->data = data;
        buffer->size = size;
    }

    memcpy(buffer->data + buffer->len, text, len);
    buffer->len += len;

    return MCP_OK;
}


int
mcp_filter_hold(mcp_filter_t *filter, const char *p, char lead)
{
    if (mcp_filter_take(filter, p, false) != MCP_OK) {
        return MCP_ERROR;
    }

    filter->holding = true;
    filter->lead = lead;

    mcp_filter_hold_reset(filter);

    return MCP_OK;
}


int
mcp_filter_hold_keep(mcp_filter_t *filter, bool with_lead)
{
    int     rc;
    size_t  at;

    at = filter->lead_at;

    if (with_lead || at == MCP_FILTER_NOWHERE) {
        rc = mcp_filter_out(filter, filter->held.data, filter->held.len);

    } else {
        rc = mcp_filter_out(filter, filter->held.data, at);

        if (rc == MCP_OK) {
            rc = mcp_filter_out(filter, filter->held.data + at + 1,
                                filter->held.len - at - 1);
        }
    }

    mcp_filter_hold_reset(filter);

    return rc;
}


int
mcp_filter_hold_drop(mcp_filter_t *filter)
{
    int  rc;

    rc = mcp_filter_out(filter, filter->framing.data, filter->framing.len);

    mcp_filter_hold_reset(filter);

    return rc;
}


/* Behind the body can only be the framing of lines that came since. */
int
mcp_filter_hold_replace(mcp_filter_t *filter, const char *body)
{
    int                   rc;
    mcp_filter_buffer_t  *framing;

    framing = &filter->framing;
    rc = mcp_filter_out(filter, filter->held.data, filter->body_at);

    if (rc == MCP_OK) {
        rc = mcp_filter_out(filter, body, strlen(body));
    }

    if (rc == MCP_OK && framing->len > filter->body_framing) {
        rc = mcp_filter_out(filter, framing->data + filter->body_framing,
                            framing->len - filter->body_framing);
    }

    mcp_filter_hold_reset(filter);

    return rc;
}


static void
mcp_filter_hold_reset(mcp_filter_t *filter)
{
    filter->held.len = 0;
    filter->framing.len = 0;
    filter->lead_at = MCP_FILTER_NOWHERE;
    filter->body_at = MCP_FILTER_NOWHERE;
}


void
mcp_filter_hold_end(mcp_filter_t *filter)
{
    filter->holding = false;

    mcp_filter_shrink(&filter->held, MCP_FILTER_BUFFER_KEEP);
    mcp_filter_shrink(&filter->framing, MCP_FILTER_BUFFER_KEEP);
}


void
mcp_filter_hold_free(mcp_filter_t *filter)
{
    mcp_filter_shrink(&filter->held, 0);
    mcp_filter_shrink(&filter->framing, 0);
}


static void
mcp_filter_shrink(mcp_filter_buffer_t *buffer, size_t keep)
{
    if (buffer->size > keep) {
        free(buffer->data);
        memset(buffer, 0, sizeof(mcp_filter_buffer_t));
    }
}
