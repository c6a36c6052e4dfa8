/*
 * Sends requests as the sidecar does and prints the answers:
 *   http_ask KUBECONFIG
 * Each line of standard input is a request: METHOD PATH [IDLE_MS].
 * STREAM for METHOD is a GET that comes in pieces, CANCEL one that is
 * cancelled by its first piece, GUARD one that the guard cancels when it is
 * about to be sent.  An answer is a line: STATUS, Retry-After,
 * reason, then the JSON or the error.
 */

#include "kube_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define HTTP_ASK_MS  20000


static kube_http_t  *http_ask;
static kube_call_t  *http_ask_call;


static bool http_ask_line(char *line);
static void http_ask_guard(void *data);
static bool http_ask_piece(void *data, const char *piece, size_t len);
static void http_ask_reply(void *data, const kube_reply_t *reply);


int
main(int argc, char **argv)
{
    char            line[4096];
    size_t          i;
    mcp_report_t   *report;
    kube_config_t  *config;

    report = mcp_report_new();
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (argc != 2
        || kube_config_load(argv[1], NULL, report, &config) != MCP_OK)
    {
        for (i = 0; i < mcp_report_lines(report); i++) {
            fprintf(stderr, "%s\n", mcp_report_line(report, i, NULL));
        }

        mcp_report_free(report);
        return 2;
    }

    mcp_report_free(report);
    http_ask = kube_http_new(config);

    while (http_ask && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';

        if (!http_ask_line(line)) {
            return 1;
        }
    }

    kube_http_free(http_ask);
    kube_config_free(config);

    return 0;
}


static bool
http_ask_line(char *line)
{
    char                 *words[3] = { NULL, NULL, NULL }, *rest;
    size_t                count;
    const char           *method;
    kube_http_request_t   request;

    rest = line;

    for (count = 0; count < 3; count++) {
        words[count] = strsep(&rest, " ");
    }

    method = words[0];
    memset(&request, 0, sizeof(kube_http_request_t));
    request.path = words[1] ? words[1] : "/";
    request.idle_timeout_ms = words[2] ? (unsigned) atoi(words[2]) : 0;
    request.timeout_ms = HTTP_ASK_MS;
    request.method = strcmp(method, "STREAM") == 0
                     || strcmp(method, "CANCEL") == 0
                     || strcmp(method, "GUARD") == 0 ? "GET" : method;

    if (strcmp(method, "PATCH") == 0) {
        request.content_type = "application/apply-patch+yaml";
        request.body = "{\"a\":1}";
        request.len = strlen(request.body);
    }

    http_ask_call = kube_http_send(http_ask, &request,
                                   request.method != method ? http_ask_piece
                                                            : NULL,
                                   http_ask_reply, (void *) method);

    if (http_ask_call == NULL) {
        printf("not sent: %s\n", kube_http_error(http_ask));
        return true;
    }

    kube_http_guard(http_ask, strcmp(method, "GUARD") == 0 ? http_ask_guard
                                                           : NULL, NULL);

    while (kube_http_active(http_ask)) {
        if (kube_http_turn(http_ask, NULL, 0, HTTP_ASK_MS) != MCP_OK) {
            return false;
        }
    }

    return true;
}


static void
http_ask_guard(void *data)
{
    (void) data;

    if (kube_http_active(http_ask)) {
        kube_http_cancel(http_ask, http_ask_call);
        printf("cancelled\n");
    }
}


static bool
http_ask_piece(void *data, const char *piece, size_t len)
{
    printf("piece %.*s\n", (int) len, piece);

    if (len && strcmp(data, "CANCEL") == 0) {
        kube_http_cancel(http_ask, http_ask_call);
        printf("cancelled\n");
    }

    return true;
}


static void
http_ask_reply(void *data, const kube_reply_t *reply)
{
    char  *text;

    (void) data;
    text = reply->body ? json_dumps(reply->body, JSON_COMPACT) : NULL;

    printf("%d %u %s %s\n", reply->status, reply->retry_after,
           *reply->reason ? reply->reason : "-",
           reply->error ? reply->error : text ? text : "nothing");

    free(text);
}
