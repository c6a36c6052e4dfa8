/*
 * Types and functions that the files of the module share.  Each file has one
 * job, named by its suffix; core/ holds what does not need NGINX.
 */

#ifndef _NGX_HTTP_MCP_TENANT_MODULE_H_INCLUDED_
#define _NGX_HTTP_MCP_TENANT_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/mcp_config.h"
#include "core/mcp_filter.h"
#include "core/mcp_image.h"
#include "core/mcp_key.h"
#include "core/mcp_limit.h"
#include "core/mcp_policy.h"
#include "core/mcp_reason.h"
#include "core/mcp_resolve.h"
#include "core/mcp_rows.h"
#include "core/mcp_rpc.h"
#include "core/mcp_session.h"


#define NGX_HTTP_MCP_TENANT_HEADERS_MAX        1000
#define NGX_HTTP_MCP_TENANT_HEADERS_MAX_BYTES  32768

/* tool, server, key and tenant */
#define NGX_HTTP_MCP_TENANT_SCOPES             4

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

/* auto: verify where something asks for it, otherwise off */
#define NGX_HTTP_MCP_TENANT_BODY_AUTO      0
#define NGX_HTTP_MCP_TENANT_BODY_OFF       1
#define NGX_HTTP_MCP_TENANT_BODY_HEADERS   2
#define NGX_HTTP_MCP_TENANT_BODY_VERIFY    3

#define NGX_HTTP_MCP_TENANT_QUOTA_HTTP     0
#define NGX_HTTP_MCP_TENANT_QUOTA_JSONRPC  1

#define NGX_HTTP_MCP_TENANT_AUTH_OFF     0
#define NGX_HTTP_MCP_TENANT_AUTH_ON      1


/* s: an ngx_str_t or mcp_str_t */
#define ngx_http_mcp_tenant_str_is(s, text)                                   \
    ((s)->len == sizeof(text) - 1                                             \
     && ngx_memcmp((s)->data, text, sizeof(text) - 1) == 0)


typedef enum {
    NGX_HTTP_MCP_TENANT_ENDPOINT_NONE,
    NGX_HTTP_MCP_TENANT_ENDPOINT_METRICS,
    NGX_HTTP_MCP_TENANT_ENDPOINT_STATUS,
    NGX_HTTP_MCP_TENANT_ENDPOINT_ERROR,
    NGX_HTTP_MCP_TENANT_ENDPOINT_RESOURCE
} ngx_http_mcp_tenant_endpoint_e;


typedef enum {
    NGX_HTTP_MCP_TENANT_ROUTE_NONE,
    NGX_HTTP_MCP_TENANT_ROUTE_SERVERS,
    NGX_HTTP_MCP_TENANT_ROUTE_SERVER,
    NGX_HTTP_MCP_TENANT_ROUTE_MCP,
    NGX_HTTP_MCP_TENANT_ROUTE_METRICS
} ngx_http_mcp_tenant_route_e;


/* in the order of the words of $mcp_tenant_limit_status */

typedef enum {
    NGX_HTTP_MCP_TENANT_LIMIT_NONE,
    NGX_HTTP_MCP_TENANT_LIMIT_PASSED,
    NGX_HTTP_MCP_TENANT_LIMIT_REJECTED,
    NGX_HTTP_MCP_TENANT_LIMIT_REJECTED_DRY_RUN
} ngx_http_mcp_tenant_limit_e;


/* in shared memory */

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
    u_char                           bytes[NGX_HTTP_MCP_TENANT_DIGEST_BYTES];
} ngx_http_mcp_tenant_digest_t;


/*
 * epoch: grows with every configuration of NGINX, from a random start;
 * generation: images since the zone was made.  The image says which rows are
 * whose; the row outside counts requests without a tenant.  looked, watches:
 * when the loader last looked at the files, and whether it is told of changes.
 * error: of the files as they are, empty when those are served.
 * session_keys: random, for as long as NGINX runs.
 */
typedef struct {
    ngx_atomic_t                     epoch;
    ngx_atomic_t                     generation;
    ngx_atomic_t                     last_success;  /* Unix seconds */
    ngx_atomic_t                     last_failure;
    ngx_atomic_t                     looked;
    ngx_atomic_t                     watches;
    ngx_atomic_t                     unresolved;
    ngx_http_mcp_tenant_error_t      error;
    ngx_http_mcp_tenant_digest_t     digests[NGX_HTTP_MCP_TENANT_DIGESTS];
    ngx_http_mcp_tenant_row_t        unidentified;
    mcp_session_keys_t               session_keys;
    mcp_processes_t                 *processes;
    mcp_rows_t                      *tables[MCP_IMAGE_ROWS_KINDS];
    mcp_limits_t                    *limits;
    ngx_http_mcp_tenant_row_t       *rows;
    ngx_http_mcp_tenant_health_t    *health;
    ngx_http_mcp_tenant_server_row_t *servers;
    ngx_http_mcp_tenant_tool_row_t  *tools;
} ngx_http_mcp_tenant_shctx_t;


/* an image as one process uses it; freed with its last reference */

typedef struct {
    ngx_queue_t                      queue;
    const mcp_image_t               *image;
    size_t                           size;
    ngx_uint_t                       refs;
    uint64_t                         generation;
    unsigned                         mapped:1;
    unsigned                         foreign:1;     /* for judging alone */
} ngx_http_mcp_tenant_image_t;


/* a location that may carry traffic, to be completed after all merges */

typedef struct {
    struct ngx_http_mcp_tenant_loc_conf_s   *conf;
    void                                   **loc_conf;
} ngx_http_mcp_tenant_location_t;


typedef struct {
    ngx_str_t                        config_file;
    ngx_uint_t                       config_line;
    ngx_uint_t                       fallback;      /* unsigned:1 */
    ngx_uint_t                       allow_shrink;  /* unsigned:1 */
    ngx_path_t                      *state;
    ngx_fd_t                         owner;
    ngx_shm_zone_t                  *shm_zone;
    ngx_http_mcp_tenant_shctx_t     *old_zone;
    size_t                           zone_size;     /* as configured */
    ngx_msec_t                       resolve_interval;
    ngx_str_t                        cluster_domain;
    ngx_str_t                        session_key;   /* file */
    time_t                           session_lifetime;
    mcp_session_keys_t              *session_keys;  /* NULL: of the zone */
    ngx_array_t                      upstream_allow;  /* of mcp_cidr_t */
    ngx_array_t                      upstream_names;  /* of mcp_str_t */
    ngx_array_t                      locations;
    ngx_http_upstream_srv_conf_t    *upstream;

    mcp_config_options_t             options;
    mcp_config_t                    *config;
    mcp_names_t                     *names;
    void                            *block;         /* what image lies in */
    const mcp_image_t               *image;
    uint64_t                         epoch;
    uint64_t                         generation;
    uint64_t                         refused;       /* see load_refused() */
    u_char                          *error;

    unsigned                         unassigned:1;
    unsigned                         used:1;
    unsigned                         messages:1;    /* variables tell of them */
    unsigned                         answers:1;
} ngx_http_mcp_tenant_main_conf_t;


typedef struct {
    ngx_uint_t                       max_fails;
    time_t                           fail_timeout;
    ngx_http_upstream_init_peer_pt   init_peer;     /* of a guarded block */
    ngx_array_t                      names;         /* ngx_http_server_name_t */
} ngx_http_mcp_tenant_srv_conf_t;


typedef struct ngx_http_mcp_tenant_loc_conf_s {
    ngx_flag_t                       enable;
    ngx_flag_t                       auth;
    ngx_flag_t                       upstream_verify;
    ngx_flag_t                       dry_run;
    ngx_uint_t                       log_level;
    ngx_uint_t                       status_code;
    ngx_uint_t                       quota_error;
    ngx_uint_t                       body;
    ngx_str_t                        prefix;
    ngx_http_complex_value_t        *from;
    ngx_array_t                     *pass_headers;  /* of ngx_str_t */
    ngx_array_t                     *allowed_hosts; /* the same */
    ngx_array_t                     *authorization_servers;
    ngx_http_complex_value_t        *public_url;
    ngx_http_mcp_tenant_endpoint_e   endpoint;
} ngx_http_mcp_tenant_loc_conf_t;


typedef struct ngx_http_mcp_tenant_filter_s  ngx_http_mcp_tenant_filter_t;


/*
 * One per main request; it survives internal redirects.  Text lies in the
 * request, its pool or the image.  tenant, key and server are indexes into the
 * image, MCP_IMAGE_NONE when not known; tenant is set once it is proven.
 * tool_limit: of the tool that is called, MCP_IMAGE_NONE for none.
 * requested_*: as the request named them, proven or not.  session_*: of the
 * session that the request belongs to, with the server's own id;
 * session_endpoint counts from the server's first.
 */
typedef struct {
    ngx_http_mcp_tenant_image_t     *image;

    ngx_http_mcp_tenant_route_e      route;
    mcp_reason_e                     identity;
    mcp_reason_e                     reason;
    uint32_t                         tenant;
    uint32_t                         key;
    uint32_t                         server;
    uint32_t                         tool_limit;
    const mcp_image_endpoint_t      *endpoint;
    uint32_t                         session_endpoint;

    /* the proxy's own, which the guard of answers stands before */
    ngx_int_t                      (*process_header)(ngx_http_request_t *r);
    ngx_int_t                      (*reinit_request)(ngx_http_request_t *r);
    void                           (*finalize_request)(ngx_http_request_t *r,
                                        ngx_int_t rc);
    ngx_int_t                      (*input_filter_init)(void *data);
    ngx_int_t                      (*input_filter)(void *data, ssize_t bytes);

    ngx_http_mcp_tenant_filter_t    *filter;        /* NULL: none */

    ngx_queue_t                      queue;         /* of the worker */
    ngx_http_request_t              *request;

    mcp_limits_t                    *limits;
    uint32_t                         slots[NGX_HTTP_MCP_TENANT_SCOPES];
    ngx_uint_t                       nslots;
    ngx_http_mcp_tenant_limit_e      limit_status;
    ngx_msec_t                       retry_after;   /* 0: not known */

    ngx_str_t                        requested_tenant;
    ngx_str_t                        requested_server;

    ngx_str_t                        content_type;
    ngx_str_t                        content_encoding;
    ngx_str_t                        origin;
    ngx_str_t                        mcp_method;
    ngx_str_t                        mcp_name;
    ngx_str_t                        mcp_version;
    ngx_str_t                        mcp_session;   /* as the client has it */
    ngx_str_t                        session_id;
    ngx_str_t                        last_event_id;

    ngx_str_t                        rpc_id;
    ngx_str_t                        rpc_method;
    ngx_str_t                        rpc_name;
    const char                      *rpc_label;
    ngx_int_t                        rpc_code;      /* of our error, or 0 */

    unsigned                         identified:1;
    unsigned                         key_sent:1;
    unsigned                         modern:1;
    unsigned                         batch:1;
    unsigned                         stream:1;
    unsigned                         waiting_body:1;
    unsigned                         body_done:1;
    unsigned                         allowed:1;
    unsigned                         forwarded:1;
    unsigned                         counted:1;
} ngx_http_mcp_tenant_ctx_t;


/* behind the address, where only the keepalive cache reads it */
#define NGX_HTTP_MCP_TENANT_TAG_LEN  sizeof(uint64_t)


typedef union {
    mcp_address_t                  address;
    u_char                         bytes[sizeof(mcp_address_t)
                                         + NGX_HTTP_MCP_TENANT_TAG_LEN];
} ngx_http_mcp_tenant_sockaddr_t;


typedef struct {
    ngx_http_request_t             *request;
    ngx_http_mcp_tenant_ctx_t      *ctx;
    ngx_http_mcp_tenant_shctx_t    *sh;
    ngx_http_mcp_tenant_srv_conf_t *mtscf;
    const mcp_config_options_t     *options;
    const mcp_image_server_t       *server;

    uint32_t                        current;    /* of the server's endpoints */
    ngx_http_mcp_tenant_health_t   *health;
    uint64_t                        tag;
    ngx_http_mcp_tenant_sockaddr_t  sockaddr;
    ngx_str_t                      *name;

    /* one bit for each endpoint that this request has tried */
    uint64_t                       *tried;

    /* "Host: " and the server's headers, as they stand in the request */
    ngx_buf_t                      *host;
} ngx_http_mcp_tenant_peer_t;


extern ngx_module_t  ngx_http_mcp_tenant_module;

/* The row of this process in the zone; see mcp_process.h. */
extern uint32_t      ngx_http_mcp_tenant_process;


/* conf: directives */

char *ngx_http_mcp_tenant_config(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_resolve_interval(ngx_conf_t *cf, void *post,
    void *data);
char *ngx_http_mcp_tenant_upstream_allow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_upstream_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_prefix(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_allowed_hosts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_authorization_server(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_mcp_tenant_pass_headers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* load: the files of tenants */

/*
 * Reads and compiles the configured file into mtmcf, logging every finding;
 * NGX_ERROR refuses the configuration.
 */
ngx_int_t ngx_http_mcp_tenant_load(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

/*
 * Reads the configured file; MCP_ERROR leaves *ret_config alone.  served: what
 * may not shrink, or NULL.
 */
int ngx_http_mcp_tenant_load_read(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const mcp_image_t *served, mcp_report_t *report,
    mcp_config_t **ret_config);

/* Logs the findings of report, errors at level. */
void ngx_http_mcp_tenant_load_log(ngx_uint_t level, ngx_log_t *log,
    mcp_report_t *report);

/* Says that mtmcf->image is the last good one, and why. */
void ngx_http_mcp_tenant_load_fell_back(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_uint_t level, ngx_log_t *log);

/*
 * What tells the findings of one report from those of another, never 0;
 * *ret_first: the first error, which the report owns.
 */
uint64_t ngx_http_mcp_tenant_load_refused(mcp_report_t *report,
    const char **ret_first);


/* state: the folder that outlives processes */

/* NGX_ERROR, with its reason logged, when another NGINX owns the folder. */
ngx_int_t ngx_http_mcp_tenant_state_own(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_log_t *log);
void ngx_http_mcp_tenant_state_disown(ngx_http_mcp_tenant_main_conf_t *mtmcf);

/*
 * What whoever publishes holds, until the file is closed; NGX_INVALID_FILE,
 * logged at level, when it cannot be had within two seconds.
 */
ngx_fd_t ngx_http_mcp_tenant_state_lock(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_uint_t level, ngx_log_t *log);

ngx_int_t ngx_http_mcp_tenant_state_write(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, const void *block, size_t size,
    ngx_uint_t level, ngx_log_t *log);

/* The newest image, as mcp_image_map() gives it. */
const mcp_image_t *ngx_http_mcp_tenant_state_map(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, size_t *ret_size,
    const char **reterr_text);


/* zone */

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

/* Writes that error, with a NUL; empty when the files are served. */
void ngx_http_mcp_tenant_zone_error(ngx_http_mcp_tenant_shctx_t *sh,
    u_char *ret_text);

/* NGX_DECLINED when the digest of that generation is no longer known. */
ngx_int_t ngx_http_mcp_tenant_zone_digest(ngx_http_mcp_tenant_shctx_t *sh,
    uint64_t generation, u_char *ret_digest);

/* Names of the kinds of rows. */
extern const char  *ngx_http_mcp_tenant_zone_words[MCP_IMAGE_ROWS_KINDS];

uint32_t ngx_http_mcp_tenant_zone_nhealth(ngx_http_mcp_tenant_shctx_t *sh);

/* Takes this worker's row. */
ngx_int_t ngx_http_mcp_tenant_zone_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_shctx_t *sh);
void ngx_http_mcp_tenant_zone_exit_process(ngx_http_mcp_tenant_shctx_t *sh);

/* Looks for dead processes. */
void ngx_http_mcp_tenant_zone_reap(ngx_http_mcp_tenant_shctx_t *sh,
    ngx_log_t *log);


/* image: what this process uses */

ngx_int_t ngx_http_mcp_tenant_image_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
void ngx_http_mcp_tenant_image_exit_process(void);

/* The newest image, or NULL when a newer one cannot be mapped. */
ngx_http_mcp_tenant_image_t *ngx_http_mcp_tenant_image_get(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_log_t *log);
void ngx_http_mcp_tenant_image_put(ngx_http_mcp_tenant_image_t *image);

/*
 * Goes on to the newest image without a request that asks for it.  A worker
 * that drains announces that it serves no new ones.
 */
void ngx_http_mcp_tenant_image_follow(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log);

/*
 * What the keys of requests under way are judged by, also in a worker that
 * drains, whose own image no longer changes.  NULL when it is not to be had;
 * put it back.
 */
ngx_http_mcp_tenant_image_t *ngx_http_mcp_tenant_image_newest(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, ngx_log_t *log);


/* worker: what a worker does beside requests */

ngx_int_t ngx_http_mcp_tenant_worker_init(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

/* Notes a request that was allowed, so that it can be closed. */
void ngx_http_mcp_tenant_worker_add(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* Forgets it; harmless when it was never noted. */
void ngx_http_mcp_tenant_worker_remove(ngx_http_mcp_tenant_ctx_t *ctx);


/* loader: the helper process */

ngx_int_t ngx_http_mcp_tenant_loader_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);


/* route */

/* The path as it stood in the request line, without the query. */
ngx_str_t ngx_http_mcp_tenant_raw_path(ngx_http_request_t *r);

/* Finds the route, and the tenant and server that the path names. */
mcp_reason_e ngx_http_mcp_tenant_path(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_http_mcp_tenant_loc_conf_t *mtlcf);

/* The same for a path alone. */
mcp_reason_e ngx_http_mcp_tenant_path_route(ngx_http_mcp_tenant_ctx_t *ctx,
    ngx_http_mcp_tenant_loc_conf_t *mtlcf, ngx_str_t path);

/* Whether the text has the form of a tenant's or server's id. */
ngx_uint_t ngx_http_mcp_tenant_is_id(ngx_str_t *id);


/* identity */

/* The context of the main request, or NULL when there is no memory. */
ngx_http_mcp_tenant_ctx_t *ngx_http_mcp_tenant_ctx(ngx_http_request_t *r);

/* The same when it exists, NULL otherwise. */
ngx_http_mcp_tenant_ctx_t *ngx_http_mcp_tenant_ctx_find(
    ngx_http_request_t *r);

/*
 * Finds out who asks for what: fills ctx and returns MCP_REASON_OK, or the
 * reason to refuse.  Evaluated once per request.
 */
mcp_reason_e ngx_http_mcp_tenant_identify(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* Whether the key may be used at this time: MCP_REASON_OK, or why not. */
mcp_reason_e ngx_http_mcp_tenant_key_usable(const mcp_image_t *image,
    const mcp_image_key_t *key);

void ngx_http_mcp_tenant_identity_exit_process(void);

/*
 * A key in the request line is no key, and must not reach a log either: every
 * log format and error line reads the bytes that this overwrites.  The phase
 * sees all requests but those that NGINX refuses at once.
 */
void ngx_http_mcp_tenant_mask_keys(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_post_read_handler(ngx_http_request_t *r);


/* origin: what a web page may reach */

/* Keeps the names of all servers, which NGINX forgets after its start. */
ngx_int_t ngx_http_mcp_tenant_origin_init(ngx_conf_t *cf);

ngx_uint_t ngx_http_mcp_tenant_origin_allowed(ngx_http_mcp_tenant_ctx_t *ctx);
ngx_uint_t ngx_http_mcp_tenant_host_allowed(ngx_http_request_t *r);


/* body */

/*
 * Whether the body of this POST must be read before it is passed on.  Where
 * the mirrored headers do, their method and name are noted in its place.
 */
ngx_uint_t ngx_http_mcp_tenant_body_needed(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/*
 * Judges a JSON-RPC body that was read: fills rpc_* of ctx and returns
 * MCP_REASON_OK or the reason to refuse.
 */
mcp_reason_e ngx_http_mcp_tenant_body_scan(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);
void ngx_http_mcp_tenant_body_exit_process(void);


/* access */

ngx_int_t ngx_http_mcp_tenant_access_handler(ngx_http_request_t *r);


/* limits */

/* Takes the slots and tokens of tool, server, key and tenant, all or none. */
mcp_reason_e ngx_http_mcp_tenant_limits_take(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* Gives the slots back; harmless when there are none. */
void ngx_http_mcp_tenant_limits_give(ngx_http_mcp_tenant_ctx_t *ctx);


/* refusal: answers in the form that the route has */

/* Sends the answer and finalizes the request; returns NGX_DONE. */
ngx_int_t ngx_http_mcp_tenant_refuse(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, mcp_reason_e reason);

/* What logs and metrics call the outcome, once the answer is known. */
mcp_reason_e ngx_http_mcp_tenant_final_reason(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* Content handler behind error_page. */
ngx_int_t ngx_http_mcp_tenant_error_handler(ngx_http_request_t *r);


/* output: the body of an answer that the module makes */

typedef struct {
    ngx_pool_t                      *pool;
    ngx_chain_t                     *first;
    ngx_chain_t                     *last;
    off_t                            length;
} ngx_http_mcp_tenant_out_t;


void ngx_http_mcp_tenant_out_init(ngx_http_mcp_tenant_out_t *out,
    ngx_pool_t *pool);

/* Append copies; NGX_ERROR is lack of memory. */
ngx_int_t ngx_http_mcp_tenant_out(ngx_http_mcp_tenant_out_t *out,
    const void *data, size_t len);
ngx_int_t ngx_http_mcp_tenant_out_text(ngx_http_mcp_tenant_out_t *out,
    const char *text);

/* json: a json_t that the call frees; NULL is an error. */
ngx_int_t ngx_http_mcp_tenant_out_json(ngx_http_mcp_tenant_out_t *out,
    void *json, size_t flags);

/* Sends header and body; what a content handler returns. */
ngx_int_t ngx_http_mcp_tenant_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *content_type, ngx_http_mcp_tenant_out_t *out);

/* Sends json, indented for people; frees it. */
ngx_int_t ngx_http_mcp_tenant_send_json(ngx_http_request_t *r,
    ngx_uint_t status, void *json);

/* Adds a response header; value is not copied. */
ngx_int_t ngx_http_mcp_tenant_add_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


/* endpoints */

ngx_int_t ngx_http_mcp_tenant_servers_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_resource_handler(ngx_http_request_t *r);

/* The value of WWW-Authenticate with a 401 (RFC 6750, RFC 9728). */
ngx_int_t ngx_http_mcp_tenant_resource_challenge(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_value);


/* count: what the metrics are made of */

typedef struct {
    ngx_msec_int_t                   ms;
    const char                      *seconds;
} ngx_http_mcp_tenant_duration_t;


/* Up to how long requests took; those over all of them count in the last. */
extern const ngx_http_mcp_tenant_duration_t  ngx_http_mcp_tenant_durations[
    NGX_HTTP_MCP_TENANT_DURATIONS - 1];

/* Adds the request to the metrics of its tenant and server, once. */
ngx_int_t ngx_http_mcp_tenant_log_handler(ngx_http_request_t *r);

/* An endpoint of the server failed. */
void ngx_http_mcp_tenant_count_failure(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_server_t *server);


/* series: the metrics as text, in pieces */

/*
 * tenant: the one to tell of, or MCP_IMAGE_NONE for all and the gateway.  The
 * rest says what comes next.
 */
typedef struct {
    ngx_http_mcp_tenant_shctx_t     *sh;
    ngx_http_mcp_tenant_image_t     *image;
    uint32_t                         tenant;

    ngx_uint_t                       metric;
    ngx_uint_t                       begun;
    uint32_t                         n;
    const char                      *name;
    size_t                           offset;
    u_char                          *last;
    u_char                          *end;
} ngx_http_mcp_tenant_series_t;


typedef enum {
    NGX_HTTP_MCP_TENANT_UNIT_GATEWAY,
    NGX_HTTP_MCP_TENANT_UNIT_PROCESS,
    NGX_HTTP_MCP_TENANT_UNIT_TENANT,
    NGX_HTTP_MCP_TENANT_UNIT_SERVER
} ngx_http_mcp_tenant_unit_e;


/*
 * n: of the unit; a tenant alone is not told of the first two kinds.  offset:
 * of the number, where handlers serve several.
 */
typedef struct {
    const char                   *name;
    const char                   *type;
    const char                   *help;
    ngx_http_mcp_tenant_unit_e    unit;
    void                        (*handler)(ngx_http_mcp_tenant_series_t *s,
                                      uint32_t n);
    size_t                        offset;
} ngx_http_mcp_tenant_metric_t;


/* Of tenants and servers; the last one has no name. */
extern const ngx_http_mcp_tenant_metric_t
    ngx_http_mcp_tenant_tenant_metrics[];

/* For handlers: the server, with its id and its tenant's. */
const mcp_image_server_t *ngx_http_mcp_tenant_series_server(
    ngx_http_mcp_tenant_series_t *s, uint32_t n, mcp_str_t *ret_tenant,
    mcp_str_t *ret_id);

void ngx_http_mcp_tenant_metric_tools_requests(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
void ngx_http_mcp_tenant_metric_tools_in_flight(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
void ngx_http_mcp_tenant_metric_tools_limit(
    ngx_http_mcp_tenant_series_t *s, uint32_t n);

/* For handlers: appends text, as much of it as there is room for. */
void ngx_http_mcp_tenant_series(ngx_http_mcp_tenant_series_t *s,
    const char *fmt, ...);

/* What a buffer needs to hold a piece. */
#define NGX_HTTP_MCP_TENANT_SERIES_BYTES  65536

/*
 * Appends a piece, perhaps an empty one, after a bounded amount of work:
 * NGX_AGAIN when there is more, NGX_OK at the end, NGX_ERROR when it does not
 * fit the buffer.
 */
ngx_int_t ngx_http_mcp_tenant_series_next(ngx_http_mcp_tenant_series_t *s,
    ngx_buf_t *b);


/* headers: what of the client's request goes on to a server */

ngx_int_t ngx_http_mcp_tenant_headers_filter(ngx_http_request_t *r);

/* name: in lower case */
ngx_uint_t ngx_http_mcp_tenant_header_is(ngx_table_elt_t *header,
    ngx_str_t *name);


/* session: what stands in for the server's session ids */

/* Reads the file of keys; NGX_ERROR, with every finding logged. */
ngx_int_t ngx_http_mcp_tenant_session_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

ngx_int_t ngx_http_mcp_tenant_session_init_process(ngx_cycle_t *cycle,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
void ngx_http_mcp_tenant_session_exit_process(void);

/* Fills session_* of ctx from the client's token; a reason to refuse it. */
mcp_reason_e ngx_http_mcp_tenant_session_open(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* The line of header for the server, of as many bytes, or none. */
size_t ngx_http_mcp_tenant_session_line_len(ngx_http_mcp_tenant_ctx_t *ctx);
u_char *ngx_http_mcp_tenant_session_line(ngx_http_mcp_tenant_ctx_t *ctx,
    u_char *p);

/*
 * Seals the id in the header that r->upstream got; what process_header
 * returns.
 */
ngx_int_t ngx_http_mcp_tenant_session_answer(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);


/* upstream */

/*
 * Puts lines, which end with an empty one, behind the header that the proxy
 * made for r->upstream.
 */
ngx_int_t ngx_http_mcp_tenant_upstream_append(ngx_http_request_t *r,
    ngx_chain_t *lines);

char *ngx_http_mcp_tenant_peers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* peers: data is the request's ngx_http_mcp_tenant_peer_t */

ngx_int_t ngx_http_mcp_tenant_peers_get(
    ngx_peer_connection_t *pc, void *data);
void ngx_http_mcp_tenant_peers_free(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
#if (NGX_HTTP_SSL)
ngx_int_t ngx_http_mcp_tenant_peers_set_session(
    ngx_peer_connection_t *pc, void *data);
void ngx_http_mcp_tenant_peers_save_session(
    ngx_peer_connection_t *pc, void *data);
#endif

void ngx_http_mcp_tenant_peers_exit_process(void);

/* Whether this system takes an address with a tag behind it. */
ngx_int_t ngx_http_mcp_tenant_upstream_self_test(ngx_log_t *log);

/* Sets what isolation needs in the proxied locations, after all merges. */
ngx_int_t ngx_http_mcp_tenant_upstream_settings(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);


/* answer: what a server's answer must not be */

/* Guards the blocks of "mcp_tenant_upstream_names"; after all merges. */
ngx_int_t ngx_http_mcp_tenant_answer_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

/* Guards the answer that r->upstream will get. */
void ngx_http_mcp_tenant_answer_guard(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);


/* filter: lists in answers */

/*
 * Sets ctx->filter when the answer whose header r->upstream got may hold a
 * list that rules apply to; what process_header returns.
 */
ngx_int_t ngx_http_mcp_tenant_filter_init(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* Gives the proxy the length of the answer, which the client is not told. */
void ngx_http_mcp_tenant_filter_restore(ngx_http_request_t *r,
    ngx_http_mcp_tenant_filter_t *f);

/* What the last JSON-RPC answer said, as far as it was looked into. */
mcp_filter_answer_t ngx_http_mcp_tenant_filter_answer(
    ngx_http_mcp_tenant_ctx_t *ctx);

/*
 * Puts what may pass in place of the chain *from, the end of
 * r->upstream->out_bufs.
 */
ngx_int_t ngx_http_mcp_tenant_filter_body(ngx_http_request_t *r,
    ngx_http_mcp_tenant_filter_t *f, ngx_chain_t **from);


/* variables */

/* Notes which facts the configuration has use for; after all of it was read. */
void ngx_http_mcp_tenant_variables_used(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

ngx_int_t ngx_http_mcp_tenant_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_MCP_TENANT_MODULE_H_INCLUDED_ */
