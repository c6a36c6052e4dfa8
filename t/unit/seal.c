/*
 * XAES-256-GCM by the vectors of its specification, and base64url by those of
 * RFC 4648.
 */

#include "mcp_base64.h"
#include "mcp_seal.h"

#include "tap.h"


#define NONCE   "ABCDEFGHIJKLMNOPQRSTUVWX"
#define TEXT    "XAES-256-GCM"
#define LEN     (sizeof(TEXT) - 1)
#define SEALED  (LEN + MCP_SEAL_TAG_LEN)


static void test_vector(unsigned char key, const char *about,
    const char *expected);
static void test_forged(void);
static void test_base64(void);
static void test_out_of_memory(void);
static mcp_seal_t *seal_of(unsigned char key);


int
main(void)
{
    test_vector(1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e"
                       "2271");
    test_vector(3, "c2sp.org/XAES-256-GCM",
                "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
    test_forged();
    test_base64();
    test_out_of_memory();

    return done();
}


static mcp_seal_t *
seal_of(unsigned char key)
{
    unsigned char  bytes[MCP_SEAL_KEY_LEN];

    memset(bytes, key, sizeof(bytes));

    return mcp_seal_new(bytes);
}


static void
test_vector(unsigned char key, const char *about, const char *expected)
{
    char           hex[2 * SEALED + 1];
    size_t         i;
    mcp_str_t      str = { strlen(about), about };
    mcp_seal_t    *seal;
    unsigned char  sealed[SEALED], text[LEN];

    seal = seal_of(key);

    /* twice, because the contexts are used again */

    for (i = 0; i < 2; i++) {
        ok(mcp_seal(seal, (const unsigned char *) NONCE, &str,
                    (const unsigned char *) TEXT, LEN, sealed)
           == MCP_OK, "a text is sealed");
    }

    for (i = 0; i < SEALED; i++) {
        (void) snprintf(hex + 2 * i, 3, "%02x", sealed[i]);
    }

    is_str(hex, expected, "as the specification has it");

    ok(mcp_unseal(seal, (const unsigned char *) NONCE, &str, sealed, SEALED,
                  text)
       == MCP_OK && memcmp(text, TEXT, LEN) == 0, "and opened");

    mcp_seal_free(seal);
}


static void
test_forged(void)
{
    size_t                i, opened, left;
    mcp_str_t             about = mcp_str("about"), other = mcp_str("abouT");
    mcp_seal_t           *seal;
    unsigned char         sealed[SEALED], text[LEN], nonce[] = NONCE;
    static unsigned char  zero[LEN];

    seal = seal_of(5);
    (void) mcp_seal(seal, nonce, &about, (const unsigned char *) TEXT, LEN,
                    sealed);

    opened = 0;
    left = 0;

    for (i = 0; i < 8 * SEALED; i++) {
        sealed[i / 8] ^= 1 << i % 8;
        opened += mcp_unseal(seal, nonce, &about, sealed, SEALED, text)
                  == MCP_OK;
        left += memcmp(text, zero, LEN) != 0;
        sealed[i / 8] ^= 1 << i % 8;
    }

    for (i = 0; i < 8 * MCP_SEAL_NONCE_LEN; i++) {
        nonce[i / 8] ^= 1 << i % 8;
        opened += mcp_unseal(seal, nonce, &about, sealed, SEALED, text)
                  == MCP_OK;
        nonce[i / 8] ^= 1 << i % 8;
    }

    for (i = 0; i < SEALED; i++) {
        opened += mcp_unseal(seal, nonce, &about, sealed, i, text) == MCP_OK;
    }

    opened += mcp_unseal(seal, nonce, &other, sealed, SEALED, text) == MCP_OK;

    is_int((long long) opened, 0, "nothing opens that was changed");
    is_int((long long) left, 0, "and nothing of it is left");

    ok(mcp_unseal(seal, nonce, &about, sealed, SEALED, text) == MCP_OK,
       "what was not changed still opens");

    mcp_seal_free(seal);
    seal = seal_of(6);
    ok(mcp_unseal(seal, nonce, &about, sealed, SEALED, text) != MCP_OK,
       "but not with another key");
    mcp_seal_free(seal);
    mcp_seal_free(NULL);
}


static void
test_base64(void)
{
    char                 text[16];
    size_t               i, j, wrong;
    unsigned char        bytes[16];
    static const char *const  vectors[][2] = {
        { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "-__-" }
    };
    static const char         set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh"
                                      "ijklmnopqrstuvwxyz0123456789-_";

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        memset(text, 0, sizeof(text));
        mcp_base64_encode((const unsigned char *) vectors[i][0],
                          strlen(vectors[i][0]), text);
        is_str(text, vectors[i][1], "base64url");
        ok(strlen(text) == mcp_base64_len(strlen(vectors[i][0]))
           && mcp_base64_decode(text, strlen(text), bytes) == MCP_OK
           && memcmp(bytes, vectors[i][0], strlen(vectors[i][0])) == 0,
           "there and back");
    }

    wrong = 0;

    for (i = 0; i < 256; i++) {
        memset(text, 'A', 4);
        text[3] = (char) i;

        wrong += (mcp_base64_decode(text, 4, bytes) == MCP_OK)
                 != (i != 0 && strchr(set, (int) i) != NULL);
    }

    for (i = 0; i < 64; i++) {
        for (j = 0; j < 64; j++) {
            text[0] = set[i];
            text[1] = set[j];
            wrong += (mcp_base64_decode(text, 2, bytes) == MCP_OK)
                     != (j % 16 == 0);
        }
    }

    is_int((long long) wrong, 0, "each text has one form");
    ok(mcp_base64_decode("AAAAA", 5, bytes) != MCP_OK, "and no half byte");
}


static void
test_out_of_memory(void)
{
    mcp_seal_t  *seal;

    mcp_alloc_fail_at(0);
    seal = seal_of(1);
    mcp_alloc_fail_at(-1);

    ok(seal == NULL, "without memory there is no seal");
}
