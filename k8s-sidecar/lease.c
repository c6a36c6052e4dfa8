/*
 * Which of several sidecars writes.
 */

#include "lease.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


static void lease_copy(char *to, size_t size, const json_t *value);


void
lease_init(lease_t *lease, const char *identity)
{
    memset(lease, 0, sizeof(lease_t));

    (void) snprintf(lease->identity, sizeof(lease->identity), "%s", identity);
}


void
lease_see(lease_t *lease, const json_t *object, uint64_t now_ms)
{
    char          holder[sizeof(lease->seen_holder)];
    char          renew[sizeof(lease->seen_renew)];
    const json_t  *spec;

    spec = json_object_get(object, "spec");
    lease_copy(holder, sizeof(holder), json_object_get(spec,
                                                       "holderIdentity"));
    lease_copy(renew, sizeof(renew), json_object_get(spec, "renewTime"));

    lease->exists = (object != NULL);
    lease_copy(lease->version, sizeof(lease->version),
               json_object_get(json_object_get(object, "metadata"),
                               "resourceVersion"));
    lease->transitions = (int) json_integer_value(json_object_get(spec,
                                                      "leaseTransitions"));

    if (!lease->was_seen || strcmp(holder, lease->seen_holder) != 0
        || strcmp(renew, lease->seen_renew) != 0)
    {
        memcpy(lease->seen_holder, holder, sizeof(holder));
        memcpy(lease->seen_renew, renew, sizeof(renew));
        lease->seen_ms = now_ms;
        lease->was_seen = true;
    }

    if (strcmp(lease->seen_holder, lease->identity) != 0) {
        lease->is_held = false;
    }
}


bool
lease_may_take(const lease_t *lease, uint64_t now_ms)
{
    return !lease->exists || lease->seen_holder[0] == '\0'
           || strcmp(lease->seen_holder, lease->identity) == 0
           || now_ms - lease->seen_ms >= LEASE_DURATION_MS;
}


json_t *
lease_object(const lease_t *lease, const char *api_version,
    const char *namespace, const char *name, int64_t wall_us, bool renounce)
{
    bool        is_new;
    char        stamp[40], text[64];
    json_t     *json;
    time_t      seconds;
    struct tm   tm;

    seconds = (time_t) (wall_us / 1000000);
    (void) gmtime_r(&seconds, &tm);
    (void) strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    (void) snprintf(text, sizeof(text), "%s.%06dZ", stamp,
                    (int) (wall_us % 1000000));

    is_new = strcmp(lease->seen_holder, lease->identity) != 0;

    json = json_pack("{s:s,s:s,s:{s:s,s:s},s:{s:s,s:i,s:s,s:i}}",
                     "apiVersion", api_version, "kind", "Lease", "metadata",
                     "name", name, "namespace", namespace, "spec",
                     "holderIdentity", renounce ? "" : lease->identity,
                     "leaseDurationSeconds",
                     renounce ? 1 : LEASE_DURATION_MS / 1000,
                     "renewTime", text, "leaseTransitions",
                     lease->transitions + (is_new && lease->exists));

    if (lease->exists) {
        (void) json_object_set_new(json_object_get(json, "metadata"),
                                   "resourceVersion",
                                   json_string(lease->version));
    }

    return json;
}


void
lease_written(lease_t *lease, const json_t *object, uint64_t began_ms)
{
    lease_see(lease, object, began_ms);

    lease->is_held = (strcmp(lease->seen_holder, lease->identity) == 0);
    lease->renewed_ms = began_ms;
}


bool
lease_is_held(lease_t *lease, uint64_t now_ms)
{
    if (lease->is_held
        && now_ms - lease->renewed_ms >= LEASE_RENEW_DEADLINE_MS)
    {
        lease->is_held = false;
    }

    return lease->is_held;
}


static void
lease_copy(char *to, size_t size, const json_t *value)
{
    const char  *text;

    text = json_string_value(value);

    (void) snprintf(to, size, "%s", text ? text : "");
}
