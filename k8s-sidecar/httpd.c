/*
 * What the sidecar answers to others.
 */

#include "httpd.h"
#include "mcp_address.h"
#include "mcp_text.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define HTTPD_BACKLOG          128
#define HTTPD_TIMEOUT_S        10u
#define HTTPD_MEMORY_BYTES     16384
#define HTTPD_HELD_TURN_MS     200
#define HTTPD_IDLE_TURN_MS     60000

/* All preStop hooks of a node come from one address, and so may a scraper. */
#define HTTPD_PER_IP_MAX       (HTTPD_HELD_MAX + 32)

#define HTTPD_DRAIN            "/drain/"
#define HTTPD_TEXT             "text/plain; charset=utf-8"
#define HTTPD_METRICS_TEXT     "text/plain; version=0.0.4; charset=utf-8"


/* status: 0 as long as the answer is held */
typedef struct httpd_held_s  httpd_held_t;

struct httpd_held_s {
    httpd_held_t           *next;
    struct MHD_Connection  *connection;
    uint64_t                since_ms;
    unsigned                status;
    char                    namespace[64];
    char                    server[64];
};

struct httpd_s {
    httpd_options_t         options;
    struct MHD_Daemon      *daemon;
    int                     fd;
    uint16_t                port;
    httpd_held_t           *held;
    unsigned                nheld;
};


static int httpd_listen(const char *listen_on, uint16_t *ret_port,
    char reterr_text[HTTPD_WHY_LEN]);
static int httpd_bind(const mcp_address_t *address, uint16_t *ret_port);
static bool httpd_look(httpd_t *httpd);
static enum MHD_Result httpd_request(void *data,
    struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size,
    void **context);
static enum MHD_Result httpd_probe(httpd_t *httpd,
    struct MHD_Connection *connection,
    bool (*is_fine)(void *data, char why[HTTPD_WHY_LEN]));
static enum MHD_Result httpd_metrics(httpd_t *httpd,
    struct MHD_Connection *connection);
static enum MHD_Result httpd_drain(httpd_t *httpd,
    struct MHD_Connection *connection, const char *names, void **context);
static bool httpd_drain_names(const char *names, httpd_held_t *held);
static void httpd_completed(void *data, struct MHD_Connection *connection,
    void **context, enum MHD_RequestTerminationCode code);
static enum MHD_Result httpd_say(struct MHD_Connection *connection,
    unsigned status, const char *text);
static enum MHD_Result httpd_answer(struct MHD_Connection *connection,
    unsigned status, const char *type, char *text,
    enum MHD_ResponseMemoryMode mode);
static uint64_t httpd_now(const httpd_t *httpd);


/* The context of a request whose head alone has come. */
static char  httpd_begun;


httpd_t *
httpd_new(const char *listen, const httpd_options_t *options,
    char reterr_text[HTTPD_WHY_LEN])
{
    int                          fd;
    httpd_t                     *httpd;
    const union MHD_DaemonInfo  *info;

    httpd = mcp_alloc(sizeof(httpd_t));
    if (httpd == NULL) {
        (void) snprintf(reterr_text, HTTPD_WHY_LEN, "%s", strerror(ENOMEM));
        return NULL;
    }

    memset(httpd, 0, sizeof(httpd_t));
    httpd->options = *options;

    fd = httpd_listen(listen, &httpd->port, reterr_text);
    if (fd == -1) {
        free(httpd);
        return NULL;
    }

    httpd->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
                                     0, NULL, NULL, httpd_request, httpd,
                                     MHD_OPTION_LISTEN_SOCKET, fd,
                                     MHD_OPTION_CONNECTION_LIMIT,
                                     (unsigned) HTTPD_CONNECTIONS_MAX,
                                     MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                     (unsigned) HTTPD_PER_IP_MAX,
                                     MHD_OPTION_CONNECTION_TIMEOUT,
                                     HTTPD_TIMEOUT_S,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                     (size_t) HTTPD_MEMORY_BYTES,
                                     MHD_OPTION_NOTIFY_COMPLETED,
                                     httpd_completed, httpd, MHD_OPTION_END);

    if (httpd->daemon == NULL) {
        (void) snprintf(reterr_text, HTTPD_WHY_LEN, "an HTTP server cannot "
                        "be started: %s", strerror(errno));
        (void) close(fd);
        free(httpd);
        return NULL;
    }

    info = MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    httpd->fd = info->epoll_fd;

    return httpd;
}


void
httpd_free(httpd_t *httpd)
{
    httpd_held_t  *held;

    if (httpd == NULL) {
        return;
    }

    /* a daemon does not stop while one is suspended */

    for (held = httpd->held; held; held = held->next) {
        if (held->status == 0) {
            held->status = MHD_HTTP_SERVICE_UNAVAILABLE;
            MHD_resume_connection(held->connection);
        }
    }

    (void) MHD_run(httpd->daemon);
    MHD_stop_daemon(httpd->daemon);

    free(httpd);
}


int
httpd_fd(const httpd_t *httpd)
{
    return httpd->fd;
}


uint16_t
httpd_port(const httpd_t *httpd)
{
    return httpd->port;
}


bool
httpd_holds(const httpd_t *httpd)
{
    return httpd->held != NULL;
}


unsigned
httpd_turn(httpd_t *httpd)
{
    MHD_UNSIGNED_LONG_LONG  timeout;

    (void) MHD_run(httpd->daemon);

    if (httpd_look(httpd)) {
        (void) MHD_run(httpd->daemon);
    }

    if (MHD_get_timeout(httpd->daemon, &timeout) != MHD_YES
        || timeout > HTTPD_IDLE_TURN_MS)
    {
        timeout = HTTPD_IDLE_TURN_MS;
    }

    if (httpd->held && timeout > HTTPD_HELD_TURN_MS) {
        timeout = HTTPD_HELD_TURN_MS;
    }

    return (unsigned) timeout;
}


static int
httpd_listen(const char *listen_on, uint16_t *ret_port,
    char reterr_text[HTTPD_WHY_LEN])
{
    int             fd;
    char           *end;
    const char     *colon;
    unsigned long   port;
    mcp_address_t   address;

    colon = strrchr(listen_on, ':');
    port = 0;

    if (colon && colon[1] >= '0' && colon[1] <= '9') {
        port = strtoul(colon + 1, &end, 10);

    } else {
        colon = NULL;
    }

    if (colon == NULL || *end != '\0' || port > UINT16_MAX
        || mcp_address_parse(listen_on, (size_t) (colon - listen_on),
                             (uint16_t) port, &address)
           != MCP_OK)
    {
        (void) snprintf(reterr_text, HTTPD_WHY_LEN, "found \"%.100s\", "
                        "expected ADDRESS:PORT such as 0.0.0.0:8082 or "
                        "[::]:8082", listen_on);
        return -1;
    }

    fd = httpd_bind(&address, ret_port);

    if (fd == -1) {
        (void) snprintf(reterr_text, HTTPD_WHY_LEN, "%.100s cannot be "
                        "listened on: %s", listen_on, strerror(errno));
    }

    return fd;
}


static int
httpd_bind(const mcp_address_t *address, uint16_t *ret_port)
{
    int            fd, err, on;
    socklen_t      len;
    mcp_address_t  bound;

    fd = socket(address->sa.sa_family,
                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }

    on = 1;
    len = sizeof(mcp_address_t);

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
        || bind(fd, &address->sa, mcp_address_len(address)) == -1
        || listen(fd, HTTPD_BACKLOG) == -1
        || getsockname(fd, &bound.sa, &len) == -1)
    {
        err = errno;
        (void) close(fd);
        errno = err;
        return -1;
    }

    *ret_port = ntohs(bound.sa.sa_family == AF_INET6 ? bound.in6.sin6_port
                                                     : bound.in.sin_port);

    return fd;
}


/* Whether an answer is not held any more. */
static bool
httpd_look(httpd_t *httpd)
{
    bool           resumed;
    uint64_t       now;
    httpd_held_t  *held;

    if (httpd->held == NULL) {
        return false;
    }

    resumed = false;
    now = httpd_now(httpd);

    for (held = httpd->held; held; held = held->next) {

        if (held->status == 0
            && httpd->options.drain(httpd->options.data, held->namespace,
                                    held->server, now - held->since_ms))
        {
            held->status = MHD_HTTP_OK;
            MHD_resume_connection(held->connection);
            resumed = true;
        }
    }

    return resumed;
}


static enum MHD_Result
httpd_request(void *data, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **context)
{
    httpd_t *httpd = data;

    httpd_held_t         *held;
    enum MHD_Result       rc;
    struct MHD_Response  *response;

    static char  text[] = "found another method, expected GET or HEAD\n";

    (void) version;
    (void) upload;

    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0
        && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
    {
        response = MHD_create_response_from_buffer(sizeof(text) - 1, text,
                                                   MHD_RESPMEM_PERSISTENT);
        (void) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                       "GET, HEAD");
        rc = MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                                response);
        MHD_destroy_response(response);
        return rc;
    }

    if (*context == NULL) {
        *context = &httpd_begun;
        return MHD_YES;
    }

    if (*upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }

    if (*context != &httpd_begun) {
        held = *context;

        return httpd_say(connection, held->status,
                         held->status == MHD_HTTP_OK ? "ok\n"
                                                     : "it ends itself\n");
    }

    /* kubelet before 1.26 puts one before the path of a preStop hook */

    while (url[0] == '/' && url[1] == '/') {
        url++;
    }

    if (strcmp(url, "/healthz") == 0) {
        return httpd_probe(httpd, connection, httpd->options.is_healthy);
    }

    if (strcmp(url, "/readyz") == 0) {
        return httpd_probe(httpd, connection, httpd->options.is_ready);
    }

    if (strcmp(url, "/metrics") == 0) {
        return httpd_metrics(httpd, connection);
    }

    if (httpd->options.drain
        && strncmp(url, HTTPD_DRAIN, sizeof(HTTPD_DRAIN) - 1) == 0)
    {
        return httpd_drain(httpd, connection, url + sizeof(HTTPD_DRAIN) - 1,
                           context);
    }

    return httpd_say(connection, MHD_HTTP_NOT_FOUND, "found another path, "
                     "expected /healthz, /readyz, /metrics or "
                     "/drain/NAMESPACE/SERVER\n");
}


static enum MHD_Result
httpd_probe(httpd_t *httpd, struct MHD_Connection *connection,
    bool (*is_fine)(void *data, char why[HTTPD_WHY_LEN]))
{
    char  text[HTTPD_WHY_LEN + 1];

    text[0] = '\0';

    if (is_fine(httpd->options.data, text)) {
        return httpd_say(connection, MHD_HTTP_OK, "ok\n");
    }

    text[HTTPD_WHY_LEN - 1] = '\0';
    (void) strcat(text, "\n");

    return httpd_say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, text);
}


static enum MHD_Result
httpd_metrics(httpd_t *httpd, struct MHD_Connection *connection)
{
    char  *text;

    text = httpd->options.metrics(httpd->options.data);

    if (text == NULL) {
        return httpd_say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                         "found no memory, expected more\n");
    }

    return httpd_answer(connection, MHD_HTTP_OK, HTTPD_METRICS_TEXT, text,
                        MHD_RESPMEM_MUST_FREE);
}


static enum MHD_Result
httpd_drain(httpd_t *httpd, struct MHD_Connection *connection,
    const char *names, void **context)
{
    httpd_held_t  *held, one;

    if (!httpd_drain_names(names, &one)) {
        return httpd_say(connection, MHD_HTTP_NOT_FOUND, "found another path, "
                         "expected /drain/NAMESPACE/SERVER\n");
    }

    if (httpd->options.drain(httpd->options.data, one.namespace, one.server,
                             0))
    {
        return httpd_say(connection, MHD_HTTP_OK, "ok\n");
    }

    held = httpd->nheld < HTTPD_HELD_MAX ? mcp_alloc(sizeof(httpd_held_t))
                                         : NULL;

    if (held == NULL) {
        return httpd_say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                         "too many wait\n");
    }

    *held = one;
    held->connection = connection;
    held->since_ms = httpd_now(httpd);
    held->status = 0;
    held->next = httpd->held;

    httpd->held = held;
    httpd->nheld++;
    *context = held;

    MHD_suspend_connection(connection);

    return MHD_YES;
}


static bool
httpd_drain_names(const char *names, httpd_held_t *held)
{
    mcp_str_t    namespace, server;
    const char  *slash;

    slash = strchr(names, '/');

    if (slash == NULL) {
        return false;
    }

    namespace.data = names;
    namespace.len = (size_t) (slash - names);
    server.data = slash + 1;
    server.len = strlen(slash + 1);

    if (!mcp_text_is_label(&namespace) || !mcp_text_is_label(&server)) {
        return false;
    }

    memcpy(held->namespace, namespace.data, namespace.len);
    held->namespace[namespace.len] = '\0';
    memcpy(held->server, server.data, server.len + 1);

    return true;
}


static void
httpd_completed(void *data, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
    httpd_t *httpd = data;

    httpd_held_t  **link, *held;

    (void) connection;
    (void) code;

    if (*context == NULL || *context == &httpd_begun) {
        return;
    }

    held = *context;
    *context = NULL;

    for (link = &httpd->held; *link != held; link = &(*link)->next) {
        /* void */
    }

    *link = held->next;
    httpd->nheld--;
    free(held);
}


/* text is copied */
static enum MHD_Result
httpd_say(struct MHD_Connection *connection, unsigned status,
    const char *text)
{
    return httpd_answer(connection, status, HTTPD_TEXT, (char *) text,
                        MHD_RESPMEM_MUST_COPY);
}


static enum MHD_Result
httpd_answer(struct MHD_Connection *connection, unsigned status,
    const char *type, char *text, enum MHD_ResponseMemoryMode mode)
{
    enum MHD_Result       rc;
    struct MHD_Response  *response;

    response = MHD_create_response_from_buffer(strlen(text), text, mode);

    if (response == NULL) {

        if (mode == MHD_RESPMEM_MUST_FREE) {
            free(text);
        }

        return MHD_NO;
    }

    (void) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                   type);
    rc = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);

    return rc;
}


static uint64_t
httpd_now(const httpd_t *httpd)
{
    return httpd->options.clock->now_ms(httpd->options.clock->data);
}
