/*
 * The state of every tenant.
 */

#include "status.h"
#include "demand.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>


#define STATUS_MESSAGE_LEN  1024


static json_t *status_tenant(const desired_t *desired,
    const observed_t *observed, uint32_t n, const status_known_t *known);
static json_t *status_server(const desired_t *desired,
    const observed_t *observed, uint32_t tenant, size_t n,
    const status_known_t *known);
static void status_message(const json_t *servers, const status_place_t *place,
    char *ret_text, size_t size);
static bool status_is_made(const desired_t *desired,
    const observed_t *observed, uint32_t tenant);
static void status_print_tenant(FILE *out, const json_t *tenant);
static const char *status_text(const json_t *object, const char *name);


json_t *
status_json(const desired_t *desired, const observed_t *observed,
    const status_known_t *known)
{
    json_t    *tenants;
    uint32_t   i;

    tenants = json_array();

    for (i = 0; i < desired->config->ntenants; i++) {
        (void) json_array_append_new(tenants,
                                     status_tenant(desired, observed, i,
                                                   known));
    }

    return json_pack("{s:o}", "tenants", tenants);
}


static json_t *
status_tenant(const desired_t *desired, const observed_t *observed,
    uint32_t n, const status_known_t *known)
{
    bool                 is_ready;
    char                 since[40], message[STATUS_MESSAGE_LEN];
    size_t               i;
    json_t              *servers, *server;
    time_t               seconds;
    struct tm            tm;
    const char          *state, *word;
    status_place_t       place;
    const mcp_tenant_t  *tenant;

    tenant = &desired->config->tenants[n];
    place = known->place(known->data, tenant->namespace.data);
    servers = json_array();
    is_ready = status_is_made(desired, observed, n);

    for (i = 0; i < tenant->nservers; i++) {
        if (tenant->servers[i].kubernetes == NULL) {
            continue;
        }

        server = status_server(desired, observed, n, i, known);
        word = status_text(server, "state");
        is_ready = is_ready && strcmp(word, "starting") != 0
                   && strcmp(word, "failed") != 0;
        (void) json_array_append_new(servers, server);
    }

    state = place.error && place.error[0] ? "failed"
            : !tenant->enabled ? "disabled"
            : is_ready ? "ready" : "progressing";

    since[0] = '\0';

    if (place.since) {
        seconds = (time_t) place.since;
        (void) gmtime_r(&seconds, &tm);
        (void) strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }

    status_message(servers, &place, message, sizeof(message));

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}",
                     "id", tenant->id.data, "namespace",
                     tenant->namespace.data, "state", state, "message",
                     message, "since", since, "servers", servers);
}


/* What holds up the tenant, or else the first server that cannot run. */
static void
status_message(const json_t *servers, const status_place_t *place,
    char *ret_text, size_t size)
{
    size_t   i;
    json_t  *server;

    (void) snprintf(ret_text, size, "%s", place->error ? place->error : "");

    json_array_foreach(servers, i, server) {

        if (ret_text[0] == '\0' && status_text(server, "message")[0]) {
            (void) snprintf(ret_text, size, "%s: %s",
                            status_text(server, "id"),
                            status_text(server, "message"));
        }
    }
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
    uint32_t tenant, size_t n, const status_known_t *known)
{
    int                      ready, replicas;
    bool                     is_over;
    const char              *state, *message;
    const mcp_server_t      *server;
    const mcp_tenant_t      *owner;
    const observed_entry_t  *seen;

    owner = &desired->config->tenants[tenant];
    server = &owner->servers[n];
    seen = observed_find(observed, KUBE_DEPLOYMENT, owner->namespace.data,
                         server->id.data);
    ready = seen ? seen->ready : 0;
    replicas = seen ? seen->replicas : 0;

    message = NULL;

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
        message = ready == 0 ? known->trouble(known->data, owner, server)
                             : NULL;
        state = message ? "failed" : "starting";
    }

    return json_pack("{s:s,s:s,s:s,s:i,s:i}", "id", server->id.data,
                     "state", state, "message", message ? message : "",
                     "ready", ready, "replicas", replicas);
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
