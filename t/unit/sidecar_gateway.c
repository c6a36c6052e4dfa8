/*
 * What the sidecar hears of the NGINX beside it, whatever that answers; the
 * answers are written here.
 */

#include "gateway.h"
#include "tap.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>


#define PATIENCE_TURNS  1000
#define TURN_MS         10


static void test_urls(void);
static void test_answers(void);
static void test_pieces(void);
static void test_large(void);
static void test_times(void);
static void test_nobody(void);
static void test_end(void);
static void ask(const char *query);
static void answer(const char *text);
static bool until_told(void);
static void turn(void);
static bool until_request(void);
static void listen_here(void);
static uint64_t now_of(void *data);
static void reply(void *data, int status, const json_t *json,
    const char *error);


static int            server = -1;
static int            client = -1;
static char           url[128];
static char           why[GATEWAY_ERROR_LEN];
static char           request[4096];
static char           told[512];
static unsigned       replies;
static bool           again;
static uint64_t       clock_ms = 1000;
static gateway_t     *gateway;
static kube_clock_t   clock_of_test = { now_of, NULL, NULL };


int
main(void)
{
    listen_here();

    test_urls();

    gateway = gateway_new(url, &clock_of_test, why);
    ok(gateway != NULL, "%s", url);

    test_answers();
    test_pieces();
    test_large();
    test_times();
    test_nobody();
    test_end();

    gateway_free(gateway);
    gateway_free(NULL);

    return done();
}


static void
test_urls(void)
{
    size_t      i;
    gateway_t  *one;

    static const char *const  wrong[] = {
        "", "http://", "https://127.0.0.1:8081/status", "127.0.0.1:8081/x",
        "http://127.0.0.1/status", "http://127.0.0.1:8081",
        "http://127.0.0.1:/x", "http://127.0.0.1:0/x",
        "http://127.0.0.1:65536/x", "http://127.0.0.1:80800000/x",
        "http://10.0.0.1:8081/x", "http://localhost:8081/x",
        "http://u@127.0.0.1:8081/x", "http://127.0.0.1:8081/x y",
        "http://127.0.0.1:8081/x?y", "http://127.0.0.1:8081/x#y",
        "http://127.0.0.1:8081/x\r\ny", "http://0.0.0.0:8081/x"
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        why[0] = '\0';
        ok(gateway_new(wrong[i], &clock_of_test, why) == NULL
           && strstr(why, "expected a URL of the loopback"),
           "%zu is refused", i);
    }

    one = gateway_new("http://[::1]:8081/status", &clock_of_test, why);
    ok(one != NULL, "an address of IPv6");
    gateway_free(one);
}


static void
test_answers(void)
{
    size_t  i;

    static const struct {
        const char  *answer;
        const char  *told;
    } answers[] = {
        { "HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"a\":1}\n", "200 {\"a\":1}" },
        { "HTTP/1.0 202 Accepted\r\n\r\n[]", "202 []" },
        { "HTTP/1.1 404 Not Found\r\n\r\n{}", "404 NGINX answered 404" },
        { "HTTP/1.1 200 OK\r\n\r\n{\"a\":", "0 NGINX answered no whole JSON" },
        { "HTTP/1.1 200 OK\r\n\r\n", "0 NGINX answered no whole JSON" },
        { "HTTP/1.1 200 OK\r\nA: b\r\n", "0 NGINX gave no whole answer" },
        { "HTTP/2 200 OK\r\n\r\n{}", "0 NGINX gave no whole answer" },
        { "HTTP/1.1 2x0 OK\r\n\r\n{}", "0 NGINX gave no whole answer" },
        { "HTTP\r\n\r\n", "0 NGINX gave no whole answer" },
        { "\r\n\r\n", "0 NGINX gave no whole answer" },
        { "", "0 NGINX gave no whole answer" }
    };

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        ask(i ? NULL : "after=3&timeout=25");
        ok(until_request(), "a question");

        if (i < 2) {
            ok(strncmp(request, i ? "GET /status HTTP/1.0\r\n"
                                  : "GET /status?after=3&timeout=25 "
                                    "HTTP/1.0\r\n",
                       i ? 22 : 41) == 0, "it is what was to be asked");
        }

        answer(answers[i].answer);
        (void) close(client);
        ok(until_told(), "an answer");
        is_str(told, answers[i].told, "it is told");
        ok(!gateway_is_asking(gateway), "it is over");
    }
}


static void
test_pieces(void)
{
    const char  *p;

    ask(NULL);
    ok(until_request(), "a question");

    is_int(gateway_ask(gateway, NULL, 1, reply, NULL), MCP_ERROR,
           "one at a time");

    for (p = "HTTP/1.1 200 OK\r\n\r\n{\"a\":[1,2,3]}"; *p; p++) {
        (void) send(client, p, 1, MSG_NOSIGNAL);
        turn();
    }

    is_int(replies, 0, "an answer in pieces is none before its end");
    (void) close(client);
    ok(until_told(), "then it is told");
    is_str(told, "200 {\"a\":[1,2,3]}", "whole");
}


static void
test_large(void)
{
    int      i;
    char    *part;
    size_t   n;

    part = malloc(65536);
    memset(part, ' ', 65536);

    ask(NULL);
    ok(until_request(), "a question");
    answer("HTTP/1.1 200 OK\r\n\r\n");

    n = 0;

    for (i = 0; i < 100000 && n < 1024 && replies == 0; i++) {
        if (send(client, part, 65536, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
            n++;
        }

        (void) gateway_turn(gateway);
    }

    is_str(told, "0 NGINX answered more than 16 MiB", "no end is waited for");
    (void) close(client);
    free(part);
}


static void
test_times(void)
{
    ask(NULL);
    ok(until_request(), "a question");
    ok(gateway_turn(gateway) <= 5000, "it looks in time");
    clock_ms += 4999;
    turn();
    is_int(replies, 0, "there is time for an answer");
    clock_ms += 1;
    is_int(gateway_turn(gateway), 60000, "then there is none");
    is_str(told, "0 NGINX did not answer in time", "which is told");
    (void) close(client);
}


static void
test_nobody(void)
{
    char  large[2048];

    (void) close(server);

    ask(NULL);
    ok(until_told(), "nobody listens");
    is_str(told, "0 NGINX cannot be reached: Connection refused",
           "which is told");

    replies = 0;
    again = true;
    ask(NULL);
    ok(until_told(), "a reply asks again");
    again = false;
    ok(gateway_is_asking(gateway), "which is under way");
    ok(until_told(), "and has its own reply");

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    is_int(gateway_ask(gateway, large, 1, reply, NULL), MCP_ERROR,
           "a query that is too long");

    listen_here();
}


static void
test_end(void)
{
    gateway_free(gateway);
    gateway = gateway_new(url, &clock_of_test, why);

    ask(NULL);
    ok(until_request(), "a question");
    gateway_free(gateway);
    gateway = NULL;
    is_int(replies, 0, "is not answered after the end");
    (void) close(client);
}


static void
ask(const char *query)
{
    replies = 0;
    told[0] = '\0';

    is_int(gateway_ask(gateway, query, 5000, reply, NULL), MCP_OK, "asked");
}


static void
answer(const char *text)
{
    (void) send(client, text, strlen(text), MSG_NOSIGNAL);
}


static bool
until_told(void)
{
    int  i;

    replies = 0;

    for (i = 0; i < PATIENCE_TURNS && replies == 0; i++) {
        turn();
    }

    return replies == 1;
}


/* As the one loop of the sidecar does. */
static void
turn(void)
{
    struct pollfd  fd;

    gateway_poll(gateway, &fd);
    (void) poll(&fd, 1, TURN_MS);
    (void) gateway_turn(gateway);
}


static bool
until_request(void)
{
    int      i;
    size_t   len;
    ssize_t  n;

    len = 0;
    client = -1;
    request[0] = '\0';

    for (i = 0; i < PATIENCE_TURNS && !strstr(request, "\r\n\r\n"); i++) {
        turn();

        if (client == -1) {
            client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        }

        n = client == -1 ? 0 : recv(client, request + len,
                                    sizeof(request) - 1 - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t) n : 0;
        request[len] = '\0';
    }

    return strstr(request, "\r\n\r\n") != NULL;
}


static void
listen_here(void)
{
    socklen_t           len;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(struct sockaddr_in));
    len = sizeof(struct sockaddr_in);
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (bind(server, (struct sockaddr *) &sin, len) == -1
        || listen(server, 5) == -1
        || getsockname(server, (struct sockaddr *) &sin, &len) == -1)
    {
        printf("Bail out! no port\n");
        exit(1);
    }

    (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/status",
                    ntohs(sin.sin_port));
}


static uint64_t
now_of(void *data)
{
    (void) data;

    return clock_ms;
}


static void
reply(void *data, int status, const json_t *json, const char *error)
{
    char  *text;

    (void) data;
    replies++;

    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    (void) snprintf(told, sizeof(told), "%d %s", status,
                    text ? text : error ? error : "");
    free(text);

    if (again) {
        (void) gateway_ask(gateway, NULL, 5000, reply, NULL);
    }
}
