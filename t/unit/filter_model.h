/*
 * The filter of lists once more, on trees of jansson: slow and plain, so that
 * both can be compared.  And a plain reader of event streams.
 */

#ifndef _FILTER_MODEL_H_INCLUDED_
#define _FILTER_MODEL_H_INCLUDED_


#include "filter_run.h"

#include <jansson.h>


#define MODEL_FLAGS  (JSON_DECODE_ANY | JSON_ALLOW_NUL                        \
                      | JSON_DECODE_INT_AS_REAL)


/* NULL when it is no JSON, or has a key twice, which a tree cannot tell. */
static json_t *
model_parse(const char *text, size_t len)
{
    return json_loadb(text, len, MODEL_FLAGS | JSON_REJECT_DUPLICATES, NULL);
}


static void
model_list(json_t *result, const char *member, const char *name)
{
    size_t   i;
    json_t  *list, *value;

    list = json_object_get(result, member);
    i = 0;

    while (i < json_array_size(list)) {
        value = json_object_get(json_array_get(list, i), name);

        if (json_is_string(value)
            && json_string_length(value) <= MCP_FILTER_NAME_MAX
            && filter_allows(NULL, MCP_KIND_TOOLS, json_string_value(value),
                             json_string_length(value)))
        {
            i++;

        } else {
            (void) json_array_remove(list, i);
        }
    }
}


static void
model_message(json_t *message)
{
    json_t  *result, *scope;

    result = json_object_get(message, "result");
    scope = json_object_get(result, "cacheScope");

    model_list(result, "tools", "name");
    model_list(result, "prompts", "name");
    model_list(result, "resources", "uri");
    model_list(result, "resourceTemplates", "uriTemplate");

    if (scope && !json_is_object(scope) && !json_is_array(scope)) {
        (void) json_object_set_new(result, "cacheScope",
                                   json_string("private"));
    }
}


static void
model_filter(json_t *text)
{
    size_t  i;

    if (json_is_object(text)) {
        model_message(text);
        return;
    }

    for (i = 0; i < json_array_size(text); i++) {
        model_message(json_array_get(text, i));
    }
}


/*
 * Whether out is what the filter should make of in; true as well when the
 * model cannot tell.
 */
static bool
model_agrees(const char *in, size_t in_len, const char *out, size_t out_len)
{
    bool     agrees;
    json_t  *expected, *got;

    expected = model_parse(in, in_len);
    if (expected == NULL) {
        return true;
    }

    got = model_parse(out, out_len);
    model_filter(expected);
    agrees = json_equal(expected, got) == 1;

    json_decref(expected);
    json_decref(got);

    return agrees;
}


/*
 * The next event: *ret_data is its data, which the caller frees, *ret_other
 * all else of it.  Returns where the one behind it begins, or NULL at the end.
 */
static const char *
model_event(const char *p, const char *end, char **ret_data,
    size_t *ret_len, char **ret_other)
{
    char        *data, *other;
    size_t       n;
    bool         has_data;
    const char  *line;

    data = malloc((size_t) (end - p) + 1);
    other = malloc((size_t) (end - p) + 1);

    if (data == NULL || other == NULL) {
        exit(1);
    }

    *ret_data = data;
    *ret_other = other;
    has_data = false;

    while (p < end) {
        line = p;

        while (p < end && *p != '\r' && *p != '\n') {
            p++;
        }

        if (p == end) {
            break;
        }

        n = (size_t) (p - line);
        p += (*p == '\r' && p + 1 < end && p[1] == '\n') ? 2 : 1;

        if (n == 0) {
            *ret_len = (size_t) (data - *ret_data);
            *other = '\0';
            return p;
        }

        if ((n == 4 || (n > 4 && line[4] == ':'))
            && memcmp(line, "data", 4) == 0)
        {
            if (has_data) {
                *data++ = '\n';
            }

            has_data = true;
            n -= n > 4 ? 5 : 4;
            line += 5;

            if (n && *line == ' ') {
                line++;
                n--;
            }

            data = mempcpy(data, line, n);

        } else {
            other = mempcpy(other, line, n);
            *other++ = '\n';
        }
    }

    free(*ret_data);
    free(*ret_other);

    return NULL;
}


/* The same for streams, event by event. */
__attribute__((unused))
static bool
model_stream_agrees(const char *in, size_t in_len, const char *out,
    size_t out_len)
{
    bool         agrees;
    char        *data[2], *other[2];
    size_t       len[2];
    const char  *in_end, *out_end;

    in_end = in + in_len;
    out_end = out + out_len;
    agrees = true;

    while (agrees) {
        in = model_event(in, in_end, &data[0], &len[0], &other[0]);
        out = model_event(out, out_end, &data[1], &len[1], &other[1]);

        if (in == NULL || out == NULL) {
            if (in || out) {
                free(data[in == NULL]);
                free(other[in == NULL]);
            }

            return in == out;
        }

        agrees = strcmp(other[0], other[1]) == 0
                 && model_agrees(data[0], len[0], data[1], len[1]);

        free(data[0]);
        free(data[1]);
        free(other[0]);
        free(other[1]);
    }

    return agrees;
}


#endif /* _FILTER_MODEL_H_INCLUDED_ */
