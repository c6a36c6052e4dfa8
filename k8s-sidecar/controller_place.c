/*
 * What is to be done in each namespace, and what becomes of it when it fails:
 * it is tried again after a while, and holds up its own namespace only.
 */

#include "controller_parts.h"
#include "backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CONTROLLER_BACKOFF_MS       1000
#define CONTROLLER_BACKOFF_MAX_MS   300000
#define CONTROLLER_STUCK_ATTEMPTS   5


static bool controller_place_is_apart(const controller_task_t *task);
static void controller_place_tell(controller_place_t *place,
    const char *error);


controller_place_t *
controller_place(controller_t *controller, const char *namespace)
{
    size_t                i;
    controller_place_t   *place, **places;

    for (i = 0; i < controller->nplaces; i++) {
        if (strcmp(controller->places[i]->namespace, namespace) == 0) {
            return controller->places[i];
        }
    }

    places = realloc(controller->places,
                     (controller->nplaces + 1) * sizeof(place));
    if (places == NULL) {
        return NULL;
    }

    controller->places = places;
    place = calloc(1, sizeof(controller_place_t));

    if (place == NULL) {
        return NULL;
    }

    place->controller = controller;
    place->namespace = strdup(namespace);

    if (place->namespace == NULL) {
        free(place);
        return NULL;
    }

    places[controller->nplaces++] = place;

    return place;
}


bool
controller_place_is_idle(const controller_place_t *place)
{
    return place->call == NULL && place->ntasks == 0
           && controller_now(place->controller) >= place->retry_ms;
}


int
controller_place_add(controller_place_t *place, const plan_action_t *action)
{
    controller_task_t  *task, *tasks;

    tasks = realloc(place->tasks,
                    (place->ntasks + 1) * sizeof(controller_task_t));
    if (tasks == NULL) {
        return MCP_ERROR;
    }

    place->tasks = tasks;
    task = &tasks[place->ntasks];
    memset(task, 0, sizeof(controller_task_t));

    task->verb = action->verb;
    task->kind = action->kind;
    task->why = action->why;
    task->delete_after = action->delete_after;
    task->name = strdup(action->name);

    (void) snprintf(task->uid, sizeof(task->uid), "%s",
                    action->uid ? action->uid : "");

    if (task->name == NULL) {
        return MCP_ERROR;
    }

    place->ntasks++;

    return MCP_OK;
}


void
controller_place_refused(controller_place_t *place, const char *error,
    unsigned retry_after)
{
    if (!controller_place_is_apart(&place->tasks[place->next])) {
        controller_place_failed(place, error, retry_after);
        return;
    }

    controller_place_tell(place, error);
    controller_place_merged(place);

    place->nrefused++;
    place->next++;
    controller_work_turn(place->controller);
}


/* Walls come before what they are to hold: without one nothing goes on. */
static bool
controller_place_is_apart(const controller_task_t *task)
{
    return task->kind == KUBE_ROLE_BINDING || task->kind == KUBE_SERVICE
           || task->kind == KUBE_POD_DISRUPTION_BUDGET
           || task->kind == KUBE_DEPLOYMENT;
}


void
controller_place_failed(controller_place_t *place, const char *error,
    unsigned retry_after)
{
    controller_place_tell(place, error);
    controller_place_later(place, retry_after);
}


/* Of several errors at once the first stands for all. */
static void
controller_place_tell(controller_place_t *place, const char *error)
{
    if (place->nrefused == 0) {
        place->is_told = strncmp(place->error, error,
                                 sizeof(place->error) - 1) == 0;
        (void) snprintf(place->error, sizeof(place->error), "%s", error);
    }

    if (!place->is_told) {
        log_line(LOG_ERROR, "a namespace cannot be made as it should be",
                 "namespace", place->namespace, "kind",
                 place->next < place->ntasks
                 ? kube_kinds[place->tasks[place->next].kind].kind : "",
                 "name", place->next < place->ntasks
                         ? place->tasks[place->next].name : "",
                 "error", error, NULL);
    }
}


void
controller_place_later(controller_place_t *place, unsigned retry_after)
{
    uint64_t       wait;
    kube_clock_t  *clock;

    clock = &place->controller->clock;
    place->controller->metrics.sync_errors++;

    wait = backoff_ms(++place->attempts, CONTROLLER_BACKOFF_MS,
                      CONTROLLER_BACKOFF_MAX_MS, clock->random(clock->data));

    if (wait < retry_after * UINT64_C(1000)) {
        wait = retry_after * UINT64_C(1000);
    }

    place->retry_ms = controller_now(place->controller) + wait;

    controller_place_clear(place);
}


void
controller_place_clear(controller_place_t *place)
{
    size_t  i;

    for (i = 0; i < place->ntasks; i++) {
        free(place->tasks[i].name);
    }

    free(place->tasks);
    controller_place_merged(place);

    place->tasks = NULL;
    place->ntasks = 0;
    place->next = 0;
    place->nrefused = 0;
}


void
controller_place_merged(controller_place_t *place)
{
    json_decref(place->merge);
    place->merge = NULL;
}


bool
controller_work_is_stuck(const controller_t *controller)
{
    size_t  i;

    for (i = 0; i < controller->nplaces; i++) {
        if (controller->places[i]->attempts >= CONTROLLER_STUCK_ATTEMPTS) {
            return true;
        }
    }

    return false;
}


void
controller_work_stop(controller_t *controller)
{
    size_t  i;

    for (i = 0; i < controller->nplaces; i++) {
        controller_place_clear(controller->places[i]);
    }
}


void
controller_work_cancel(controller_t *controller)
{
    size_t               i;
    controller_place_t  *place;

    controller_work_stop(controller);

    for (i = 0; i < controller->nplaces; i++) {
        place = controller->places[i];

        if (place->call) {
            kube_http_cancel(controller->http, place->call);
            place->call = NULL;
            controller->ncalls--;
        }
    }
}


void
controller_work_free(controller_t *controller)
{
    size_t               i;
    controller_place_t  *place;

    for (i = 0; i < controller->nplaces; i++) {
        place = controller->places[i];

        if (place->call) {
            kube_http_cancel(controller->http, place->call);
        }

        controller_place_clear(place);
        free(place->namespace);
        free(place);
    }

    free(controller->places);
    controller->places = NULL;
    controller->nplaces = 0;
    controller->ncalls = 0;
}
