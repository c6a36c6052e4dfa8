/*
 * Who asks for what: path, X-Tenant-ID and key, all of which must agree.
 * The path is judged as it stood in the request line, not as NGINX decoded
 * and merged it: what two readers could take differently is refused.
 */

#include "ngx_http_mcp_tenant_module.h"


typedef struct {
    ngx_str_t    tenant;            /* X-Tenant-ID */
    ngx_str_t    authorization;
    ngx_str_t    api_key;
    ngx_uint_t   has_tenant;        /* unsigned  has_tenant:1; */
} ngx_http_mcp_tenant_claims_t;


typedef struct {
    ngx_str_t    name;
    size_t       ctx_offset;
    size_t       claims_offset;
} ngx_http_mcp_tenant_known_header_t;


#define ngx_http_mcp_tenant_ctx_header(field)                                 \
    offsetof(ngx_http_mcp_tenant_ctx_t, field), NGX_CONF_UNSET_SIZE
#define ngx_http_mcp_tenant_claim_header(field)                               \
    NGX_CONF_UNSET_SIZE, offsetof(ngx_http_mcp_tenant_claims_t, field)


static void ngx_http_mcp_tenant_ctx_cleanup(void *data);
static mcp_reason_e ngx_http_mcp_tenant_judge(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static mcp_reason_e ngx_http_mcp_tenant_read_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_claims_t *claims);
static mcp_reason_e ngx_http_mcp_tenant_key(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_claims_t *claims,
    uint32_t *ret_tenant);
static mcp_reason_e ngx_http_mcp_tenant_token(
    ngx_http_mcp_tenant_claims_t *claims, ngx_str_t *ret_token);
static mcp_reason_e ngx_http_mcp_tenant_from(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_loc_conf_t *mtlcf,
    uint32_t *tenant);


static ngx_http_mcp_tenant_known_header_t  ngx_http_mcp_tenant_headers[] = {

    { ngx_string("x-tenant-id"),
      ngx_http_mcp_tenant_claim_header(tenant) },
    { ngx_string("authorization"),
      ngx_http_mcp_tenant_claim_header(authorization) },
    { ngx_string("x-api-key"),
      ngx_http_mcp_tenant_claim_header(api_key) },
    { ngx_string("content-type"),
      ngx_http_mcp_tenant_ctx_header(content_type) },
    { ngx_string("content-encoding"),
      ngx_http_mcp_tenant_ctx_header(content_encoding) },
    { ngx_string("origin"),
      ngx_http_mcp_tenant_ctx_header(origin) },
    { ngx_string("mcp-method"),
      ngx_http_mcp_tenant_ctx_header(mcp_method) },
    { ngx_string("mcp-name"),
      ngx_http_mcp_tenant_ctx_header(mcp_name) },
    { ngx_string("mcp-protocol-version"),
      ngx_http_mcp_tenant_ctx_header(mcp_version) },
    { ngx_string("mcp-session-id"),
      ngx_http_mcp_tenant_ctx_header(mcp_session) },
    { ngx_string("last-event-id"),
      ngx_http_mcp_tenant_ctx_header(last_event_id) },

    { ngx_null_string, 0, 0 }
};


/* Made by the first request of a worker. */
static mcp_key_hasher_t  *ngx_http_mcp_tenant_hasher;


ngx_http_mcp_tenant_ctx_t *
ngx_http_mcp_tenant_ctx_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mcp_tenant_module);
    if (ctx) {
        return ctx;
    }

    /* an internal redirect clears the contexts, but not the pool */

    if (!r->internal && !r->filter_finalize) {
        return NULL;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_mcp_tenant_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_mcp_tenant_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_mcp_tenant_ctx_t *
ngx_http_mcp_tenant_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = ngx_http_mcp_tenant_ctx_find(r);
    if (ctx) {
        return ctx;
    }

    r = r->main;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_tenant_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_mcp_tenant_ctx_t));

    ctx->tenant = MCP_IMAGE_NONE;
    ctx->key = MCP_IMAGE_NONE;
    ctx->server = MCP_IMAGE_NONE;
    ctx->tool_limit = MCP_IMAGE_NONE;

    cln->handler = ngx_http_mcp_tenant_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_mcp_tenant_module);

    return ctx;
}


static void
ngx_http_mcp_tenant_ctx_cleanup(void *data)
{
    ngx_http_mcp_tenant_ctx_t *ctx = data;

    ngx_http_mcp_tenant_wait_end(ctx);
    ngx_http_mcp_tenant_limits_give(ctx);
    ngx_http_mcp_tenant_worker_remove(ctx);

    if (ctx->image) {
        ngx_http_mcp_tenant_image_put(ctx->image);
        ctx->image = NULL;
    }

    if (ctx->endpoint_image) {
        ngx_http_mcp_tenant_image_put(ctx->endpoint_image);
        ctx->endpoint_image = NULL;
    }
}


mcp_reason_e
ngx_http_mcp_tenant_identify(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    if (!ctx->identified) {
        ctx->identified = 1;
        ctx->identity = ngx_http_mcp_tenant_judge(r->main, ctx);
    }

    return ctx->identity;
}


static mcp_reason_e
ngx_http_mcp_tenant_judge(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    uint32_t                          proven, named;
    ngx_str_t                         path_tenant;
    mcp_reason_e                      path, headers, rc;
    const mcp_image_t                *image;
    ngx_http_mcp_tenant_claims_t      claims;
    ngx_http_mcp_tenant_loc_conf_t   *mtlcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    ctx->image = ngx_http_mcp_tenant_image_get(mtmcf, r->connection->log);

    /* all of the request is read first, so that a refusal is audited whole */

    path = ngx_http_mcp_tenant_path(r, ctx, mtlcf);
    path_tenant = ctx->requested_tenant;

    headers = ngx_http_mcp_tenant_read_headers(r, ctx, &claims);

    if (claims.has_tenant && path_tenant.len == 0
        && ngx_http_mcp_tenant_is_id(&claims.tenant))
    {
        ctx->requested_tenant = claims.tenant;
    }

    if (path != MCP_REASON_OK) {
        return path;
    }

    ctx->key_sent = claims.authorization.data || claims.api_key.data;

    if (headers != MCP_REASON_OK) {
        return headers;
    }

    if (ctx->image == NULL) {
        return MCP_REASON_OVERLOADED;
    }

    if (claims.has_tenant) {

        if (!ngx_http_mcp_tenant_is_id(&claims.tenant)) {
            return MCP_REASON_INVALID_TENANT;
        }

        if (path_tenant.len
            && (path_tenant.len != claims.tenant.len
                || ngx_memcmp(path_tenant.data, claims.tenant.data,
                              path_tenant.len)
                   != 0))
        {
            return MCP_REASON_TENANT_MISMATCH;
        }
    }

    image = ctx->image->image;
    proven = MCP_IMAGE_NONE;

    rc = ngx_http_mcp_tenant_from(r, ctx, mtlcf, &proven);
    if (rc != MCP_REASON_OK) {
        return rc;
    }

    rc = ngx_http_mcp_tenant_key(r, ctx, &claims, &proven);
    if (rc != MCP_REASON_OK) {
        return rc;
    }

    named = MCP_IMAGE_NONE;

    if (ctx->requested_tenant.len) {
        named = mcp_image_tenant_find(image,
                                      (char *) ctx->requested_tenant.data,
                                      ctx->requested_tenant.len);
    }

    if (proven == MCP_IMAGE_NONE) {

        if (mtlcf->auth == NGX_HTTP_MCP_TENANT_AUTH_ON) {
            return MCP_REASON_MISSING_KEY;
        }

        if (named == MCP_IMAGE_NONE) {
            return ctx->requested_tenant.len ? MCP_REASON_UNKNOWN_TENANT
                                             : MCP_REASON_MISSING_KEY;
        }

        proven = named;
    }

    if (!mcp_image_tenant(image, proven)->enabled) {
        return MCP_REASON_TENANT_DISABLED;
    }

    ctx->tenant = proven;

    if (ctx->requested_tenant.len && named != proven) {
        return MCP_REASON_CROSS_TENANT;
    }

    return MCP_REASON_OK;
}


static mcp_reason_e
ngx_http_mcp_tenant_read_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_claims_t *claims)
{
    ngx_uint_t                           i, count;
    ngx_str_t                           *value;
    mcp_reason_e                         rc;
    ngx_list_part_t                     *part;
    ngx_table_elt_t                     *header;
    ngx_http_mcp_tenant_known_header_t  *known;

    ngx_memzero(claims, sizeof(ngx_http_mcp_tenant_claims_t));

    rc = MCP_REASON_OK;
    part = &r->headers_in.headers.part;
    header = part->elts;
    count = 0;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (++count > NGX_HTTP_MCP_TENANT_HEADERS_MAX) {
            return MCP_REASON_MALFORMED_REQUEST;
        }

        for (known = ngx_http_mcp_tenant_headers; known->name.len; known++) {
            if (ngx_http_mcp_tenant_header_is(&header[i], &known->name)) {
                break;
            }
        }

        if (known->name.len == 0) {
            continue;
        }

        if (known->ctx_offset != NGX_CONF_UNSET_SIZE) {
            value = (ngx_str_t *) ((u_char *) ctx + known->ctx_offset);

        } else {
            value = (ngx_str_t *) ((u_char *) claims + known->claims_offset);
        }

        /* data tells a header that stood there empty */

        if (value->data) {
            rc = MCP_REASON_DUPLICATE_HEADER;
            continue;
        }

        *value = header[i].value;

        if (value->data == NULL) {
            ngx_str_set(value, "");
        }
    }

    claims->has_tenant = (claims->tenant.data != NULL);

    return rc;
}


ngx_int_t
ngx_http_mcp_tenant_post_read_handler(ngx_http_request_t *r)
{
    ngx_http_mcp_tenant_mask_keys(r);

    return NGX_DECLINED;
}


void
ngx_http_mcp_tenant_mask_keys(ngx_http_request_t *r)
{
    size_t       len;
    u_char      *p, *last;
    ngx_str_t    texts[4];
    ngx_uint_t   i;

    texts[0] = r->request_line;
    texts[1] = r->unparsed_uri;
    texts[2] = r->uri;
    texts[3] = r->args;

    /* $request is what was read, when it could not be parsed */

    if (texts[0].data == NULL && r->request_start) {

        for (p = r->request_start; p < r->header_in->last; p++) {
            if (*p == CR || *p == LF) {
                break;
            }
        }

        texts[0].data = r->request_start;
        texts[0].len = p - r->request_start;
    }

    for (i = 0; i < 4; i++) {

        p = texts[i].data;
        last = p + texts[i].len;

        while (p < last) {

            p = (u_char *) mcp_key_search((char *) p, last - p, &len);
            if (p == NULL) {
                break;
            }

            ngx_memset(p, '*', len);
            p += len;
        }
    }
}


/*
 * With a key: the tenant it proves.  *ret_tenant comes with what another
 * module proved, and the key must agree.
 */
static mcp_reason_e
ngx_http_mcp_tenant_key(ngx_http_request_t *r, ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_http_mcp_tenant_claims_t *claims, uint32_t *ret_tenant)
{
    uint32_t                 n;
    ngx_str_t                token;
    mcp_reason_e             rc;
    const mcp_image_t       *image;
    unsigned char            digest[MCP_KEY_DIGEST_LEN];
    const mcp_image_key_t   *key;

    rc = ngx_http_mcp_tenant_token(claims, &token);

    if (rc != MCP_REASON_OK || token.len == 0) {
        return rc;
    }

    if (ngx_http_mcp_tenant_hasher == NULL) {
        ngx_http_mcp_tenant_hasher = mcp_key_hasher_new();
    }

    if (ngx_http_mcp_tenant_hasher == NULL
        || mcp_key_digest(ngx_http_mcp_tenant_hasher, (char *) token.data,
                          token.len, digest)
           != MCP_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "SHA-256 is not available");
        return MCP_REASON_INTERNAL_ERROR;
    }

    image = ctx->image->image;
    n = mcp_image_key_find(image, digest);

    if (n == MCP_IMAGE_NONE) {
        return MCP_REASON_UNKNOWN_KEY;
    }

    key = mcp_image_key(image, n);

    rc = ngx_http_mcp_tenant_key_usable(image, key);
    if (rc != MCP_REASON_OK) {
        return rc;
    }

    if (*ret_tenant != MCP_IMAGE_NONE && *ret_tenant != key->tenant) {
        ctx->tenant = *ret_tenant;
        return MCP_REASON_CROSS_TENANT;
    }

    ctx->key = n;
    *ret_tenant = key->tenant;

    return MCP_REASON_OK;
}


/* token.len is 0 when no key was sent. */
static mcp_reason_e
ngx_http_mcp_tenant_token(ngx_http_mcp_tenant_claims_t *claims,
    ngx_str_t *ret_token)
{
    size_t      i;
    u_char      ch;
    ngx_str_t   token;

    ngx_str_null(ret_token);

    if (claims->authorization.data) {

        token = claims->authorization;

        if (token.len < sizeof("Bearer ")
            || ngx_strncasecmp(token.data, (u_char *) "Bearer ",
                               sizeof("Bearer ") - 1)
               != 0)
        {
            return MCP_REASON_INVALID_AUTHORIZATION;
        }

        ret_token->data = token.data + sizeof("Bearer ") - 1;
        ret_token->len = token.len - (sizeof("Bearer ") - 1);
    }

    if (claims->api_key.data) {

        if (ret_token->data == NULL) {
            *ret_token = claims->api_key;

        } else if (ret_token->len != claims->api_key.len
                   || ngx_memcmp(ret_token->data, claims->api_key.data,
                                 ret_token->len)
                      != 0)
        {
            return MCP_REASON_KEY_MISMATCH;
        }
    }

    if (ret_token->data == NULL) {
        return MCP_REASON_OK;
    }

    if (ret_token->len == 0 || ret_token->len > MCP_KEY_TOKEN_MAX_LEN) {
        return MCP_REASON_INVALID_AUTHORIZATION;
    }

    for (i = 0; i < ret_token->len; i++) {
        ch = ret_token->data[i];

        if (ch <= 0x20 || ch >= 0x7f) {
            return MCP_REASON_INVALID_AUTHORIZATION;
        }
    }

    return MCP_REASON_OK;
}


mcp_reason_e
ngx_http_mcp_tenant_key_usable(const mcp_image_t *image,
    const mcp_image_key_t *key)
{
    if (!key->enabled) {
        return MCP_REASON_KEY_DISABLED;
    }

    if (key->expires_at && ngx_time() >= key->expires_at) {
        return MCP_REASON_KEY_EXPIRED;
    }

    if (key->not_before && ngx_time() < key->not_before) {
        return MCP_REASON_KEY_NOT_YET_VALID;
    }

    if (!mcp_image_tenant(image, key->tenant)->enabled) {
        return MCP_REASON_TENANT_DISABLED;
    }

    return MCP_REASON_OK;
}


/* The tenant that "mcp_tenant_from" names; the value is proof by itself. */
static mcp_reason_e
ngx_http_mcp_tenant_from(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_loc_conf_t *mtlcf,
    uint32_t *tenant)
{
    ngx_str_t  value;

    if (mtlcf->from == NULL) {
        return MCP_REASON_OK;
    }

    if (ngx_http_complex_value(r, mtlcf->from, &value) != NGX_OK) {
        return MCP_REASON_INTERNAL_ERROR;
    }

    if (value.len == 0) {
        return MCP_REASON_OK;
    }

    *tenant = mcp_image_tenant_find(ctx->image->image, (char *) value.data,
                                    value.len);

    return *tenant == MCP_IMAGE_NONE ? MCP_REASON_UNKNOWN_KEY : MCP_REASON_OK;
}


void
ngx_http_mcp_tenant_identity_exit_process(void)
{
    mcp_key_hasher_free(ngx_http_mcp_tenant_hasher);
    ngx_http_mcp_tenant_hasher = NULL;
}
