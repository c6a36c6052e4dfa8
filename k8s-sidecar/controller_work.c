/*
 * Does what the plan says: for each namespace one call after the other, for
 * several namespaces at once.
 */

#include "controller_parts.h"
#include "match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define CONTROLLER_CALLS_MAX        16
#define CONTROLLER_CALL_TIMEOUT_MS  30000


static void controller_place_work(controller_place_t *place);
static const char *controller_place_send(controller_place_t *place,
    const controller_task_t *task);
static const char *controller_send_desired(controller_place_t *place,
    const controller_task_t *task);
static const char *controller_send_delete(controller_place_t *place,
    const controller_task_t *task);
static const char *controller_send_announce(controller_place_t *place,
    const controller_task_t *task);
static const char *controller_send(controller_place_t *place,
    const controller_task_t *task, const char *method, const char *name,
    const char *query, const char *type, json_t *body);
static void controller_replied(void *data, const kube_reply_t *reply);
static bool controller_reply_took(controller_place_t *place,
    const controller_task_t *task, const kube_reply_t *reply);
static void controller_ask_owner(controller_place_t *place);
static void controller_owner_replied(void *data, const kube_reply_t *reply);
static bool controller_may_adopt(const controller_t *controller,
    const char *namespace, const json_t *object);
static bool controller_is_immutable(const controller_task_t *task,
    const kube_reply_t *reply);
static void controller_replace(controller_place_t *place,
    controller_task_t *task);
static bool controller_is_refused(const kube_reply_t *reply);
static const char *controller_task_namespace(const controller_place_t *place,
    const controller_task_t *task);


void
controller_work_turn(controller_t *controller)
{
    size_t               i;
    controller_place_t  *place;

    if (!controller_is_leader(controller)) {
        return;
    }

    for (i = 0; i < controller->nplaces; i++) {
        place = controller->places[i];

        if (controller->ncalls >= CONTROLLER_CALLS_MAX) {
            return;
        }

        if (place->call == NULL && place->ntasks) {
            controller_place_work(place);
        }

        /* A pause that ends is a reason for a plan. */

        if (place->retry_ms && place->ntasks == 0 && place->call == NULL
            && controller_now(controller) >= place->retry_ms)
        {
            place->retry_ms = 0;
            controller->is_dirty = true;
        }
    }
}


static void
controller_place_work(controller_place_t *place)
{
    const char  *error;

    while (place->call == NULL && place->next < place->ntasks) {
        error = controller_place_send(place, &place->tasks[place->next]);

        if (error) {
            controller_place_failed(place, error, 0);
            return;
        }

        if (place->call == NULL) {
            place->next++;
        }
    }

    if (place->next == place->ntasks && place->nrefused) {
        controller_place_later(place, 0);

    } else if (place->next == place->ntasks) {
        controller_place_clear(place);
        place->attempts = 0;
        place->error[0] = '\0';
        place->controller->is_dirty = true;
    }
}


/*
 * NULL: place->call is under way, or, when it is not, there is nothing to do
 * any more.
 */
static const char *
controller_place_send(controller_place_t *place,
    const controller_task_t *task)
{
    switch (task->verb) {

    case PLAN_DELETE:
        return controller_send_delete(place, task);

    case PLAN_ANNOUNCE:
    case PLAN_RECALL:
        return controller_send_announce(place, task);

    case PLAN_WAIT:
        return "the namespace is being deleted, and made anew after that";

    default:
        return controller_send_desired(place, task);
    }
}


static const char *
controller_send_desired(controller_place_t *place,
    const controller_task_t *task)
{
    json_t                 *object;
    controller_t           *controller;
    const desired_entry_t  *entry;

    controller = place->controller;
    entry = desired_find(&controller->desired, task->kind,
                         controller_task_namespace(place, task), task->name);

    if (entry == NULL) {
        return NULL;
    }

    object = (json_t *) desired_object(&controller->desired, entry);

    if (object == NULL) {
        return "there is no memory";
    }

    json_incref(object);

    if (task->verb == PLAN_CREATE) {
        return controller_send(place, task, "POST", NULL,
                               "?fieldManager=" OBJECTS_MANAGER,
                               "application/json", object);
    }

    if (place->merge) {
        json_decref(object);

        return controller_send(place, task, "PATCH", task->name,
                               "?fieldManager=" OBJECTS_MANAGER,
                               "application/merge-patch+json",
                               json_incref(place->merge));
    }

    /* https://kubernetes.io/docs/reference/using-api/server-side-apply/ */

    return controller_send(place, task, "PATCH", task->name,
                           "?fieldManager=" OBJECTS_MANAGER "&force=true",
                           "application/apply-patch+yaml", object);
}


static const char *
controller_send_delete(controller_place_t *place,
    const controller_task_t *task)
{
    return controller_send(place, task, "DELETE", task->name, "",
                           "application/json",
                           json_pack("{s:s,s:s,s:s,s:{s:s}}",
                                     "apiVersion", "v1",
                                     "kind", "DeleteOptions",
                                     "propagationPolicy", "Background",
                                     "preconditions", "uid", task->uid));
}


static const char *
controller_send_announce(controller_place_t *place,
    const controller_task_t *task)
{
    char       stamp[40];
    time_t     seconds;
    json_t    *value;
    struct tm  tm;

    if (task->verb == PLAN_RECALL) {
        value = json_null();

    } else {
        seconds = (time_t) task->delete_after;
        (void) gmtime_r(&seconds, &tm);
        (void) strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
        value = json_string(stamp);
    }

    return controller_send(place, task, "PATCH", task->name,
                           "?fieldManager=" OBJECTS_MANAGER,
                           "application/merge-patch+json",
                           json_pack("{s:{s:{s:o}}}", "metadata",
                                     "annotations", OBSERVED_DELETE_AFTER,
                                     value));
}


/* Takes over body. */
static const char *
controller_send(controller_place_t *place, const controller_task_t *task,
    const char *method, const char *name, const char *query,
    const char *type, json_t *body)
{
    char                 *path, *text, *full;
    const char           *namespace;
    controller_t         *controller;
    kube_http_request_t   request;

    controller = place->controller;
    namespace = controller_task_namespace(place, task);

    full = NULL;
    path = kube_kind_path(task->kind, &controller->versions,
                          namespace[0] ? namespace : NULL, name);
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);

    if (path && text && asprintf(&full, "%s%s", path, query) != -1) {
        memset(&request, 0, sizeof(kube_http_request_t));

        request.method = method;
        request.path = full;
        request.content_type = type;
        request.body = text;
        request.len = strlen(text);
        request.timeout_ms = CONTROLLER_CALL_TIMEOUT_MS;

        place->call = kube_http_send(controller->http, &request, NULL,
                                     controller_replied, place);
        free(full);
    }

    free(path);
    free(text);

    if (place->call == NULL) {
        return "the request could not be sent";
    }

    controller->ncalls++;
    controller->writes++;
    controller->metrics.kinds[task->kind].calls++;

    return NULL;
}


static void
controller_replied(void *data, const kube_reply_t *reply)
{
    controller_t        *controller;
    controller_task_t   *task;
    controller_place_t  *place;

    place = data;
    controller = place->controller;
    place->call = NULL;
    controller->ncalls--;

    /* The tasks were dropped meanwhile: what was done shows in the watch. */

    if (place->ntasks == 0) {
        controller->is_dirty = true;
        return;
    }

    task = &place->tasks[place->next];
    controller->metrics.kinds[task->kind].errors += reply->error != NULL;

    if (reply->status >= 200 && reply->status < 300) {

        if (!controller_reply_took(place, task, reply)) {
            return;
        }

    } else if (reply->status == 404 && task->verb == PLAN_DELETE) {
        observed_forget(&controller->observed, task->kind,
                        controller_task_namespace(place, task), task->name);

    } else if (reply->status == 409 && task->verb == PLAN_CREATE) {
        controller_ask_owner(place);
        return;

    } else if (controller_is_immutable(task, reply)
               && task->verb == PLAN_APPLY)
    {
        controller_replace(place, task);
        return;

    } else if (controller_is_refused(reply)) {
        controller_place_refused(place, reply->error, reply->retry_after);
        return;

    } else {
        controller_place_failed(place, reply->error, reply->retry_after);
        return;
    }

    controller_place_merged(place);
    place->next++;
    place->attempts = 0;
    controller_work_turn(controller);
}


/* Whether the task is done. */
static bool
controller_reply_took(controller_place_t *place,
    const controller_task_t *task, const kube_reply_t *reply)
{
    controller_t            *controller;
    const json_t            *object;
    const desired_entry_t   *wanted;
    const observed_entry_t  *entry;

    controller = place->controller;

    log_line(LOG_INFO, plan_verb(task->verb), "kind",
             kube_kinds[task->kind].kind, "namespace", place->namespace,
             "name", task->name, "why", task->why, NULL);

    if (task->verb == PLAN_DELETE) {
        return true;
    }

    entry = observed_see(&controller->observed, &controller->desired,
                         task->kind, reply->body, true);

    if (task->verb != PLAN_APPLY || entry == NULL || entry->matches) {
        return true;
    }

    /* Server-side apply leaves what others have added. */

    if (place->merge == NULL) {
        wanted = desired_find(&controller->desired, task->kind,
                              controller_task_namespace(place, task),
                              task->name);
        object = wanted ? desired_object(&controller->desired, wanted) : NULL;

        if (object) {
            place->merge = match_patch(object, reply->body);
        }

        if (place->merge) {
            controller_work_turn(controller);
            return false;
        }
    }

    controller_place_refused(place, "the object is not what was applied, even "
                             "after what others added was taken out", 0);

    return false;
}


/* A namespace that is there already: whose is it? */
static void
controller_ask_owner(controller_place_t *place)
{
    char                 *path;
    controller_t         *controller;
    kube_http_request_t   request;

    controller = place->controller;
    path = kube_kind_path(KUBE_NAMESPACE, &controller->versions, NULL,
                          place->namespace);

    if (path) {
        memset(&request, 0, sizeof(kube_http_request_t));
        request.method = "GET";
        request.path = path;
        request.timeout_ms = CONTROLLER_CALL_TIMEOUT_MS;

        place->call = kube_http_send(controller->http, &request, NULL,
                                     controller_owner_replied, place);
        free(path);
    }

    if (place->call == NULL) {
        controller_place_failed(place, "the request could not be sent", 0);
        return;
    }

    controller->ncalls++;
}


static void
controller_owner_replied(void *data, const kube_reply_t *reply)
{
    controller_t        *controller;
    controller_place_t  *place;

    place = data;
    controller = place->controller;
    place->call = NULL;
    controller->ncalls--;

    if (place->ntasks == 0) {
        controller->is_dirty = true;
        return;
    }

    if (reply->status != 200) {
        controller_place_failed(place, reply->error, reply->retry_after);
        return;
    }

    if (json_object_get(json_object_get(reply->body, "metadata"),
                        "deletionTimestamp"))
    {
        controller_place_failed(place, "the namespace is being deleted", 0);
        return;
    }

    if (!controller_may_adopt(controller, place->namespace, reply->body)) {
        controller_place_failed(place, "the namespace was made by somebody "
                                "else; --adopt NAMESPACE takes it over", 0);
        return;
    }

    place->tasks[place->next].verb = PLAN_APPLY;
    controller_work_turn(controller);
}


static bool
controller_may_adopt(const controller_t *controller, const char *namespace,
    const json_t *object)
{
    size_t         i, len;
    const char    *owner;
    const json_t  *annotations;

    annotations = json_object_get(json_object_get(object, "metadata"),
                                  "annotations");
    owner = json_string_value(json_object_get(annotations, OBJECTS_OWNER));
    len = strlen(controller->objects.instance);

    if (owner && strncmp(owner, controller->objects.instance, len) == 0
        && owner[len] == '/')
    {
        return true;
    }

    for (i = 0; i < controller->options->nadopt; i++) {
        if (strcmp(controller->options->adopt[i], namespace) == 0) {
            return true;
        }
    }

    return false;
}


/* A field that cannot be changed, such as the selector of a Deployment. */
static bool
controller_is_immutable(const controller_task_t *task,
    const kube_reply_t *reply)
{
    return reply->status == 422 && strstr(reply->error, "immutable")
           && (task->kind == KUBE_DEPLOYMENT || task->kind == KUBE_SERVICE
               || task->kind == KUBE_ROLE_BINDING);
}


/* Deletes the object; the next plan makes it. */
static void
controller_replace(controller_place_t *place, controller_task_t *task)
{
    const observed_entry_t  *entry;

    entry = observed_find(&place->controller->observed, task->kind,
                          controller_task_namespace(place, task), task->name);

    if (entry == NULL || !entry->is_ours) {
        controller_place_failed(place, "the object has a field that cannot be "
                                "changed, and is not ours to delete", 0);
        return;
    }

    task->verb = PLAN_DELETE;
    task->why = "a field cannot be changed: it is made anew";
    (void) snprintf(task->uid, sizeof(task->uid), "%s", entry->uid);

    controller_work_turn(place->controller);
}


/* The API server, or a policy of its administrator, does not want it. */
static bool
controller_is_refused(const kube_reply_t *reply)
{
    return reply->status == 400 || reply->status == 403
           || reply->status == 422;
}


static const char *
controller_task_namespace(const controller_place_t *place,
    const controller_task_t *task)
{
    return task->kind == KUBE_NAMESPACE ? "" : place->namespace;
}
