/*
 * Identities.  What is hashed is gathered first: one call into the library
 * costs more than a block of SHA-256.
 */

#include "mcp_identity.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>


#define MCP_IDENTITY_BUFFER_BYTES  512


struct mcp_identity_s {
    EVP_MD         *md;
    EVP_MD_CTX     *ctx;
    size_t          used;
    bool            failed;
    unsigned char   buffer[MCP_IDENTITY_BUFFER_BYTES];
};


static void mcp_identity_begin(mcp_identity_t *identity, const char *kind);
static void mcp_identity_add(mcp_identity_t *identity, const void *data,
    size_t len);
static void mcp_identity_number(mcp_identity_t *identity, uint32_t n);
static uint64_t mcp_identity_end(mcp_identity_t *identity);
static void mcp_identity_gather(mcp_identity_t *identity, const void *data,
    size_t len);
static void mcp_identity_flush(mcp_identity_t *identity);


mcp_identity_t *
mcp_identity_new(void)
{
    mcp_identity_t  *identity;

    identity = mcp_alloc(sizeof(mcp_identity_t));
    if (identity == NULL) {
        return NULL;
    }

    identity->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    identity->ctx = EVP_MD_CTX_new();

    if (identity->md == NULL || identity->ctx == NULL) {
        mcp_identity_free(identity);
        return NULL;
    }

    return identity;
}


void
mcp_identity_free(mcp_identity_t *identity)
{
    if (identity == NULL) {
        return;
    }

    EVP_MD_CTX_free(identity->ctx);
    EVP_MD_free(identity->md);

    /* header values went through the buffer */

    OPENSSL_cleanse(identity->buffer, sizeof(identity->buffer));
    free(identity);
}


uint64_t
mcp_identity_tenant(mcp_identity_t *identity, const mcp_tenant_t *tenant)
{
    mcp_identity_begin(identity, "tenant");
    mcp_identity_add(identity, tenant->id.data, tenant->id.len);

    return mcp_identity_end(identity);
}


uint64_t
mcp_identity_key(mcp_identity_t *identity, const mcp_tenant_t *tenant,
    const mcp_key_t *key)
{
    mcp_identity_begin(identity, "key");
    mcp_identity_add(identity, tenant->id.data, tenant->id.len);
    mcp_identity_add(identity, key->digest, sizeof(key->digest));

    return mcp_identity_end(identity);
}


uint64_t
mcp_identity_server(mcp_identity_t *identity, const mcp_tenant_t *tenant,
    const mcp_server_t *server)
{
    mcp_identity_begin(identity, "server");
    mcp_identity_add(identity, tenant->id.data, tenant->id.len);
    mcp_identity_add(identity, server->id.data, server->id.len);

    return mcp_identity_end(identity);
}


uint64_t
mcp_identity_tool_limit(mcp_identity_t *identity, const mcp_tenant_t *tenant,
    const mcp_server_t *server, const mcp_tool_limit_t *limit)
{
    mcp_identity_begin(identity, "tool limit");
    mcp_identity_add(identity, tenant->id.data, tenant->id.len);
    mcp_identity_add(identity, server->id.data, server->id.len);
    mcp_identity_add(identity, limit->match.data, limit->match.len);

    return mcp_identity_end(identity);
}


uint64_t
mcp_identity_endpoint(mcp_identity_t *identity, const mcp_tenant_t *tenant,
    const mcp_server_t *server, const mcp_url_t *url,
    const mcp_address_t *address)
{
    size_t               i;
    const mcp_header_t  *header;

    mcp_identity_begin(identity, "endpoint");
    mcp_identity_add(identity, tenant->id.data, tenant->id.len);
    mcp_identity_add(identity, server->id.data, server->id.len);
    mcp_identity_add(identity, url->host.data, url->host.len);
    mcp_identity_number(identity, url->port);
    mcp_identity_number(identity, url->tls);

    if (address->sa.sa_family == AF_INET) {
        mcp_identity_add(identity, &address->in.sin_addr,
                         sizeof(address->in.sin_addr));

    } else {
        mcp_identity_add(identity, &address->in6.sin6_addr,
                         sizeof(address->in6.sin6_addr));
        mcp_identity_number(identity, address->in6.sin6_scope_id);
    }

    for (i = 0; i < server->nheaders; i++) {
        header = &server->headers[i];

        if (header->value.data) {
            mcp_identity_add(identity, header->name.data, header->name.len);
            mcp_identity_add(identity, header->value.data,
                             header->value.len);
        }
    }

    return mcp_identity_end(identity);
}


static void
mcp_identity_begin(mcp_identity_t *identity, const char *kind)
{
    identity->used = 0;
    identity->failed = EVP_DigestInit_ex(identity->ctx, identity->md, NULL)
                       != 1;

    mcp_identity_add(identity, kind, strlen(kind));
}


static void
mcp_identity_add(mcp_identity_t *identity, const void *data, size_t len)
{
    mcp_identity_number(identity, (uint32_t) len);
    mcp_identity_gather(identity, data, len);
}


static void
mcp_identity_number(mcp_identity_t *identity, uint32_t n)
{
    unsigned char  bytes[4];

    bytes[0] = (unsigned char) (n >> 24);
    bytes[1] = (unsigned char) (n >> 16);
    bytes[2] = (unsigned char) (n >> 8);
    bytes[3] = (unsigned char) n;

    mcp_identity_gather(identity, bytes, sizeof(bytes));
}


static uint64_t
mcp_identity_end(mcp_identity_t *identity)
{
    size_t         i;
    uint64_t       n;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    mcp_identity_flush(identity);

    if (EVP_DigestFinal_ex(identity->ctx, digest, NULL) != 1
        || identity->failed)
    {
        return 0;
    }

    n = 0;

    for (i = 0; i < sizeof(n); i++) {
        n = n << 8 | digest[i];
    }

    return n ? n : 1;
}


static void
mcp_identity_gather(mcp_identity_t *identity, const void *data, size_t len)
{
    if (len > sizeof(identity->buffer) - identity->used) {
        mcp_identity_flush(identity);
    }

    if (len > sizeof(identity->buffer)) {
        if (EVP_DigestUpdate(identity->ctx, data, len) != 1) {
            identity->failed = true;
        }

        return;
    }

    if (len) {
        memcpy(identity->buffer + identity->used, data, len);
        identity->used += len;
    }
}


static void
mcp_identity_flush(mcp_identity_t *identity)
{
    if (identity->used
        && EVP_DigestUpdate(identity->ctx, identity->buffer, identity->used)
           != 1)
    {
        identity->failed = true;
    }

    identity->used = 0;
}
