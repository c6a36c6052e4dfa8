/*
 * The state of every tenant.
 */

#include "status.h"
#include "demand.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>


static json_t *status_tenant(const desired_t *desired,
    const observed_t *observed, uint32_t n, const status_place_t *place);
static json_t *status_server(const desired_t *desired,
    const observed_t *observed, uint32_t tenant, size_t n);
static bool status_is_made(const desired_t *desired,
    const observed_t *observed, uint32_t tenant);
static void status_print_tenant(FILE *out, const json_t *tenant);
static const char *status_text(const json_t *object, const char *name);


json_t *
status_json(const desired_t *desired, const observed_t *observed,
    status_place_pt place, void *data)
{
    json_t                *tenants;
    uint32_t               i;
    status_place_t         state;
    const mcp_config_t    *config;

    config = desired->config;
    tenants = json_array();

    for (i = 0; i < config->ntenants; i++) {
        state = place(data, config->tenants[i].namespace.data);

        (void) json_array_append_new(tenants,
                                     status_tenant(desired, observed, i,
                                                   &state));
    }

    return json_pack("{s:o}", "tenants", tenants);
}


static json_t *
status_tenant(const desired_t *desired, const observed_t *observed,
    uint32_t n, const status_place_t *place)
{
    bool                 is_ready;
    char                 since[40];
    size_t               i;
    json_t              *servers, *server;
    time_t               seconds;
    struct tm            tm;
    const char          *state, *word;
    const mcp_tenant_t  *tenant;

    tenant = &desired->config->tenants[n];
    servers = json_array();
    is_ready = status_is_made(desired, observed, n);

    for (i = 0; i < tenant->nservers; i++) {
        if (tenant->servers[i].kubernetes == NULL) {
            continue;
        }

        server = status_server(desired, observed, n, i);
        word = status_text(server, "state");
        is_ready = is_ready && strcmp(word, "starting") != 0;
        (void) json_array_append_new(servers, server);
    }

    state = place->error && place->error[0] ? "failed"
            : !tenant->enabled ? "disabled"
            : is_ready ? "ready" : "progressing";

    since[0] = '\0';

    if (place->since) {
        seconds = (time_t) place->since;
        (void) gmtime_r(&seconds, &tm);
        (void) strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}",
                     "id", tenant->id.data, "namespace",
                     tenant->namespace.data, "state", state, "message",
                     place->error ? place->error : "", "since", since,
                     "servers", servers);
}


static bool
status_is_made(const desired_t *desired, const observed_t *observed,
    uint32_t tenant)
{
    size_t                   i;
    const desired_entry_t   *entry;
    const observed_entry_t  *seen;

    for (i = 0; i < desired->count; i++) {
        entry = &desired->entries[i];

        if (entry->tenant != tenant) {
            continue;
        }

        seen = observed_find(observed, entry->kind, entry->namespace,
                             entry->name);

        if (seen == NULL || !seen->matches
            || strcmp(seen->hash, entry->hash) != 0)
        {
            return false;
        }
    }

    return true;
}


static json_t *
status_server(const desired_t *desired, const observed_t *observed,
    uint32_t tenant, size_t n)
{
    int                      ready, replicas;
    bool                     is_over;
    const char              *state;
    const mcp_server_t      *server;
    const mcp_tenant_t      *owner;
    const observed_entry_t  *seen;

    owner = &desired->config->tenants[tenant];
    server = &owner->servers[n];
    seen = observed_find(observed, KUBE_DEPLOYMENT, owner->namespace.data,
                         server->id.data);
    ready = seen ? seen->ready : 0;
    replicas = seen ? seen->replicas : 0;

    is_over = !objects_server_is_active(owner, n)
              || (desired->running && replicas == 0
                  && objects_server_is_on_demand(server)
                  && demand_state(owner, n, desired->running[tenant])
                     == ENDPOINTS_QUOTA_EXCEEDED);

    if (is_over) {
        state = "quota_exceeded";

    } else if (seen && replicas == 0) {
        state = "stopped";

    } else if (seen && ready >= replicas) {
        state = "ready";

    } else {
        state = "starting";
    }

    return json_pack("{s:s,s:s,s:i,s:i}", "id", server->id.data, "state",
                     state, "ready", ready, "replicas", replicas);
}


void
status_name(const char *instance, char *ret_name, size_t size)
{
    (void) snprintf(ret_name, size, "mcp-tenant-status-%s", instance);
}


bool
status_print(FILE *out, const json_t *status)
{
    size_t   i;
    json_t  *tenants, *tenant;

    tenants = json_object_get(status, "tenants");

    if (!json_is_array(tenants)) {
        return false;
    }

    fprintf(out, "%-20s %-24s %-12s %-8s %-20s %s\n", "TENANT", "NAMESPACE",
            "STATE", "SERVERS", "SINCE", "MESSAGE");

    json_array_foreach(tenants, i, tenant) {
        status_print_tenant(out, tenant);
    }

    return true;
}


static void
status_print_tenant(FILE *out, const json_t *tenant)
{
    char         count[32];
    size_t       i, ready;
    json_t      *servers, *server;
    const char  *since;

    ready = 0;
    servers = json_object_get(tenant, "servers");

    json_array_foreach(servers, i, server) {
        ready += strcmp(status_text(server, "state"), "ready") == 0;
    }

    (void) snprintf(count, sizeof(count), "%zu/%zu", ready,
                    json_array_size(servers));

    since = status_text(tenant, "since");

    fprintf(out, "%-20s %-24s %-12s %-8s %-20s %s\n",
            status_text(tenant, "id"), status_text(tenant, "namespace"),
            status_text(tenant, "state"), count, since[0] ? since : "-",
            status_text(tenant, "message"));
}


static const char *
status_text(const json_t *object, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}
