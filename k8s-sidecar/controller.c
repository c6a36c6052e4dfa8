/*
 * The controller: one loop, one thread.
 */

#include "controller_parts.h"
#include "kube_discover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>


#define CONTROLLER_TURN_MS     1000
#define CONTROLLER_RESYNC_MS   300000
#define CONTROLLER_DISCOVER_MS 5000
#define CONTROLLER_BLIND_MS    20000


static int controller_start(controller_t *controller);
static void controller_discover(controller_t *controller);
static void controller_discovered(void *data,
    const kube_versions_t *versions, const char *error);
static int controller_watch(controller_t *controller);
static int controller_loop(controller_t *controller);
static void controller_synced(controller_t *controller);
static void controller_drains_end(controller_t *controller);
static bool controller_is_blind(const controller_t *controller);
static void controller_turn(controller_t *controller);
static void controller_wait(controller_t *controller, unsigned wait_ms);
static void controller_end(controller_t *controller);
static void controller_view_begin(void *data);
static void controller_view_object(void *data, json_t *object);
static void controller_view_gone(void *data, json_t *object);
static void controller_view_whole(void *data);
static void controller_view_failed(void *data, const char *error);
static void controller_view_odd(void *data, const char *what);
static uint64_t controller_clock_now(void *data);
static uint64_t controller_clock_random(void *data);
static void controller_signal(int signo);
static int controller_findings(mcp_report_t *report);


static const kube_watch_handler_t  controller_view_handler = {
    controller_view_begin,
    controller_view_object,
    controller_view_gone,
    controller_view_whole,
    controller_view_failed,
    controller_view_odd
};

static volatile sig_atomic_t  controller_stop;


int
controller_run(const controller_options_t *options)
{
    int           rc;
    controller_t  controller;

    memset(&controller, 0, sizeof(controller_t));

    controller.options = options;
    controller.objects = options->objects;
    controller.objects.versions = &controller.versions;
    controller.observed.instance = options->objects.instance;
    controller.clock.now_ms = controller_clock_now;
    controller.clock.random = controller_clock_random;

    rc = 1;

    if (controller_start(&controller) == MCP_OK) {
        rc = controller_loop(&controller);

    } else if (controller_stop && !options->once) {
        rc = 0;
    }

    controller_end(&controller);

    return rc;
}


static int
controller_start(controller_t *controller)
{
    int                rc;
    char               host[128], identity[254];
    mcp_report_t      *report;
    struct sigaction   action;

    memset(&action, 0, sizeof(struct sigaction));
    action.sa_handler = controller_signal;

    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGINT, &action, NULL);

    action.sa_handler = SIG_IGN;
    (void) sigaction(SIGPIPE, &action, NULL);

    report = mcp_report_new();
    if (report == NULL) {
        return MCP_ERROR;
    }

    rc = kube_config_load(controller->options->kubeconfig,
                          controller->options->context, report,
                          &controller->kube);

    if (controller_findings(report) != 0) {
        rc = MCP_ERROR;
    }

    mcp_report_free(report);

    if (rc != MCP_OK) {
        return MCP_ERROR;
    }

    controller->http = kube_http_new(controller->kube);

    if (controller->http == NULL) {
        fprintf(stderr, "mcp-tenant reconcile: there is no memory\n");
        return MCP_ERROR;
    }

    if (controller->options->with_lease && !controller->options->dry_run) {
        kube_http_guard(controller->http, controller_lease_guard, controller);
    }

    (void) gethostname(host, sizeof(host));
    host[sizeof(host) - 1] = '\0';
    (void) snprintf(identity, sizeof(identity), "%s_%08x", host,
                    (unsigned) controller_clock_random(NULL));
    lease_init(&controller->lease, identity);

    (void) snprintf(controller->lease_name, sizeof(controller->lease_name),
                    "mcp-tenant-%s", controller->objects.instance);
    (void) snprintf(controller->lease_namespace,
                    sizeof(controller->lease_namespace), "%s",
                    controller->objects.gateway_namespace);

    if (controller_http_init(controller) != MCP_OK) {
        return MCP_ERROR;
    }

    controller_discover(controller);

    return controller->is_discovered ? controller_watch(controller)
                                     : MCP_ERROR;
}


static int
controller_findings(mcp_report_t *report)
{
    size_t  i;

    for (i = 0; i < mcp_report_lines(report); i++) {
        fprintf(stderr, "%s\n", mcp_report_line(report, i, NULL));
    }

    return mcp_report_errors(report) != 0;
}


/* An API server that is not there yet is waited for, unless --once. */
static void
controller_discover(controller_t *controller)
{
    uint64_t          due;
    kube_discover_t  *discover;

    while (!controller_stop && !controller->is_discovered) {
        controller->is_asked = true;
        discover = kube_discover_new(controller->http, controller_discovered,
                                     controller);

        while (discover && controller->is_asked && !controller_stop) {
            controller_wait(controller, CONTROLLER_TURN_MS);
        }

        if (discover == NULL) {
            controller_discovered(controller, NULL,
                                  "the request could not be sent");
        }

        kube_discover_free(discover);

        if (controller->options->once || controller->options->dry_run) {
            return;
        }

        due = controller_now(controller) + CONTROLLER_DISCOVER_MS;

        while (!controller->is_discovered && !controller_stop
               && controller_now(controller) < due)
        {
            controller_wait(controller, 100);
        }
    }
}


static void
controller_discovered(void *data, const kube_versions_t *versions,
    const char *error)
{
    controller_t  *controller;

    controller = data;
    controller->is_asked = false;

    if (error == NULL) {
        controller->versions = *versions;
        controller->is_discovered = true;
        return;
    }

    if (strncmp(controller->lease_error, error,
                sizeof(controller->lease_error) - 1) != 0)
    {
        (void) snprintf(controller->lease_error,
                        sizeof(controller->lease_error), "%s", error);
        log_line(LOG_ERROR, "the API server cannot be used", "server",
                 controller->kube->server, "error", error, NULL);
    }
}


static int
controller_watch(controller_t *controller)
{
    int                   i;
    char                  selector[256];
    kube_watch_options_t  options;

    if (controller_files_load(controller) != MCP_OK) {
        return MCP_ERROR;
    }

    (void) snprintf(selector, sizeof(selector), "%s=%s,%s=%s",
                    OBJECTS_MANAGED_BY, OBJECTS_MANAGER, OBJECTS_INSTANCE,
                    controller->objects.instance);

    for (i = 0; i < KUBE_MANAGED_KINDS; i++) {
        memset(&options, 0, sizeof(kube_watch_options_t));

        controller->views[i].controller = controller;
        controller->views[i].kind = (kube_kind_e) i;

        options.kind = (kube_kind_e) i;
        options.label_selector = selector;
        options.resync_ms = CONTROLLER_RESYNC_MS;
        options.handler = &controller_view_handler;
        options.data = &controller->views[i];
        options.calls = &controller->metrics.kinds[i].calls;

        controller->views[i].watch = kube_watch_new(controller->http,
                                                    &controller->versions,
                                                    &controller->clock,
                                                    &options);
        if (controller->views[i].watch == NULL) {
            fprintf(stderr, "mcp-tenant reconcile: there is no memory\n");
            return MCP_ERROR;
        }
    }

    return controller_pods_init(controller, selector) == MCP_OK
           ? controller_gateways_init(controller) : MCP_ERROR;
}


static int
controller_loop(controller_t *controller)
{
    while (!controller_stop && !controller->is_done) {
        controller_turn(controller);

        controller->was_in_sync = controller_is_in_sync(controller);

        if (controller->was_in_sync
            && (!controller->said_in_sync
                || controller->said_writes != controller->writes))
        {
            controller->said_in_sync = true;
            controller->said_writes = controller->writes;
            controller_synced(controller);
            log_line(LOG_INFO, "the cluster is as the files say", NULL);
        }

        if (controller->was_in_sync && controller->options->once) {
            break;
        }

        if (controller->options->once || controller->options->dry_run) {
            if (controller_work_is_stuck(controller)
                || controller_is_blind(controller))
            {
                return 1;
            }
        }
    }

    controller_lease_end(controller);
    controller_drains_end(controller);

    return controller_stop && controller->options->once ? 1 : 0;
}


/*
 * kubelet asks once, and ends a pod when there is no answer: those that wait
 * get theirs, in DRAIN_BOUND_MS at most, unless a second signal comes.
 */
static void
controller_drains_end(controller_t *controller)
{
    controller->is_ending = true;

    while (controller_stop == 1 && controller->httpd
           && httpd_holds(controller->httpd))
    {
        controller_turn(controller);
    }
}


/* Whether a kind has not been listed for too long to wait for it. */
static bool
controller_is_blind(const controller_t *controller)
{
    int                       i;
    const controller_view_t  *view;

    for (i = 0; i < KUBE_MANAGED_KINDS; i++) {
        view = &controller->views[i];

        if (view->failed_ms && controller_now(controller) - view->failed_ms
                               >= CONTROLLER_BLIND_MS)
        {
            return true;
        }
    }

    return false;
}


static void
controller_synced(controller_t *controller)
{
    controller->metrics.last_full_sync = (uint64_t) time(NULL);

    if (controller->sync_ms) {
        metrics_sync(&controller->metrics, controller_now(controller)
                                           - controller->sync_ms);
        controller->sync_ms = 0;
    }
}


static void
controller_turn(controller_t *controller)
{
    int       i;
    unsigned  wait, wanted;

    wait = CONTROLLER_TURN_MS;

    for (i = 0; i < KUBE_MANAGED_KINDS; i++) {
        wanted = kube_watch_turn(controller->views[i].watch);
        wait = wanted < wait ? wanted : wait;
    }

    wanted = controller_gateways_turn(controller);
    wait = wanted < wait ? wanted : wait;

    controller_files_turn(controller);
    controller_lease_turn(controller);

    wanted = controller_demand_decide(controller);
    wait = wanted < wait ? wanted : wait;

    wanted = controller_pods_turn(controller);
    wait = wanted < wait ? wanted : wait;

    controller_plan_turn(controller);
    controller_work_turn(controller);
    controller_status_turn(controller);

    if (controller->is_done
        || controller_is_in_sync(controller) != controller->was_in_sync)
    {
        return;
    }

    wanted = controller_plan_wait(controller);

    controller_wait(controller, wanted < wait ? wanted : wait);
}


static void
controller_wait(controller_t *controller, unsigned wait_ms)
{
    unsigned       wanted;
    struct pollfd  fds[4];

    fds[0].fd = controller->files ? mcp_watch_fd(controller->files) : -1;
    fds[0].events = POLLIN;
    fds[0].revents = 0;

    fds[1].fd = controller->httpd ? httpd_fd(controller->httpd) : -1;
    fds[1].events = POLLIN;
    fds[1].revents = 0;

    memset(&fds[2], 0, 2 * sizeof(struct pollfd));

    fds[2].fd = -1;
    fds[3].fd = -1;

    if (controller->nginx) {
        gateway_poll(controller->nginx, &fds[2]);
    }

    if (controller->nginx_demand) {
        gateway_poll(controller->nginx_demand, &fds[3]);
    }

    if (controller->httpd) {
        wanted = httpd_turn(controller->httpd);
        wait_ms = wanted < wait_ms ? wanted : wait_ms;
    }

    (void) kube_http_turn(controller->http, fds, 4, wait_ms);
}


static void
controller_end(controller_t *controller)
{
    int  i;

    httpd_free(controller->httpd);
    controller_work_free(controller);
    controller_status_free(controller);
    controller_gateways_free(controller);
    controller_pods_free(controller);

    for (i = 0; i < KUBE_MANAGED_KINDS; i++) {
        kube_watch_free(controller->views[i].watch);
    }

    kube_http_free(controller->http);
    kube_config_free(controller->kube);
    desired_clear(&controller->desired);
    observed_clear(&controller->observed);
    mcp_watch_free(controller->files);
    mcp_config_free(controller->config);
}


static void
controller_view_begin(void *data)
{
    controller_view_t  *view;

    view = data;

    observed_list_begin(&view->controller->observed, view->kind);
}


static void
controller_view_object(void *data, json_t *object)
{
    controller_view_t       *view;
    const observed_entry_t  *entry;

    view = data;
    entry = observed_see(&view->controller->observed,
                         &view->controller->desired, view->kind, object,
                         false);

    if (entry && entry->is_changed) {
        view->controller->is_dirty = true;
    }

    /* its replicas may be others */

    view->controller->demand_dirty |= view->kind == KUBE_DEPLOYMENT;
}


static void
controller_view_gone(void *data, json_t *object)
{
    json_t             *metadata;
    const char         *name, *namespace;
    controller_view_t  *view;

    view = data;
    metadata = json_object_get(object, "metadata");
    name = json_string_value(json_object_get(metadata, "name"));
    namespace = json_string_value(json_object_get(metadata, "namespace"));

    if (name) {
        observed_forget(&view->controller->observed, view->kind,
                        namespace ? namespace : "", name);
        view->controller->is_dirty = true;
        view->controller->demand_dirty |= view->kind == KUBE_DEPLOYMENT;
    }
}


static void
controller_view_whole(void *data)
{
    controller_view_t  *view;

    view = data;

    observed_list_end(&view->controller->observed, view->kind);
    view->controller->is_dirty = true;
    view->controller->demand_dirty |= view->kind == KUBE_DEPLOYMENT;
}


static void
controller_view_failed(void *data, const char *error)
{
    controller_view_t  *view;

    view = data;
    view->controller->metrics.kinds[view->kind].watch_restarts +=
                                                           error != NULL;
    view->failed_ms = error ? controller_now(view->controller) : 0;

    log_line(error ? LOG_WARN : LOG_INFO,
             error ? "a kind cannot be watched" : "a kind is watched again",
             "kind", kube_kinds[view->kind].kind, "error", error, NULL);
}


static void
controller_view_odd(void *data, const char *what)
{
    controller_view_t  *view;

    view = data;

    log_line(LOG_WARN, "the API server sent something unknown", "kind",
             kube_kinds[view->kind].kind, "what", what, NULL);
}


uint64_t
controller_now(const controller_t *controller)
{
    return controller->clock.now_ms(controller->clock.data);
}


/* data: none */
static uint64_t
controller_clock_now(void *data)
{
    struct timespec  now;

    (void) data;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static uint64_t
controller_clock_random(void *data)
{
    uint64_t  number;

    (void) data;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
        number = controller_clock_now(NULL) * UINT64_C(0x9e3779b97f4a7c15);
    }

    return number;
}


static void
controller_signal(int signo)
{
    (void) signo;

    controller_stop = controller_stop ? 2 : 1;
}
