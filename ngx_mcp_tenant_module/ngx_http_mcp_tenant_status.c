/*
 * /status: what the gateway runs on, for its operator; with
 * "?wait=GENERATION&timeout=MILLISECONDS" once every worker serves that, with
 * "?sequence=N" once every worker goes by that file of the sidecar.
 */

#include "ngx_http_mcp_tenant_module.h"

#include "core/mcp_version.h"

#include <jansson.h>


#define NGX_HTTP_MCP_TENANT_STATUS_POLL_MS     20
#define NGX_HTTP_MCP_TENANT_STATUS_TIMEOUT_MS  5000
#define NGX_HTTP_MCP_TENANT_STATUS_MAX_MS      60000

/* A loader looks each second; it has this long before it is called late. */
#define NGX_HTTP_MCP_TENANT_STATUS_LATE_S      15


typedef struct {
    ngx_event_t          event;
    ngx_http_request_t  *request;
    uint64_t             generation;
    uint64_t             sequence;
    ngx_msec_t           until;
} ngx_http_mcp_tenant_wait_t;


static ngx_int_t ngx_http_mcp_tenant_status_wait(ngx_http_request_t *r,
    uint64_t generation, uint64_t sequence, ngx_msec_t timeout);
static void ngx_http_mcp_tenant_status_timer(ngx_event_t *ev);
static void ngx_http_mcp_tenant_status_cleanup(void *data);
static ngx_uint_t ngx_http_mcp_tenant_status_reached(ngx_http_request_t *r,
    uint64_t generation, uint64_t sequence);
static ngx_int_t ngx_http_mcp_tenant_status_send(ngx_http_request_t *r,
    ngx_uint_t status);
static json_t *ngx_http_mcp_tenant_status_json(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, const mcp_image_t *image);
static json_t *ngx_http_mcp_tenant_status_config(
    ngx_http_mcp_tenant_shctx_t *sh, const mcp_image_t *image);
static json_t *ngx_http_mcp_tenant_status_processes(
    ngx_http_mcp_tenant_shctx_t *sh);
static json_t *ngx_http_mcp_tenant_status_zone(
    ngx_http_mcp_tenant_main_conf_t *mtmcf);
static json_t *ngx_http_mcp_tenant_status_loader(
    ngx_http_mcp_tenant_shctx_t *sh);
static json_t *ngx_http_mcp_tenant_status_pods(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, const mcp_image_t *image);
static json_t *ngx_http_mcp_tenant_status_draining(
    ngx_http_mcp_tenant_shctx_t *sh, const mcp_image_t *image);
static json_t *ngx_http_mcp_tenant_status_error(
    ngx_http_mcp_tenant_error_t *error);
static json_t *ngx_http_mcp_tenant_status_digest(const u_char *digest);


ngx_int_t
ngx_http_mcp_tenant_status_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc, generation, sequence, timeout;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    generation = 0;
    sequence = 0;
    timeout = NGX_HTTP_MCP_TENANT_STATUS_TIMEOUT_MS;

    if (ngx_http_mcp_tenant_arg_number(r, "wait", 4, &generation) != NGX_OK
        || ngx_http_mcp_tenant_arg_number(r, "sequence", 8, &sequence)
           != NGX_OK
        || ngx_http_mcp_tenant_arg_number(r, "timeout", 7, &timeout)
           != NGX_OK
        || timeout > NGX_HTTP_MCP_TENANT_STATUS_MAX_MS)
    {
        return NGX_HTTP_BAD_REQUEST;
    }

    if (ngx_http_mcp_tenant_status_reached(r, generation, sequence)) {
        return ngx_http_mcp_tenant_status_send(r, NGX_HTTP_OK);
    }

    return ngx_http_mcp_tenant_status_wait(r, generation, sequence, timeout);
}


ngx_int_t
ngx_http_mcp_tenant_arg_number(ngx_http_request_t *r, const char *name,
    size_t len, ngx_int_t *ret_number)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) name, len, &value) != NGX_OK) {
        return NGX_OK;
    }

    n = ngx_atoi(value.data, value.len);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    *ret_number = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_status_wait(ngx_http_request_t *r, uint64_t generation,
    uint64_t sequence, ngx_msec_t timeout)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_mcp_tenant_wait_t  *wait;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_tenant_wait_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait = cln->data;
    ngx_memzero(wait, sizeof(ngx_http_mcp_tenant_wait_t));

    wait->request = r;
    wait->generation = generation;
    wait->sequence = sequence;
    wait->until = ngx_current_msec + timeout;

    wait->event.handler = ngx_http_mcp_tenant_status_timer;
    wait->event.data = wait;
    wait->event.log = r->connection->log;

    cln->handler = ngx_http_mcp_tenant_status_cleanup;

    ngx_add_timer(&wait->event, NGX_HTTP_MCP_TENANT_STATUS_POLL_MS);

    /* a client that leaves is noticed */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_mcp_tenant_status_timer(ngx_event_t *ev)
{
    ngx_uint_t                   reached;
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_mcp_tenant_wait_t  *wait;

    wait = ev->data;
    r = wait->request;
    c = r->connection;

    reached = ngx_http_mcp_tenant_status_reached(r, wait->generation,
                                                 wait->sequence);

    if (!reached && !ngx_exiting
        && (ngx_msec_int_t) (wait->until - ngx_current_msec) > 0)
    {
        ngx_add_timer(ev, NGX_HTTP_MCP_TENANT_STATUS_POLL_MS);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_mcp_tenant_status_send(r,
                                 reached ? NGX_HTTP_OK : NGX_HTTP_ACCEPTED));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_tenant_status_cleanup(void *data)
{
    ngx_http_mcp_tenant_wait_t *wait = data;

    if (wait->event.timer_set) {
        ngx_del_timer(&wait->event);
    }
}


static ngx_uint_t
ngx_http_mcp_tenant_status_reached(ngx_http_request_t *r, uint64_t generation,
    uint64_t sequence)
{
    uint64_t                          enforced;
    ngx_http_mcp_tenant_shctx_t      *sh;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);
    sh = mtmcf->shm_zone->data;

    if (generation > sh->generation
        || generation > mcp_processes_serving(sh->processes))
    {
        return 0;
    }

    return sequence == 0
           || (ngx_http_mcp_tenant_zone_sequence(sh, &enforced) == NGX_OK
               && enforced >= sequence);
}


static ngx_int_t
ngx_http_mcp_tenant_status_send(ngx_http_request_t *r, ngx_uint_t status)
{
    json_t                           *json;
    ngx_http_mcp_tenant_image_t      *image;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    image = ngx_http_mcp_tenant_image_get(mtmcf, r->connection->log);
    if (image == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    json = ngx_http_mcp_tenant_status_json(mtmcf, image->image);

    ngx_http_mcp_tenant_image_put(image);

    return ngx_http_mcp_tenant_send_json(r, status, json);
}


static json_t *
ngx_http_mcp_tenant_status_json(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const mcp_image_t *image)
{
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:o, s:o}",
                     "version", MCP_TENANT_VERSION,
                     "config", ngx_http_mcp_tenant_status_config(sh, image),
                     "tenants", (json_int_t) mcp_image_ntenants(image),
                     "keys", (json_int_t) mcp_image_nkeys(image),
                     "servers", (json_int_t) mcp_image_nservers(image),
                     "endpoints", ngx_http_mcp_tenant_status_pods(mtmcf,
                                                                  image),
                     "unresolved_names", (json_int_t) sh->unresolved,
                     "processes", ngx_http_mcp_tenant_status_processes(sh),
                     "zone", ngx_http_mcp_tenant_status_zone(mtmcf),
                     "loader", ngx_http_mcp_tenant_status_loader(sh));
}


static json_t *
ngx_http_mcp_tenant_status_config(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image)
{
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:o}",
                     "generation", (json_int_t) mcp_image_generation(image),
                     "announced", (json_int_t) sh->generation,
                     "digest", ngx_http_mcp_tenant_status_digest(
                                   mcp_image_digest(image)),
                     "last_success", (json_int_t) sh->last_success,
                     "last_failure", (json_int_t) sh->last_failure,
                     "last_error", ngx_http_mcp_tenant_status_error(
                                       &sh->error));
}


/* sequence: of the file that all processes serve by, null without one */
static json_t *
ngx_http_mcp_tenant_status_pods(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const mcp_image_t *image)
{
    json_t                       *enforced, *taken;
    uint64_t                      sequence;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    if (mtmcf->pods == NULL) {
        enforced = json_null();
        taken = json_null();

    } else {
        taken = json_integer((json_int_t) sh->pods_taken);
        enforced = ngx_http_mcp_tenant_zone_sequence(sh, &sequence) == NGX_OK
                   ? json_integer((json_int_t) sequence) : json_null();
    }

    return json_pack("{s:o, s:o, s:I, s:o, s:o}",
                     "sequence", enforced,
                     "loaded", taken,
                     "endpoints", (json_int_t) mcp_image_nendpoints(image),
                     "error", ngx_http_mcp_tenant_status_error(
                                  &sh->pods_error),
                     "draining", ngx_http_mcp_tenant_status_draining(sh,
                                                                    image));
}


static json_t *
ngx_http_mcp_tenant_status_draining(ngx_http_mcp_tenant_shctx_t *sh,
    const mcp_image_t *image)
{
    json_t                      *list;
    uint32_t                     i, n;
    mcp_str_t                    tenant, id, text;
    const mcp_image_server_t    *server;
    const mcp_image_endpoint_t  *endpoint;

    list = json_array();

    for (i = 0; i < mcp_image_nservers(image); i++) {

        server = mcp_image_server(image, i);

        for (n = 0; n < server->ndraining; n++) {

            endpoint = mcp_image_endpoint(image, server->endpoints.first
                                                 + server->endpoints.count
                                                 + n);
            id = mcp_image_text(image, &server->id);
            text = mcp_image_text(image, &endpoint->text);
            tenant = mcp_image_text(image, &mcp_image_tenant(image,
                                               server->tenant)->id);

            (void) json_array_append_new(list,
                json_pack("{s:s%, s:s%, s:s%, s:I}",
                          "tenant", tenant.data, tenant.len,
                          "server", id.data, id.len,
                          "address", text.data, text.len,
                          "in_flight", (json_int_t)
                                       ngx_http_mcp_tenant_zone_pod(
                                           sh, endpoint->pod)));
        }
    }

    return list;
}


/* null when the files are served as they are */
static json_t *
ngx_http_mcp_tenant_status_error(ngx_http_mcp_tenant_error_t *error)
{
    u_char  text[NGX_HTTP_MCP_TENANT_ERROR_BYTES];

    ngx_http_mcp_tenant_zone_error(error, text);

    return text[0] == '\0' ? json_null() : json_string((char *) text);
}


static json_t *
ngx_http_mcp_tenant_status_processes(ngx_http_mcp_tenant_shctx_t *sh)
{
    json_t              *list, *digest;
    u_char               bytes[NGX_HTTP_MCP_TENANT_DIGEST_BYTES];
    uint32_t             n;
    mcp_process_info_t   info;

    list = json_array();

    for (n = 0; n < mcp_processes_used(sh->processes); n++) {

        if (!mcp_process_info(sh->processes, n, &info)) {
            continue;
        }

        if (info.serves == MCP_GENERATION_NONE) {
            (void) json_array_append_new(list,
                json_pack("{s:i, s:s, s:n, s:n}", "pid", info.pid,
                          "state", "draining", "generation", "digest"));
            continue;
        }

        digest = ngx_http_mcp_tenant_zone_digest(sh, info.serves, bytes)
                 == NGX_OK ? ngx_http_mcp_tenant_status_digest(bytes)
                           : json_null();

        (void) json_array_append_new(list,
            json_pack("{s:i, s:s, s:I, s:o}", "pid", info.pid,
                      "state", "serving", "generation",
                      (json_int_t) info.serves, "digest", digest));
    }

    return list;
}


static json_t *
ngx_http_mcp_tenant_status_zone(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    json_t                       *zone;
    ngx_uint_t                    kind;
    ngx_http_mcp_tenant_shctx_t  *sh;

    sh = mtmcf->shm_zone->data;

    zone = json_pack("{s:I}", "bytes",
                     (json_int_t) mtmcf->shm_zone->shm.size);

    for (kind = 0; kind < MCP_IMAGE_ROWS_KINDS; kind++) {
        (void) json_object_set_new(zone,
            ngx_http_mcp_tenant_zone_words[kind],
            json_pack("{s:I, s:I}", "used",
                      (json_int_t) mcp_rows_used(sh->tables[kind]),
                      "capacity",
                      (json_int_t) mcp_rows_capacity(sh->tables[kind])));
    }

    return zone;
}


static json_t *
ngx_http_mcp_tenant_status_loader(ngx_http_mcp_tenant_shctx_t *sh)
{
    ngx_uint_t  late;

    late = (time_t) sh->looked + NGX_HTTP_MCP_TENANT_STATUS_LATE_S
           < ngx_time();

    return json_pack("{s:s, s:I, s:b}",
                     "state", sh->looked == 0 ? "starting"
                              : late ? "late" : "ok",
                     "last_look", (json_int_t) sh->looked,
                     "watches", (int) sh->watches);
}


static json_t *
ngx_http_mcp_tenant_status_digest(const u_char *digest)
{
    u_char  text[2 * NGX_HTTP_MCP_TENANT_DIGEST_BYTES];

    return json_stringn((char *) text,
                        ngx_hex_dump(text, (u_char *) digest,
                                     NGX_HTTP_MCP_TENANT_DIGEST_BYTES)
                        - text);
}
