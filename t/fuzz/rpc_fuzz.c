/*
 * libFuzzer target of the JSON-RPC scanner: no input may make it read or
 * write where it should not, and none may be judged otherwise for having
 * come in other pieces.
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *         t/fuzz/rpc_fuzz.c ngx_mcp_tenant_module/core/mcp_rpc*.c
 *         ngx_mcp_tenant_module/core/mcp_json_*.c
 */

#include "../../ngx_mcp_tenant_module/core/mcp_rpc.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    mcp_rpc_result_e   result;
    bool               is_batch;
    size_t             error_offset;
    const char        *error;
    uint64_t           messages;        /* a hash of all of them */
    uint64_t           id;
} fuzz_outcome_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_run(const char *text, size_t len, size_t piece,
    uint32_t seed, fuzz_outcome_t *ret_outcome);
static int fuzz_message(void *data, const mcp_rpc_message_t *message);
static uint64_t fuzz_hash(uint64_t hash, const mcp_str_t *str);
static void fuzz_check(bool holds);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t        seed;
    const char     *text;
    fuzz_outcome_t  whole, other;

    if (size < sizeof(seed)) {
        return 0;
    }

    /* the pieces come from the end, so that a body may open a corpus file */

    size -= sizeof(seed);
    text = (const char *) data;
    memcpy(&seed, data + size, sizeof(seed));

    memset(&whole, 0, sizeof(whole));
    fuzz_run(text, size, size, 0, &whole);

    memset(&other, 0, sizeof(other));
    fuzz_run(text, size, 1, 0, &other);
    fuzz_check(memcmp(&whole, &other, sizeof(whole)) == 0);

    memset(&other, 0, sizeof(other));
    fuzz_run(text, size, 0, seed, &other);
    fuzz_check(memcmp(&whole, &other, sizeof(whole)) == 0);

    return 0;
}


/* piece 0: pieces of chance sizes, empty ones among them */

static void
fuzz_run(const char *text, size_t len, size_t piece, uint32_t seed,
    fuzz_outcome_t *ret_outcome)
{
    char               *copy;
    size_t              n;
    mcp_str_t           id;
    mcp_rpc_result_e    result;
    mcp_rpc_scanner_t  *scanner;
    static void        *memory;

    if (memory == NULL) {
        memory = malloc(mcp_rpc_scanner_size());
        fuzz_check(memory != NULL);
    }

    memset(memory, 0xa5, mcp_rpc_scanner_size());

    scanner = mcp_rpc_init(memory, fuzz_message, ret_outcome);
    result = MCP_RPC_DONE;

    while (len && result == MCP_RPC_DONE) {

        seed = seed * 1664525 + 1013904223;
        n = piece ? piece : (seed >> 24) % (seed & 0x800000 ? 4 : 200);
        n = n > len ? len : n;

        copy = malloc(n ? n : 1);
        fuzz_check(copy != NULL);

        memcpy(copy, text, n);
        result = mcp_rpc_feed(scanner, copy, n);
        free(copy);

        text += n;
        len -= n;
    }

    ret_outcome->result = mcp_rpc_finish(scanner);
    ret_outcome->is_batch = mcp_rpc_is_batch(scanner);
    ret_outcome->error = mcp_rpc_error(scanner);
    ret_outcome->error_offset = mcp_rpc_error_offset(scanner);

    id = mcp_rpc_id(scanner);
    ret_outcome->id = fuzz_hash(0, &id);

    fuzz_check(result == MCP_RPC_DONE || result == ret_outcome->result);
    fuzz_check((ret_outcome->error == NULL)
               == (ret_outcome->result == MCP_RPC_DONE));
    fuzz_check(ret_outcome->result != MCP_RPC_DONE
               || ret_outcome->messages != 0);
}


static int
fuzz_message(void *data, const mcp_rpc_message_t *message)
{
    size_t           i;
    uint64_t         hash;
    fuzz_outcome_t  *outcome;

    outcome = data;

    fuzz_check(message->id.len <= MCP_RPC_ID_MAX_LEN
               && message->method.len <= MCP_RPC_METHOD_MAX_LEN
               && message->name.len <= MCP_RPC_NAME_MAX_LEN
               && message->uri.len <= MCP_RPC_URI_MAX_LEN
               && message->protocol_version.len <= MCP_RPC_VERSION_MAX_LEN
               && message->task_id.len <= MCP_RPC_NAME_MAX_LEN
               && message->ref_type.len <= MCP_RPC_REF_TYPE_MAX_LEN
               && message->ref_name.len <= MCP_RPC_NAME_MAX_LEN
               && message->ref_uri.len <= MCP_RPC_URI_MAX_LEN
               && message->nsubscriptions <= MCP_RPC_SUBSCRIPTIONS_MAX);

    fuzz_check((message->id.data != NULL)
               == (message->kind != MCP_RPC_NOTIFICATION));
    fuzz_check((message->method.data != NULL)
               == (message->kind != MCP_RPC_RESPONSE));

    hash = outcome->messages * 31 + message->kind + 1;
    hash = fuzz_hash(hash, &message->id);
    hash = fuzz_hash(hash, &message->method);
    hash = fuzz_hash(hash, &message->name);
    hash = fuzz_hash(hash, &message->uri);
    hash = fuzz_hash(hash, &message->protocol_version);
    hash = fuzz_hash(hash, &message->task_id);
    hash = fuzz_hash(hash, &message->ref_type);
    hash = fuzz_hash(hash, &message->ref_name);
    hash = fuzz_hash(hash, &message->ref_uri);

    for (i = 0; i < message->nsubscriptions; i++) {
        hash = fuzz_hash(hash, &message->subscriptions[i]);
    }

    hash = hash * 2 + message->subscriptions_read;

    outcome->messages = hash;

    return MCP_OK;
}


/* FNV-1a, with what is absent told from what is empty. */

static uint64_t
fuzz_hash(uint64_t hash, const mcp_str_t *str)
{
    size_t  i;

    hash = (hash ^ (str->data ? str->len + 1 : 0))
           * UINT64_C(0x100000001b3) + 1;

    if (str->data) {
        fuzz_check(str->data[str->len] == '\0');
    }

    for (i = 0; i < str->len; i++) {
        hash = (hash ^ (unsigned char) str->data[i])
               * UINT64_C(0x100000001b3);
    }

    return hash;
}


static void
fuzz_check(bool holds)
{
    if (!holds) {
        abort();
    }
}
