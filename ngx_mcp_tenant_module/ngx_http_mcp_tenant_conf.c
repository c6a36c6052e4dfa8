/*
 * Directives.
 */

#include "ngx_http_mcp_tenant_module.h"


#define NGX_HTTP_MCP_TENANT_ZONE_MIN_BYTES  65536


static ngx_shm_zone_t *ngx_http_mcp_tenant_zone_old(ngx_conf_t *cf,
    ngx_str_t *name);


static ngx_conf_enum_t  ngx_http_mcp_tenant_endpoints[] = {
    { ngx_string("metrics"), NGX_HTTP_MCP_TENANT_ENDPOINT_METRICS },
    { ngx_string("status"), NGX_HTTP_MCP_TENANT_ENDPOINT_STATUS },
    { ngx_string("error"), NGX_HTTP_MCP_TENANT_ENDPOINT_ERROR },
    { ngx_string("resource"), NGX_HTTP_MCP_TENANT_ENDPOINT_RESOURCE },
    { ngx_string("demand"), NGX_HTTP_MCP_TENANT_ENDPOINT_DEMAND },
    { ngx_null_string, 0 }
};


char *
ngx_http_mcp_tenant_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, *flag;

    if (mtmcf->config_file.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_mcp_tenant_str_is(&value[i], "fallback")) {
            flag = &mtmcf->fallback;

        } else if (ngx_http_mcp_tenant_str_is(&value[i], "allow_shrink")) {
            flag = &mtmcf->allow_shrink;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", expected "
                               "\"fallback\" or \"allow_shrink\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (*flag) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        *flag = 1;
    }

    mtmcf->config_file = value[1];

    if (value[1].len == 0) {
        return "names no file";
    }

    if (ngx_conf_full_name(cf->cycle, &mtmcf->config_file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_endpoints_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    ngx_str_t  *value;

    if (mtmcf->pods_file.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "names no file";
    }

    mtmcf->pods_file = value[1];

    if (ngx_conf_full_name(cf->cycle, &mtmcf->pods_file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    ssize_t          size;
    ngx_str_t       *value;
    ngx_shm_zone_t  *old;

    if (mtmcf->shm_zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\", expected a size such as "
                           "\"32m\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) NGX_HTTP_MCP_TENANT_ZONE_MIN_BYTES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: %V, expected at least "
                           "%uz bytes", &value[1], &value[2],
                           (size_t) NGX_HTTP_MCP_TENANT_ZONE_MIN_BYTES);
        return NGX_CONF_ERROR;
    }

    mtmcf->zone_size = size;

    /*
     * For another size NGINX would make another zone, in which the new workers
     * would count without what the old ones go on with.
     */

    old = ngx_http_mcp_tenant_zone_old(cf, &value[1]);

    if (old) {
        mtmcf->old_zone = old->data;
    }

    if (old && old->shm.size != (size_t) size) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "zone \"%V\" keeps its %uz bytes: another size "
                           "takes effect when NGINX is restarted", &value[1],
                           old->shm.size);
        size = old->shm.size;
    }

    mtmcf->shm_zone = ngx_shared_memory_add(cf, &value[1], size,
                                            &ngx_http_mcp_tenant_module);
    if (mtmcf->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    mtmcf->shm_zone->init = ngx_http_mcp_tenant_zone_init;
    mtmcf->shm_zone->data = mtmcf;

    return NGX_CONF_OK;
}


/* The zone that the running workers use; NULL when there is none. */
static ngx_shm_zone_t *
ngx_http_mcp_tenant_zone_old(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    part = &cf->cycle->old_cycle->shared_memory.part;
    zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            zone = part->elts;
            i = 0;
        }

        if (zone[i].tag == &ngx_http_mcp_tenant_module
            && zone[i].shm.name.len == name->len
            && ngx_memcmp(zone[i].shm.name.data, name->data, name->len) == 0)
        {
            return &zone[i];
        }
    }
}


char *
ngx_http_mcp_tenant_resolve_interval(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *msec = data;

    return *msec < 1000 ? "is too short, expected at least 1s" : NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_upstream_allow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    ngx_str_t   *value;
    mcp_cidr_t  *cidr;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        cidr = ngx_array_push(&mtmcf->upstream_allow);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        if (mcp_cidr_parse((char *) value[i].data, value[i].len, cidr)
            != MCP_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid range \"%V\", expected an address or "
                               "a range without host bits, such as "
                               "127.0.0.0/8 or ::1", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_upstream_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    mcp_str_t   *name;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(&mtmcf->upstream_names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        name->data = (char *) value[i].data;
        name->len = value[i].len;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_tenant_loc_conf_t *mtlcf = conf;

    u_char      ch;
    size_t      i;
    ngx_str_t  *value;

    if (mtlcf->prefix.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len < 2 || value[1].data[0] != '/'
        || value[1].data[value[1].len - 1] == '/')
    {
        goto invalid;
    }

    for (i = 1; i < value[1].len; i++) {
        ch = value[1].data[i];

        if (ch == '/' && value[1].data[i - 1] != '/') {
            continue;
        }

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_'))
        {
            goto invalid;
        }
    }

    mtlcf->prefix = value[1];

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid prefix \"%V\", expected a path such as "
                       "\"/gateway\" of letters, digits, \"-\", \"_\" and "
                       "\"/\", without a slash at its end", &value[1]);

    return NGX_CONF_ERROR;
}


char *
ngx_http_mcp_tenant_pass_headers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_tenant_loc_conf_t *mtlcf = conf;

    ngx_str_t   *value, *name;
    ngx_uint_t   i, n;

    static ngx_str_t  never[] = {
        ngx_string("authorization"), ngx_string("x-api-key"),
        ngx_string("x-tenant-id"), ngx_string("cookie"),
        ngx_string("host"), ngx_string("connection"),
        ngx_string("keep-alive"), ngx_string("te"), ngx_string("trailer"),
        ngx_string("upgrade"), ngx_string("transfer-encoding"),
        ngx_string("content-length"), ngx_string("expect"),
        ngx_string("accept-encoding"), ngx_string("proxy-authorization"),
        ngx_string("proxy-connection"), ngx_string("mcp-session-id"),
        ngx_null_string
    };

    if (mtlcf->pass_headers == NGX_CONF_UNSET_PTR) {
        mtlcf->pass_headers = ngx_array_create(cf->pool, 4,
                                               sizeof(ngx_str_t));
        if (mtlcf->pass_headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(mtlcf->pass_headers);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
        ngx_strlow(name->data, name->data, name->len);

        for (n = 0; never[n].len; n++) {
            if (name->len == never[n].len
                && ngx_strncmp(name->data, never[n].data, name->len) == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "header \"%V\" is never passed to a server: "
                                   "it belongs to the connection with the "
                                   "client, or proves who the client is", name);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_allowed_hosts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_tenant_loc_conf_t *mtlcf = conf;

    u_char      *p, *last;
    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    if (mtlcf->allowed_hosts == NGX_CONF_UNSET_PTR) {
        mtlcf->allowed_hosts = ngx_array_create(cf->pool, 4,
                                                sizeof(ngx_str_t));
        if (mtlcf->allowed_hosts == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(mtlcf->allowed_hosts);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
        ngx_strlow(name->data, name->data, name->len);

        last = name->data + name->len;

        for (p = name->data; p < last; p++) {
            if (*p == '/' || *p == '~' || *p == '@' || *p == '?'
                || (*p == ':' && name->data[0] != '['))
            {
                break;
            }
        }

        if (name->len && p == last) {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid host \"%V\", expected a name such as "
                           "\"mcp.example.com\" or \"*.example.com\", without "
                           "a scheme or a port, or \"any\"", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Issuers of tokens (RFC 8414): https, without query or fragment. */
char *
ngx_http_mcp_tenant_authorization_server(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_tenant_loc_conf_t *mtlcf = conf;

    ngx_str_t   *value, *url;
    ngx_uint_t   i;

    static ngx_str_t  https = ngx_string("https://");

    if (mtlcf->authorization_servers == NGX_CONF_UNSET_PTR) {
        mtlcf->authorization_servers = ngx_array_create(cf->pool, 1,
                                                        sizeof(ngx_str_t));
        if (mtlcf->authorization_servers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len <= https.len
            || ngx_strncmp(value[i].data, https.data, https.len) != 0
            || ngx_strlchr(value[i].data, value[i].data + value[i].len, '?')
            || ngx_strlchr(value[i].data, value[i].data + value[i].len, '#'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid authorization server \"%V\", expected "
                               "the URL of an issuer such as "
                               "\"https://auth.example.com\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        url = ngx_array_push(mtlcf->authorization_servers);
        if (url == NULL) {
            return NGX_CONF_ERROR;
        }

        *url = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_tenant_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_tenant_loc_conf_t *mtlcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_conf_enum_t           *e;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_http_handler_pt  handlers[] = {
        NULL,
        ngx_http_mcp_tenant_metrics_handler,
        ngx_http_mcp_tenant_status_handler,
        ngx_http_mcp_tenant_error_handler,
        ngx_http_mcp_tenant_resource_handler,
        ngx_http_mcp_tenant_demand_handler
    };

    if (mtlcf->endpoint != NGX_HTTP_MCP_TENANT_ENDPOINT_NONE) {
        return "is duplicate";
    }

    value = cf->args->elts;
    e = ngx_http_mcp_tenant_endpoints;

    for (i = 0; e[i].name.len; i++) {

        if (e[i].name.len != value[1].len
            || ngx_strcmp(e[i].name.data, value[1].data) != 0)
        {
            continue;
        }

        mtlcf->endpoint = e[i].value;

        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
        clcf->handler = handlers[e[i].value];

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid endpoint \"%V\", expected \"metrics\", "
                       "\"status\", \"demand\", \"error\" or \"resource\"",
                       &value[1]);

    return NGX_CONF_ERROR;
}
