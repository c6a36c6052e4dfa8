/*
 * The shared zone: what lies in it, and what is done with it as a whole.
 */

#ifndef _NGX_HTTP_MCP_TENANT_ZONE_H_INCLUDED_
#define _NGX_HTTP_MCP_TENANT_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/mcp_image.h"
#include "core/mcp_limit.h"
#include "core/mcp_reason.h"
#include "core/mcp_rows.h"
#include "core/mcp_rpc.h"
#include "core/mcp_session.h"


/* as much of a message as the zone keeps, and for how many images a digest */
#define NGX_HTTP_MCP_TENANT_ERROR_BYTES        512
#define NGX_HTTP_MCP_TENANT_DIGESTS            16
#define NGX_HTTP_MCP_TENANT_DIGEST_BYTES       32

/* what requests are counted by, the last duration being the longest */
#define NGX_HTTP_MCP_TENANT_DENIED             0
#define NGX_HTTP_MCP_TENANT_ALLOWED            1
#define NGX_HTTP_MCP_TENANT_OUTCOMES           2
#define NGX_HTTP_MCP_TENANT_DURATIONS          11
#define NGX_HTTP_MCP_TENANT_ERAS               2
#define NGX_HTTP_MCP_TENANT_ANSWERS            3


typedef struct {
    ngx_atomic_t                     durations[NGX_HTTP_MCP_TENANT_DURATIONS];
    ngx_atomic_t                     duration_ms;
    ngx_atomic_t                     received;
    ngx_atomic_t                     sent;
    ngx_atomic_t                     requests[NGX_HTTP_MCP_TENANT_OUTCOMES]
                                             [MCP_REASON_COUNT];
} ngx_http_mcp_tenant_row_t;


/* the most numerous rows: a counter that wraps is a counter that was reset */

typedef struct {
    _Atomic uint32_t                 requests[NGX_HTTP_MCP_TENANT_OUTCOMES]
                                             [MCP_RPC_LABELS];
    _Atomic uint32_t                 eras[NGX_HTTP_MCP_TENANT_ERAS];
    _Atomic uint32_t                 answers[NGX_HTTP_MCP_TENANT_ANSWERS];
    _Atomic uint32_t                 failures;      /* of endpoints */

    /* calls of tools that no limit is for, where some have one */
    _Atomic uint32_t                 others[NGX_HTTP_MCP_TENANT_OUTCOMES];
} ngx_http_mcp_tenant_server_row_t;


/* beside the limit of tools with the same number */

typedef struct {
    _Atomic uint32_t                 requests[NGX_HTTP_MCP_TENANT_OUTCOMES];
} ngx_http_mcp_tenant_tool_row_t;


typedef struct {
    ngx_atomic_t                     fails;
    ngx_atomic_t                     checked;       /* ngx_current_msec */
} ngx_http_mcp_tenant_health_t;


/* stamp: changes before and after the text, and is odd in between */

typedef struct {
    ngx_atomic_t                     stamp;
    u_char                           text[NGX_HTTP_MCP_TENANT_ERROR_BYTES];
} ngx_http_mcp_tenant_error_t;


typedef struct {
    ngx_atomic_t                     generation;    /* 0: none */
    ngx_atomic_t                     sequence;
    u_char                           bytes[NGX_HTTP_MCP_TENANT_DIGEST_BYTES];
} ngx_http_mcp_tenant_digest_t;


/*
 * epoch: grows with every configuration of NGINX, from a random start;
 * generation: images since the zone was made.  The image says which rows are
 * whose; the row outside counts requests without a tenant.  looked, watches:
 * when the loader last looked at the files, and whether it is told of changes.
 * error: of the files as they are, empty when those are served.
 * session_keys: random, for as long as NGINX runs.  pods: requests under way at
 * each, or waiting for a server's first, and when it was last asked for
 * (ngx_current_msec, 0: never); demand: grows when somebody begins to wait for
 * a server; pods_taken: the sequence of the sidecar's file that was taken last,
 * pods_error: of that file as it is.
 */
typedef struct {
    ngx_atomic_t                     epoch;
    ngx_atomic_t                     generation;
    ngx_atomic_t                     last_success;  /* Unix seconds */
    ngx_atomic_t                     last_failure;
    ngx_atomic_t                     looked;
    ngx_atomic_t                     watches;
    ngx_atomic_t                     unresolved;
    ngx_atomic_t                     pods_taken;
    ngx_atomic_t                     demand;
    ngx_http_mcp_tenant_error_t      error;
    ngx_http_mcp_tenant_error_t      pods_error;
    ngx_http_mcp_tenant_digest_t     digests[NGX_HTTP_MCP_TENANT_DIGESTS];
    ngx_http_mcp_tenant_row_t        unidentified;
    mcp_session_keys_t               session_keys;
    mcp_processes_t                 *processes;
    mcp_rows_t                      *tables[MCP_IMAGE_ROWS_KINDS];
    mcp_limits_t                    *limits;
    mcp_limits_t                    *pods;
    ngx_atomic_t                    *asked;
    ngx_http_mcp_tenant_row_t       *rows;
    ngx_http_mcp_tenant_health_t    *health;
    ngx_http_mcp_tenant_server_row_t *servers;
    ngx_http_mcp_tenant_tool_row_t  *tools;
} ngx_http_mcp_tenant_shctx_t;


ngx_int_t ngx_http_mcp_tenant_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);

/*
 * Whether a zone of size has room for the image; *ret_size: what it needs.
 * sh: the zone when there is one already, NULL otherwise.
 */
ngx_int_t ngx_http_mcp_tenant_zone_check(ngx_http_mcp_tenant_shctx_t *sh,
    size_t size, void *block, size_t *ret_size);

/*
 * Gives what the image names its rows and seals it; one process at a time.
 * NGX_ERROR while older images hold the rows that are missing.
 */
ngx_int_t ngx_http_mcp_tenant_zone_assign(ngx_http_mcp_tenant_shctx_t *sh,
    void *block, uint64_t epoch, uint64_t generation);

/*
 * Tells all that image is what to serve; one process at a time, after the
 * image is where they find it.
 */
void ngx_http_mcp_tenant_zone_publish(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image, uint64_t generation);

/* Tells why the files are not served: the first error of them. */
void ngx_http_mcp_tenant_zone_refuse(ngx_http_mcp_tenant_shctx_t *sh,
    const char *error);
void ngx_http_mcp_tenant_zone_clear_error(ngx_http_mcp_tenant_shctx_t *sh);

/* The same for one error alone; an empty text clears it. */
void ngx_http_mcp_tenant_zone_tell(ngx_http_mcp_tenant_error_t *error,
    const char *text);

/* Writes the error, with a NUL; empty when there is none. */
void ngx_http_mcp_tenant_zone_error(ngx_http_mcp_tenant_error_t *error,
    u_char *ret_text);

/*
 * The sequence of the sidecar's file that every process serves by which takes
 * new requests; NGX_DECLINED when a process is so far behind that it is not
 * known, or there is none.
 */
ngx_int_t ngx_http_mcp_tenant_zone_sequence(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t *ret_sequence);

/* NGX_DECLINED when the digest of that generation is no longer known. */
ngx_int_t ngx_http_mcp_tenant_zone_digest(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t generation, u_char *ret_digest);

/* Names of the kinds of rows. */
extern const char  *ngx_http_mcp_tenant_zone_words[MCP_IMAGE_ROWS_KINDS];

/* Notes that the server, which is on demand, is asked for. */
void ngx_http_mcp_tenant_zone_ask(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_server_t *server);

/* Requests that all processes count in the row of pods; 0 for no row. */
uint64_t ngx_http_mcp_tenant_zone_pod(ngx_http_mcp_tenant_shctx_t *sh,
    uint32_t row);

uint32_t ngx_http_mcp_tenant_zone_nhealth(ngx_http_mcp_tenant_shctx_t *sh);

/* Takes this worker's row. */
ngx_int_t ngx_http_mcp_tenant_zone_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_shctx_t *sh);
void ngx_http_mcp_tenant_zone_exit_process(ngx_http_mcp_tenant_shctx_t *sh);

/* Looks for dead processes. */
void ngx_http_mcp_tenant_zone_reap(ngx_http_mcp_tenant_shctx_t *sh,
    ngx_log_t *log);


#endif /* _NGX_HTTP_MCP_TENANT_ZONE_H_INCLUDED_ */
