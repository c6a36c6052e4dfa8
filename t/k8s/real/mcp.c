/*
 * An MCP server for pods: mcp PORT VERSION.  POST answers any method with the
 * pod that it is and VERSION; "stream" sends events until that pod gets
 * "GET /release", and only then its answer; the process that does is called
 * "stream" meanwhile.  It ends at once when it is told to, whatever is under
 * way: what is lost then is lost.
 */

#include "pod.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>


#define EVENT_USEC  100000


static void mcp_serve(FILE *in, FILE *out);
static void mcp_answer(FILE *out, const char *body);
static void mcp_stream(FILE *out);
static int mcp_result(char *to, size_t size);
static void mcp_end(int signo);


static const char   *version;
static atomic_bool  *released;


int
main(int argc, char **argv)
{
    int    s, fd;
    FILE  *in, *out;

    if (argc != 3) {
        fprintf(stderr, "usage: mcp PORT VERSION\n");
        return 2;
    }

    version = argv[2];
    released = mmap(NULL, sizeof(*released), PROT_READ|PROT_WRITE,
                    MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    signal(SIGTERM, mcp_end);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);

    s = pod_listen(atoi(argv[1]));

    if (s == -1 || released == MAP_FAILED) {
        perror("mcp");
        return 1;
    }

    for ( ;; ) {
        fd = accept(s, NULL, NULL);

        if (fd == -1) {
            continue;
        }

        if (fork() == 0) {
            in = fdopen(fd, "r");
            out = fdopen(dup(fd), "w");

            if (in && out) {
                mcp_serve(in, out);
            }

            _exit(0);
        }

        close(fd);
    }
}


static void
mcp_serve(FILE *in, FILE *out)
{
    char    line[4096], body[4096];
    size_t  length;

    while (fgets(line, sizeof(line), in)) {
        if (strncmp(line, "GET /release ", 13) == 0) {
            atomic_store(released, 1);
        }

        length = 0;

        while (fgets(line, sizeof(line), in) && strcmp(line, "\r\n") != 0) {
            if (strncasecmp(line, "Content-Length:", 15) == 0) {
                length = strtoul(line + 15, NULL, 10);
            }
        }

        if (length >= sizeof(body) || fread(body, 1, length, in) != length) {
            return;
        }

        body[length] = '\0';
        mcp_answer(out, body);
    }
}


static void
mcp_answer(FILE *out, const char *body)
{
    int   length;
    char  result[512];

    if (strstr(body, "\"stream\"")) {
        (void) prctl(PR_SET_NAME, "stream");
        mcp_stream(out);
        (void) prctl(PR_SET_NAME, "mcp");
        return;
    }

    length = mcp_result(result, sizeof(result));

    fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n%s", length, result);
    fflush(out);
}


static void
mcp_stream(FILE *out)
{
    int   length;
    char  result[512], event[1024];

    fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");

    while (!atomic_load(released)) {
        length = snprintf(event, sizeof(event),
                          "data: {\"jsonrpc\":\"2.0\",\"method\":"
                          "\"notifications/progress\",\"params\":"
                          "{\"progressToken\":1,\"progress\":1}}\n\n");
        fprintf(out, "%x\r\n%s\r\n", length, event);

        if (fflush(out) == EOF) {
            return;
        }

        usleep(EVENT_USEC);
    }

    (void) mcp_result(result, sizeof(result));
    length = snprintf(event, sizeof(event), "data: %s\n\n", result);
    fprintf(out, "%x\r\n%s\r\n0\r\n\r\n", length, event);
    fflush(out);
}


static int
mcp_result(char *to, size_t size)
{
    char  host[POD_NAME_LEN];

    pod_name(host);

    return snprintf(to, size, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":"
                    "{\"pod\":\"%s\",\"version\":\"%s\"}}", host, version);
}


static void
mcp_end(int signo)
{
    (void) signo;
    _exit(0);
}
