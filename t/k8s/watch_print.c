/*
 * Follows a kind and prints what the sidecar is told of it, a line each:
 *   watch_print KUBECONFIG KIND [NAMESPACE [SELECTOR [RESYNC_MS]]]
 * NAMESPACE and SELECTOR may be "".  Ends with its standard input.
 */

#include "kube_discover.h"
#include "kube_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/random.h>


#define WATCH_PRINT_DISCOVER_MS  1000


typedef struct {
    kube_http_t      *http;
    kube_discover_t  *discover;
    kube_versions_t   versions;
    bool              known;
} watch_print_t;


static int watch_print_config(const char *path, kube_config_t **ret_config);
static int watch_print_run(watch_print_t *print,
    const kube_watch_options_t *options);
static unsigned watch_print_discover(watch_print_t *print);
static void watch_print_known(void *data, const kube_versions_t *versions,
    const char *error);
static void watch_print_begin(void *data);
static void watch_print_object(void *data, json_t *object);
static void watch_print_gone(void *data, json_t *object);
static void watch_print_whole(void *data);
static void watch_print_failed(void *data, const char *error);
static void watch_print_odd(void *data, const char *what);
static uint64_t watch_print_now_ms(void *data);
static uint64_t watch_print_random(void *data);


static const kube_watch_handler_t  watch_print_handler = {
    watch_print_begin, watch_print_object, watch_print_gone,
    watch_print_whole, watch_print_failed, watch_print_odd
};


int
main(int argc, char **argv)
{
    int                    rc;
    kube_config_t         *config;
    watch_print_t          print;
    kube_watch_options_t   options;

    memset(&print, 0, sizeof(watch_print_t));
    memset(&options, 0, sizeof(kube_watch_options_t));
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (argc < 3) {
        fprintf(stderr, "usage: watch_print KUBECONFIG KIND [NAMESPACE "
                "[SELECTOR [RESYNC_MS]]]\n");
        return 2;
    }

    while (options.kind < KUBE_KINDS
           && strcmp(kube_kinds[options.kind].kind, argv[2]) != 0)
    {
        options.kind++;
    }

    if (options.kind == KUBE_KINDS || !watch_print_config(argv[1], &config)) {
        return 2;
    }

    options.namespace = argc > 3 && *argv[3] ? argv[3] : NULL;
    options.label_selector = argc > 4 && *argv[4] ? argv[4] : NULL;
    options.resync_ms = argc > 5 ? (unsigned) atoi(argv[5]) : 0;
    options.handler = &watch_print_handler;

    print.http = kube_http_new(config);
    rc = print.http ? watch_print_run(&print, &options) : 1;

    kube_http_free(print.http);
    kube_config_free(config);

    return rc;
}


static int
watch_print_config(const char *path, kube_config_t **ret_config)
{
    int            rc;
    size_t         i;
    mcp_report_t  *report;

    report = mcp_report_new();
    rc = kube_config_load(path, NULL, report, ret_config);

    for (i = 0; i < mcp_report_lines(report); i++) {
        fprintf(stderr, "%s\n", mcp_report_line(report, i, NULL));
    }

    mcp_report_free(report);

    return rc == MCP_OK;
}


static int
watch_print_run(watch_print_t *print, const kube_watch_options_t *options)
{
    bool                current, was_current;
    unsigned            wait_ms;
    kube_clock_t        clock = { watch_print_now_ms, watch_print_random,
                                  NULL };
    kube_watch_t       *watch;
    struct pollfd       input = { STDIN_FILENO, POLLIN, 0 };

    was_current = false;
    watch = kube_watch_new(print->http, &print->versions, &clock, options);

    if (watch == NULL) {
        return 1;
    }

    do {
        wait_ms = print->known ? kube_watch_turn(watch)
                               : watch_print_discover(print);
        current = kube_watch_is_current(watch);

        if (current != was_current) {
            printf("%s\n", current ? "current" : "not current");
            was_current = current;
        }

        if (kube_http_turn(print->http, &input, 1, wait_ms) != MCP_OK) {
            return 1;
        }

    } while (input.revents == 0);

    kube_watch_free(watch);
    kube_discover_free(print->discover);

    return 0;
}


static unsigned
watch_print_discover(watch_print_t *print)
{
    if (print->discover == NULL) {
        print->discover = kube_discover_new(print->http, watch_print_known,
                                            print);
        if (print->discover == NULL) {
            printf("cannot ask: %s\n", kube_http_error(print->http));
        }
    }

    return WATCH_PRINT_DISCOVER_MS;
}


static void
watch_print_known(void *data, const kube_versions_t *versions,
    const char *error)
{
    watch_print_t  *print;

    print = data;

    if (versions) {
        print->versions = *versions;
        print->known = true;
    }

    if (error) {
        printf("%s\n", error);
    }

    kube_discover_free(print->discover);
    print->discover = NULL;
}


static void
watch_print_begin(void *data)
{
    (void) data;

    printf("begin\n");
}


static void
watch_print_object(void *data, json_t *object)
{
    json_t  *metadata;

    (void) data;
    metadata = json_object_get(object, "metadata");

    printf("object %s\n", json_string_value(json_object_get(metadata,
                                                            "name")));
}


static void
watch_print_gone(void *data, json_t *object)
{
    json_t  *metadata;

    (void) data;
    metadata = json_object_get(object, "metadata");

    printf("gone %s\n", json_string_value(json_object_get(metadata, "name")));
}


static void
watch_print_whole(void *data)
{
    (void) data;

    printf("whole\n");
}


static void
watch_print_failed(void *data, const char *error)
{
    (void) data;

    if (error) {
        printf("failed: %s\n", error);

    } else {
        printf("works\n");
    }
}


static void
watch_print_odd(void *data, const char *what)
{
    (void) data;

    printf("odd: %s\n", what);
}


static uint64_t
watch_print_now_ms(void *data)
{
    struct timespec  now;

    (void) data;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static uint64_t
watch_print_random(void *data)
{
    uint64_t  number;

    (void) data;

    return getrandom(&number, sizeof(number), 0) == sizeof(number) ? number
                                                                   : 0;
}
