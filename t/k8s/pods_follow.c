/*
 * The pods' side of the sidecar, alone: follows EndpointSlices and pods,
 * writes endpoints.json, and answers kubelet.
 *   pods_follow KUBECONFIG TENANTS INSTANCE ENDPOINTS STATUS
 * STATUS is a file with what NGINX would say on /status.  Prints
 * "listen PORT", "written SEQUENCE" each time, and "holds NAMESPACE/SERVER"
 * while kubelet waits.  Ends with its standard input.
 */

#include "config_load.h"
#include "drain.h"
#include "httpd.h"
#include "kube_discover.h"
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/random.h>


#define FOLLOW_DISCOVER_MS  1000


typedef struct {
    mcp_config_t     *config;
    const char       *path;
    const char       *status;
    kube_http_t      *http;
    kube_discover_t  *discover;
    kube_versions_t   versions;
    bool              known;
    kube_clock_t      clock;
    kube_watch_t     *slices;
    kube_watch_t     *pods;
    endpoints_t      *endpoints;
    httpd_t          *httpd;
} follow_t;


static int follow_run(follow_t *follow, const char *instance);
static bool follow_start(follow_t *follow, const char *instance);
static unsigned follow_turn(follow_t *follow);
static void follow_write(follow_t *follow, uint64_t *version);
static unsigned follow_discover(follow_t *follow);
static void follow_known(void *data, const kube_versions_t *versions,
    const char *error);
static void follow_failed(void *data, kube_kind_e kind, const char *error);
static bool follow_is_healthy(void *data, char why[HTTPD_WHY_LEN]);
static bool follow_is_ready(void *data, char why[HTTPD_WHY_LEN]);
static char *follow_metrics(void *data);
static bool follow_drain(void *data, const char *namespace,
    const char *server, uint64_t waited_ms);
static uint64_t follow_now_ms(void *data);
static uint64_t follow_random(void *data);


int
main(int argc, char **argv)
{
    int             rc;
    follow_t        follow;
    mcp_report_t   *report;
    config_load_t   load;
    kube_config_t  *config;

    if (argc != 6) {
        fprintf(stderr, "usage: pods_follow KUBECONFIG TENANTS INSTANCE "
                "ENDPOINTS STATUS\n");
        return 2;
    }

    setvbuf(stdout, NULL, _IOLBF, 0);
    memset(&follow, 0, sizeof(follow_t));

    config = NULL;
    follow.path = argv[4];
    follow.status = argv[5];
    follow.clock.now_ms = follow_now_ms;
    follow.clock.random = follow_random;

    report = mcp_report_new();
    rc = 1;

    if (config_load_init(&load, "pods_follow", argc) == MCP_OK
        && kube_config_load(argv[1], NULL, report, &config) == MCP_OK)
    {
        follow.config = config_load_file(&load, argv[2], stderr);
        follow.http = follow.config ? kube_http_new(config) : NULL;
        rc = follow.http ? follow_run(&follow, argv[3]) : 1;
    }

    kube_http_free(follow.http);
    kube_config_free(config);
    mcp_config_free(follow.config);
    config_load_done(&load);
    mcp_report_free(report);

    return rc;
}


static int
follow_run(follow_t *follow, const char *instance)
{
    int            rc;
    unsigned       wait_ms;
    uint64_t       version;
    struct pollfd  fds[2];

    rc = 1;
    version = 0;

    memset(fds, 0, sizeof(fds));

    if (follow_start(follow, instance)) {
        rc = 0;

        fds[0].fd = STDIN_FILENO;
        fds[1].fd = httpd_fd(follow->httpd);
        fds[0].events = fds[1].events = POLLIN;
    }

    while (rc == 0 && fds[0].revents == 0) {
        wait_ms = follow_turn(follow);
        follow_write(follow, &version);

        rc = kube_http_turn(follow->http, fds, 2, wait_ms) != MCP_OK;
    }

    httpd_free(follow->httpd);
    kube_watch_free(follow->slices);
    kube_watch_free(follow->pods);
    kube_discover_free(follow->discover);
    endpoints_free(follow->endpoints);

    return rc;
}


static bool
follow_start(follow_t *follow, const char *instance)
{
    char                   why[HTTPD_WHY_LEN], selector[160];
    httpd_options_t        answers;
    kube_watch_options_t   options;

    memset(&options, 0, sizeof(kube_watch_options_t));

    answers.clock = &follow->clock;
    answers.is_healthy = follow_is_healthy;
    answers.is_ready = follow_is_ready;
    answers.metrics = follow_metrics;
    answers.drain = follow_drain;
    answers.data = follow;

    (void) snprintf(selector, sizeof(selector), "app.kubernetes.io/managed-by="
                    "mcp-tenant,mcp-tenant.io/instance=%s", instance);

    follow->endpoints = endpoints_new(follow_random(NULL), follow_failed,
                                      NULL);
    options.label_selector = selector;
    options.data = follow->endpoints;

    options.kind = KUBE_ENDPOINT_SLICE;
    options.handler = &endpoints_slice_handler;
    follow->slices = kube_watch_new(follow->http, &follow->versions,
                                    &follow->clock, &options);

    options.kind = KUBE_POD;
    options.handler = &endpoints_pod_handler;
    follow->pods = kube_watch_new(follow->http, &follow->versions,
                                  &follow->clock, &options);

    follow->httpd = httpd_new("127.0.0.1:0", &answers, why);

    if (follow->endpoints == NULL || follow->slices == NULL
        || follow->pods == NULL || follow->httpd == NULL)
    {
        return false;
    }

    printf("listen %u\n", httpd_port(follow->httpd));

    return true;
}


static unsigned
follow_turn(follow_t *follow)
{
    unsigned  wait_ms, more_ms;

    wait_ms = httpd_turn(follow->httpd);

    if (!follow->known) {
        more_ms = follow_discover(follow);
        return wait_ms < more_ms ? wait_ms : more_ms;
    }

    more_ms = kube_watch_turn(follow->slices);
    wait_ms = wait_ms < more_ms ? wait_ms : more_ms;
    more_ms = kube_watch_turn(follow->pods);

    return wait_ms < more_ms ? wait_ms : more_ms;
}


static void
follow_write(follow_t *follow, uint64_t *version)
{
    char      why[ENDPOINTS_ERROR_LEN];
    uint64_t  sequence;

    if (endpoints_version(follow->endpoints) == *version) {
        return;
    }

    *version = endpoints_version(follow->endpoints);
    sequence = endpoints_sequence(follow->endpoints);

    if (endpoints_write(follow->endpoints, follow->path, follow->config, NULL,
                        NULL, why)
        != MCP_OK)
    {
        printf("%s %s\n", follow->path, why);

    } else if (endpoints_sequence(follow->endpoints) != sequence) {
        printf("written %llu\n",
               (unsigned long long) endpoints_sequence(follow->endpoints));
    }
}


static unsigned
follow_discover(follow_t *follow)
{
    if (follow->discover == NULL) {
        follow->discover = kube_discover_new(follow->http, follow_known,
                                             follow);
    }

    return FOLLOW_DISCOVER_MS;
}


static void
follow_known(void *data, const kube_versions_t *versions, const char *error)
{
    follow_t *follow = data;

    if (versions) {
        follow->versions = *versions;
        follow->known = true;
    }

    if (error) {
        printf("%s\n", error);
    }

    kube_discover_free(follow->discover);
    follow->discover = NULL;
}


static void
follow_failed(void *data, kube_kind_e kind, const char *error)
{
    (void) data;

    printf("%s: %s\n", kube_kinds[kind].kind, error ? error : "works");
}


static bool
follow_is_healthy(void *data, char why[HTTPD_WHY_LEN])
{
    (void) data;
    (void) why;

    return true;
}


static bool
follow_is_ready(void *data, char why[HTTPD_WHY_LEN])
{
    follow_t *follow = data;

    (void) snprintf(why, HTTPD_WHY_LEN, "the pods are not known yet");

    return endpoints_is_whole(follow->endpoints);
}


static char *
follow_metrics(void *data)
{
    follow_t *follow = data;

    metrics_t  metrics;

    memset(&metrics, 0, sizeof(metrics_t));
    metrics.endpoints_sequence = endpoints_sequence(follow->endpoints);

    return metrics_text(&metrics);
}


static bool
follow_drain(void *data, const char *namespace, const char *server,
    uint64_t waited_ms)
{
    follow_t *follow = data;

    char              why[DRAIN_ERROR_LEN];
    json_t           *json;
    drain_status_t    status;
    drain_verdict_e   verdict;
    drain_gateway_t   gateway;

    memset(&status, 0, sizeof(drain_status_t));
    memset(&gateway, 0, sizeof(drain_gateway_t));

    json = json_load_file(follow->status, 0, NULL);

    if (drain_status_read(json, &status, why) == MCP_OK) {
        (void) drain_gateway_take(follow->endpoints, &status, &gateway);
    }

    verdict = drain_may_end(follow->endpoints, namespace, server, &gateway, 1,
                            waited_ms);

    drain_gateway_clear(&gateway);
    drain_status_clear(&status);
    json_decref(json);

    if (verdict == DRAIN_TIMED_OUT) {
        printf("timed out\n");

    } else if (verdict == DRAIN_WAITS && waited_ms >= DRAIN_SETTLE_MS) {
        printf("holds %s/%s\n", namespace, server);
    }

    return verdict != DRAIN_WAITS;
}


static uint64_t
follow_now_ms(void *data)
{
    struct timespec  now;

    (void) data;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static uint64_t
follow_random(void *data)
{
    uint64_t  number;

    (void) data;

    return getrandom(&number, sizeof(number), 0) == sizeof(number) ? number
                                                                   : 0;
}
