/*
 * Requests with libcurl, on one multi handle.
 *
 * libcurl forbids to add and to remove handles from its callbacks, so a call
 * that is sent or cancelled is only marked, and kube_http_turn() does it.
 */

#include "kube_http_parts.h"
#include "kube_status.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define KUBE_HTTP_CONNECTIONS_MAX    32
#define KUBE_HTTP_IDLE_CONNECTIONS   8
#define KUBE_HTTP_RETRY_MAX_SECONDS  3600
#define KUBE_HTTP_MIN_BYTES          4096


static bool kube_http_set_callbacks(kube_call_t *call);
static size_t kube_http_header(char *line, size_t size, size_t n,
    void *data);
static size_t kube_http_body(char *bytes, size_t size, size_t n, void *data);
static bool kube_http_give(kube_call_t *call, const char *bytes, size_t len);
static size_t kube_http_keep(kube_call_t *call, const char *bytes,
    size_t len);
static int kube_http_go(kube_http_t *http);
static int kube_http_mark(kube_http_t *http);
static unsigned kube_http_idle(kube_http_t *http, unsigned timeout_ms);
static int kube_http_wait(kube_http_t *http, struct pollfd *fds,
    unsigned nfds, unsigned timeout_ms);
static void kube_http_done(kube_call_t *call, CURLcode code);
static void kube_http_answer(kube_call_t *call, kube_reply_t *reply,
    char error[KUBE_STATUS_ERROR_LEN]);
static void kube_http_drop(kube_call_t *call);
static uint64_t kube_http_now_ms(void);


kube_http_t *
kube_http_new(const kube_config_t *config)
{
    kube_http_t  *http;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }

    http = calloc(1, sizeof(kube_http_t));
    if (http == NULL) {
        curl_global_cleanup();
        return NULL;
    }

    http->config = config;
    http->credentials = kube_credentials_new(config);
    http->multi = curl_multi_init();

    if (http->credentials == NULL || http->multi == NULL
        || !kube_http_root(http)
        || curl_multi_setopt(http->multi, CURLMOPT_PIPELINING,
                             CURLPIPE_MULTIPLEX)
           != CURLM_OK
        || curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                             (long) KUBE_HTTP_CONNECTIONS_MAX)
           != CURLM_OK
        || curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS,
                             (long) KUBE_HTTP_IDLE_CONNECTIONS)
           != CURLM_OK)
    {
        kube_http_free(http);
        return NULL;
    }

    /* OpenSSL writes to sockets that the server may have closed */

    (void) signal(SIGPIPE, SIG_IGN);

    return http;
}


void
kube_http_free(kube_http_t *http)
{
    if (http == NULL) {
        return;
    }

    while (http->calls) {
        kube_http_drop(http->calls);
    }

    (void) curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->connect_to);
    kube_credentials_free(http->credentials);
    free(http->host_header);
    free(http->root);
    free(http);

    curl_global_cleanup();
}


kube_call_t *
kube_http_send(kube_http_t *http, const kube_http_request_t *request,
    kube_http_piece_pt piece, kube_http_reply_pt reply, void *data)
{
    const char   *why;
    kube_call_t  *call;

    http->why[0] = '\0';

    if (kube_credentials_refresh(http->credentials, &http->now, &why)
        != MCP_OK)
    {
        (void) snprintf(http->why, KUBE_HTTP_WHY_LEN, "%s", why);
        return NULL;
    }

    (void) snprintf(http->why, KUBE_HTTP_WHY_LEN, "there is no memory");

    call = calloc(1, sizeof(kube_call_t));
    if (call == NULL) {
        return NULL;
    }

    call->http = http;
    call->piece = piece;
    call->reply = reply;
    call->data = data;
    call->idle_timeout_ms = request->idle_timeout_ms;

    call->next = http->calls;
    http->calls = call;
    http->active++;

    call->easy = curl_easy_init();

    if (call->easy == NULL || !kube_http_set(call, request)
        || !kube_http_set_callbacks(call))
    {
        kube_http_drop(call);
        return NULL;
    }

    return call;
}


static bool
kube_http_set_callbacks(kube_call_t *call)
{
    int    failed;
    CURL  *easy;

    easy = call->easy;

    failed = curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION,
                               kube_http_header);
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, kube_http_body);
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);

    return !failed;
}


static size_t
kube_http_header(char *line, size_t size, size_t n, void *data)
{
    kube_call_t  *call;

    call = data;
    call->heard_ms = kube_http_now_ms();

    /* the empty line: a watch may have nothing to say for a long time */

    if (line[0] != '\r' && line[0] != '\n') {
        return size * n;
    }

    return kube_http_give(call, "", 0) ? size * n : 0;
}


static size_t
kube_http_body(char *bytes, size_t size, size_t n, void *data)
{
    kube_call_t  *call;

    call = data;
    call->heard_ms = kube_http_now_ms();

    if (call->piece == NULL || !call->began) {
        return kube_http_keep(call, bytes, size * n);
    }

    return kube_http_give(call, bytes, size * n) ? size * n : 0;
}


/* Returns whether to go on. */
static bool
kube_http_give(kube_call_t *call, const char *bytes, size_t len)
{
    long  status;

    if (call->cancelled) {
        return false;
    }

    status = 0;
    (void) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);

    if (call->piece == NULL || status < 200 || status > 299
        || (len == 0 && call->began))
    {
        return true;
    }

    call->began = true;
    call->http->called_back = true;

    if (!call->piece(call->data, bytes, len)) {
        call->failure = "the answer was given up";
        return false;
    }

    return true;
}


static size_t
kube_http_keep(kube_call_t *call, const char *bytes, size_t len)
{
    char    *body;
    size_t   capacity;

    if (len > KUBE_HTTP_BODY_MAX_BYTES - call->len) {
        call->failure = "the answer is larger than 64 MiB";
        return 0;
    }

    if (call->len + len > call->capacity) {
        capacity = call->capacity ? call->capacity : KUBE_HTTP_MIN_BYTES;

        while (capacity < call->len + len) {
            capacity *= 2;
        }

        body = realloc(call->body, capacity);
        if (body == NULL) {
            call->failure = "there is no memory for the answer";
            return 0;
        }

        call->body = body;
        call->capacity = capacity;
    }

    memcpy(call->body + call->len, bytes, len);
    call->len += len;

    return len;
}


const char *
kube_http_error(const kube_http_t *http)
{
    return http->why;
}


void
kube_http_cancel(kube_http_t *http, kube_call_t *call)
{
    if (!call->cancelled) {
        call->cancelled = true;
        http->active--;
    }
}


void
kube_http_guard(kube_http_t *http, void (*guard)(void *data), void *data)
{
    http->guard = guard;
    http->guard_data = data;
}


unsigned
kube_http_active(const kube_http_t *http)
{
    return http->active;
}


int
kube_http_turn(kube_http_t *http, struct pollfd *fds, unsigned nfds,
    unsigned timeout_ms)
{
    http->called_back = false;

    if (kube_http_go(http) != MCP_OK) {
        return MCP_ERROR;
    }

    /* what the callbacks led to may be due now */

    if (http->called_back) {
        timeout_ms = 0;
    }

    if (kube_http_wait(http, fds, nfds, kube_http_idle(http, timeout_ms))
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    return kube_http_go(http);
}


static int
kube_http_go(kube_http_t *http)
{
    int           running, left;
    CURLMsg      *message;
    CURLcode      code;
    kube_call_t  *call;

    if (http->guard) {
        http->guard(http->guard_data);
    }

    if (kube_http_mark(http) != MCP_OK
        || curl_multi_perform(http->multi, &running) != CURLM_OK
        || kube_http_mark(http) != MCP_OK)
    {
        return MCP_ERROR;
    }

    for ( ;; ) {
        message = curl_multi_info_read(http->multi, &left);
        if (message == NULL) {
            break;
        }

        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        call = NULL;
        code = message->data.result;
        (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                 &call);
        kube_http_done(call, code);
    }

    (void) kube_http_idle(http, 0);

    return MCP_OK;
}


/* Does what kube_http_send() and kube_http_cancel() left to do. */
static int
kube_http_mark(kube_http_t *http)
{
    kube_call_t  *call, *next;

    for (call = http->calls; call; call = next) {
        next = call->next;

        if (call->cancelled) {
            kube_http_drop(call);
            continue;
        }

        if (!call->added) {
            if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
                return MCP_ERROR;
            }

            call->added = true;
            call->heard_ms = kube_http_now_ms();
        }
    }

    return MCP_OK;
}


/*
 * Ends the calls that were idle for too long.  Returns how long none will be,
 * at most timeout_ms.
 */
static unsigned
kube_http_idle(kube_http_t *http, unsigned timeout_ms)
{
    uint64_t      now, idle;
    kube_call_t  *call, *next;

    now = kube_http_now_ms();

    for (call = http->calls; call; call = next) {
        next = call->next;

        if (call->idle_timeout_ms == 0 || !call->added || call->cancelled) {
            continue;
        }

        idle = now - call->heard_ms;

        if (idle >= call->idle_timeout_ms) {
            call->failure = "the server was silent for too long";
            kube_http_done(call, CURLE_OPERATION_TIMEDOUT);

            /* the callback may have cancelled next: it is still there */

            timeout_ms = 0;

        } else if (call->idle_timeout_ms - idle < timeout_ms) {
            timeout_ms = (unsigned) (call->idle_timeout_ms - idle);
        }
    }

    return timeout_ms;
}


static int
kube_http_wait(kube_http_t *http, struct pollfd *fds, unsigned nfds,
    unsigned timeout_ms)
{
    unsigned            i;
    struct curl_waitfd  waits[KUBE_HTTP_FDS_MAX];

    if (nfds > KUBE_HTTP_FDS_MAX) {
        return MCP_ERROR;
    }

    for (i = 0; i < nfds; i++) {
        waits[i].fd = fds[i].fd;
        waits[i].events = (short) ((fds[i].events & POLLIN
                                    ? CURL_WAIT_POLLIN : 0)
                                   | (fds[i].events & POLLPRI
                                      ? CURL_WAIT_POLLPRI : 0)
                                   | (fds[i].events & POLLOUT
                                      ? CURL_WAIT_POLLOUT : 0));
        waits[i].revents = 0;
    }

    if (timeout_ms > INT32_MAX) {
        timeout_ms = INT32_MAX;
    }

    if (curl_multi_poll(http->multi, waits, nfds, (int) timeout_ms, NULL)
        != CURLM_OK)
    {
        return MCP_ERROR;
    }

    /* curl_multi_poll() does not tell of POLLERR and POLLHUP */

    for (i = 0; i < nfds; i++) {
        fds[i].revents = 0;
    }

    if (nfds) {
        (void) poll(fds, nfds, 0);
    }

    return MCP_OK;
}


/* Calls back, and frees the call. */
static void
kube_http_done(kube_call_t *call, CURLcode code)
{
    char           error[KUBE_STATUS_ERROR_LEN];
    long           status;
    curl_off_t     retry_after;
    kube_reply_t   reply;

    if (call->cancelled) {
        kube_http_drop(call);
        return;
    }

    memset(&reply, 0, sizeof(kube_reply_t));
    reply.reason = "";

    if (code == CURLE_OK) {
        status = 0;
        retry_after = 0;
        (void) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER,
                                 &retry_after);

        reply.status = (int) status;
        reply.retry_after = (unsigned) (retry_after < 0 ? 0
                            : retry_after > KUBE_HTTP_RETRY_MAX_SECONDS
                              ? KUBE_HTTP_RETRY_MAX_SECONDS : retry_after);
        kube_http_answer(call, &reply, error);

    } else {
        kube_status_print(error, call->failure ? call->failure
                                 : call->error[0] ? call->error
                                 : curl_easy_strerror(code),
                          call->http->now.token);
        reply.error = error;
    }

    /* credentials that were refused may have rotated a moment ago */

    if (reply.status == 401 || code == CURLE_SSL_CERTPROBLEM
        || code == CURLE_PEER_FAILED_VERIFICATION
        || code == CURLE_SSL_CONNECT_ERROR)
    {
        kube_credentials_forget(call->http->credentials);
    }

    /* from here on it is not under way, and a cancel changes nothing */

    call->cancelled = true;
    call->http->active--;
    call->http->called_back = true;

    call->reply(call->data, &reply);

    json_decref(reply.body);
    kube_http_drop(call);
}


static void
kube_http_answer(kube_call_t *call, kube_reply_t *reply,
    char error[KUBE_STATUS_ERROR_LEN])
{
    bool           is_good;
    json_error_t   broken;

    is_good = (reply->status >= 200 && reply->status < 300);

    if (call->len) {

        /* a NUL in one string must not hide all objects of a list */

        reply->body = json_loadb(call->body, call->len, JSON_ALLOW_NUL,
                                 &broken);
    }

    if (is_good && call->len && reply->body == NULL) {
        (void) snprintf(error, KUBE_STATUS_ERROR_LEN, "the API server "
                        "answered %d with broken JSON at byte %d",
                        reply->status, broken.position);
        reply->status = 0;
        reply->error = error;
        return;
    }

    if (!is_good) {
        reply->reason = kube_status_tell(error, reply->body, reply->status,
                                         call->http->now.token);
        reply->error = error;

        if (reply->retry_after == 0) {
            reply->retry_after = kube_status_retry_after(reply->body);
        }
    }
}


static void
kube_http_drop(kube_call_t *call)
{
    kube_call_t  **link;

    for (link = &call->http->calls; *link != call; link = &(*link)->next) {
        /* void */
    }

    *link = call->next;

    if (!call->cancelled) {
        call->http->active--;
    }

    if (call->added) {
        (void) curl_multi_remove_handle(call->http->multi, call->easy);
    }

    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->body);
    free(call);
}


static uint64_t
kube_http_now_ms(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}
