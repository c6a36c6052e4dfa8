/*
 * XAES-256-GCM, C2SP's chunk of CMAC as a key derivation before AES-256-GCM.
 */

#include "mcp_seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>


#define MCP_SEAL_BLOCK_LEN    16
#define MCP_SEAL_DERIVE_LEN   12        /* of the nonce, the rest is GCM's */


/*
 * block: AES under the key itself, which derives keys only; gcm: under a
 * derived key.  subkey: K1 of CMAC.
 */
struct mcp_seal_s {
    EVP_CIPHER_CTX  *block;
    EVP_CIPHER_CTX  *gcm;
    unsigned char    subkey[MCP_SEAL_BLOCK_LEN];
};


static int mcp_seal_prepare(mcp_seal_t *seal,
    const unsigned char key[MCP_SEAL_KEY_LEN]);
static EVP_CIPHER_CTX *mcp_seal_context(const char *name,
    const unsigned char *key);
static int mcp_seal_start(mcp_seal_t *seal,
    const unsigned char nonce[MCP_SEAL_NONCE_LEN], const mcp_str_t *about,
    int encrypt);
static int mcp_seal_derive(mcp_seal_t *seal,
    const unsigned char nonce[MCP_SEAL_NONCE_LEN],
    unsigned char ret_key[MCP_SEAL_KEY_LEN]);


mcp_seal_t *
mcp_seal_new(const unsigned char key[MCP_SEAL_KEY_LEN])
{
    mcp_seal_t  *seal;

    seal = mcp_alloc(sizeof(mcp_seal_t));
    if (seal == NULL) {
        return NULL;
    }

    memset(seal, 0, sizeof(mcp_seal_t));

    if (mcp_seal_prepare(seal, key) != MCP_OK) {
        mcp_seal_free(seal);
        return NULL;
    }

    return seal;
}


void
mcp_seal_free(mcp_seal_t *seal)
{
    if (seal == NULL) {
        return;
    }

    EVP_CIPHER_CTX_free(seal->block);
    EVP_CIPHER_CTX_free(seal->gcm);
    OPENSSL_cleanse(seal, sizeof(mcp_seal_t));
    free(seal);
}


static int
mcp_seal_prepare(mcp_seal_t *seal, const unsigned char key[MCP_SEAL_KEY_LEN])
{
    int            len;
    size_t         i;
    unsigned char  carry;
    unsigned char  zero[MCP_SEAL_BLOCK_LEN], start[MCP_SEAL_BLOCK_LEN];

    seal->block = mcp_seal_context("AES-256-ECB", key);
    seal->gcm = mcp_seal_context("AES-256-GCM", NULL);

    memset(zero, 0, sizeof(zero));

    if (seal->block == NULL || seal->gcm == NULL
        || EVP_EncryptUpdate(seal->block, start, &len, zero, sizeof(zero))
           != 1)
    {
        return MCP_ERROR;
    }

    /* doubling in GF(2^128), without a branch on the key */

    carry = start[0] >> 7;

    for (i = 0; i < MCP_SEAL_BLOCK_LEN - 1; i++) {
        seal->subkey[i] = (unsigned char) (start[i] << 1 | start[i + 1] >> 7);
    }

    seal->subkey[i] = (unsigned char) (start[i] << 1 ^ (0x87 & -carry));

    OPENSSL_cleanse(start, sizeof(start));

    return MCP_OK;
}


/* The context keeps the cipher, so that it is looked up once. */
static EVP_CIPHER_CTX *
mcp_seal_context(const char *name, const unsigned char *key)
{
    int              rc;
    EVP_CIPHER      *cipher;
    EVP_CIPHER_CTX  *context;

    cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    context = EVP_CIPHER_CTX_new();

    rc = cipher && context
         && EVP_EncryptInit_ex2(context, cipher, key, NULL, NULL) == 1
         && EVP_CIPHER_CTX_set_padding(context, 0) == 1;

    EVP_CIPHER_free(cipher);

    if (!rc) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }

    return context;
}


int
mcp_seal(mcp_seal_t *seal, const unsigned char nonce[MCP_SEAL_NONCE_LEN],
    const mcp_str_t *about, const unsigned char *text, size_t len,
    unsigned char *ret_sealed)
{
    int  n;

    if (len > INT_MAX
        || mcp_seal_start(seal, nonce, about, 1) != MCP_OK
        || EVP_CipherUpdate(seal->gcm, ret_sealed, &n, text, (int) len) != 1
        || EVP_CipherFinal_ex(seal->gcm, ret_sealed + len, &n) != 1
        || EVP_CIPHER_CTX_ctrl(seal->gcm, EVP_CTRL_AEAD_GET_TAG,
                               MCP_SEAL_TAG_LEN, ret_sealed + len)
           != 1)
    {
        return MCP_ERROR;
    }

    return MCP_OK;
}


int
mcp_unseal(mcp_seal_t *seal, const unsigned char nonce[MCP_SEAL_NONCE_LEN],
    const mcp_str_t *about, const unsigned char *sealed, size_t len,
    unsigned char *ret_text)
{
    int            n;
    unsigned char  tag[MCP_SEAL_TAG_LEN], rest[MCP_SEAL_BLOCK_LEN];

    if (len < MCP_SEAL_TAG_LEN) {
        return MCP_ERROR;
    }

    len -= MCP_SEAL_TAG_LEN;
    memcpy(tag, sealed + len, MCP_SEAL_TAG_LEN);

    if (len > INT_MAX
        || mcp_seal_start(seal, nonce, about, 0) != MCP_OK
        || EVP_CipherUpdate(seal->gcm, ret_text, &n, sealed, (int) len) != 1
        || EVP_CIPHER_CTX_ctrl(seal->gcm, EVP_CTRL_AEAD_SET_TAG,
                               MCP_SEAL_TAG_LEN, tag)
           != 1
        || EVP_CipherFinal_ex(seal->gcm, rest, &n) != 1)
    {
        /* text that nobody vouches for is not left lying about */

        OPENSSL_cleanse(ret_text, len);
        return MCP_ERROR;
    }

    return MCP_OK;
}


static int
mcp_seal_start(mcp_seal_t *seal,
    const unsigned char nonce[MCP_SEAL_NONCE_LEN], const mcp_str_t *about,
    int encrypt)
{
    int            n, rc;
    unsigned char  key[MCP_SEAL_KEY_LEN];

    if (about->len > INT_MAX || mcp_seal_derive(seal, nonce, key) != MCP_OK) {
        return MCP_ERROR;
    }

    rc = EVP_CipherInit_ex2(seal->gcm, NULL, key, nonce + MCP_SEAL_DERIVE_LEN,
                            encrypt, NULL)
         == 1
         && EVP_CipherUpdate(seal->gcm, NULL, &n,
                             (const unsigned char *) about->data,
                             (int) about->len)
            == 1;

    OPENSSL_cleanse(key, sizeof(key));

    return rc ? MCP_OK : MCP_ERROR;
}


/* Two counted blocks, "X" and half of the nonce in each, through CMAC. */
static int
mcp_seal_derive(mcp_seal_t *seal,
    const unsigned char nonce[MCP_SEAL_NONCE_LEN],
    unsigned char ret_key[MCP_SEAL_KEY_LEN])
{
    int            n;
    size_t         i;
    unsigned char  blocks[2 * MCP_SEAL_BLOCK_LEN];
    unsigned char *second;

    second = blocks + MCP_SEAL_BLOCK_LEN;

    memcpy(blocks, "\0\1X", 4);
    memcpy(blocks + 4, nonce, MCP_SEAL_DERIVE_LEN);
    memcpy(second, blocks, MCP_SEAL_BLOCK_LEN);
    second[1] = 2;

    for (i = 0; i < MCP_SEAL_BLOCK_LEN; i++) {
        blocks[i] ^= seal->subkey[i];
        second[i] ^= seal->subkey[i];
    }

    n = EVP_EncryptUpdate(seal->block, ret_key, &n, blocks, sizeof(blocks));

    OPENSSL_cleanse(blocks, sizeof(blocks));

    return n == 1 ? MCP_OK : MCP_ERROR;
}
