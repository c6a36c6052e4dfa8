/*
 * Choosing an endpoint of the request's server, and what is learned from how
 * it went: health for all workers, connections and TLS sessions for this one.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"
#include "ngx_http_mcp_tenant_series.h"


static uint32_t ngx_http_mcp_tenant_peers_choose(
    ngx_http_mcp_tenant_peer_t *peer);
static uint32_t ngx_http_mcp_tenant_peers_candidate(
    ngx_http_mcp_tenant_peer_t *peer, ngx_uint_t healthy, uint32_t start);
static ngx_uint_t ngx_http_mcp_tenant_peers_listed(
    ngx_http_mcp_tenant_peer_t *peer, uint32_t n);
static ngx_http_mcp_tenant_health_t *ngx_http_mcp_tenant_peers_health(
    ngx_http_mcp_tenant_peer_t *peer, const mcp_image_endpoint_t *endpoint);
static ngx_uint_t ngx_http_mcp_tenant_peers_is_down(
    ngx_http_mcp_tenant_peer_t *peer, ngx_http_mcp_tenant_health_t *health);
static ngx_int_t ngx_http_mcp_tenant_peers_use(ngx_peer_connection_t *pc,
    ngx_http_mcp_tenant_peer_t *peer, uint32_t n);
static void ngx_http_mcp_tenant_peers_failed(ngx_peer_connection_t *pc,
    ngx_http_mcp_tenant_peer_t *peer);
static uint32_t *ngx_http_mcp_tenant_peers_in_flight(
    ngx_http_mcp_tenant_peer_t *peer, ngx_http_mcp_tenant_health_t *health);


/* Requests that this worker has under way, by index of the health row. */
static uint32_t  *ngx_http_mcp_tenant_in_flight;

#if (NGX_HTTP_SSL)

#define NGX_HTTP_MCP_TENANT_SESSIONS  1024

typedef struct {
    uint64_t           tag;
    ngx_ssl_session_t *session;
} ngx_http_mcp_tenant_session_t;

/* TLS sessions of this worker; a tag belongs to one server and address. */
static ngx_http_mcp_tenant_session_t
    ngx_http_mcp_tenant_sessions[NGX_HTTP_MCP_TENANT_SESSIONS];

#endif


ngx_int_t
ngx_http_mcp_tenant_peers_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_mcp_tenant_peer_t *peer = data;

    uint32_t  n;

    pc->cached = 0;
    pc->connection = NULL;

    n = ngx_http_mcp_tenant_peers_choose(peer);

    if (n == MCP_IMAGE_NONE) {
        pc->name = peer->name;
        return NGX_BUSY;
    }

    return ngx_http_mcp_tenant_peers_use(pc, peer, n);
}


/*
 * The less busy of two random healthy endpoints (power of two choices).  When
 * all have failed lately, they are tried all the same: their next answer is the
 * only way to learn that they are back.
 */
static uint32_t
ngx_http_mcp_tenant_peers_choose(ngx_http_mcp_tenant_peer_t *peer)
{
    uint32_t                       one, two, count, first;
    const mcp_image_t             *image;
    ngx_http_mcp_tenant_health_t  *a, *b;

    count = peer->server->endpoints.count;

#ifndef MCP_BREAK_STICKY

    /* a session lives on the endpoint that opened it, and nowhere else */

    if (peer->ctx->session_id.len) {
        one = peer->session;

        return one == MCP_IMAGE_NONE
               || (peer->tried[one / 64] & (1ull << (one % 64)))
               || !ngx_http_mcp_tenant_peers_listed(peer, one)
               ? MCP_IMAGE_NONE : one;
    }

#endif

    if (count == 0) {
        return MCP_IMAGE_NONE;
    }

    one = ngx_http_mcp_tenant_peers_candidate(peer, 1,
                                                 ngx_random() % count);
    if (one == MCP_IMAGE_NONE) {
        return ngx_http_mcp_tenant_peers_candidate(peer, 0,
                                                      ngx_random() % count);
    }

    if (count == 1) {
        return one;
    }

    two = ngx_http_mcp_tenant_peers_candidate(peer, 1,
              (one + 1 + ngx_random() % (count - 1)) % count);

    if (two == one) {
        return one;
    }

    image = peer->image;
    first = peer->server->endpoints.first;

    a = ngx_http_mcp_tenant_peers_health(peer,
            mcp_image_endpoint(image, first + one));
    b = ngx_http_mcp_tenant_peers_health(peer,
            mcp_image_endpoint(image, first + two));

    return *ngx_http_mcp_tenant_peers_in_flight(peer, b)
           < *ngx_http_mcp_tenant_peers_in_flight(peer, a) ? two : one;
}


/* The first endpoint from start on that was not tried. */
static uint32_t
ngx_http_mcp_tenant_peers_candidate(ngx_http_mcp_tenant_peer_t *peer,
    ngx_uint_t healthy, uint32_t start)
{
    uint32_t                       i, n, count;
    const mcp_image_endpoint_t    *endpoint;
    ngx_http_mcp_tenant_health_t  *health;

    count = peer->server->endpoints.count;

    for (i = 0; i < count; i++) {

        n = (start + i) % count;

        if ((peer->tried[n / 64] & (1ull << (n % 64)))
            || !ngx_http_mcp_tenant_peers_listed(peer, n))
        {
            continue;
        }

        if (!healthy) {
            return n;
        }

        endpoint = mcp_image_endpoint(peer->image,
                                      peer->server->endpoints.first + n);
        health = ngx_http_mcp_tenant_peers_health(peer, endpoint);

        if (health == NULL || !ngx_http_mcp_tenant_peers_is_down(peer,
                                                                    health))
        {
            return n;
        }
    }

    return MCP_IMAGE_NONE;
}


/*
 * Whether a pod may still be asked, since a retry may come late, and a worker
 * that drains has an image that does not change any more.
 */
static ngx_uint_t
ngx_http_mcp_tenant_peers_listed(ngx_http_mcp_tenant_peer_t *peer, uint32_t n)
{
    uint32_t                          i, count;
    uint64_t                          identity;
    ngx_uint_t                        listed;
    const mcp_image_t                *image;
    const mcp_image_server_t         *server;
    ngx_http_mcp_tenant_image_t      *newest;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    if (peer->server->runtime != MCP_RUNTIME_KUBERNETES
        || !mcp_image_has_pods(peer->image))
    {
        return 1;
    }

    mtmcf = ngx_http_get_module_main_conf(peer->request,
                                          ngx_http_mcp_tenant_module);
    newest = ngx_http_mcp_tenant_image_newest(
                                     mtmcf, peer->request->connection->log);

    if (newest == NULL) {
        return 1;
    }

    image = newest->image;
    listed = image == peer->image;

    i = listed ? MCP_IMAGE_NONE
               : ngx_http_mcp_tenant_image_server(image,
                     peer->ctx->image->image, peer->ctx->server);

    if (i != MCP_IMAGE_NONE) {

        server = mcp_image_server(image, i);
        identity = mcp_image_endpoint(peer->image,
                                      peer->server->endpoints.first + n)
                   ->identity;
        count = server->endpoints.count;

        if (peer->ctx->session_id.len) {
            count += server->ndraining;
        }

        for (i = 0; i < count && !listed; i++) {
            listed = mcp_image_endpoint(image, server->endpoints.first + i)
                     ->identity == identity;
        }
    }

    ngx_http_mcp_tenant_image_put(newest);

    return listed;
}


static ngx_http_mcp_tenant_health_t *
ngx_http_mcp_tenant_peers_health(ngx_http_mcp_tenant_peer_t *peer,
    const mcp_image_endpoint_t *endpoint)
{
    return endpoint->row < ngx_http_mcp_tenant_zone_nhealth(peer->sh)
           ? &peer->sh->health[endpoint->row] : NULL;
}


/* By the clock that nobody sets: a rest must not last until it was set. */
static ngx_uint_t
ngx_http_mcp_tenant_peers_is_down(ngx_http_mcp_tenant_peer_t *peer,
    ngx_http_mcp_tenant_health_t *health)
{
    ngx_msec_t  rested;

    rested = ngx_current_msec - (ngx_msec_t) health->checked;

    return peer->mtscf->max_fails
           && health->fails >= peer->mtscf->max_fails
           && (time_t) (rested / 1000) <= peer->mtscf->fail_timeout;
}


static ngx_int_t
ngx_http_mcp_tenant_peers_use(ngx_peer_connection_t *pc,
    ngx_http_mcp_tenant_peer_t *peer, uint32_t n)
{
    mcp_str_t                    text, authority;
    const char                  *refused;
    const mcp_image_t           *image;
    ngx_http_upstream_t         *u;
    const mcp_image_endpoint_t  *endpoint;

    /* $upstream_addr goes on pointing to the name of each one tried */

    peer->name = ngx_palloc(peer->request->pool, sizeof(ngx_str_t));
    if (peer->name == NULL) {
        return NGX_ERROR;
    }

    u = peer->request->upstream;
    image = peer->image;
    endpoint = mcp_image_endpoint(image, peer->server->endpoints.first + n);

    peer->current = n;
    peer->tried[n / 64] |= 1ull << (n % 64);
    peer->health = ngx_http_mcp_tenant_peers_health(peer, endpoint);

    text = mcp_image_text(image, &endpoint->text);
    peer->name->data = (u_char *) text.data;
    peer->name->len = text.len;
    pc->name = peer->name;

    refused = mcp_address_refused(&endpoint->address.sa, peer->options->allow,
                                  peer->options->nallow);
    if (refused) {
        ngx_log_error(NGX_LOG_ERR, pc->log, 0,
                      "upstream %V is %s, which \"mcp_tenant_upstream_allow\" "
                      "does not open", peer->name, refused);
        return NGX_BUSY;
    }

    /*
     * A kept connection is found by its address, tag included: it never
     * serves another server, nor this one under other TLS settings.
     */

    peer->tag = endpoint->identity;
#if (NGX_HTTP_SSL)
    if (u->ssl) {
        peer->tag ^= (uint64_t) (uintptr_t) u->conf->ssl
                     * 0x9e3779b97f4a7c15ull + u->conf->ssl_verify;
    }
#endif

    peer->sockaddr.address = endpoint->address;
    ngx_memcpy(&peer->sockaddr.bytes[endpoint->address_len],
               &peer->tag, NGX_HTTP_MCP_TENANT_TAG_LEN);

    pc->sockaddr = &peer->sockaddr.address.sa;
    pc->socklen = endpoint->address_len + NGX_HTTP_MCP_TENANT_TAG_LEN;

    authority = mcp_image_text(image, &endpoint->authority);

    peer->host->pos = peer->host->start;
    peer->host->last = ngx_sprintf(peer->host->start, "Host: %*s\r\n",
                                   authority.len, authority.data);

#if (NGX_HTTP_SSL)
    text = mcp_image_text(image, &endpoint->tls_name);
    u->ssl_name.data = (u_char *) text.data;
    u->ssl_name.len = text.len;
#endif

    peer->ctx->endpoint = endpoint;

    (*ngx_http_mcp_tenant_peers_in_flight(peer, peer->health))++;

    if (endpoint->pod < mcp_rows_capacity(
                            peer->sh->tables[MCP_IMAGE_ROWS_PODS]))
    {
        peer->pod = endpoint->pod;
        mcp_limit_enter(peer->sh->pods, peer->pod,
                        ngx_http_mcp_tenant_process);
    }

    ngx_http_mcp_tenant_zone_ask(peer->sh, peer->server);

    return NGX_OK;
}


void
ngx_http_mcp_tenant_peers_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_mcp_tenant_peer_t *peer = data;

    uint32_t  n;

    n = peer->current;

    (*ngx_http_mcp_tenant_peers_in_flight(peer, peer->health))--;

    if (peer->pod != MCP_IMAGE_NONE) {
        mcp_limit_give(peer->sh->pods, peer->pod, ngx_http_mcp_tenant_process);
        peer->pod = MCP_IMAGE_NONE;
    }

    ngx_http_mcp_tenant_zone_ask(peer->sh, peer->server);

    if (!(state & NGX_PEER_FAILED)) {

        if (peer->health && peer->health->fails) {
            peer->health->fails = 0;
        }

    } else if (pc->cached) {

        /* a kept connection that was closed says nothing of its server */

        peer->tried[n / 64] &= ~(1ull << (n % 64));

    } else {
        ngx_http_mcp_tenant_peers_failed(pc, peer);
    }

    if (pc->tries) {
        pc->tries--;
    }
}


static void
ngx_http_mcp_tenant_peers_failed(ngx_peer_connection_t *pc,
    ngx_http_mcp_tenant_peer_t *peer)
{
    ngx_uint_t  down;

    ngx_http_mcp_tenant_count_failure(peer->sh, peer->server);

    if (peer->health == NULL) {
        return;
    }

    down = ngx_http_mcp_tenant_peers_is_down(peer, peer->health);

    (void) ngx_atomic_fetch_add(&peer->health->fails, 1);
    peer->health->checked = ngx_current_msec;

    if (!down && ngx_http_mcp_tenant_peers_is_down(peer, peer->health)) {
        ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                      "upstream %V failed and rests for %T s",
                      peer->name, peer->mtscf->fail_timeout);
    }
}


static uint32_t *
ngx_http_mcp_tenant_peers_in_flight(ngx_http_mcp_tenant_peer_t *peer,
    ngx_http_mcp_tenant_health_t *health)
{
    static uint32_t  uncounted;

    if (ngx_http_mcp_tenant_in_flight == NULL) {
        ngx_http_mcp_tenant_in_flight = ngx_calloc(
            ngx_http_mcp_tenant_zone_nhealth(peer->sh) * sizeof(uint32_t),
            ngx_cycle->log);
    }

    if (health == NULL || ngx_http_mcp_tenant_in_flight == NULL) {
        return &uncounted;
    }

    return &ngx_http_mcp_tenant_in_flight[health - peer->sh->health];
}


#if (NGX_HTTP_SSL)

ngx_int_t
ngx_http_mcp_tenant_peers_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_mcp_tenant_peer_t *peer = data;

    ngx_http_mcp_tenant_session_t  *kept;

    kept = &ngx_http_mcp_tenant_sessions[peer->tag
                                         % NGX_HTTP_MCP_TENANT_SESSIONS];

    if (kept->session == NULL || kept->tag != peer->tag) {
        return NGX_OK;
    }

    return ngx_ssl_set_session(pc->connection, kept->session);
}


void
ngx_http_mcp_tenant_peers_save_session(ngx_peer_connection_t *pc,
    void *data)
{
    ngx_http_mcp_tenant_peer_t *peer = data;

    ngx_ssl_session_t              *session;
    ngx_http_mcp_tenant_session_t  *kept;

    session = ngx_ssl_get_session(pc->connection);
    if (session == NULL) {
        return;
    }

    kept = &ngx_http_mcp_tenant_sessions[peer->tag
                                         % NGX_HTTP_MCP_TENANT_SESSIONS];

    if (kept->session) {
        ngx_ssl_free_session(kept->session);
    }

    kept->tag = peer->tag;
    kept->session = session;
}

#endif


void
ngx_http_mcp_tenant_peers_exit_process(void)
{
#if (NGX_HTTP_SSL)

    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_MCP_TENANT_SESSIONS; i++) {
        if (ngx_http_mcp_tenant_sessions[i].session) {
            ngx_ssl_free_session(ngx_http_mcp_tenant_sessions[i].session);
            ngx_http_mcp_tenant_sessions[i].session = NULL;
        }
    }

#endif

    ngx_free(ngx_http_mcp_tenant_in_flight);
    ngx_http_mcp_tenant_in_flight = NULL;
}
