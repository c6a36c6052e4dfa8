/*
 * The load balancer of "mcp_tenant_peers": its peers are the endpoints of the
 * server that the access phase allowed this request to reach, and none when
 * it allowed nothing.
 */

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


static ngx_int_t ngx_http_mcp_tenant_upstream_init(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_mcp_tenant_upstream_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_mcp_tenant_upstream_request(ngx_http_request_t *r,
    ngx_http_mcp_tenant_peer_t *peer);
static void ngx_http_mcp_tenant_upstream_drop_host(ngx_buf_t *b);
static ngx_int_t ngx_http_mcp_tenant_upstream_get_peer(
    ngx_peer_connection_t *pc, void *data);
static uint32_t ngx_http_mcp_tenant_upstream_choose(
    ngx_http_mcp_tenant_peer_t *peer);
static uint32_t ngx_http_mcp_tenant_upstream_candidate(
    ngx_http_mcp_tenant_peer_t *peer, ngx_uint_t healthy, uint32_t start);
static ngx_uint_t ngx_http_mcp_tenant_upstream_is_down(
    ngx_http_mcp_tenant_peer_t *peer, ngx_http_mcp_tenant_health_t *health);
static ngx_int_t ngx_http_mcp_tenant_upstream_use(ngx_peer_connection_t *pc,
    ngx_http_mcp_tenant_peer_t *peer, uint32_t n);
static void ngx_http_mcp_tenant_upstream_free_peer(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static uint32_t *ngx_http_mcp_tenant_upstream_in_flight(
    ngx_http_mcp_tenant_peer_t *peer, ngx_http_mcp_tenant_health_t *health);
static ngx_int_t ngx_http_mcp_tenant_upstream_test_family(ngx_log_t *log,
    mcp_address_t *address);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_mcp_tenant_upstream_set_session(
    ngx_peer_connection_t *pc, void *data);
static void ngx_http_mcp_tenant_upstream_save_session(
    ngx_peer_connection_t *pc, void *data);
#endif


/* What an NGINX upstream hides anyway, and what only concerns a browser. */
static ngx_str_t  ngx_http_mcp_tenant_hide_headers[] = {
    ngx_string("Date"),
    ngx_string("Server"),
    ngx_string("X-Pad"),
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Accel-Redirect"),
    ngx_string("X-Accel-Limit-Rate"),
    ngx_string("X-Accel-Charset"),
    ngx_string("Set-Cookie"),
    ngx_string("Location"),
    ngx_string("Refresh"),
    ngx_string("WWW-Authenticate"),
    ngx_string("Alt-Svc"),
    ngx_null_string
};


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


char *
ngx_http_mcp_tenant_peers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_tenant_srv_conf_t *mtscf = conf;

    ngx_int_t                         n;
    ngx_str_t                        *value, s;
    ngx_uint_t                        i;
    ngx_http_upstream_server_t       *us;
    ngx_http_upstream_srv_conf_t     *uscf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    uscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);
    mtmcf = ngx_http_conf_get_module_main_conf(cf,
                                               ngx_http_mcp_tenant_module);

    if (mtmcf->upstream) {
        return mtmcf->upstream == uscf ? "is duplicate"
               : "may stand in one upstream block only";
    }

    if (uscf->peer.init_upstream) {
        return "must stand before \"keepalive\" and any other balancer of "
               "this upstream block";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "max_fails=", 10) == 0) {

            n = ngx_atoi(&value[i].data[10], value[i].len - 10);
            if (n == NGX_ERROR) {
                goto invalid;
            }

            mtscf->max_fails = n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "fail_timeout=", 13) == 0) {

            s.data = &value[i].data[13];
            s.len = value[i].len - 13;

            mtscf->fail_timeout = ngx_parse_time(&s, 1);
            if (mtscf->fail_timeout == (time_t) NGX_ERROR) {
                goto invalid;
            }

            continue;
        }

        goto invalid;
    }

    /* NGINX refuses an upstream block without a server */

    if (uscf->servers->nelts == 0) {

        us = ngx_array_push(uscf->servers);
        if (us == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(us, sizeof(ngx_http_upstream_server_t));
    }

    uscf->flags = NGX_HTTP_UPSTREAM_CREATE;
    uscf->peer.init_upstream = ngx_http_mcp_tenant_upstream_init;

    mtmcf->upstream = uscf;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\", expected "
                       "\"max_fails=NUMBER\" or \"fail_timeout=TIME\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_mcp_tenant_upstream_init(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us)
{
#if (NGX_HTTP_UPSTREAM_ZONE)

    /* "zone" would copy round-robin peers that are not there */

    if (us->shm_zone) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"zone\" cannot be used with \"mcp_tenant_peers\" in "
                      "upstream \"%V\" in %s:%ui; health is shared by "
                      "\"mcp_tenant_zone\"", &us->host, us->file_name,
                      us->line);
        return NGX_ERROR;
    }

#endif

    us->peer.init = ngx_http_mcp_tenant_upstream_init_peer;

    return NGX_OK;
}


/*
 * Sets what isolation needs in the proxy's settings of every location with
 * "mcp_tenant on", whatever the location says or forgets; also for upstream
 * blocks that are not ours.
 */
ngx_int_t
ngx_http_mcp_tenant_upstream_settings(ngx_conf_t *cf,
    ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    ngx_uint_t                       i;
    ngx_hash_init_t                  hash;
    ngx_http_upstream_conf_t        *conf, none;
    ngx_http_mcp_tenant_location_t  *location;

    extern ngx_module_t  ngx_http_proxy_module;

    location = mtmcf->locations.elts;

    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "mcp_tenant_headers_hash";

    for (i = 0; i < mtmcf->locations.nelts; i++) {

        /* the proxy's settings start with those of its upstream */

        conf = location[i].loc_conf[ngx_http_proxy_module.ctx_index];

        conf->buffering = 0;
        conf->ignore_headers |= NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                                |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                                |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                                |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET
                                |NGX_HTTP_UPSTREAM_IGN_EXPIRES
                                |NGX_HTTP_UPSTREAM_IGN_CACHE_CONTROL
                                |NGX_HTTP_UPSTREAM_IGN_SET_COOKIE
                                |NGX_HTTP_UPSTREAM_IGN_VARY;
#if (NGX_HTTP_SSL)
        conf->ssl_name = NULL;
        conf->ssl_server_name = 1;
        conf->ssl_verify = location[i].conf->upstream_verify;
#endif

        /* a parent that has nothing in common makes NGINX build the hash */

        ngx_memzero(&none, sizeof(ngx_http_upstream_conf_t));
        none.hide_headers = NGX_CONF_UNSET_PTR;
        none.pass_headers = NGX_CONF_UNSET_PTR;

        ngx_memzero(&conf->hide_headers_hash, sizeof(ngx_hash_t));

        if (ngx_http_upstream_hide_headers_hash(cf, conf, &none,
                                             ngx_http_mcp_tenant_hide_headers,
                                             &hash)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_tenant_upstream_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t              *u;
    ngx_http_mcp_tenant_ctx_t        *ctx;
    ngx_http_mcp_tenant_peer_t       *peer;
    ngx_http_mcp_tenant_loc_conf_t   *mtlcf;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    u = r->upstream;

    ctx = ngx_http_mcp_tenant_ctx_find(r);
    mtlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_tenant_module);
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    if (ctx == NULL || !ctx->allowed || ctx->server == MCP_IMAGE_NONE
        || r != r->main || !mtlcf->enable)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"mcp_tenant_peers\" was reached by a request that "
                      "\"mcp_tenant on\" did not allow");
        return NGX_ERROR;
    }

    peer = ngx_pcalloc(r->pool, sizeof(ngx_http_mcp_tenant_peer_t));
    if (peer == NULL) {
        return NGX_ERROR;
    }

    peer->request = r;
    peer->ctx = ctx;
    peer->sh = mtmcf->shm_zone->data;
    peer->mtscf = ngx_http_conf_upstream_srv_conf(us,
                                                  ngx_http_mcp_tenant_module);
    peer->options = &mtmcf->options;
    peer->server = mcp_image_server(ctx->image->image, ctx->server);

    peer->tried = ngx_pcalloc(r->pool, (peer->server->endpoints.count + 63) / 64
                                       * sizeof(uint64_t));
    if (peer->tried == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_tenant_upstream_request(r, peer) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_tenant_answer_guard(r, ctx);

    u->peer.data = peer;
    u->peer.get = ngx_http_mcp_tenant_upstream_get_peer;
    u->peer.free = ngx_http_mcp_tenant_upstream_free_peer;
    u->peer.tries = peer->server->endpoints.count;
#if (NGX_HTTP_SSL)
    u->peer.set_session = ngx_http_mcp_tenant_upstream_set_session;
    u->peer.save_session = ngx_http_mcp_tenant_upstream_save_session;
#endif

    ctx->forwarded = 1;

    return NGX_OK;
}


/*
 * Puts Host and the server's own headers into the request that the proxy
 * made.  Here no variable, log or debug line can show them.
 */
static ngx_int_t
ngx_http_mcp_tenant_upstream_request(ngx_http_request_t *r,
    ngx_http_mcp_tenant_peer_t *peer)
{
    size_t                       host;
    uint32_t                     i;
    mcp_str_t                    headers, authority;
    ngx_buf_t                   *head, *b;
    ngx_chain_t                 *cl, *hosts, *rest;
    const mcp_image_t           *image;
    const mcp_image_endpoint_t  *endpoint;

    cl = r->upstream->request_bufs;
    head = cl ? cl->buf : NULL;

    if (head == NULL || head->last - head->pos < 4
        || ngx_memcmp(head->last - 4, "\r\n\r\n", 4) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"mcp_tenant_peers\" needs \"proxy_http_version 1.1\"");
        return NGX_ERROR;
    }

    image = peer->ctx->image->image;
    headers = mcp_image_text(image, &peer->server->headers);
    host = 0;

    for (i = 0; i < peer->server->endpoints.count; i++) {
        endpoint = mcp_image_endpoint(image,
                                      peer->server->endpoints.first + i);
        authority = mcp_image_text(image, &endpoint->authority);
        host = ngx_max(host, authority.len);
    }

    ngx_http_mcp_tenant_upstream_drop_host(head);
    head->last -= 2;

    /* filled in when the endpoint is chosen, anew for each one tried */

    peer->host = ngx_create_temp_buf(r->pool, sizeof("Host: \r\n") - 1 + host);
    b = ngx_create_temp_buf(r->pool, headers.len + 2);
    hosts = ngx_alloc_chain_link(r->pool);
    rest = ngx_alloc_chain_link(r->pool);

    if (peer->host == NULL || b == NULL || hosts == NULL || rest == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, headers.data, headers.len);
    *b->last++ = CR;
    *b->last++ = LF;

    hosts->buf = peer->host;
    hosts->next = rest;
    rest->buf = b;
    rest->next = cl->next;
    cl->next = hosts;

    b->last_buf = head->last_buf;
    b->last_in_chain = head->last_in_chain;
    b->flush = head->flush;

    head->last_buf = 0;
    head->last_in_chain = 0;
    head->flush = 0;

    return NGX_OK;
}


/* The Host that proxy_set_header gave, or its default, the block's name. */
static void
ngx_http_mcp_tenant_upstream_drop_host(ngx_buf_t *b)
{
    u_char  *line, *next;

    for (line = b->pos; line < b->last; line = next) {

        next = ngx_strlchr(line, b->last, LF);
        next = next ? next + 1 : b->last;

        if (next - line > 5
            && ngx_strncasecmp(line, (u_char *) "Host:", 5) == 0)
        {
            ngx_memmove(line, next, b->last - next);
            b->last -= next - line;
            next = line;
        }
    }
}


static ngx_int_t
ngx_http_mcp_tenant_upstream_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_mcp_tenant_peer_t *peer = data;

    uint32_t  n;

    pc->cached = 0;
    pc->connection = NULL;

    n = ngx_http_mcp_tenant_upstream_choose(peer);

    if (n == MCP_IMAGE_NONE) {
        pc->name = peer->name;
        return NGX_BUSY;
    }

    return ngx_http_mcp_tenant_upstream_use(pc, peer, n);
}


/*
 * The less busy of two random healthy endpoints (power of two choices).  When
 * all have failed lately, they are tried all the same: their next answer is the
 * only way to learn that they are back.
 */
static uint32_t
ngx_http_mcp_tenant_upstream_choose(ngx_http_mcp_tenant_peer_t *peer)
{
    uint32_t                       one, two, count, first;
    const mcp_image_t             *image;
    ngx_http_mcp_tenant_health_t  *a, *b;

    count = peer->server->endpoints.count;

    if (count == 0) {
        return MCP_IMAGE_NONE;
    }

    one = ngx_http_mcp_tenant_upstream_candidate(peer, 1,
                                                 ngx_random() % count);
    if (one == MCP_IMAGE_NONE) {
        return ngx_http_mcp_tenant_upstream_candidate(peer, 0,
                                                      ngx_random() % count);
    }

    if (count == 1) {
        return one;
    }

    two = ngx_http_mcp_tenant_upstream_candidate(peer, 1,
              (one + 1 + ngx_random() % (count - 1)) % count);

    if (two == one) {
        return one;
    }

    image = peer->ctx->image->image;
    first = peer->server->endpoints.first;

    a = ngx_http_mcp_tenant_zone_health(peer->sh,
            mcp_image_endpoint(image, first + one)->identity);
    b = ngx_http_mcp_tenant_zone_health(peer->sh,
            mcp_image_endpoint(image, first + two)->identity);

    return *ngx_http_mcp_tenant_upstream_in_flight(peer, b)
           < *ngx_http_mcp_tenant_upstream_in_flight(peer, a) ? two : one;
}


/* The first endpoint from start on that was not tried. */
static uint32_t
ngx_http_mcp_tenant_upstream_candidate(ngx_http_mcp_tenant_peer_t *peer,
    ngx_uint_t healthy, uint32_t start)
{
    uint32_t                       i, n, count;
    const mcp_image_endpoint_t    *endpoint;
    ngx_http_mcp_tenant_health_t  *health;

    count = peer->server->endpoints.count;

    for (i = 0; i < count; i++) {

        n = (start + i) % count;

        if (peer->tried[n / 64] & (1ull << (n % 64))) {
            continue;
        }

        if (!healthy) {
            return n;
        }

        endpoint = mcp_image_endpoint(peer->ctx->image->image,
                                      peer->server->endpoints.first + n);
        health = ngx_http_mcp_tenant_zone_health(peer->sh, endpoint->identity);

        if (health == NULL || !ngx_http_mcp_tenant_upstream_is_down(peer,
                                                                    health))
        {
            return n;
        }
    }

    return MCP_IMAGE_NONE;
}


static ngx_uint_t
ngx_http_mcp_tenant_upstream_is_down(ngx_http_mcp_tenant_peer_t *peer,
    ngx_http_mcp_tenant_health_t *health)
{
    return peer->mtscf->max_fails
           && health->fails >= peer->mtscf->max_fails
           && ngx_time() - (time_t) health->checked
              <= peer->mtscf->fail_timeout;
}


static ngx_int_t
ngx_http_mcp_tenant_upstream_use(ngx_peer_connection_t *pc,
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
    image = peer->ctx->image->image;
    endpoint = mcp_image_endpoint(image, peer->server->endpoints.first + n);

    peer->current = n;
    peer->tried[n / 64] |= 1ull << (n % 64);
    peer->health = ngx_http_mcp_tenant_zone_health(peer->sh,
                                                   endpoint->identity);

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

    (*ngx_http_mcp_tenant_upstream_in_flight(peer, peer->health))++;

    return NGX_OK;
}


static void
ngx_http_mcp_tenant_upstream_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_mcp_tenant_peer_t *peer = data;

    uint32_t    n;
    ngx_uint_t  down;

    n = peer->current;

    (*ngx_http_mcp_tenant_upstream_in_flight(peer, peer->health))--;

    if (!(state & NGX_PEER_FAILED)) {

        if (peer->health && peer->health->fails) {
            peer->health->fails = 0;
        }

    } else if (pc->cached) {

        /* a kept connection that was closed says nothing of its server */

        peer->tried[n / 64] &= ~(1ull << (n % 64));

    } else if (peer->health) {
        down = ngx_http_mcp_tenant_upstream_is_down(peer, peer->health);

        (void) ngx_atomic_fetch_add(&peer->health->fails, 1);
        peer->health->checked = ngx_time();

        if (!down && ngx_http_mcp_tenant_upstream_is_down(peer, peer->health))
        {
            ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                          "upstream %V failed and rests for %T s",
                          peer->name, peer->mtscf->fail_timeout);
        }
    }

    if (pc->tries) {
        pc->tries--;
    }
}


static uint32_t *
ngx_http_mcp_tenant_upstream_in_flight(ngx_http_mcp_tenant_peer_t *peer,
    ngx_http_mcp_tenant_health_t *health)
{
    static uint32_t  uncounted;

    if (ngx_http_mcp_tenant_in_flight == NULL) {
        ngx_http_mcp_tenant_in_flight = ngx_calloc(peer->sh->nhealth
                                                   * sizeof(uint32_t),
                                                   ngx_cycle->log);
    }

    if (health == NULL || ngx_http_mcp_tenant_in_flight == NULL) {
        return &uncounted;
    }

    return &ngx_http_mcp_tenant_in_flight[
                ngx_http_mcp_tenant_zone_index(peer->sh, health)];
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_mcp_tenant_upstream_set_session(ngx_peer_connection_t *pc, void *data)
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


static void
ngx_http_mcp_tenant_upstream_save_session(ngx_peer_connection_t *pc,
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
ngx_http_mcp_tenant_upstream_exit_process(void)
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


/*
 * connect() takes an address with bytes behind it on Linux, but no standard
 * says so; without it kept connections could not be told apart.
 */
ngx_int_t
ngx_http_mcp_tenant_upstream_self_test(ngx_log_t *log)
{
    mcp_address_t  address;

    if (mcp_address_parse("127.0.0.1", sizeof("127.0.0.1") - 1, 0, &address)
        != MCP_OK
        || ngx_http_mcp_tenant_upstream_test_family(log, &address) != NGX_OK
        || mcp_address_parse("::1", sizeof("::1") - 1, 0, &address) != MCP_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mcp_tenant_upstream_test_family(log, &address);
}


static ngx_int_t
ngx_http_mcp_tenant_upstream_test_family(ngx_log_t *log,
    mcp_address_t *address)
{
    ngx_int_t                       rc;
    socklen_t                       len;
    ngx_socket_t                    s, c;
    ngx_http_mcp_tenant_sockaddr_t  tagged;

    s = ngx_socket(address->sa.sa_family, SOCK_STREAM, 0);
    c = ngx_socket(address->sa.sa_family, SOCK_STREAM, 0);

    rc = NGX_OK;
    len = mcp_address_len(address);

    ngx_memzero(&tagged, sizeof(tagged));
    tagged.address = *address;

    /* a system without this family, or without its loopback, has no need */

    if (s == (ngx_socket_t) -1 || c == (ngx_socket_t) -1
        || bind(s, &tagged.address.sa, len) == -1
        || listen(s, 1) == -1
        || getsockname(s, &tagged.address.sa, &len) == -1)
    {
        goto done;
    }

    ngx_memset(&tagged.bytes[len], 0xa5, NGX_HTTP_MCP_TENANT_TAG_LEN);

    if (connect(c, &tagged.address.sa, len + NGX_HTTP_MCP_TENANT_TAG_LEN)
        == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_socket_errno,
                      "connect() refuses a tagged address on this system, "
                      "which \"mcp_tenant_peers\" needs to keep the "
                      "connections of tenants apart");
        rc = NGX_ERROR;
    }

done:

    if (s != (ngx_socket_t) -1) {
        (void) ngx_close_socket(s);
    }

    if (c != (ngx_socket_t) -1) {
        (void) ngx_close_socket(c);
    }

    return rc;
}
