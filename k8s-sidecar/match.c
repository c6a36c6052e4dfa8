/*
 * Whether an object still is what it should be.
 */

#include "match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


static bool match_members(const json_t *desired, const json_t *observed,
    bool is_whole);
static bool match_value(const char *key, const json_t *desired,
    const json_t *observed);
static bool match_list(const json_t *desired, const json_t *observed);
static bool match_is_nothing(const json_t *value);
static bool match_is_amount(const char *key);
static bool match_amount(const json_t *value, double *ret_amount);


bool
match_object(const json_t *desired, const json_t *observed)
{
    return match_members(desired, observed, true);
}


static bool
match_members(const json_t *desired, const json_t *observed, bool is_whole)
{
    json_t      *value, *found;
    const char  *key;

    if (!json_is_object(observed)) {
        return false;
    }

    json_object_foreach((json_t *) desired, key, value) {

        if (is_whole
            && (strcmp(key, "kind") == 0 || strcmp(key, "apiVersion") == 0))
        {
            continue;
        }

        found = json_object_get(observed, key);

        if (found == NULL ? !match_is_nothing(value)
                          : !match_value(key, value, found))
        {
            return false;
        }
    }

    return true;
}


static bool
match_value(const char *key, const json_t *desired, const json_t *observed)
{
    double  one, other;

    if (json_is_object(desired)) {
        return match_members(desired, observed, false);
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

    case JSON_FALSE:
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
