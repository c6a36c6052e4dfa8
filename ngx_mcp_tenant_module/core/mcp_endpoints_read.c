/*
 * The reader of endpoints.json.  The JSON itself is mcp_json_scan's; what is
 * not known is never entered.
 */

#include "mcp_endpoints_parts.h"
#include "mcp_file.h"
#include "mcp_hash.h"
#include "mcp_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    mcp_endpoints_level_e  level;
    const char            *word;
    mcp_endpoints_key_e    key;
    mcp_json_event_e       expected;
} mcp_endpoints_known_t;


static int mcp_endpoints_event(void *data, mcp_json_event_e event,
    const mcp_str_t *text);
static int mcp_endpoints_key(mcp_endpoints_read_t *read,
    const mcp_str_t *text);
static int mcp_endpoints_id(mcp_endpoints_read_t *read,
    const mcp_str_t *text);
static int mcp_endpoints_value(mcp_endpoints_read_t *read,
    mcp_json_event_e event, const mcp_str_t *text);
static void mcp_endpoints_enter(mcp_endpoints_read_t *read);
static int mcp_endpoints_end(mcp_endpoints_read_t *read);
static int mcp_endpoints_keep(mcp_endpoints_read_t *read);
static const char *mcp_endpoints_what(mcp_json_event_e event);
static const char *mcp_endpoints_word(mcp_endpoints_key_e key);


static const mcp_endpoints_known_t  mcp_endpoints_known[] = {
    { LEVEL_FILE, "version", KEY_VERSION, MCP_JSON_NUMBER },
    { LEVEL_FILE, "sequence", KEY_SEQUENCE, MCP_JSON_NUMBER },
    { LEVEL_FILE, "tenants", KEY_TENANTS, MCP_JSON_OBJECT },
    { LEVEL_TENANT, "servers", KEY_SERVERS, MCP_JSON_OBJECT },
    { LEVEL_SERVER, "state", KEY_STATE, MCP_JSON_STRING },
    { LEVEL_SERVER, "reason", KEY_REASON, MCP_JSON_STRING },
    { LEVEL_SERVER, "endpoints", KEY_ENDPOINTS, MCP_JSON_ARRAY },
    { LEVEL_SERVER, "draining", KEY_DRAINING, MCP_JSON_ARRAY }
};

#define MCP_ENDPOINTS_KNOWN                                                   \
    (sizeof(mcp_endpoints_known) / sizeof(mcp_endpoints_known[0]))


int
mcp_endpoints_load(const char *path, mcp_report_t *report,
    mcp_endpoints_t **ret_endpoints)
{
    int         rc;
    mcp_file_t  file;
    mcp_mark_t  mark = { path, 1, 1 };

    memset(&file, 0, sizeof(mcp_file_t));

    rc = mcp_file_read(&file, path, MCP_ENDPOINTS_MAX_BYTES, NULL);

    if (rc == MCP_OK) {
        rc = mcp_endpoints_parse(path, file.data, file.len, report,
                                 ret_endpoints);

    } else {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "found a file that %s, expected one that the sidecar "
                       "wrote", file.why);
    }

    mcp_file_free(&file);

    return rc;
}


int
mcp_endpoints_parse(const char *name, const char *text, size_t len,
    mcp_report_t *report, mcp_endpoints_t **ret_endpoints)
{
    int                    rc;
    mcp_endpoints_read_t  *read;

    static const uint64_t  seed[2];

    rc = MCP_ERROR;
    read = mcp_alloc(sizeof(mcp_endpoints_read_t));

    if (read) {
        memset(read, 0, sizeof(mcp_endpoints_read_t));

        read->report = report;
        read->name = name;
        read->data = text ? text : "";
        read->endpoints = mcp_endpoints_new();
    }

    if (read == NULL || read->endpoints == NULL) {
        mcp_report_add(report, MCP_REPORT_ERROR,
                       &(mcp_mark_t) { name, 1, 1 },
                       "found no memory to read the file, expected more");
        free(read);
        return MCP_ERROR;
    }

    mcp_json_scan_init(&read->json, mcp_endpoints_event, read);

    if (mcp_json_scan_feed(&read->json, text, len) == MCP_OK
        && mcp_json_scan_finish(&read->json) == MCP_OK)
    {
        read->endpoints->hash = mcp_hash(seed, 1, text, len) | 1;
        *ret_endpoints = read->endpoints;
        read->endpoints = NULL;
        rc = MCP_OK;

    } else if (len == 0) {
        (void) mcp_endpoints_fail(read, 0, "found an empty file, expected one "
                                  "that the sidecar wrote");

    } else if (mcp_json_scan_error(&read->json)) {
        (void) mcp_endpoints_fail(read,
                                  mcp_json_scan_error_offset(&read->json),
                                  "found no JSON: %s, expected the file of "
                                  "the sidecar",
                                  mcp_json_scan_error(&read->json));

    } else if (!read->told) {
        (void) mcp_endpoints_fail(read, 0, "found no memory for what it says, "
                                  "expected more");
    }

    mcp_endpoints_free(read->endpoints);
    mcp_set_free(&read->tenants);
    free(read);

    return rc;
}


static int
mcp_endpoints_event(void *data, mcp_json_event_e event, const mcp_str_t *text)
{
    mcp_endpoints_read_t *read = data;

    switch (event) {

    case MCP_JSON_KEY:
        return mcp_endpoints_key(read, text);

    case MCP_JSON_END:
        return mcp_endpoints_end(read);

    default:
        return mcp_endpoints_value(read, event, text);
    }
}


static int
mcp_endpoints_key(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    size_t  i;

    if (read->level == LEVEL_TENANTS || read->level == LEVEL_SERVERS) {
        return mcp_endpoints_id(read, text);
    }

    read->key = KEY_UNKNOWN;

    for (i = 0; i < MCP_ENDPOINTS_KNOWN; i++) {
        if (mcp_endpoints_known[i].level == read->level && text->data
            && mcp_text_equals(text, mcp_endpoints_known[i].word))
        {
            read->key = mcp_endpoints_known[i].key;
        }
    }

    if (read->key == KEY_UNKNOWN) {
        return MCP_OK;
    }

    if (read->seen[read->level] & (1u << read->key)) {
        return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                                  "found \"%s\" again, expected it once",
                                  mcp_endpoints_word(read->key));
    }

    read->seen[read->level] |= 1u << read->key;

    if (read->key == KEY_STATE || read->key == KEY_REASON) {
        mcp_json_scan_capture(&read->json, read->text, sizeof(read->text),
                              MCP_JSON_DECODED);
    }

    return MCP_OK;
}


/* What is too long for an id is no tenant or server of ours. */
static int
mcp_endpoints_id(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    char         name[MCP_ENDPOINTS_NAME_LEN], *copy;
    char         found[MCP_TEXT_QUOTE_LEN];
    bool         is_tenant;
    size_t       len;
    mcp_str_t    tenant;
    const void  *first;

    read->key = KEY_UNKNOWN;
    is_tenant = read->level == LEVEL_TENANTS;

    if (text->data == NULL || text->len > MCP_TENANT_ID_MAX_LEN) {
        return MCP_OK;
    }

    tenant.data = read->tenant;
    tenant.len = read->tenant_len;

    if (is_tenant) {
        memcpy(read->tenant, text->data, text->len);
        read->tenant_len = text->len;

        copy = mcp_arena_strdup(read->endpoints->arena, text->data,
                                text->len);

        if (copy == NULL
            || mcp_set_add(&read->tenants, copy, text->len, copy, &first)
               != MCP_OK)
        {
            return MCP_ERROR;
        }

    } else {
        memcpy(read->server, text->data, text->len);
        read->server_len = text->len;

        len = mcp_endpoints_name(name, &tenant, text);
        first = mcp_set_find(&read->endpoints->servers, name, len);
    }

    if (first) {
        return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                                  "found the %s %s again, expected it once",
                                  is_tenant ? "tenant" : "server",
                                  mcp_text_quote(text, found));
    }

    read->key = KEY_ID;

    return MCP_OK;
}


static int
mcp_endpoints_value(mcp_endpoints_read_t *read, mcp_json_event_e event,
    const mcp_str_t *text)
{
    char              where[MCP_ENDPOINTS_WHERE_LEN];
    size_t            i;
    mcp_json_event_e  expected;

    if (read->level == LEVEL_LIST) {
        expected = MCP_JSON_STRING;

    } else if (read->level == LEVEL_TEXT || read->key == KEY_ID) {
        expected = MCP_JSON_OBJECT;

    } else if (read->key == KEY_UNKNOWN) {
        return MCP_OK;

    } else {
        expected = event;

        for (i = 0; i < MCP_ENDPOINTS_KNOWN; i++) {
            if (mcp_endpoints_known[i].key == read->key) {
                expected = mcp_endpoints_known[i].expected;
            }
        }
    }

    if (event != expected) {
        return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                                  "found %s as %s, expected %s",
                                  mcp_endpoints_what(event),
                                  mcp_endpoints_where(read,
                                      mcp_endpoints_word(read->key), where),
                                  mcp_endpoints_what(expected));
    }

    if (read->level == LEVEL_LIST) {
        return mcp_endpoints_address(read, text);
    }

    switch (read->key) {

    case KEY_VERSION:
        return mcp_endpoints_version(read, text);

    case KEY_SEQUENCE:
        return mcp_endpoints_number(read, text);

    case KEY_STATE:
        return mcp_endpoints_state(read, text);

    case KEY_REASON:
        mcp_endpoints_reason(read, text);
        return MCP_OK;

    default:
        mcp_endpoints_enter(read);
        return MCP_OK;
    }
}


static void
mcp_endpoints_enter(mcp_endpoints_read_t *read)
{
    mcp_json_scan_enter(&read->json);

    read->level++;
    read->seen[read->level] = 0;

    if (read->level == LEVEL_SERVER) {
        read->reason_len = 0;
        read->nactive = 0;
        read->ndraining = 0;
    }

    if (read->level == LEVEL_LIST) {
        read->is_draining = read->key == KEY_DRAINING;
        mcp_json_scan_capture(&read->json, read->text, MCP_ENDPOINTS_TEXT_LEN,
                              MCP_JSON_DECODED);
    }
}


static int
mcp_endpoints_end(mcp_endpoints_read_t *read)
{
    char    where[MCP_ENDPOINTS_WHERE_LEN];
    size_t  i;

    for (i = 0; i < MCP_ENDPOINTS_KNOWN; i++) {

        if (mcp_endpoints_known[i].level == read->level
            && (read->level == LEVEL_FILE
                || mcp_endpoints_known[i].key == KEY_STATE)
            && !(read->seen[read->level] & (1u << mcp_endpoints_known[i].key)))
        {
            return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                                      "found no %s, expected it",
                                      mcp_endpoints_where(read,
                                          mcp_endpoints_known[i].word,
                                          where));
        }
    }

    if (read->level == LEVEL_SERVER && mcp_endpoints_keep(read) != MCP_OK) {
        return MCP_ERROR;
    }

    read->level--;

    return MCP_OK;
}


static int
mcp_endpoints_keep(mcp_endpoints_read_t *read)
{
    char                     name[MCP_ENDPOINTS_NAME_LEN], *copy, *reason;
    size_t                   len;
    mcp_str_t                tenant, id;
    const void              *first;
    mcp_arena_t             *arena;
    mcp_address_t           *addresses;
    mcp_endpoints_server_t  *server;

    arena = read->endpoints->arena;

    tenant.data = read->tenant;
    tenant.len = read->tenant_len;
    id.data = read->server;
    id.len = read->server_len;

    len = mcp_endpoints_name(name, &tenant, &id);

    copy = mcp_arena_strdup(arena, name, len);
    reason = mcp_arena_strdup(arena, read->reason, read->reason_len);
    server = mcp_arena_alloc(arena, sizeof(mcp_endpoints_server_t));
    addresses = mcp_arena_alloc(arena, (read->nactive + read->ndraining + 1)
                                       * sizeof(mcp_address_t));

    if (copy == NULL || reason == NULL || server == NULL || addresses == NULL)
    {
        return MCP_ERROR;
    }

    memcpy(addresses, read->active, read->nactive * sizeof(mcp_address_t));
    memcpy(addresses + read->nactive, read->draining,
           read->ndraining * sizeof(mcp_address_t));

    server->state = read->state;
    server->reason.data = reason;
    server->reason.len = read->reason_len;
    server->addresses = addresses;
    server->nactive = read->nactive;
    server->ndraining = read->ndraining;

    return mcp_set_add(&read->endpoints->servers, copy, len, server, &first);
}


int
mcp_endpoints_fail(mcp_endpoints_read_t *read, size_t offset,
    const char *fmt, ...)
{
    char         text[1024];
    va_list      args;
    mcp_mark_t   mark;
    const char  *p, *line;

    mark.file = read->name;
    mark.line = 1;
    line = read->data;

    while ((p = memchr(line, '\n', (size_t) (read->data + offset - line)))) {
        mark.line++;
        line = p + 1;
    }

    mark.column = (uint32_t) (read->data + offset - line) + 1;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    mcp_report_add(read->report, MCP_REPORT_ERROR, &mark, "%s", text);
    read->told = true;

    return MCP_ERROR;
}


const char *
mcp_endpoints_where(mcp_endpoints_read_t *read, const char *word,
    char where[MCP_ENDPOINTS_WHERE_LEN])
{
    mcp_str_t  tenant, server;

    tenant.data = read->tenant;
    tenant.len = read->tenant_len;
    server.data = read->server;
    server.len = read->server_len;

    if (!mcp_text_is_label(&tenant)) {
        tenant = (mcp_str_t) mcp_str("...");
    }

    if (!mcp_text_is_label(&server)) {
        server = (mcp_str_t) mcp_str("...");
    }

    switch (read->level) {

    case LEVEL_TEXT:
        return "the file";

    case LEVEL_FILE:
        return word;

    case LEVEL_TENANTS:
    case LEVEL_TENANT:
        (void) snprintf(where, MCP_ENDPOINTS_WHERE_LEN, "tenants.%.*s%s%s",
                        (int) tenant.len, tenant.data,
                        read->level == LEVEL_TENANT ? "." : "",
                        read->level == LEVEL_TENANT ? word : "");
        return where;

    default:
        (void) snprintf(where, MCP_ENDPOINTS_WHERE_LEN,
                        "tenants.%.*s.servers.%.*s%s%s",
                        (int) tenant.len, tenant.data,
                        (int) server.len, server.data,
                        read->level == LEVEL_SERVERS ? "" : ".",
                        read->level == LEVEL_SERVERS ? "" : word);
        return where;
    }
}


static const char *
mcp_endpoints_what(mcp_json_event_e event)
{
    switch (event) {

    case MCP_JSON_OBJECT:
        return "an object";

    case MCP_JSON_ARRAY:
        return "a list";

    case MCP_JSON_STRING:
        return "a text";

    case MCP_JSON_NUMBER:
        return "a number";

    case MCP_JSON_TRUE:
        return "true";

    case MCP_JSON_FALSE:
        return "false";

    default:
        return "null";
    }
}


static const char *
mcp_endpoints_word(mcp_endpoints_key_e key)
{
    size_t  i;

    for (i = 0; i < MCP_ENDPOINTS_KNOWN; i++) {
        if (mcp_endpoints_known[i].key == key) {
            return mcp_endpoints_known[i].word;
        }
    }

    return "";
}
