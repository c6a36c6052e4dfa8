/*
 * Tells people: one ConfigMap with the state of every tenant, and an Event
 * when the state of one changes.
 */

#include "controller_parts.h"
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define CONTROLLER_STATUS_MS          2000
#define CONTROLLER_STATUS_TIMEOUT_MS  10000
#define CONTROLLER_NOTE_LEN           1000


static void controller_status_write(controller_t *controller);
static void controller_status_replied(void *data, const kube_reply_t *reply);
static status_place_t controller_status_place(void *data,
    const char *namespace);
static const char *controller_status_trouble(void *data,
    const mcp_tenant_t *tenant, const mcp_server_t *server);
static void controller_event(controller_t *controller,
    controller_place_t *place);
static json_t *controller_event_object(controller_t *controller,
    const controller_place_t *place);
static void controller_event_replied(void *data, const kube_reply_t *reply);


void
controller_status_turn(controller_t *controller)
{
    size_t               i;
    uint64_t             now;
    controller_place_t  *place;

    now = controller_now(controller);

    if (controller->options->once || controller->options->dry_run
        || now < controller->status_due_ms
        || !controller_is_complete(controller)
        || !controller_is_leader(controller))
    {
        return;
    }

    controller->status_due_ms = now + CONTROLLER_STATUS_MS;

    for (i = 0; i < controller->nplaces; i++) {
        place = controller->places[i];

        if (strcmp(place->told, place->error) != 0) {
            (void) snprintf(place->told, sizeof(place->told), "%s",
                            place->error);
            place->since = (int64_t) time(NULL);
            controller_event(controller, place);
        }
    }

    if (controller->status_call == NULL) {
        controller_status_write(controller);
    }
}


void
controller_status_cancel(controller_t *controller)
{
    if (controller->status_call) {
        kube_http_cancel(controller->http, controller->status_call);
        controller->status_call = NULL;

        free(controller->status_text);
        controller->status_text = NULL;
    }
}


void
controller_status_free(controller_t *controller)
{
    free(controller->status_text);
}


static void
controller_status_write(controller_t *controller)
{
    char             name[128], *text;
    json_t          *status, *object;
    status_known_t   known;

    known.place = controller_status_place;
    known.trouble = controller_status_trouble;
    known.data = controller;

    status = status_json(&controller->desired, &controller->observed,
                         &known);
    text = json_dumps(status, JSON_INDENT(1));
    json_decref(status);

    if (text == NULL
        || (controller->status_text
            && strcmp(text, controller->status_text) == 0))
    {
        free(text);
        return;
    }

    status_name(controller->objects.instance, name, sizeof(name));

    object = json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s}},s:{s:s}}",
                       "apiVersion", "v1", "kind", "ConfigMap", "metadata",
                       "name", name, "namespace",
                       controller->lease_namespace, "labels",
                       OBJECTS_INSTANCE, controller->objects.instance,
                       "data", STATUS_KEY, text);

    free(controller->status_text);
    controller->status_text = text;

    controller->status_call = controller_status_send(controller,
                                     KUBE_CONFIG_MAP, "PATCH", name,
                                     "?fieldManager=" OBJECTS_MANAGER
                                     "&force=true",
                                     "application/apply-patch+yaml", object,
                                     controller_status_replied);
}


static void
controller_status_replied(void *data, const kube_reply_t *reply)
{
    controller_t  *controller;

    controller = data;
    controller->status_call = NULL;

    if (reply->error) {
        controller->metrics.kinds[KUBE_CONFIG_MAP].errors++;
        free(controller->status_text);
        controller->status_text = NULL;
        controller->status_due_ms = controller_now(controller) + 30000;

        log_line(LOG_WARN, "the status cannot be written", "namespace",
                 controller->lease_namespace, "error", reply->error, NULL);
    }
}


static status_place_t
controller_status_place(void *data, const char *namespace)
{
    size_t          i;
    controller_t   *controller;
    status_place_t  state;

    controller = data;
    memset(&state, 0, sizeof(status_place_t));

    for (i = 0; i < controller->nplaces; i++) {
        if (strcmp(controller->places[i]->namespace, namespace) == 0) {
            state.error = controller->places[i]->error;
            state.since = controller->places[i]->since;
        }
    }

    return state;
}


static const char *
controller_status_trouble(void *data, const mcp_tenant_t *tenant,
    const mcp_server_t *server)
{
    controller_t *controller = data;

    return controller->pods
           ? endpoints_trouble(controller->pods, tenant->namespace.data,
                               tenant->id.data, server->id.data)
           : NULL;
}


static void
controller_event(controller_t *controller, controller_place_t *place)
{
    (void) controller_status_send(controller, KUBE_EVENT, "POST", NULL, "",
                                  "application/json",
                                  controller_event_object(controller, place),
                                  controller_event_replied);
}


static json_t *
controller_event_object(controller_t *controller,
    const controller_place_t *place)
{
    char              name[128], about[128], stamp[40], time_text[64];
    char              note[CONTROLLER_NOTE_LEN];
    bool              failed;
    struct tm         tm;
    struct timespec   now;

    failed = (place->error[0] != '\0');

    (void) clock_gettime(CLOCK_REALTIME, &now);
    (void) gmtime_r(&now.tv_sec, &tm);
    (void) strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    (void) snprintf(time_text, sizeof(time_text), "%s.%06ldZ", stamp,
                    now.tv_nsec / 1000);
    (void) snprintf(name, sizeof(name), "%s.%llx", place->namespace,
                    (unsigned long long) now.tv_sec * 1000000000ULL
                    + (unsigned long long) now.tv_nsec);
    (void) snprintf(note, sizeof(note), failed ? "namespace %s: %s"
                    : "namespace %s is as the files say", place->namespace,
                    place->error);
    status_name(controller->objects.instance, about, sizeof(about));

    return json_pack("{s:s,s:s,s:{s:s,s:s},s:s,s:s,s:s,s:s,s:s,s:s,s:s,"
                     "s:{s:s,s:s,s:s,s:s}}",
                     "apiVersion",
                     controller->versions.api_version[KUBE_EVENT],
                     "kind", "Event",
                     "metadata", "name", name, "namespace",
                     controller->lease_namespace,
                     "eventTime", time_text,
                     "reportingController", "mcp-tenant.io/reconcile",
                     "reportingInstance", controller->lease.identity,
                     "action", "Reconcile",
                     "reason", failed ? "TenantFailed" : "TenantReady",
                     "type", failed ? "Warning" : "Normal",
                     "note", note,
                     "regarding", "apiVersion", "v1", "kind", "ConfigMap",
                     "namespace", controller->lease_namespace, "name", about);
}


/* Events are for people; what cannot be told there stands in the log. */
static void
controller_event_replied(void *data, const kube_reply_t *reply)
{
    controller_t  *controller;

    controller = data;

    if (reply->error) {
        controller->metrics.kinds[KUBE_EVENT].errors++;
        log_line(LOG_WARN, "an Event cannot be written", "namespace",
                 controller->lease_namespace, "error", reply->error, NULL);
    }
}


kube_call_t *
controller_status_send(controller_t *controller, kube_kind_e kind,
    const char *method, const char *name, const char *query,
    const char *type, json_t *body, kube_http_reply_pt reply)
{
    char                 *path, *text, *full;
    kube_call_t          *call;
    kube_http_request_t   request;

    call = NULL;
    full = NULL;
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    path = kube_kind_path(kind, &controller->versions,
                          controller->lease_namespace, name);

    if (path && text && asprintf(&full, "%s%s", path, query) != -1) {
        memset(&request, 0, sizeof(kube_http_request_t));

        request.method = method;
        request.path = full;
        request.content_type = type;
        request.body = text;
        request.len = strlen(text);
        request.timeout_ms = CONTROLLER_STATUS_TIMEOUT_MS;

        call = kube_http_send(controller->http, &request, NULL, reply,
                              controller);
        free(full);
    }

    free(path);
    free(text);
    controller->metrics.kinds[kind].calls += call != NULL;

    return call;
}
