/*
 * libFuzzer target of the JSON-RPC scanner: no input may make it read or
 * write where it should not, none may be judged otherwise for having come in
 * other pieces, and what it takes for JSON, and the values it tells, must be
 * what jansson finds.
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *         t/fuzz/rpc_fuzz.c ngx_mcp_tenant_module/core/mcp_rpc*.c
 *         ngx_mcp_tenant_module/core/mcp_json_*.c -ljansson
 *
 * Start it with -dict=t/fuzz/rpc.dict.
 */

#include "../../ngx_mcp_tenant_module/core/mcp_rpc.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>


#define FUZZ_FLAGS  (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)


typedef struct {
    mcp_rpc_result_e   result;
    bool               is_batch;
    size_t             error_offset;
    const char        *error;
    uint64_t           messages;        /* a hash of all of them */
    uint64_t           id;
} fuzz_outcome_t;


typedef struct {
    fuzz_outcome_t    *outcome;
    json_t            *body;            /* NULL when jansson takes it not */
    size_t             count;           /* messages so far */
} fuzz_run_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_run(const char *text, size_t len, size_t piece,
    uint32_t seed, json_t *body, fuzz_outcome_t *ret_outcome);
static int fuzz_message(void *data, const mcp_rpc_message_t *message);
static void fuzz_compare(const mcp_rpc_message_t *message, json_t *body);
static void fuzz_compare_id(const mcp_str_t *id, json_t *value);
static void fuzz_compare_subscriptions(const mcp_rpc_message_t *message,
    json_t *params);
static void fuzz_compare_keys(json_t *object, const char *const *known);
static void fuzz_fold(const char *key, char *ret_folded);
static bool fuzz_is(const mcp_str_t *str, json_t *value);
static bool fuzz_is_read(const mcp_str_t *str, json_t *value, size_t max);
static bool fuzz_readable(json_t *value, size_t max);
static uint64_t fuzz_hash(uint64_t hash, const mcp_str_t *str);
static void fuzz_check(bool holds);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool            has_nul;
    json_t         *body;
    uint32_t        seed;
    const char     *text;
    json_error_t    error;
    fuzz_outcome_t  whole, other;

    if (size < sizeof(seed)) {
        return 0;
    }

    /* the pieces come from the end, so that a body may open a corpus file */

    size -= sizeof(seed);
    text = (const char *) data;
    memcpy(&seed, data + size, sizeof(seed));

    /* jansson reads over a NUL byte, which JSON never has */

    has_nul = memchr(text, '\0', size);
    body = has_nul ? NULL : json_loadb(text, size, FUZZ_FLAGS, &error);

    memset(&whole, 0, sizeof(whole));
    fuzz_run(text, size, size, 0, body, &whole);

    /* it has no keys with a NUL, and other limits */

    fuzz_check((whole.result != MCP_RPC_PARSE_ERROR) == (body != NULL)
               || (body == NULL && !has_nul
                   && json_error_code(&error) == json_error_null_byte_in_key)
               || (body && (strstr(whole.error, "128 levels")
                            || strstr(whole.error, "1000 characters"))));

    memset(&other, 0, sizeof(other));
    fuzz_run(text, size, 1, 0, body, &other);
    fuzz_check(memcmp(&whole, &other, sizeof(whole)) == 0);

    memset(&other, 0, sizeof(other));
    fuzz_run(text, size, 0, seed, body, &other);
    fuzz_check(memcmp(&whole, &other, sizeof(whole)) == 0);

    json_decref(body);

    return 0;
}


/* piece 0: pieces of chance sizes, empty ones among them */

static void
fuzz_run(const char *text, size_t len, size_t piece, uint32_t seed,
    json_t *body, fuzz_outcome_t *ret_outcome)
{
    char               *copy;
    size_t              n;
    mcp_str_t           id;
    fuzz_run_t          run;
    mcp_rpc_result_e    result;
    mcp_rpc_scanner_t  *scanner;
    static void        *memory;

    if (memory == NULL) {
        memory = malloc(mcp_rpc_scanner_size());
        fuzz_check(memory != NULL);
    }

    memset(memory, 0xa5, mcp_rpc_scanner_size());

    run.outcome = ret_outcome;
    run.body = body;
    run.count = 0;

    scanner = mcp_rpc_init(memory, fuzz_message, &run);
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
    fuzz_run_t      *run;
    fuzz_outcome_t  *outcome;

    run = data;
    outcome = run->outcome;

    if (run->body) {
        fuzz_compare(message, json_is_array(run->body)
                              ? json_array_get(run->body, run->count)
                              : run->body);
    }

    run->count++;

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
    hash = hash * 2 + message->no_tasks;

    outcome->messages = hash;

    return MCP_OK;
}


/* Jansson takes the last of two keys, where the scanner hands over none. */

static void
fuzz_compare(const mcp_rpc_message_t *message, json_t *body)
{
    json_t  *params, *ref;

    static const char *const  of_message[] = {
        "jsonrpc", "id", "method", "params", "result", "error", NULL
    };
    static const char *const  of_params[] = {
        "name", "uri", "taskId", "_meta", "ref", "notifications", NULL
    };
    static const char *const  of_meta[] = {
        "io.modelcontextprotocol/protocolVersion", NULL
    };
    static const char *const  of_ref[] = { "type", "name", "uri", NULL };
    static const char *const  of_notifications[] = {
        "resourceSubscriptions", "taskIds", NULL
    };

    params = json_object_get(body, "params");
    ref = json_object_get(params, "ref");

    fuzz_compare_keys(body, of_message);
    fuzz_compare_keys(params, of_params);
    fuzz_compare_keys(json_object_get(params, "_meta"), of_meta);
    fuzz_compare_keys(ref, of_ref);
    fuzz_compare_keys(json_object_get(params, "notifications"),
                      of_notifications);

    fuzz_check(strcmp(json_string_value(json_object_get(body, "jsonrpc")),
                      "2.0") == 0);
    fuzz_compare_id(&message->id, json_object_get(body, "id"));

    fuzz_check(fuzz_is(&message->method, json_object_get(body, "method"))
               && fuzz_is(&message->name, json_object_get(params, "name"))
               && fuzz_is(&message->uri, json_object_get(params, "uri"))
               && fuzz_is(&message->protocol_version,
                          json_object_get(json_object_get(params, "_meta"),
                                     "io.modelcontextprotocol/protocolVersion"
                                          )));

    fuzz_check(fuzz_is_read(&message->task_id,
                            json_object_get(params, "taskId"),
                            MCP_RPC_NAME_MAX_LEN)
               && fuzz_is_read(&message->ref_type,
                               json_object_get(ref, "type"),
                               MCP_RPC_REF_TYPE_MAX_LEN)
               && fuzz_is_read(&message->ref_name,
                               json_object_get(ref, "name"),
                               MCP_RPC_NAME_MAX_LEN)
               && fuzz_is_read(&message->ref_uri,
                               json_object_get(ref, "uri"),
                               MCP_RPC_URI_MAX_LEN));

    fuzz_compare_subscriptions(message, params);
}


static void
fuzz_compare_id(const mcp_str_t *id, json_t *value)
{
    json_t  *told;

    if (id->data == NULL) {
        fuzz_check(value == NULL);
        return;
    }

    told = json_loadb(id->data, id->len, FUZZ_FLAGS, NULL);

    fuzz_check(told && json_equal(told, value));
    json_decref(told);
}


static void
fuzz_compare_subscriptions(const mcp_rpc_message_t *message, json_t *params)
{
    bool     is_read;
    size_t   i, total;
    json_t  *notifications, *uris, *uri, *tasks;

    notifications = json_object_get(params, "notifications");
    uris = json_object_get(notifications, "resourceSubscriptions");

    tasks = json_object_get(notifications, "taskIds");

    is_read = (params == NULL || json_is_object(params))
              && (notifications == NULL || json_is_object(notifications));

    fuzz_check(message->no_tasks
               == (is_read && (tasks == NULL
                               || (json_is_array(tasks)
                                   && json_array_size(tasks) == 0))));

    is_read = is_read && (uris == NULL || json_is_array(uris));
    total = 0;

    json_array_foreach(uris, i, uri) {
        total += json_string_length(uri) + 1;

        if (!fuzz_readable(uri, MCP_RPC_URI_MAX_LEN)
            || i == MCP_RPC_SUBSCRIPTIONS_MAX
            || total > MCP_RPC_SUBSCRIPTIONS_MAX_BYTES)
        {
            is_read = false;
            break;
        }

        fuzz_check(i < message->nsubscriptions
                   && fuzz_is(&message->subscriptions[i], uri));
    }

    fuzz_check(message->subscriptions_read == is_read
               && message->nsubscriptions == (json_is_array(uris) ? i : 0));
}


/* Of a body that is taken, no key is a known one in other letters. */

static void
fuzz_compare_keys(json_t *object, const char *const *known)
{
    char         folded[2][256];
    json_t      *value;
    size_t       i;
    const char  *key;

    json_object_foreach(object, key, value) {

        if (strlen(key) >= sizeof(folded[0])) {
            continue;
        }

        fuzz_fold(key, folded[0]);

        for (i = 0; known[i]; i++) {
            fuzz_fold(known[i], folded[1]);
            fuzz_check(strcmp(folded[0], folded[1]) != 0
                       || strcmp(key, known[i]) == 0);
        }
    }
}


static void
fuzz_fold(const char *key, char *ret_folded)
{
    while (*key) {

        if (strncmp(key, "\xc4\xb0", 2) == 0
            || strncmp(key, "\xc4\xb1", 2) == 0)
        {
            *ret_folded++ = 'i';
            key += 2;

        } else if (strncmp(key, "\xc5\xbf", 2) == 0) {
            *ret_folded++ = 's';
            key += 2;

        } else if (strncmp(key, "\xe2\x84\xaa", 3) == 0) {
            *ret_folded++ = 'k';
            key += 3;

        } else {
            *ret_folded++ = *key >= 'A' && *key <= 'Z' ? *key - 'A' + 'a'
                                                       : *key;
            key++;
        }
    }

    *ret_folded = '\0';
}


static bool
fuzz_is(const mcp_str_t *str, json_t *value)
{
    if (value == NULL || str->data == NULL) {
        return value == NULL && str->data == NULL;
    }

    return json_string_length(value) == str->len
           && json_is_string(value)
           && memcmp(json_string_value(value), str->data, str->len) == 0;
}


/* What is not as it should be is told as absent. */

static bool
fuzz_is_read(const mcp_str_t *str, json_t *value, size_t max)
{
    return fuzz_is(str, fuzz_readable(value, max) ? value : NULL);
}


static bool
fuzz_readable(json_t *value, size_t max)
{
    return json_is_string(value) && json_string_length(value) <= max
           && strlen(json_string_value(value)) == json_string_length(value);
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
