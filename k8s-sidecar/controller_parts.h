/*
 * What the files of the controller share.
 */

#ifndef _CONTROLLER_PARTS_H_INCLUDED_
#define _CONTROLLER_PARTS_H_INCLUDED_


#include "controller.h"
#include "demand.h"
#include "desired.h"
#include "drain.h"
#include "endpoints.h"
#include "gateway.h"
#include "httpd.h"
#include "kube_http.h"
#include "kube_watch.h"
#include "lease.h"
#include "log.h"
#include "mcp_watch.h"
#include "metrics.h"
#include "observed.h"
#include "plan.h"


#define CONTROLLER_ERROR_LEN    512
#define CONTROLLER_POD_WATCHES  2


typedef struct controller_s  controller_t;

/* What is to be done; its own text, since plans and files come and go. */
typedef struct {
    plan_verb_e  verb;
    kube_kind_e  kind;
    char        *name;
    const char  *why;
    char         uid[40];
    int64_t      delete_after;
} controller_task_t;

/*
 * The work on one namespace: one call at a time, in order.  attempts: failures
 * without a success between; merge: owned; the task was applied, did not hold,
 * and is sent as this patch; nrefused: of these tasks; error: as it was last
 * logged, is_told: before, too.
 */
typedef struct {
    controller_t       *controller;
    char               *namespace;
    controller_task_t  *tasks;
    size_t              ntasks;
    size_t              next;
    size_t              nrefused;
    bool                is_told;
    kube_call_t        *call;
    json_t             *merge;
    unsigned            attempts;
    uint64_t            retry_ms;
    char                error[CONTROLLER_ERROR_LEN];
    char                told[CONTROLLER_ERROR_LEN];
    int64_t             since;
} controller_place_t;

/* failed_ms: since when it cannot be watched; 0: it can. */
typedef struct {
    controller_t  *controller;
    kube_kind_e    kind;
    kube_watch_t  *watch;
    uint64_t       failed_ms;
} controller_view_t;

/* What another gateway said; is_own: the ConfigMap is ours. */
typedef struct {
    char             *name;
    bool              is_own;
    bool              is_listed;
    drain_gateway_t   drained;
    demand_gateway_t  demand;
} controller_gateway_t;

/*
 * own_...: what the NGINX beside this sidecar needs, and whether others were
 * told.  running: which servers on demand are to run; active: which have pods,
 * or are to, NULL at first.  pods_wanted: counts what endpoints.json is to
 * follow, beside the pods; pods_said: as it was written.
 */
struct controller_s {
    const controller_options_t  *options;
    kube_config_t               *kube;
    kube_http_t                 *http;
    kube_versions_t              versions;
    objects_options_t            objects;
    kube_clock_t                 clock;
    controller_view_t            views[KUBE_MANAGED_KINDS];
    mcp_config_t                *config;
    mcp_watch_t                 *files;
    httpd_t                     *httpd;
    metrics_t                    metrics;
    uint64_t                     sync_ms;
    endpoints_t                 *pods;
    kube_watch_t                *pod_watches[CONTROLLER_POD_WATCHES];
    gateway_t                   *nginx;
    kube_watch_t                *gateways_watch;
    controller_gateway_t        *gateways;
    size_t                       ngateways;
    size_t                       nleaving;
    drain_gateway_t              own_drained;
    demand_gateway_t             own_demand;
    kube_call_t                 *own_call;
    uint64_t                     own_due_ms;
    char                         own_error[CONTROLLER_ERROR_LEN];
    uint64_t                     drain_due_ms;
    char                         drain_error[CONTROLLER_ERROR_LEN];
    gateway_t                   *nginx_demand;
    demand_memory_t              demand_memory;
    demand_answer_t              demand_answer;
    demand_flags_t               running;
    demand_flags_t               active;
    demand_times_t               demand_times;
    uint64_t                     demand_again_ms;
    uint64_t                     demand_due_ms;
    char                         demand_error[CONTROLLER_ERROR_LEN];
    char                         pod_name[254];
    char                         pod_uid[64];
    uint64_t                     pods_version;
    uint64_t                     pods_due_ms;
    uint64_t                     pods_said;
    uint64_t                     pods_wanted;
    char                         pods_error[ENDPOINTS_ERROR_LEN];
    desired_t                    desired;
    observed_t                   observed;
    controller_place_t         **places;
    size_t                       nplaces;
    size_t                       ncalls;
    lease_t                      lease;
    kube_call_t                 *lease_call;
    char                         lease_name[80];
    char                         lease_namespace[64];
    char                         lease_error[CONTROLLER_ERROR_LEN];
    uint64_t                     lease_due_ms;
    uint64_t                     lease_began_ms;
    uint64_t                     files_due_ms;
    uint64_t                     plan_due_ms;
    uint64_t                     plan_gather_ms;
    uint64_t                     status_due_ms;
    kube_call_t                 *status_call;
    char                        *status_text;
    uint64_t                     writes;
    uint64_t                     said_writes;
    size_t                       kept;
    size_t                       ntodo;
    bool                         is_dirty;
    bool                         was_leader;
    bool                         was_in_sync;
    bool                         said_in_sync;
    bool                         own_drained_said;
    bool                         own_demand_said;
    bool                         own_unpublished;
    bool                         demand_dirty;
    bool                         demand_decides;
    bool                         files_failed;
    bool                         is_asked;
    bool                         is_discovered;
    bool                         is_done;
    bool                         is_ending;
};


uint64_t controller_now(const controller_t *controller);

/* controller_files.c: the files, and what they ask for. */
int controller_files_load(controller_t *controller);
void controller_files_turn(controller_t *controller);

/* controller_plan.c */
void controller_plan_turn(controller_t *controller);

/* Milliseconds until a plan is due. */
unsigned controller_plan_wait(controller_t *controller);

/* Whether there is nothing to do and nothing under way. */
bool controller_is_in_sync(const controller_t *controller);

/* Whether every kind was listed whole, at least once. */
bool controller_is_complete(const controller_t *controller);

/*
 * controller_place.c: the place, made when there is none; NULL without memory.
 */
controller_place_t *controller_place(controller_t *controller,
    const char *namespace);
int controller_place_add(controller_place_t *place,
    const plan_action_t *action);
bool controller_place_is_idle(const controller_place_t *place);

/* Ends the work for now: it is planned anew after a while. */
void controller_place_failed(controller_place_t *place, const char *error,
    unsigned retry_after);
void controller_place_later(controller_place_t *place, unsigned retry_after);

/*
 * The next task cannot be done.  Those behind it are, when no other object
 * needs that of the task; if one does, it has failed.
 */
void controller_place_refused(controller_place_t *place, const char *error,
    unsigned retry_after);
void controller_place_merged(controller_place_t *place);
void controller_place_clear(controller_place_t *place);

/* Whether a namespace has failed too often to wait for it with --once. */
bool controller_work_is_stuck(const controller_t *controller);

/* Drops what was to be done; what is under way may have been done. */
void controller_work_stop(controller_t *controller);

/* The same with what is under way, as far as it was not sent. */
void controller_work_cancel(controller_t *controller);
void controller_work_free(controller_t *controller);

/* controller_work.c */
void controller_work_turn(controller_t *controller);

/* controller_status.c: what people and "mcp-tenant status" see. */
void controller_status_turn(controller_t *controller);
void controller_status_cancel(controller_t *controller);
void controller_status_free(controller_t *controller);

/* Writes in the namespace of the gateway; takes over body. */
kube_call_t *controller_status_send(controller_t *controller,
    kube_kind_e kind, const char *method, const char *name,
    const char *query, const char *type, json_t *body,
    kube_http_reply_pt reply);

/* controller_gateways.c: what this gateway and others need, with --nginx. */
int controller_gateways_init(controller_t *controller);
unsigned controller_gateways_turn(controller_t *controller);

/* Whether all others have been listed. */
bool controller_gateways_are_known(const controller_t *controller);
void controller_gateways_free(controller_t *controller);

/* controller_demand.c: which servers on demand run, with --nginx. */
int controller_demand_init(controller_t *controller);
unsigned controller_demand_turn(controller_t *controller);

/* Which of these files run as the cluster is; NULL without memory. */
demand_flags_t controller_demand_take(controller_t *controller,
    const mcp_config_t *config);

/* Milliseconds until it wants to be called again; UINT_MAX for never. */
unsigned controller_demand_decide(controller_t *controller);

/* An endpoints_state_pt. */
void controller_demand_state(void *controller, const mcp_tenant_t *tenant,
    size_t index, size_t ready, endpoints_server_t *server);
void controller_demand_free(controller_t *controller);

/* controller_drain.c: which pods may end, with --nginx. */
int controller_drain_init(controller_t *controller);
unsigned controller_drain_turn(controller_t *controller);
bool controller_drain_may_end(void *controller, const char *namespace,
    const char *server, uint64_t waited_ms);
void controller_drain_free(controller_t *controller);

/* controller_pods.c: endpoints.json, when it is asked for. */
int controller_pods_init(controller_t *controller, const char *selector);
unsigned controller_pods_turn(controller_t *controller);
void controller_pods_free(controller_t *controller);

/* controller_http.c: /healthz, /readyz and /metrics, when asked for. */
int controller_http_init(controller_t *controller);

/* controller_lease.c */
void controller_lease_turn(controller_t *controller);

/* For kube_http_guard(): nothing is sent when the lease was lost. */
void controller_lease_guard(void *controller);
bool controller_is_leader(controller_t *controller);

/* Gives the lease away, for at most a second. */
void controller_lease_end(controller_t *controller);


#endif /* _CONTROLLER_PARTS_H_INCLUDED_ */
