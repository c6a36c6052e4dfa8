/*
 * Feeds a body to the JSON-RPC scanner in pieces and notes all it says.
 */

#ifndef _RPC_RUN_H_INCLUDED_
#define _RPC_RUN_H_INCLUDED_


#include "../../ngx_mcp_tenant_module/core/mcp_rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    mcp_rpc_result_e   result;
    bool               is_batch;
    size_t             error_offset;
    const char        *error;
    char               id[MCP_RPC_ID_MAX_LEN + 1];
    size_t             messages_len;
    size_t             stop_at;         /* which message, from 1 */
    char               messages[65536];
} rpc_outcome_t;


static void run(const char *text, size_t len, size_t first, size_t rest,
    size_t stop_at, rpc_outcome_t *ret_outcome);
static int on_message(void *data, const mcp_rpc_message_t *message);
static void put_str(rpc_outcome_t *outcome, const mcp_str_t *str);
static void put_named(rpc_outcome_t *outcome, const char *name,
    const mcp_str_t *str);
static void put(rpc_outcome_t *outcome, const char *text);
static bool outcomes_agree(const rpc_outcome_t *one, const rpc_outcome_t *two);
static bool splits_agree(const char *text, size_t len, size_t step,
    const rpc_outcome_t *whole);
static char *repeat(const char *before, const char *unit, size_t count,
    const char *after, size_t *ret_len);


/* A first piece, then pieces of rest bytes, each in memory of its own. */

static void
run(const char *text, size_t len, size_t first, size_t rest, size_t stop_at,
    rpc_outcome_t *ret_outcome)
{
    char               *piece;
    size_t              n;
    mcp_str_t           id;
    mcp_rpc_result_e    result;
    mcp_rpc_scanner_t  *scanner;
    static void        *memory;

    ret_outcome->messages_len = 0;
    ret_outcome->messages[0] = '\0';
    ret_outcome->stop_at = stop_at;

    if (memory == NULL) {
        memory = malloc(mcp_rpc_scanner_size());
        if (memory == NULL) {
            exit(1);
        }
    }

    /* nothing may be taken for zero that mcp_rpc_init() did not set */

    memset(memory, 0xa5, mcp_rpc_scanner_size());

    scanner = mcp_rpc_init(memory, on_message, ret_outcome);
    result = MCP_RPC_DONE;

    for (n = first; len && result == MCP_RPC_DONE; n = rest) {
        n = n > len ? len : n;

        piece = malloc(n ? n : 1);
        if (piece == NULL) {
            exit(1);
        }

        memcpy(piece, text, n);
        result = mcp_rpc_feed(scanner, piece, n);
        memset(piece, 0xdd, n);
        free(piece);

        text += n;
        len -= n;
    }

    ret_outcome->result = mcp_rpc_finish(scanner);

    if (result != MCP_RPC_DONE && ret_outcome->result != result) {
        ret_outcome->error = "feed and finish differ";
        return;
    }

    ret_outcome->is_batch = mcp_rpc_is_batch(scanner);
    ret_outcome->error = mcp_rpc_error(scanner);
    ret_outcome->error_offset = mcp_rpc_error_offset(scanner);

    id = mcp_rpc_id(scanner);
    memcpy(ret_outcome->id, id.len ? id.data : "", id.len);
    ret_outcome->id[id.len] = '\0';
}


static int
on_message(void *data, const mcp_rpc_message_t *message)
{
    size_t                     i;
    rpc_outcome_t             *outcome;
    static const char *const   kinds[] = {
        "request", "notification", "response"
    };

    outcome = data;

    if (outcome->stop_at && --outcome->stop_at == 0) {
        return MCP_ERROR;
    }

    put(outcome, kinds[message->kind]);
    put_str(outcome, &message->id);
    put_str(outcome, &message->method);
    put_str(outcome, &message->name);
    put_str(outcome, &message->uri);
    put_str(outcome, &message->protocol_version);

    put_named(outcome, " task", &message->task_id);
    put_named(outcome, " ref", &message->ref_type);
    put_named(outcome, " ref-name", &message->ref_name);
    put_named(outcome, " ref-uri", &message->ref_uri);

    for (i = 0; i < message->nsubscriptions; i++) {
        put_named(outcome, " to", &message->subscriptions[i]);
    }

    if (!message->subscriptions_read) {
        put(outcome, " and others");
    }

    if (!message->no_tasks) {
        put(outcome, " and tasks");
    }

    put(outcome, ";");

    return MCP_OK;
}


static void
put_str(rpc_outcome_t *outcome, const mcp_str_t *str)
{
    put(outcome, " ");
    put(outcome, str->data == NULL ? "-" : str->len == 0 ? "''"
                 : strlen(str->data) == str->len ? str->data : "?");
}


static void
put_named(rpc_outcome_t *outcome, const char *name, const mcp_str_t *str)
{
    if (str->data) {
        put(outcome, name);
        put_str(outcome, str);
    }
}


/* What does not fit is a question mark: no case expects one. */

static void
put(rpc_outcome_t *outcome, const char *text)
{
    size_t  len;

    len = strlen(text);

    if (len + 3 > sizeof(outcome->messages) - outcome->messages_len) {
        text = "?";
        len = 1;
    }

    memcpy(outcome->messages + outcome->messages_len, text, len + 1);
    outcome->messages_len += len;
}


static bool
outcomes_agree(const rpc_outcome_t *one, const rpc_outcome_t *two)
{
    return one->result == two->result
           && one->is_batch == two->is_batch
           && one->error == two->error
           && one->error_offset == two->error_offset
           && strcmp(one->id, two->id) == 0
           && strcmp(one->messages, two->messages) == 0;
}


static bool
splits_agree(const char *text, size_t len, size_t step,
    const rpc_outcome_t *whole)
{
    size_t                at;
    static rpc_outcome_t  split;

    run(text, len, 1, 1, 0, &split);

    if (!outcomes_agree(&split, whole)) {
        printf("# byte by byte: %d '%s' id '%s' (%s at %zu)\n", split.result,
               split.messages, split.id, split.error ? split.error : "",
               split.error_offset);
        return false;
    }

    for (at = 0; at < len; at += step) {
        run(text, len, at, len, 0, &split);

        if (!outcomes_agree(&split, whole)) {
            printf("# split at %zu: %d '%s' id '%s' (%s at %zu)\n", at,
                   split.result, split.messages, split.id,
                   split.error ? split.error : "", split.error_offset);
            return false;
        }
    }

    return true;
}


static char *
repeat(const char *before, const char *unit, size_t count, const char *after,
    size_t *ret_len)
{
    char    *text, *p;
    size_t   size, i;

    size = strlen(before) + count * strlen(unit) + strlen(after);

    text = malloc(size + 1);
    if (text == NULL) {
        exit(1);
    }

    p = stpcpy(text, before);

    for (i = 0; i < count; i++) {
        p = stpcpy(p, unit);
    }

    (void) stpcpy(p, after);
    *ret_len = size;

    return text;
}


#endif /* _RPC_RUN_H_INCLUDED_ */
