/*
 * Sealing: XAES-256-GCM (C2SP), which is AES-256-GCM under a key that is
 * derived from a long-lived one and the first half of a random 192-bit nonce.
 *
 * Why not plain AES-256-GCM or ChaCha20-Poly1305: several workers and hosts
 * share a key and can only draw nonces at random.  With 96 bits that is safe
 * for 2^32 messages of one key, which a busy gateway seals within months,
 * and the first repeated nonce gives the key of the tag away.  With 192 bits
 * there is no number of messages to keep count of.  AES-GCM-SIV would do as
 * well, but OpenSSL has it from 3.2 on only; its AES-SIV allocates with each
 * message.
 */

#ifndef _MCP_SEAL_H_INCLUDED_
#define _MCP_SEAL_H_INCLUDED_


#include "mcp_base.h"


#define MCP_SEAL_KEY_LEN    32
#define MCP_SEAL_NONCE_LEN  24
#define MCP_SEAL_TAG_LEN    16


/* Of one key, for one thread: its contexts are used by each call. */
typedef struct mcp_seal_s  mcp_seal_t;


/* NULL without memory or AES; free accepts NULL, and wipes the key. */
mcp_seal_t *mcp_seal_new(const unsigned char key[MCP_SEAL_KEY_LEN]);
void mcp_seal_free(mcp_seal_t *seal);

/*
 * Writes len bytes of ciphertext and the tag to ret_sealed.  about: what is
 * authenticated beside the text, and not sent.  The nonce never comes twice:
 * draw it with mcp_key_random_bytes().
 */
int mcp_seal(mcp_seal_t *seal, const unsigned char nonce[MCP_SEAL_NONCE_LEN],
    const mcp_str_t *about, const unsigned char *text, size_t len,
    unsigned char *ret_sealed);

/*
 * The reverse; len is that of the ciphertext with its tag.  MCP_ERROR when it
 * is not what was sealed; ret_text, len less the tag, then holds zeroes.
 */
int mcp_unseal(mcp_seal_t *seal,
    const unsigned char nonce[MCP_SEAL_NONCE_LEN], const mcp_str_t *about,
    const unsigned char *sealed, size_t len, unsigned char *ret_text);


#endif /* _MCP_SEAL_H_INCLUDED_ */
