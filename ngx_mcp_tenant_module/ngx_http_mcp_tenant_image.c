/*
 * The image that a worker uses: the one its master compiled, until the loader
 * publishes a newer one.
 */

#include "ngx_http_mcp_tenant_module.h"


static void ngx_http_mcp_tenant_image_announce(void);
static void ngx_http_mcp_tenant_image_serve(uint64_t generation);
static ngx_int_t ngx_http_mcp_tenant_image_map(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_log_t *log);
static ngx_http_mcp_tenant_image_t *ngx_http_mcp_tenant_image_open(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, uint64_t epoch, uint64_t wanted,
    ngx_log_t *log, const char **reterr_text);


/*
 * Set when a worker starts, never while a configuration is read: a
 * refused configuration would leave them behind in the master.
 */
static ngx_http_mcp_tenant_image_t  *ngx_http_mcp_tenant_image_current;
static ngx_http_mcp_tenant_image_t  *ngx_http_mcp_tenant_image_foreign;
static uint64_t                      ngx_http_mcp_tenant_image_missed;
static ngx_http_mcp_tenant_shctx_t  *ngx_http_mcp_tenant_image_zone;

/* Those whose rows requests may use, the oldest first. */
static ngx_queue_t                   ngx_http_mcp_tenant_images;


ngx_int_t
ngx_http_mcp_tenant_image_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_http_mcp_tenant_image_t  *image;

    ngx_http_mcp_tenant_image_current = NULL;
    ngx_http_mcp_tenant_image_foreign = NULL;
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
    ngx_http_mcp_tenant_image_serve(image->generation);

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


static void
ngx_http_mcp_tenant_image_serve(uint64_t generation)
{
    mcp_process_serve(ngx_http_mcp_tenant_image_zone->processes,
                      ngx_http_mcp_tenant_process, generation);
}


void
ngx_http_mcp_tenant_image_exit_process(void)
{
    if (ngx_http_mcp_tenant_image_foreign) {
        ngx_http_mcp_tenant_image_put(ngx_http_mcp_tenant_image_foreign);
        ngx_http_mcp_tenant_image_foreign = NULL;
    }

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

    if (!image->foreign) {
        ngx_queue_remove(&image->queue);
        ngx_http_mcp_tenant_image_announce();
    }

    if (image->mapped) {
        (void) munmap((void *) image->image, image->size);
    }

    ngx_free(image);
}


void
ngx_http_mcp_tenant_image_follow(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    ngx_http_mcp_tenant_image_t  *image;

    if (ngx_exiting) {
        ngx_http_mcp_tenant_image_serve(MCP_GENERATION_NONE);
        return;
    }

    image = ngx_http_mcp_tenant_image_get(mtmcf, log);

    if (image) {
        ngx_http_mcp_tenant_image_put(image);
    }
}


uint32_t
ngx_http_mcp_tenant_image_server(const mcp_image_t *image,
    const mcp_image_t *of, uint32_t server)
{
    uint32_t                   n;
    mcp_str_t                  id;
    const mcp_image_server_t  *wanted;

    wanted = mcp_image_server(of, server);

    id = mcp_image_text(of, &mcp_image_tenant(of, wanted->tenant)->id);
    n = mcp_image_tenant_find(image, id.data, id.len);

    if (n == MCP_IMAGE_NONE) {
        return n;
    }

    id = mcp_image_text(of, &wanted->id);

    return mcp_image_server_find(image, n, id.data, id.len);
}


/*
 * The image of a newer configuration of NGINX names blocks and locations that
 * this worker does not have: it is good for judging, and for telling where pods
 * are.  Rows that it gives up are not reused while this worker announces an
 * older image.
 */
ngx_http_mcp_tenant_image_t *
ngx_http_mcp_tenant_image_newest(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    uint64_t                      epoch, generation;
    const char                   *error;
    ngx_http_mcp_tenant_image_t  *image;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;
    epoch = sh->epoch;
    generation = sh->generation;

    if (epoch == mtmcf->epoch) {
        return ngx_http_mcp_tenant_image_get(mtmcf, log);
    }

    image = ngx_http_mcp_tenant_image_foreign;

    if (image == NULL || image->generation < generation) {

        /* the new loader writes its first image soon */

        image = ngx_http_mcp_tenant_image_open(mtmcf, epoch, generation, log,
                                               &error);
        if (image == NULL) {
            return NULL;
        }

        image->foreign = 1;

        if (ngx_http_mcp_tenant_image_foreign) {
            ngx_http_mcp_tenant_image_put(ngx_http_mcp_tenant_image_foreign);
        }

        ngx_http_mcp_tenant_image_foreign = image;
    }

    image->refs++;

    return image;
}


static ngx_int_t
ngx_http_mcp_tenant_image_map(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    uint64_t                      wanted;
    const char                   *error;
    ngx_http_mcp_tenant_image_t  *image, *old;

    wanted = ngx_http_mcp_tenant_image_zone->generation;

    image = ngx_http_mcp_tenant_image_open(mtmcf, mtmcf->epoch, wanted, log,
                                           &error);

    if (image) {
        old = ngx_http_mcp_tenant_image_current;

        ngx_http_mcp_tenant_image_current = image;
        ngx_queue_insert_tail(&ngx_http_mcp_tenant_images, &image->queue);

#ifdef MCP_BREAK_RELOAD
        old->refs = 1;
#endif

        ngx_http_mcp_tenant_image_put(old);
        ngx_http_mcp_tenant_image_serve(image->generation);

        return NGX_OK;
    }

    /* said once for a generation, not with every request */

    if (ngx_http_mcp_tenant_image_missed != wanted) {
        ngx_http_mcp_tenant_image_missed = wanted;

        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "\"%V/tenants.img\" cannot be used: %s; requests of "
                      "tenants are refused until it can, since a key may have "
                      "been revoked", &mtmcf->state->name, error);
    }

    return NGX_ERROR;
}


/* One that is not older than wanted, with the reference of the caller. */
static ngx_http_mcp_tenant_image_t *
ngx_http_mcp_tenant_image_open(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    uint64_t epoch, uint64_t wanted, ngx_log_t *log, const char **reterr_text)
{
    size_t                        size;
    const mcp_image_t            *mapped;
    ngx_http_mcp_tenant_image_t  *image;

    mapped = ngx_http_mcp_tenant_state_map(mtmcf, &size, reterr_text);

    if (mapped == NULL) {
        return NULL;
    }

    if (mcp_image_epoch(mapped) != epoch
        || mcp_image_generation(mapped) < wanted)
    {
        (void) munmap((void *) mapped, size);
        *reterr_text = "it is older than what the zone announces";
        return NULL;
    }

    image = ngx_calloc(sizeof(ngx_http_mcp_tenant_image_t), log);
    if (image == NULL) {
        (void) munmap((void *) mapped, size);
        *reterr_text = "there is no memory";
        return NULL;
    }

    image->image = mapped;
    image->size = size;
    image->generation = mcp_image_generation(mapped);
    image->refs = 1;
    image->mapped = 1;

    return image;
}
