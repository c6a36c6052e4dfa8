/*
 * libFuzzer target of the filter of lists: no input may make it read or write
 * where it should not, come out otherwise for having come in other pieces, or
 * differ from what the same filter on trees of jansson makes of it.
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *         t/fuzz/filter_fuzz.c ngx_mcp_tenant_module/core/mcp_filter*.c
 *         ngx_mcp_tenant_module/core/mcp_json_*.c
 *         ngx_mcp_tenant_module/core/mcp_base.c -ljansson
 */

#include "../unit/filter_model.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_framing(mcp_filter_framing_e framing, const char *text,
    size_t len, uint32_t seed);
static void fuzz_check(bool holds);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t     seed;
    const char  *text;

    if (size < sizeof(seed)) {
        return 0;
    }

    /* the pieces come from the end, so that a body may open a corpus file */

    size -= sizeof(seed);
    text = (const char *) data;
    memcpy(&seed, data + size, sizeof(seed));

    fuzz_framing(MCP_FILTER_JSON, text, size, seed);
    fuzz_framing(MCP_FILTER_SSE, text, size, seed);

    return 0;
}


static void
fuzz_framing(mcp_filter_framing_e framing, const char *text, size_t len,
    uint32_t seed)
{
    filter_outcome_t  whole, other;

    filter_run(framing, false, text, len, len, 0, &whole);

    if (whole.rc == MCP_OK) {
        fuzz_check(framing == MCP_FILTER_SSE
                   ? model_stream_agrees(text, len, whole.text, whole.len)
                   : model_agrees(text, len, whole.text, whole.len));
    }

    filter_run(framing, false, text, len, 1, 0, &other);
    fuzz_check(filter_outcomes_agree(&whole, &other));
    free(other.text);

    filter_run(framing, false, text, len, 0, seed, &other);
    fuzz_check(filter_outcomes_agree(&whole, &other));
    free(other.text);

    /* to look only is to change nothing */

    filter_run(framing, true, text, len, 0, seed, &other);
    fuzz_check(other.rc == MCP_OK && other.len == len
               && memcmp(other.text, text, len) == 0);
    free(other.text);

    free(whole.text);
}


static void
fuzz_check(bool holds)
{
    if (!holds) {
        abort();
    }
}
