/*
 * The shared zone: what all processes count together.  Everything is reserved
 * when the zone is made; requests neither allocate in it nor lock it.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <sys/random.h>


/* What room is made for beside the row of one tenant. */
#define NGX_HTTP_MCP_TENANT_LIMITS_PER_ROW  3
#define NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW  6

#define NGX_HTTP_MCP_TENANT_REAP_MS         250
#define NGX_HTTP_MCP_TENANT_ALIGNMENT       64

/* the slab allocator's own pages and rounding */
#define ngx_http_mcp_tenant_zone_usable(size)  ((size) / 8 * 7)


typedef struct {
    size_t  processes;
    size_t  tables[MCP_IMAGE_ROWS_KINDS];
    size_t  limits;
    size_t  rows;
    size_t  health;
    size_t  end;
} ngx_http_mcp_tenant_zone_layout_t;


static void ngx_http_mcp_tenant_zone_layout(uint32_t n,
    ngx_http_mcp_tenant_zone_layout_t *layout);
static uint32_t ngx_http_mcp_tenant_zone_rows(size_t size);
static uint32_t ngx_http_mcp_tenant_zone_capacity(mcp_image_rows_e kind,
    uint32_t n);
static void ngx_http_mcp_tenant_zone_clear_row(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_clear_limit(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_clear_health(void *data, uint32_t row);
static ngx_int_t ngx_http_mcp_tenant_zone_assign_kind(
    ngx_http_mcp_tenant_shctx_t *sh, void *block, mcp_image_rows_e kind,
    uint64_t generation);
static void ngx_http_mcp_tenant_zone_timer(ngx_event_t *ev);


/* Of this process; see mcp_process.h. */
uint32_t  ngx_http_mcp_tenant_process = MCP_PROCESS_NONE;

static ngx_event_t       ngx_http_mcp_tenant_zone_event;
static ngx_connection_t  ngx_http_mcp_tenant_zone_connection;


/*
 * Must leave a zone that is in use as it is: NGINX calls this for a
 * configuration that it may still refuse.
 */
ngx_int_t
ngx_http_mcp_tenant_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    u_char                             *p;
    uint32_t                            n;
    ngx_uint_t                          kind;
    ngx_slab_pool_t                    *shpool;
    ngx_atomic_uint_t                   epoch;
    ngx_http_mcp_tenant_shctx_t        *sh;
    ngx_http_mcp_tenant_zone_layout_t   layout;

    if (data) {
        shm_zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        shm_zone->data = shpool->data;
        return NGX_OK;
    }

    n = ngx_http_mcp_tenant_zone_rows(shm_zone->shm.size);
    ngx_http_mcp_tenant_zone_layout(n, &layout);

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_mcp_tenant_shctx_t));
    p = ngx_slab_calloc(shpool, layout.end + NGX_HTTP_MCP_TENANT_ALIGNMENT);

    if (sh == NULL || p == NULL) {
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

    p = ngx_align_ptr(p, NGX_HTTP_MCP_TENANT_ALIGNMENT);

    if (mcp_processes_init(p + layout.processes, &sh->processes) != MCP_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, ngx_errno,
                      "this system has no robust process-shared mutexes");
        return NGX_ERROR;
    }

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
        sh->tables[kind] = mcp_rows_init(p + layout.tables[kind],
                               ngx_http_mcp_tenant_zone_capacity(kind, n));
    }

    sh->limits = mcp_limits_init(p + layout.limits,
                     ngx_http_mcp_tenant_zone_capacity(MCP_IMAGE_ROWS_LIMITS,
                                                       n),
                     sh->processes);

    sh->rows = (ngx_http_mcp_tenant_row_t *) (p + layout.rows);
    sh->health = (ngx_http_mcp_tenant_health_t *) (p + layout.health);

    shpool->data = sh;
    shm_zone->data = sh;

    return NGX_OK;
}


static void
ngx_http_mcp_tenant_zone_layout(uint32_t n,
    ngx_http_mcp_tenant_zone_layout_t *layout)
{
    size_t      at;
    ngx_uint_t  kind;

#define ngx_http_mcp_tenant_zone_place(field, size)                           \
    layout->field = at;                                                       \
    at += ngx_align(size, NGX_HTTP_MCP_TENANT_ALIGNMENT)

    at = 0;

    ngx_http_mcp_tenant_zone_place(processes, mcp_processes_size());

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
        ngx_http_mcp_tenant_zone_place(tables[kind],
            mcp_rows_size(ngx_http_mcp_tenant_zone_capacity(kind, n)));
    }

    ngx_http_mcp_tenant_zone_place(limits,
        mcp_limits_size(ngx_http_mcp_tenant_zone_capacity(
                                              MCP_IMAGE_ROWS_LIMITS, n)));
    ngx_http_mcp_tenant_zone_place(rows,
        n * sizeof(ngx_http_mcp_tenant_row_t));
    ngx_http_mcp_tenant_zone_place(health,
        ngx_http_mcp_tenant_zone_capacity(MCP_IMAGE_ROWS_ENDPOINTS, n)
        * sizeof(ngx_http_mcp_tenant_health_t));

    layout->end = at;
}


/* Rows of tenants that a zone of size has room for. */
static uint32_t
ngx_http_mcp_tenant_zone_rows(size_t size)
{
    uint32_t                           low, high, middle;
    ngx_http_mcp_tenant_zone_layout_t  layout;

    low = 0;
    high = 1 << 24;

    while (high - low > 1) {

        middle = low + (high - low) / 2;
        ngx_http_mcp_tenant_zone_layout(middle, &layout);

        if (layout.end <= ngx_http_mcp_tenant_zone_usable(size)) {
            low = middle;

        } else {
            high = middle;
        }
    }

    return low;
}


static uint32_t
ngx_http_mcp_tenant_zone_capacity(mcp_image_rows_e kind, uint32_t n)
{
    switch (kind) {

    case MCP_IMAGE_ROWS_LIMITS:
        return n * NGX_HTTP_MCP_TENANT_LIMITS_PER_ROW;

    case MCP_IMAGE_ROWS_ENDPOINTS:
        return n * NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW;

    default:
        return n;
    }
}


ngx_int_t
ngx_http_mcp_tenant_zone_check(size_t size, void *block, size_t *ret_size)
{
    uint32_t                           n, rows;
    ngx_uint_t                         kind;
    ngx_http_mcp_tenant_zone_layout_t  layout;

    n = 1;

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {

        rows = mcp_image_rows(block, kind, NULL);

        while (ngx_http_mcp_tenant_zone_capacity(kind, n) < rows) {
            n += ngx_max(1, (rows - ngx_http_mcp_tenant_zone_capacity(kind, n))
                            / NGX_HTTP_MCP_TENANT_HEALTH_PER_ROW);
        }
    }

    ngx_http_mcp_tenant_zone_layout(n, &layout);

    *ret_size = ngx_align(layout.end / 7 * 8 + 64, 4 * ngx_pagesize);

    return n <= ngx_http_mcp_tenant_zone_rows(size) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_mcp_tenant_zone_assign(ngx_http_mcp_tenant_shctx_t *sh, void *block,
    uint64_t epoch, uint64_t generation)
{
    ngx_uint_t  kind;

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
        if (ngx_http_mcp_tenant_zone_assign_kind(sh, block, kind, generation)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    mcp_image_seal(block, epoch, generation);

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_zone_assign_kind(ngx_http_mcp_tenant_shctx_t *sh,
    void *block, mcp_image_rows_e kind, uint64_t generation)
{
    int        rc;
    size_t     n, missing;
    uint32_t  *rows;
    uint64_t  *identities;

    static void  (*clear[])(void *data, uint32_t row) = {
        [MCP_IMAGE_ROWS_TENANTS] = ngx_http_mcp_tenant_zone_clear_row,
        [MCP_IMAGE_ROWS_LIMITS] = ngx_http_mcp_tenant_zone_clear_limit,
        [MCP_IMAGE_ROWS_ENDPOINTS] = ngx_http_mcp_tenant_zone_clear_health
    };

    n = mcp_image_rows(block, kind, NULL);

    identities = ngx_alloc((n + 1) * sizeof(uint64_t), ngx_cycle->log);
    rows = ngx_alloc((n + 1) * sizeof(uint32_t), ngx_cycle->log);

    rc = MCP_ERROR;
    missing = 0;

    if (identities && rows) {

        (void) mcp_image_rows(block, kind, identities);

        rc = mcp_rows_assign(sh->tables[kind], identities, n, generation,
                             ngx_min(mcp_processes_oldest(sh->processes),
                                     sh->generation),
                             clear[kind], sh, rows, &missing);
    }

    if (rc == MCP_OK) {
        mcp_image_rows_set(block, kind, rows);

    } else if (missing) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "the zone has %uz rows too few while older workers use "
                      "those of removed tenants", missing);
    }

    ngx_free(identities);
    ngx_free(rows);

    return rc == MCP_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_mcp_tenant_zone_clear_row(void *data, uint32_t row)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    ngx_memzero((void *) &sh->rows[row], sizeof(ngx_http_mcp_tenant_row_t));
}


static void
ngx_http_mcp_tenant_zone_clear_limit(void *data, uint32_t row)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    mcp_limit_clear(sh->limits, row);
}


static void
ngx_http_mcp_tenant_zone_clear_health(void *data, uint32_t row)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    ngx_memzero((void *) &sh->health[row],
                sizeof(ngx_http_mcp_tenant_health_t));
}


uint32_t
ngx_http_mcp_tenant_zone_nhealth(ngx_http_mcp_tenant_shctx_t *sh)
{
    return mcp_rows_capacity(sh->tables[MCP_IMAGE_ROWS_ENDPOINTS]);
}


ngx_int_t
ngx_http_mcp_tenant_zone_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_shctx_t *sh)
{
    ngx_event_t  *ev;

    if (mcp_process_attach(sh->processes, mcp_limits_reclaim, sh->limits,
                           &ngx_http_mcp_tenant_process)
        != MCP_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "the zone's table of processes cannot be used");
        return NGX_ERROR;
    }

    if (ngx_http_mcp_tenant_process >= MCP_PROCESS_OVERFLOW) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "%d processes use the zone; this one counts in a row "
                      "shared with others until it ends", MCP_PROCESSES_MAX);
    }

    ev = &ngx_http_mcp_tenant_zone_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ngx_http_mcp_tenant_zone_connection.fd = (ngx_socket_t) -1;

    ev->handler = ngx_http_mcp_tenant_zone_timer;
    ev->log = cycle->log;
    ev->data = &ngx_http_mcp_tenant_zone_connection;

    /* an idle worker that shuts down must not wait for it */

    ev->cancelable = 1;

    ngx_http_mcp_tenant_zone_connection.data = sh;

    ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_REAP_MS);

    return NGX_OK;
}


void
ngx_http_mcp_tenant_zone_exit_process(ngx_http_mcp_tenant_shctx_t *sh)
{
    mcp_process_detach(sh->processes, ngx_http_mcp_tenant_process);
    ngx_http_mcp_tenant_process = MCP_PROCESS_NONE;
}


void
ngx_http_mcp_tenant_zone_reap(ngx_http_mcp_tenant_shctx_t *sh, ngx_log_t *log)
{
    uint32_t  n;

    n = mcp_processes_reap(sh->processes, ngx_http_mcp_tenant_process,
                           mcp_limits_reclaim, sh->limits);

    if (n) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "gave back what %uD dead process%s held", n,
                      n == 1 ? "" : "es");
    }
}


static void
ngx_http_mcp_tenant_zone_timer(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_mcp_tenant_zone_reap(c->data, ev->log);

    ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_REAP_MS);
}
