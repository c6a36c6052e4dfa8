/*
 * A client of HTTP/1.0, which has neither chunks nor kept connections: an
 * answer ends with its connection.
 */

#include "gateway.h"
#include "mcp_address.h"
#include "mcp_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define GATEWAY_SCHEME         "http://"
#define GATEWAY_REQUEST_LEN    1024
#define GATEWAY_MIN_BYTES      16384
#define GATEWAY_KEEP_BYTES     (1024u * 1024)
#define GATEWAY_IDLE_TURN_MS   60000


/* failed: what to tell instead of an answer, or "" */
struct gateway_s {
    const kube_clock_t  *clock;
    mcp_address_t        address;
    char                 host[MCP_ADDRESS_TEXT_LEN];
    char                *path;

    int                  fd;
    bool                 is_asking;
    uint64_t             until_ms;
    gateway_reply_pt     reply;
    void                *data;
    char                 failed[GATEWAY_ERROR_LEN];

    char                 request[GATEWAY_REQUEST_LEN];
    size_t               len;
    size_t               sent;

    char                *answer;
    size_t               nanswer;
    size_t               capacity;
};


static bool gateway_url(gateway_t *gateway, const char *url);
static bool gateway_port(const char *text, size_t len, uint16_t *ret_port);
static void gateway_connect(gateway_t *gateway);
static bool gateway_go(gateway_t *gateway);
static bool gateway_send(gateway_t *gateway);
static bool gateway_read(gateway_t *gateway);
static bool gateway_room(gateway_t *gateway);
static void gateway_finish(gateway_t *gateway);
static int gateway_status(const gateway_t *gateway);
static void gateway_fail(gateway_t *gateway, const char *what, int err);
static uint64_t gateway_now(const gateway_t *gateway);


gateway_t *
gateway_new(const char *url, const kube_clock_t *clock,
    char reterr_text[GATEWAY_ERROR_LEN])
{
    gateway_t  *gateway;

    gateway = mcp_alloc(sizeof(gateway_t));

    if (gateway == NULL) {
        (void) snprintf(reterr_text, GATEWAY_ERROR_LEN, "%s",
                        strerror(ENOMEM));
        return NULL;
    }

    memset(gateway, 0, sizeof(gateway_t));
    gateway->clock = clock;
    gateway->fd = -1;

    if (!gateway_url(gateway, url)) {
        (void) snprintf(reterr_text, GATEWAY_ERROR_LEN, "found \"%.100s\", "
                        "expected a URL of the loopback such as "
                        "http://127.0.0.1:8081/status", url);
        gateway_free(gateway);
        return NULL;
    }

    return gateway;
}


void
gateway_free(gateway_t *gateway)
{
    if (gateway == NULL) {
        return;
    }

    if (gateway->fd != -1) {
        (void) close(gateway->fd);
    }

    free(gateway->path);
    free(gateway->answer);
    free(gateway);
}


static bool
gateway_url(gateway_t *gateway, const char *url)
{
    size_t       len;
    uint16_t     port;
    mcp_str_t    path;
    const char  *host, *slash, *colon;

    if (strncmp(url, GATEWAY_SCHEME, sizeof(GATEWAY_SCHEME) - 1) != 0) {
        return false;
    }

    host = url + sizeof(GATEWAY_SCHEME) - 1;
    slash = strchr(host, '/');

    if (slash == NULL) {
        return false;
    }

    path.data = slash;
    path.len = strlen(slash);
    len = (size_t) (slash - host);
    colon = memrchr(host, ':', len);

    if (colon == NULL || !mcp_text_is_visible(&path)
        || path.len > GATEWAY_REQUEST_LEN / 2 || strchr(slash, '?')
        || strchr(slash, '#')
        || !gateway_port(colon + 1, (size_t) (slash - colon) - 1, &port)
        || mcp_address_parse(host, (size_t) (colon - host), port,
                             &gateway->address)
           != MCP_OK
        || !mcp_address_is_loopback(&gateway->address.sa))
    {
        return false;
    }

    (void) mcp_address_text(&gateway->address, gateway->host);
    gateway->path = mcp_alloc(path.len + 1);

    if (gateway->path == NULL) {
        return false;
    }

    memcpy(gateway->path, path.data, path.len + 1);

    return true;
}


static bool
gateway_port(const char *text, size_t len, uint16_t *ret_port)
{
    size_t    i;
    uint32_t  port;

    port = 0;

    for (i = 0; i < len && i < 6; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }

        port = port * 10 + (uint32_t) (text[i] - '0');
    }

    *ret_port = (uint16_t) port;

    return i == len && port > 0 && port <= UINT16_MAX;
}


int
gateway_ask(gateway_t *gateway, const char *query, unsigned timeout_ms,
    gateway_reply_pt reply, void *data)
{
    int  len;

    if (gateway->is_asking) {
        return MCP_ERROR;
    }

    len = snprintf(gateway->request, GATEWAY_REQUEST_LEN, "GET %s%s%s "
                   "HTTP/1.0\r\nHost: %s\r\n\r\n", gateway->path,
                   query ? "?" : "", query ? query : "", gateway->host);

    if (len < 0 || len >= GATEWAY_REQUEST_LEN) {
        return MCP_ERROR;
    }

    gateway->len = (size_t) len;
    gateway->sent = 0;
    gateway->nanswer = 0;
    gateway->failed[0] = '\0';
    gateway->is_asking = true;
    gateway->until_ms = gateway_now(gateway) + timeout_ms;
    gateway->reply = reply;
    gateway->data = data;

    gateway_connect(gateway);

    return MCP_OK;
}


bool
gateway_is_asking(const gateway_t *gateway)
{
    return gateway->is_asking;
}


void
gateway_poll(const gateway_t *gateway, struct pollfd *ret_fd)
{
    ret_fd->fd = gateway->fd;
    ret_fd->events = gateway->sent < gateway->len ? POLLOUT : POLLIN;
    ret_fd->revents = 0;
}


unsigned
gateway_turn(gateway_t *gateway)
{
    uint64_t  now;

    if (gateway->is_asking && !gateway_go(gateway)) {
        gateway_finish(gateway);
    }

    if (!gateway->is_asking) {
        return GATEWAY_IDLE_TURN_MS;
    }

    now = gateway_now(gateway);

    if (gateway->failed[0] || now >= gateway->until_ms) {
        return 0;
    }

    return gateway->until_ms - now > GATEWAY_IDLE_TURN_MS
           ? GATEWAY_IDLE_TURN_MS : (unsigned) (gateway->until_ms - now);
}


static void
gateway_connect(gateway_t *gateway)
{
    gateway->fd = socket(gateway->address.sa.sa_family,
                         SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (gateway->fd == -1
        || (connect(gateway->fd, &gateway->address.sa,
                    mcp_address_len(&gateway->address)) == -1
            && errno != EINPROGRESS))
    {
        gateway_fail(gateway, "NGINX cannot be reached", errno);
    }
}


/* Whether the answer is still to come. */
static bool
gateway_go(gateway_t *gateway)
{
    if (gateway->failed[0]) {
        return false;
    }

    if (!gateway_send(gateway) || !gateway_read(gateway)) {
        return false;
    }

    if (gateway_now(gateway) >= gateway->until_ms) {
        gateway_fail(gateway, "NGINX did not answer in time", 0);
        return false;
    }

    return true;
}


static bool
gateway_send(gateway_t *gateway)
{
    ssize_t  n;

    while (gateway->sent < gateway->len) {
        n = send(gateway->fd, gateway->request + gateway->sent,
                 gateway->len - gateway->sent, MSG_NOSIGNAL);

        if (n > 0) {
            gateway->sent += (size_t) n;
            continue;
        }

        if (errno == EINTR) {
            continue;
        }

        if (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN) {
            return true;
        }

        gateway_fail(gateway, "NGINX cannot be reached", errno);
        return false;
    }

    return true;
}


static bool
gateway_read(gateway_t *gateway)
{
    ssize_t  n;

    while (gateway->sent == gateway->len) {

        if (!gateway_room(gateway)) {
            return false;
        }

        n = recv(gateway->fd, gateway->answer + gateway->nanswer,
                 gateway->capacity - gateway->nanswer, 0);

        if (n > 0) {
            gateway->nanswer += (size_t) n;
            continue;
        }

        if (n == 0) {
            return false;
        }

        if (errno == EAGAIN) {
            return true;
        }

        if (errno != EINTR) {
            gateway_fail(gateway, "NGINX broke off", errno);
            return false;
        }
    }

    return true;
}


static bool
gateway_room(gateway_t *gateway)
{
    char    *grown;
    size_t   wanted;

    if (gateway->nanswer < gateway->capacity) {
        return true;
    }

    if (gateway->nanswer >= GATEWAY_BODY_MAX_BYTES) {
        gateway_fail(gateway, "NGINX answered more than 16 MiB", 0);
        return false;
    }

    wanted = gateway->capacity ? 2 * gateway->capacity : GATEWAY_MIN_BYTES;
    grown = mcp_alloc(wanted);

    if (grown == NULL) {
        gateway_fail(gateway, "NGINX's answer cannot be read", ENOMEM);
        return false;
    }

    if (gateway->nanswer) {
        memcpy(grown, gateway->answer, gateway->nanswer);
    }

    free(gateway->answer);
    gateway->answer = grown;
    gateway->capacity = wanted;

    return true;
}


static void
gateway_finish(gateway_t *gateway)
{
    int          status;
    char         error[GATEWAY_ERROR_LEN];
    json_t      *json;
    const char  *body;

    status = 0;
    json = NULL;
    body = NULL;

    if (gateway->fd != -1) {
        (void) close(gateway->fd);
        gateway->fd = -1;
    }

    gateway->is_asking = false;

    if (gateway->failed[0] == '\0') {
        body = memmem(gateway->answer, gateway->nanswer, "\r\n\r\n", 4);
        status = body ? gateway_status(gateway) : 0;

        if (status == 0) {
            gateway_fail(gateway, "NGINX gave no whole answer", 0);

        } else if (status < 200 || status > 299) {
            (void) snprintf(gateway->failed, GATEWAY_ERROR_LEN,
                            "NGINX answered %d", status);

        } else {
            body += 4;
            json = json_loadb(body, gateway->nanswer
                                    - (size_t) (body - gateway->answer),
                              0, NULL);

            if (json == NULL) {
                gateway_fail(gateway, "NGINX answered no whole JSON", 0);
                status = 0;
            }
        }
    }

    if (gateway->capacity > GATEWAY_KEEP_BYTES) {
        free(gateway->answer);
        gateway->answer = NULL;
        gateway->capacity = 0;
    }

    /* the next question may be asked from within */

    memcpy(error, gateway->failed, GATEWAY_ERROR_LEN);
    gateway->reply(gateway->data, status, json, json ? NULL : error);

    json_decref(json);
}


/* Of the first line: "HTTP/1.1 200 OK"; 0 when it is another. */
static int
gateway_status(const gateway_t *gateway)
{
    int   status;
    char  line[sizeof("HTTP/1.1 200")];

    if (gateway->nanswer < sizeof(line)) {
        return 0;
    }

    memcpy(line, gateway->answer, sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';

    return sscanf(line, "HTTP/1.%*1[01] %3d", &status) == 1 && status >= 100
           ? status : 0;
}


static void
gateway_fail(gateway_t *gateway, const char *what, int err)
{
    (void) snprintf(gateway->failed, GATEWAY_ERROR_LEN, "%s%s%s", what,
                    err ? ": " : "", err ? strerror(err) : "");
}


static uint64_t
gateway_now(const gateway_t *gateway)
{
    return gateway->clock->now_ms(gateway->clock->data);
}
