/*
 * Tells NGINX where pods are: every sidecar writes the file of its own
 * gateway, whether it leads or not.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <string.h>


#define CONTROLLER_PODS_RETRY_MS   1000
#define CONTROLLER_PODS_RESYNC_MS  300000


static void controller_pods_failed(void *data, kube_kind_e kind,
    const char *error);


int
controller_pods_init(controller_t *controller, const char *selector)
{
    int                   i;
    kube_watch_options_t  options;

    static const kube_kind_e  kinds[CONTROLLER_POD_WATCHES] = {
        KUBE_ENDPOINT_SLICE, KUBE_POD
    };

    if (controller->options->endpoints == NULL) {
        return MCP_OK;
    }

    controller->pods = endpoints_new(controller->clock.random(
                                                 controller->clock.data),
                                     controller_pods_failed, controller);
    if (controller->pods == NULL) {
        return MCP_ERROR;
    }

    for (i = 0; i < CONTROLLER_POD_WATCHES; i++) {
        memset(&options, 0, sizeof(kube_watch_options_t));

        options.kind = kinds[i];
        options.label_selector = selector;
        options.resync_ms = CONTROLLER_PODS_RESYNC_MS;
        options.handler = i == 0 ? &endpoints_slice_handler
                                 : &endpoints_pod_handler;
        options.data = controller->pods;
        options.calls = &controller->metrics.kinds[kinds[i]].calls;

        controller->pod_watches[i] = kube_watch_new(controller->http,
                                                    &controller->versions,
                                                    &controller->clock,
                                                    &options);
        if (controller->pod_watches[i] == NULL) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


unsigned
controller_pods_turn(controller_t *controller)
{
    int       i;
    char      error[ENDPOINTS_ERROR_LEN];
    unsigned  wait, wanted;
    uint64_t  now, version;

    wait = UINT32_MAX;

    if (controller->pods == NULL) {
        return wait;
    }

    for (i = 0; i < CONTROLLER_POD_WATCHES; i++) {
        wanted = kube_watch_turn(controller->pod_watches[i]);
        wait = wanted < wait ? wanted : wait;
    }

    now = controller_now(controller);
    version = endpoints_version(controller->pods);

    if (!endpoints_is_whole(controller->pods)
        || now < controller->pods_due_ms
        || (version == controller->pods_version
            && controller->pods_said == controller->pods_wanted))
    {
        return wait;
    }

    if (endpoints_write(controller->pods, controller->options->endpoints,
                        controller->config, controller_demand_state,
                        controller, error)
        != MCP_OK)
    {
        controller->pods_due_ms = now + CONTROLLER_PODS_RETRY_MS;
        controller->metrics.endpoints_write_errors++;

        if (strcmp(controller->pods_error, error) != 0) {
            (void) snprintf(controller->pods_error,
                            sizeof(controller->pods_error), "%s", error);
            log_line(LOG_ERROR, "NGINX cannot be told where pods are", "file",
                     controller->options->endpoints, "error", error, NULL);
        }

        return wait < CONTROLLER_PODS_RETRY_MS ? wait
                                               : CONTROLLER_PODS_RETRY_MS;
    }

    controller->pods_error[0] = '\0';
    controller->pods_version = version;
    controller->pods_said = controller->pods_wanted;

    return wait;
}


void
controller_pods_free(controller_t *controller)
{
    int  i;

    for (i = 0; i < CONTROLLER_POD_WATCHES; i++) {
        kube_watch_free(controller->pod_watches[i]);
    }

    endpoints_free(controller->pods);
}


static void
controller_pods_failed(void *data, kube_kind_e kind, const char *error)
{
    (void) data;

    log_line(error ? LOG_WARN : LOG_INFO,
             error ? "a kind cannot be watched" : "a kind is watched again",
             "kind", kube_kinds[kind].kind, "error", error, NULL);
}
