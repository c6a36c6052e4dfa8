/*
 * Loading the files of tenants while NGINX reads its configuration, and what
 * the loader shares of that.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_shrink.h"


/* What the first image may wait for; the loader goes on asking. */
#define NGX_HTTP_MCP_TENANT_RESOLVE_AT_START_MS  300


static const char *ngx_http_mcp_tenant_load_env(void *data, const char *name);
static ngx_int_t ngx_http_mcp_tenant_load_options(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_uint_t ngx_http_mcp_tenant_load_again(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_int_t ngx_http_mcp_tenant_load_refuse(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf, mcp_report_t *report);
static void ngx_http_mcp_tenant_load_readable(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_load_try(mcp_config_t *config,
    ngx_core_conf_t *ccf, int out);
static ngx_int_t ngx_http_mcp_tenant_load_compile(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_int_t ngx_http_mcp_tenant_load_fit(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_int_t ngx_http_mcp_tenant_load_check_blocks(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_load_learn(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_load_cleanup(void *data);


/*
 * The environment as NGINX gives it to its processes: only what "env"
 * declares, so that the loader, whose environment was cleared, reads the same.
 */
static const char *
ngx_http_mcp_tenant_load_env(void *data, const char *name)
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
ngx_http_mcp_tenant_load_options(ngx_conf_t *cf,
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
    options->env = ngx_http_mcp_tenant_load_env;
    options->env_data = cf->cycle;

    return NGX_OK;
}


void
ngx_http_mcp_tenant_load_log(ngx_uint_t level, ngx_log_t *log,
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
ngx_http_mcp_tenant_load(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t               mapped;
    ngx_int_t            rc;
    mcp_report_t        *report;
    const mcp_image_t   *served;
    ngx_pool_cleanup_t  *cln;

    /* "nginx -s reload" only signals; the master reads the files itself */

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mcp_tenant_load_cleanup;
    cln->data = mtmcf;

    if (ngx_http_mcp_tenant_load_check_blocks(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_load_options(cf, mtmcf) != NGX_OK
        || ngx_http_mcp_tenant_pods_init(cf, mtmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    report = mcp_report_new();
    if (report == NULL) {
        return NGX_ERROR;
    }

    mapped = 0;
    served = NULL;

    if (ngx_http_mcp_tenant_load_again(cf, mtmcf)) {
        served = ngx_http_mcp_tenant_load_served(cf, mtmcf, &mapped);
    }

    rc = ngx_http_mcp_tenant_load_read(mtmcf, served, report, &mtmcf->config);

    if (mapped) {
        (void) munmap((void *) served, mapped);
    }

    if (rc != MCP_OK) {
        rc = ngx_http_mcp_tenant_load_refuse(cf, mtmcf, report);
        mcp_report_free(report);

        return rc == NGX_OK ? ngx_http_mcp_tenant_load_fit(cf, mtmcf) : rc;
    }

    ngx_http_mcp_tenant_load_log(NGX_LOG_EMERG, cf->log, report);
    mcp_report_free(report);

    ngx_http_mcp_tenant_load_readable(cf, mtmcf);

    if (ngx_http_mcp_tenant_load_compile(cf, mtmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_tenant_load_fit(cf, mtmcf);
}


/* Whether a running NGINX is told to read the file that it has read before. */
static ngx_uint_t
ngx_http_mcp_tenant_load_again(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_http_mcp_tenant_main_conf_t  *old;

    if (mtmcf->old_zone == NULL) {
        return 0;
    }

    old = ngx_http_cycle_get_module_main_conf(cf->cycle->old_cycle,
                                              ngx_http_mcp_tenant_module);

    return old && old->config_file.len == mtmcf->config_file.len
           && ngx_memcmp(old->config_file.data, mtmcf->config_file.data,
                         old->config_file.len)
              == 0;
}


/*
 * Until the loader has written its first image, there is none in the state
 * folder, or that of an NGINX that ended: then it is what the master compiled.
 */
const mcp_image_t *
ngx_http_mcp_tenant_load_served(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf, size_t *ret_mapped)
{
    const char                       *error;
    const mcp_image_t                *image;
    ngx_http_mcp_tenant_main_conf_t  *old;

    *ret_mapped = 0;

    if (mtmcf->old_zone == NULL) {
        return NULL;
    }

    image = ngx_http_mcp_tenant_state_map(mtmcf, ret_mapped, &error);

    if (image && mcp_image_epoch(image) == mtmcf->old_zone->epoch) {
        return image;
    }

    if (image) {
        (void) munmap((void *) image, *ret_mapped);
    }

    *ret_mapped = 0;

    old = ngx_http_cycle_get_module_main_conf(cf->cycle->old_cycle,
                                              ngx_http_mcp_tenant_module);

    return old ? old->image : NULL;
}


int
ngx_http_mcp_tenant_load_read(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const mcp_image_t *served, mcp_report_t *report, mcp_config_t **ret_config)
{
    mcp_config_t  *config;

    if (mcp_config_load((char *) mtmcf->config_file.data, &mtmcf->options,
                        report, &config)
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    if (served
        && mcp_shrink_check(config, served, mtmcf->allow_shrink != 0, report)
           != MCP_OK)
    {
        mcp_config_free(config);
        return MCP_ERROR;
    }

    *ret_config = config;

    return MCP_OK;
}


/* With "fallback", the last good image serves in place of the files. */
static ngx_int_t
ngx_http_mcp_tenant_load_refuse(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf, mcp_report_t *report)
{
    size_t              size;
    u_char             *error;
    ngx_uint_t          level;
    const char         *first, *why;
    const mcp_image_t  *image;

    if (!mtmcf->fallback) {
        ngx_http_mcp_tenant_load_log(NGX_LOG_EMERG, cf->log, report);
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_tenant_config\" refuses \"%V\"",
                      &mtmcf->config_file);
        return NGX_ERROR;
    }

    level = ngx_test_config ? NGX_LOG_WARN : NGX_LOG_ALERT;
    ngx_http_mcp_tenant_load_log(level, cf->log, report);

    image = ngx_http_mcp_tenant_state_map(mtmcf, &size, &why);

    if (image == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "\"mcp_tenant_config\" refuses \"%V\", and there is no "
                      "good image of it in \"%V\" to fall back on: %s",
                      &mtmcf->config_file, &mtmcf->state->name, why);
        return NGX_ERROR;
    }

    mtmcf->block = ngx_alloc(size, cf->log);
    mtmcf->names = mcp_names_new();
    mtmcf->refused = ngx_http_mcp_tenant_load_refused(report, &first);

    error = ngx_pnalloc(cf->pool, ngx_strlen(first) + 1);

    if (mtmcf->block == NULL || mtmcf->names == NULL || error == NULL) {
        (void) munmap((void *) image, size);
        return NGX_ERROR;
    }

    (void) ngx_cpymem(error, first, ngx_strlen(first) + 1);
    mtmcf->error = error;

    ngx_memcpy(mtmcf->block, image, size);
    (void) munmap((void *) image, size);

    mtmcf->image = mcp_image_open(mtmcf->block, size, &why);

    if (ngx_test_config) {
        ngx_http_mcp_tenant_load_fell_back(mtmcf, level, cf->log);
    }

    return NGX_OK;
}


void
ngx_http_mcp_tenant_load_fell_back(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_uint_t level, ngx_log_t *log)
{
    ngx_log_error(level, log, 0,
                  "\"%V\" is refused: %s; its last good image, with %uD "
                  "tenants, serves until the file is mended",
                  &mtmcf->config_file, mtmcf->error,
                  mcp_image_ntenants(mtmcf->image));
}


uint64_t
ngx_http_mcp_tenant_load_refused(mcp_report_t *report, const char **ret_first)
{
    size_t               n;
    uint64_t             hash;
    const char          *p, *line;
    mcp_report_level_e   finding;

    hash = 1;
    *ret_first = "";

    for (n = 0; n < mcp_report_lines(report); n++) {

        line = mcp_report_line(report, n, &finding);

        if (finding == MCP_REPORT_ERROR && **ret_first == '\0') {
            *ret_first = line;
        }

        for (p = line; *p; p++) {
            hash = (hash ^ (u_char) *p) * 0x9e3779b97f4a7c15ull;
            hash ^= hash >> 29;
        }
    }

    return hash ? hash : 1;
}


/*
 * The loader will read the files as the user of the workers.  A child tries it
 * beforehand: what that user may read depends on folders, groups and access
 * lists that only the system puts together.
 */
static void
ngx_http_mcp_tenant_load_readable(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    int               fd[2];
    size_t            n;
    ngx_pid_t         pid;
    ngx_core_conf_t  *ccf;

    if (geteuid() != 0 || pipe(fd) == -1) {
        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    pid = fork();

    if (pid == 0) {
        ngx_http_mcp_tenant_load_try(mtmcf->config, ccf, fd[1]);
        _exit(0);
    }

    (void) close(fd[1]);

    while (pid != -1 && read(fd[0], &n, sizeof(size_t)) == sizeof(size_t)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"%s\" cannot be read by the user \"%s\" of the "
                      "workers: changes of the files will be refused",
                      mtmcf->config->files[n],
                      ccf->username ? ccf->username : NGX_USER);
    }

    (void) close(fd[0]);

    if (pid != -1) {
        (void) waitpid(pid, NULL, 0);
    }
}


/* Writes the numbers of the files that cannot be read. */
static void
ngx_http_mcp_tenant_load_try(mcp_config_t *config, ngx_core_conf_t *ccf,
    int out)
{
    int             fd;
    uid_t           user;
    gid_t           group;
    size_t          n;
    const char     *name;
    struct group   *gr;
    struct passwd  *pw;

    name = ccf->username;
    user = ccf->user;
    group = ccf->group;

    if (name == NULL) {

        /* "user" is not there, or not there yet */

        name = NGX_USER;
        pw = getpwnam(name);
        gr = getgrnam(NGX_GROUP);

        if (pw == NULL || gr == NULL) {
            return;
        }

        user = pw->pw_uid;
        group = gr->gr_gid;
    }

    if (setgid(group) == -1 || initgroups(name, group) == -1
        || setuid(user) == -1)
    {
        return;
    }

    for (n = 0; n < config->nfiles; n++) {

        fd = open(config->files[n], O_RDONLY|O_NONBLOCK);

        if (fd != -1) {
            (void) close(fd);

        } else if (ngx_errno == NGX_EACCES
                   && write(out, &n, sizeof(size_t)) == -1)
        {
            return;
        }
    }
}


static ngx_int_t
ngx_http_mcp_tenant_load_compile(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    bool         changed, stopped;
    size_t       size;
    const char  *error;

    mtmcf->names = mcp_names_new();

    if (mtmcf->names == NULL
        || mcp_names_set(mtmcf->names, mtmcf->config, mtmcf->pods == NULL)
           != MCP_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_tenant_load_learn(mtmcf);

    if (!ngx_test_config
        && mcp_names_resolve(mtmcf->names,
                             NGX_HTTP_MCP_TENANT_RESOLVE_AT_START_MS, -1,
                             &changed, &stopped)
           != MCP_OK)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, ngx_errno,
                      "names of MCP servers were not resolved at start");
    }

    if (mcp_image_build(mtmcf->config, &mtmcf->options, mcp_names_addresses,
                        mtmcf->names, mtmcf->pods, 0, 0, &mtmcf->block, &size,
                        &error)
        != MCP_OK
        || (mtmcf->image = mcp_image_open(mtmcf->block, size, &error)) == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" could not be compiled: %s",
                      &mtmcf->config_file, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Whether nginx.conf has what the image needs. */
static ngx_int_t
ngx_http_mcp_tenant_load_fit(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t    size;
    uint32_t  n;

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
ngx_http_mcp_tenant_load_check_blocks(ngx_conf_t *cf,
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
ngx_http_mcp_tenant_load_learn(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t              size;
    const char         *error;
    const mcp_image_t  *image;

    image = ngx_http_mcp_tenant_state_map(mtmcf, &size, &error);

    if (image) {
        mcp_names_learn(mtmcf->names, image);
        (void) munmap((void *) image, size);
    }
}


static void
ngx_http_mcp_tenant_load_cleanup(void *data)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = data;

    mcp_config_free(mtmcf->config);
    mcp_names_free(mtmcf->names);
    mcp_endpoints_free(mtmcf->pods);
    free(mtmcf->block);
    ngx_http_mcp_tenant_state_disown(mtmcf);
}
