/*
 * From what is asked for and what is there, to what is to be done: a pure
 * function.
 */

#ifndef _PLAN_H_INCLUDED_
#define _PLAN_H_INCLUDED_


#include "desired.h"
#include "observed.h"


/*
 * create: a Namespace that must not be there.  apply: server-side apply.
 * announce: say on a Namespace when it will be deleted; recall: that it will
 * not.  wait: for the end of a Namespace that is asked for anew.  keep: it
 * would be deleted with prune, or is held back, for the reason of why; nothing
 * is done.
 */
typedef enum {
    PLAN_CREATE,
    PLAN_APPLY,
    PLAN_DELETE,
    PLAN_ANNOUNCE,
    PLAN_RECALL,
    PLAN_WAIT,
    PLAN_KEEP
} plan_verb_e;

/* Texts belong to desired and observed; uid: of what is deleted. */
typedef struct {
    plan_verb_e             verb;
    kube_kind_e             kind;
    const char             *namespace;
    const char             *name;
    const char             *uid;
    const char             *why;
    const desired_entry_t  *desired;
    int64_t                 delete_after;
} plan_action_t;

/*
 * is_complete: every kind was listed whole; otherwise nothing is deleted.
 * max_share: percent of what is ours that may be deleted at once; fewer than
 * PLAN_SHARE_FREE deletions are never too many.  grace_seconds: between the
 * announcement and the end of a Namespace.  now: Unix seconds.
 */
#define PLAN_SHARE_FREE  5

typedef struct {
    bool      is_complete;
    bool      prune;
    unsigned  max_share;
    unsigned  grace_seconds;
    int64_t   now;
} plan_options_t;

/* deletions: asked for; held: they are more than max_share allows. */
typedef struct {
    plan_action_t  *actions;
    size_t          count;
    size_t          capacity;
    size_t          deletions;
    size_t          ours;
    bool            held;
    bool            failed;
} plan_t;


/*
 * Actions are grouped by namespace: those of a tenant in the order of making,
 * then what is to go, in the opposite one.  MCP_ERROR without memory.
 */
int plan_build(const desired_t *desired, const observed_t *observed,
    const plan_options_t *options, plan_t *plan);
void plan_clear(plan_t *plan);

const char *plan_verb(plan_verb_e verb);


#endif /* _PLAN_H_INCLUDED_ */
