/*
 * Which servers a gateway needs: what its NGINX says, and what it tells the
 * leader.
 */

#include "demand.h"
#include "mcp_text.h"
#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define DEMAND_KEY      "demand"
#define DEMAND_WAITING  "waiting"
#define DEMAND_USED     "used"


/* used_ms: when last; is_known: ever */
typedef struct {
    demand_use_t  use;
    uint64_t      used_ms;
    bool          is_known;
    bool          is_in_use;
} demand_seen_t;


static int demand_read(const json_t *json, uint64_t now_ms,
    demand_seen_t **ret_seen, size_t *ret_count, uint64_t *ret_counter,
    char reterr_text[DEMAND_ERROR_LEN]);
static bool demand_read_server(const json_t *json, uint64_t now_ms,
    demand_seen_t *seen);
static bool demand_copy_id(const json_t *json, const char *name, char *to,
    size_t size);
static bool demand_need(const mcp_tenant_t *tenant,
    const mcp_server_t *server, const demand_memory_t *memory,
    const demand_memory_t *said, uint64_t now_ms, demand_seen_t *ret_seen,
    unsigned *next_seconds);
static const demand_seen_t *demand_find(const demand_memory_t *memory,
    const demand_use_t *use);
static size_t demand_count(const mcp_config_t *config);
static bool demand_decode_line(const char *line, size_t len,
    demand_use_t *ret_use);
static bool demand_decode_id(const char **line, const char *end, char *to,
    size_t size);
static void demand_use_set(demand_use_t *use, const mcp_tenant_t *tenant,
    const mcp_server_t *server);
static int demand_compare(const void *one, const void *two);
static int demand_fail(char text[DEMAND_ERROR_LEN], const char *why);


bool
demand_is_used(const mcp_config_t *config)
{
    return demand_count(config) != 0;
}


static size_t
demand_count(const mcp_config_t *config)
{
    size_t               i, k, count;
    const mcp_tenant_t  *tenant;

    count = 0;

    for (i = 0; i < config->ntenants; i++) {
        tenant = &config->tenants[i];

        for (k = 0; k < tenant->nservers; k++) {
            count += objects_server_is_on_demand(&tenant->servers[k]);
        }
    }

    return count;
}


int
demand_take(demand_memory_t *memory, const mcp_config_t *config,
    const json_t *json, uint64_t now_ms, demand_gateway_t *ret_gateway,
    demand_answer_t *ret_answer, char reterr_text[DEMAND_ERROR_LEN])
{
    size_t               i, k, count;
    demand_seen_t       *seen, *list;
    demand_answer_t      answer;
    demand_memory_t      said;
    demand_gateway_t     gateway;
    const mcp_tenant_t  *tenant;

    if (demand_read(json, now_ms, &list, &said.count, &answer.counter,
                    reterr_text)
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    said.seen = list;
    count = demand_count(config);
    seen = calloc(count + 1, sizeof(demand_seen_t));

    gateway.count = 0;
    gateway.uses = calloc(count + 1, sizeof(demand_use_t));
    answer.next_seconds = DEMAND_NEXT_SECONDS;

    if (seen == NULL || gateway.uses == NULL) {
        free(seen);
        free(gateway.uses);
        free(list);
        return demand_fail(reterr_text, "found no memory, expected more");
    }

    count = 0;

    for (i = 0; i < config->ntenants; i++) {
        tenant = &config->tenants[i];

        for (k = 0; k < tenant->nservers; k++) {

            if (!objects_server_is_on_demand(&tenant->servers[k])) {
                continue;
            }

            if (demand_need(tenant, &tenant->servers[k], memory, &said,
                            now_ms, &seen[count], &answer.next_seconds)
                && gateway.count < DEMAND_USES_MAX)
            {
                gateway.uses[gateway.count++] = seen[count].use;
            }

            count++;
        }
    }

    qsort(seen, count, sizeof(demand_seen_t), demand_compare);
    qsort(gateway.uses, gateway.count, sizeof(demand_use_t), demand_compare);

    free(list);
    free(memory->seen);

    memory->seen = seen;
    memory->count = count;
    *ret_gateway = gateway;
    *ret_answer = answer;

    return MCP_OK;
}


void
demand_memory_clear(demand_memory_t *memory)
{
    free(memory->seen);
    memset(memory, 0, sizeof(demand_memory_t));
}


static int
demand_read(const json_t *json, uint64_t now_ms, demand_seen_t **ret_seen,
    size_t *ret_count, uint64_t *ret_counter,
    char reterr_text[DEMAND_ERROR_LEN])
{
    size_t          i;
    json_t         *counter, *servers, *server;
    demand_seen_t  *seen;

    counter = json_object_get(json, "counter");
    servers = json_object_get(json, "servers");

    if (!json_is_integer(counter) || json_integer_value(counter) < 0) {
        return demand_fail(reterr_text, "found no counter in /demand, "
                           "expected a number");
    }

    if (!json_is_array(servers)) {
        return demand_fail(reterr_text, "found no servers in /demand, "
                           "expected a list");
    }

    seen = calloc(json_array_size(servers) + 1, sizeof(demand_seen_t));

    if (seen == NULL) {
        return demand_fail(reterr_text, "found no memory, expected more");
    }

    json_array_foreach(servers, i, server) {
        if (!demand_read_server(server, now_ms, &seen[i])) {
            free(seen);
            return demand_fail(reterr_text, "found another entry in servers "
                               "of /demand, expected tenant, server, "
                               "waiting, in_flight and idle_seconds");
        }
    }

    qsort(seen, json_array_size(servers), sizeof(demand_seen_t),
          demand_compare);

    *ret_seen = seen;
    *ret_count = json_array_size(servers);
    *ret_counter = (uint64_t) json_integer_value(counter);

    return MCP_OK;
}


static bool
demand_read_server(const json_t *json, uint64_t now_ms, demand_seen_t *seen)
{
    json_t    *waiting, *in_flight, *idle;
    uint64_t   ms;

    waiting = json_object_get(json, "waiting");
    in_flight = json_object_get(json, "in_flight");
    idle = json_object_get(json, "idle_seconds");

    if (!demand_copy_id(json, "tenant", seen->use.tenant,
                        sizeof(seen->use.tenant))
        || !demand_copy_id(json, "server", seen->use.server,
                           sizeof(seen->use.server))
        || !json_is_integer(waiting) || !json_is_integer(in_flight)
        || (!json_is_null(idle)
            && (!json_is_integer(idle) || json_integer_value(idle) < 0)))
    {
        return false;
    }

    seen->use.is_waited_for = json_integer_value(waiting) > 0;
    seen->is_in_use = seen->use.is_waited_for
                      || json_integer_value(in_flight) > 0;
    seen->is_known = seen->is_in_use || json_is_integer(idle);

    if (seen->is_known) {
        ms = seen->is_in_use ? 0
                             : (uint64_t) json_integer_value(idle) * 1000;
        seen->used_ms = ms < now_ms ? now_ms - ms : 0;
    }

    return true;
}


static bool
demand_copy_id(const json_t *json, const char *name, char *to, size_t size)
{
    const char  *text;

    text = json_string_value(json_object_get(json, name));

    if (text == NULL || strlen(text) >= size) {
        return false;
    }

    memcpy(to, text, strlen(text) + 1);

    return true;
}


/* Whether this gateway needs it, and what is remembered of it. */
static bool
demand_need(const mcp_tenant_t *tenant, const mcp_server_t *server,
    const demand_memory_t *memory, const demand_memory_t *said,
    uint64_t now_ms, demand_seen_t *ret_seen, unsigned *next_seconds)
{
    uint64_t              idle_ms, left_ms;
    const demand_seen_t  *before, *now;

    demand_use_set(&ret_seen->use, tenant, server);

    before = demand_find(memory, &ret_seen->use);
    now = demand_find(said, &ret_seen->use);

    ret_seen->used_ms = before ? before->used_ms : 0;
    ret_seen->is_known = before != NULL;

    if (now && now->is_known) {
        ret_seen->use.is_waited_for = now->use.is_waited_for;
        ret_seen->is_known = true;

        if (now->used_ms > ret_seen->used_ms) {
            ret_seen->used_ms = now->used_ms;
        }
    }

    if (!ret_seen->is_known) {
        ret_seen->used_ms = now_ms;
        ret_seen->is_known = true;
    }

    idle_ms = server->kubernetes->idle_timeout;
    idle_ms = (idle_ms ? idle_ms : DEMAND_IDLE_SECONDS) * 1000;

    if (now && now->is_in_use) {
        ret_seen->used_ms = now_ms;
    }

    if (now_ms - ret_seen->used_ms >= idle_ms) {
        return false;
    }

    left_ms = idle_ms - (now_ms - ret_seen->used_ms);

    if (left_ms < (uint64_t) *next_seconds * 1000) {
        *next_seconds = (unsigned) ((left_ms + 999) / 1000);
    }

    return true;
}


static const demand_seen_t *
demand_find(const demand_memory_t *memory, const demand_use_t *use)
{
    demand_seen_t  key;

    if (memory->count == 0) {
        return NULL;
    }

    key.use = *use;

    return bsearch(&key, memory->seen, memory->count, sizeof(demand_seen_t),
                   demand_compare);
}


void
demand_gateway_clear(demand_gateway_t *gateway)
{
    free(gateway->uses);
    memset(gateway, 0, sizeof(demand_gateway_t));
}


bool
demand_gateway_same(const demand_gateway_t *one, const demand_gateway_t *two)
{
    size_t  i;

    if (one->count != two->count) {
        return false;
    }

    for (i = 0; i < one->count; i++) {
        if (demand_compare(&one->uses[i], &two->uses[i]) != 0
            || one->uses[i].is_waited_for != two->uses[i].is_waited_for)
        {
            return false;
        }
    }

    return true;
}


const demand_use_t *
demand_gateway_find(const demand_gateway_t *gateway,
    const mcp_tenant_t *tenant, const mcp_server_t *server)
{
    demand_use_t  key;

    if (gateway->count == 0) {
        return NULL;
    }

    demand_use_set(&key, tenant, server);

    return bsearch(&key, gateway->uses, gateway->count, sizeof(demand_use_t),
                   demand_compare);
}


json_t *
demand_encode(const demand_gateway_t *gateway)
{
    char                *text;
    FILE                *out;
    bool                 failed;
    size_t               i, len;
    json_t              *json;
    const demand_use_t  *use;

    text = NULL;
    out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }

    for (i = 0; i < gateway->count; i++) {
        use = &gateway->uses[i];
        fprintf(out, "%s %s %s\n", use->tenant, use->server,
                use->is_waited_for ? DEMAND_WAITING : DEMAND_USED);
    }

    failed = ferror(out);
    failed = fclose(out) != 0 || failed;
    json = failed ? NULL : json_pack("{s:s}", DEMAND_KEY, text);
    free(text);

    return json;
}


int
demand_decode(const json_t *config_map, demand_gateway_t *ret_gateway,
    char reterr_text[DEMAND_ERROR_LEN])
{
    size_t             len, count;
    const char        *text, *p;
    demand_gateway_t   gateway;

    text = json_string_value(json_object_get(json_object_get(config_map,
                                                             "data"),
                                             DEMAND_KEY));
    text = text ? text : "";
    count = 0;

    for (p = text; *p; p++) {
        count += *p == '\n';
    }

    count = count < DEMAND_USES_MAX ? count : DEMAND_USES_MAX;
    gateway.count = 0;
    gateway.uses = calloc(count + 1, sizeof(demand_use_t));

    if (gateway.uses == NULL) {
        return demand_fail(reterr_text, "found no memory, expected more");
    }

    while (*text) {
        len = strcspn(text, "\n");

        if (text[len] != '\n' || gateway.count == count
            || !demand_decode_line(text, len, &gateway.uses[gateway.count]))
        {
            free(gateway.uses);
            return demand_fail(reterr_text, "found another line in data."
                               DEMAND_KEY ", expected TENANT SERVER "
                               DEMAND_WAITING " or " DEMAND_USED " in each, "
                               "at most 10000");
        }

        gateway.count++;
        text += len + 1;
    }

    qsort(gateway.uses, gateway.count, sizeof(demand_use_t), demand_compare);

    *ret_gateway = gateway;

    return MCP_OK;
}


static bool
demand_decode_line(const char *line, size_t len, demand_use_t *ret_use)
{
    const char  *end;

    end = line + len;

    if (!demand_decode_id(&line, end, ret_use->tenant,
                          sizeof(ret_use->tenant))
        || !demand_decode_id(&line, end, ret_use->server,
                             sizeof(ret_use->server)))
    {
        return false;
    }

    len = (size_t) (end - line);
    ret_use->is_waited_for = len == sizeof(DEMAND_WAITING) - 1
                             && memcmp(line, DEMAND_WAITING, len) == 0;

    return ret_use->is_waited_for
           || (len == sizeof(DEMAND_USED) - 1
               && memcmp(line, DEMAND_USED, len) == 0);
}


/* Up to the next space, which it passes. */
static bool
demand_decode_id(const char **line, const char *end, char *to, size_t size)
{
    mcp_str_t    id;
    const char  *space;

    space = memchr(*line, ' ', (size_t) (end - *line));

    if (space == NULL) {
        return false;
    }

    id.data = *line;
    id.len = (size_t) (space - *line);

    if (id.len >= size || !mcp_text_is_label(&id)) {
        return false;
    }

    memcpy(to, id.data, id.len);
    to[id.len] = '\0';
    *line = space + 1;

    return true;
}


static void
demand_use_set(demand_use_t *use, const mcp_tenant_t *tenant,
    const mcp_server_t *server)
{
    (void) snprintf(use->tenant, sizeof(use->tenant), "%s", tenant->id.data);
    (void) snprintf(use->server, sizeof(use->server), "%s", server->id.data);

    use->is_waited_for = false;
}


/* Of demand_use_t, and of what begins with one. */
static int
demand_compare(const void *one, const void *two)
{
    int                  rc;
    const demand_use_t  *a = one, *b = two;

    rc = strcmp(a->tenant, b->tenant);

    return rc ? rc : strcmp(a->server, b->server);
}


static int
demand_fail(char text[DEMAND_ERROR_LEN], const char *why)
{
    (void) snprintf(text, DEMAND_ERROR_LEN, "%s", why);

    return MCP_ERROR;
}
