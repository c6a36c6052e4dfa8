/*
 * Every fact that the module knows, as a variable of NGINX.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


typedef enum {
    NGX_HTTP_MCP_TENANT_VAR_ID,
    NGX_HTTP_MCP_TENANT_VAR_REQUESTED,
    NGX_HTTP_MCP_TENANT_VAR_PATH,
    NGX_HTTP_MCP_TENANT_VAR_HTTP_METHOD,
    NGX_HTTP_MCP_TENANT_VAR_KEY_NAME,
    NGX_HTTP_MCP_TENANT_VAR_NAMESPACE,
    NGX_HTTP_MCP_TENANT_VAR_SERVER,
    NGX_HTTP_MCP_TENANT_VAR_METHOD,
    NGX_HTTP_MCP_TENANT_VAR_TOOL,
    NGX_HTTP_MCP_TENANT_VAR_ERA,
    NGX_HTTP_MCP_TENANT_VAR_RPC_ERROR,
    NGX_HTTP_MCP_TENANT_VAR_TOOL_ERROR,
    NGX_HTTP_MCP_TENANT_VAR_DECISION,
    NGX_HTTP_MCP_TENANT_VAR_REASON,
    NGX_HTTP_MCP_TENANT_VAR_LIMIT_STATUS,
    NGX_HTTP_MCP_TENANT_VAR_UPSTREAM_URL,
    NGX_HTTP_MCP_TENANT_VAR_UPSTREAM_HOST,
    NGX_HTTP_MCP_TENANT_VAR_GENERATION
} ngx_http_mcp_tenant_var_e;


static ngx_int_t ngx_http_mcp_tenant_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_tenant_variable_text(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, uintptr_t data, ngx_str_t *ret_text);
static ngx_int_t ngx_http_mcp_tenant_rpc_error(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_text);
static const char *ngx_http_mcp_tenant_tool_error(
    ngx_http_mcp_tenant_ctx_t *ctx);
static void ngx_http_mcp_tenant_http_method(ngx_http_request_t *r,
    ngx_str_t *ret_text);
static ngx_int_t ngx_http_mcp_tenant_variable_image(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, uintptr_t data, ngx_str_t *ret_text);
static ngx_int_t ngx_http_mcp_tenant_variable_path(ngx_http_request_t *r,
    ngx_str_t *ret_text);
static ngx_int_t ngx_http_mcp_tenant_upstream_url(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_text);


/*
 * Not cacheable: what a log sees at the end differs from what a
 * directive saw before the access phase.
 */
static ngx_http_variable_t  ngx_http_mcp_tenant_vars[] = {

    { ngx_string("mcp_tenant_id"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_requested"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_REQUESTED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_path"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_PATH, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_http_method"), NULL,
      ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_HTTP_METHOD, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_key_name"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_KEY_NAME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_namespace"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_NAMESPACE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_server"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_SERVER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_method"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_METHOD, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_tool"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_TOOL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_era"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_ERA, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_rpc_error"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_RPC_ERROR, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_tool_error"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_TOOL_ERROR, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_decision"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_DECISION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_reason"), NULL, ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_REASON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_limit_status"), NULL,
      ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_LIMIT_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_upstream_url"), NULL,
      ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_UPSTREAM_URL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_upstream_host"), NULL,
      ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_UPSTREAM_HOST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tenant_generation"), NULL,
      ngx_http_mcp_tenant_variable,
      NGX_HTTP_MCP_TENANT_VAR_GENERATION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_mcp_tenant_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_mcp_tenant_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


void
ngx_http_mcp_tenant_variables_used(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (ngx_http_mcp_tenant_str_is(&v[i].name, "mcp_tenant_method")
            || ngx_http_mcp_tenant_str_is(&v[i].name, "mcp_tenant_tool"))
        {
            mtmcf->messages = 1;

        } else if (ngx_http_mcp_tenant_str_is(&v[i].name,
                                              "mcp_tenant_rpc_error")
                   || ngx_http_mcp_tenant_str_is(&v[i].name,
                                                 "mcp_tenant_tool_error"))
        {
            mtmcf->messages = 1;
            mtmcf->answers = 1;
        }
    }
}


static ngx_int_t
ngx_http_mcp_tenant_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                        text;
    ngx_http_mcp_tenant_ctx_t       *ctx;
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    ngx_str_null(&text);

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    if (ctx == NULL) {

        mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);

        /* before the access phase, as for the key of limit_req */

        if (!mtlcf->enable || mtlcf->from
            || mtlcf->endpoint != NGX_HTTP_MCP_TENANT_ENDPOINT_NONE)
        {
            goto not_found;
        }

        ctx = ngx_http_mcp_tenant_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_http_mcp_tenant_identify(r, ctx);
    }

    if (ngx_http_mcp_tenant_variable_text(r, ctx, data, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.len == 0) {
        goto not_found;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;

not_found:

    v->not_found = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_variable_text(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, uintptr_t data, ngx_str_t *ret_text)
{
    const char    *word;
    mcp_reason_e   reason;

    static const char  *limit_statuses[] = {
        "", "PASSED", "REJECTED", "REJECTED_DRY_RUN"
    };

    reason = ngx_http_mcp_tenant_final_reason(r->main, ctx);

    switch (data) {

    case NGX_HTTP_MCP_TENANT_VAR_REQUESTED:
        *ret_text = ctx->requested_tenant;
        return NGX_OK;

    case NGX_HTTP_MCP_TENANT_VAR_PATH:
        return ngx_http_mcp_tenant_variable_path(r, ret_text);

    case NGX_HTTP_MCP_TENANT_VAR_HTTP_METHOD:
        ngx_http_mcp_tenant_http_method(r->main, ret_text);
        return NGX_OK;

    case NGX_HTTP_MCP_TENANT_VAR_SERVER:
        *ret_text = ctx->requested_server;
        return NGX_OK;

    case NGX_HTTP_MCP_TENANT_VAR_METHOD:
        word = ctx->rpc_label ? ctx->rpc_label : "";
        break;

    case NGX_HTTP_MCP_TENANT_VAR_TOOL:
        *ret_text = ctx->rpc_name;
        return NGX_OK;

    case NGX_HTTP_MCP_TENANT_VAR_ERA:
        word = ctx->route != NGX_HTTP_MCP_TENANT_ROUTE_MCP ? ""
               : ctx->modern ? "modern" : "legacy";
        break;

    case NGX_HTTP_MCP_TENANT_VAR_RPC_ERROR:
        return ngx_http_mcp_tenant_rpc_error(r, ctx, ret_text);

    case NGX_HTTP_MCP_TENANT_VAR_TOOL_ERROR:
        word = ngx_http_mcp_tenant_tool_error(ctx);
        break;

    case NGX_HTTP_MCP_TENANT_VAR_DECISION:
        word = reason == MCP_REASON_NONE ? ""
               : ctx->allowed ? "allow" : "deny";
        break;

    case NGX_HTTP_MCP_TENANT_VAR_REASON:
        word = reason == MCP_REASON_NONE ? "" : mcp_reason(reason)->word;
        break;

    case NGX_HTTP_MCP_TENANT_VAR_LIMIT_STATUS:
        word = limit_statuses[ctx->limit_status];
        break;

    case NGX_HTTP_MCP_TENANT_VAR_UPSTREAM_URL:
        return ngx_http_mcp_tenant_upstream_url(r, ctx, ret_text);

    case NGX_HTTP_MCP_TENANT_VAR_GENERATION:

        if (ctx->image == NULL) {
            return NGX_OK;
        }

        ret_text->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
        if (ret_text->data == NULL) {
            return NGX_ERROR;
        }

        ret_text->len = ngx_sprintf(ret_text->data, "%uL",
                                    ctx->image->generation)
                        - ret_text->data;
        return NGX_OK;

    default:
        return ngx_http_mcp_tenant_variable_image(r, ctx, data, ret_text);
    }

    ret_text->data = (u_char *) word;
    ret_text->len = ngx_strlen(word);

    return NGX_OK;
}


/* The code of a JSON-RPC error, be it the server's or ours. */
static ngx_int_t
ngx_http_mcp_tenant_rpc_error(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_text)
{
    mcp_filter_answer_t  answer;

    answer = ngx_http_mcp_tenant_filter_answer(ctx);

    if (!answer.has_code) {
        answer.code = ctx->rpc_code;
    }

    if (answer.code == 0) {
        return NGX_OK;
    }

    ret_text->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (ret_text->data == NULL) {
        return NGX_ERROR;
    }

    ret_text->len = ngx_sprintf(ret_text->data, "%L", answer.code)
                    - ret_text->data;

    return NGX_OK;
}


static const char *
ngx_http_mcp_tenant_tool_error(ngx_http_mcp_tenant_ctx_t *ctx)
{
    mcp_filter_answer_t  answer;

    answer = ngx_http_mcp_tenant_filter_answer(ctx);

    if (!answer.answered || answer.has_code || ctx->rpc_label == NULL
        || ngx_strcmp(ctx->rpc_label, "tools/call") != 0)
    {
        return "";
    }

    return answer.is_error ? "true" : "false";
}


/* As it stood in the request line: an error page turns POST into GET. */
static void
ngx_http_mcp_tenant_http_method(ngx_http_request_t *r, ngx_str_t *ret_text)
{
    u_char  *p, *last;

    p = r->request_line.data;
    last = p + r->request_line.len;

    ret_text->data = p;

    while (p < last && *p >= 'A' && *p <= 'Z') {
        p++;
    }

    ret_text->len = p - ret_text->data;
}


/* What stands in the image; it lives as long as the request. */
static ngx_int_t
ngx_http_mcp_tenant_variable_image(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, uintptr_t data, ngx_str_t *ret_text)
{
    const mcp_image_t      *image;
    const mcp_image_str_t  *str;

    mcp_str_t  text;

    if (ctx->image == NULL || ctx->tenant == MCP_IMAGE_NONE) {
        return NGX_OK;
    }

    image = ctx->image->image;
    str = NULL;

    switch (data) {

    case NGX_HTTP_MCP_TENANT_VAR_ID:
        str = &mcp_image_tenant(image, ctx->tenant)->id;
        break;

    case NGX_HTTP_MCP_TENANT_VAR_NAMESPACE:
        str = &mcp_image_tenant(image, ctx->tenant)->namespace;
        break;

    case NGX_HTTP_MCP_TENANT_VAR_KEY_NAME:
        if (ctx->key != MCP_IMAGE_NONE) {
            str = &mcp_image_key(image, ctx->key)->name;
        }

        break;

    case NGX_HTTP_MCP_TENANT_VAR_UPSTREAM_HOST:
        if (ctx->endpoint) {
            image = ctx->endpoint_image->image;
            str = &ctx->endpoint->authority;
        }

        break;
    }

    if (str) {
        text = mcp_image_text(image, str);
        ret_text->data = (u_char *) text.data;
        ret_text->len = text.len;
    }

    return NGX_OK;
}


/*
 * Bytes outside ASCII are escaped: they need not be UTF-8, and a line of
 * audit must be JSON for every reader.
 */
static ngx_int_t
ngx_http_mcp_tenant_variable_path(ngx_http_request_t *r, ngx_str_t *ret_text)
{
    size_t      i, wide;
    u_char     *p;
    ngx_str_t   path;

    path = ngx_http_mcp_tenant_raw_path(r->main);
    wide = 0;

    for (i = 0; i < path.len; i++) {
        wide += (path.data[i] >= 0x80);
    }

    if (wide == 0) {
        *ret_text = path;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, path.len + 2 * wide);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ret_text->data = p;

    for (i = 0; i < path.len; i++) {

        if (path.data[i] >= 0x80) {
            p = ngx_sprintf(p, "%%%02Xd", (ngx_uint_t) path.data[i]);

        } else {
            *p++ = path.data[i];
        }
    }

    ret_text->len = p - ret_text->data;

    return NGX_OK;
}


/* For proxy_pass: the block with "mcp_tenant_peers", or the server's own. */
static ngx_int_t
ngx_http_mcp_tenant_upstream_url(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_text)
{
    mcp_str_t                         block, path;
    const mcp_image_t                *image;
    const mcp_image_server_t         *server;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (!ctx->allowed || ctx->server == MCP_IMAGE_NONE) {
        return NGX_OK;
    }

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    image = ctx->image->image;
    server = mcp_image_server(image, ctx->server);

    path = mcp_image_text(image, &server->path);

    if (server->runtime == MCP_RUNTIME_UPSTREAM) {
        block = mcp_image_text(image, &server->upstream_name);

    } else if (mtmcf->upstream) {
        block.data = (char *) mtmcf->upstream->host.data;
        block.len = mtmcf->upstream->host.len;

    } else {

        /* the first server that needs the block came with a reload */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "no upstream block has \"mcp_tenant_peers\"");
        return NGX_OK;
    }

    ret_text->data = ngx_pnalloc(r->pool, sizeof("https://") - 1 + block.len
                                          + path.len);
    if (ret_text->data == NULL) {
        return NGX_ERROR;
    }

    ret_text->len = ngx_sprintf(ret_text->data, "http%s://%*s%*s",
                                server->tls ? "s" : "", block.len, block.data,
                                path.len, path.data)
                    - ret_text->data;

    return NGX_OK;
}
