/*
 * Lets a pod end when no gateway needs it any more: asks the NGINX beside this
 * sidecar, and answers kubelet.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CONTROLLER_DRAIN_ASK_MS      500
#define CONTROLLER_DRAIN_REST_MS     10000
#define CONTROLLER_DRAIN_RETRY_MS    1000
#define CONTROLLER_DRAIN_TIMEOUT_MS  5000


static void controller_drain_ask(controller_t *controller);
static void controller_drain_count(void *data,
    const endpoints_leaving_t *pod);
static void controller_drain_answered(void *data, int status,
    const json_t *json, const char *error);
static void controller_drain_failed(controller_t *controller,
    const char *error);


int
controller_drain_init(controller_t *controller)
{
    char  url[256], error[GATEWAY_ERROR_LEN];

    (void) snprintf(url, sizeof(url), "%s/status", controller->options->nginx);
    controller->nginx = gateway_new(url, &controller->clock, error);

    if (controller->nginx == NULL) {
        fprintf(stderr, "mcp-tenant reconcile: --nginx: %s\n", error);
        return MCP_ERROR;
    }

    return MCP_OK;
}


unsigned
controller_drain_turn(controller_t *controller)
{
    unsigned  wait;
    uint64_t  now;

    now = controller_now(controller);

    if (!gateway_is_asking(controller->nginx)) {

        controller->nleaving = 0;
        endpoints_leaving(controller->pods, controller_drain_count,
                          controller);

        if (controller->nleaving
            && controller->drain_due_ms > now + CONTROLLER_DRAIN_ASK_MS)
        {
            controller->drain_due_ms = now;
        }

        if (now >= controller->drain_due_ms) {
            controller_drain_ask(controller);
        }
    }

    wait = gateway_turn(controller->nginx);
    now = controller_now(controller);

    if (gateway_is_asking(controller->nginx)) {
        return wait;
    }

    return now < controller->drain_due_ms
           ? (unsigned) (controller->drain_due_ms - now) : 0;
}


static void
controller_drain_count(void *data, const endpoints_leaving_t *pod)
{
    controller_t  *controller;

    (void) pod;

    controller = data;
    controller->nleaving++;
}


static void
controller_drain_ask(controller_t *controller)
{
    controller->drain_due_ms = controller_now(controller)
                               + (controller->nleaving
                                  ? CONTROLLER_DRAIN_ASK_MS
                                  : CONTROLLER_DRAIN_REST_MS);

    (void) gateway_ask(controller->nginx, NULL, CONTROLLER_DRAIN_TIMEOUT_MS,
                       controller_drain_answered, controller);
}


static void
controller_drain_answered(void *data, int status, const json_t *json,
    const char *error)
{
    char              why[DRAIN_ERROR_LEN];
    controller_t     *controller;
    drain_status_t    said;
    drain_gateway_t   own;

    (void) status;

    controller = data;

    if (json == NULL) {
        controller_drain_failed(controller, error);
        return;
    }

    memset(&said, 0, sizeof(drain_status_t));

    if (drain_status_read(json, &said, why) != MCP_OK) {
        controller_drain_failed(controller, why);
        return;
    }

    controller->drain_error[0] = '\0';

    /* What NGINX has from before makes the next file go on above it. */

    (void) endpoints_enforced(controller->pods, said.sequence);

    if (drain_gateway_take(controller->pods, &said, &own) == MCP_OK) {

        if (!controller->own_drained_said
            || !drain_gateway_same(&own, &controller->own_drained))
        {
            controller->own_unpublished = true;
        }

        drain_gateway_clear(&controller->own_drained);
        controller->own_drained = own;
        controller->own_drained_said = true;
    }

    drain_status_clear(&said);
}


static void
controller_drain_failed(controller_t *controller, const char *error)
{
    uint64_t  retry_ms;

    retry_ms = controller_now(controller) + CONTROLLER_DRAIN_RETRY_MS;

    if (controller->drain_due_ms > retry_ms) {
        controller->drain_due_ms = retry_ms;
    }

    if (strncmp(controller->drain_error, error,
                sizeof(controller->drain_error) - 1) == 0)
    {
        return;
    }

    (void) snprintf(controller->drain_error, sizeof(controller->drain_error),
                    "%s", error);
    log_line(LOG_WARN, "NGINX does not say which pods it needs", "url",
             controller->options->nginx, "error", error, NULL);
}


bool
controller_drain_may_end(void *data, const char *namespace,
    const char *server, uint64_t waited_ms)
{
    size_t            i, count;
    controller_t     *controller;
    drain_verdict_e   verdict;
    drain_gateway_t  *gateways;

    controller = data;
    gateways = calloc(controller->ngateways + 1, sizeof(drain_gateway_t));

    if (gateways == NULL) {
        return waited_ms >= DRAIN_BOUND_MS;
    }

    gateways[0] = controller->own_drained;
    count = 1;

    for (i = 0; i < controller->ngateways; i++) {
        if (!controller->gateways[i].is_own) {
            gateways[count++] = controller->gateways[i].drained;
        }
    }

    verdict = drain_may_end(controller->pods, namespace, server, gateways,
                            count, waited_ms);
    free(gateways);

    if (verdict == DRAIN_WAITS) {
        return false;
    }

    controller->metrics.drains++;
    controller->metrics.drains_timed_out += verdict == DRAIN_TIMED_OUT;

    if (verdict == DRAIN_TIMED_OUT) {
        log_line(LOG_WARN, "a pod ends that a gateway may still need",
                 "namespace", namespace, "server", server, NULL);
    }

    return true;
}


void
controller_drain_free(controller_t *controller)
{
    drain_gateway_clear(&controller->own_drained);
    gateway_free(controller->nginx);
}
