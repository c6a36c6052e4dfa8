/*
 * The shared zone: what all processes count together.  Everything is reserved
 * when the zone is made; requests neither allocate in it nor lock it.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <sys/random.h>


#define NGX_HTTP_MCP_TENANT_ALIGNMENT       64

/* the slab allocator's own pages and rounding */
#define ngx_http_mcp_tenant_zone_usable(size)  ((size) / 8 * 7)


typedef struct {
    size_t  processes;
    size_t  tables[MCP_IMAGE_ROWS_KINDS];
    size_t  limits;
    size_t  rows;
    size_t  health;
    size_t  servers;
    size_t  tools;
    size_t  pods;
    size_t  asked;
    size_t  end;
} ngx_http_mcp_tenant_zone_layout_t;


static void ngx_http_mcp_tenant_zone_needs(void *block, uint32_t *ret_needs);
static void ngx_http_mcp_tenant_zone_layout(const uint32_t *rows,
    ngx_http_mcp_tenant_zone_layout_t *layout);
static void ngx_http_mcp_tenant_zone_share(size_t size, const uint32_t *needs,
    uint32_t *ret_rows);
static void ngx_http_mcp_tenant_zone_clear_row(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_clear_limit(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_clear_health(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_clear_server(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_clear_pod(void *data, uint32_t row);
static void ngx_http_mcp_tenant_zone_reclaim(void *data, uint32_t process);
static ngx_int_t ngx_http_mcp_tenant_zone_assign_kind(
    ngx_http_mcp_tenant_shctx_t *sh, void *block, mcp_image_rows_e kind,
    uint64_t generation);


/* What each further tenant is expected to bring. */
static const uint32_t  ngx_http_mcp_tenant_zone_shares[] = {
    [MCP_IMAGE_ROWS_TENANTS] = 1,
    [MCP_IMAGE_ROWS_LIMITS] = 3,
    [MCP_IMAGE_ROWS_ENDPOINTS] = 6,
    [MCP_IMAGE_ROWS_SERVERS] = 4,
    [MCP_IMAGE_ROWS_PODS] = 1
};


const char  *ngx_http_mcp_tenant_zone_words[] = {
    [MCP_IMAGE_ROWS_TENANTS] = "tenants",
    [MCP_IMAGE_ROWS_LIMITS] = "limits",
    [MCP_IMAGE_ROWS_ENDPOINTS] = "endpoints",
    [MCP_IMAGE_ROWS_SERVERS] = "servers",
    [MCP_IMAGE_ROWS_PODS] = "pods"
};


/* Of this process; see mcp_process.h. */
uint32_t  ngx_http_mcp_tenant_process = MCP_PROCESS_NONE;


/*
 * Must leave a zone that is in use as it is: NGINX calls this for a
 * configuration that it may still refuse.
 */
ngx_int_t
ngx_http_mcp_tenant_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    u_char                             *p;
    uint32_t                            needs[MCP_IMAGE_ROWS_KINDS];
    uint32_t                            rows[MCP_IMAGE_ROWS_KINDS];
    ngx_uint_t                          kind;
    ngx_slab_pool_t                    *shpool;
    ngx_atomic_uint_t                   epoch;
    ngx_http_mcp_tenant_shctx_t        *sh;
    ngx_http_mcp_tenant_main_conf_t    *mtmcf;
    ngx_http_mcp_tenant_zone_layout_t   layout;

    mtmcf = shm_zone->data;

    /* here, since the folder is there, and the configuration can be refused */

    if (ngx_http_mcp_tenant_state_own(mtmcf, shm_zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (data) {
        shm_zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        shm_zone->data = shpool->data;
        return NGX_OK;
    }

    ngx_http_mcp_tenant_zone_needs(mtmcf->block, needs);
    ngx_http_mcp_tenant_zone_share(shm_zone->shm.size, needs, rows);
    ngx_http_mcp_tenant_zone_layout(rows, &layout);

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

    if (mcp_session_keys_random(&sh->session_keys) != MCP_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "no randomness for keys of sessions");
        return NGX_ERROR;
    }

    p = ngx_align_ptr(p, NGX_HTTP_MCP_TENANT_ALIGNMENT);

    if (mcp_processes_init(p + layout.processes, &sh->processes) != MCP_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, ngx_errno,
                      "this system has no robust process-shared mutexes");
        return NGX_ERROR;
    }

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
        sh->tables[kind] = mcp_rows_init(p + layout.tables[kind], rows[kind]);
    }

    sh->limits = mcp_limits_init(p + layout.limits,
                                 rows[MCP_IMAGE_ROWS_LIMITS], sh->processes);

    sh->pods = mcp_limits_init(p + layout.pods, rows[MCP_IMAGE_ROWS_PODS],
                               sh->processes);

    sh->asked = (ngx_atomic_t *) (p + layout.asked);
    sh->rows = (ngx_http_mcp_tenant_row_t *) (p + layout.rows);
    sh->health = (ngx_http_mcp_tenant_health_t *) (p + layout.health);
    sh->servers = (ngx_http_mcp_tenant_server_row_t *) (p + layout.servers);
    sh->tools = (ngx_http_mcp_tenant_tool_row_t *) (p + layout.tools);

    shpool->data = sh;
    shm_zone->data = sh;

    return NGX_OK;
}


/* block may be NULL: NGINX asked for a zone before it knows what for. */
static void
ngx_http_mcp_tenant_zone_needs(void *block, uint32_t *ret_needs)
{
    ngx_uint_t  kind;

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
        ret_needs[kind] = block ? mcp_image_rows(block, kind, NULL) : 0;
    }
}


static void
ngx_http_mcp_tenant_zone_layout(const uint32_t *rows,
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
                                       mcp_rows_size(rows[kind]));
    }

    ngx_http_mcp_tenant_zone_place(limits,
        mcp_limits_size(rows[MCP_IMAGE_ROWS_LIMITS]));
    ngx_http_mcp_tenant_zone_place(rows,
        rows[MCP_IMAGE_ROWS_TENANTS] * sizeof(ngx_http_mcp_tenant_row_t));
    ngx_http_mcp_tenant_zone_place(health,
        rows[MCP_IMAGE_ROWS_ENDPOINTS] * sizeof(ngx_http_mcp_tenant_health_t));
    ngx_http_mcp_tenant_zone_place(servers,
        rows[MCP_IMAGE_ROWS_SERVERS]
        * sizeof(ngx_http_mcp_tenant_server_row_t));
    ngx_http_mcp_tenant_zone_place(tools,
        rows[MCP_IMAGE_ROWS_LIMITS] * sizeof(ngx_http_mcp_tenant_tool_row_t));
    ngx_http_mcp_tenant_zone_place(pods,
        mcp_limits_size(rows[MCP_IMAGE_ROWS_PODS]));
    ngx_http_mcp_tenant_zone_place(asked,
        rows[MCP_IMAGE_ROWS_PODS] * sizeof(ngx_atomic_t));

    layout->end = at;
}


/* What is needed, and the rest shared out for as many tenants as it goes. */
static void
ngx_http_mcp_tenant_zone_share(size_t size, const uint32_t *needs,
    uint32_t *ret_rows)
{
    uint32_t                           low, high, n;
    ngx_uint_t                         kind;
    ngx_http_mcp_tenant_zone_layout_t  layout;

    low = 0;
    high = 1 << 24;
    n = 0;

    for ( ;; ) {

        for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
            ret_rows[kind] = needs[kind]
                             + n * ngx_http_mcp_tenant_zone_shares[kind];
        }

        if (high - low <= 1 && n == low) {
            return;
        }

        ngx_http_mcp_tenant_zone_layout(ret_rows, &layout);

        if (layout.end <= ngx_http_mcp_tenant_zone_usable(size)) {
            low = n;

        } else if (n) {
            high = n;

        } else {
            return;
        }

        n = high - low > 1 ? low + (high - low) / 2 : low;
    }
}


ngx_int_t
ngx_http_mcp_tenant_zone_check(ngx_http_mcp_tenant_shctx_t *sh, size_t size,
    void *block, size_t *ret_size)
{
    uint32_t                           needs[MCP_IMAGE_ROWS_KINDS];
    ngx_uint_t                         kind;
    ngx_http_mcp_tenant_zone_layout_t  layout;

    ngx_http_mcp_tenant_zone_needs(block, needs);
    ngx_http_mcp_tenant_zone_layout(needs, &layout);

    *ret_size = ngx_align(layout.end / 7 * 8 + 8 * 64, 4 * ngx_pagesize);

    if (sh == NULL) {
        return layout.end <= ngx_http_mcp_tenant_zone_usable(size)
               ? NGX_OK : NGX_DECLINED;
    }

    /* the rows of a zone were shared out when it was made */

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {

        if (needs[kind] > mcp_rows_capacity(sh->tables[kind])) {
            *ret_size = ngx_max(*ret_size, size + 4 * ngx_pagesize);
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
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
        [MCP_IMAGE_ROWS_ENDPOINTS] = ngx_http_mcp_tenant_zone_clear_health,
        [MCP_IMAGE_ROWS_SERVERS] = ngx_http_mcp_tenant_zone_clear_server,
        [MCP_IMAGE_ROWS_PODS] = ngx_http_mcp_tenant_zone_clear_pod
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
    ngx_memzero((void *) &sh->tools[row],
                sizeof(ngx_http_mcp_tenant_tool_row_t));
}


static void
ngx_http_mcp_tenant_zone_clear_health(void *data, uint32_t row)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    ngx_memzero((void *) &sh->health[row],
                sizeof(ngx_http_mcp_tenant_health_t));
}


static void
ngx_http_mcp_tenant_zone_clear_server(void *data, uint32_t row)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    ngx_memzero((void *) &sh->servers[row],
                sizeof(ngx_http_mcp_tenant_server_row_t));
}


static void
ngx_http_mcp_tenant_zone_clear_pod(void *data, uint32_t row)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    mcp_limit_clear(sh->pods, row);
    sh->asked[row] = 0;
}


/* What a dead process counted. */
static void
ngx_http_mcp_tenant_zone_reclaim(void *data, uint32_t process)
{
    ngx_http_mcp_tenant_shctx_t *sh = data;

    mcp_limits_reclaim(sh->limits, process);
    mcp_limits_reclaim(sh->pods, process);
}


void
ngx_http_mcp_tenant_zone_publish(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image, uint64_t generation)
{
    ngx_http_mcp_tenant_digest_t  *digest;

    digest = &sh->digests[generation % NGX_HTTP_MCP_TENANT_DIGESTS];

    digest->generation = 0;
    ngx_memory_barrier();
    ngx_memcpy(digest->bytes, mcp_image_digest(image),
               NGX_HTTP_MCP_TENANT_DIGEST_BYTES);
    digest->sequence = mcp_image_sequence(image);
    ngx_memory_barrier();
    digest->generation = generation;

    sh->last_success = ngx_time();
    ngx_memory_barrier();
    sh->generation = generation;
}


ngx_int_t
ngx_http_mcp_tenant_zone_digest(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t generation, u_char *ret_digest)
{
    ngx_http_mcp_tenant_digest_t  *digest;

    digest = &sh->digests[generation % NGX_HTTP_MCP_TENANT_DIGESTS];

    if (digest->generation != generation) {
        return NGX_DECLINED;
    }

    ngx_memory_barrier();
    ngx_memcpy(ret_digest, digest->bytes, NGX_HTTP_MCP_TENANT_DIGEST_BYTES);
    ngx_memory_barrier();

    return digest->generation == generation ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_mcp_tenant_zone_sequence(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t *ret_sequence)
{
    uint64_t                       generation;
    ngx_http_mcp_tenant_digest_t  *digest;

    generation = mcp_processes_serving(sh->processes);

    digest = &sh->digests[generation % NGX_HTTP_MCP_TENANT_DIGESTS];

    if (generation == 0 || digest->generation != generation) {
        return NGX_DECLINED;
    }

    ngx_memory_barrier();
    *ret_sequence = digest->sequence;
    ngx_memory_barrier();

    return digest->generation == generation ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_mcp_tenant_zone_refuse(ngx_http_mcp_tenant_shctx_t *sh,
    const char *error)
{
    sh->last_failure = ngx_time();

    ngx_http_mcp_tenant_zone_tell(&sh->error, error);
}


void
ngx_http_mcp_tenant_zone_tell(ngx_http_mcp_tenant_error_t *error,
    const char *text)
{
    error->stamp |= 1;
    ngx_memory_barrier();
    (void) ngx_cpystrn(error->text, (u_char *) text,
                       NGX_HTTP_MCP_TENANT_ERROR_BYTES);
    ngx_memory_barrier();
    error->stamp++;
}


void
ngx_http_mcp_tenant_zone_clear_error(ngx_http_mcp_tenant_shctx_t *sh)
{
    sh->error.text[0] = '\0';
}


void
ngx_http_mcp_tenant_zone_error(ngx_http_mcp_tenant_error_t *error,
    u_char *ret_text)
{
    ngx_uint_t         tries;
    ngx_atomic_uint_t  stamp;

    /* a loader that died while it wrote leaves the stamp odd: cut, but told */

    for (tries = 0; tries < 10; tries++) {

        stamp = error->stamp;
        ngx_memory_barrier();
        (void) ngx_cpystrn(ret_text, error->text,
                           NGX_HTTP_MCP_TENANT_ERROR_BYTES);
        ngx_memory_barrier();

        if (!(stamp & 1) && stamp == error->stamp) {
            return;
        }
    }
}


void
ngx_http_mcp_tenant_zone_ask(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_server_t *server)
{
    ngx_atomic_t  *asked;

    if (server->pod >= mcp_rows_capacity(sh->tables[MCP_IMAGE_ROWS_PODS])) {
        return;
    }

    asked = &sh->asked[server->pod];

    /* workers do not take the line from each other with every request */

    if (*asked == 0 || ngx_current_msec - (ngx_msec_t) *asked >= 500) {
        *asked = ngx_current_msec | 1;
    }
}


uint64_t
ngx_http_mcp_tenant_zone_pod(ngx_http_mcp_tenant_shctx_t *sh, uint32_t row)
{
    return row < mcp_rows_capacity(sh->tables[MCP_IMAGE_ROWS_PODS])
           ? mcp_limit_in_use(sh->pods, row) : 0;
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
    if (mcp_process_attach(sh->processes, ngx_http_mcp_tenant_zone_reclaim, sh,
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
                           ngx_http_mcp_tenant_zone_reclaim, sh);

    if (n) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "gave back what %uD dead process%s held", n,
                      n == 1 ? "" : "es");
    }
}
