/*
 * Plans, when something has changed and we may write.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


/* Changes come in groups; and when nothing comes, time may be over. */
#define CONTROLLER_PLAN_GATHER_MS  50
#define CONTROLLER_PLAN_POLL_MS    10000


static bool controller_may_plan(controller_t *controller);
static bool controller_is_current(const controller_t *controller);
static void controller_plan_print(const plan_t *plan);
static void controller_plan_hand_out(controller_t *controller,
    const plan_t *plan);
static void controller_plan_kept(controller_t *controller,
    const plan_t *plan);


void
controller_plan_turn(controller_t *controller)
{
    plan_t          plan;
    uint64_t        now;
    plan_options_t  options;

    now = controller_now(controller);

    if (!controller_may_plan(controller) || now < controller->plan_gather_ms
        || (!controller->is_dirty && now < controller->plan_due_ms))
    {
        return;
    }

    controller->plan_gather_ms = now + CONTROLLER_PLAN_GATHER_MS;
    controller->plan_due_ms = now + CONTROLLER_PLAN_POLL_MS;
    controller->is_dirty = false;

    options.is_complete = controller_is_current(controller);
    options.prune = controller->options->prune;
    options.max_share = controller->options->max_share;
    options.grace_seconds = controller->options->grace_seconds;
    options.now = (int64_t) time(NULL);

    if (plan_build(&controller->desired, &controller->observed, &options,
                   &plan)
        != MCP_OK)
    {
        log_line(LOG_ERROR, "there is no memory for a plan", NULL);
        controller->is_dirty = true;
        return;
    }

    if (controller->options->dry_run) {
        controller_plan_print(&plan);
        controller->is_done = true;

    } else {
        if (controller->sync_ms == 0) {
            controller->sync_ms = now;
        }

        controller_plan_kept(controller, &plan);
        controller_plan_hand_out(controller, &plan);
    }

    plan_clear(&plan);
}


unsigned
controller_plan_wait(controller_t *controller)
{
    uint64_t  now;

    now = controller_now(controller);

    if (!controller->is_dirty || !controller_may_plan(controller)) {
        return CONTROLLER_PLAN_POLL_MS;
    }

    return now < controller->plan_gather_ms
           ? (unsigned) (controller->plan_gather_ms - now) : 0;
}


static bool
controller_may_plan(controller_t *controller)
{
    return controller_is_complete(controller)
           && (controller->options->dry_run
               || controller_is_leader(controller));
}


bool
controller_is_complete(const controller_t *controller)
{
    int  i;

    for (i = 0; i < KUBE_MANAGED_KINDS; i++) {
        if (kube_watch_listed_ms(controller->views[i].watch) == 0) {
            return false;
        }
    }

    return true;
}


static bool
controller_is_current(const controller_t *controller)
{
    int  i;

    for (i = 0; i < KUBE_MANAGED_KINDS; i++) {
        if (!kube_watch_is_current(controller->views[i].watch)) {
            return false;
        }
    }

    return true;
}


static void
controller_plan_print(const plan_t *plan)
{
    size_t                i;
    const plan_action_t  *action;

    for (i = 0; i < plan->count; i++) {
        action = &plan->actions[i];

        printf("%s %s %s%s%s: %s\n", plan_verb(action->verb),
               kube_kinds[action->kind].kind, action->namespace,
               action->namespace[0] ? "/" : "", action->name, action->why);
    }

    if (plan->count == 0) {
        printf("nothing to do\n");
    }
}


static void
controller_plan_hand_out(controller_t *controller, const plan_t *plan)
{
    bool                  is_idle;
    size_t                i;
    const char           *namespace, *last;
    const plan_action_t  *action;
    controller_place_t   *place;

    last = NULL;
    place = NULL;
    is_idle = false;
    controller->ntodo = 0;

    for (i = 0; i < plan->count; i++) {
        action = &plan->actions[i];

        if (action->verb == PLAN_KEEP) {
            continue;
        }

        controller->ntodo++;
        namespace = action->kind == KUBE_NAMESPACE ? action->name
                                                   : action->namespace;

        if (last == NULL || strcmp(namespace, last) != 0) {
            last = namespace;
            place = controller_place(controller, namespace);
            is_idle = place && controller_place_is_idle(place);
        }

        if (is_idle && controller_place_add(place, action) != MCP_OK) {
            controller->is_dirty = true;
        }
    }
}


/*
 * Once for each number of them: the next look is in a few seconds.  The first
 * is one that was to go, when there is such.
 */
static void
controller_plan_kept(controller_t *controller, const plan_t *plan)
{
    char                  count[24];
    size_t                i, kept;
    const plan_action_t  *action, *first;

    kept = 0;
    first = NULL;

    for (i = 0; i < plan->count; i++) {
        action = &plan->actions[i];

        if (action->verb != PLAN_KEEP) {
            continue;
        }

        kept++;

        if (first == NULL
            || (plan->held && first->uid == NULL && first->delete_after == 0
                && (action->uid || action->delete_after)))
        {
            first = action;
        }
    }

    if (kept != controller->kept && first) {
        (void) snprintf(count, sizeof(count), "%zu", kept);
        log_line(LOG_WARN, "objects stay that nobody asks for", "count",
                 count, "why", first->why, "kind",
                 kube_kinds[first->kind].kind, "namespace", first->namespace,
                 "name", first->name, NULL);
    }

    controller->kept = kept;
}


bool
controller_is_in_sync(const controller_t *controller)
{
    return controller_is_complete(controller) && !controller->is_dirty
           && controller->ntodo == 0 && controller->ncalls == 0;
}
