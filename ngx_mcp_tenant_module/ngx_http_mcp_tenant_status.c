/*
 * /status: what the gateway runs on, for its operator.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_version.h"

#include <jansson.h>


static json_t *ngx_http_mcp_tenant_status_json(
    ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_http_mcp_tenant_image_t *image);
static json_t *ngx_http_mcp_tenant_digest_json(const mcp_image_t *image);


ngx_int_t
ngx_http_mcp_tenant_status_handler(ngx_http_request_t *r)
{
    json_t                           *json;
    ngx_int_t                         rc;
    ngx_http_mcp_tenant_image_t      *image;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    image = ngx_http_mcp_tenant_image_get(mtmcf, r->connection->log);
    if (image == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    json = ngx_http_mcp_tenant_status_json(mtmcf, image);

    ngx_http_mcp_tenant_image_put(image);

    return ngx_http_mcp_tenant_send_json(r, json);
}


static json_t *
ngx_http_mcp_tenant_status_json(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_http_mcp_tenant_image_t *image)
{
    const mcp_image_t            *block;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;
    block = image->image;

    return json_pack("{s:s, s:{s:I, s:I, s:o, s:I, s:I}, "
                     "s:I, s:I, s:I, s:I, s:I}",
                     "version", MCP_TENANT_VERSION,
                     "config",
                     "generation", (json_int_t) image->generation,
                     "announced", (json_int_t) sh->generation,
                     "digest", ngx_http_mcp_tenant_digest_json(block),
                     "last_success", (json_int_t) sh->last_success,
                     "last_failure", (json_int_t) sh->last_failure,
                     "tenants", (json_int_t) mcp_image_ntenants(block),
                     "keys", (json_int_t) mcp_image_nkeys(block),
                     "servers", (json_int_t) mcp_image_nservers(block),
                     "endpoints", (json_int_t) mcp_image_nendpoints(block),
                     "unresolved_names", (json_int_t) sh->unresolved);
}


static json_t *
ngx_http_mcp_tenant_digest_json(const mcp_image_t *image)
{
    u_char  text[2 * 32];

    return json_stringn((char *) text,
                        ngx_hex_dump(text,
                                     (u_char *) mcp_image_digest(image), 32)
                        - text);
}
