/*
 * Whether an object still is what it should be.
 */

#include "match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


static bool match_members(const char *key, const json_t *desired,
    const json_t *observed, bool is_whole);
static bool match_has_more(const char *parent, const json_t *desired,
    const json_t *observed);
static bool match_is_refused(const char *parent, const json_t *desired,
    const char *key, const json_t *value);
static json_t *match_patch_members(const char *parent, const json_t *desired,
    const json_t *observed);
static bool match_value(const char *key, const json_t *desired,
    const json_t *observed);
static bool match_list(const json_t *desired, const json_t *observed);
static bool match_is_nothing(const json_t *value);
static bool match_is_amount(const char *key);
static bool match_amount(const json_t *value, double *ret_amount);


bool
match_object(const json_t *desired, const json_t *observed)
{
    return match_members("", desired, observed, true);
}


static bool
match_members(const char *key, const json_t *desired, const json_t *observed,
    bool is_whole)
{
    json_t      *value, *found;
    const char  *name;

    if (!json_is_object(observed)) {
        return false;
    }

    json_object_foreach((json_t *) desired, name, value) {

        if (is_whole
            && (strcmp(name, "kind") == 0 || strcmp(name, "apiVersion") == 0))
        {
            continue;
        }

        found = json_object_get(observed, name);

        if (found == NULL ? !match_is_nothing(value)
                          : !match_value(name, value, found))
        {
            return false;
        }
    }

    return is_whole || !match_has_more(key, desired, observed);
}


static bool
match_has_more(const char *parent, const json_t *desired,
    const json_t *observed)
{
    json_t      *value;
    const char  *key;

    json_object_foreach((json_t *) observed, key, value) {
        if (match_is_refused(parent, desired, key, value)) {
            return true;
        }
    }

    return false;
}


/*
 * Of the specs of our kinds.  What an API server fills in by itself is not
 * among them, nor what only makes a pod wait or be elsewhere.
 */
static bool
match_is_refused(const char *parent, const json_t *desired, const char *key,
    const json_t *value)
{
    size_t  i;

    static const char *const  selectors[] = {
        "podSelector", "namespaceSelector", "labelSelector", "selector",
        "matchLabels"
    };

    static const char *const  keys[] = {
        "add", "args", "command", "egress", "env", "envFrom",
        "ephemeralContainers", "except", "externalIPs", "hostAliases",
        "hostIP", "hostIPC", "hostNetwork", "hostPID", "hostPort", "ingress",
        "initContainers", "lifecycle", "livenessProbe", "nodeName", "paused",
        "privileged", "publishNotReadyAddresses", "runAsGroup", "runAsUser",
        "scopeSelector", "scopes", "startupProbe", "volumeDevices",
        "volumeMounts", "volumes"
    };

    if (json_object_get(desired, key) || match_is_nothing(value)
        || json_is_false(value) || strcmp(parent, "labels") == 0
        || strcmp(parent, "annotations") == 0)
    {
        return false;
    }

    for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        if (strcmp(parent, selectors[i]) == 0) {
            return true;
        }
    }

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }

    return false;
}


json_t *
match_patch(const json_t *desired, const json_t *observed)
{
    return match_patch_members("", desired, observed);
}


/* A merge patch replaces lists whole: what is in them needs no null. */
static json_t *
match_patch_members(const char *parent, const json_t *desired,
    const json_t *observed)
{
    json_t      *patch, *value, *found, *inner;
    const char  *key;

    patch = json_copy((json_t *) desired);
    if (patch == NULL) {
        return NULL;
    }

    json_object_foreach((json_t *) observed, key, value) {
        if (match_is_refused(parent, desired, key, value)
            && json_object_set_new(patch, key, json_null()))
        {
            json_decref(patch);
            return NULL;
        }
    }

    json_object_foreach((json_t *) desired, key, value) {
        found = json_object_get(observed, key);

        if (!json_is_object(value) || !json_is_object(found)) {
            continue;
        }

        inner = match_patch_members(key, value, found);

        if (inner == NULL || json_object_set_new(patch, key, inner)) {
            json_decref(patch);
            return NULL;
        }
    }

    return patch;
}


static bool
match_value(const char *key, const json_t *desired, const json_t *observed)
{
    double  one, other;

    if (json_is_object(desired)) {
        return match_members(key, desired, observed, false);
    }

    if (json_is_array(desired)) {
        return match_list(desired, observed);
    }

    if (json_equal(desired, observed)) {
        return true;
    }

    /* The API server writes 1000m as 1. */

    return match_is_amount(key) && match_amount(desired, &one)
           && match_amount(observed, &other)
           && fabs(one - other) <= 1e-12 * fabs(one);
}


static bool
match_list(const json_t *desired, const json_t *observed)
{
    size_t   i;
    json_t  *value;

    if (json_array_size(desired) != json_array_size(observed)) {
        return false;
    }

    json_array_foreach(desired, i, value) {
        if (!match_value("", value, json_array_get(observed, i))) {
            return false;
        }
    }

    return true;
}


static bool
match_is_nothing(const json_t *value)
{
    json_t      *inner;
    const char  *key;

    switch (json_typeof(value)) {

    case JSON_OBJECT:
        json_object_foreach((json_t *) value, key, inner) {
            if (!match_is_nothing(inner)) {
                return false;
            }
        }

        return true;

    case JSON_ARRAY:
        return json_array_size(value) == 0;

    case JSON_STRING:
        return json_string_length(value) == 0;

    case JSON_NULL:
        return true;

    default:
        return false;
    }
}


static bool
match_is_amount(const char *key)
{
    size_t  i;

    static const char *const  names[] = {
        "cpu", "memory", "limits.cpu", "limits.memory", "pods",
        "services.loadbalancers", "services.nodeports"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(key, names[i]) == 0) {
            return true;
        }
    }

    return false;
}


/* As Quantity of k8s.io/apimachinery/pkg/api/resource. */
static bool
match_amount(const json_t *value, double *ret_amount)
{
    char         *end;
    size_t        i;
    const char   *text;

    static const struct {
        const char  *suffix;
        double       factor;
    } suffixes[] = {
        { "", 1 }, { "n", 1e-9 }, { "u", 1e-6 }, { "m", 1e-3 }, { "k", 1e3 },
        { "M", 1e6 }, { "G", 1e9 }, { "T", 1e12 }, { "P", 1e15 },
        { "E", 1e18 }, { "Ki", 0x1p10 }, { "Mi", 0x1p20 }, { "Gi", 0x1p30 },
        { "Ti", 0x1p40 }, { "Pi", 0x1p50 }, { "Ei", 0x1p60 }
    };

    text = json_string_value(value);

    if (text == NULL || strchr("0123456789.", text[0]) == NULL) {
        return false;
    }

    *ret_amount = strtod(text, &end);

    for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(end, suffixes[i].suffix) == 0) {
            *ret_amount *= suffixes[i].factor;
            return true;
        }
    }

    return false;
}
