/*
 * The shared zone: what all workers count together.  Everything is reserved
 * when the zone is made; requests neither allocate in it nor lock it.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <sys/random.h>


#define NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW  4

#define ngx_http_mcp_tenant_zone_row_bytes                                    \
    (sizeof(ngx_http_mcp_tenant_row_t)                                        \
     + NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW                                     \
       * sizeof(ngx_http_mcp_tenant_health_t))

/* the slab allocator's own pages and rounding */
#define ngx_http_mcp_tenant_zone_usable(size)  ((size) / 8 * 7)

/* entries of an open-addressed table that may be in use */
#define ngx_http_mcp_tenant_zone_fill(n)  ((n) / 4 * 3)


static ngx_uint_t ngx_http_mcp_tenant_zone_rows(size_t size);
static void *ngx_http_mcp_tenant_zone_find(void *table, size_t size,
    ngx_uint_t n, uint64_t identity);


/*
 * Must leave a zone that is in use as it is: NGINX calls this for a
 * configuration that it may still refuse.
 */
ngx_int_t
ngx_http_mcp_tenant_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    size_t                        n;
    ngx_slab_pool_t              *shpool;
    ngx_atomic_uint_t             epoch;
    ngx_http_mcp_tenant_shctx_t  *sh;

    if (data) {
        shm_zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        shm_zone->data = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_mcp_tenant_shctx_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    /*
     * Epochs start anywhere, so that an image which another NGINX left in the
     * same state folder is never taken for one of ours.
     */

    if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch)) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, ngx_errno,
                      "getrandom() failed");
        return NGX_ERROR;
    }

    sh->epoch = epoch / 2;

    n = ngx_http_mcp_tenant_zone_rows(shm_zone->shm.size);

    sh->nrows = n;
    sh->nhealth = n * NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW;

    sh->rows = ngx_slab_calloc(shpool, n * ngx_http_mcp_tenant_zone_row_bytes);
    if (sh->rows == NULL) {
        return NGX_ERROR;
    }

    sh->health = (ngx_http_mcp_tenant_health_t *) &sh->rows[n];

    shpool->data = sh;
    shm_zone->data = sh;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mcp_tenant_zone_rows(size_t size)
{
    ngx_uint_t  n;

    n = 1;

    while (2 * n * ngx_http_mcp_tenant_zone_row_bytes
           <= ngx_http_mcp_tenant_zone_usable(size))
    {
        n *= 2;
    }

    return n;
}


ngx_int_t
ngx_http_mcp_tenant_zone_check(size_t size, const mcp_image_t *image,
    size_t *ret_size)
{
    ngx_uint_t  n;

    n = 4;

    while (ngx_http_mcp_tenant_zone_fill(n) < mcp_image_ntenants(image)
           || ngx_http_mcp_tenant_zone_fill(n
                                        * NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW)
              < mcp_image_nendpoints(image))
    {
        n *= 2;
    }

    *ret_size = ngx_align(n * ngx_http_mcp_tenant_zone_row_bytes / 7 * 8 + 64,
                          8 * ngx_pagesize);

    return n <= ngx_http_mcp_tenant_zone_rows(size) ? NGX_OK : NGX_DECLINED;
}


ngx_http_mcp_tenant_row_t *
ngx_http_mcp_tenant_zone_row(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t identity)
{
    return ngx_http_mcp_tenant_zone_find(sh->rows,
                                         sizeof(ngx_http_mcp_tenant_row_t),
                                         sh->nrows, identity);
}


ngx_http_mcp_tenant_health_t *
ngx_http_mcp_tenant_zone_health(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t identity)
{
    return ngx_http_mcp_tenant_zone_find(sh->health,
                                         sizeof(ngx_http_mcp_tenant_health_t),
                                         sh->nhealth, identity);
}


/*
 * Entries of both tables start with their identity, and an identity once set
 * stays, so that a compare-and-swap is all the order that is needed.
 */
static void *
ngx_http_mcp_tenant_zone_find(void *table, size_t size, ngx_uint_t n,
    uint64_t identity)
{
    ngx_uint_t     i, tries;
    ngx_atomic_t  *entry;

    i = identity & (n - 1);

    for (tries = 0; tries < n; tries++) {

        entry = (ngx_atomic_t *) ((u_char *) table + i * size);

        if (*entry == 0
            && ngx_atomic_cmp_set(entry, 0, (ngx_atomic_uint_t) identity))
        {
            return (void *) entry;
        }

        if (*entry == (ngx_atomic_uint_t) identity) {
            return (void *) entry;
        }

        i = (i + 1) & (n - 1);
    }

    return NULL;
}
