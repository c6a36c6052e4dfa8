/*
 * API keys.  The program's own getrandom() takes the place of the C
 * library's, so that scarce and chosen randomness can be played.
 */

#include "../../ngx_mcp_tenant_module/core/mcp_key.h"

#include "tap.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>


#define RUN  "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


static void test_generate(void);
static void test_randomness(void);
static void test_bias(void);
static void test_is_ours(void);
static void test_search(void);
static void search_is(const char *text, const char *expected,
    const char *name);
static void test_digest(void);
static void test_hash_text(void);
static void test_out_of_memory(void);


static enum {
    RANDOM_REAL,
    RANDOM_NONE,
    RANDOM_DRIBBLE,
    RANDOM_VALUE
} random_mode;

static unsigned       random_calls;
static unsigned char  random_value;


ssize_t
getrandom(void *buffer, size_t size, unsigned flags)
{
    random_calls++;

    switch (random_mode) {

    case RANDOM_NONE:
        errno = ENOSYS;
        return -1;

    case RANDOM_DRIBBLE:

        if (random_calls % 2) {
            errno = EINTR;
            return -1;
        }

        size = size > 5 ? 5 : size;
        break;

    case RANDOM_VALUE:
        memset(buffer, random_calls == 1 ? random_value : 0, size);
        return (ssize_t) size;

    default:
        break;
    }

    return syscall(SYS_getrandom, buffer, size, flags);
}


int
main(void)
{
    test_generate();
    test_randomness();
    test_bias();
    test_is_ours();
    test_search();
    test_digest();
    test_hash_text();
    test_out_of_memory();

    return done();
}


static void
test_generate(void)
{
    char      key[MCP_KEY_LEN + 1], other[MCP_KEY_LEN + 1];
    size_t    len;
    unsigned  i, bad, same;

    is_int(MCP_KEY_LEN, 43, "a key has 43 characters");

    bad = 0;
    same = 0;
    other[0] = '\0';

    for (i = 0; i < 1000; i++) {

        if (mcp_key_generate(key) != MCP_OK || strlen(key) != MCP_KEY_LEN
            || !mcp_key_is_ours(key, MCP_KEY_LEN)
            || mcp_key_search(key, MCP_KEY_LEN, &len) != key
            || len != MCP_KEY_LEN)
        {
            bad++;
        }

        same += strcmp(key, other) == 0;
        memcpy(other, key, sizeof(key));
    }

    is_int(bad, 0, "1000 new keys have the form and checksum of a key");
    is_int(same, 0, "no key comes twice in a row");
}


static void
test_randomness(void)
{
    char  key[MCP_KEY_LEN + 1];

    memset(key, 'x', sizeof(key));

    random_mode = RANDOM_NONE;
    is_int(mcp_key_generate(key), MCP_ERROR, "no randomness, no key");
    ok(memchr(key, 'm', sizeof(key)) == NULL,
       "without randomness the output is left alone");

    random_mode = RANDOM_DRIBBLE;
    is_int(mcp_key_generate(key), MCP_OK,
           "interrupted and short reads of randomness are continued");
    ok(mcp_key_is_ours(key, MCP_KEY_LEN), "and make a key");

    random_mode = RANDOM_REAL;
}


static void
test_bias(void)
{
    char         key[MCP_KEY_LEN + 1];
    unsigned     i, uneven, count[256];
    const char  *letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghijklmnopqrstuvwxyz";

    memset(count, 0, sizeof(count));
    random_mode = RANDOM_VALUE;

    for (i = 0; i < 248; i++) {
        random_calls = 0;
        random_value = (unsigned char) i;
        (void) mcp_key_generate(key);
        count[(unsigned char) key[5]]++;
    }

    uneven = 0;

    for (i = 0; letters[i]; i++) {
        uneven += count[(unsigned char) letters[i]] != 4;
    }

    is_int(uneven, 0, "each of 62 characters stands for 4 byte values");

    uneven = 0;

    for (i = 248; i < 256; i++) {
        random_calls = 0;
        random_value = (unsigned char) i;
        (void) mcp_key_generate(key);
        uneven += random_calls != 2 || key[5] != '0';
    }

    is_int(uneven, 0, "the 8 values left over are thrown away");

    random_mode = RANDOM_REAL;
}


static void
test_is_ours(void)
{
    char    key[MCP_KEY_LEN + 2];
    size_t  i;
    int     wrong;

    /* CRC-32 of "mcpt_" RUN is 0x99476e77: 2571595383 in base 62 */

    memcpy(key, "mcpt_" RUN "2o29Qt", MCP_KEY_LEN + 1);
    ok(mcp_key_is_ours(key, MCP_KEY_LEN), "a known key is ours");

    wrong = 0;

    for (i = 0; i < MCP_KEY_LEN; i++) {
        key[i] ^= 1;
        wrong += mcp_key_is_ours(key, MCP_KEY_LEN);
        key[i] ^= 1;
    }

    is_int(wrong, 0, "a changed character at any place is noticed");

    key[MCP_KEY_LEN] = 'a';
    ok(!mcp_key_is_ours(key, MCP_KEY_LEN + 1), "a longer word is not ours");
    ok(!mcp_key_is_ours(key, MCP_KEY_LEN - 1), "a shorter word is not ours");
    ok(!mcp_key_is_ours("", 0), "an empty word is not ours");
    ok(!mcp_key_is_ours("sk_test", 7), "another word is not ours");
}


static void
test_search(void)
{
    search_is("mcpt_" RUN "abcdef", "mcpt_" RUN "abcdef",
              "a key alone is found");
    search_is("key=mcpt_" RUN "abcdef&x", "mcpt_" RUN "abcdef",
              "a key within text is found");
    search_is("xmcpt_" RUN "abcdef", "mcpt_" RUN "abcdef",
              "a key glued to a word is found");
    search_is("mcpt_ mcpt_short \"mcpt_" RUN "abcdef\"",
              "mcpt_" RUN "abcdef", "what only begins like a key is passed");
    search_is("mcpt_mcpt_" RUN "abcdef", "mcpt_" RUN "abcdef",
              "the prefix twice");
    search_is("mcpt_" RUN "abcdefGHI_jk.l", "mcpt_" RUN "abcdefGHI_jk",
              "the whole word is covered");
    search_is("mcpt_" RUN "abcde", "mcpt_" RUN "abcde",
              "a key that was cut is found");
    search_is("mcpt_ABCDEFGHIJKLMNOP", "mcpt_ABCDEFGHIJKLMNOP",
              "half a key is found");
    search_is("mcpt_ABCDEFGHIJKLMNO", NULL, "less than half is not");
    search_is("mcpt-" RUN "abcdef", NULL, "another prefix is not");
    search_is("", NULL, "nothing in nothing");
}


static void
search_is(const char *text, const char *expected, const char *name)
{
    size_t       len;
    const char  *found;

    found = mcp_key_search(text, strlen(text), &len);

    if (expected == NULL) {
        ok(found == NULL, "%s", name);
        return;
    }

    ok(found && len == strlen(expected) && memcmp(found, expected, len) == 0,
       "%s", name);
}


static void
test_digest(void)
{
    char               text[MCP_KEY_HASH_LEN + 1];
    unsigned char      digest[MCP_KEY_DIGEST_LEN];
    mcp_key_hasher_t  *hasher;

    hasher = mcp_key_hasher_new();
    if (!ok(hasher != NULL, "a hasher is made")) {
        return;
    }

    is_int(mcp_key_digest(hasher, "abc", 3, digest), MCP_OK, "a digest");
    mcp_key_hash_text(digest, text);
    is_str(text, "sha256:ba7816bf8f01cfea414140de5dae2223"
           "b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc (FIPS 180)");

    (void) mcp_key_digest(hasher, "", 0, digest);
    mcp_key_hash_text(digest, text);
    is_str(text, "sha256:e3b0c44298fc1c149afbf4c8996fb924"
           "27ae41e4649b934ca495991b7852b855",
           "the next digest knows nothing of the last");

    (void) mcp_key_digest(hasher, "abc\0", 4, digest);
    mcp_key_hash_text(digest, text);
    ok(strncmp(text, "sha256:ba7816bf", 15) != 0,
       "every byte counts, NUL too");

    mcp_key_hasher_free(hasher);
    mcp_key_hasher_free(NULL);
}


static void
test_hash_text(void)
{
    char           text[MCP_KEY_HASH_LEN + 1], again[MCP_KEY_HASH_LEN + 1];
    size_t         i;
    unsigned       accepted;
    unsigned char  digest[MCP_KEY_DIGEST_LEN], before[MCP_KEY_DIGEST_LEN];

    for (i = 0; i < MCP_KEY_DIGEST_LEN; i++) {
        digest[i] = (unsigned char) (i * 73 + 11);
    }

    mcp_key_hash_text(digest, text);
    is_int((long long) strlen(text), 71, "a hash has 71 characters");

    memset(digest, 0, sizeof(digest));
    is_int(mcp_key_hash_parse(text, 71, digest), MCP_OK, "it is read back");
    mcp_key_hash_text(digest, again);
    is_str(again, text, "as it was");

    for (i = 7; i < 71; i++) {
        if (text[i] >= 'a') {
            text[i] -= 32;
        }
    }

    memset(digest, 0, sizeof(digest));
    is_int(mcp_key_hash_parse(text, 71, digest), MCP_OK, "upper case too");
    mcp_key_hash_text(digest, again);
    ok(strcasecmp(again, text) == 0, "with the same value");

    memcpy(before, digest, sizeof(digest));
    accepted = 0;

    for (i = 0; i < 71; i++) {
        text[i] ^= 0x40;
        accepted += mcp_key_hash_parse(text, 71, digest) == MCP_OK
                    && !(i >= 7 && strchr("ABCDEF", text[i] ^ 0x40));
        text[i] ^= 0x40;
    }

    is_int(accepted, 0, "a wrong character at any place is refused");
    is_int(mcp_key_hash_parse(text, 70, digest), MCP_ERROR, "too short");
    is_int(mcp_key_hash_parse("", 0, digest), MCP_ERROR, "empty");
    is_int(mcp_key_hash_parse("SHA256:", 7, digest), MCP_ERROR, "no digits");
    ok(memcmp(before, digest, sizeof(digest)) == 0,
       "a refusal leaves the digest alone");
}


static void
test_out_of_memory(void)
{
    mcp_alloc_fail_at(0);
    ok(mcp_key_hasher_new() == NULL, "no memory, no hasher");
    mcp_alloc_fail_at(-1);
}
