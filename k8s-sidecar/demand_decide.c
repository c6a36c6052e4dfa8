/*
 * Which servers on demand run: what the leader decides.
 */

#include "demand.h"
#include "objects.h"

#include <limits.h>
#include <stdlib.h>


static unsigned demand_keep(const mcp_tenant_t *tenant,
    const demand_gateway_t *const *gateways, size_t ngateways,
    uint64_t now_ms, const bool *active, uint64_t *times, bool *running);
static void demand_start(const mcp_tenant_t *tenant,
    const demand_gateway_t *const *gateways, size_t ngateways,
    const bool *active, bool *running);
static uint32_t demand_room(const mcp_tenant_t *tenant);
static uint32_t demand_room_left(const mcp_tenant_t *tenant,
    const bool *active);
static uint32_t demand_always(const mcp_tenant_t *tenant);


demand_flags_t
demand_flags_new(const mcp_config_t *config)
{
    bool            *flag;
    size_t           i, size;
    demand_flags_t   flags;

    size = config->ntenants * sizeof(bool *);

    for (i = 0; i < config->ntenants; i++) {
        size += config->tenants[i].nservers * sizeof(bool);
    }

    flags = calloc(1, size + 1);

    if (flags == NULL) {
        return NULL;
    }

    flag = (bool *) (flags + config->ntenants);

    for (i = 0; i < config->ntenants; i++) {
        flags[i] = flag;
        flag += config->tenants[i].nservers;
    }

    return flags;
}


demand_times_t
demand_times_new(const mcp_config_t *config, uint64_t now_ms)
{
    size_t           i, k, count;
    uint64_t        *time;
    demand_times_t   times;

    count = 0;

    for (i = 0; i < config->ntenants; i++) {
        count += config->tenants[i].nservers;
    }

    times = calloc(1, config->ntenants * sizeof(uint64_t *)
                      + count * sizeof(uint64_t) + 1);
    if (times == NULL) {
        return NULL;
    }

    time = (uint64_t *) (times + config->ntenants);

    for (i = 0; i < config->ntenants; i++) {
        times[i] = time;

        for (k = 0; k < config->tenants[i].nservers; k++) {
            *time++ = now_ms;
        }
    }

    return times;
}


unsigned
demand_decide(const mcp_config_t *config,
    const demand_gateway_t *const *gateways, size_t ngateways,
    uint64_t now_ms, const demand_flags_t active, demand_times_t times,
    demand_flags_t running)
{
    size_t    i;
    unsigned  again_ms, wanted_ms;

    again_ms = UINT_MAX;

    for (i = 0; i < config->ntenants; i++) {
        wanted_ms = demand_keep(&config->tenants[i], gateways, ngateways,
                                now_ms, active[i], times[i], running[i]);
        again_ms = wanted_ms < again_ms ? wanted_ms : again_ms;

        demand_start(&config->tenants[i], gateways, ngateways, active[i],
                     running[i]);
    }

    return again_ms;
}


/* Of those that run, the ones that go on. */
static unsigned
demand_keep(const mcp_tenant_t *tenant,
    const demand_gateway_t *const *gateways, size_t ngateways,
    uint64_t now_ms, const bool *active, uint64_t *times, bool *running)
{
    bool      is_needed;
    size_t    i, k;
    uint32_t  room;
    uint64_t  left_ms;
    unsigned  again_ms;

    room = demand_room(tenant);
    again_ms = UINT_MAX;

    for (i = 0; i < tenant->nservers; i++) {
        running[i] = false;

        if (!objects_server_is_on_demand(&tenant->servers[i])) {
            continue;
        }

        is_needed = !active[i];

        for (k = 0; k < ngateways && !is_needed; k++) {
            is_needed = demand_gateway_find(gateways[k], tenant,
                                            &tenant->servers[i])
                        != NULL;
        }

        if (is_needed) {
            times[i] = now_ms;
        }

        if (!active[i] || room == 0
            || now_ms - times[i] >= DEMAND_LINGER_MS)
        {
            continue;
        }

        running[i] = true;
        room--;

        left_ms = DEMAND_LINGER_MS - (now_ms - times[i]);

        if (!is_needed && left_ms < again_ms) {
            again_ms = (unsigned) left_ms;
        }
    }

    return again_ms;
}


static void
demand_start(const mcp_tenant_t *tenant,
    const demand_gateway_t *const *gateways, size_t ngateways,
    const bool *active, bool *running)
{
    bool                 is_waited_for;
    size_t               i, k;
    uint32_t             room;
    const demand_use_t  *use;

    room = demand_room_left(tenant, active);

    for (i = 0; i < tenant->nservers && room; i++) {

        if (active[i] || !objects_server_is_on_demand(&tenant->servers[i])) {
            continue;
        }

        is_waited_for = false;

        for (k = 0; k < ngateways && !is_waited_for; k++) {
            use = demand_gateway_find(gateways[k], tenant,
                                      &tenant->servers[i]);
            is_waited_for = use && use->is_waited_for;
        }

        if (is_waited_for) {
            running[i] = true;
            room--;
        }
    }
}


endpoints_state_e
demand_state(const mcp_tenant_t *tenant, size_t server, const bool *active)
{
    if (!tenant->enabled) {
        return ENDPOINTS_STOPPED;
    }

    if (active[server]) {
        return ENDPOINTS_STARTING;
    }

    return demand_room_left(tenant, active) ? ENDPOINTS_STOPPED
                                            : ENDPOINTS_QUOTA_EXCEEDED;
}


/* How many of its servers on demand may run at once. */
static uint32_t
demand_room(const mcp_tenant_t *tenant)
{
    uint32_t  always;

    if (!tenant->enabled) {
        return 0;
    }

    if (tenant->quotas.max_servers == 0) {
        return UINT32_MAX;
    }

    always = demand_always(tenant);

    return always < tenant->quotas.max_servers
           ? tenant->quotas.max_servers - always : 0;
}


/* Of that, what is free: what stops has its slot until it has stopped. */
static uint32_t
demand_room_left(const mcp_tenant_t *tenant, const bool *active)
{
    size_t    i;
    uint32_t  room;

    room = demand_room(tenant);

    for (i = 0; i < tenant->nservers && room; i++) {
        room -= active[i] && objects_server_is_on_demand(&tenant->servers[i]);
    }

    return room;
}


static uint32_t
demand_always(const mcp_tenant_t *tenant)
{
    size_t    i;
    uint32_t  count;

    count = 0;

    for (i = 0; i < tenant->nservers; i++) {
        count += !objects_server_is_on_demand(&tenant->servers[i]);
    }

    return count;
}
