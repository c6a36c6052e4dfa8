/*
 * What the gateways tell each other: every sidecar writes a ConfigMap of what
 * its own NGINX needs, and follows those of the others.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CONTROLLER_GATEWAYS_RESYNC_MS  300000
#define CONTROLLER_GATEWAYS_RETRY_MS   1000
#define CONTROLLER_GATEWAYS_LABEL      "mcp-tenant.io/gateway"


static json_t *controller_gateways_data(controller_t *controller);
static void controller_gateways_publish(controller_t *controller);
static void controller_gateways_published(void *data,
    const kube_reply_t *reply);
static void controller_gateways_begin(void *data);
static void controller_gateways_object(void *data, json_t *object);
static void controller_gateways_gone(void *data, json_t *object);
static void controller_gateways_whole(void *data);
static void controller_gateways_failed(void *data, const char *error);
static controller_gateway_t *controller_gateways_find(
    controller_t *controller, const char *name);
static controller_gateway_t *controller_gateways_get(
    controller_t *controller, const char *name);
static void controller_gateways_remove(controller_t *controller,
    controller_gateway_t *gateway);
static void controller_gateways_own_name(const controller_t *controller,
    char *ret_name, size_t size);
static const char *controller_gateways_name(const json_t *object);


static const kube_watch_handler_t  controller_gateways_handler = {
    controller_gateways_begin,
    controller_gateways_object,
    controller_gateways_gone,
    controller_gateways_whole,
    controller_gateways_failed,
    NULL
};


int
controller_gateways_init(controller_t *controller)
{
    char                   selector[160];
    const char            *pod, *uid;
    kube_watch_options_t   options;

    if (controller->options->nginx == NULL || controller->pods == NULL) {
        return MCP_OK;
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
                    CONTROLLER_GATEWAYS_LABEL, controller->objects.instance);
    memset(&options, 0, sizeof(kube_watch_options_t));

    options.kind = KUBE_CONFIG_MAP;
    options.namespace = controller->lease_namespace;
    options.label_selector = selector;
    options.resync_ms = CONTROLLER_GATEWAYS_RESYNC_MS;
    options.handler = &controller_gateways_handler;
    options.data = controller;
    options.calls = &controller->metrics.kinds[KUBE_CONFIG_MAP].calls;

    controller->gateways_watch = kube_watch_new(controller->http,
                                                &controller->versions,
                                                &controller->clock, &options);
    if (controller->gateways_watch == NULL) {
        return MCP_ERROR;
    }

    return controller_drain_init(controller) == MCP_OK
           ? controller_demand_init(controller) : MCP_ERROR;
}


unsigned
controller_gateways_turn(controller_t *controller)
{
    uint64_t  now;
    unsigned  wait, wanted;

    if (controller->gateways_watch == NULL) {
        return UINT32_MAX;
    }

    wait = kube_watch_turn(controller->gateways_watch);

    wanted = controller_drain_turn(controller);
    wait = wanted < wait ? wanted : wait;

    wanted = controller_demand_turn(controller);
    wait = wanted < wait ? wanted : wait;

    now = controller_now(controller);

    if (controller->own_unpublished && now >= controller->own_due_ms) {
        controller_gateways_publish(controller);
    }

    if (controller->own_unpublished
        && CONTROLLER_GATEWAYS_RETRY_MS < wait)
    {
        wait = CONTROLLER_GATEWAYS_RETRY_MS;
    }

    return wait;
}


bool
controller_gateways_are_known(const controller_t *controller)
{
    return controller->gateways_watch
           && kube_watch_listed_ms(controller->gateways_watch) != 0;
}


/*
 * Outside of a pod nobody else can know when this gateway has gone.  What was
 * said before a start of this program stands until NGINX was asked, hence
 * after the first list.
 */
static void
controller_gateways_publish(controller_t *controller)
{
    char     name[320];
    json_t  *data, *object;

    if (controller->pod_name[0] == '\0') {
        controller->own_unpublished = false;
        return;
    }

    if (controller->own_call || !controller->own_drained_said
        || !controller_gateways_are_known(controller))
    {
        return;
    }

    data = controller_gateways_data(controller);

    if (data == NULL) {
        return;
    }

    controller_gateways_own_name(controller, name, sizeof(name));

    object = json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s},"
                       "s:[{s:s,s:s,s:s,s:s}]},s:o}",
                       "apiVersion", "v1", "kind", "ConfigMap", "metadata",
                       "name", name, "namespace",
                       controller->lease_namespace, "labels",
                       CONTROLLER_GATEWAYS_LABEL,
                       controller->objects.instance,
                       "ownerReferences", "apiVersion", "v1", "kind", "Pod",
                       "name", controller->pod_name, "uid",
                       controller->pod_uid, "data", data);

    controller->own_unpublished = false;
    controller->own_call = controller_status_send(controller,
                                     KUBE_CONFIG_MAP, "PATCH", name,
                                     "?fieldManager=" OBJECTS_MANAGER
                                     "&force=true",
                                     "application/apply-patch+yaml", object,
                                     controller_gateways_published);

    if (controller->own_call == NULL) {
        controller->own_unpublished = true;
        controller->own_due_ms = controller_now(controller)
                                 + CONTROLLER_GATEWAYS_RETRY_MS;
    }
}


static json_t *
controller_gateways_data(controller_t *controller)
{
    char                     name[320];
    json_t                  *data, *demand;
    const demand_gateway_t  *said;
    controller_gateway_t    *before;

    controller_gateways_own_name(controller, name, sizeof(name));

    before = controller_gateways_find(controller, name);
    said = before && !controller->own_demand_said ? &before->demand
                                                  : &controller->own_demand;

    data = drain_encode(&controller->own_drained);
    demand = demand_encode(said);

    if (demand == NULL || json_object_update(data, demand) != 0) {
        json_decref(data);
        data = NULL;
    }

    json_decref(demand);

    return data;
}


static void
controller_gateways_published(void *data, const kube_reply_t *reply)
{
    controller_t  *controller;

    controller = data;
    controller->own_call = NULL;

    if (reply->error == NULL) {
        controller->own_error[0] = '\0';
        return;
    }

    controller->metrics.kinds[KUBE_CONFIG_MAP].errors++;
    controller->own_unpublished = true;
    controller->own_due_ms = controller_now(controller)
                             + CONTROLLER_GATEWAYS_RETRY_MS;

    if (strncmp(controller->own_error, reply->error,
                sizeof(controller->own_error) - 1) != 0)
    {
        (void) snprintf(controller->own_error, sizeof(controller->own_error),
                        "%s", reply->error);
        log_line(LOG_WARN, "other gateways cannot be told what this one "
                 "needs", "error", reply->error, NULL);
    }
}


static void
controller_gateways_begin(void *data)
{
    size_t         i;
    controller_t  *controller;

    controller = data;

    for (i = 0; i < controller->ngateways; i++) {
        controller->gateways[i].is_listed = false;
    }
}


static void
controller_gateways_object(void *data, json_t *object)
{
    char                   why[DRAIN_ERROR_LEN > DEMAND_ERROR_LEN
                               ? DRAIN_ERROR_LEN : DEMAND_ERROR_LEN];
    const char            *name;
    controller_t          *controller;
    drain_gateway_t        drained;
    demand_gateway_t       demand;
    controller_gateway_t  *gateway;

    controller = data;
    name = controller_gateways_name(object);
    gateway = name ? controller_gateways_get(controller, name) : NULL;

    if (gateway == NULL) {
        return;
    }

    gateway->is_listed = true;
    memset(&drained, 0, sizeof(drain_gateway_t));

    if (drain_decode(object, &drained, why) != MCP_OK) {
        log_line(LOG_WARN, "a gateway says nothing that can be read", "name",
                 name, "error", why, NULL);
    }

    drain_gateway_clear(&gateway->drained);
    gateway->drained = drained;

    /* It needs what it needed, as long as nobody knows better. */

    if (demand_decode(object, &demand, why) != MCP_OK) {
        log_line(LOG_WARN, "a gateway says nothing that can be read", "name",
                 name, "error", why, NULL);
        return;
    }

    demand_gateway_clear(&gateway->demand);
    gateway->demand = demand;
    controller->demand_dirty = true;
}


static void
controller_gateways_gone(void *data, json_t *object)
{
    const char            *name;
    controller_t          *controller;
    controller_gateway_t  *gateway;

    controller = data;
    name = controller_gateways_name(object);
    gateway = name ? controller_gateways_find(controller, name) : NULL;

    if (gateway) {
        controller->own_unpublished |= gateway->is_own;
        controller_gateways_remove(controller, gateway);
    }
}


static void
controller_gateways_whole(void *data)
{
    size_t                 i;
    controller_t          *controller;
    controller_gateway_t  *gateway;

    controller = data;

    for (i = controller->ngateways; i > 0; i--) {
        gateway = &controller->gateways[i - 1];

        if (!gateway->is_listed) {
            controller->own_unpublished |= gateway->is_own;
            controller_gateways_remove(controller, gateway);
        }
    }

    controller->demand_dirty = true;
}


static void
controller_gateways_failed(void *data, const char *error)
{
    (void) data;

    log_line(error ? LOG_WARN : LOG_INFO,
             error ? "other gateways cannot be watched"
                   : "other gateways are watched again",
             "error", error, NULL);
}


static controller_gateway_t *
controller_gateways_find(controller_t *controller, const char *name)
{
    size_t  i;

    for (i = 0; i < controller->ngateways; i++) {
        if (strcmp(controller->gateways[i].name, name) == 0) {
            return &controller->gateways[i];
        }
    }

    return NULL;
}


/* Makes it when there is none; NULL without memory. */
static controller_gateway_t *
controller_gateways_get(controller_t *controller, const char *name)
{
    char                   own[320];
    controller_gateway_t  *gateway, *gateways;

    gateway = controller_gateways_find(controller, name);

    if (gateway) {
        return gateway;
    }

    gateways = realloc(controller->gateways, (controller->ngateways + 1)
                                             * sizeof(controller_gateway_t));
    if (gateways == NULL) {
        return NULL;
    }

    controller->gateways = gateways;
    gateway = &gateways[controller->ngateways];
    memset(gateway, 0, sizeof(controller_gateway_t));

    controller_gateways_own_name(controller, own, sizeof(own));
    gateway->is_own = strcmp(own, name) == 0;
    gateway->name = strdup(name);

    if (gateway->name == NULL) {
        return NULL;
    }

    controller->ngateways++;

    return gateway;
}


static void
controller_gateways_remove(controller_t *controller,
    controller_gateway_t *gateway)
{
    free(gateway->name);
    drain_gateway_clear(&gateway->drained);
    demand_gateway_clear(&gateway->demand);

    *gateway = controller->gateways[--controller->ngateways];
    controller->demand_dirty = true;
}


static void
controller_gateways_own_name(const controller_t *controller, char *ret_name,
    size_t size)
{
    (void) snprintf(ret_name, size, "mcp-tenant-gateway-%s",
                    controller->pod_name);
}


static const char *
controller_gateways_name(const json_t *object)
{
    return json_string_value(json_object_get(json_object_get(object,
                                                             "metadata"),
                                             "name"));
}


void
controller_gateways_free(controller_t *controller)
{
    while (controller->ngateways) {
        controller_gateways_remove(controller, controller->gateways);
    }

    free(controller->gateways);
    controller_drain_free(controller);
    controller_demand_free(controller);
    kube_watch_free(controller->gateways_watch);
}
