/*
 * Runs servers on demand: asks the NGINX beside this sidecar who waits for
 * them, and decides for all gateways when this one leads.
 */

#include "controller_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CONTROLLER_DEMAND_RETRY_MS  1000
#define CONTROLLER_DEMAND_SPARE_MS  5000


static void controller_demand_ask(controller_t *controller);
static void controller_demand_answered(void *data, int status,
    const json_t *json, const char *error);
static void controller_demand_failed(controller_t *controller,
    const char *error);
static void controller_demand_observe(controller_t *controller,
    const mcp_config_t *config, demand_flags_t flags);
static bool controller_demand_may_decide(controller_t *controller);
static unsigned controller_demand_gateways(controller_t *controller,
    demand_flags_t running);
static void controller_demand_apply(controller_t *controller,
    demand_flags_t running);
static void controller_demand_swap(bool *one, bool *two, size_t count);
static void controller_demand_tell(controller_t *controller,
    uint32_t tenant, const bool *before);


int
controller_demand_init(controller_t *controller)
{
    char  url[256], error[GATEWAY_ERROR_LEN];

    (void) snprintf(url, sizeof(url), "%s/demand", controller->options->nginx);
    controller->nginx_demand = gateway_new(url, &controller->clock, error);

    if (controller->nginx_demand == NULL) {
        fprintf(stderr, "mcp-tenant reconcile: --nginx: %s\n", error);
        return MCP_ERROR;
    }

    return MCP_OK;
}


unsigned
controller_demand_turn(controller_t *controller)
{
    unsigned  wait, wanted;
    uint64_t  now;

    wait = UINT32_MAX;
    now = controller_now(controller);

    if (!gateway_is_asking(controller->nginx_demand)
        && demand_is_used(controller->config))
    {
        if (now >= controller->demand_due_ms) {
            controller_demand_ask(controller);

        } else {
            wait = (unsigned) (controller->demand_due_ms - now);
        }
    }

    wanted = gateway_turn(controller->nginx_demand);

    return wanted < wait ? wanted : wait;
}


static void
controller_demand_ask(controller_t *controller)
{
    char      query[64];
    unsigned  seconds;

    seconds = controller->demand_answer.next_seconds;

    (void) snprintf(query, sizeof(query), "after=%llu&timeout=%u",
                    (unsigned long long) controller->demand_answer.counter,
                    seconds);

    /* A counter of another life of NGINX says nothing. */

    (void) gateway_ask(controller->nginx_demand,
                       controller->demand_error[0] || seconds == 0
                           ? NULL : query,
                       seconds * 1000 + CONTROLLER_DEMAND_SPARE_MS,
                       controller_demand_answered, controller);
}


static void
controller_demand_answered(void *data, int status, const json_t *json,
    const char *error)
{
    char               why[DEMAND_ERROR_LEN];
    uint64_t           now;
    controller_t      *controller;
    demand_gateway_t   own;

    (void) status;

    controller = data;
    now = controller_now(controller);

    if (json == NULL) {
        controller_demand_failed(controller, error);
        return;
    }

    if (demand_take(&controller->demand_memory, controller->config, json, now,
                    &own, &controller->demand_answer, why)
        != MCP_OK)
    {
        controller_demand_failed(controller, why);
        return;
    }

    controller->demand_error[0] = '\0';
    controller->demand_due_ms = now;

    if (!controller->own_demand_said
        || !demand_gateway_same(&own, &controller->own_demand))
    {
        controller->own_unpublished = true;
        controller->demand_dirty = true;
    }

    demand_gateway_clear(&controller->own_demand);
    controller->own_demand = own;
    controller->own_demand_said = true;
}


static void
controller_demand_failed(controller_t *controller, const char *error)
{
    controller->demand_due_ms = controller_now(controller)
                                + CONTROLLER_DEMAND_RETRY_MS;

    if (strncmp(controller->demand_error, error,
                sizeof(controller->demand_error) - 1) == 0)
    {
        return;
    }

    (void) snprintf(controller->demand_error,
                    sizeof(controller->demand_error), "%s", error);
    log_line(LOG_WARN, "NGINX does not say which servers it needs", "url",
             controller->options->nginx, "error", error, NULL);
}


demand_flags_t
controller_demand_take(controller_t *controller, const mcp_config_t *config)
{
    demand_flags_t  running;

    running = demand_flags_new(config);

    if (running) {
        controller_demand_observe(controller, config, running);
    }

    return running;
}


static void
controller_demand_observe(controller_t *controller,
    const mcp_config_t *config, demand_flags_t flags)
{
    size_t                   i, k;
    const mcp_tenant_t      *tenant;
    const observed_entry_t  *seen;

    for (i = 0; i < config->ntenants; i++) {
        tenant = &config->tenants[i];

        for (k = 0; k < tenant->nservers; k++) {

            if (!objects_server_is_on_demand(&tenant->servers[k])) {
                continue;
            }

            seen = observed_find(&controller->observed, KUBE_DEPLOYMENT,
                                 tenant->namespace.data,
                                 tenant->servers[k].id.data);

            flags[i][k] = seen && seen->is_ours && seen->replicas > 0;
        }
    }
}


unsigned
controller_demand_decide(controller_t *controller)
{
    bool             decides;
    size_t           i, k;
    unsigned         wait;
    uint64_t         now;
    demand_flags_t   active, running;

    now = controller_now(controller);
    decides = controller_demand_may_decide(controller);

    if (!controller->demand_dirty && decides == controller->demand_decides
        && now < controller->demand_again_ms)
    {
        return controller->demand_again_ms - now < UINT_MAX
               ? (unsigned) (controller->demand_again_ms - now) : UINT_MAX;
    }

    /* A new leader lets all gateways speak first. */

    if (decides && !controller->demand_decides) {
        free(controller->demand_times);
        controller->demand_times = NULL;
    }

    if (controller->demand_times == NULL) {
        controller->demand_times = demand_times_new(controller->config, now);
    }

    active = controller_demand_take(controller, controller->config);
    running = demand_flags_new(controller->config);

    if (active == NULL || running == NULL
        || controller->demand_times == NULL)
    {
        free(active);
        free(running);
        return CONTROLLER_DEMAND_RETRY_MS;
    }

    controller->demand_dirty = false;
    controller->demand_decides = decides;

    for (i = 0; i < controller->config->ntenants; i++) {
        for (k = 0; k < controller->config->tenants[i].nservers; k++) {

            /* Who does not lead goes by the cluster alone. */

            active[i][k] |= decides && controller->running[i][k];
            running[i][k] = active[i][k];

            if (controller->active == NULL
                || controller->active[i][k] != active[i][k])
            {
                controller->pods_wanted++;
            }
        }
    }

    free(controller->active);
    controller->active = active;

    wait = UINT_MAX;

    if (decides) {
        wait = controller_demand_gateways(controller, running);
    }

    controller->demand_again_ms = wait == UINT_MAX ? UINT64_MAX : now + wait;
    controller_demand_apply(controller, running);
    free(running);

    return controller->demand_dirty ? CONTROLLER_DEMAND_RETRY_MS : wait;
}


static bool
controller_demand_may_decide(controller_t *controller)
{
    return controller_gateways_are_known(controller)
           && controller_is_complete(controller)
           && controller_is_leader(controller);
}


static unsigned
controller_demand_gateways(controller_t *controller, demand_flags_t running)
{
    size_t                    i, k, count;
    unsigned                  wait;
    const demand_gateway_t  **gateways;

    gateways = calloc(controller->ngateways + 1, sizeof(demand_gateway_t *));

    if (gateways == NULL) {
        controller->demand_dirty = true;
    }

    count = 0;

    if (gateways && controller->own_demand_said) {
        gateways[count++] = &controller->own_demand;
    }

    for (i = 0; gateways && i < controller->ngateways; i++) {
        if (!controller->gateways[i].is_own || !controller->own_demand_said) {
            gateways[count++] = &controller->gateways[i].demand;
        }
    }

    wait = demand_decide(controller->config, gateways, count,
                         controller_now(controller), controller->active,
                         controller->demand_times, running);
    free(gateways);

    /* Nothing stops before the NGINX beside this was asked. */

    for (i = 0; !controller->own_demand_said
                && i < controller->config->ntenants; i++)
    {
        for (k = 0; k < controller->config->tenants[i].nservers; k++) {
            running[i][k] |= controller->active[i][k];
        }
    }

    return wait;
}


/* running has what was so before, afterwards. */
static void
controller_demand_apply(controller_t *controller, demand_flags_t running)
{
    size_t    count;
    uint32_t  i;

    for (i = 0; i < controller->config->ntenants; i++) {
        count = controller->config->tenants[i].nservers;

        if (memcmp(running[i], controller->running[i], count * sizeof(bool))
            == 0)
        {
            continue;
        }

        controller_demand_swap(running[i], controller->running[i], count);

        if (desired_update(&controller->desired, i) != MCP_OK) {
            controller_demand_swap(running[i], controller->running[i],
                                   count);
            controller->demand_dirty = true;
            continue;
        }

        controller->is_dirty = true;

        if (controller->demand_decides) {
            controller_demand_tell(controller, i, running[i]);
        }
    }
}


static void
controller_demand_swap(bool *one, bool *two, size_t count)
{
    bool    flag;
    size_t  i;

    for (i = 0; i < count; i++) {
        flag = one[i];
        one[i] = two[i];
        two[i] = flag;
    }
}


static void
controller_demand_tell(controller_t *controller, uint32_t tenant,
    const bool *before)
{
    bool                 runs;
    size_t               i;
    const mcp_tenant_t  *owner;

    owner = &controller->config->tenants[tenant];

    for (i = 0; i < owner->nservers; i++) {
        runs = controller->running[tenant][i];

        if (runs == before[i]) {
            continue;
        }

        controller->metrics.starts += runs;
        controller->metrics.stops += !runs;

        log_line(LOG_INFO, runs ? "a server on demand is started"
                                : "a server on demand is stopped",
                 "tenant", owner->id.data, "server",
                 owner->servers[i].id.data, NULL);
    }
}


void
controller_demand_state(void *data, const mcp_tenant_t *tenant, size_t index,
    size_t ready, endpoints_server_t *server)
{
    bool          *active;
    controller_t  *controller;

    controller = data;

    if (ready || controller->active == NULL
        || !objects_server_is_on_demand(&tenant->servers[index]))
    {
        return;
    }

    active = controller->active[tenant - controller->config->tenants];

    if (server->state == ENDPOINTS_FAILED && active[index]) {
        return;
    }

    server->state = demand_state(tenant, index, active);
    server->reason[0] = '\0';
}


void
controller_demand_free(controller_t *controller)
{
    free(controller->active);
    free(controller->running);
    free(controller->demand_times);
    demand_gateway_clear(&controller->own_demand);
    demand_memory_clear(&controller->demand_memory);
    gateway_free(controller->nginx_demand);
}
