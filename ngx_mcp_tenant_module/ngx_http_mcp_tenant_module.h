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
#include "core/mcp_endpoints.h"
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

#include "ngx_http_mcp_tenant_zone.h"


#define NGX_HTTP_MCP_TENANT_HEADERS_MAX        1000
#define NGX_HTTP_MCP_TENANT_HEADERS_MAX_BYTES  32768

/* tool, server, key and tenant */
#define NGX_HTTP_MCP_TENANT_SCOPES             4

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
    NGX_HTTP_MCP_TENANT_ENDPOINT_RESOURCE,
    NGX_HTTP_MCP_TENANT_ENDPOINT_DEMAND
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
    ngx_str_t                        pods_file;
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
    mcp_endpoints_t                 *pods;          /* NULL: no directive */
    void                            *block;         /* what image lies in */
    const mcp_image_t               *image;
    uint64_t                         epoch;
    uint64_t                         generation;
    uint64_t                         refused;       /* see load_refused() */
    u_char                          *error;
    u_char                          *pods_error;

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
 * session_endpoint counts from the server's first.  endpoint_image: what
 * endpoint is of, once the request goes on.
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
    ngx_http_mcp_tenant_image_t     *endpoint_image;
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

    ngx_queue_t                      wait_queue;    /* of those that wait */
    ngx_msec_t                       wait_until;
    uint64_t                         wait_seen;     /* generation */
    uint32_t                         wait_row;

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
    unsigned                         must_wait:1;   /* for a pod */
    unsigned                         waiting:1;
    unsigned                         waited:1;
    unsigned                         allowed:1;
    unsigned                         forwarded:1;
    unsigned                         counted:1;
} ngx_http_mcp_tenant_ctx_t;


extern ngx_module_t  ngx_http_mcp_tenant_module;

/* The row of this process in the zone; see mcp_process.h. */
extern uint32_t      ngx_http_mcp_tenant_process;


/* conf: directives */

char *ngx_http_mcp_tenant_config(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_tenant_endpoints_file(ngx_conf_t *cf, ngx_command_t *cmd,
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
 * What the NGINX that is running serves, to be asked while it reads its
 * configuration again; NULL when none runs.  *ret_mapped: the bytes that the
 * caller munmaps, 0 when the image is that of the running configuration.
 */
const mcp_image_t *ngx_http_mcp_tenant_load_served(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf, size_t *ret_mapped);

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


/* pods: what the sidecar tells of them, in a file of its own */

/*
 * Reads the file, if nginx.conf names one.  What is wrong with it is a warning:
 * then what a running NGINX has of it goes on.
 */
ngx_int_t ngx_http_mcp_tenant_pods_init(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

/* Goes on with what image has of it, where it has something. */
void ngx_http_mcp_tenant_pods_adopt(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const mcp_image_t *image);

/* Reads the file when it was replaced: whether there is something new in it. */
ngx_uint_t ngx_http_mcp_tenant_pods_look(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);


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
 * The server of that identity, MCP_IMAGE_NONE when the image has none; the same
 * server has the same ids.
 */
uint32_t ngx_http_mcp_tenant_image_server(const mcp_image_t *image,
    const mcp_image_t *of, uint32_t server);

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


/* wait: requests for servers that are started on demand */

/*
 * Lets the request, which has passed everything else, wait until its server
 * has a pod: then its phases go on, or it is refused.  MCP_REASON_OK when it
 * waits, else why it may not.
 */
mcp_reason_e ngx_http_mcp_tenant_wait(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx);

/* It does not wait any more; harmless when it never did. */
void ngx_http_mcp_tenant_wait_end(ngx_http_mcp_tenant_ctx_t *ctx);


/* publish */

/* Compiles mtmcf->config, writes it and announces it, as far as it goes. */
void ngx_http_mcp_tenant_publish(ngx_http_mcp_tenant_main_conf_t *mtmcf);

/* Whether that failed last time. */
ngx_uint_t ngx_http_mcp_tenant_publish_again(void);


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


/* headers */

/* name: in lower case */
ngx_uint_t ngx_http_mcp_tenant_header_is(ngx_table_elt_t *header,
    ngx_str_t *name);


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

/* The rules that the request is under; server is NULL while it has none. */
mcp_policy_t ngx_http_mcp_tenant_policy(ngx_http_mcp_tenant_ctx_t *ctx);

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

/*
 * An argument that is a number; *ret_number stays when it is not there.
 * NGX_ERROR when it is none.
 */
ngx_int_t ngx_http_mcp_tenant_arg_number(ngx_http_request_t *r,
    const char *name, size_t len, ngx_int_t *ret_number);

ngx_int_t ngx_http_mcp_tenant_servers_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_demand_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_tenant_resource_handler(ngx_http_request_t *r);

/* The value of WWW-Authenticate with a 401 (RFC 6750, RFC 9728). */
ngx_int_t ngx_http_mcp_tenant_resource_challenge(ngx_http_request_t *r,
    ngx_http_mcp_tenant_ctx_t *ctx, ngx_str_t *ret_value);


/* variables */

/* Notes which facts the configuration has use for; after all of it was read. */
void ngx_http_mcp_tenant_variables_used(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf);

ngx_int_t ngx_http_mcp_tenant_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_MCP_TENANT_MODULE_H_INCLUDED_ */
