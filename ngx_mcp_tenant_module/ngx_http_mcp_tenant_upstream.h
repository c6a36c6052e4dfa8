/*
 * The way to a server and back: what goes on, to which endpoint, and what comes
 * of its answer.
 */

#ifndef _NGX_HTTP_MCP_TENANT_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_MCP_TENANT_UPSTREAM_H_INCLUDED_


#include "ngx_http_mcp_tenant_module.h"


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
    const mcp_image_t              *image;
    const mcp_image_server_t       *server;     /* of image */
    uint32_t                        session;    /* of its endpoints */

    uint32_t                        current;    /* of the server's endpoints */
    ngx_http_mcp_tenant_health_t   *health;
    uint32_t                        pod;        /* row it is counted in */
    uint64_t                        tag;
    ngx_http_mcp_tenant_sockaddr_t  sockaddr;
    ngx_str_t                      *name;

    /* one bit for each endpoint that this request has tried */
    uint64_t                       *tried;

    /* "Host: " and the server's headers, as they stand in the request */
    ngx_buf_t                      *host;
} ngx_http_mcp_tenant_peer_t;


/* headers: what of the client's request goes on to a server */

ngx_int_t ngx_http_mcp_tenant_headers_filter(ngx_http_request_t *r);

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


#endif /* _NGX_HTTP_MCP_TENANT_UPSTREAM_H_INCLUDED_ */
