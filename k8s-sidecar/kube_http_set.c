/*
 * The options of libcurl for one call.
 */

#include "kube_http_parts.h"
#include "mcp_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>


#define KUBE_HTTP_CONNECT_MS          10000L

/* A peer that is gone is noticed after 60 s, idle or not. */
#define KUBE_HTTP_KEEPALIVE_IDLE      30L
#define KUBE_HTTP_KEEPALIVE_INTERVAL  10L
#define KUBE_HTTP_KEEPALIVE_PROBES    3
#define KUBE_HTTP_USER_TIMEOUT_MS     60000


static bool kube_http_named(kube_http_t *http, const char *authority,
    size_t len);
static bool kube_http_set_request(kube_call_t *call,
    const kube_http_request_t *request);
static bool kube_http_set_headers(kube_call_t *call,
    const kube_http_request_t *request);
static bool kube_http_add_header(kube_call_t *call, const char *name,
    const char *value);
static bool kube_http_set_connection(kube_call_t *call);
static bool kube_http_set_blob(CURL *easy, CURLoption option,
    const char *pem);
static int kube_http_socket(void *data, curl_socket_t fd,
    curlsocktype purpose);


bool
kube_http_root(kube_http_t *http)
{
    size_t       len;
    const char  *authority;

    if (http->config->tls_server_name == NULL) {
        http->root = strdup(http->config->server);
        return http->root != NULL;
    }

    authority = http->config->server + sizeof("https://") - 1;
    len = strcspn(authority, "/");

    return kube_http_named(http, authority, len);
}


/*
 * libcurl takes the name to verify, and that of SNI, from the URL; so the URL
 * has that name, and CURLOPT_CONNECT_TO leads to the server.
 */
static bool
kube_http_named(kube_http_t *http, const char *authority, size_t len)
{
    int          host_len;
    char        *text;
    const char  *colon, *name, *port;

    name = http->config->tls_server_name;
    colon = memrchr(authority, ':', len);

    if (colon && memchr(colon, ']', len - (size_t) (colon - authority))) {
        colon = NULL;
    }

    host_len = (int) (colon ? (size_t) (colon - authority) : len);
    port = colon ? colon : ":443";

    if (asprintf(&http->root, "https://%s%s", name, colon ? colon
                                                     : authority + len)
        < 0)
    {
        http->root = NULL;
        return false;
    }

    if (asprintf(&http->host_header, "Host: %.*s", (int) len, authority)
        < 0)
    {
        http->host_header = NULL;
        return false;
    }

    if (asprintf(&text, "%s%.*s:%.*s%.*s", name, (int) strcspn(port, "/"),
                 port, host_len, authority, (int) strcspn(port, "/"), port)
        < 0)
    {
        return false;
    }

    http->connect_to = curl_slist_append(NULL, text);
    free(text);

    return http->connect_to != NULL;
}


bool
kube_http_set(kube_call_t *call, const kube_http_request_t *request)
{
    return kube_http_set_request(call, request)
           && kube_http_set_headers(call, request)
           && kube_http_set_connection(call);
}


static bool
kube_http_set_request(kube_call_t *call, const kube_http_request_t *request)
{
    int    failed;
    CURL  *easy;
    char  *url;

    easy = call->easy;

    if (asprintf(&url, "%s%s", call->http->root, request->path) < 0) {
        return false;
    }

    failed = curl_easy_setopt(easy, CURLOPT_URL, url);
    free(url);

    if (request->body) {
        failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                   (curl_off_t) request->len);
        failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                                   request->body);
    }

    if (request->body || strcmp(request->method, "GET") != 0) {
        failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                                   request->method);
    }

    failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                               (long) request->timeout_ms);

    return !failed;
}


static bool
kube_http_set_headers(kube_call_t *call, const kube_http_request_t *request)
{
    kube_http_t  *http;

    http = call->http;

    /* an empty Expect: no wait for "100 Continue" before a large body */

    return kube_http_add_header(call, "Accept: application/json", "")
           && kube_http_add_header(call, "Expect:", "")
           && (http->host_header == NULL
               || kube_http_add_header(call, http->host_header, ""))
           && (request->body == NULL
               || kube_http_add_header(call, "Content-Type: ",
                                       request->content_type))
           && (http->now.token == NULL
               || kube_http_add_header(call, "Authorization: Bearer ",
                                       http->now.token))
           && curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers)
              == CURLE_OK;
}


static bool
kube_http_add_header(kube_call_t *call, const char *name, const char *value)
{
    char               *line;
    struct curl_slist  *longer;

    if (asprintf(&line, "%s%s", name, value) < 0) {
        return false;
    }

    longer = curl_slist_append(call->headers, line);

    explicit_bzero(line, strlen(line));
    free(line);

    if (longer == NULL) {
        return false;
    }

    call->headers = longer;

    return true;
}


static bool
kube_http_set_connection(kube_call_t *call)
{
    int           failed;
    CURL         *easy;
    kube_http_t  *http;

    easy = call->easy;
    http = call->http;

    failed = curl_easy_setopt(easy, CURLOPT_USERAGENT,
                              "mcp-tenant/" MCP_TENANT_VERSION);
    failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                               (long) CURL_HTTP_VERSION_2TLS);
    failed |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                               KUBE_HTTP_CONNECT_MS);
    failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE,
                               KUBE_HTTP_KEEPALIVE_IDLE);
    failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL,
                               KUBE_HTTP_KEEPALIVE_INTERVAL);
    failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION,
                               kube_http_socket);
    failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                               (long) CURL_SSLVERSION_TLSv1_2);
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);

    if (http->connect_to) {
        failed |= curl_easy_setopt(easy, CURLOPT_CONNECT_TO,
                                   http->connect_to);
    }

    if (http->now.ca_pem) {

        /* else libcurl would trust the CAs of the system, too */

        failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }

    /*
     * libcurl never reuses a connection of another CA or another client
     * certificate in memory, so that new files mean new connections.
     */

    return !failed
           && kube_http_set_blob(easy, CURLOPT_CAINFO_BLOB, http->now.ca_pem)
           && kube_http_set_blob(easy, CURLOPT_SSLCERT_BLOB,
                                 http->now.client_certificate_pem)
           && kube_http_set_blob(easy, CURLOPT_SSLKEY_BLOB,
                                 http->now.client_key_pem);
}


static bool
kube_http_set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob  blob;

    if (pem == NULL) {
        return true;
    }

    blob.data = (void *) pem;
    blob.len = strlen(pem);
    blob.flags = CURL_BLOB_COPY;

    return curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}


/* Only makes things better: where it cannot, the request goes on. */
static int
kube_http_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
    int       probes;
    unsigned  timeout;

    (void) data;
    (void) purpose;

    probes = KUBE_HTTP_KEEPALIVE_PROBES;
    timeout = KUBE_HTTP_USER_TIMEOUT_MS;

    (void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
                      sizeof(timeout));

    return CURL_SOCKOPT_OK;
}
