/*
 * What the sidecar answers over HTTP, to a client that writes what it likes;
 * client and server take turns in one process.
 */

#include "httpd.h"
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>


#define PATIENCE_TURNS  1000
#define TURN_MS         10
#define PATIENCE_MS     10000


typedef struct {
    int     fd;
    bool    closed;
    size_t  len;
    char    text[8192];
} client_t;


static void test_listen(void);
static void test_answers(void);
static void test_descriptor(void);
static void test_requests(void);
static void test_held(void);
static void test_many_held(void);
static void test_left(void);
static void test_end(void);
static void start(void);
static void is_answered(const char *method, const char *path,
    const char *status, const char *body);
static void client_open(client_t *client);
static void client_send(client_t *client, const char *text);
static bool client_read(client_t *client);
static bool client_finish(client_t *client);
static void turn(void);
static bool until_held(unsigned count);
static uint64_t now_of(void *data);
static bool healthy(void *data, char why[HTTPD_WHY_LEN]);
static bool ready(void *data, char why[HTTPD_WHY_LEN]);
static char *metrics(void *data);
static bool drain(void *data, const char *namespace, const char *server,
    uint64_t waited_ms);


static httpd_t       *httpd;
static bool           is_fine = true;
static uint64_t       clock_ms = 1000;
static uint64_t       drain_ms;
static unsigned       asked;
static unsigned       nasked[2];        /* of "search" and of others */
static bool           seen[HTTPD_HELD_MAX];     /* of "s-0" and so on */
static unsigned       nseen;
static char           asked_for[160];
static client_t       clients[HTTPD_HELD_MAX + 1];
static kube_clock_t   clock_of_test = { now_of, NULL, NULL };

static httpd_options_t  options = {
    &clock_of_test, healthy, ready, metrics, drain, NULL
};


int
main(void)
{
    test_listen();
    test_answers();
    test_descriptor();
    test_requests();
    test_held();
    test_many_held();
    test_left();
    test_end();

    return done();
}


static void
test_listen(void)
{
    char     why[HTTPD_WHY_LEN], text[64];
    size_t   i;

    static const char *const  wrong[] = {
        "", ":", "8082", "localhost:8082", "127.0.0.1", "127.0.0.1:",
        "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:80x",
        "::1:8082:", "[::1:80"
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        why[0] = '\0';
        ok(httpd_new(wrong[i], &options, why) == NULL
           && strstr(why, "expected ADDRESS:PORT"), "\"%s\" is refused",
           wrong[i]);
    }

    start();
    ok(httpd_port(httpd) != 0, "a port that is free");
    (void) snprintf(text, sizeof(text), "127.0.0.1:%u", httpd_port(httpd));
    ok(httpd_new(text, &options, why) == NULL
       && strstr(why, "cannot be listened on: Address already in use"),
       "a port that is in use");
    httpd_free(httpd);
    httpd_free(NULL);
}


static void
test_answers(void)
{
    start();

    is_answered("GET", "/healthz", "200 OK", "ok\n");
    is_answered("GET", "/readyz?verbose", "200 OK", "ok\n");
    is_answered("HEAD", "/healthz", "200 OK", "");
    is_answered("GET", "/metrics", "200 OK", "a_metric 1\n");
    ok(strstr(clients[0].text, "Content-Type: text/plain; version=0.0.4"),
       "metrics have their type");
    is_answered("HEAD", "/metrics", "200 OK", "");

    is_fine = false;
    is_answered("GET", "/healthz", "503 Service Unavailable",
                "no sync for 10 minutes\n");
    is_answered("GET", "/readyz", "503 Service Unavailable",
                "no list yet\n");
    is_answered("GET", "/metrics", "503 Service Unavailable",
                "found no memory, expected more\n");
    is_fine = true;

    is_answered("GET", "/", "404 Not Found", "found another path, expected "
                "/healthz, /readyz, /metrics or /drain/NAMESPACE/SERVER\n");
    is_answered("GET", "/healthz/", "404 Not Found", "found another path, "
                "expected /healthz, /readyz, /metrics or "
                "/drain/NAMESPACE/SERVER\n");
    is_answered("POST", "/healthz", "405 Method Not Allowed",
                "found another method, expected GET or HEAD\n");
    ok(strstr(clients[0].text, "\r\nAllow: GET, HEAD\r\n"),
       "it says which there are");
    is_answered("DELETE", "/drain/mcp-team-a/search",
                "405 Method Not Allowed",
                "found another method, expected GET or HEAD\n");

    asked = 0;
    is_answered("GET", "/drain/mcp-team-a", "404 Not Found", "found another "
                "path, expected /drain/NAMESPACE/SERVER\n");
    is_answered("GET", "/drain/mcp-team-a/search/x", "404 Not Found",
                "found another path, expected /drain/NAMESPACE/SERVER\n");
    is_answered("GET", "/drain/..%2f/search", "404 Not Found",
                "found another path, expected /drain/NAMESPACE/SERVER\n");
    is_answered("GET", "/drain/mcp-team-a/0123456789012345678901234567890123"
                "456789012345678901234567890123", "404 Not Found",
                "found another path, expected /drain/NAMESPACE/SERVER\n");
    is_int(asked, 0, "names that are none are not asked for");

    drain_ms = 0;
    is_answered("GET", "/drain/mcp-team-a/search", "200 OK", "ok\n");
    is_str(asked_for, "mcp-team-a search", "names that are some are");
    is_answered("GET", "//drain/mcp-team-a/search", "200 OK", "ok\n");

    httpd_free(httpd);
}


/* Nobody has to look again and again whether there is something to do. */
static void
test_descriptor(void)
{
    client_t       *client;
    struct pollfd   pfd;

    start();
    client = &clients[0];
    pfd.fd = httpd_fd(httpd);
    pfd.events = POLLIN;

    while (httpd_turn(httpd) == 0) {
        /* void */
    }

    is_int(poll(&pfd, 1, 0), 0, "nothing is to do");
    client_open(client);
    is_int(poll(&pfd, 1, PATIENCE_MS), 1, "a connection is");

    do {
        (void) httpd_turn(httpd);
    } while (poll(&pfd, 1, 0) == 1);

    client_send(client, "GET /healthz HTTP/1.0\r\n\r\n");
    is_int(poll(&pfd, 1, PATIENCE_MS), 1, "a request is");
    ok(client_finish(client), "it is answered");

    httpd_free(httpd);
}


static void
test_requests(void)
{
    char      *large;
    size_t     i;
    client_t  *client;

    static const char *const  broken[] = {
        "\r\n\r\n\r\n", "GET\r\n\r\n", "GET /healthz HTTP/9.9\r\n\r\n",
        "\x16\x03\x01",
        "GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n"
    };

    start();
    client = &clients[0];

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        client_open(client);
        client_send(client, broken[i]);
        turn();
        (void) close(client->fd);
    }

    client_open(client);
    client_send(client, "GET /healthz HTTP/1.1\r\nHost: x\r\n"
                "Connection: close\r\nContent-Length: 4\r\n\r\nbody");
    ok(client_finish(client) && strstr(client->text, "HTTP/1.1 200 OK"),
       "a body is not looked at");

    large = calloc(1, 70000);
    memset(large, 'x', 69999);
    client_open(client);
    client_send(client, "GET /healthz HTTP/1.1\r\nX: ");
    client_send(client, large);
    ok(client_finish(client) && !strstr(client->text, "200 OK"),
       "a head without end is given up");
    free(large);

    is_answered("GET", "/healthz", "200 OK", "ok\n");

    httpd_free(httpd);
}


static void
test_held(void)
{
    int        i;
    client_t  *client;

    start();
    client = &clients[0];
    drain_ms = 45000;
    asked = 0;

    client_open(client);
    client_send(client, "GET /drain/mcp-team-a/search HTTP/1.1\r\n"
                "Host: x\r\nConnection: close\r\n\r\n");
    ok(until_held(3), "it is asked for again and again");
    ok(!client_read(client) && client->len == 0, "there is no answer yet");
    ok(httpd_turn(httpd) <= 1000, "it wants to be called soon");

    is_answered("GET", "/healthz", "200 OK", "ok\n");

    clock_ms += 30000;
    client_open(&clients[2]);
    client_send(&clients[2], "GET /drain/mcp-team-a/docs HTTP/1.1\r\n"
                "Host: x\r\nConnection: close\r\n\r\n");

    for (i = 0; i < PATIENCE_TURNS && nasked[1] < 2; i++) {
        turn();
    }

    is_int(nasked[1] >= 2, true, "so is another, later");

    clock_ms += 15000;
    ok(client_finish(client) && strstr(client->text, "\r\n\r\nok\n"),
       "after its time there is an answer");
    ok(!client_read(&clients[2]) && clients[2].len == 0,
       "for this one alone");
    clock_ms += 30000;
    ok(client_finish(&clients[2])
       && strstr(clients[2].text, "\r\n\r\nok\n"), "then for the other");

    httpd_free(httpd);
}


static void
test_many_held(void)
{
    char    text[128];
    size_t  i;

    start();
    drain_ms = 45000;

    for (i = 0; i < HTTPD_HELD_MAX; i++) {
        (void) snprintf(text, sizeof(text), "GET /drain/mcp-team-a/s-%zu "
                        "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "\r\n", i);
        client_open(&clients[i]);
        client_send(&clients[i], text);
        turn();
    }

    for (i = 0; i < PATIENCE_TURNS && nseen < HTTPD_HELD_MAX; i++) {
        turn();
    }

    is_int(nseen, HTTPD_HELD_MAX, "as many as may wait");

    client_open(&clients[i = HTTPD_HELD_MAX]);
    client_send(&clients[i], "GET /drain/mcp-team-a/search HTTP/1.1\r\n"
                "Host: x\r\nConnection: close\r\n\r\n");
    ok(client_finish(&clients[i])
       && strstr(clients[i].text, "503 Service Unavailable")
       && strstr(clients[i].text, "too many wait\n"), "one more may not");

    clock_ms += 45000;

    for (i = 0; i < HTTPD_HELD_MAX; i++) {
        if (!client_finish(&clients[i]) || !strstr(clients[i].text, "ok\n")) {
            break;
        }
    }

    is_int((long long) i, HTTPD_HELD_MAX, "all of them are answered");

    client_open(&clients[0]);
    client_send(&clients[0], "GET /drain/mcp-team-a/search HTTP/1.1\r\n"
                "Host: x\r\nConnection: close\r\n\r\n");
    asked = 0;
    ok(until_held(2), "others may wait in their place");
    clock_ms += 45000;
    ok(client_finish(&clients[0]) && strstr(clients[0].text, "200 OK"),
       "and are answered");

    httpd_free(httpd);
}


static void
test_left(void)
{
    start();
    drain_ms = 45000;
    asked = 0;

    client_open(&clients[0]);
    client_send(&clients[0], "GET /drain/mcp-team-a/search HTTP/1.1\r\n"
                "Host: x\r\n\r\n");
    ok(until_held(2), "it waits");
    (void) close(clients[0].fd);
    turn();

    clock_ms += 45000;
    turn();
    turn();
    asked = 0;
    turn();
    is_int(asked, 0, "one that has left is forgotten after its time");

    httpd_free(httpd);
}


static void
test_end(void)
{
    client_t  *client;

    start();
    client = &clients[0];
    drain_ms = 45000;
    asked = 0;

    client_open(client);
    client_send(client, "GET /drain/mcp-team-a/search HTTP/1.1\r\n"
                "Host: x\r\nConnection: close\r\n\r\n");
    ok(until_held(2), "it waits");

    httpd_free(httpd);
    httpd = NULL;

    ok(client_finish(client), "when the sidecar ends, so does the wait");
}


static void
start(void)
{
    char  why[HTTPD_WHY_LEN];

    httpd = httpd_new("127.0.0.1:0", &options, why);

    if (httpd == NULL) {
        printf("Bail out! %s\n", why);
        exit(1);
    }
}


static void
is_answered(const char *method, const char *path, const char *status,
    const char *body)
{
    char         text[512], *found;
    client_t    *client;

    client = &clients[0];

    if (client->fd) {
        client = &clients[HTTPD_HELD_MAX];
    }

    (void) snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n"
                    "Connection: close\r\n\r\n", method, path);
    client_open(client);
    client_send(client, text);

    (void) snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n", status);
    ok(client_finish(client)
       && strncmp(client->text, text, strlen(text)) == 0, "%s %s: %s",
       method, path, status);

    found = strstr(client->text, "\r\n\r\n");
    is_str(found ? found + 4 : NULL, body, "its text");
}


static void
client_open(client_t *client)
{
    struct sockaddr_in  sin;

    memset(client, 0, sizeof(client_t));
    memset(&sin, 0, sizeof(struct sockaddr_in));

    sin.sin_family = AF_INET;
    sin.sin_port = htons(httpd_port(httpd));
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(client->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        ok(false, "a client connects: %s", strerror(errno));
    }
}


static void
client_send(client_t *client, const char *text)
{
    (void) send(client->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}


/* Whether the server has closed. */
static bool
client_read(client_t *client)
{
    ssize_t  n;

    n = recv(client->fd, client->text + client->len,
             sizeof(client->text) - 1 - client->len, MSG_DONTWAIT);

    if (n > 0) {
        client->len += (size_t) n;
        client->text[client->len] = '\0';

    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        client->closed = true;
    }

    return client->closed;
}


static bool
client_finish(client_t *client)
{
    int  i;

    for (i = 0; i < PATIENCE_TURNS && !client_read(client); i++) {
        turn();
    }

    (void) close(client->fd);
    client->fd = 0;

    return client->closed;
}


static void
turn(void)
{
    struct pollfd  pfd;

    if (httpd == NULL) {
        return;
    }

    pfd.fd = httpd_fd(httpd);
    pfd.events = POLLIN;

    (void) poll(&pfd, 1, TURN_MS);
    (void) httpd_turn(httpd);
}


static bool
until_held(unsigned count)
{
    int  i;

    for (i = 0; i < PATIENCE_TURNS && asked < count; i++) {
        turn();
    }

    return asked >= count;
}


static uint64_t
now_of(void *data)
{
    (void) data;

    return clock_ms;
}


static bool
healthy(void *data, char why[HTTPD_WHY_LEN])
{
    (void) data;
    (void) snprintf(why, HTTPD_WHY_LEN, "no sync for 10 minutes");

    return is_fine;
}


static bool
ready(void *data, char why[HTTPD_WHY_LEN])
{
    (void) data;
    (void) snprintf(why, HTTPD_WHY_LEN, "no list yet");

    return is_fine;
}


static char *
metrics(void *data)
{
    (void) data;

    return is_fine ? strdup("a_metric 1\n") : NULL;
}


static bool
drain(void *data, const char *namespace, const char *server,
    uint64_t waited_ms)
{
    unsigned  n;

    (void) data;

    asked++;

    if (sscanf(server, "s-%u", &n) == 1 && n < HTTPD_HELD_MAX && !seen[n]) {
        seen[n] = true;
        nseen++;
    }

    nasked[strcmp(server, "search") != 0]++;
    (void) snprintf(asked_for, sizeof(asked_for), "%s %s", namespace, server);

    return waited_ms >= drain_ms;
}
