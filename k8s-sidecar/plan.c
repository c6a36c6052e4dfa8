/*
 * From what is asked for and what is there, to what is to be done.
 */

#include "plan.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    plan_t                *plan;
    const desired_t       *desired;
    const observed_t      *observed;
    const plan_options_t  *options;
} plan_build_t;


static void plan_make(plan_build_t *build, const desired_entry_t *entry);
static void plan_stale(void *data, const observed_entry_t *entry);
static void plan_stale_namespace(plan_build_t *build,
    const observed_entry_t *entry);
static plan_action_t *plan_add(plan_t *plan, plan_verb_e verb,
    kube_kind_e kind, const char *namespace, const char *name,
    const char *why);
static void plan_hold(plan_t *plan, const plan_options_t *options);
static int plan_compare(const void *one, const void *other);
static const char *plan_namespace(const plan_action_t *action);


int
plan_build(const desired_t *desired, const observed_t *observed,
    const plan_options_t *options, plan_t *plan)
{
    size_t        i;
    plan_build_t  build;

    memset(plan, 0, sizeof(plan_t));

    build.plan = plan;
    build.desired = desired;
    build.observed = observed;
    build.options = options;

    for (i = 0; i < desired->count; i++) {
        plan_make(&build, &desired->entries[i]);
    }

    observed_walk(observed, plan_stale, &build);
    plan_hold(plan, options);

    if (plan->failed) {
        plan_clear(plan);
        return MCP_ERROR;
    }

    qsort(plan->actions, plan->count, sizeof(plan_action_t), plan_compare);

    return MCP_OK;
}


void
plan_clear(plan_t *plan)
{
    free(plan->actions);
    memset(plan, 0, sizeof(plan_t));
}


static void
plan_make(plan_build_t *build, const desired_entry_t *entry)
{
    plan_verb_e              verb;
    const char              *why;
    plan_action_t           *action;
    const observed_entry_t  *seen, *home;

    seen = observed_find(build->observed, entry->kind, entry->namespace,
                         entry->name);

    home = entry->kind == KUBE_NAMESPACE
           ? seen
           : observed_find(build->observed, KUBE_NAMESPACE, "",
                           entry->namespace);

    /* Nothing can be made in a namespace that ends: wait for its end. */

    if (home && home->is_deleting && entry->kind != KUBE_NAMESPACE) {
        return;
    }

    verb = PLAN_APPLY;

    if (home && home->is_deleting) {
        why = "it is being deleted";
        verb = PLAN_WAIT;

    } else if (seen && seen->delete_after && seen->is_ours) {
        why = "its tenant is back";
        verb = PLAN_RECALL;

    } else if (seen == NULL
               || (entry->kind == KUBE_NAMESPACE && !seen->is_ours))
    {
        /* Whose a Namespace is, is asked when it cannot be made. */

        why = "missing";
        verb = entry->kind == KUBE_NAMESPACE ? PLAN_CREATE : PLAN_APPLY;

    } else if (seen->is_deleting) {
        return;

    } else if (strcmp(seen->hash, entry->hash) != 0) {
        why = "changed";

    } else if (!seen->matches) {
        why = "drifted";

    } else {
        return;
    }

    action = plan_add(build->plan, verb, entry->kind, entry->namespace,
                      entry->name, why);
    if (action) {
        action->desired = entry;
    }
}


static void
plan_stale(void *data, const observed_entry_t *entry)
{
    bool           is_home_desired;
    plan_action_t  *action;
    plan_build_t   *build;

    build = data;
    build->plan->ours += entry->is_ours;

    if (entry->is_deleting
        || desired_find(build->desired, entry->kind, entry->namespace,
                        entry->name))
    {
        return;
    }

    if (!entry->is_ours) {
        (void) plan_add(build->plan, PLAN_KEEP, entry->kind,
                        entry->namespace, entry->name,
                        "it has the labels but not the recorded owner");
        return;
    }

    if (!build->options->prune || !build->options->is_complete) {
        (void) plan_add(build->plan, PLAN_KEEP, entry->kind,
                        entry->namespace, entry->name,
                        build->options->prune ? "not all was listed yet"
                                              : "--prune was not given");
        return;
    }

    if (entry->kind == KUBE_NAMESPACE) {
        plan_stale_namespace(build, entry);
        return;
    }

    is_home_desired = desired_tenant(build->desired, entry->namespace) != NULL;

    /*
     * The namespace of a dropped tenant keeps its walls to the end; its
     * servers and people go at once.
     */

    if (!is_home_desired && !entry->is_of_server
        && entry->kind != KUBE_ROLE_BINDING)
    {
        return;
    }

    action = plan_add(build->plan, PLAN_DELETE, entry->kind, entry->namespace,
                      entry->name, "nobody asks for it");
    if (action) {
        action->uid = entry->uid;
        build->plan->deletions++;
    }
}


static void
plan_stale_namespace(plan_build_t *build, const observed_entry_t *entry)
{
    plan_action_t  *action;

    if (entry->delete_after == 0) {
        action = plan_add(build->plan, PLAN_ANNOUNCE, entry->kind,
                          entry->namespace, entry->name,
                          "its tenant is not in the file");
        if (action) {
            action->delete_after = build->options->now
                                   + build->options->grace_seconds;
            build->plan->deletions++;
        }

        return;
    }

    if (entry->delete_after > build->options->now) {
        return;
    }

    action = plan_add(build->plan, PLAN_DELETE, entry->kind, entry->namespace,
                      entry->name, "its time is over");
    if (action) {
        action->uid = entry->uid;
        build->plan->deletions++;
    }
}


static plan_action_t *
plan_add(plan_t *plan, plan_verb_e verb, kube_kind_e kind,
    const char *namespace, const char *name, const char *why)
{
    size_t          capacity;
    plan_action_t  *action, *actions;

    if (plan->count == plan->capacity) {
        capacity = plan->capacity ? 2 * plan->capacity : 64;

        actions = realloc(plan->actions, capacity * sizeof(plan_action_t));
        if (actions == NULL) {
            plan->failed = true;
            return NULL;
        }

        plan->actions = actions;
        plan->capacity = capacity;
    }

    action = &plan->actions[plan->count++];
    memset(action, 0, sizeof(plan_action_t));

    action->verb = verb;
    action->kind = kind;
    action->namespace = namespace;
    action->name = name;
    action->why = why;

    return action;
}


/* A mistake in the files must not empty the cluster. */
static void
plan_hold(plan_t *plan, const plan_options_t *options)
{
    size_t          i;
    plan_action_t  *action;

    if (plan->deletions < PLAN_SHARE_FREE
        || plan->deletions * 100 <= plan->ours * options->max_share)
    {
        return;
    }

    plan->held = true;

    for (i = 0; i < plan->count; i++) {
        action = &plan->actions[i];

        if (action->verb == PLAN_DELETE || action->verb == PLAN_ANNOUNCE) {
            action->verb = PLAN_KEEP;
            action->why = "too much would go at once (--prune-max-share)";
        }
    }
}


static int
plan_compare(const void *one, const void *other)
{
    int                   rc, a_goes, b_goes;
    const plan_action_t  *a, *b;

    a = one;
    b = other;

    rc = strcmp(plan_namespace(a), plan_namespace(b));
    if (rc) {
        return rc;
    }

    a_goes = (a->desired == NULL);
    b_goes = (b->desired == NULL);

    if (a_goes != b_goes) {
        return a_goes - b_goes;
    }

    if (!a_goes) {
        return a->desired->n < b->desired->n ? -1 : 1;
    }

    if (a->kind != b->kind) {
        return a->kind > b->kind ? -1 : 1;
    }

    return strcmp(a->name, b->name);
}


static const char *
plan_namespace(const plan_action_t *action)
{
    return action->kind == KUBE_NAMESPACE ? action->name : action->namespace;
}


const char *
plan_verb(plan_verb_e verb)
{
    static const char *const  words[] = {
        "create", "apply", "delete", "announce", "recall", "wait", "keep"
    };

    return words[verb];
}
