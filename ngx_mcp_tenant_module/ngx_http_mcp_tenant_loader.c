/*
 * The loader: a helper process that NGINX starts for the state folder.  It
 * notices changed files, resolves the names of MCP servers again and again, and
 * publishes what comes of it.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_watch.h"


/* Between looks at the files, with and without word from the system. */
#define NGX_HTTP_MCP_TENANT_POLL_WATCHED_MS  1000
#define NGX_HTTP_MCP_TENANT_POLL_MS          250

/* One change comes with several events, and often beside another. */
#define NGX_HTTP_MCP_TENANT_EVENT_MS         10

/* A change that was only found must have come to rest; but not for ever. */
#define NGX_HTTP_MCP_TENANT_SETTLE_MS        50
#define NGX_HTTP_MCP_TENANT_SETTLE_TRIES     40

/* Files that are refused are read again, though not all the time. */
#define NGX_HTTP_MCP_TENANT_REFUSED_COST     10

/* How often in a row a change may cut short the round over all names. */
#define NGX_HTTP_MCP_TENANT_STOPS            1
#define NGX_HTTP_MCP_TENANT_STOPS_PODS       20

/* for a round over n names */
#define ngx_http_mcp_tenant_resolve_ms(n)  ngx_min(1000 + (n) / 4, 5000)


static ngx_msec_t ngx_http_mcp_tenant_loader_manager(void *data);
static void ngx_http_mcp_tenant_loader_start(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_loader_adopt(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_loader_watch(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_loader_watch_files(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_loader_event(ngx_event_t *ev);
static void ngx_http_mcp_tenant_loader_timer(ngx_event_t *ev);
static void ngx_http_mcp_tenant_loader_soon(ngx_msec_t ms);
static void ngx_http_mcp_tenant_loader_look(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static ngx_uint_t ngx_http_mcp_tenant_loader_due(uint64_t stamp);
static ngx_int_t ngx_http_mcp_tenant_loader_reload(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, uint64_t stamp);
static void ngx_http_mcp_tenant_loader_refuse(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, mcp_report_t *report);
static ngx_uint_t ngx_http_mcp_tenant_loader_resolve(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static uint64_t ngx_http_mcp_tenant_loader_stamp(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static uint64_t ngx_http_mcp_tenant_loader_mix(uint64_t hash, uint64_t n);


/* Of the loader process alone. */

static mcp_watch_t  *ngx_http_mcp_tenant_loader_watched;
static ngx_event_t   ngx_http_mcp_tenant_loader_wake;
static ngx_uint_t    ngx_http_mcp_tenant_loader_told;

/* Of the files as they were taken, and as they were last found. */
static uint64_t      ngx_http_mcp_tenant_loader_seen;
static uint64_t      ngx_http_mcp_tenant_loader_found;
static ngx_uint_t    ngx_http_mcp_tenant_loader_unsettled;
static ngx_msec_t    ngx_http_mcp_tenant_loader_retry;

static ngx_msec_t    ngx_http_mcp_tenant_loader_resolved;
static ngx_uint_t    ngx_http_mcp_tenant_loader_asked;
static ngx_uint_t    ngx_http_mcp_tenant_loader_stopped;


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

    ngx_msec_t                    poll;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    /* its only children are those that resolve names, which it waits for */

    (void) signal(SIGCHLD, SIG_DFL);

    if (ngx_http_mcp_tenant_loader_wake.handler == NULL) {
        ngx_http_mcp_tenant_loader_start(mtmcf);
    }

    ngx_http_mcp_tenant_zone_reap(sh, ngx_cycle->log);
    ngx_http_mcp_tenant_loader_look(mtmcf);

    poll = sh->watches ? NGX_HTTP_MCP_TENANT_POLL_WATCHED_MS
                       : NGX_HTTP_MCP_TENANT_POLL_MS;

    return ngx_min(poll, mtmcf->resolve_interval);
}


static void
ngx_http_mcp_tenant_loader_start(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    static ngx_connection_t  dummy;

    dummy.fd = (ngx_socket_t) -1;
    dummy.data = mtmcf;

    ngx_http_mcp_tenant_loader_wake.handler = ngx_http_mcp_tenant_loader_timer;
    ngx_http_mcp_tenant_loader_wake.log = ngx_cycle->log;
    ngx_http_mcp_tenant_loader_wake.data = &dummy;

    ngx_http_mcp_tenant_loader_adopt(mtmcf);
    ngx_http_mcp_tenant_loader_watch(mtmcf);
}


/*
 * The image on disk is what draining workers judge by and what the next start
 * falls back on, so the first one of a configuration is written, too.  The
 * one that another loader of this configuration left is where we go on.
 */
static void
ngx_http_mcp_tenant_loader_adopt(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    void                         *block;
    size_t                        size;
    ngx_fd_t                      lock;
    const char                   *error;
    const mcp_image_t            *image;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    lock = ngx_http_mcp_tenant_state_lock(mtmcf, NGX_LOG_WARN,
                                          ngx_cycle->log);
    if (lock == NGX_INVALID_FILE) {
        return;
    }

    if (sh->epoch == mtmcf->epoch && sh->generation == mtmcf->generation
        && !mtmcf->unassigned)
    {
        (void) ngx_http_mcp_tenant_state_write(mtmcf, mtmcf->block,
                                               mcp_image_size(mtmcf->image),
                                               NGX_LOG_WARN, ngx_cycle->log);
    }

    (void) ngx_close_file(lock);

    if (sh->generation == mtmcf->generation) {
        return;
    }

    image = ngx_http_mcp_tenant_state_map(mtmcf, &size, &error);
    if (image == NULL) {
        return;
    }

    block = ngx_alloc(size, ngx_cycle->log);

    if (block && mcp_image_epoch(image) == mtmcf->epoch) {
        ngx_memcpy(block, image, size);

        free(mtmcf->block);
        mtmcf->block = block;
        mtmcf->image = block;
        block = NULL;

        ngx_http_mcp_tenant_pods_adopt(mtmcf, mtmcf->image);

        /* what NGINX started with is not published after what is served */

        if (mtmcf->config
            && ngx_memcmp(mcp_image_digest(mtmcf->image),
                          mtmcf->config->digest,
                          sizeof(mtmcf->config->digest))
               != 0)
        {
            mcp_config_free(mtmcf->config);
            mtmcf->config = NULL;
        }
    }

    ngx_free(block);
    (void) munmap((void *) image, size);
}


/* Without it, looking from time to time has to do. */
static void
ngx_http_mcp_tenant_loader_watch(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_connection_t  *c;

    ngx_http_mcp_tenant_loader_watched = mcp_watch_new();

    if (ngx_http_mcp_tenant_loader_watched == NULL) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                      "changes of files are not told by the system");
        return;
    }

    c = ngx_get_connection(
            mcp_watch_fd(ngx_http_mcp_tenant_loader_watched), ngx_cycle->log);

    if (c == NULL) {
        goto failed;
    }

    c->data = mtmcf;
    c->read->handler = ngx_http_mcp_tenant_loader_event;
    c->read->log = ngx_cycle->log;

    if (ngx_add_event(c->read, NGX_READ_EVENT,
                      (ngx_event_flags & NGX_USE_CLEAR_EVENT)
                      ? NGX_CLEAR_EVENT : NGX_LEVEL_EVENT)
        != NGX_OK)
    {
        c->fd = (ngx_socket_t) -1;
        ngx_free_connection(c);
        goto failed;
    }

    ngx_http_mcp_tenant_loader_watch_files(mtmcf);
    return;

failed:

    mcp_watch_free(ngx_http_mcp_tenant_loader_watched);
    ngx_http_mcp_tenant_loader_watched = NULL;
}


static void
ngx_http_mcp_tenant_loader_watch_files(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    int                           rc;
    size_t                        n;
    ngx_uint_t                    watches;
    const char                   *file, **files;
    ngx_http_mcp_tenant_shctx_t  *sh;

    if (ngx_http_mcp_tenant_loader_watched == NULL) {
        return;
    }

    sh = mtmcf->shm_zone->data;

    file = (char *) mtmcf->config_file.data;
    n = mtmcf->config ? mtmcf->config->nfiles : 1;

    files = ngx_alloc((n + 1) * sizeof(char *), ngx_cycle->log);
    if (files == NULL) {
        return;
    }

    ngx_memcpy(files, mtmcf->config ? mtmcf->config->files : &file,
               n * sizeof(char *));

    if (mtmcf->pods) {
        files[n++] = (char *) mtmcf->pods_file.data;
    }

    rc = mcp_watch_files(ngx_http_mcp_tenant_loader_watched, files, n);
    watches = rc == MCP_OK;

    if (sh->watches && !watches) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                      "changes of some files are not told by the system");
    }

    sh->watches = watches;
    ngx_free(files);
}


static void
ngx_http_mcp_tenant_loader_event(ngx_event_t *ev)
{
    if (mcp_watch_read(ngx_http_mcp_tenant_loader_watched)) {
        ngx_http_mcp_tenant_loader_told = 1;
        ngx_http_mcp_tenant_loader_soon(NGX_HTTP_MCP_TENANT_EVENT_MS);
    }
}


static void
ngx_http_mcp_tenant_loader_soon(ngx_msec_t ms)
{
    if (!ngx_http_mcp_tenant_loader_wake.timer_set) {
        ngx_add_timer(&ngx_http_mcp_tenant_loader_wake, ms);
    }
}


static void
ngx_http_mcp_tenant_loader_timer(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_mcp_tenant_loader_look(c->data);
}


static void
ngx_http_mcp_tenant_loader_look(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    uint64_t                      stamp;
    ngx_uint_t                    due, fresh, moved;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    /* without its master it would write into the folder of the next one */

    if (getppid() != ngx_parent) {

        if (!ngx_quit) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "the master process is gone, exiting");
        }

        ngx_quit = 1;
        return;
    }

    /* a newer configuration of NGINX has a loader of its own */

    if (sh->epoch != mtmcf->epoch) {
        return;
    }

    sh->looked = ngx_time();

    /*
     * The first look reads the files again: they may have changed between the
     * master's look and this process.
     */

    stamp = ngx_http_mcp_tenant_loader_stamp(mtmcf);
    due = ngx_http_mcp_tenant_loader_due(stamp)
          || (mtmcf->refused
              && (ngx_msec_int_t) (ngx_current_msec
                                   - ngx_http_mcp_tenant_loader_retry) >= 0);

    fresh = due && ngx_http_mcp_tenant_loader_reload(mtmcf, stamp) == NGX_OK;
    moved = ngx_http_mcp_tenant_pods_look(mtmcf);

    if (moved) {
        ngx_http_mcp_tenant_loader_watch_files(mtmcf);
    }

    /* before names are asked for: a key may have been revoked */

    if (fresh || moved || ngx_http_mcp_tenant_publish_again()
        || mtmcf->unassigned)
    {
        ngx_http_mcp_tenant_publish(mtmcf);
    }

    if (fresh) {
        ngx_http_mcp_tenant_loader_asked = 0;
    }

    if (mtmcf->config
        && (!ngx_http_mcp_tenant_loader_asked
            || ngx_current_msec - ngx_http_mcp_tenant_loader_resolved
               >= mtmcf->resolve_interval)
        && ngx_http_mcp_tenant_loader_resolve(mtmcf))
    {
        ngx_http_mcp_tenant_publish(mtmcf);
    }
}


/*
 * Whether the files have changed, and are whole.  What the system told of was
 * closed; what was found while it told nothing may still be written.
 */
static ngx_uint_t
ngx_http_mcp_tenant_loader_due(uint64_t stamp)
{
    ngx_uint_t  told;

    told = ngx_http_mcp_tenant_loader_told;
    ngx_http_mcp_tenant_loader_told = 0;

    if (stamp == ngx_http_mcp_tenant_loader_seen) {
        ngx_http_mcp_tenant_loader_unsettled = 0;
        return 0;
    }

    if (!told && stamp != ngx_http_mcp_tenant_loader_found
        && ngx_http_mcp_tenant_loader_unsettled++
           < NGX_HTTP_MCP_TENANT_SETTLE_TRIES)
    {
        ngx_http_mcp_tenant_loader_found = stamp;
        ngx_http_mcp_tenant_loader_soon(NGX_HTTP_MCP_TENANT_SETTLE_MS);
        return 0;
    }

    return 1;
}


/* NGX_OK when there is something new to publish. */
static ngx_int_t
ngx_http_mcp_tenant_loader_reload(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    uint64_t stamp)
{
    int                           rc;
    ngx_int_t                     taken;
    ngx_msec_t                    start;
    mcp_config_t                 *config;
    mcp_report_t                 *report;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    report = mcp_report_new();
    if (report == NULL) {
        return NGX_ERROR;
    }

    ngx_time_update();
    start = ngx_current_msec;

    rc = ngx_http_mcp_tenant_load_read(mtmcf, mtmcf->image, report, &config);

    ngx_time_update();
    ngx_http_mcp_tenant_loader_retry = ngx_current_msec
        + NGX_HTTP_MCP_TENANT_REFUSED_COST * (ngx_current_msec - start);

    /* from before the files were read; other files are read once more */

    ngx_http_mcp_tenant_loader_unsettled = 0;
    ngx_http_mcp_tenant_loader_seen = stamp;
    taken = NGX_DECLINED;

    if (rc != MCP_OK) {
        ngx_http_mcp_tenant_loader_refuse(mtmcf, report);

    } else if (mtmcf->config
               && ngx_memcmp(config->digest, mtmcf->config->digest,
                             sizeof(config->digest))
                  == 0)
    {
        mtmcf->refused = 0;
        ngx_http_mcp_tenant_zone_clear_error(sh);
        mcp_config_free(config);

    } else if (mcp_names_set(mtmcf->names, config, mtmcf->pods == NULL)
               != MCP_OK)
    {
        mcp_config_free(config);

    } else {
        mtmcf->refused = 0;
        ngx_http_mcp_tenant_zone_clear_error(sh);
        ngx_http_mcp_tenant_load_log(NGX_LOG_ERR, ngx_cycle->log, report);

        mcp_config_free(mtmcf->config);
        mtmcf->config = config;
        taken = NGX_OK;
    }

    mcp_report_free(report);
    ngx_http_mcp_tenant_loader_watch_files(mtmcf);

    return taken;
}


/* Says what is wrong once, not with every look at the same mistakes. */
static void
ngx_http_mcp_tenant_loader_refuse(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    mcp_report_t *report)
{
    uint64_t     refused;
    const char  *first;

    refused = ngx_http_mcp_tenant_load_refused(report, &first);

    if (refused == mtmcf->refused) {
        return;
    }

    mtmcf->refused = refused;

    ngx_http_mcp_tenant_load_log(NGX_LOG_ERR, ngx_cycle->log, report);
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "\"%V\" is refused; what was loaded before goes on",
                  &mtmcf->config_file);

    ngx_http_mcp_tenant_zone_refuse(mtmcf->shm_zone->data, first);
}


/* Whether an address is another.  A change of files ends the round early. */
static ngx_uint_t
ngx_http_mcp_tenant_loader_resolve(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    int                           stop;
    bool                          changed, stopped;
    size_t                        n;
    const char                   *name, *error;
    ngx_http_mcp_tenant_shctx_t  *sh;

    /*
     * But not without an end: each name gets its turn.  Pods come and go in
     * numbers, and nobody waits for them longer than for a name.
     */

    stop = -1;

    if (ngx_http_mcp_tenant_loader_watched
        && ngx_http_mcp_tenant_loader_stopped
           < (mtmcf->pods ? NGX_HTTP_MCP_TENANT_STOPS_PODS
                          : NGX_HTTP_MCP_TENANT_STOPS))
    {
        stop = mcp_watch_fd(ngx_http_mcp_tenant_loader_watched);
    }

    if (mcp_names_resolve(mtmcf->names,
            ngx_http_mcp_tenant_resolve_ms(mcp_names_count(mtmcf->names)),
            stop, &changed, &stopped)
        != MCP_OK)
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

    ngx_time_update();
    ngx_http_mcp_tenant_loader_resolved = ngx_current_msec;
    ngx_http_mcp_tenant_loader_asked = !stopped;
    ngx_http_mcp_tenant_loader_stopped =
                           stopped ? ngx_http_mcp_tenant_loader_stopped + 1 : 0;

    sh = mtmcf->shm_zone->data;
    sh->unresolved = mcp_names_unresolved(mtmcf->names);

    return changed;
}


/* A number that changes when a file was replaced, written or removed. */
static uint64_t
ngx_http_mcp_tenant_loader_stamp(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t               n, i, nfiles;
    uint64_t             stamp, parts[5];
    const char          *file;
    const char *const   *files;
    struct stat          sb;

    file = (char *) mtmcf->config_file.data;
    files = mtmcf->config ? mtmcf->config->files : &file;
    nfiles = mtmcf->config ? mtmcf->config->nfiles : 1;
    stamp = 0;

    for (n = 0; n < nfiles; n++) {

        if (stat(files[n], &sb) == -1) {
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
