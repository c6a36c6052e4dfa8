/*
 * API keys: making, recognising and hashing them.
 *
 * A key is "mcpt_", 32 random characters and 6 of checksum, all of
 * [0-9A-Za-z]: 190 random bits.  The checksum (CRC-32 of what stands before
 * it, base 62) lets a scanner tell a leaked key from a random word; the
 * gateway itself accepts any token whose hash the file names.
 */

#ifndef _MCP_KEY_H_INCLUDED_
#define _MCP_KEY_H_INCLUDED_


#include "mcp_base.h"
#include "mcp_model.h"


#define MCP_KEY_PREFIX       "mcpt_"
#define MCP_KEY_RANDOM_LEN   32
#define MCP_KEY_CHECK_LEN    6
#define MCP_KEY_LEN          (sizeof(MCP_KEY_PREFIX) - 1                      \
                              + MCP_KEY_RANDOM_LEN + MCP_KEY_CHECK_LEN)
#define MCP_KEY_CUT_LEN      (sizeof(MCP_KEY_PREFIX) - 1 + 16)
#define MCP_KEY_TOKEN_MAX_LEN  512

#define MCP_KEY_HASH_PREFIX  "sha256:"
#define MCP_KEY_HASH_LEN     (sizeof(MCP_KEY_HASH_PREFIX) - 1                 \
                              + 2 * MCP_KEY_DIGEST_LEN)


/* Of the system, which forked processes cannot share by mistake. */
int mcp_key_random_bytes(unsigned char *ret_bytes, size_t size);

/* What ends a key: six characters, without a NUL. */
void mcp_key_checksum(const char *text, size_t len,
    char ret_check[MCP_KEY_CHECK_LEN]);

/* Writes a new key and its NUL; MCP_ERROR when there is no randomness. */
int mcp_key_generate(char ret_key[MCP_KEY_LEN + 1]);

/* Whether the token has the form above and its checksum fits. */
bool mcp_key_is_ours(const char *token, size_t len);

/*
 * Finds the first word in text that has the form of a key, or of the first
 * MCP_KEY_CUT_LEN characters of one, whatever its checksum; NULL when there
 * is none.  For wiping keys out of text that will be logged.  *ret_len: its
 * length, the whole run of [0-9A-Za-z_].
 */
const char *mcp_key_search(const char *text, size_t len, size_t *ret_len);

/*
 * SHA-256 of the token.  The context is made once per process and used by
 * one thread; mcp_key_hasher_free() accepts NULL.
 */
typedef struct mcp_key_hasher_s  mcp_key_hasher_t;

mcp_key_hasher_t *mcp_key_hasher_new(void);
void mcp_key_hasher_free(mcp_key_hasher_t *hasher);
int mcp_key_digest(mcp_key_hasher_t *hasher, const char *token, size_t len,
    unsigned char ret_digest[MCP_KEY_DIGEST_LEN]);

/* "sha256:" and 64 hex digits of either case, to and from a digest. */
int mcp_key_hash_parse(const char *text, size_t len,
    unsigned char ret_digest[MCP_KEY_DIGEST_LEN]);
void mcp_key_hash_text(const unsigned char digest[MCP_KEY_DIGEST_LEN],
    char ret_text[MCP_KEY_HASH_LEN + 1]);


#endif /* _MCP_KEY_H_INCLUDED_ */
