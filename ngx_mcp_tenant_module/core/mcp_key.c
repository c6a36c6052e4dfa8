/*
 * API keys.  Nothing here keeps a key longer than a call, and nothing says
 * one in an error.
 */

#include "mcp_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>


#define MCP_KEY_PREFIX_LEN   (sizeof(MCP_KEY_PREFIX) - 1)
#define MCP_KEY_CHECKED_LEN  (MCP_KEY_PREFIX_LEN + MCP_KEY_RANDOM_LEN)
#define MCP_KEY_HASH_PREFIX_LEN  (sizeof(MCP_KEY_HASH_PREFIX) - 1)

#define MCP_KEY_RADIX        62

/* the first byte value that would favor the low characters */
#define MCP_KEY_BYTE_LIMIT   (256 / MCP_KEY_RADIX * MCP_KEY_RADIX)


struct mcp_key_hasher_s {
    EVP_MD      *md;
    EVP_MD_CTX  *context;
};


static uint32_t mcp_key_crc32(const char *text, size_t len);
static bool mcp_key_is_alphanumeric(char c);
static int mcp_key_hex_value(char c);


static const char  mcp_key_alphabet[MCP_KEY_RADIX + 1] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


int
mcp_key_generate(char ret_key[MCP_KEY_LEN + 1])
{
    char           key[MCP_KEY_LEN + 1];
    size_t         n, i;
    unsigned char  bytes[2 * MCP_KEY_RANDOM_LEN];

    memcpy(key, MCP_KEY_PREFIX, MCP_KEY_PREFIX_LEN);
    n = MCP_KEY_PREFIX_LEN;

    while (n < MCP_KEY_CHECKED_LEN) {

        if (mcp_key_random_bytes(bytes, sizeof(bytes)) != MCP_OK) {
            OPENSSL_cleanse(key, sizeof(key));
            return MCP_ERROR;
        }

        for (i = 0; i < sizeof(bytes) && n < MCP_KEY_CHECKED_LEN; i++) {
            if (bytes[i] < MCP_KEY_BYTE_LIMIT) {
                key[n++] = mcp_key_alphabet[bytes[i] % MCP_KEY_RADIX];
            }
        }
    }

    mcp_key_checksum(key, MCP_KEY_CHECKED_LEN, key + MCP_KEY_CHECKED_LEN);
    key[MCP_KEY_LEN] = '\0';

    memcpy(ret_key, key, sizeof(key));

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(bytes, sizeof(bytes));

    return MCP_OK;
}


int
mcp_key_random_bytes(unsigned char *ret_bytes, size_t size)
{
    ssize_t  n;

    while (size) {
        n = getrandom(ret_bytes, size, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return MCP_ERROR;
        }

        ret_bytes += n;
        size -= (size_t) n;
    }

    return MCP_OK;
}


void
mcp_key_checksum(const char *text, size_t len,
    char ret_check[MCP_KEY_CHECK_LEN])
{
    size_t    i;
    uint32_t  crc;

    crc = mcp_key_crc32(text, len);

    for (i = MCP_KEY_CHECK_LEN; i > 0; i--) {
        ret_check[i - 1] = mcp_key_alphabet[crc % MCP_KEY_RADIX];
        crc /= MCP_KEY_RADIX;
    }
}


/* CRC-32 as zlib and Ethernet have it, a bit at a time: the text is short. */

static uint32_t
mcp_key_crc32(const char *text, size_t len)
{
    size_t    i;
    uint32_t  crc;
    unsigned  bit;

    crc = 0xffffffff;

    for (i = 0; i < len; i++) {
        crc ^= (unsigned char) text[i];

        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }

    return ~crc;
}


bool
mcp_key_is_ours(const char *token, size_t len)
{
    char    check[MCP_KEY_CHECK_LEN];
    size_t  i;

    if (len != MCP_KEY_LEN
        || memcmp(token, MCP_KEY_PREFIX, MCP_KEY_PREFIX_LEN) != 0)
    {
        return false;
    }

    for (i = MCP_KEY_PREFIX_LEN; i < len; i++) {
        if (!mcp_key_is_alphanumeric(token[i])) {
            return false;
        }
    }

    mcp_key_checksum(token, MCP_KEY_CHECKED_LEN, check);

    return memcmp(token + MCP_KEY_CHECKED_LEN, check, sizeof(check)) == 0;
}


const char *
mcp_key_search(const char *text, size_t len, size_t *ret_len)
{
    const char  *p, *end, *word;

    p = text;
    end = text + len;

    while ((size_t) (end - p) >= MCP_KEY_CUT_LEN) {

        word = memchr(p, MCP_KEY_PREFIX[0],
                      (size_t) (end - p) - MCP_KEY_PREFIX_LEN);
        if (word == NULL) {
            return NULL;
        }

        p = word + 1;

        if (memcmp(word, MCP_KEY_PREFIX, MCP_KEY_PREFIX_LEN) != 0) {
            continue;
        }

        p = word + MCP_KEY_PREFIX_LEN;

        while (p < end && mcp_key_is_alphanumeric(*p)) {
            p++;
        }

        if ((size_t) (p - word) < MCP_KEY_CUT_LEN) {

            /* the run may be the beginning of the next prefix */

            p = word + MCP_KEY_PREFIX_LEN;
            continue;
        }

        while (p < end && (mcp_key_is_alphanumeric(*p) || *p == '_')) {
            p++;
        }

        *ret_len = (size_t) (p - word);

        return word;
    }

    return NULL;
}


static bool
mcp_key_is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


mcp_key_hasher_t *
mcp_key_hasher_new(void)
{
    mcp_key_hasher_t  *hasher;

    hasher = mcp_alloc(sizeof(mcp_key_hasher_t));
    if (hasher == NULL) {
        return NULL;
    }

    /* fetched once: a lookup per digest costs several times the digest */

    hasher->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();

    if (hasher->md == NULL || hasher->context == NULL) {
        mcp_key_hasher_free(hasher);
        return NULL;
    }

    return hasher;
}


void
mcp_key_hasher_free(mcp_key_hasher_t *hasher)
{
    if (hasher == NULL) {
        return;
    }

    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->md);
    free(hasher);
}


int
mcp_key_digest(mcp_key_hasher_t *hasher, const char *token, size_t len,
    unsigned char ret_digest[MCP_KEY_DIGEST_LEN])
{
    unsigned       size;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (EVP_DigestInit_ex2(hasher->context, hasher->md, NULL) != 1
        || EVP_DigestUpdate(hasher->context, token, len) != 1
        || EVP_DigestFinal_ex(hasher->context, digest, &size) != 1
        || size != MCP_KEY_DIGEST_LEN)
    {
        return MCP_ERROR;
    }

    memcpy(ret_digest, digest, MCP_KEY_DIGEST_LEN);
    OPENSSL_cleanse(digest, sizeof(digest));

    return MCP_OK;
}


int
mcp_key_hash_parse(const char *text, size_t len,
    unsigned char ret_digest[MCP_KEY_DIGEST_LEN])
{
    int            high, low;
    size_t         i;
    unsigned char  digest[MCP_KEY_DIGEST_LEN];

    if (len != MCP_KEY_HASH_LEN
        || memcmp(text, MCP_KEY_HASH_PREFIX, MCP_KEY_HASH_PREFIX_LEN) != 0)
    {
        return MCP_ERROR;
    }

    text += MCP_KEY_HASH_PREFIX_LEN;

    for (i = 0; i < MCP_KEY_DIGEST_LEN; i++) {
        high = mcp_key_hex_value(text[2 * i]);
        low = mcp_key_hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return MCP_ERROR;
        }

        digest[i] = (unsigned char) (high << 4 | low);
    }

    memcpy(ret_digest, digest, MCP_KEY_DIGEST_LEN);

    return MCP_OK;
}


static int
mcp_key_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}


void
mcp_key_hash_text(const unsigned char digest[MCP_KEY_DIGEST_LEN],
    char ret_text[MCP_KEY_HASH_LEN + 1])
{
    char               *p;
    size_t              i;
    static const char   hex[] = "0123456789abcdef";

    memcpy(ret_text, MCP_KEY_HASH_PREFIX, MCP_KEY_HASH_PREFIX_LEN);
    p = ret_text + MCP_KEY_HASH_PREFIX_LEN;

    for (i = 0; i < MCP_KEY_DIGEST_LEN; i++) {
        *p++ = hex[digest[i] >> 4];
        *p++ = hex[digest[i] & 0x0f];
    }

    *p = '\0';
}
