/*
 * Sealed sessions: a token opens where it was given out, and nowhere else.
 */

#include "mcp_session.h"

#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>


static void test_round_trip(void);
static void test_scope(void);
static void test_age(void);
static void test_ids(void);
static void test_forged(void);
static void test_rotation(void);
static void test_fails(void);
static mcp_session_result_e seal_it(mcp_session_ring_t *from,
    const char *id, size_t id_len);
static mcp_session_result_e open_it(mcp_session_ring_t *by,
    const mcp_session_scope_t *of, int64_t now, int64_t max_age);


static const mcp_session_scope_t  scope = { 11, 22, 33 };

static bool                 no_randomness;
static mcp_session_keys_t   keys;
static mcp_session_ring_t  *ring;
static mcp_session_t        opened;
static char                 token[MCP_SESSION_TOKEN_MAX_LEN + 1];
static size_t               token_len;


ssize_t
getrandom(void *buffer, size_t size, unsigned flags)
{
    if (no_randomness) {
        errno = ENOSYS;
        return -1;
    }

    return syscall(SYS_getrandom, buffer, size, flags);
}


int
main(void)
{
    (void) mcp_session_keys_random(&keys);
    ring = mcp_session_ring_new(&keys);

    test_round_trip();
    test_scope();
    test_age();
    test_ids();
    test_forged();
    test_rotation();
    test_fails();

    mcp_session_ring_free(ring);
    mcp_session_ring_free(NULL);

    return done();
}


static mcp_session_result_e
seal_it(mcp_session_ring_t *from, const char *id, size_t id_len)
{
    mcp_session_t  session = { 0xfedcba9876543210, 1000, { id_len, id } };

    memset(token, 0, sizeof(token));

    return mcp_session_seal(from, &scope, &session, token, &token_len);
}


static mcp_session_result_e
open_it(mcp_session_ring_t *by, const mcp_session_scope_t *of, int64_t now,
    int64_t max_age)
{
    return mcp_session_open(by, of, token, token_len, now, max_age, &opened);
}


static void
test_round_trip(void)
{
    char    first[sizeof(token)];
    size_t  i, visible;

    is_int(seal_it(ring, "abc", 3), MCP_SESSION_OK, "a session is sealed");
    ok(token_len == MCP_SESSION_TOKEN_LEN(3) && strlen(token) == token_len,
       "the token is as long as it was said to be");

    visible = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                            "uvwxyz0123456789-_");
    ok(visible == token_len, "it is visible ASCII");

    is_int(open_it(ring, &scope, 1000, 0), MCP_SESSION_OK, "it opens");
    ok(opened.id.len == 3 && memcmp(opened.id.data, "abc", 3) == 0
       && opened.issued == 1000 && opened.endpoint == 0xfedcba9876543210,
       "all that went in comes out");

    memcpy(first, token, sizeof(token));
    (void) seal_it(ring, "abc", 3);

    for (i = 0; i < 8 && first[i] == token[i]; i++) { /* void */ }

    ok(i < 8, "no two tokens are alike");
}


static void
test_scope(void)
{
    mcp_session_scope_t  other;

    (void) seal_it(ring, "abc", 3);

    other = scope;
    other.tenant++;
    is_int(open_it(ring, &other, 0, 0), MCP_SESSION_UNKNOWN,
           "not for another tenant");

    other = scope;
    other.server++;
    is_int(open_it(ring, &other, 0, 0), MCP_SESSION_UNKNOWN,
           "not on another server's route");

    other = scope;
    other.key = 0;
    is_int(open_it(ring, &other, 0, 0), MCP_SESSION_UNKNOWN,
           "a narrowed key's session not for a key that is not");

    other = scope;
    other.key = 34;
    is_int(open_it(ring, &other, 0, 0), MCP_SESSION_UNKNOWN,
           "nor for another narrowed key");

    is_int(open_it(ring, &scope, 0, 0), MCP_SESSION_OK, "only for its own");
}


static void
test_age(void)
{
    (void) seal_it(ring, "abc", 3);

    is_int(open_it(ring, &scope, 1059, 60), MCP_SESSION_OK, "young enough");
    is_int(open_it(ring, &scope, 1060, 60), MCP_SESSION_EXPIRED, "expired");
    is_int(open_it(ring, &scope, INT64_MAX, 60), MCP_SESSION_EXPIRED,
           "expired long ago");
    is_int(open_it(ring, &scope, INT64_MAX, 0), MCP_SESSION_OK,
           "without an age it lives on");
    is_int(open_it(ring, &scope, 1, 60), MCP_SESSION_OK,
           "one of a clock that is ahead is new");
}


static void
test_ids(void)
{
    char    id[MCP_SESSION_ID_MAX_LEN + 1];
    size_t  i, wrong;

    memset(id, 'x', sizeof(id));

    is_int(seal_it(ring, id, MCP_SESSION_ID_MAX_LEN), MCP_SESSION_OK,
           "the longest id");
    ok(token_len == MCP_SESSION_TOKEN_MAX_LEN
       && open_it(ring, &scope, 0, 0) == MCP_SESSION_OK
       && opened.id.len == MCP_SESSION_ID_MAX_LEN, "and back");

    is_int(seal_it(ring, id, MCP_SESSION_ID_MAX_LEN + 1), MCP_SESSION_NO_ID,
           "a longer one");
    is_int(seal_it(ring, id, 0), MCP_SESSION_NO_ID, "an empty one");

    wrong = 0;

    for (i = 0; i < 256; i++) {
        id[1] = (char) i;
        wrong += (seal_it(ring, id, 3) == MCP_SESSION_OK)
                 != (i > 0x20 && i < 0x7f);
    }

    is_int((long long) wrong, 0, "visible ASCII only");
}


static void
test_forged(void)
{
    char    whole[10240];
    size_t  i, bit, found;

    (void) seal_it(ring, "0123456789abcdef", 16);

    found = 0;

    for (i = 0; i < token_len; i++) {
        for (bit = 1; bit < 256; bit <<= 1) {
            token[i] ^= (char) bit;
            found += open_it(ring, &scope, 0, 0) != MCP_SESSION_UNKNOWN;
            token[i] ^= (char) bit;
        }
    }

    for (i = 0; i < token_len; i++) {
        found += mcp_session_open(ring, &scope, token, i, 0, 0, &opened)
                 != MCP_SESSION_UNKNOWN;
        found += mcp_session_open(ring, &scope, token + i + 1,
                                  token_len - i - 1, 0, 0, &opened)
                 != MCP_SESSION_UNKNOWN;
    }

    memset(whole, 'A', sizeof(whole));

    for (i = 0; i < sizeof(whole); i++) {
        found += mcp_session_open(ring, &scope, whole, i, 0, 0, &opened)
                 != MCP_SESSION_UNKNOWN;
    }

    found += mcp_session_open(ring, &scope,
                              "2f0c1c0e-6f0a-4a6b-9d43-4c2d4b2f7a11", 36, 0,
                              0, &opened)
             != MCP_SESSION_UNKNOWN;

    is_int((long long) found, 0, "nothing opens that was not given out");
    is_int(open_it(ring, &scope, 0, 0), MCP_SESSION_OK,
           "what was given out does");
}


static void
test_rotation(void)
{
    mcp_session_keys_t   two;
    mcp_session_ring_t  *next, *last;

    (void) mcp_session_keys_random(&two);
    two.count = 2;
    memcpy(two.keys[1], keys.keys[0], MCP_SEAL_KEY_LEN);
    next = mcp_session_ring_new(&two);

    (void) seal_it(ring, "abc", 3);
    is_int(open_it(next, &scope, 0, 0), MCP_SESSION_OK,
           "an old key opens");

    two.count = 1;
    last = mcp_session_ring_new(&two);

    is_int(open_it(last, &scope, 0, 0), MCP_SESSION_UNKNOWN,
           "until it is taken out");

    (void) seal_it(next, "abc", 3);
    is_int(open_it(last, &scope, 0, 0), MCP_SESSION_OK,
           "the first key seals, and another host opens");
    is_int(open_it(ring, &scope, 0, 0), MCP_SESSION_UNKNOWN,
           "but not one without it");

    mcp_session_ring_free(next);
    mcp_session_ring_free(last);
}


static void
test_fails(void)
{
    long                 n;
    mcp_session_keys_t   two;
    mcp_session_ring_t  *failed;

    no_randomness = true;
    is_int(seal_it(ring, "abc", 3), MCP_SESSION_FAILED,
           "no randomness, no token");
    is_int(mcp_session_keys_random(&two), MCP_ERROR, "and no key");
    no_randomness = false;

    two = keys;
    two.count = MCP_SESSION_KEYS_MAX;

    for (n = 0; n < 100; n++) {
        mcp_alloc_fail_at(n);
        failed = mcp_session_ring_new(&two);
        mcp_alloc_fail_at(-1);

        if (failed) {
            break;
        }
    }

    is_int(n, 1 + MCP_SESSION_KEYS_MAX, "a ring lacks memory cleanly");

    mcp_alloc_fail_at(0);
    (void) seal_it(failed, "abc", 3);
    ok(open_it(failed, &scope, 0, 0) == MCP_SESSION_OK,
       "sealing and opening take no memory");
    mcp_alloc_fail_at(-1);

    mcp_session_ring_free(failed);

    two.count = 0;
    failed = mcp_session_ring_new(&two);
    is_int(seal_it(failed, "abc", 3), MCP_SESSION_FAILED,
           "an empty ring seals nothing");
    mcp_session_ring_free(failed);
}
