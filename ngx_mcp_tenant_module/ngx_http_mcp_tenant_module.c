/*
 * Tables, contexts, merging and registration: no logic of requests.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"
#include "ngx_http_mcp_tenant_series.h"


static ngx_int_t ngx_http_mcp_tenant_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_tenant_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_tenant_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_mcp_tenant_init_process(ngx_cycle_t *cycle);
static void ngx_http_mcp_tenant_exit_process(ngx_cycle_t *cycle);
static void *ngx_http_mcp_tenant_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_tenant_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_mcp_tenant_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_mcp_tenant_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_tenant_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_conf_enum_t  ngx_http_mcp_tenant_log_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_tenant_bodies[] = {
    { ngx_string("off"), NGX_HTTP_MCP_TENANT_BODY_OFF },
    { ngx_string("headers"), NGX_HTTP_MCP_TENANT_BODY_HEADERS },
    { ngx_string("verify"), NGX_HTTP_MCP_TENANT_BODY_VERIFY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_tenant_quota_errors[] = {
    { ngx_string("http"), NGX_HTTP_MCP_TENANT_QUOTA_HTTP },
    { ngx_string("jsonrpc"), NGX_HTTP_MCP_TENANT_QUOTA_JSONRPC },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_mcp_tenant_status_bounds = {
    ngx_conf_check_num_bounds, 400, 599
};


static ngx_conf_post_t  ngx_http_mcp_tenant_resolve_interval_post =
    { ngx_http_mcp_tenant_resolve_interval };


static ngx_command_t  ngx_http_mcp_tenant_commands[] = {

    { ngx_string("mcp_tenant_config"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_mcp_tenant_config,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_mcp_tenant_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_state"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_path_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_main_conf_t, state),
      NULL },

    { ngx_string("mcp_tenant_upstream_allow"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_tenant_upstream_allow,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_upstream_names"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_tenant_upstream_names,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_cluster_domain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_main_conf_t, cluster_domain),
      NULL },

    { ngx_string("mcp_tenant_resolve_interval"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_main_conf_t, resolve_interval),
      &ngx_http_mcp_tenant_resolve_interval_post },

    { ngx_string("mcp_tenant_endpoints"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_tenant_endpoints_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_session_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_main_conf_t, session_key),
      NULL },

    { ngx_string("mcp_tenant_session_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_main_conf_t, session_lifetime),
      NULL },

    { ngx_string("mcp_tenant_peers"),
      NGX_HTTP_UPS_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      ngx_http_mcp_tenant_peers,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, enable),
      NULL },

    { ngx_string("mcp_tenant_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, auth),
      NULL },

    { ngx_string("mcp_tenant_from"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, from),
      NULL },

    { ngx_string("mcp_tenant_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_tenant_prefix,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_pass_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_tenant_pass_headers,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_allowed_hosts"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_tenant_allowed_hosts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_authorization_server"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_tenant_authorization_server,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_tenant_public_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, public_url),
      NULL },

    { ngx_string("mcp_tenant_upstream_verify"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, upstream_verify),
      NULL },

    { ngx_string("mcp_tenant_dry_run"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, dry_run),
      NULL },

    { ngx_string("mcp_tenant_log_level"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, log_level),
      &ngx_http_mcp_tenant_log_levels },

    { ngx_string("mcp_tenant_status"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, status_code),
      &ngx_http_mcp_tenant_status_bounds },

    { ngx_string("mcp_tenant_body"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, body),
      &ngx_http_mcp_tenant_bodies },

    { ngx_string("mcp_tenant_quota_error"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_tenant_loc_conf_t, quota_error),
      &ngx_http_mcp_tenant_quota_errors },

    { ngx_string("mcp_tenant_endpoint"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_tenant_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_tenant_module_ctx = {
    ngx_http_mcp_tenant_preconfiguration,  /* preconfiguration */
    ngx_http_mcp_tenant_postconfiguration, /* postconfiguration */

    ngx_http_mcp_tenant_create_main_conf,  /* create main configuration */
    ngx_http_mcp_tenant_init_main_conf,    /* init main configuration */

    ngx_http_mcp_tenant_create_srv_conf,   /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_tenant_create_loc_conf,   /* create location configuration */
    ngx_http_mcp_tenant_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_tenant_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_tenant_module_ctx,       /* module context */
    ngx_http_mcp_tenant_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_mcp_tenant_init_module,       /* init module */
    ngx_http_mcp_tenant_init_process,      /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_mcp_tenant_exit_process,      /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * Beside the temporary files of NGINX, a folder that every build of NGINX
 * may write to.
 */
static ngx_str_t  ngx_http_mcp_tenant_temp_path =
    ngx_string(NGX_HTTP_CLIENT_TEMP_PATH);


static ngx_int_t
ngx_http_mcp_tenant_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_mcp_tenant_variables_add(cf);
}


static ngx_int_t
ngx_http_mcp_tenant_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt              *h;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_conf_get_module_main_conf(cf,
                                               ngx_http_mcp_tenant_module);

    if (mtmcf->config_file.len == 0) {

        if (mtmcf->used) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"mcp_tenant\" needs \"mcp_tenant_config FILE;\" "
                          "and \"mcp_tenant_zone NAME SIZE;\" in http");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (mtmcf->shm_zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_tenant_config\" needs a zone, for example "
                      "\"mcp_tenant_zone mcp 32m;\" in http");
        return NGX_ERROR;
    }

    if (mtmcf->upstream
        && ngx_http_mcp_tenant_upstream_self_test(cf->log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_tenant_upstream_settings(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_answer_init(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_session_init(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_origin_init(cf) != NGX_OK
        || ngx_http_mcp_tenant_load(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_loader_init(cf, mtmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_tenant_variables_used(cf, mtmcf);

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_tenant_post_read_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_tenant_access_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_tenant_log_handler;

    return NGX_OK;
}


/*
 * Runs when nothing can refuse the new configuration any more: only here may
 * the zone, which a refused configuration would share, be told of it.
 */
static ngx_int_t
ngx_http_mcp_tenant_init_module(ngx_cycle_t *cycle)
{
    ngx_fd_t                          lock;
    ngx_http_mcp_tenant_shctx_t      *sh;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                                ngx_http_mcp_tenant_module);

    if (mtmcf == NULL || mtmcf->shm_zone == NULL || mtmcf->image == NULL
        || ngx_test_config)
    {
        return NGX_OK;
    }

    sh = mtmcf->shm_zone->data;

    /* the loader of the configuration before may be publishing */

    lock = ngx_http_mcp_tenant_state_lock(mtmcf, NGX_LOG_DEBUG, cycle->log);

    mtmcf->epoch = ++sh->epoch;
    mtmcf->generation = sh->generation + 1;

    /*
     * Without rows, requests of tenants are refused until the loader finds
     * some: those of removed tenants are in use by draining workers.
     */

    if (ngx_http_mcp_tenant_zone_assign(sh, mtmcf->block, mtmcf->epoch,
                                        mtmcf->generation)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "the zone has no rows for the new configuration yet");
        mtmcf->unassigned = 1;
    }

    ngx_http_mcp_tenant_zone_publish(sh, mtmcf->image, mtmcf->generation);

    if (lock != NGX_INVALID_FILE) {
        (void) ngx_close_file(lock);
    }

    if (mtmcf->error) {

        /* here, since a log file is open only now */

        ngx_http_mcp_tenant_load_fell_back(mtmcf, NGX_LOG_ALERT, cycle->log);
        ngx_http_mcp_tenant_zone_refuse(sh, (char *) mtmcf->error);

    } else {
        ngx_http_mcp_tenant_zone_clear_error(sh);
    }

    sh->unresolved = mcp_names_unresolved(mtmcf->names);

    sh->pods_taken = mtmcf->pods ? mcp_endpoints_sequence(mtmcf->pods) : 0;
    ngx_http_mcp_tenant_zone_tell(&sh->pods_error,
                                  mtmcf->pods_error
                                  ? (char *) mtmcf->pods_error : "");

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_init_process(ngx_cycle_t *cycle)
{
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mtmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                                ngx_http_mcp_tenant_module);

    if (mtmcf == NULL || mtmcf->image == NULL) {
        return NGX_OK;
    }

    return ngx_http_mcp_tenant_worker_init(cycle, mtmcf);
}


static void
ngx_http_mcp_tenant_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                                ngx_http_mcp_tenant_module);

    if (mtmcf == NULL || mtmcf->image == NULL) {
        return;
    }

    ngx_http_mcp_tenant_identity_exit_process();
    ngx_http_mcp_tenant_body_exit_process();
    ngx_http_mcp_tenant_peers_exit_process();
    ngx_http_mcp_tenant_session_exit_process();
    ngx_http_mcp_tenant_image_exit_process();
    ngx_http_mcp_tenant_zone_exit_process(mtmcf->shm_zone->data);
}


static void *
ngx_http_mcp_tenant_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_tenant_main_conf_t));
    if (mtmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mtmcf->config_file = { 0, NULL };
     *     mtmcf->fallback = 0;
     *     mtmcf->allow_shrink = 0;
     *     mtmcf->state = NULL;
     *     mtmcf->shm_zone = NULL;
     *     mtmcf->cluster_domain = { 0, NULL };
     *     mtmcf->pods_file = { 0, NULL };
     *     mtmcf->session_key = { 0, NULL };
     *     mtmcf->session_keys = NULL;
     *     mtmcf->upstream = NULL;
     *     mtmcf->config = NULL;
     *     mtmcf->names = NULL;
     *     mtmcf->pods = NULL;
     *     mtmcf->image = NULL;
     *     mtmcf->refused = 0;
     *     mtmcf->error = NULL;
     *     mtmcf->pods_error = NULL;
     *     mtmcf->used = 0;
     *     mtmcf->messages = 0;
     *     mtmcf->answers = 0;
     */

    mtmcf->owner = NGX_INVALID_FILE;
    mtmcf->resolve_interval = NGX_CONF_UNSET_MSEC;
    mtmcf->session_lifetime = NGX_CONF_UNSET;

    if (ngx_array_init(&mtmcf->upstream_allow, cf->pool, 4,
                       sizeof(mcp_cidr_t))
        != NGX_OK
        || ngx_array_init(&mtmcf->upstream_names, cf->pool, 4,
                          sizeof(mcp_str_t))
           != NGX_OK
        || ngx_array_init(&mtmcf->locations, cf->pool, 8,
                          sizeof(ngx_http_mcp_tenant_location_t))
           != NGX_OK)
    {
        return NULL;
    }

    return mtmcf;
}


static char *
ngx_http_mcp_tenant_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = conf;

    u_char           *p, *name;
    ngx_path_init_t   init;

    ngx_conf_init_msec_value(mtmcf->resolve_interval, 30000);
    ngx_conf_init_value(mtmcf->session_lifetime, 7 * 24 * 60 * 60);

    if (mtmcf->config_file.len == 0) {
        return NGX_CONF_OK;
    }

    if (mtmcf->cluster_domain.len == 0) {
        ngx_str_set(&mtmcf->cluster_domain, "cluster.local");
    }

    name = ngx_pnalloc(cf->pool, ngx_http_mcp_tenant_temp_path.len
                                 + sizeof("mcp_tenant"));
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(name, ngx_http_mcp_tenant_temp_path.data,
                   ngx_http_mcp_tenant_temp_path.len);

    while (p > name && p[-1] != '/') {
        p--;
    }

    p = ngx_cpymem(p, "mcp_tenant", sizeof("mcp_tenant"));

    ngx_memzero(&init, sizeof(ngx_path_init_t));
    init.name.data = name;
    init.name.len = p - name - 1;

    if (ngx_conf_merge_path_value(cf, &mtmcf->state, NULL, &init)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_mcp_tenant_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_tenant_srv_conf_t  *mtscf;

    mtscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_tenant_srv_conf_t));
    if (mtscf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mtscf->init_peer = NULL;
     *     mtscf->names = { NULL };
     */

    mtscf->max_fails = 1;
    mtscf->fail_timeout = 10;

    return mtscf;
}


static void *
ngx_http_mcp_tenant_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_tenant_loc_conf_t  *mtlcf;

    mtlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_tenant_loc_conf_t));
    if (mtlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mtlcf->prefix = { 0, NULL };
     *     mtlcf->endpoint = NGX_HTTP_MCP_TENANT_ENDPOINT_NONE;
     */

    mtlcf->enable = NGX_CONF_UNSET;
    mtlcf->auth = NGX_CONF_UNSET;
    mtlcf->upstream_verify = NGX_CONF_UNSET;
    mtlcf->dry_run = NGX_CONF_UNSET;
    mtlcf->log_level = NGX_CONF_UNSET_UINT;
    mtlcf->status_code = NGX_CONF_UNSET_UINT;
    mtlcf->quota_error = NGX_CONF_UNSET_UINT;
    mtlcf->body = NGX_CONF_UNSET_UINT;
    mtlcf->from = NGX_CONF_UNSET_PTR;
    mtlcf->pass_headers = NGX_CONF_UNSET_PTR;
    mtlcf->allowed_hosts = NGX_CONF_UNSET_PTR;
    mtlcf->authorization_servers = NGX_CONF_UNSET_PTR;
    mtlcf->public_url = NGX_CONF_UNSET_PTR;

    return mtlcf;
}


static char *
ngx_http_mcp_tenant_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_tenant_loc_conf_t *prev = parent;
    ngx_http_mcp_tenant_loc_conf_t *conf = child;

    ngx_http_conf_ctx_t              *ctx;
    ngx_http_mcp_tenant_location_t   *location;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_value(conf->auth, prev->auth,
                         NGX_HTTP_MCP_TENANT_AUTH_ON);
    ngx_conf_merge_value(conf->upstream_verify, prev->upstream_verify, 1);
    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_uint_value(conf->log_level, prev->log_level, NGX_LOG_ERR);
    ngx_conf_merge_uint_value(conf->status_code, prev->status_code,
                              NGX_HTTP_TOO_MANY_REQUESTS);
    ngx_conf_merge_uint_value(conf->quota_error, prev->quota_error,
                              NGX_HTTP_MCP_TENANT_QUOTA_HTTP);
    ngx_conf_merge_uint_value(conf->body, prev->body,
                              NGX_HTTP_MCP_TENANT_BODY_AUTO);
    ngx_conf_merge_str_value(conf->prefix, prev->prefix, "");
    ngx_conf_merge_ptr_value(conf->from, prev->from, NULL);
    ngx_conf_merge_ptr_value(conf->pass_headers, prev->pass_headers, NULL);
    ngx_conf_merge_ptr_value(conf->allowed_hosts, prev->allowed_hosts, NULL);
    ngx_conf_merge_ptr_value(conf->authorization_servers,
                             prev->authorization_servers, NULL);
    ngx_conf_merge_ptr_value(conf->public_url, prev->public_url, NULL);

    if (!conf->enable
        && conf->endpoint == NGX_HTTP_MCP_TENANT_ENDPOINT_NONE)
    {
        return NGX_CONF_OK;
    }

    mtmcf = ngx_http_conf_get_module_main_conf(cf,
                                               ngx_http_mcp_tenant_module);
    mtmcf->used = 1;

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    ctx = cf->ctx;

    location = ngx_array_push(&mtmcf->locations);
    if (location == NULL) {
        return NGX_CONF_ERROR;
    }

    location->conf = conf;
    location->loc_conf = ctx->loc_conf;

    return NGX_CONF_OK;
}
