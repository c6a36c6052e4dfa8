/*
 * libFuzzer target of rules on URIs: no other spelling of a URI that is denied
 * may be allowed, and what is allowed stays where the pattern points to.
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *         t/fuzz/uri_fuzz.c ngx_mcp_tenant_module/core/mcp_{uri,glob}.c
 */

#include "../../ngx_mcp_tenant_module/core/mcp_uri.h"

#include <stdlib.h>
#include <string.h>


#define FOLDER  "file:///docs/"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fuzz_allowed(const char *text, size_t len,
    const mcp_str_t *pattern);
static bool fuzz_denied(const char *text, size_t len,
    const mcp_str_t *pattern);
static size_t fuzz_respell(const char *text, size_t len, uint32_t seed,
    char *ret_text);
static void fuzz_check(bool holds);


static mcp_uri_t  uri;


/* a byte: the length of a pattern; the pattern; four bytes; the URI */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        other[1024];
    size_t      len;
    uint32_t    seed;
    mcp_str_t   pattern;

    static const mcp_str_t  folder = mcp_str(FOLDER "*");

    if (size < 5 || size > 300 || data[0] > size - 5) {
        return 0;
    }

    pattern.len = data[0];
    pattern.data = (const char *) data + 1;
    data += 1 + pattern.len;
    size -= 5 + pattern.len;
    memcpy(&seed, data, 4);
    data += 4;

    len = fuzz_respell((const char *) data, size, seed, other);

    if (fuzz_denied((const char *) data, size, &pattern)) {
        fuzz_check(fuzz_denied(other, len, &pattern));
    }

    if (fuzz_allowed((const char *) data, size, &folder)) {
        fuzz_check(size >= folder.len - 1
                   && memcmp(data, FOLDER, folder.len - 1) == 0
                   && memmem(data, size, "/../", 4) == NULL
                   && memcmp(uri.plain.data, FOLDER, folder.len - 1) == 0
                   && memmem(uri.plain.data, uri.plain.len, "/../", 4)
                      == NULL);
    }

    return 0;
}


static bool
fuzz_allowed(const char *text, size_t len, const mcp_str_t *pattern)
{
    return mcp_uri_init(&uri, text, len) && mcp_uri_is(&uri, pattern);
}


static bool
fuzz_denied(const char *text, size_t len, const mcp_str_t *pattern)
{
    return !mcp_uri_init(&uri, text, len) || mcp_uri_may_be(&uri, pattern);
}


/* Escapes some characters, changes the case of some. */

static size_t
fuzz_respell(const char *text, size_t len, uint32_t seed, char *ret_text)
{
    char    *p;
    size_t   i;
    static const char  hex[] = "0123456789abcdef0123456789ABCDEF";

    p = ret_text;

    for (i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;

        /* not what is part of an escape, or structure that an escape hides */

        if (seed >> 30 == 0
            && ((text[i] >= 'a' && text[i] <= 'z')
                || (text[i] >= 'A' && text[i] <= 'Z'))
            && (i < 1 || text[i - 1] != '%') && (i < 2 || text[i - 2] != '%')
            && memchr(text, ':', i))
        {
            *p++ = '%';
            *p++ = hex[(unsigned char) text[i] >> 4];
            *p++ = hex[(text[i] & 0x0f) + (seed & 16)];

        } else if (seed >> 30 == 1
                   && ((text[i] >= 'a' && text[i] <= 'z')
                       || (text[i] >= 'A' && text[i] <= 'Z')))
        {
            *p++ = (char) (text[i] ^ 0x20);

        } else {
            *p++ = text[i];
        }
    }

    return (size_t) (p - ret_text);
}


static void
fuzz_check(bool holds)
{
    if (!holds) {
        abort();
    }
}
