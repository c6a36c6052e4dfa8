/*
 * GET .../servers and .../servers/{server}: what a tenant may know of its
 * servers, which is neither their addresses nor their headers.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <jansson.h>


static json_t *ngx_http_mcp_tenant_list(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
static json_t *ngx_http_mcp_tenant_use(ngx_http_request_t *r,
    const mcp_image_tenant_t *tenant);
static json_t *ngx_http_mcp_tenant_server_json(const mcp_image_t *image,
    const mcp_image_server_t *server);
static json_t *ngx_http_mcp_tenant_quotas_json(const mcp_quotas_t *quotas);
static json_t *ngx_http_mcp_tenant_text_json(const mcp_image_t *image,
    const mcp_image_str_t *text);
static ngx_int_t ngx_http_mcp_tenant_tag(ngx_http_request_t *r,
    ngx_str_t *ret_tag);
static ngx_uint_t ngx_http_mcp_tenant_has_tag(const mcp_image_t *image,
    const mcp_image_server_t *server, ngx_str_t *tag);


static const char  *ngx_http_mcp_tenant_runtimes[] = {
    [MCP_RUNTIME_REMOTE] = "remote",
    [MCP_RUNTIME_KUBERNETES] = "kubernetes",
    [MCP_RUNTIME_UPSTREAM] = "upstream",
    [MCP_RUNTIME_K8S_SERVICE] = "k8s-service"
};


ngx_int_t
ngx_http_mcp_tenant_servers_handler(ngx_http_request_t *r)
{
    json_t                     *json;
    ngx_int_t                   rc;
    ngx_http_mcp_tenant_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_mcp_tenant_ctx_find(r);

    if (ctx == NULL || !ctx->allowed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->server == MCP_IMAGE_NONE) {
        json = ngx_http_mcp_tenant_list(r, ctx);

    } else {
        json = ngx_http_mcp_tenant_server_json(ctx->image->image,
                   mcp_image_server(ctx->image->image, ctx->server));
    }

    return ngx_http_mcp_tenant_send_json(r, NGX_HTTP_OK, json);
}


static json_t *
ngx_http_mcp_tenant_list(ngx_http_request_t *r, ngx_http_mcp_tenant_ctx_t *ctx)
{
    json_t                    *servers;
    uint32_t                   i, n;
    ngx_str_t                  tag;
    const mcp_image_t         *image;
    const mcp_image_key_t     *key;
    const mcp_image_tenant_t  *tenant;
    const mcp_image_server_t  *server;

    if (ngx_http_mcp_tenant_tag(r, &tag) != NGX_OK) {
        return NULL;
    }

    image = ctx->image->image;
    tenant = mcp_image_tenant(image, ctx->tenant);
    key = ctx->key != MCP_IMAGE_NONE ? mcp_image_key(image, ctx->key) : NULL;

    servers = json_array();

    for (i = 0; i < tenant->servers.count; i++) {

        n = tenant->servers.first + i;
        server = mcp_image_server(image, n);

        if (key && !mcp_image_key_reaches(image, key, n)) {
            continue;
        }

        if (tag.data && !ngx_http_mcp_tenant_has_tag(image, server, &tag)) {
            continue;
        }

        if (json_array_append_new(servers,
                ngx_http_mcp_tenant_server_json(image, server))
            != 0)
        {
            json_decref(servers);
            return NULL;
        }
    }

    return json_pack("{s:o, s:o, s:o, s:o, s:o}",
                     "tenant", ngx_http_mcp_tenant_text_json(image,
                                                             &tenant->id),
                     "display_name", ngx_http_mcp_tenant_text_json(image,
                                                     &tenant->display_name),
                     "quotas", ngx_http_mcp_tenant_quotas_json(
                                                           &tenant->quotas),
                     "use", ngx_http_mcp_tenant_use(r, tenant),
                     "servers", servers);
}


static json_t *
ngx_http_mcp_tenant_use(ngx_http_request_t *r,
    const mcp_image_tenant_t *tenant)
{
    json_t                           *use;
    ngx_http_mcp_tenant_shctx_t      *sh;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);
    sh = mtmcf->shm_zone->data;

    use = json_pack("{s:I}", "servers", (json_int_t) tenant->active_servers);

    if (tenant->limits.requests != MCP_IMAGE_NONE) {
        (void) json_object_set_new(use, "concurrent_requests",
                   json_integer(mcp_limit_in_use(sh->limits,
                                                 tenant->limits.requests)));
    }

    if (tenant->limits.streams != MCP_IMAGE_NONE) {
        (void) json_object_set_new(use, "streams",
                   json_integer(mcp_limit_in_use(sh->limits,
                                                 tenant->limits.streams)));
    }

    return use;
}


static json_t *
ngx_http_mcp_tenant_server_json(const mcp_image_t *image,
    const mcp_image_server_t *server)
{
    json_t     *tags, *json;
    uint32_t    i;
    mcp_str_t   tag;

    tags = json_array();

    for (i = 0; i < server->tags.count; i++) {
        tag = mcp_image_string(image, &server->tags, i);
        (void) json_array_append_new(tags, json_stringn(tag.data, tag.len));
    }

    json = json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:o}",
                     "id", ngx_http_mcp_tenant_text_json(image, &server->id),
                     "display_name", ngx_http_mcp_tenant_text_json(image,
                                                     &server->display_name),
                     "description", ngx_http_mcp_tenant_text_json(image,
                                                      &server->description),
                     "tags", tags,
                     "runtime", ngx_http_mcp_tenant_runtimes[server->runtime],
                     "status", mcp_server_status_word(server->status),
                     "endpoints", (json_int_t) server->endpoints.count,
                     "quotas", ngx_http_mcp_tenant_quotas_json(
                                                          &server->quotas));

    if (server->reason.len) {
        (void) json_object_set_new(json, "status_reason",
                   ngx_http_mcp_tenant_text_json(image, &server->reason));
    }

    return json;
}


/* Only the limits that are set. */
static json_t *
ngx_http_mcp_tenant_quotas_json(const mcp_quotas_t *quotas)
{
    json_t  *json;

    json = json_object();

    if (quotas->max_servers) {
        (void) json_object_set_new(json, "max_servers",
                                   json_integer(quotas->max_servers));
    }

    if (quotas->max_concurrent_requests) {
        (void) json_object_set_new(json, "max_concurrent_requests",
                   json_integer(quotas->max_concurrent_requests));
    }

    if (quotas->max_streams) {
        (void) json_object_set_new(json, "max_streams",
                                   json_integer(quotas->max_streams));
    }

    if (quotas->requests_per_second_milli % 1000) {
        (void) json_object_set_new(json, "requests_per_second",
                   json_real(quotas->requests_per_second_milli / 1000.0));

    } else if (quotas->requests_per_second_milli) {
        (void) json_object_set_new(json, "requests_per_second",
                   json_integer(quotas->requests_per_second_milli / 1000));
    }

    if (quotas->burst) {
        (void) json_object_set_new(json, "burst",
                                   json_integer(quotas->burst));
    }

    return json;
}


static json_t *
ngx_http_mcp_tenant_text_json(const mcp_image_t *image,
    const mcp_image_str_t *text)
{
    mcp_str_t  str;

    str = mcp_image_text(image, text);

    return json_stringn(str.data, str.len);
}


/* ret_tag->data is NULL when the query names no tag. */
static ngx_int_t
ngx_http_mcp_tenant_tag(ngx_http_request_t *r, ngx_str_t *ret_tag)
{
    u_char     *src, *dst;
    ngx_str_t   value;

    ngx_str_null(ret_tag);

    if (ngx_http_arg(r, (u_char *) "tag", 3, &value) != NGX_OK) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(r->pool, value.len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    ret_tag->data = dst;
    src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);

    ret_tag->len = dst - ret_tag->data;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mcp_tenant_has_tag(const mcp_image_t *image,
    const mcp_image_server_t *server, ngx_str_t *tag)
{
    uint32_t   i;
    mcp_str_t  own;

    for (i = 0; i < server->tags.count; i++) {

        own = mcp_image_string(image, &server->tags, i);

        if (own.len == tag->len
            && ngx_memcmp(own.data, tag->data, tag->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
