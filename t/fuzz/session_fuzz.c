/*
 * libFuzzer target of sealed sessions: no input may open as a token, make the
 * reader of key files read where it should not, or be told in a finding.
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *         t/fuzz/session_fuzz.c ngx_mcp_tenant_module/core/mcp_session*.c
 *         ngx_mcp_tenant_module/core/mcp_{seal,base64,base,report,set}.c
 *         ngx_mcp_tenant_module/core/mcp_{file,key}.c -lcrypto
 */

#include "../../ngx_mcp_tenant_module/core/mcp_session.h"

#include <stdlib.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_token(const char *text, size_t len);
static void fuzz_changed(const uint8_t *data, size_t size);
static void fuzz_file(const char *text, size_t len);
static void fuzz_check(bool holds);


static mcp_session_ring_t         *ring;
static const mcp_session_scope_t   scope = { 1, 2, 3 };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *copy;
    mcp_session_keys_t   keys;

    if (ring == NULL) {
        fuzz_check(mcp_session_keys_random(&keys) == MCP_OK);
        ring = mcp_session_ring_new(&keys);
        fuzz_check(ring != NULL);
    }

    copy = malloc(size ? size : 1);
    fuzz_check(copy != NULL);
    memcpy(copy, data, size);

    fuzz_token(copy, size);
    fuzz_changed(data, size);
    fuzz_file(copy, size);

    free(copy);

    return 0;
}


static void
fuzz_token(const char *text, size_t len)
{
    mcp_session_t  session;

    fuzz_check(mcp_session_open(ring, &scope, text, len, 0, 0, &session)
               == MCP_SESSION_UNKNOWN);
}


/* A real token with the bytes of data over some of its own. */

static void
fuzz_changed(const uint8_t *data, size_t size)
{
    char                  token[MCP_SESSION_TOKEN_MAX_LEN];
    char                  whole[MCP_SESSION_TOKEN_MAX_LEN];
    size_t                at, len;
    mcp_session_t         session = { 4, 5, mcp_str("id") };
    mcp_session_result_e  result;

    fuzz_check(mcp_session_seal(ring, &scope, &session, token, &len)
               == MCP_SESSION_OK);

    if (size < 2) {
        return;
    }

    memcpy(whole, token, len);

    at = data[0] % len;
    size = size - 1 > len - at ? len - at : size - 1;
    memcpy(token + at, data + 1, size);

    result = mcp_session_open(ring, &scope, token, len, 0, 0, &session);

    fuzz_check((result == MCP_SESSION_OK)
               == (memcmp(token, whole, len) == 0));
}


static void
fuzz_file(const char *text, size_t len)
{
    bool                 fine;
    mcp_report_t        *report;
    mcp_session_keys_t   keys;

    report = mcp_report_new();
    fuzz_check(report != NULL);

    fine = mcp_session_keys_parse("k", text, len, report, &keys);

    fuzz_check(fine == (mcp_report_lines(report) == 0));
    fuzz_check(fine == (keys.count > 0) && keys.count <= MCP_SESSION_KEYS_MAX);

    mcp_report_free(report);
}


static void
fuzz_check(bool holds)
{
    if (!holds) {
        abort();
    }
}
