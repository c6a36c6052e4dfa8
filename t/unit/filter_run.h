/*
 * Feeds a body to the filter of lists in pieces and keeps what goes out.
 * What begins with "hidden" is not allowed.
 */

#ifndef _FILTER_RUN_H_INCLUDED_
#define _FILTER_RUN_H_INCLUDED_


#include "../../ngx_mcp_tenant_module/core/mcp_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    int                   rc;
    const char           *error;
    mcp_filter_answer_t   answer;
    size_t                pieces;       /* of output */
    size_t                len;
    size_t                size;
    char                 *text;
} filter_outcome_t;


static bool
filter_allows(void *data, mcp_kind_e kind, const char *name, size_t len)
{
    (void) data;
    (void) kind;

    return len < 6 || memcmp(name, "hidden", 6) != 0;
}


static int
filter_output(void *data, const char *text, size_t len)
{
    filter_outcome_t  *outcome;

    outcome = data;

    if (outcome->size - outcome->len < len + 1) {
        outcome->size = 2 * outcome->size + len + 1;
        outcome->text = realloc(outcome->text, outcome->size);

        if (outcome->text == NULL) {
            exit(1);
        }
    }

    memcpy(outcome->text + outcome->len, text, len);
    outcome->len += len;
    outcome->text[outcome->len] = '\0';
    outcome->pieces++;

    return MCP_OK;
}


/*
 * piece: bytes at once, each in memory of its own; 0: chance sizes by seed.
 * The outcome's text is the caller's to free.
 */
static void
filter_run(mcp_filter_framing_e framing, bool look, const char *text,
    size_t len, size_t piece, uint32_t seed, filter_outcome_t *ret_outcome)
{
    char                  *copy;
    size_t                 n;
    mcp_filter_t          *filter;
    mcp_filter_options_t   options = { framing, filter_allows, filter_output,
                                       ret_outcome };

    memset(ret_outcome, 0, sizeof(filter_outcome_t));
    (void) filter_output(ret_outcome, "", 0);
    ret_outcome->pieces = 0;

    if (look) {
        options.allows = NULL;
    }

    filter = mcp_filter_new(&options);
    if (filter == NULL) {
        exit(1);
    }

    ret_outcome->rc = MCP_OK;

    while (len && ret_outcome->rc == MCP_OK) {

        seed = seed * 1664525 + 1013904223;
        n = piece ? piece : (seed >> 24) % (seed & 0x800000 ? 4 : 200);
        n = n > len ? len : n;

        copy = malloc(n ? n : 1);
        if (copy == NULL) {
            exit(1);
        }

        memcpy(copy, text, n);
        ret_outcome->rc = mcp_filter_feed(filter, copy, n);
        memset(copy, 0xdd, n);
        free(copy);

        text += n;
        len -= n;
    }

    if (mcp_filter_finish(filter) != MCP_OK) {
        ret_outcome->rc = MCP_ERROR;
    }

    ret_outcome->error = mcp_filter_error(filter);
    ret_outcome->answer = mcp_filter_answer(filter);

    mcp_filter_free(filter);
}


/* What went out before a failure depends on the pieces, the rest does not. */
__attribute__((unused))
static bool
filter_outcomes_agree(const filter_outcome_t *one,
    const filter_outcome_t *two)
{
    return one->rc == two->rc && one->error == two->error
           && (one->rc != MCP_OK
               || (one->len == two->len
                   && memcmp(one->text, two->text, one->len) == 0
                   && one->answer.answered == two->answer.answered
                   && one->answer.is_error == two->answer.is_error
                   && one->answer.has_code == two->answer.has_code
                   && one->answer.code == two->answer.code
                   && one->answer.hidden == two->answer.hidden));
}


#endif /* _FILTER_RUN_H_INCLUDED_ */
