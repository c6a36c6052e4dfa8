/*
 * Sealed sessions: what a client of MCP's revisions up to 2025-11-25 gets as
 * Mcp-Session-Id in place of the server's own id.
 *
 * A token is base64url of a nonce and a sealed text (mcp_seal.h) of the
 * server's id, the endpoint that opened the session and the time.  Tenant,
 * server and key are not in it: they are what the seal is about, so that a
 * token opens only where it was given out.  All are identities, which are the
 * same after a reload and on every host with the same keys.
 *
 *     token  = base64url(nonce[24] text tag[16])
 *     text   = issued[8] endpoint[8] id, numbers with the high byte first
 */

#ifndef _MCP_SESSION_H_INCLUDED_
#define _MCP_SESSION_H_INCLUDED_


#include "mcp_seal.h"


#define MCP_SESSION_KEYS_MAX   8

/* ids of servers, and what becomes of one of len bytes */
#define MCP_SESSION_ID_MAX_LEN     1024
#define MCP_SESSION_TOKEN_LEN(len)                                            \
    (((MCP_SEAL_NONCE_LEN + 16 + (len) + MCP_SEAL_TAG_LEN) * 4 + 2) / 3)
#define MCP_SESSION_TOKEN_MAX_LEN                                             \
    MCP_SESSION_TOKEN_LEN(MCP_SESSION_ID_MAX_LEN)


/*
 * The first key seals, each opens.  Plain data, so that a random ring can lie
 * where it outlives a reload; whoever holds it wipes it with
 * mcp_session_keys_wipe().
 */
typedef struct {
    size_t         count;
    unsigned char  keys[MCP_SESSION_KEYS_MAX][MCP_SEAL_KEY_LEN];
} mcp_session_keys_t;


/* One random key; MCP_ERROR when there is no randomness. */
int mcp_session_keys_random(mcp_session_keys_t *ret_keys);
void mcp_session_keys_wipe(mcp_session_keys_t *keys);

/*
 * A key file: one key a line, empty lines and those that begin with "#" left
 * out.  Whether it was right; findings name the line, never a key.  path is
 * borrowed by the report, as the file of its marks.
 */
bool mcp_session_keys_read(const char *path, mcp_report_t *report,
    mcp_session_keys_t *ret_keys);

/* The same for text that was read already. */
bool mcp_session_keys_parse(const char *path, const char *text, size_t len,
    mcp_report_t *report, mcp_session_keys_t *ret_keys);

/*
 * A line of that file: "mcps_", 43 characters of base64url for 256 bits, 6 of
 * checksum.  MCP_ERROR when there is no randomness.
 */
#define MCP_SESSION_KEY_PREFIX     "mcps_"
#define MCP_SESSION_KEY_BASE64_LEN 43
#define MCP_SESSION_KEY_CHECK_LEN  6
#define MCP_SESSION_KEY_LEN                                                   \
    (sizeof(MCP_SESSION_KEY_PREFIX) - 1 + MCP_SESSION_KEY_BASE64_LEN          \
     + MCP_SESSION_KEY_CHECK_LEN)

int mcp_session_key_generate(char ret_key[MCP_SESSION_KEY_LEN + 1]);


/*
 * What a session belongs to.  key: 0, or the identity of a key that reaches
 * less than its tenant, so that neither a narrowed key's session serves
 * another key nor another key's session a narrowed one; a key that is not
 * narrowed may be replaced while its sessions live on.
 */
typedef struct {
    uint64_t   tenant;
    uint64_t   server;
    uint64_t   key;
} mcp_session_scope_t;


/* issued: Unix seconds; id: the server's, 1 to 1024 of visible ASCII */
typedef struct {
    uint64_t   endpoint;
    int64_t    issued;
    mcp_str_t  id;
} mcp_session_t;


typedef enum {
    MCP_SESSION_OK,
    MCP_SESSION_UNKNOWN,            /* forged, foreign, no token at all */
    MCP_SESSION_EXPIRED,
    MCP_SESSION_NO_ID,              /* the server's id is no session id */
    MCP_SESSION_FAILED              /* no randomness, or no cipher */
} mcp_session_result_e;


/* Of one process and one thread.  Seals and opens without allocation. */
typedef struct mcp_session_ring_s  mcp_session_ring_t;


/* NULL without memory or AES; free accepts NULL. */
mcp_session_ring_t *mcp_session_ring_new(const mcp_session_keys_t *keys);
void mcp_session_ring_free(mcp_session_ring_t *ring);

/* OK, NO_ID or FAILED.  ret_token: MCP_SESSION_TOKEN_LEN(id.len) bytes. */
mcp_session_result_e mcp_session_seal(mcp_session_ring_t *ring,
    const mcp_session_scope_t *scope, const mcp_session_t *session,
    char *ret_token, size_t *ret_len);

/*
 * OK, UNKNOWN or EXPIRED; a client is told "not found" of both.  max_age:
 * seconds, 0 for none.  A token of the future is new: clocks of hosts
 * differ.  ret_session->id lies in the ring until its next use.
 */
mcp_session_result_e mcp_session_open(mcp_session_ring_t *ring,
    const mcp_session_scope_t *scope, const char *token, size_t len,
    int64_t now, int64_t max_age, mcp_session_t *ret_session);


#endif /* _MCP_SESSION_H_INCLUDED_ */
