/*
 * The image that a worker uses: the one its master compiled, until the loader
 * publishes a newer one.
 */

#include "ngx_http_mcp_tenant_module.h"


static void ngx_http_mcp_tenant_image_announce(void);
static ngx_int_t ngx_http_mcp_tenant_image_map(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_log_t *log);


/*
 * Set when a worker starts, never while a configuration is read: a
 * refused configuration would leave them behind in the master.
 */
static ngx_http_mcp_tenant_image_t  *ngx_http_mcp_tenant_image_current;
static uint64_t                      ngx_http_mcp_tenant_image_missed;
static ngx_http_mcp_tenant_shctx_t  *ngx_http_mcp_tenant_image_zone;

/* Those in use, the oldest first. */
static ngx_queue_t                   ngx_http_mcp_tenant_images;


ngx_int_t
ngx_http_mcp_tenant_image_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_http_mcp_tenant_image_t  *image;

    ngx_http_mcp_tenant_image_current = NULL;
    ngx_http_mcp_tenant_image_missed = 0;
    ngx_http_mcp_tenant_image_zone = mtmcf->shm_zone->data;

    ngx_queue_init(&ngx_http_mcp_tenant_images);

    image = ngx_calloc(sizeof(ngx_http_mcp_tenant_image_t), cycle->log);
    if (image == NULL) {
        return NGX_ERROR;
    }

    image->image = mtmcf->image;
    image->generation = mtmcf->generation;
    image->refs = 1;

    ngx_http_mcp_tenant_image_current = image;
    ngx_queue_insert_tail(&ngx_http_mcp_tenant_images, &image->queue);

    ngx_http_mcp_tenant_image_announce();

    return NGX_OK;
}


/* Rows of the oldest image that a request still uses are not reused. */
static void
ngx_http_mcp_tenant_image_announce(void)
{
    ngx_queue_t                  *q;
    ngx_http_mcp_tenant_image_t  *image;

    if (ngx_queue_empty(&ngx_http_mcp_tenant_images)) {
        return;
    }

    q = ngx_queue_head(&ngx_http_mcp_tenant_images);
    image = ngx_queue_data(q, ngx_http_mcp_tenant_image_t, queue);

    mcp_process_announce(ngx_http_mcp_tenant_image_zone->processes,
                         ngx_http_mcp_tenant_process, image->generation);
}


void
ngx_http_mcp_tenant_image_exit_process(void)
{
    if (ngx_http_mcp_tenant_image_current) {
        ngx_http_mcp_tenant_image_put(ngx_http_mcp_tenant_image_current);
        ngx_http_mcp_tenant_image_current = NULL;
    }
}


ngx_http_mcp_tenant_image_t *
ngx_http_mcp_tenant_image_get(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    ngx_http_mcp_tenant_shctx_t  *sh;

    if (ngx_http_mcp_tenant_image_current == NULL) {
        return NULL;
    }

    sh = mtmcf->shm_zone->data;

    /* a worker that drains after a reload goes on with what it has */

    if (sh->generation > ngx_http_mcp_tenant_image_current->generation
        && sh->epoch == mtmcf->epoch
        && ngx_http_mcp_tenant_image_map(mtmcf, log) != NGX_OK)
    {
        return NULL;
    }

    ngx_http_mcp_tenant_image_current->refs++;

    return ngx_http_mcp_tenant_image_current;
}


void
ngx_http_mcp_tenant_image_put(ngx_http_mcp_tenant_image_t *image)
{
    if (--image->refs) {
        return;
    }

    ngx_queue_remove(&image->queue);
    ngx_http_mcp_tenant_image_announce();

    if (image->mapped) {
        (void) munmap((void *) image->image, image->size);
    }

    ngx_free(image);
}


static ngx_int_t
ngx_http_mcp_tenant_image_map(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    size_t                        size;
    u_char                        path[NGX_MAX_PATH];
    uint64_t                      wanted;
    const char                   *error;
    const mcp_image_t            *mapped;
    ngx_http_mcp_tenant_image_t  *image, *old;

    wanted = ((ngx_http_mcp_tenant_shctx_t *) mtmcf->shm_zone->data)
             ->generation;

    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/tenants.img%Z",
                        &mtmcf->state->name);

    ngx_set_errno(0);

    mapped = mcp_image_map((char *) path, &size, &error);

    if (mapped == NULL) {
        goto failed;
    }

    old = ngx_http_mcp_tenant_image_current;

    if (mcp_image_epoch(mapped) != mtmcf->epoch
        || mcp_image_generation(mapped) < wanted)
    {
        (void) munmap((void *) mapped, size);
        error = "it is older than what the zone announces";
        goto failed;
    }

    image = ngx_calloc(sizeof(ngx_http_mcp_tenant_image_t), log);
    if (image == NULL) {
        (void) munmap((void *) mapped, size);
        return NGX_ERROR;
    }

    image->image = mapped;
    image->size = size;
    image->generation = mcp_image_generation(mapped);
    image->refs = 1;
    image->mapped = 1;

    ngx_http_mcp_tenant_image_current = image;
    ngx_queue_insert_tail(&ngx_http_mcp_tenant_images, &image->queue);

#ifdef MCP_BREAK_RELOAD
    old->refs = 1;
#endif

    ngx_http_mcp_tenant_image_put(old);

    return NGX_OK;

failed:

    /* said once for a generation, not with every request */

    if (ngx_http_mcp_tenant_image_missed != wanted) {
        ngx_http_mcp_tenant_image_missed = wanted;

        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "\"%s\" cannot be used: %s; requests of tenants are "
                      "refused until it can, since a key may have been revoked",
                      path, error);
    }

    return NGX_ERROR;
}
