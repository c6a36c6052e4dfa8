/*
 * Sealed sessions.  Tokens come from clients: every byte of one is hostile
 * until a key of the ring has opened it.
 */

#include "mcp_session.h"
#include "mcp_base64.h"
#include "mcp_key.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>


/* raises with every change of what a token holds: old ones do not open */
#define MCP_SESSION_CONTEXT      "mcp-tenant session 1"
#define MCP_SESSION_CONTEXT_LEN  (sizeof(MCP_SESSION_CONTEXT) - 1)
#define MCP_SESSION_ABOUT_LEN    (MCP_SESSION_CONTEXT_LEN + 3 * 8)

#define MCP_SESSION_HEAD_LEN     16
#define MCP_SESSION_TEXT_MAX     (MCP_SESSION_HEAD_LEN                        \
                                  + MCP_SESSION_ID_MAX_LEN)
#define MCP_SESSION_RAW_MIN      (MCP_SEAL_NONCE_LEN + MCP_SESSION_HEAD_LEN   \
                                  + 1 + MCP_SEAL_TAG_LEN)
#define MCP_SESSION_RAW_MAX      (MCP_SEAL_NONCE_LEN + MCP_SESSION_TEXT_MAX   \
                                  + MCP_SEAL_TAG_LEN)


struct mcp_session_ring_s {
    size_t          count;
    mcp_seal_t     *seals[MCP_SESSION_KEYS_MAX];
    unsigned char   text[MCP_SESSION_TEXT_MAX];
    unsigned char   raw[MCP_SESSION_RAW_MAX];
};


static mcp_str_t mcp_session_about(const mcp_session_scope_t *scope,
    char about[MCP_SESSION_ABOUT_LEN]);
static bool mcp_session_is_id(const mcp_str_t *id);
static void mcp_session_put(void *bytes, uint64_t n);
static uint64_t mcp_session_get(const void *bytes);


mcp_session_ring_t *
mcp_session_ring_new(const mcp_session_keys_t *keys)
{
    mcp_session_ring_t  *ring;

    ring = mcp_alloc(sizeof(mcp_session_ring_t));
    if (ring == NULL) {
        return NULL;
    }

    for (ring->count = 0; ring->count < keys->count; ring->count++) {

        ring->seals[ring->count] = mcp_seal_new(keys->keys[ring->count]);

        if (ring->seals[ring->count] == NULL) {
            mcp_session_ring_free(ring);
            return NULL;
        }
    }

    return ring;
}


void
mcp_session_ring_free(mcp_session_ring_t *ring)
{
    size_t  i;

    if (ring == NULL) {
        return;
    }

    for (i = 0; i < ring->count; i++) {
        mcp_seal_free(ring->seals[i]);
    }

    OPENSSL_cleanse(ring->text, sizeof(ring->text));
    free(ring);
}


mcp_session_result_e
mcp_session_seal(mcp_session_ring_t *ring, const mcp_session_scope_t *scope,
    const mcp_session_t *session, char *ret_token, size_t *ret_len)
{
    char            data[MCP_SESSION_ABOUT_LEN];
    size_t          len;
    mcp_str_t       about;
    unsigned char  *sealed;

    if (!mcp_session_is_id(&session->id)) {
        return MCP_SESSION_NO_ID;
    }

    about = mcp_session_about(scope, data);

    mcp_session_put(ring->text, (uint64_t) session->issued);
    mcp_session_put(ring->text + 8, session->endpoint);
    memcpy(ring->text + MCP_SESSION_HEAD_LEN, session->id.data,
           session->id.len);

    len = MCP_SESSION_HEAD_LEN + session->id.len;
    sealed = ring->raw + MCP_SEAL_NONCE_LEN;

    if (ring->count == 0
        || mcp_key_random_bytes(ring->raw, MCP_SEAL_NONCE_LEN) != MCP_OK
        || mcp_seal(ring->seals[0], ring->raw, &about, ring->text, len,
                    sealed)
           != MCP_OK)
    {
        return MCP_SESSION_FAILED;
    }

    len += MCP_SEAL_NONCE_LEN + MCP_SEAL_TAG_LEN;
    mcp_base64_encode(ring->raw, len, ret_token);
    *ret_len = mcp_base64_len(len);

    return MCP_SESSION_OK;
}


mcp_session_result_e
mcp_session_open(mcp_session_ring_t *ring, const mcp_session_scope_t *scope,
    const char *token, size_t len, int64_t now, int64_t max_age,
    mcp_session_t *ret_session)
{
    char            data[MCP_SESSION_ABOUT_LEN];
    size_t          i;
    int64_t         issued;
    mcp_str_t       about;
    unsigned char  *sealed;

    if (len < mcp_base64_len(MCP_SESSION_RAW_MIN)
        || len > MCP_SESSION_TOKEN_MAX_LEN
        || mcp_base64_decode(token, len, ring->raw) != MCP_OK)
    {
        return MCP_SESSION_UNKNOWN;
    }

    about = mcp_session_about(scope, data);
    len = mcp_base64_decoded_len(len) - MCP_SEAL_NONCE_LEN;
    sealed = ring->raw + MCP_SEAL_NONCE_LEN;

    for (i = 0; i < ring->count; i++) {
        if (mcp_unseal(ring->seals[i], ring->raw, &about, sealed, len,
                       ring->text)
            == MCP_OK)
        {
            break;
        }
    }

    if (i == ring->count) {
        return MCP_SESSION_UNKNOWN;
    }

    issued = (int64_t) mcp_session_get(ring->text);

    if (max_age && now > issued
        && (uint64_t) now - (uint64_t) issued >= (uint64_t) max_age)
    {
        return MCP_SESSION_EXPIRED;
    }

    ret_session->issued = issued;
    ret_session->endpoint = mcp_session_get(ring->text + 8);
    ret_session->id.data = (const char *) ring->text + MCP_SESSION_HEAD_LEN;
    ret_session->id.len = len - MCP_SEAL_TAG_LEN - MCP_SESSION_HEAD_LEN;

    return MCP_SESSION_OK;
}


static mcp_str_t
mcp_session_about(const mcp_session_scope_t *scope,
    char about[MCP_SESSION_ABOUT_LEN])
{
    char       *p;
    mcp_str_t   str;

    p = mempcpy(about, MCP_SESSION_CONTEXT, MCP_SESSION_CONTEXT_LEN);

    mcp_session_put(p, scope->tenant);
    mcp_session_put(p + 8, scope->server);
    mcp_session_put(p + 16, scope->key);

    str.data = about;
    str.len = MCP_SESSION_ABOUT_LEN;

    return str;
}


/* What MCP lets a session id be; in a header, anything else is an attack. */
static bool
mcp_session_is_id(const mcp_str_t *id)
{
    size_t  i;

    if (id->len == 0 || id->len > MCP_SESSION_ID_MAX_LEN) {
        return false;
    }

    for (i = 0; i < id->len; i++) {
        if (id->data[i] < 0x21 || id->data[i] > 0x7e) {
            return false;
        }
    }

    return true;
}


static void
mcp_session_put(void *bytes, uint64_t n)
{
    int             i;
    unsigned char  *p;

    p = bytes;

    for (i = 56; i >= 0; i -= 8) {
        *p++ = (unsigned char) (n >> i);
    }
}


static uint64_t
mcp_session_get(const void *bytes)
{
    int                   i;
    uint64_t              n;
    const unsigned char  *p;

    n = 0;
    p = bytes;

    for (i = 0; i < 8; i++) {
        n = n << 8 | p[i];
    }

    return n;
}
