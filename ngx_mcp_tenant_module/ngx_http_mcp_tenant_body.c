/*
 * Judging the body of a POST: the gateway decides on the decoded body, and
 * forwards the very bytes it judged.
 */

#include "ngx_http_mcp_tenant_module.h"


#define NGX_HTTP_MCP_TENANT_READ_BYTES  65536

#define NGX_HTTP_MCP_TENANT_BASE64_HEAD  "=?base64?"
#define NGX_HTTP_MCP_TENANT_BASE64_TAIL  "?="


typedef struct {
    ngx_http_request_t           *request;
    ngx_http_mcp_tenant_ctx_t    *ctx;
    mcp_policy_t                  policy;
    mcp_reason_e                  reason;
} ngx_http_mcp_tenant_scan_t;


static ngx_uint_t ngx_http_mcp_tenant_body_ruled(
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_uint_t ngx_http_mcp_tenant_body_streams(
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_uint_t ngx_http_mcp_tenant_body_mirrored(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static mcp_rpc_result_e ngx_http_mcp_tenant_body_feed(ngx_http_request_t *r,
    mcp_rpc_scanner_t *scanner);
static ngx_uint_t ngx_http_mcp_tenant_body_batch_allowed(
    ngx_http_mcp_tenant_ctx_t *ctx);
static mcp_rpc_result_e ngx_http_mcp_tenant_body_feed_file(
    ngx_http_request_t *r, mcp_rpc_scanner_t *scanner, ngx_buf_t *b);
static int ngx_http_mcp_tenant_body_message(void *data,
    const mcp_rpc_message_t *message);
static mcp_reason_e ngx_http_mcp_tenant_body_judge(
    ngx_http_mcp_tenant_scan_t *scan, const mcp_rpc_message_t *message);
static mcp_reason_e ngx_http_mcp_tenant_body_note(
    ngx_http_mcp_tenant_scan_t *scan, const mcp_rpc_message_t *message);
static const mcp_str_t *ngx_http_mcp_tenant_body_thing(const char *label,
    const mcp_rpc_message_t *message);
static mcp_reason_e ngx_http_mcp_tenant_body_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, const mcp_rpc_message_t *message);
static ngx_int_t ngx_http_mcp_tenant_body_name(ngx_http_request_t *r,
    ngx_str_t *header, ngx_str_t *ret_name);
static mcp_reason_e ngx_http_mcp_tenant_body_policy(
    ngx_http_mcp_tenant_scan_t *scan, const mcp_rpc_message_t *message);
static mcp_reason_e ngx_http_mcp_tenant_body_denied(
    ngx_http_mcp_tenant_ctx_t *ctx, const mcp_policy_request_t *request);
static ngx_int_t ngx_http_mcp_tenant_body_keep(ngx_pool_t *pool,
    ngx_str_t *ret_text, const mcp_str_t *text);


/* One scanner for the worker: a body is scanned in one go. */
static void  *ngx_http_mcp_tenant_body_memory;


void
ngx_http_mcp_tenant_body_exit_process(void)
{
    ngx_free(ngx_http_mcp_tenant_body_memory);
    ngx_http_mcp_tenant_body_memory = NULL;
}


ngx_uint_t
ngx_http_mcp_tenant_body_needed(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_http_mcp_tenant_loc_conf_t   *mtlcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    /* rules and limits of tools never go by what a header says */

    if (ngx_http_mcp_tenant_body_ruled(ctx)) {
        return 1;
    }

    switch (mtlcf->body) {

    case NGX_HTTP_MCP_TENANT_BODY_OFF:
        return 0;

    case NGX_HTTP_MCP_TENANT_BODY_HEADERS:
        return !ngx_http_mcp_tenant_body_mirrored(r, ctx);

    case NGX_HTTP_MCP_TENANT_BODY_AUTO:
        return mtmcf->messages
               || mtlcf->quota_error == NGX_HTTP_MCP_TENANT_QUOTA_JSONRPC
               || ngx_http_mcp_tenant_body_streams(ctx);

    default: /* NGX_HTTP_MCP_TENANT_BODY_VERIFY */
        return 1;
    }
}


mcp_policy_t
ngx_http_mcp_tenant_policy(ngx_http_mcp_tenant_ctx_t *ctx)
{
    mcp_policy_t  policy;

    policy.image = ctx->image->image;
    policy.server = ctx->server == MCP_IMAGE_NONE
                    ? NULL : mcp_image_server(policy.image, ctx->server);
    policy.key = ctx->key == MCP_IMAGE_NONE
                 ? NULL : mcp_image_key(policy.image, ctx->key);

    return policy;
}


/* Whether what is allowed depends on the message. */
static ngx_uint_t
ngx_http_mcp_tenant_body_ruled(ngx_http_mcp_tenant_ctx_t *ctx)
{
    mcp_policy_t  policy;

    policy = ngx_http_mcp_tenant_policy(ctx);

    return policy.server && (policy.server->tool_limits.count
                             || mcp_policy_stands(&policy));
}


/* Whether a POST that asks for a stream counts in a limit of its own. */
static ngx_uint_t
ngx_http_mcp_tenant_body_streams(ngx_http_mcp_tenant_ctx_t *ctx)
{
    const mcp_image_t  *image;

    image = ctx->image->image;

    return (ctx->server != MCP_IMAGE_NONE
            && mcp_image_server(image, ctx->server)->quotas.max_streams)
           || (ctx->key != MCP_IMAGE_NONE
               && mcp_image_key(image, ctx->key)->quotas.max_streams)
           || mcp_image_tenant(image, ctx->tenant)->quotas.max_streams;
}


/* A server of 2026-07-28 refuses a body that its headers contradict. */
static ngx_uint_t
ngx_http_mcp_tenant_body_mirrored(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    if (!ngx_http_mcp_tenant_str_is(&ctx->mcp_version, "2026-07-28")
        || ctx->mcp_method.len == 0)
    {
        return 0;
    }

    if (ctx->mcp_name.data
        && ngx_http_mcp_tenant_body_name(r, &ctx->mcp_name, &ctx->rpc_name)
           != NGX_OK)
    {
        return 0;
    }

    ctx->rpc_method = ctx->mcp_method;
    ctx->rpc_label = mcp_rpc_method_label((char *) ctx->mcp_method.data,
                                          ctx->mcp_method.len);

    return 1;
}


mcp_reason_e
ngx_http_mcp_tenant_body_scan(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    mcp_str_t                    id;
    mcp_rpc_result_e             rc;
    mcp_rpc_scanner_t           *scanner;
    ngx_http_mcp_tenant_scan_t   scan;

    scan.request = r;
    scan.ctx = ctx;
    scan.reason = MCP_REASON_OK;
    scan.policy = ngx_http_mcp_tenant_policy(ctx);

    if (ngx_http_mcp_tenant_body_memory == NULL) {
        ngx_http_mcp_tenant_body_memory = ngx_alloc(mcp_rpc_scanner_size(),
                                                    ngx_cycle->log);
        if (ngx_http_mcp_tenant_body_memory == NULL) {
            return MCP_REASON_INTERNAL_ERROR;
        }
    }

    scanner = mcp_rpc_init(ngx_http_mcp_tenant_body_memory,
                           ngx_http_mcp_tenant_body_message, &scan);

    rc = ngx_http_mcp_tenant_body_feed(r, scanner);

    if (rc == MCP_RPC_DONE) {
        rc = mcp_rpc_finish(scanner);
    }

    id = mcp_rpc_id(scanner);
    ctx->batch = mcp_rpc_is_batch(scanner);

    if (id.len
        && ngx_http_mcp_tenant_body_keep(r->pool, &ctx->rpc_id, &id) != NGX_OK)
    {
        return MCP_REASON_INTERNAL_ERROR;
    }

    switch (rc) {

    case MCP_RPC_DONE:
    case MCP_RPC_STOPPED:

        if (ctx->batch && scan.reason == MCP_REASON_OK
            && !ngx_http_mcp_tenant_body_batch_allowed(ctx))
        {
            return MCP_REASON_INVALID_MESSAGE;
        }

        return scan.reason;

    case MCP_RPC_INVALID:
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "body is not a JSON-RPC message: %s at byte %uz",
                      mcp_rpc_error(scanner), mcp_rpc_error_offset(scanner));
        return MCP_REASON_INVALID_MESSAGE;

    default:
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "body is not JSON: %s at byte %uz",
                      mcp_rpc_error(scanner), mcp_rpc_error_offset(scanner));
        return MCP_REASON_NOT_JSON;
    }
}


/*
 * Only 2025-03-26 has batches, whose clients need not name their revision.
 * With a tool that has limits, one would be many calls and count as one.
 */
static ngx_uint_t
ngx_http_mcp_tenant_body_batch_allowed(ngx_http_mcp_tenant_ctx_t *ctx)
{
    return !ctx->modern && ctx->mcp_method.data == NULL
           && ctx->tool_limit == MCP_IMAGE_NONE
           && (ctx->mcp_version.len == 0
               || ngx_http_mcp_tenant_str_is(&ctx->mcp_version,
                                             "2025-03-26"));
}


static mcp_rpc_result_e
ngx_http_mcp_tenant_body_feed(ngx_http_request_t *r,
    mcp_rpc_scanner_t *scanner)
{
    ngx_buf_t         *b;
    ngx_chain_t       *cl;
    mcp_rpc_result_e   rc;

    if (r->request_body == NULL) {
        return MCP_RPC_DONE;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (b->in_file) {
            rc = ngx_http_mcp_tenant_body_feed_file(r, scanner, b);

        } else {
            rc = mcp_rpc_feed(scanner, (char *) b->pos, b->last - b->pos);
        }

        if (rc != MCP_RPC_DONE) {
            return rc;
        }
    }

    return MCP_RPC_DONE;
}


static mcp_rpc_result_e
ngx_http_mcp_tenant_body_feed_file(ngx_http_request_t *r,
    mcp_rpc_scanner_t *scanner, ngx_buf_t *b)
{
    off_t              pos;
    size_t             size;
    u_char            *buf;
    ssize_t            n;
    mcp_rpc_result_e   rc;

    buf = ngx_pnalloc(r->pool, NGX_HTTP_MCP_TENANT_READ_BYTES);
    if (buf == NULL) {
        return MCP_RPC_PARSE_ERROR;
    }

    for (pos = b->file_pos; pos < b->file_last; pos += n) {

        size = ngx_min((off_t) NGX_HTTP_MCP_TENANT_READ_BYTES,
                       b->file_last - pos);

        n = ngx_read_file(b->file, buf, size, pos);
        if (n <= 0) {
            return MCP_RPC_PARSE_ERROR;
        }

        rc = mcp_rpc_feed(scanner, (char *) buf, n);
        if (rc != MCP_RPC_DONE) {
            return rc;
        }
    }

    return MCP_RPC_DONE;
}


static int
ngx_http_mcp_tenant_body_message(void *data, const mcp_rpc_message_t *message)
{
    ngx_http_mcp_tenant_scan_t *scan = data;

    mcp_reason_e  noted;

    scan->reason = ngx_http_mcp_tenant_body_judge(scan, message);

    /* of a batch, the first stands in logs, or the one that is refused */

    if (scan->ctx->rpc_label == NULL || scan->reason != MCP_REASON_OK) {
        noted = ngx_http_mcp_tenant_body_note(scan, message);

        if (noted != MCP_REASON_OK) {
            scan->reason = noted;
        }
    }

    return scan->reason == MCP_REASON_OK ? MCP_OK : MCP_ERROR;
}


static mcp_reason_e
ngx_http_mcp_tenant_body_judge(ngx_http_mcp_tenant_scan_t *scan,
    const mcp_rpc_message_t *message)
{
    mcp_reason_e  reason;

    if (message->protocol_version.data) {
        scan->ctx->modern = 1;
    }

    reason = ngx_http_mcp_tenant_body_headers(scan->request, scan->ctx,
                                              message);

    return reason == MCP_REASON_OK
           ? ngx_http_mcp_tenant_body_policy(scan, message) : reason;
}


static mcp_reason_e
ngx_http_mcp_tenant_body_note(ngx_http_mcp_tenant_scan_t *scan,
    const mcp_rpc_message_t *message)
{
    ngx_pool_t                 *pool;
    const mcp_str_t            *name;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    ctx = scan->ctx;
    pool = scan->request->pool;

    ctx->rpc_label = message->kind == MCP_RPC_RESPONSE ? "response"
                     : mcp_rpc_method_label(message->method.data,
                                            message->method.len);

    name = ngx_http_mcp_tenant_body_thing(ctx->rpc_label, message);

    if (ngx_http_mcp_tenant_body_keep(pool, &ctx->rpc_method, &message->method)
        != NGX_OK
        || ngx_http_mcp_tenant_body_keep(pool, &ctx->rpc_name, name) != NGX_OK)
    {
        return MCP_REASON_INTERNAL_ERROR;
    }

    return MCP_REASON_OK;
}


/* What a message is about. */
static const mcp_str_t *
ngx_http_mcp_tenant_body_thing(const char *label,
    const mcp_rpc_message_t *message)
{
    if (ngx_strcmp(label, "completion/complete") == 0) {
        return message->ref_type.data
               && ngx_http_mcp_tenant_str_is(&message->ref_type, "ref/prompt")
               ? &message->ref_name : &message->ref_uri;
    }

    return message->name.data ? &message->name : &message->uri;
}


/*
 * Headers that mirror the body (revision 2026-07-28, Standard Request
 * Headers) must not contradict it.  That one is missing is for the server to
 * judge, which knows what its revision demands.
 */
static mcp_reason_e
ngx_http_mcp_tenant_body_headers(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, const mcp_rpc_message_t *message)
{
    ngx_str_t         name;
    const mcp_str_t  *mirrored;

    if (message->kind == MCP_RPC_RESPONSE) {
        return MCP_REASON_OK;
    }

    if (ctx->mcp_method.data
        && (ctx->mcp_method.len != message->method.len
            || ngx_memcmp(ctx->mcp_method.data, message->method.data,
                          message->method.len)
               != 0))
    {
        return MCP_REASON_HEADER_MISMATCH;
    }

    if (message->protocol_version.data && ctx->mcp_version.data
        && (ctx->mcp_version.len != message->protocol_version.len
            || ngx_memcmp(ctx->mcp_version.data,
                          message->protocol_version.data,
                          ctx->mcp_version.len)
               != 0))
    {
        return MCP_REASON_HEADER_MISMATCH;
    }

    if (ctx->mcp_name.data == NULL) {
        return MCP_REASON_OK;
    }

    if (ngx_http_mcp_tenant_str_is(&message->method, "tools/call")
        || ngx_http_mcp_tenant_str_is(&message->method, "prompts/get"))
    {
        mirrored = &message->name;

    } else if (ngx_http_mcp_tenant_str_is(&message->method, "resources/read")) {
        mirrored = &message->uri;

    } else if (ngx_http_mcp_tenant_str_is(&message->method, "tasks/get")
               || ngx_http_mcp_tenant_str_is(&message->method, "tasks/update")
               || ngx_http_mcp_tenant_str_is(&message->method, "tasks/cancel"))
    {
        mirrored = &message->task_id;

    } else {
        return MCP_REASON_OK;
    }

    if (ngx_http_mcp_tenant_body_name(r, &ctx->mcp_name, &name) != NGX_OK
        || name.len != mirrored->len
        || ngx_memcmp(name.data, mirrored->data, name.len) != 0)
    {
        return MCP_REASON_HEADER_MISMATCH;
    }

    return MCP_REASON_OK;
}


/*
 * "=?base64?...?=" stands for text that a header cannot hold as it is.  Only
 * one writing of it is taken, with its padding or without: NGINX's decoder
 * ignores what follows a "=", and bits that stand for nothing.
 */
static ngx_int_t
ngx_http_mcp_tenant_body_name(ngx_http_request_t *r, ngx_str_t *header,
    ngx_str_t *ret_name)
{
    size_t     head, tail;
    ngx_str_t  encoded, canonical;

    head = sizeof(NGX_HTTP_MCP_TENANT_BASE64_HEAD) - 1;
    tail = sizeof(NGX_HTTP_MCP_TENANT_BASE64_TAIL) - 1;

    if (header->len < head + tail
        || ngx_memcmp(header->data, NGX_HTTP_MCP_TENANT_BASE64_HEAD, head) != 0
        || ngx_memcmp(header->data + header->len - tail,
                      NGX_HTTP_MCP_TENANT_BASE64_TAIL, tail)
           != 0)
    {
        *ret_name = *header;
        return NGX_OK;
    }

    encoded.data = header->data + head;
    encoded.len = header->len - head - tail;

    ret_name->data = ngx_pnalloc(r->pool,
                                 ngx_base64_decoded_length(encoded.len) + 1);
    if (ret_name->data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(ret_name, &encoded) != NGX_OK) {
        return NGX_ERROR;
    }

    canonical.data = ngx_pnalloc(r->pool,
                                 ngx_base64_encoded_length(ret_name->len));
    if (canonical.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&canonical, ret_name);

    if (encoded.len < canonical.len && encoded.len % 4) {
        while (canonical.data[canonical.len - 1] == '=') {
            canonical.len--;
        }
    }

    return encoded.len == canonical.len
           && ngx_memcmp(encoded.data, canonical.data, encoded.len) == 0
           ? NGX_OK : NGX_ERROR;
}


/* Also notes whose limit a call counts in. */
static mcp_reason_e
ngx_http_mcp_tenant_body_policy(ngx_http_mcp_tenant_scan_t *scan,
    const mcp_rpc_message_t *message)
{
    uint32_t              limit;
    mcp_policy_request_t  request;

    if (scan->policy.server == NULL || message->kind == MCP_RPC_RESPONSE) {
        return MCP_REASON_OK;
    }

    ngx_memzero(&request, sizeof(mcp_policy_request_t));

    request.label = mcp_rpc_method_label(message->method.data,
                                         message->method.len);
    request.name = message->name;
    request.uri = message->uri;
    request.ref_type = message->ref_type;
    request.ref_name = message->ref_name;
    request.ref_uri = message->ref_uri;
    request.subscriptions = message->subscriptions;
    request.nsubscriptions = message->nsubscriptions;
    request.subscriptions_read = message->subscriptions_read;
    request.no_tasks = message->no_tasks;

    if (message->name.data && ngx_strcmp(request.label, "tools/call") == 0) {
        limit = mcp_policy_tool_limit(&scan->policy, message->name.data,
                                      message->name.len);

        if (limit != MCP_IMAGE_NONE) {
            scan->ctx->tool_limit = limit;
        }
    }

    switch (mcp_policy_judge(&scan->policy, &request)) {

    case MCP_POLICY_ALLOWED:
        return MCP_REASON_OK;

    case MCP_POLICY_DENIED:
        return ngx_http_mcp_tenant_body_denied(scan->ctx, &request);

    default: /* MCP_POLICY_NO_METHOD */
        return MCP_REASON_RPC_METHOD_NOT_ALLOWED;
    }
}


/* Of what kind the thing is that there is not. */
static mcp_reason_e
ngx_http_mcp_tenant_body_denied(ngx_http_mcp_tenant_ctx_t *ctx,
    const mcp_policy_request_t *request)
{
    /* 2026-07-28 took these out: to its clients, there is no such method */

    if (ctx->modern
        && (ngx_strcmp(request->label, "resources/subscribe") == 0
            || ngx_strcmp(request->label, "resources/unsubscribe") == 0))
    {
        return MCP_REASON_RPC_METHOD_NOT_ALLOWED;
    }

    if (ngx_strcmp(request->label, "tools/call") == 0) {
        return MCP_REASON_TOOL_NOT_ALLOWED;
    }

    if (ngx_strcmp(request->label, "prompts/get") == 0
        || (request->ref_type.data
            && ngx_http_mcp_tenant_str_is(&request->ref_type, "ref/prompt")))
    {
        return MCP_REASON_PROMPT_NOT_ALLOWED;
    }

    return MCP_REASON_RESOURCE_NOT_ALLOWED;
}


static ngx_int_t
ngx_http_mcp_tenant_body_keep(ngx_pool_t *pool, ngx_str_t *ret_text,
    const mcp_str_t *text)
{
    ret_text->data = ngx_pnalloc(pool, text->len + 1);
    if (ret_text->data == NULL) {
        return NGX_ERROR;
    }

    ret_text->len = text->len;

    if (text->len) {
        ngx_memcpy(ret_text->data, text->data, text->len);
    }

    return NGX_OK;
}
