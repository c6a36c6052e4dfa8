/*
 * Filtering of answers: lists tell a client only of what the rules let it
 * use.  The filter stands in the proxy's place for the body, behind it: it
 * sees what the proxy made of chunks, and what it makes counts as the proxy's,
 * so that a slow client slows the server as ever.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


#define NGX_HTTP_MCP_TENANT_FILTER_BYTES  4096


struct ngx_http_mcp_tenant_filter_s {
    ngx_http_request_t     *request;
    mcp_policy_t            policy;
    mcp_filter_t           *filter;
    off_t                   content_length;
    ngx_chain_t           **last;
    unsigned                hides:1;            /* not only looks */
};


static ngx_uint_t ngx_http_mcp_tenant_filter_wanted(
    ngx_http_mcp_tenant_ctx_t *ctx, const mcp_policy_t *policy);
static ngx_uint_t ngx_http_mcp_tenant_filter_looks(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_tenant_filter_framing(ngx_http_request_t *r,
    ngx_uint_t hides, mcp_filter_framing_e *ret_framing);
static ngx_uint_t ngx_http_mcp_tenant_filter_is_type(ngx_str_t *value,
    const char *type, size_t len);
static void ngx_http_mcp_tenant_filter_headers(ngx_http_request_t *r);
static ngx_table_elt_t *ngx_http_mcp_tenant_filter_header(
    ngx_http_request_t *r, ngx_str_t *name);
static void ngx_http_mcp_tenant_filter_look(ngx_http_mcp_tenant_filter_t *f,
    ngx_chain_t *cl);
static bool ngx_http_mcp_tenant_filter_allows(void *data, mcp_kind_e kind,
    const char *name, size_t len);
static int ngx_http_mcp_tenant_filter_output(void *data, const char *text,
    size_t len);
static ngx_buf_t *ngx_http_mcp_tenant_filter_buf(
    ngx_http_mcp_tenant_filter_t *f);
static void ngx_http_mcp_tenant_filter_cleanup(void *data);


/* What a changed body no longer has, or that must not be kept for others. */
static ngx_str_t  ngx_http_mcp_tenant_filter_drop[] = {
    ngx_string("etag"),
    ngx_string("last-modified"),
    ngx_string("accept-ranges"),
    ngx_string("content-md5"),
    ngx_string("digest"),
    ngx_string("content-digest"),
    ngx_string("repr-digest"),
    ngx_null_string
};


ngx_int_t
ngx_http_mcp_tenant_filter_init(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_uint_t                     hides;
    mcp_policy_t                   policy;
    ngx_pool_cleanup_t            *cln;
    mcp_filter_options_t           options;
    ngx_http_mcp_tenant_filter_t  *f;

    ctx->filter = NULL;

    policy = ngx_http_mcp_tenant_policy(ctx);
    hides = ngx_http_mcp_tenant_filter_wanted(ctx, &policy);

    if (!hides && !ngx_http_mcp_tenant_filter_looks(r, ctx)) {
        return NGX_OK;
    }

    if (hides && ctx->input_filter_init == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "rules cannot be applied to lists that do not come by "
                      "\"proxy_pass\"");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    rc = ngx_http_mcp_tenant_filter_framing(r, hides, &options.framing);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_tenant_filter_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    f = cln->data;

    options.allows = hides ? ngx_http_mcp_tenant_filter_allows : NULL;
    options.output = ngx_http_mcp_tenant_filter_output;
    options.data = f;

    f->request = r;
    f->policy = policy;
    f->hides = hides;
    f->content_length = r->upstream->headers_in.content_length_n;
    f->filter = mcp_filter_new(&options);

    if (f->filter == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mcp_tenant_filter_cleanup;
    ctx->filter = f;

    if (!hides) {
        return NGX_OK;
    }

    /* the client is told no length; the proxy gets it back, for its own use */

    r->upstream->headers_in.content_length_n = -1;

    ngx_http_mcp_tenant_filter_headers(r);

    return NGX_OK;
}


/*
 * Lists come as the answer to one that asks for them, or are replayed on a
 * GET stream; all that a batch asks for comes in one.
 */
static ngx_uint_t
ngx_http_mcp_tenant_filter_wanted(ngx_http_mcp_tenant_ctx_t *ctx,
    const mcp_policy_t *policy)
{
    ngx_uint_t  i;

    static const char  *lists[] = {
        "tools/list", "resources/list", "resources/templates/list",
        "prompts/list", NULL
    };

    if (!mcp_policy_stands(policy)) {
        return 0;
    }

    if (ctx->stream || ctx->batch) {
        return 1;
    }

    for (i = 0; ctx->rpc_label && lists[i]; i++) {
        if (ngx_strcmp(ctx->rpc_label, lists[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


/* Whether someone wants to know how a request was answered. */
static ngx_uint_t
ngx_http_mcp_tenant_filter_looks(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx)
{
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    return mtmcf->answers && ctx->rpc_id.len && !ctx->stream
           && ctx->input_filter_init;
}


/* NGX_DECLINED where there can be no list, or nothing that can be read. */
static ngx_int_t
ngx_http_mcp_tenant_filter_framing(ngx_http_request_t *r, ngx_uint_t hides,
    mcp_filter_framing_e *ret_framing)
{
    ngx_str_t             none = ngx_null_string;
    ngx_str_t            *type;
    ngx_table_elt_t      *encoding;
    ngx_http_upstream_t  *u;

    static ngx_str_t  name = ngx_string("content-encoding");

    u = r->upstream;

    if (u->headers_in.status_n == NGX_HTTP_NO_CONTENT
        || u->headers_in.content_length_n == 0)
    {
        return NGX_DECLINED;
    }

    type = u->headers_in.content_type ? &u->headers_in.content_type->value
                                      : &none;
    encoding = ngx_http_mcp_tenant_filter_header(r, &name);

    if (hides && encoding && encoding->value.len
        && (encoding->value.len != sizeof("identity") - 1
            || ngx_strncasecmp(encoding->value.data, (u_char *) "identity",
                               sizeof("identity") - 1)
               != 0))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent an encoded list, which nobody asked for "
                      "and rules cannot be applied to");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ngx_http_mcp_tenant_filter_is_type(type, "application/json",
                                           sizeof("application/json") - 1))
    {
        *ret_framing = MCP_FILTER_JSON;
        return NGX_OK;
    }

    if (ngx_http_mcp_tenant_filter_is_type(type, "text/event-stream",
                                           sizeof("text/event-stream") - 1))
    {
        *ret_framing = MCP_FILTER_SSE;
        return NGX_OK;
    }

    /* no client takes the page of an error for a list */

    if (!hides || u->headers_in.status_n >= NGX_HTTP_SPECIAL_RESPONSE) {
        return NGX_DECLINED;
    }

    /* 202 says no more than that */

    if (u->headers_in.status_n == NGX_HTTP_ACCEPTED && type->len == 0
        && u->headers_in.content_length_n < 0 && !u->headers_in.chunked)
    {
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "upstream sent a list as \"%V\", expected "
                  "\"application/json\" or \"text/event-stream\"", type);

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


static ngx_uint_t
ngx_http_mcp_tenant_filter_is_type(ngx_str_t *value, const char *type,
    size_t len)
{
    return value->len >= len
           && ngx_strncasecmp(value->data, (u_char *) type, len) == 0
           && (value->len == len || value->data[len] == ';'
               || value->data[len] == ' ' || value->data[len] == '\t');
}


static void
ngx_http_mcp_tenant_filter_headers(ngx_http_request_t *r)
{
    ngx_str_t        *name;
    ngx_table_elt_t  *header;

    for (name = ngx_http_mcp_tenant_filter_drop; name->len; name++) {

        header = ngx_http_mcp_tenant_filter_header(r, name);

        if (header) {
            header->hash = 0;
        }
    }

    r->disable_not_modified = 1;
}


static ngx_table_elt_t *
ngx_http_mcp_tenant_filter_header(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    part = &r->upstream->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].hash && ngx_http_mcp_tenant_header_is(&header[i], name))
        {
            return &header[i];
        }
    }
}


void
ngx_http_mcp_tenant_filter_restore(ngx_http_request_t *r,
    ngx_http_mcp_tenant_filter_t *f)
{
    if (f->hides) {
        r->upstream->headers_in.content_length_n = f->content_length;
    }
}


ngx_int_t
ngx_http_mcp_tenant_filter_body(ngx_http_request_t *r,
    ngx_http_mcp_tenant_filter_t *f, ngx_chain_t **from)
{
    int                   rc;
    ngx_chain_t          *cl, *next;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (!f->hides) {
        ngx_http_mcp_tenant_filter_look(f, *from);
        return NGX_OK;
    }

    cl = *from;
    *from = NULL;
    f->last = from;
    rc = MCP_OK;

    for ( /* void */ ; cl; cl = next) {

        next = cl->next;

        if (rc == MCP_OK) {
            rc = mcp_filter_feed(f->filter, (char *) cl->buf->pos,
                                 cl->buf->last - cl->buf->pos);
        }

        cl->next = u->free_bufs;
        u->free_bufs = cl;
    }

    if (rc == MCP_OK && u->length == 0) {
        rc = mcp_filter_finish(f->filter);
    }

    if (rc == MCP_OK) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "upstream sent an answer that rules cannot be applied to: "
                  "%s", mcp_filter_error(f->filter));

    ngx_http_mcp_tenant_ctx_find(r)->reason = MCP_REASON_UPSTREAM_FAILED;

    return NGX_ERROR;
}


static void
ngx_http_mcp_tenant_filter_look(ngx_http_mcp_tenant_filter_t *f,
    ngx_chain_t *cl)
{
    for ( /* void */ ; cl; cl = cl->next) {
        (void) mcp_filter_feed(f->filter, (char *) cl->buf->pos,
                               cl->buf->last - cl->buf->pos);
    }
}


mcp_filter_answer_t
ngx_http_mcp_tenant_filter_answer(ngx_http_mcp_tenant_ctx_t *ctx)
{
    mcp_filter_answer_t  none;

    if (ctx->filter) {
        return mcp_filter_answer(ctx->filter->filter);
    }

    ngx_memzero(&none, sizeof(mcp_filter_answer_t));

    return none;
}


static bool
ngx_http_mcp_tenant_filter_allows(void *data, mcp_kind_e kind,
    const char *name, size_t len)
{
    ngx_http_mcp_tenant_filter_t *f = data;

    return mcp_policy_allows(&f->policy, kind, name, len);
}


static int
ngx_http_mcp_tenant_filter_output(void *data, const char *text, size_t len)
{
    ngx_http_mcp_tenant_filter_t *f = data;

    size_t      n;
    ngx_buf_t  *b;

    if (!f->hides) {
        return MCP_OK;
    }

    b = *f->last ? (*f->last)->buf : NULL;

    while (len) {

        if (b == NULL || b->last == b->end) {
            b = ngx_http_mcp_tenant_filter_buf(f);
            if (b == NULL) {
                return MCP_ERROR;
            }
        }

        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, text, n);
        text += n;
        len -= n;
    }

    return MCP_OK;
}


/*
 * A part of the output, with memory of its own, which comes back to the free
 * ones of the proxy when it was sent: a stream needs no more of them the longer
 * it lasts.  The proxy, too, takes from these, and leaves the memory alone.
 */
static ngx_buf_t *
ngx_http_mcp_tenant_filter_buf(ngx_http_mcp_tenant_filter_t *f)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    u = f->request->upstream;

    for (ll = &u->free_bufs; *ll; ll = &(*ll)->next) {
        if ((*ll)->buf->start) {
            break;
        }
    }

    cl = *ll;

#ifdef MCP_BREAK_REUSE
    cl = NULL;
#endif

    if (cl) {
        *ll = cl->next;

    } else {
        cl = ngx_alloc_chain_link(f->request->pool);
        if (cl == NULL) {
            return NULL;
        }

        cl->buf = ngx_create_temp_buf(f->request->pool,
                                      NGX_HTTP_MCP_TENANT_FILTER_BYTES);
        if (cl->buf == NULL) {
            return NULL;
        }
    }

    b = cl->buf;

    b->pos = b->start;
    b->last = b->start;
    b->temporary = 1;
    b->flush = 1;
    b->tag = u->output.tag;

    cl->next = NULL;

    if (*f->last) {
        f->last = &(*f->last)->next;
    }

    *f->last = cl;

    return b;
}


static void
ngx_http_mcp_tenant_filter_cleanup(void *data)
{
    ngx_http_mcp_tenant_filter_t *f = data;

    mcp_filter_free(f->filter);
}
