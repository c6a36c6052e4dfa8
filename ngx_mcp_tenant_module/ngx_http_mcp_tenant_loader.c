/*
 * The loader: a helper process that NGINX starts for the state folder.  It
 * resolves the names of MCP servers again and again, notices changed files,
 * compiles the next image, writes it and only then announces it in the zone.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <sys/file.h>


#define NGX_HTTP_MCP_TENANT_POLL_MS         500

/* for a changed configuration, which must not wait for a dead name server */
#define NGX_HTTP_MCP_TENANT_RESOLVE_NEW_MS  300

/* for a round over n names */
#define ngx_http_mcp_tenant_resolve_ms(n)  ngx_min(1000 + (n) / 4, 5000)


/* what could not be published is tried with every poll, and said once */
#define ngx_http_mcp_tenant_loader_level                                      \
    (ngx_http_mcp_tenant_loader_behind ? (ngx_uint_t) NGX_LOG_DEBUG           \
                                       : (ngx_uint_t) NGX_LOG_ERR)


static ngx_msec_t ngx_http_mcp_tenant_loader_manager(void *data);
static void ngx_http_mcp_tenant_loader_reload(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_uint_t *reloaded);
static void ngx_http_mcp_tenant_loader_resolve(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_msec_t timeout,
    ngx_uint_t *changed);
static void ngx_http_mcp_tenant_loader_refuse(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, mcp_report_t *report);
static uint64_t ngx_http_mcp_tenant_loader_stamp(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static uint64_t ngx_http_mcp_tenant_loader_mix(uint64_t hash, uint64_t n);
static ngx_int_t ngx_http_mcp_tenant_loader_publish(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_int_t ngx_http_mcp_tenant_loader_write(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, uint64_t generation);


/* Of the loader process alone. */
static uint64_t    ngx_http_mcp_tenant_loader_seen;
static uint64_t    ngx_http_mcp_tenant_loader_refused;
static ngx_msec_t  ngx_http_mcp_tenant_loader_resolved;
static ngx_uint_t  ngx_http_mcp_tenant_loader_started;

/* A configuration was taken, but could not be published. */
static ngx_uint_t  ngx_http_mcp_tenant_loader_behind;


ngx_int_t
ngx_http_mcp_tenant_loader_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    mtmcf->state->manager = ngx_http_mcp_tenant_loader_manager;
    mtmcf->state->data = mtmcf;
    mtmcf->state->conf_file = cf->conf_file->file.name.data;
    mtmcf->state->line = 0;

    return NGX_OK;
}


/* Returns the milliseconds until the next call. */
static ngx_msec_t
ngx_http_mcp_tenant_loader_manager(void *data)
{
    ngx_http_mcp_tenant_main_conf_t *mtmcf = data;

    uint64_t                      stamp;
    ngx_uint_t                    changed, reloaded;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    /* its only children are those that resolve names, which it waits for */

    (void) signal(SIGCHLD, SIG_DFL);

    /* a newer configuration of NGINX has a loader of its own */

    if (sh->epoch != mtmcf->epoch) {
        return mtmcf->resolve_interval;
    }

    ngx_http_mcp_tenant_zone_reap(sh, ngx_cycle->log);

    changed = ngx_http_mcp_tenant_loader_behind || mtmcf->unassigned;
    reloaded = 0;

    /*
     * The first call reads the files again: they may have changed between the
     * master's look and this process.
     */

    stamp = ngx_http_mcp_tenant_loader_stamp(mtmcf);

    /* what cures a refused configuration may be a file that no one read yet */

    if (stamp != ngx_http_mcp_tenant_loader_seen
        || ngx_http_mcp_tenant_loader_refused)
    {
        ngx_http_mcp_tenant_loader_seen = stamp;
        ngx_http_mcp_tenant_loader_reload(mtmcf, &reloaded);
    }

    if (reloaded) {
        changed = 1;
        ngx_http_mcp_tenant_loader_resolve(mtmcf,
                                           NGX_HTTP_MCP_TENANT_RESOLVE_NEW_MS,
                                           &changed);
        ngx_http_mcp_tenant_loader_started = 0;

    } else if (!ngx_http_mcp_tenant_loader_started
               || ngx_current_msec - ngx_http_mcp_tenant_loader_resolved
                  >= mtmcf->resolve_interval)
    {
        ngx_http_mcp_tenant_loader_resolve(mtmcf,
            ngx_http_mcp_tenant_resolve_ms(mcp_names_count(mtmcf->names)),
            &changed);
        ngx_http_mcp_tenant_loader_started = 1;
    }

    if (changed) {
        ngx_http_mcp_tenant_loader_behind =
            ngx_http_mcp_tenant_loader_publish(mtmcf) != NGX_OK;
        mtmcf->unassigned = 0;
    }

    return ngx_min(NGX_HTTP_MCP_TENANT_POLL_MS, mtmcf->resolve_interval);
}


static void
ngx_http_mcp_tenant_loader_reload(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_uint_t *reloaded)
{
    mcp_report_t  *report;
    mcp_config_t  *config;

    report = mcp_report_new();
    if (report == NULL) {
        return;
    }

    if (mcp_config_load((char *) mtmcf->config_file.data, &mtmcf->options,
                        report, &config)
        != MCP_OK)
    {
        ngx_http_mcp_tenant_loader_refuse(mtmcf, report);
        mcp_report_free(report);
        return;
    }

    ngx_http_mcp_tenant_loader_refused = 0;

    if (ngx_memcmp(config->digest, mtmcf->config->digest,
                   sizeof(config->digest))
        == 0)
    {
        mcp_config_free(config);
        mcp_report_free(report);
        return;
    }

    ngx_http_mcp_tenant_conf_log(NGX_LOG_ERR, ngx_cycle->log, report);
    mcp_report_free(report);

    if (mcp_names_set(mtmcf->names, config) != MCP_OK) {
        mcp_config_free(config);
        return;
    }

    mcp_config_free(mtmcf->config);
    mtmcf->config = config;

    *reloaded = 1;
}


/* Says what is wrong once, not with every look at the same mistakes. */
static void
ngx_http_mcp_tenant_loader_refuse(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    mcp_report_t *report)
{
    size_t                        n;
    uint64_t                      hash;
    const char                   *p;
    ngx_http_mcp_tenant_shctx_t  *sh;

    hash = 1;

    for (n = 0; n < mcp_report_lines(report); n++) {
        for (p = mcp_report_line(report, n, NULL); *p; p++) {
            hash = ngx_http_mcp_tenant_loader_mix(hash, (u_char) *p);
        }
    }

    if (hash == ngx_http_mcp_tenant_loader_refused) {
        return;
    }

    ngx_http_mcp_tenant_loader_refused = hash ? hash : 1;

    ngx_http_mcp_tenant_conf_log(NGX_LOG_ERR, ngx_cycle->log, report);
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "\"%V\" is refused; what was loaded before goes on",
                  &mtmcf->config_file);

    sh = mtmcf->shm_zone->data;
    sh->last_failure = ngx_time();
}


static void
ngx_http_mcp_tenant_loader_resolve(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_msec_t timeout, ngx_uint_t *changed)
{
    bool                          moved;
    size_t                        n;
    const char                   *name, *error;
    ngx_http_mcp_tenant_shctx_t  *sh;

    moved = false;

    if (mcp_names_resolve(mtmcf->names, timeout, &moved) != MCP_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "names of MCP servers could not be resolved");
    }

    for (n = 0;
         (name = mcp_names_newly_failed(mtmcf->names, n, &error)) != NULL;
         n++)
    {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "name \"%s\" of an MCP server was not resolved: %s; "
                      "addresses known before stay in use", name, error);
    }

    if (moved) {
        *changed = 1;
    }

    ngx_time_update();
    ngx_http_mcp_tenant_loader_resolved = ngx_current_msec;

    sh = mtmcf->shm_zone->data;
    sh->unresolved = mcp_names_unresolved(mtmcf->names);
}


/* A number that changes when a file was replaced, written or removed. */
static uint64_t
ngx_http_mcp_tenant_loader_stamp(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t       n, i;
    uint64_t     stamp, parts[5];
    struct stat  sb;

    stamp = 0;

    for (n = 0; n < mtmcf->config->nfiles; n++) {

        if (stat(mtmcf->config->files[n], &sb) == -1) {
            ngx_memzero(&sb, sizeof(struct stat));
        }

        parts[0] = sb.st_ino;
        parts[1] = sb.st_size;
        parts[2] = sb.st_mtim.tv_sec;
        parts[3] = sb.st_mtim.tv_nsec;
        parts[4] = sb.st_ctim.tv_nsec;

        for (i = 0; i < 5; i++) {
            stamp = ngx_http_mcp_tenant_loader_mix(stamp, parts[i]);
        }
    }

    return stamp;
}


static uint64_t
ngx_http_mcp_tenant_loader_mix(uint64_t hash, uint64_t n)
{
    hash = (hash ^ n) * 0x9e3779b97f4a7c15ull;

    return hash ^ (hash >> 29);
}


/*
 * The lock and the epoch keep the loader of an older configuration from
 * publishing after that of a newer one.
 */
static ngx_int_t
ngx_http_mcp_tenant_loader_publish(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    u_char                        path[NGX_MAX_PATH];
    uint64_t                      generation;
    ngx_fd_t                      fd;
    ngx_int_t                     rc;
    ngx_http_mcp_tenant_shctx_t  *sh;

    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/lock%Z",
                        &mtmcf->state->name);

    fd = open((char *) path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (fd == NGX_INVALID_FILE || flock(fd, LOCK_EX) == -1) {
        ngx_log_error(ngx_http_mcp_tenant_loader_level, ngx_cycle->log,
                      ngx_errno,
                      "\"%s\" cannot be locked; what was loaded before goes on",
                      path);

        if (fd != NGX_INVALID_FILE) {
            (void) ngx_close_file(fd);
        }

        return NGX_ERROR;
    }

    sh = mtmcf->shm_zone->data;
    rc = NGX_OK;

    if (sh->epoch == mtmcf->epoch) {

        generation = sh->generation + 1;
        rc = ngx_http_mcp_tenant_loader_write(mtmcf, generation);

        if (rc == NGX_OK) {
            sh->last_success = ngx_time();
            ngx_memory_barrier();
            sh->generation = generation;

            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "\"%V\" serves as generation %uL: %uz tenants",
                          &mtmcf->config_file, generation,
                          mtmcf->config->ntenants);

        } else {
            sh->last_failure = ngx_time();
        }
    }

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_int_t
ngx_http_mcp_tenant_loader_write(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    uint64_t generation)
{
    void               *block;
    size_t              size, needed;
    u_char              path[NGX_MAX_PATH];
    ngx_int_t           rc;
    const char         *error;
    const mcp_image_t  *image;

    if (mcp_image_build(mtmcf->config, &mtmcf->options, mcp_names_addresses,
                        mtmcf->names, mtmcf->epoch, generation, &block, &size,
                        &error)
        != MCP_OK)
    {
        ngx_log_error(ngx_http_mcp_tenant_loader_level, ngx_cycle->log, 0,
                      "\"%V\" could not be compiled: %s",
                      &mtmcf->config_file, error);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    image = mcp_image_open(block, size, &error);

    if (image == NULL) {
        ngx_log_error(ngx_http_mcp_tenant_loader_level, ngx_cycle->log, 0,
                      "\"%V\" was compiled wrongly: %s",
                      &mtmcf->config_file, error);
        goto done;
    }

    if (ngx_http_mcp_tenant_zone_check(mtmcf->shm_zone->data,
                                       mtmcf->shm_zone->shm.size, block,
                                       &needed)
        != NGX_OK)
    {
        ngx_log_error(ngx_http_mcp_tenant_loader_level, ngx_cycle->log, 0,
                      "zone \"%V\" is too small for \"%V\": it has %uz bytes, "
                      "expected at least %uz; what was loaded before goes on",
                      &mtmcf->shm_zone->shm.name, &mtmcf->config_file,
                      mtmcf->shm_zone->shm.size, needed);
        goto done;
    }

    if (ngx_http_mcp_tenant_zone_assign(mtmcf->shm_zone->data, block,
                                        mtmcf->epoch, generation)
        != NGX_OK)
    {
        goto done;
    }

    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/tenants.img%Z",
                        &mtmcf->state->name);

    if (mcp_image_write((char *) path, block, size) != MCP_OK) {
        ngx_log_error(ngx_http_mcp_tenant_loader_level, ngx_cycle->log,
                      ngx_errno,
                      "\"%s\" cannot be written; what was loaded before goes "
                      "on", path);
        goto done;
    }

    rc = NGX_OK;

done:

    free(block);

    return rc;
}
