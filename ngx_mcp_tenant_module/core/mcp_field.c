/*
 * Typed reading of YAML nodes, with findings.
 */

#include "mcp_field.h"
#include "mcp_cluster.h"
#include "mcp_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


#define MCP_FIELD_LIST_LEN          256
#define MCP_FIELD_KEY_MAX           32

#define MCP_FIELD_SERVERS_MAX       10000
#define MCP_FIELD_REQUESTS_MAX      1000000
#define MCP_FIELD_RATE_MAX          1000000


enum {
    MCP_FIELD_MAX_SERVERS,
    MCP_FIELD_MAX_CONCURRENT_REQUESTS,
    MCP_FIELD_MAX_STREAMS,
    MCP_FIELD_REQUESTS_PER_SECOND,
    MCP_FIELD_BURST,
    MCP_FIELD_CPU,
    MCP_FIELD_MEMORY,
    MCP_FIELD_QUOTAS
};


static void mcp_field_unknown(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *what, const mcp_field_t *fields, size_t nfields);
static const char *mcp_field_found(const mcp_yaml_node_t *node,
    char buf[MCP_TEXT_QUOTE_LEN + 32]);
static bool mcp_field_digits(const char *p, size_t len, uint64_t max,
    uint64_t *ret_value);
static bool mcp_field_rate(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, uint32_t *ret_milli);
static bool mcp_field_decimal(const mcp_str_t *text, uint32_t *ret_milli);


static const mcp_field_t  mcp_field_quotas_keys[] = {
    { "max_servers", NULL, NULL },
    { "max_concurrent_requests", NULL, NULL },
    { "max_streams", NULL, NULL },
    { "requests_per_second", NULL, NULL },
    { "burst", NULL, NULL },
    { "cpu", NULL, NULL },
    { "memory", NULL, NULL }
};

static const mcp_field_t  mcp_field_inner_quotas_keys[] = {
    { "max_servers", NULL, "found max_servers here, expected it in the quotas "
                           "of a tenant only" },
    { "max_concurrent_requests", NULL, NULL },
    { "max_streams", NULL, NULL },
    { "requests_per_second", NULL, NULL },
    { "burst", NULL, NULL },
    { "cpu", NULL, "found cpu here, expected it in the quotas of a tenant "
                   "only" },
    { "memory", NULL, "found memory here, expected it in the quotas of a "
                      "tenant only" }
};


bool
mcp_field_mapping(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *what, const mcp_field_t *fields, size_t nfields,
    const mcp_yaml_node_t **ret_values)
{
    bool                    given[32];
    size_t                  i;
    const mcp_yaml_node_t  *child;

    memset(ret_values, 0, nfields * sizeof(mcp_yaml_node_t *));
    memset(given, 0, sizeof(given));

    if (!mcp_field_is(load, node, what, MCP_YAML_MAPPING)) {
        return false;
    }

    for (child = node->children; child; child = child->next) {

        for (i = 0; i < nfields; i++) {
            if (mcp_text_equals(&child->key, fields[i].name)) {
                break;
            }
        }

        if (i == nfields) {
            mcp_field_unknown(load, child, what, fields, nfields);
            continue;
        }

        given[i] = true;

        if (fields[i].refused) {
            mcp_field_key_error(load, child, "%s", fields[i].refused);
            continue;
        }

        if (mcp_yaml_is_null(child)) {
            mcp_field_key_error(load, child, "found nothing behind \"%s:\", "
                                "expected %s", fields[i].name,
                                fields[i].required
                                ? fields[i].required
                                : "a value, or no such line");
            continue;
        }

        if (child->kind != MCP_YAML_BROKEN) {
            ret_values[i] = child;
        }
    }

    for (i = 0; i < nfields; i++) {
        if (fields[i].required && !given[i] && !node->partial) {
            mcp_field_error(load, node, "found %s without \"%s:\", expected "
                            "%s", what, fields[i].name, fields[i].required);
        }
    }

    return true;
}


const mcp_yaml_node_t *
mcp_field_find(const mcp_yaml_node_t *node, const char *name)
{
    const mcp_yaml_node_t  *child;

    for (child = node->children; child; child = child->next) {
        if (mcp_text_equals(&child->key, name)) {
            return child;
        }
    }

    return NULL;
}


static void
mcp_field_unknown(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *what, const mcp_field_t *fields, size_t nfields)
{
    char         quoted[MCP_TEXT_QUOTE_LEN], list[MCP_FIELD_LIST_LEN];
    size_t       i, len;
    const char  *near;

    len = 0;
    near = NULL;
    list[0] = '\0';

    for (i = 0; i < nfields; i++) {

        if (fields[i].refused) {
            continue;
        }

        len += (size_t) snprintf(list + len, sizeof(list) - len, "%s%s",
                                 len ? ", " : "", fields[i].name);
        if (len >= sizeof(list)) {
            break;
        }

        if (near == NULL && mcp_text_is_near(&node->key, fields[i].name)) {
            near = fields[i].name;
        }
    }

    /* what stands where a key should be may be anything, a secret too */

    if (mcp_text_is_word(&node->key, "_-.", MCP_FIELD_KEY_MAX)
        && strpbrk(node->key.data, "0123456789") == NULL)
    {
        (void) mcp_text_quote(&node->key, quoted);

    } else {
        (void) snprintf(quoted, sizeof(quoted), "of %zu characters",
                        node->key.len);
    }

    mcp_field_key_error(load, node, "found the unknown key %s in %s, expected "
                        "one of: %s%s%s%s", quoted, what, list,
                        near ? " (did you mean \"" : "", near ? near : "",
                        near ? "\"?)" : "");
}


bool
mcp_field_is(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_yaml_kind_e kind)
{
    const char  *found;

    if (node->kind == kind) {
        return true;
    }

    if (node->kind == MCP_YAML_BROKEN) {
        return false;
    }

    found = node->kind == MCP_YAML_MAPPING ? "a mapping"
            : node->kind == MCP_YAML_SEQUENCE ? "a list"
            : mcp_yaml_is_null(node) ? "nothing" : "a text";

    mcp_field_error(load, node, "found %s as %s, expected %s", found, name,
                    kind == MCP_YAML_MAPPING ? "a mapping (key: value)"
                    : kind == MCP_YAML_SEQUENCE ? "a list (- item)"
                    : "a text");

    return false;
}


bool
mcp_field_scalar(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_str_t *ret_text)
{
    if (!mcp_field_is(load, node, name, MCP_YAML_SCALAR)) {
        return false;
    }

    if (mcp_yaml_is_null(node)) {
        mcp_field_error(load, node, "found nothing as %s, expected a text",
                        name);
        return false;
    }

    *ret_text = node->value;

    return true;
}


bool
mcp_field_text(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, size_t max, bool lines, mcp_str_t *ret_text)
{
    mcp_str_t  text;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    if (text.len == 0 || text.len > max) {
        mcp_field_error(load, node, "found %zu bytes as %s, expected 1 to "
                        "%zu", text.len, name, max);
        return false;
    }

    if (!mcp_text_is_printable(&text, lines)) {
        mcp_field_error(load, node, "found a control character in %s, "
                        "expected none", name);
        return false;
    }

    /* a block of lines ends in a line feed that nobody means */

    while (lines && text.len > 1 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    *ret_text = mcp_load_copy(load, &text);

    return true;
}


bool
mcp_field_label(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_str_t *ret_text)
{
    char       found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t  text;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    if (!mcp_text_is_label(&text)) {
        mcp_field_error(load, node, "found %s as %s, expected 1 to 63 of a-z, "
                        "0-9 and \"-\", with no \"-\" at either end",
                        mcp_text_quote(&text, found), name);
        return false;
    }

    *ret_text = mcp_load_copy(load, &text);

    return true;
}


bool
mcp_field_words(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_field_words_t *words, mcp_str_t **ret_words, size_t *ret_count)
{
    bool                    fine;
    char                    found[MCP_TEXT_QUOTE_LEN];
    mcp_set_t               seen;
    mcp_str_t               text, *copies;
    const mcp_yaml_node_t  *child, *first;

    if (!mcp_field_is(load, node, words->name, MCP_YAML_SEQUENCE)) {
        return false;
    }

    copies = mcp_load_array(load, node->nchildren, sizeof(mcp_str_t));
    if (copies == NULL) {
        return !node->partial;
    }

    *ret_words = copies;

    memset(&seen, 0, sizeof(mcp_set_t));
    fine = !node->partial;

    for (child = node->children; child; child = child->next) {

        if (!mcp_field_scalar(load, child, words->item, &text)) {
            fine = false;
            continue;
        }

        if (!words->is_word(&text)) {
            if (words->hidden) {
                (void) snprintf(found, sizeof(found),
                                "a text of %zu characters", text.len);

            } else {
                (void) mcp_text_quote(&text, found);
            }

            mcp_field_error(load, child, "found %s as %s, expected %s",
                            found, words->item, words->expected);
            fine = false;
            continue;
        }

        first = mcp_load_set_add(load, &seen, &text, child);
        if (first) {
            mcp_field_error(load, child, "found %s again, expected %s once: "
                            "it stands in line %u already",
                            mcp_text_quote(&text, found), words->item,
                            first->line);
            continue;
        }

        copies[(*ret_count)++] = mcp_load_copy(load, &text);
    }

    mcp_set_free(&seen);

    return fine;
}


bool
mcp_field_bool(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, bool *ret_value)
{
    char  found[MCP_TEXT_QUOTE_LEN + 32];

    if (node->kind == MCP_YAML_BROKEN) {
        return false;
    }

    if (node->kind == MCP_YAML_SCALAR && node->plain) {

        if (mcp_text_equals(&node->value, "true")) {
            *ret_value = true;
            return true;
        }

        if (mcp_text_equals(&node->value, "false")) {
            *ret_value = false;
            return true;
        }
    }

    mcp_field_error(load, node, "found %s as %s, expected true or false",
                    mcp_field_found(node, found), name);

    return false;
}


bool
mcp_field_number(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, uint32_t max, uint32_t *ret_value)
{
    char      found[MCP_TEXT_QUOTE_LEN + 32];
    uint64_t  value;

    if (node->kind == MCP_YAML_BROKEN) {
        return false;
    }

    if (node->kind == MCP_YAML_SCALAR && node->plain
        && node->value.len > 0 && node->value.data[0] != '0'
        && mcp_field_digits(node->value.data, node->value.len, max, &value))
    {
        *ret_value = (uint32_t) value;
        return true;
    }

    mcp_field_error(load, node, "found %s as %s, expected a whole number from "
                    "1 to %u", mcp_field_found(node, found), name, max);

    return false;
}


/* Numbers and booleans stand without quotes, so quotes are worth a word. */
static const char *
mcp_field_found(const mcp_yaml_node_t *node,
    char buf[MCP_TEXT_QUOTE_LEN + 32])
{
    char  quoted[MCP_TEXT_QUOTE_LEN];

    if (node->kind == MCP_YAML_MAPPING) {
        return "a mapping";
    }

    if (node->kind == MCP_YAML_SEQUENCE) {
        return "a list";
    }

    if (mcp_yaml_is_null(node)) {
        return "nothing";
    }

    (void) snprintf(buf, MCP_TEXT_QUOTE_LEN + 32, "%s%s",
                    node->plain ? "" : "the quoted text ",
                    mcp_text_quote(&node->value, quoted));

    return buf;
}


static bool
mcp_field_digits(const char *p, size_t len, uint64_t max,
    uint64_t *ret_value)
{
    size_t    i;
    uint64_t  value;

    value = 0;

    for (i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }

        value = value * 10 + (uint64_t) (p[i] - '0');

        if (value > max) {
            return false;
        }
    }

    *ret_value = value;

    return len > 0;
}


static bool
mcp_field_rate(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, uint32_t *ret_milli)
{
    char  found[MCP_TEXT_QUOTE_LEN + 32];

    if (node->kind == MCP_YAML_BROKEN) {
        return false;
    }

    if (node->kind == MCP_YAML_SCALAR && node->plain
        && mcp_field_decimal(&node->value, ret_milli))
    {
        return true;
    }

    mcp_field_error(load, node, "found %s as %s, expected a number from 0.001 "
                    "to %u with at most 3 decimals",
                    mcp_field_found(node, found), name, MCP_FIELD_RATE_MAX);

    return false;
}


static bool
mcp_field_decimal(const mcp_str_t *text, uint32_t *ret_milli)
{
    size_t       whole_len, len;
    uint64_t     whole, part;
    const char  *point;

    part = 0;
    point = memchr(text->data, '.', text->len);
    whole_len = point ? (size_t) (point - text->data) : text->len;

    if (!mcp_field_digits(text->data, whole_len, MCP_FIELD_RATE_MAX, &whole)
        || (text->data[0] == '0' && whole_len > 1))
    {
        return false;
    }

    if (point) {
        len = text->len - whole_len - 1;

        if (len > 3 || !mcp_field_digits(point + 1, len, 999, &part)) {
            return false;
        }

        for ( /* void */ ; len < 3; len++) {
            part *= 10;
        }
    }

    part += whole * 1000;

    if (part == 0 || part > (uint64_t) MCP_FIELD_RATE_MAX * 1000) {
        return false;
    }

    *ret_milli = (uint32_t) part;

    return true;
}


bool
mcp_field_timestamp(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, int64_t *ret_seconds)
{
    char       found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t  text;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    if (!mcp_text_timestamp(&text, ret_seconds)) {
        mcp_field_error(load, node, "found %s as %s, expected a time such as "
                        "2027-01-31T00:00:00Z, or a day such as 2027-01-31",
                        mcp_text_quote(&text, found), name);
        return false;
    }

    return true;
}


bool
mcp_field_quotas(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *what, mcp_tenant_t *tenant,
    mcp_quotas_t *ret_quotas)
{
    char                    name[64];
    const mcp_yaml_node_t  *v[MCP_FIELD_QUOTAS];

    (void) snprintf(name, sizeof(name), "the quotas of %s", what);

    if (!mcp_field_mapping(load, node, name,
                           tenant ? mcp_field_quotas_keys
                                  : mcp_field_inner_quotas_keys,
                           MCP_FIELD_QUOTAS, v))
    {
        return false;
    }

    if (v[MCP_FIELD_MAX_SERVERS]) {
        (void) mcp_field_number(load, v[MCP_FIELD_MAX_SERVERS],
                                "max_servers", MCP_FIELD_SERVERS_MAX,
                                &ret_quotas->max_servers);
    }

    if (v[MCP_FIELD_MAX_STREAMS]) {
        (void) mcp_field_number(load, v[MCP_FIELD_MAX_STREAMS], "max_streams",
                                MCP_FIELD_REQUESTS_MAX,
                                &ret_quotas->max_streams);
    }

    if (v[MCP_FIELD_CPU]) {
        (void) mcp_cluster_amount(load, v[MCP_FIELD_CPU], "cpu", "\"8\"",
                                  &tenant->cpu);
    }

    if (v[MCP_FIELD_MEMORY]) {
        (void) mcp_cluster_amount(load, v[MCP_FIELD_MEMORY], "memory", "16Gi",
                                  &tenant->memory);
    }

    mcp_field_limits(load, node, v[MCP_FIELD_REQUESTS_PER_SECOND],
                     v[MCP_FIELD_BURST],
                     v[MCP_FIELD_MAX_CONCURRENT_REQUESTS], ret_quotas);

    return true;
}


void
mcp_field_limits(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_yaml_node_t *rate, const mcp_yaml_node_t *burst,
    const mcp_yaml_node_t *concurrent, mcp_quotas_t *ret_quotas)
{
    if (concurrent) {
        (void) mcp_field_number(load, concurrent, "max_concurrent_requests",
                                MCP_FIELD_REQUESTS_MAX,
                                &ret_quotas->max_concurrent_requests);
    }

    if (rate) {
        (void) mcp_field_rate(load, rate, "requests_per_second",
                              &ret_quotas->requests_per_second_milli);
    }

    if (burst) {
        (void) mcp_field_number(load, burst, "burst", MCP_FIELD_REQUESTS_MAX,
                                &ret_quotas->burst);

        if (mcp_field_find(node, "requests_per_second") == NULL
            && !node->partial)
        {
            mcp_field_key_error(load, burst, "found burst alone, expected it "
                                "with requests_per_second, whose excess it "
                                "lets through");
        }
    }
}


void
mcp_field_error(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *fmt, ...)
{
    char        text[1024];
    va_list     args;
    mcp_mark_t  mark;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    mark.file = load->file;
    mark.line = node->line;
    mark.column = node->column;

    mcp_report_add(load->report, MCP_REPORT_ERROR, &mark, "%s", text);
}


void
mcp_field_key_error(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *fmt, ...)
{
    char        text[1024];
    va_list     args;
    mcp_mark_t  mark;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    mark.file = load->file;
    mark.line = node->key_line;
    mark.column = node->key_column;

    mcp_report_add(load->report, MCP_REPORT_ERROR, &mark, "%s", text);
}
