/*
 * Says what the JSON-RPC scanner decides on bodies, for a test that compares
 * it with another reader of JSON.
 *
 * In: of each body its length and a number, 32 bits with the lowest byte
 * first, and its bytes.  The number says how it is cut into pieces; 0: not.
 *
 * Out: a line of each body.  First its messages, each with a bar after it:
 * "KIND ID METHOD NAME URI VERSION TASK REF-TYPE REF-NAME REF-URI all|some
 * tasks|no-tasks SUBSCRIPTION... | ", where all but KIND are "=" and hex
 * digits, or "-" for what is absent; then "RESULT single|batch".
 */

#include "mcp_rpc.h"

#include <stdio.h>
#include <stdlib.h>


static bool read_number(uint32_t *ret_number);
static mcp_rpc_result_e judge(mcp_rpc_scanner_t *scanner, const char *text,
    size_t len, uint32_t seed);
static int on_message(void *data, const mcp_rpc_message_t *message);
static void put(const mcp_str_t *str);
static void stop(const char *what);


int
main(void)
{
    char               *text;
    void               *memory;
    uint32_t            len, seed;
    mcp_rpc_result_e    result;
    mcp_rpc_scanner_t  *scanner;

    static const char *const  results[] = {
        "done", "not-json", "invalid", "stopped"
    };

    memory = malloc(mcp_rpc_scanner_size());
    if (memory == NULL) {
        stop("malloc");
    }

    while (read_number(&len)) {

        text = malloc(len + 1);

        if (text == NULL || !read_number(&seed)
            || fread(text, 1, len, stdin) != len)
        {
            stop("a body that ends early");
        }

        scanner = mcp_rpc_init(memory, on_message, NULL);
        result = judge(scanner, text, len, seed);

        printf("%s %s\n", results[result],
               mcp_rpc_is_batch(scanner) ? "batch" : "single");

        free(text);
    }

    free(memory);

    return 0;
}


static bool
read_number(uint32_t *ret_number)
{
    unsigned char  bytes[4];

    if (fread(bytes, 1, 4, stdin) != 4) {
        return false;
    }

    *ret_number = (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8
                  | (uint32_t) bytes[2] << 16 | (uint32_t) bytes[3] << 24;

    return true;
}


static mcp_rpc_result_e
judge(mcp_rpc_scanner_t *scanner, const char *text, size_t len, uint32_t seed)
{
    size_t            n;
    uint32_t          chance;
    mcp_rpc_result_e  result;

    chance = seed;
    result = MCP_RPC_DONE;

    while (len && result == MCP_RPC_DONE) {

        chance = chance * 1664525 + 1013904223;
        n = seed ? (chance >> 24) % 64 : len;
        n = n > len ? len : n;

        result = mcp_rpc_feed(scanner, text, n);

        text += n;
        len -= n;
    }

    return mcp_rpc_finish(scanner);
}


static int
on_message(void *data, const mcp_rpc_message_t *message)
{
    size_t  i;

    static const char *const  kinds[] = {
        "request", "notification", "response"
    };

    (void) data;

    printf("%s", kinds[message->kind]);

    put(&message->id);
    put(&message->method);
    put(&message->name);
    put(&message->uri);
    put(&message->protocol_version);
    put(&message->task_id);
    put(&message->ref_type);
    put(&message->ref_name);
    put(&message->ref_uri);

    printf(message->subscriptions_read ? " all" : " some");
    printf(message->no_tasks ? " no-tasks" : " tasks");

    for (i = 0; i < message->nsubscriptions; i++) {
        put(&message->subscriptions[i]);
    }

    printf(" | ");

    return MCP_OK;
}


static void
put(const mcp_str_t *str)
{
    size_t              i;
    static const char   digits[] = "0123456789abcdef";

    if (str->data == NULL) {
        printf(" -");
        return;
    }

    printf(" =");

    for (i = 0; i < str->len; i++) {
        putchar(digits[(unsigned char) str->data[i] >> 4]);
        putchar(digits[str->data[i] & 0xf]);
    }
}


static void
stop(const char *what)
{
    fprintf(stderr, "verdicts: %s\n", what);
    exit(1);
}
