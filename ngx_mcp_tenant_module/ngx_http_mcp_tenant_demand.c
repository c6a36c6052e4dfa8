/*
 * /demand: who waits for servers that are started on demand, and who uses
 * them, for the sidecar.  "?after=COUNTER&timeout=SECONDS" answers when the
 * counter is another one: somebody began to wait.
 */

#include "ngx_http_mcp_tenant_module.h"

#include <jansson.h>


#define NGX_HTTP_MCP_TENANT_DEMAND_POLL_MS  20
#define NGX_HTTP_MCP_TENANT_DEMAND_TIMEOUT  25
#define NGX_HTTP_MCP_TENANT_DEMAND_MAX      60


typedef struct {
    ngx_event_t          event;
    ngx_http_request_t  *request;
    ngx_atomic_uint_t    after;
    ngx_msec_t           until;
} ngx_http_mcp_tenant_poll_t;


static ngx_int_t ngx_http_mcp_tenant_demand_wait(ngx_http_request_t *r,
    ngx_atomic_uint_t after, ngx_msec_t timeout);
static void ngx_http_mcp_tenant_demand_timer(ngx_event_t *ev);
static void ngx_http_mcp_tenant_demand_cleanup(void *data);
static ngx_http_mcp_tenant_shctx_t *ngx_http_mcp_tenant_demand_zone(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_tenant_demand_send(ngx_http_request_t *r);
static json_t *ngx_http_mcp_tenant_demand_json(
    ngx_http_mcp_tenant_shctx_t *sh, const mcp_image_t *image);
static json_t *ngx_http_mcp_tenant_demand_server(
    ngx_http_mcp_tenant_shctx_t *sh, const mcp_image_t *image,
    const mcp_image_server_t *server);


ngx_int_t
ngx_http_mcp_tenant_demand_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc, after, timeout;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    after = -1;
    timeout = NGX_HTTP_MCP_TENANT_DEMAND_TIMEOUT;

    if (ngx_http_mcp_tenant_arg_number(r, "after", 5, &after) != NGX_OK
        || ngx_http_mcp_tenant_arg_number(r, "timeout", 7, &timeout) != NGX_OK
        || timeout > NGX_HTTP_MCP_TENANT_DEMAND_MAX)
    {
        return NGX_HTTP_BAD_REQUEST;
    }

    if (after == -1
        || ngx_http_mcp_tenant_demand_zone(r)->demand
           != (ngx_atomic_uint_t) after)
    {
        return ngx_http_mcp_tenant_demand_send(r);
    }

    return ngx_http_mcp_tenant_demand_wait(r, after,
                                           (ngx_msec_t) timeout * 1000);
}


static ngx_int_t
ngx_http_mcp_tenant_demand_wait(ngx_http_request_t *r,
    ngx_atomic_uint_t after, ngx_msec_t timeout)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_mcp_tenant_poll_t  *poll;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_tenant_poll_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    poll = cln->data;
    ngx_memzero(poll, sizeof(ngx_http_mcp_tenant_poll_t));

    poll->request = r;
    poll->after = after;
    poll->until = ngx_current_msec + timeout;

    poll->event.handler = ngx_http_mcp_tenant_demand_timer;
    poll->event.data = poll;
    poll->event.log = r->connection->log;

    cln->handler = ngx_http_mcp_tenant_demand_cleanup;

    ngx_add_timer(&poll->event, NGX_HTTP_MCP_TENANT_DEMAND_POLL_MS);

    /* a client that leaves is noticed */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_mcp_tenant_demand_timer(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_mcp_tenant_poll_t  *poll;

    poll = ev->data;
    r = poll->request;
    c = r->connection;

    if (ngx_http_mcp_tenant_demand_zone(r)->demand == poll->after
        && !ngx_exiting
        && (ngx_msec_int_t) (poll->until - ngx_current_msec) > 0)
    {
        ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_DEMAND_POLL_MS);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_mcp_tenant_demand_send(r));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_tenant_demand_cleanup(void *data)
{
    ngx_http_mcp_tenant_poll_t *poll = data;

    if (poll->event.timer_set) {
        ngx_del_timer(&poll->event);
    }
}


static ngx_http_mcp_tenant_shctx_t *
ngx_http_mcp_tenant_demand_zone(ngx_http_request_t *r)
{
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    return mtmcf->shm_zone->data;
}


static ngx_int_t
ngx_http_mcp_tenant_demand_send(ngx_http_request_t *r)
{
    json_t                           *json;
    ngx_http_mcp_tenant_image_t      *image;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    image = ngx_http_mcp_tenant_image_get(mtmcf, r->connection->log);
    if (image == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    json = ngx_http_mcp_tenant_demand_json(mtmcf->shm_zone->data,
                                           image->image);

    ngx_http_mcp_tenant_image_put(image);

    return ngx_http_mcp_tenant_send_json(r, NGX_HTTP_OK, json);
}


static json_t *
ngx_http_mcp_tenant_demand_json(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image)
{
    json_t                    *list;
    uint32_t                   i;
    json_int_t                 counter;
    const mcp_image_server_t  *server;

    list = json_array();

    /* before the counts: who comes in between is told of by the next answer */

    counter = (json_int_t) sh->demand;

    for (i = 0; i < mcp_image_nservers(image); i++) {

        server = mcp_image_server(image, i);

        if (server->activation_timeout) {
            (void) json_array_append_new(list,
                ngx_http_mcp_tenant_demand_server(sh, image, server));
        }
    }

    return json_pack("{s:I, s:o}", "counter", counter, "servers", list);
}


static json_t *
ngx_http_mcp_tenant_demand_server(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image, const mcp_image_server_t *server)
{
    json_t             *idle;
    uint32_t            i, first;
    uint64_t            in_flight;
    mcp_str_t           tenant, id;
    ngx_msec_t          passed;
    ngx_atomic_uint_t   asked;

    id = mcp_image_text(image, &server->id);
    tenant = mcp_image_text(image,
                            &mcp_image_tenant(image, server->tenant)->id);

    first = server->endpoints.first;
    in_flight = 0;

    for (i = 0; i < server->endpoints.count + server->ndraining; i++) {
        in_flight += ngx_http_mcp_tenant_zone_pod(sh,
                         mcp_image_endpoint(image, first + i)->pod);
    }

    asked = server->pod < mcp_rows_capacity(sh->tables[MCP_IMAGE_ROWS_PODS])
            ? sh->asked[server->pod] : 0;

    /* other workers may be ahead of this one's time */

    passed = ngx_current_msec - (ngx_msec_t) asked;

    idle = asked == 0 ? json_null()
           : json_integer((ngx_msec_int_t) passed < 0
                          ? 0 : (json_int_t) (passed / 1000));

    return json_pack("{s:s%, s:s%, s:I, s:I, s:o}",
                     "tenant", tenant.data, tenant.len,
                     "server", id.data, id.len,
                     "waiting", (json_int_t)
                                ngx_http_mcp_tenant_zone_pod(sh, server->pod),
                     "in_flight", (json_int_t) in_flight,
                     "idle_seconds", idle);
}
