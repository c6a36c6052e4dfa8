/*
 * Publishing: compiles the next image, writes it, and only then announces it
 * in the zone.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_crash.h"


/* what could not be published is tried with every look, and said once */
#define ngx_http_mcp_tenant_publish_level                                     \
    (ngx_http_mcp_tenant_publish_behind ? (ngx_uint_t) NGX_LOG_DEBUG          \
                                        : (ngx_uint_t) NGX_LOG_ERR)


static ngx_int_t ngx_http_mcp_tenant_publish_compile(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, uint64_t generation,
    void **ret_block, size_t *ret_size);


/* A configuration was taken, but could not be published. */
static ngx_uint_t  ngx_http_mcp_tenant_publish_behind;


ngx_uint_t
ngx_http_mcp_tenant_publish_again(void)
{
    return ngx_http_mcp_tenant_publish_behind;
}


/*
 * The lock and the epoch keep the loader of an older configuration from
 * publishing after that of a newer one.
 */
void
ngx_http_mcp_tenant_publish(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    void                         *block;
    size_t                        size;
    uint64_t                      generation;
    ngx_fd_t                      lock;
    ngx_int_t                     rc;
    ngx_http_mcp_tenant_shctx_t  *sh;

    if (mtmcf->config == NULL) {
        return;
    }

    sh = mtmcf->shm_zone->data;

    lock = ngx_http_mcp_tenant_state_lock(mtmcf,
               ngx_http_mcp_tenant_publish_level, ngx_cycle->log);

    if (lock == NGX_INVALID_FILE) {
        ngx_http_mcp_tenant_publish_behind = 1;
        return;
    }

    rc = NGX_OK;

    if (sh->epoch == mtmcf->epoch) {

        generation = sh->generation + 1;
        rc = ngx_http_mcp_tenant_publish_compile(mtmcf, generation, &block,
                                                &size);

        if (rc == NGX_OK) {
            rc = ngx_http_mcp_tenant_state_write(mtmcf, block, size,
                     ngx_http_mcp_tenant_publish_level, ngx_cycle->log);

            mcp_crash_point("publish-written");

            if (rc != NGX_OK) {
                free(block);
            }
        }

        if (rc == NGX_OK) {
            free(mtmcf->block);
            mtmcf->block = block;
            mtmcf->image = block;

            if (ngx_http_mcp_tenant_publish_behind) {
                ngx_http_mcp_tenant_zone_clear_error(sh);
            }

            ngx_http_mcp_tenant_zone_publish(sh, mtmcf->image, generation);
            mcp_crash_point("publish-announced");

            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "\"%V\" serves as generation %uL: %uz tenants",
                          &mtmcf->config_file, generation,
                          mtmcf->config->ntenants);

        } else if (!ngx_http_mcp_tenant_publish_behind) {
            ngx_http_mcp_tenant_zone_refuse(sh, "the files are good, but could "
                                            "not be published: see the error "
                                            "log");
        }
    }

    (void) ngx_close_file(lock);

    ngx_http_mcp_tenant_publish_behind = rc != NGX_OK;
    mtmcf->unassigned = 0;
}


/* *ret_block is the caller's. */
static ngx_int_t
ngx_http_mcp_tenant_publish_compile(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    uint64_t generation, void **ret_block, size_t *ret_size)
{
    size_t       needed;
    const char  *error;

    if (mcp_image_build(mtmcf->config, &mtmcf->options, mcp_names_addresses,
                        mtmcf->names, mtmcf->pods, mtmcf->epoch, generation,
                        ret_block, ret_size, &error)
        != MCP_OK)
    {
        ngx_log_error(ngx_http_mcp_tenant_publish_level, ngx_cycle->log, 0,
                      "\"%V\" could not be compiled: %s",
                      &mtmcf->config_file, error);
        return NGX_ERROR;
    }

    if (mcp_image_open(*ret_block, *ret_size, &error) == NULL) {
        ngx_log_error(ngx_http_mcp_tenant_publish_level, ngx_cycle->log, 0,
                      "\"%V\" was compiled wrongly: %s",
                      &mtmcf->config_file, error);
        goto failed;
    }

    if (ngx_http_mcp_tenant_zone_check(mtmcf->shm_zone->data,
                                       mtmcf->shm_zone->shm.size, *ret_block,
                                       &needed)
        != NGX_OK)
    {
        ngx_log_error(ngx_http_mcp_tenant_publish_level, ngx_cycle->log, 0,
                      "zone \"%V\" is too small for \"%V\": it has %uz bytes, "
                      "expected at least %uz; what was loaded before goes on",
                      &mtmcf->shm_zone->shm.name, &mtmcf->config_file,
                      mtmcf->shm_zone->shm.size, needed);
        goto failed;
    }

    if (ngx_http_mcp_tenant_zone_assign(mtmcf->shm_zone->data, *ret_block,
                                        mtmcf->epoch, generation)
        == NGX_OK)
    {
        return NGX_OK;
    }

failed:

    free(*ret_block);

    return NGX_ERROR;
}
