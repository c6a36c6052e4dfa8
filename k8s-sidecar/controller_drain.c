/*
 * Lets a pod end when no gateway needs it any more: asks the NGINX beside this
 * sidecar, tells the other sidecars what it said, and answers kubelet.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CONTROLLER_DRAIN_ASK_MS      500
#define CONTROLLER_DRAIN_REST_MS     10000
#define CONTROLLER_DRAIN_TIMEOUT_MS  5000
#define CONTROLLER_DRAIN_RESYNC_MS   300000
#define CONTROLLER_DRAIN_GATEWAY     "mcp-tenant.io/gateway"


static void controller_drain_ask(controller_t *controller);
static void controller_drain_count(void *data,
    const endpoints_leaving_t *pod);
static void controller_drain_answered(void *data, int status,
    const json_t *json, const char *error);
static void controller_drain_failed(controller_t *controller,
    const char *error);
static void controller_drain_publish(controller_t *controller);
static void controller_drain_published(void *data,
    const kube_reply_t *reply);
static void controller_drain_begin(void *data);
static void controller_drain_object(void *data, json_t *object);
static void controller_drain_gone(void *data, json_t *object);
static void controller_drain_whole(void *data);
static void controller_drain_watch_failed(void *data, const char *error);
static controller_gateway_t *controller_drain_find(controller_t *controller,
    const char *name);
static void controller_drain_remove(controller_t *controller, size_t n);


static const kube_watch_handler_t  controller_drain_handler = {
    controller_drain_begin,
    controller_drain_object,
    controller_drain_gone,
    controller_drain_whole,
    controller_drain_watch_failed,
    NULL
};


int
controller_drain_init(controller_t *controller)
{
    char                   selector[160], url[256], error[GATEWAY_ERROR_LEN];
    const char            *pod, *uid;
    kube_watch_options_t   options;

    if (controller->options->nginx == NULL || controller->pods == NULL) {
        return MCP_OK;
    }

    (void) snprintf(url, sizeof(url), "%s/status", controller->options->nginx);
    controller->nginx = gateway_new(url, &controller->clock, error);

    if (controller->nginx == NULL) {
        fprintf(stderr, "mcp-tenant reconcile: --nginx: %s\n", error);
        return MCP_ERROR;
    }

    /* Others count a gateway for as long as its pod is there. */

    pod = getenv("POD_NAME");
    uid = getenv("POD_UID");

    if (pod && uid && pod[0] && uid[0]) {
        (void) snprintf(controller->pod_name, sizeof(controller->pod_name),
                        "%s", pod);
        (void) snprintf(controller->pod_uid, sizeof(controller->pod_uid),
                        "%s", uid);
    }

    (void) snprintf(selector, sizeof(selector), "%s=%s",
                    CONTROLLER_DRAIN_GATEWAY, controller->objects.instance);
    memset(&options, 0, sizeof(kube_watch_options_t));

    options.kind = KUBE_CONFIG_MAP;
    options.namespace = controller->lease_namespace;
    options.label_selector = selector;
    options.resync_ms = CONTROLLER_DRAIN_RESYNC_MS;
    options.handler = &controller_drain_handler;
    options.data = controller;

    controller->gateways_watch = kube_watch_new(controller->http,
                                                &controller->versions,
                                                &controller->clock, &options);

    return controller->gateways_watch ? MCP_OK : MCP_ERROR;
}


unsigned
controller_drain_turn(controller_t *controller)
{
    unsigned  wait, wanted;
    uint64_t  now;

    if (controller->nginx == NULL) {
        return UINT32_MAX;
    }

    wait = kube_watch_turn(controller->gateways_watch);
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

    wanted = gateway_turn(controller->nginx);
    wait = wanted < wait ? wanted : wait;

    wanted = controller->nleaving ? CONTROLLER_DRAIN_ASK_MS
                                  : CONTROLLER_DRAIN_REST_MS;

    return wanted < wait ? wanted : wait;
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

        if (!controller->own_said
            || !drain_gateway_same(&own, &controller->own))
        {
            controller->own_unpublished = true;
        }

        drain_gateway_clear(&controller->own);
        controller->own = own;
        controller->own_said = true;
    }

    drain_status_clear(&said);

    if (controller->own_unpublished) {
        controller_drain_publish(controller);
    }
}


static void
controller_drain_failed(controller_t *controller, const char *error)
{
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


/* Outside of a pod nobody else can know when this gateway has gone. */
static void
controller_drain_publish(controller_t *controller)
{
    char     name[320];
    json_t  *object;

    if (controller->pod_name[0] == '\0' || controller->drain_call) {
        return;
    }

    (void) snprintf(name, sizeof(name), "mcp-tenant-gateway-%s",
                    controller->pod_name);

    object = json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s},"
                       "s:[{s:s,s:s,s:s,s:s}]},s:o}",
                       "apiVersion", "v1", "kind", "ConfigMap", "metadata",
                       "name", name, "namespace",
                       controller->lease_namespace, "labels",
                       CONTROLLER_DRAIN_GATEWAY, controller->objects.instance,
                       "ownerReferences", "apiVersion", "v1", "kind", "Pod",
                       "name", controller->pod_name, "uid",
                       controller->pod_uid,
                       "data", drain_encode(&controller->own));

    controller->own_unpublished = false;
    controller->drain_call = controller_status_send(controller,
                                     KUBE_CONFIG_MAP, "PATCH", name,
                                     "?fieldManager=" OBJECTS_MANAGER
                                     "&force=true",
                                     "application/apply-patch+yaml", object,
                                     controller_drain_published);
}


static void
controller_drain_published(void *data, const kube_reply_t *reply)
{
    controller_t  *controller;

    controller = data;
    controller->drain_call = NULL;

    if (reply->error) {
        controller->metrics.kinds[KUBE_CONFIG_MAP].errors++;
        controller->own_unpublished = true;
        controller_drain_failed(controller, reply->error);
    }
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

    gateways[0] = controller->own;
    count = 1;

    for (i = 0; i < controller->ngateways; i++) {
        if (!controller->gateways[i].is_own) {
            gateways[count++] = controller->gateways[i].said;
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


static void
controller_drain_begin(void *data)
{
    size_t         i;
    controller_t  *controller;

    controller = data;

    for (i = 0; i < controller->ngateways; i++) {
        controller->gateways[i].is_listed = false;
    }
}


static void
controller_drain_object(void *data, json_t *object)
{
    char                   why[DRAIN_ERROR_LEN];
    const char            *name;
    controller_t          *controller;
    drain_gateway_t        said;
    controller_gateway_t  *gateway;

    controller = data;
    name = json_string_value(json_object_get(json_object_get(object,
                                                             "metadata"),
                                             "name"));
    gateway = name ? controller_drain_find(controller, name) : NULL;

    if (gateway == NULL) {
        return;
    }

    gateway->is_listed = true;
    memset(&said, 0, sizeof(drain_gateway_t));

    if (drain_decode(object, &said, why) != MCP_OK) {
        log_line(LOG_WARN, "a gateway says nothing that can be read", "name",
                 name, "error", why, NULL);
    }

    drain_gateway_clear(&gateway->said);
    gateway->said = said;
}


static void
controller_drain_gone(void *data, json_t *object)
{
    size_t         i;
    const char    *name;
    controller_t  *controller;

    controller = data;
    name = json_string_value(json_object_get(json_object_get(object,
                                                             "metadata"),
                                             "name"));

    for (i = 0; name && i < controller->ngateways; i++) {
        if (strcmp(controller->gateways[i].name, name) == 0) {
            controller_drain_remove(controller, i);
            return;
        }
    }
}


static void
controller_drain_whole(void *data)
{
    size_t         i;
    controller_t  *controller;

    controller = data;

    for (i = controller->ngateways; i > 0; i--) {
        if (!controller->gateways[i - 1].is_listed) {
            controller_drain_remove(controller, i - 1);
        }
    }
}


static void
controller_drain_watch_failed(void *data, const char *error)
{
    (void) data;

    log_line(error ? LOG_WARN : LOG_INFO,
             error ? "other gateways cannot be watched"
                   : "other gateways are watched again",
             "error", error, NULL);
}


/* Makes it when there is none; NULL without memory. */
static controller_gateway_t *
controller_drain_find(controller_t *controller, const char *name)
{
    char                   own[320];
    size_t                 i;
    controller_gateway_t  *gateway, *gateways;

    for (i = 0; i < controller->ngateways; i++) {
        if (strcmp(controller->gateways[i].name, name) == 0) {
            return &controller->gateways[i];
        }
    }

    gateways = realloc(controller->gateways, (controller->ngateways + 1)
                                             * sizeof(controller_gateway_t));
    if (gateways == NULL) {
        return NULL;
    }

    controller->gateways = gateways;
    gateway = &gateways[controller->ngateways];
    memset(gateway, 0, sizeof(controller_gateway_t));

    (void) snprintf(own, sizeof(own), "mcp-tenant-gateway-%s",
                    controller->pod_name);
    gateway->is_own = strcmp(own, name) == 0;
    gateway->name = strdup(name);

    if (gateway->name == NULL) {
        return NULL;
    }

    controller->ngateways++;

    return gateway;
}


static void
controller_drain_remove(controller_t *controller, size_t n)
{
    free(controller->gateways[n].name);
    drain_gateway_clear(&controller->gateways[n].said);

    controller->gateways[n] = controller->gateways[--controller->ngateways];
}


void
controller_drain_free(controller_t *controller)
{
    while (controller->ngateways) {
        controller_drain_remove(controller, 0);
    }

    free(controller->gateways);
    drain_gateway_clear(&controller->own);
    gateway_free(controller->nginx);
    kube_watch_free(controller->gateways_watch);
}
