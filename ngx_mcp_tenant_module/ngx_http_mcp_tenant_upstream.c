/*
 * The load balancer of "mcp_tenant_peers": its peers are the endpoints of the
 * server that the access phase allowed this request to reach, and none when
 * it allowed nothing.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_upstream.h"


static ngx_int_t ngx_http_mcp_tenant_upstream_init(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_mcp_tenant_upstream_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static void ngx_http_mcp_tenant_upstream_image(ngx_http_request_t *r,
    ngx_http_mcp_tenant_peer_t *peer);
static uint32_t ngx_http_mcp_tenant_upstream_session(
    ngx_http_mcp_tenant_peer_t *peer, uint64_t identity);
static ngx_int_t ngx_http_mcp_tenant_upstream_request(ngx_http_request_t *r,
    ngx_http_mcp_tenant_peer_t *peer);
static void ngx_http_mcp_tenant_upstream_drop_host(ngx_buf_t *b);
static ngx_int_t ngx_http_mcp_tenant_upstream_test_family(ngx_log_t *log,
    mcp_address_t *address);


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
    peer->pod = MCP_IMAGE_NONE;

    ngx_http_mcp_tenant_upstream_image(r, peer);

    peer->tried = ngx_pcalloc(r->pool, (peer->server->endpoints.count
                                        + peer->server->ndraining + 63) / 64
                                       * sizeof(uint64_t));
    if (peer->tried == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_tenant_upstream_request(r, peer) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_tenant_answer_guard(r, ctx);

    u->peer.data = peer;
    u->peer.get = ngx_http_mcp_tenant_peers_get;
    u->peer.free = ngx_http_mcp_tenant_peers_free;
    u->peer.tries = ctx->session_id.len ? 1 : peer->server->endpoints.count;
#if (NGX_HTTP_SSL)
    u->peer.set_session = ngx_http_mcp_tenant_peers_set_session;
    u->peer.save_session = ngx_http_mcp_tenant_peers_save_session;
#endif

    ctx->forwarded = 1;

    return NGX_OK;
}


/*
 * Pods come and go: one that is gone must not be asked, however long the body
 * of the request took to arrive.  The newest image knows.
 */
static void
ngx_http_mcp_tenant_upstream_image(ngx_http_request_t *r,
    ngx_http_mcp_tenant_peer_t *peer)
{
    uint32_t                          server;
    uint64_t                          identity;
    ngx_http_mcp_tenant_ctx_t        *ctx;
    ngx_http_mcp_tenant_image_t      *newest;
    ngx_http_mcp_tenant_main_conf_t  *mtmcf;

    ctx = peer->ctx;
    mtmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_tenant_module);

    /* a request that is passed on again has one */

    if (ctx->endpoint_image) {
        ngx_http_mcp_tenant_image_put(ctx->endpoint_image);
    }

    ctx->endpoint = NULL;
    ctx->endpoint_image = ctx->image;
    ctx->image->refs++;

    peer->image = ctx->image->image;
    peer->server = mcp_image_server(peer->image, ctx->server);
    peer->session = ctx->session_endpoint;

    if (peer->server->runtime != MCP_RUNTIME_KUBERNETES
        || !mcp_image_has_pods(peer->image))
    {
        return;
    }

    newest = ngx_http_mcp_tenant_image_newest(mtmcf, r->connection->log);

    if (newest == NULL) {
        return;
    }

    server = ngx_http_mcp_tenant_image_server(newest->image, peer->image,
                                              ctx->server);

    if (newest == ctx->image || server == MCP_IMAGE_NONE
        || mcp_image_server(newest->image, server)->runtime
           != MCP_RUNTIME_KUBERNETES)
    {
        ngx_http_mcp_tenant_image_put(newest);
        return;
    }

    identity = ctx->session_id.len
               ? mcp_image_endpoint(peer->image, peer->server->endpoints.first
                                                 + peer->session)->identity
               : 0;

    ngx_http_mcp_tenant_image_put(ctx->endpoint_image);
    ctx->endpoint_image = newest;

    peer->image = newest->image;
    peer->server = mcp_image_server(peer->image, server);
    peer->session = ngx_http_mcp_tenant_upstream_session(peer, identity);
}


static uint32_t
ngx_http_mcp_tenant_upstream_session(ngx_http_mcp_tenant_peer_t *peer,
    uint64_t identity)
{
    uint32_t                    i;
    const mcp_image_server_t   *server;

    server = peer->server;

    for (i = 0; i < server->endpoints.count + server->ndraining; i++) {

        if (mcp_image_endpoint(peer->image,
                               server->endpoints.first + i)->identity
            == identity)
        {
            return i;
        }
    }

    return MCP_IMAGE_NONE;
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
    ngx_buf_t                   *b;
    ngx_chain_t                  lines[2];
    const mcp_image_t           *image;
    const mcp_image_endpoint_t  *endpoint;

    image = peer->image;
    headers = mcp_image_text(image, &peer->server->headers);
    host = 0;

    for (i = 0; i < peer->server->endpoints.count + peer->server->ndraining;
         i++)
    {
        endpoint = mcp_image_endpoint(image,
                                      peer->server->endpoints.first + i);
        authority = mcp_image_text(image, &endpoint->authority);
        host = ngx_max(host, authority.len);
    }

    /* filled in when the endpoint is chosen, anew for each one tried */

    peer->host = ngx_create_temp_buf(r->pool, sizeof("Host: \r\n") - 1 + host);
    b = ngx_create_temp_buf(r->pool, headers.len
                            + ngx_http_mcp_tenant_session_line_len(peer->ctx)
                            + sizeof(CRLF) - 1);

    if (peer->host == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, headers.data, headers.len);
    b->last = ngx_http_mcp_tenant_session_line(peer->ctx, b->last);
    b->last = ngx_cpymem(b->last, CRLF, sizeof(CRLF) - 1);

    lines[0].buf = peer->host;
    lines[0].next = &lines[1];
    lines[1].buf = b;
    lines[1].next = NULL;

    if (ngx_http_mcp_tenant_upstream_append(r, lines) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_tenant_upstream_drop_host(r->upstream->request_bufs->buf);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_tenant_upstream_append(ngx_http_request_t *r,
    ngx_chain_t *lines)
{
    ngx_buf_t    *head;
    ngx_chain_t  *cl, *first, **ll, *body;

    cl = r->upstream->request_bufs;
    head = cl ? cl->buf : NULL;

    if (head == NULL || head->last - head->pos < 4
        || ngx_memcmp(head->last - 4, CRLF CRLF, 4) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"mcp_tenant\" needs \"proxy_http_version 1.1\" and a "
                      "body that the proxy did not make");
        return NGX_ERROR;
    }

    first = NULL;

    if (ngx_chain_add_copy(r->pool, &first, lines) != NGX_OK) {
        return NGX_ERROR;
    }

    body = cl->next;
    cl->next = first;

    for (ll = &cl->next; *ll; ll = &(*ll)->next) {
        cl = *ll;
    }

    *ll = body;

    cl->buf->last_buf = head->last_buf;
    cl->buf->last_in_chain = head->last_in_chain;
    cl->buf->flush = head->flush;

    head->last -= sizeof(CRLF) - 1;
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
