/*
 * Where pods are: the file that the sidecar writes, read by the master at
 * start and by the loader when it is replaced.  A file that is broken or
 * missing changes nothing.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_file.h"


/* no stamp of a file */
#define NGX_HTTP_MCP_TENANT_PODS_UNSEEN  UINT64_MAX


static mcp_endpoints_t *ngx_http_mcp_tenant_pods_before(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_pods_taken(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, mcp_endpoints_t *pods);
static void ngx_http_mcp_tenant_pods_warn(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static void ngx_http_mcp_tenant_pods_refuse(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, mcp_report_t *report);


/* Of the loader process alone: the file as it was read, and what was said. */
static uint64_t  ngx_http_mcp_tenant_pods_seen =
    NGX_HTTP_MCP_TENANT_PODS_UNSEEN;
static uint64_t  ngx_http_mcp_tenant_pods_refused;
static uint64_t  ngx_http_mcp_tenant_pods_warned;


ngx_int_t
ngx_http_mcp_tenant_pods_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t         len;
    const char    *line;
    mcp_report_t  *report;

    if (mtmcf->pods_file.len == 0) {
        return NGX_OK;
    }

    report = mcp_report_new();
    if (report == NULL) {
        return NGX_ERROR;
    }

    if (mcp_endpoints_load((char *) mtmcf->pods_file.data, report,
                           &mtmcf->pods)
        != MCP_OK)
    {
        line = mcp_report_lines(report) ? mcp_report_line(report, 0, NULL)
                                        : "there is no memory to read it";
        len = ngx_strlen(line);

        mtmcf->pods = ngx_http_mcp_tenant_pods_before(cf, mtmcf);
        mtmcf->pods_error = ngx_pnalloc(cf->pool, len + 1);

        if (mtmcf->pods_error) {
            ngx_memcpy(mtmcf->pods_error, line, len + 1);
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%s; \"mcp_tenant_endpoints\" goes on with what is "
                      "known", line);
    }

    mcp_report_free(report);

    return mtmcf->pods ? NGX_OK : NGX_ERROR;
}


/*
 * What the NGINX that is running has of the file.  One that starts has
 * nothing: by now, the addresses of before may be those of others.
 */
static mcp_endpoints_t *
ngx_http_mcp_tenant_pods_before(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    size_t              mapped;
    mcp_endpoints_t    *pods;
    const mcp_image_t  *image;

    image = ngx_http_mcp_tenant_load_served(cf, mtmcf, &mapped);

    pods = image && mcp_image_has_pods(image) ? mcp_endpoints_of_image(image)
                                              : mcp_endpoints_new();

    if (mapped) {
        (void) munmap((void *) image, mapped);
    }

    return pods;
}


void
ngx_http_mcp_tenant_pods_adopt(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const mcp_image_t *image)
{
    mcp_endpoints_t  *pods;

    if (mtmcf->pods == NULL || !mcp_image_has_pods(image)) {
        return;
    }

    pods = mcp_endpoints_of_image(image);

    if (pods) {
        mcp_endpoints_free(mtmcf->pods);
        mtmcf->pods = pods;
    }
}


ngx_uint_t
ngx_http_mcp_tenant_pods_look(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    int               rc;
    uint64_t          stamp;
    ngx_uint_t        moved;
    mcp_report_t     *report;
    mcp_endpoints_t  *pods;

    if (mtmcf->pods == NULL) {
        return 0;
    }

    stamp = mcp_file_stamp((char *) mtmcf->pods_file.data);

    if (stamp == ngx_http_mcp_tenant_pods_seen) {
        return 0;
    }

    report = mcp_report_new();
    if (report == NULL) {
        return 0;
    }

    ngx_http_mcp_tenant_pods_seen = stamp;
    moved = 0;

    rc = mcp_endpoints_load((char *) mtmcf->pods_file.data, report, &pods);

    if (rc != MCP_OK) {
        ngx_http_mcp_tenant_pods_refuse(mtmcf, report);

    } else {
        moved = !mcp_endpoints_same(mtmcf->pods, pods);
        ngx_http_mcp_tenant_pods_taken(mtmcf, pods);
    }

    mcp_report_free(report);

    return moved;
}


static void
ngx_http_mcp_tenant_pods_taken(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    mcp_endpoints_t *pods)
{
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    mcp_endpoints_free(mtmcf->pods);
    mtmcf->pods = pods;

    sh->pods_taken = mcp_endpoints_sequence(pods);

    if (sh->pods_error.text[0]) {
        ngx_http_mcp_tenant_zone_tell(&sh->pods_error, "");
    }

    ngx_http_mcp_tenant_pods_refused = 0;
    ngx_http_mcp_tenant_pods_warn(mtmcf);
}


/* Said when it is not what was said before. */
static void
ngx_http_mcp_tenant_pods_warn(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    uint64_t       warned;
    const char    *first;
    mcp_report_t  *report;

    if (mtmcf->config == NULL) {
        return;
    }

    report = mcp_report_new();
    if (report == NULL) {
        return;
    }

    mcp_endpoints_check(mtmcf->pods, (char *) mtmcf->pods_file.data,
                        mtmcf->config, &mtmcf->options, report);

    warned = ngx_http_mcp_tenant_load_refused(report, &first);

    if (warned != ngx_http_mcp_tenant_pods_warned) {
        ngx_http_mcp_tenant_pods_warned = warned;
        ngx_http_mcp_tenant_load_log(NGX_LOG_WARN, ngx_cycle->log, report);
    }

    mcp_report_free(report);
}


static void
ngx_http_mcp_tenant_pods_refuse(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    mcp_report_t *report)
{
    uint64_t                      refused;
    const char                   *first;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;
    refused = ngx_http_mcp_tenant_load_refused(report, &first);

    if (refused == ngx_http_mcp_tenant_pods_refused) {
        return;
    }

    ngx_http_mcp_tenant_pods_refused = refused;

    /* a cold start has said so, and nothing has changed since */

    if (ngx_strcmp(sh->pods_error.text, first) == 0) {
        return;
    }

    ngx_http_mcp_tenant_load_log(NGX_LOG_ERR, ngx_cycle->log, report);
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "\"%V\" is refused; what is known of pods goes on",
                  &mtmcf->pods_file);

    ngx_http_mcp_tenant_zone_tell(&sh->pods_error, first);
}
