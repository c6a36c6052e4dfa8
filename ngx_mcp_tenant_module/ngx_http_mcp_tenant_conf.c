/*
 * Directives, and loading the files they name while NGINX reads its
 * configuration.
 */

#include "ngx_http_mcp_tenant_module.h"


#define NGX_HTTP_MCP_TENANT_ZONE_MIN_BYTES       65536

/* What the first image may wait for; the loader goes on asking. */
#define NGX_HTTP_MCP_TENANT_RESOLVE_AT_START_MS  300


static ngx_shm_zone_t *ngx_http_mcp_tenant_zone_old(ngx_conf_t *cf,
    ngx_str_t *name);
static const char *ngx_http_mcp_tenant_env(void *data, const char *name);
static ngx_int_t ngx_http_mcp_tenant_conf_options(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_int_t ngx_http_mcp_tenant_conf_compile(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_int_t ngx_http_mcp_tenant_conf_check_blocks(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_conf_learn(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_conf_cleanup(void *data);


static ngx_conf_enum_t  ngx_http_mcp_tenant_endpoints[] = {
    { ngx_string("metrics"), NGX_HTTP_MCP_TENANT_ENDPOINT_METRICS },
    { ngx_string("status"), NGX_HTTP_MCP_TENANT_ENDPOINT_STATUS },
    { ngx_string("error"), NGX_HTTP_MCP_TENANT_ENDPOINT_ERROR },
    { ngx_null_string, 0 }
};


char *
ngx_http_mcp_tenant_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    ngx_str_t  *value;

    if (mtmcf->config_file.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

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
        ngx_string("proxy-connection"), ngx_null_string
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
        ngx_http_mcp_tenant_error_handler
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
                       "\"status\" or \"error\"", &value[1]);

    return NGX_CONF_ERROR;
}


/*
 * The environment as NGINX gives it to its processes: only what "env"
 * declares, so that the loader, whose environment was cleared, reads the same.
 */
static const char *
ngx_http_mcp_tenant_env(void *data, const char *name)
{
    ngx_cycle_t *cycle = data;

    size_t            len;
    ngx_str_t        *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                           ngx_core_module);
    len = ngx_strlen(name);
    env = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {

        if (env[i].len < len || ngx_strncmp(env[i].data, name, len) != 0) {
            continue;
        }

        if (env[i].data[len] == '=') {
            return (char *) env[i].data + len + 1;
        }

        if (env[i].len == len) {
            return getenv(name);
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mcp_tenant_conf_options(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    mcp_config_options_t  *options;

    options = &mtmcf->options;

    options->allow = mtmcf->upstream_allow.elts;
    options->nallow = mtmcf->upstream_allow.nelts;
    options->upstream_names = mtmcf->upstream_names.elts;
    options->nupstream_names = mtmcf->upstream_names.nelts;
    options->check_upstream_names = true;
    options->cluster_domain = (char *) mtmcf->cluster_domain.data;
    options->api_server = getenv("KUBERNETES_SERVICE_HOST");
    options->env = ngx_http_mcp_tenant_env;
    options->env_data = cf->cycle;

    return NGX_OK;
}


void
ngx_http_mcp_tenant_conf_log(ngx_uint_t level, ngx_log_t *log,
    mcp_report_t *report)
{
    size_t               n;
    const char          *line;
    mcp_report_level_e   finding;

    for (n = 0; n < mcp_report_lines(report); n++) {

        line = mcp_report_line(report, n, &finding);

        if (finding == MCP_REPORT_ERROR) {
            ngx_log_error(level, log, 0, "%s", line);

        } else {
            ngx_log_error(NGX_LOG_WARN, log, 0, "%s", line);
        }
    }

    if (mcp_report_out_of_memory(report)) {
        ngx_log_error(level, log, 0,
                      "there was no memory for all findings");
    }
}


ngx_int_t
ngx_http_mcp_tenant_conf_load(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_int_t            rc;
    mcp_report_t        *report;
    ngx_pool_cleanup_t  *cln;

    /* "nginx -s reload" only signals; the master reads the files itself */

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_OK;
    }

    if (ngx_http_mcp_tenant_conf_check_blocks(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_conf_options(cf, mtmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mcp_tenant_conf_cleanup;
    cln->data = mtmcf;

    report = mcp_report_new();
    if (report == NULL) {
        return NGX_ERROR;
    }

    rc = mcp_config_load((char *) mtmcf->config_file.data, &mtmcf->options,
                         report, &mtmcf->config);

    ngx_http_mcp_tenant_conf_log(NGX_LOG_EMERG, cf->log, report);

    mcp_report_free(report);

    if (rc != MCP_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_tenant_config\" refuses \"%V\"",
                      &mtmcf->config_file);
        return NGX_ERROR;
    }

    return ngx_http_mcp_tenant_conf_compile(cf, mtmcf);
}


static ngx_int_t
ngx_http_mcp_tenant_conf_compile(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    bool         changed;
    size_t       size;
    uint32_t     n;
    const char  *error;

    mtmcf->names = mcp_names_new();

    if (mtmcf->names == NULL
        || mcp_names_set(mtmcf->names, mtmcf->config) != MCP_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_tenant_conf_learn(mtmcf);

    if (!ngx_test_config
        && mcp_names_resolve(mtmcf->names,
                             NGX_HTTP_MCP_TENANT_RESOLVE_AT_START_MS,
                             &changed)
           != MCP_OK)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, ngx_errno,
                      "names of MCP servers were not resolved at start");
    }

    if (mcp_image_build(mtmcf->config, &mtmcf->options, mcp_names_addresses,
                        mtmcf->names, 0, 0, &mtmcf->block, &size, &error)
        != MCP_OK
        || (mtmcf->image = mcp_image_open(mtmcf->block, size, &error)) == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" could not be compiled: %s",
                      &mtmcf->config_file, error);
        return NGX_ERROR;
    }

    if (mtmcf->upstream == NULL) {

        for (n = 0; n < mcp_image_nservers(mtmcf->image); n++) {

            if (mcp_image_server(mtmcf->image, n)->runtime
                == MCP_RUNTIME_UPSTREAM)
            {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the servers of \"%V\" need an upstream block with "
                          "\"mcp_tenant_peers;\"", &mtmcf->config_file);
            return NGX_ERROR;
        }
    }

    if (ngx_http_mcp_tenant_zone_check(mtmcf->old_zone,
                                       mtmcf->shm_zone->shm.size,
                                       mtmcf->block, &size)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zone \"%V\" is too small for %uD tenants with %uD "
                      "endpoints: it has %uz bytes, expected at least %uz "
                      "(\"mcp_tenant_zone %V %uzk;\"%s)",
                      &mtmcf->shm_zone->shm.name,
                      mcp_image_ntenants(mtmcf->image),
                      mcp_image_nendpoints(mtmcf->image),
                      mtmcf->shm_zone->shm.size, size,
                      &mtmcf->shm_zone->shm.name, (size + 1023) / 1024,
                      mtmcf->zone_size != mtmcf->shm_zone->shm.size
                      ? " and a restart" : "");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What requests would find missing is missed here. */
static ngx_int_t
ngx_http_mcp_tenant_conf_check_blocks(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    mcp_str_t                       *name;
    ngx_uint_t                       i, n;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    uscfp = umcf->upstreams.elts;
    name = mtmcf->upstream_names.elts;

    for (i = 0; i < mtmcf->upstream_names.nelts; i++) {

        for (n = 0; n < umcf->upstreams.nelts; n++) {

            if ((uscfp[n]->flags & NGX_HTTP_UPSTREAM_CREATE)
                && uscfp[n] != mtmcf->upstream
                && uscfp[n]->host.len == name[i].len
                && ngx_strncasecmp(uscfp[n]->host.data,
                                   (u_char *) name[i].data, name[i].len)
                   == 0)
            {
                break;
            }
        }

        if (n == umcf->upstreams.nelts) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"mcp_tenant_upstream_names\" opens \"%s\", "
                          "expected the name of an upstream block without "
                          "\"mcp_tenant_peers\"", name[i].data);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The addresses that the loader found last, from the image it wrote. */
static void
ngx_http_mcp_tenant_conf_learn(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t              size;
    u_char              path[NGX_MAX_PATH];
    const char         *error;
    const mcp_image_t  *image;

    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/tenants.img%Z",
                        &mtmcf->state->name);

    image = mcp_image_map((char *) path, &size, &error);

    if (image) {
        mcp_names_learn(mtmcf->names, image);
        (void) munmap((void *) image, size);
    }
}


static void
ngx_http_mcp_tenant_conf_cleanup(void *data)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = data;

    mcp_config_free(mtmcf->config);
    mcp_names_free(mtmcf->names);
    free(mtmcf->block);
}
