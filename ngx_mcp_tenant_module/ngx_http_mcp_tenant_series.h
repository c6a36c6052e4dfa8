/*
 * The metrics: what requests are counted in, and the text that is made of it,
 * in pieces.
 */

#ifndef _NGX_HTTP_MCP_TENANT_SERIES_H_INCLUDED_
#define _NGX_HTTP_MCP_TENANT_SERIES_H_INCLUDED_


#include "ngx_http_mcp_tenant_module.h"


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


#endif /* _NGX_HTTP_MCP_TENANT_SERIES_H_INCLUDED_ */
