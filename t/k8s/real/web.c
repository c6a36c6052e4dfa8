/*
 * A server for Pods: web PORT [FILE].  It answers every request with the name
 * of its host, and appends to FILE the path of each and "TERM" when it is told
 * to end.
 */

#include "pod.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


static void web_answer(int fd);
static void web_note(const char *text);
static void web_end(int signo);


static int  web_file = -1;


int
main(int argc, char **argv)
{
    int  s, fd;

    if (argc < 2) {
        fprintf(stderr, "usage: web PORT [FILE]\n");
        return 2;
    }

    if (argc > 2) {
        web_file = open(argv[2], O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0644);

        if (web_file == -1) {
            perror(argv[2]);
            return 1;
        }
    }

    signal(SIGTERM, web_end);
    signal(SIGPIPE, SIG_IGN);

    s = pod_listen(atoi(argv[1]));
    if (s == -1) {
        perror("web");
        return 1;
    }

    for ( ;; ) {
        fd = accept(s, NULL, NULL);

        if (fd != -1) {
            web_answer(fd);
            close(fd);
        }
    }
}


static void
web_answer(int fd)
{
    int      length;
    char     request[4096], answer[512], host[POD_NAME_LEN], path[256];
    ssize_t  n;

    n = read(fd, request, sizeof(request) - 1);
    if (n <= 0) {
        return;
    }

    request[n] = '\0';

    if (sscanf(request, "%*s %250s", path) == 1) {
        strcat(path, "\n");
        web_note(path);
    }

    pod_name(host);

    length = snprintf(answer, sizeof(answer),
                      "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
                      "Connection: close\r\n\r\n%s\n", strlen(host) + 1,
                      host);

    if (write(fd, answer, length) == length) {
        shutdown(fd, SHUT_WR);
    }
}


static void
web_note(const char *text)
{
    if (web_file != -1 && write(web_file, text, strlen(text)) == -1) {
        _exit(1);
    }
}


static void
web_end(int signo)
{
    (void) signo;
    web_note("TERM\n");
    _exit(0);
}
