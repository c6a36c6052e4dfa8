/*
 * Whether a pod that is to end may end.
 */

#include "drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define DRAIN_KEY  "drained"


/* uids: with capacity; failed: there was no memory */
typedef struct {
    endpoints_t           *endpoints;
    const drain_status_t  *status;
    drain_gateway_t        gateway;
    size_t                 capacity;
    bool                   failed;
} drain_take_t;

typedef struct {
    const char             *namespace;
    const char             *server;
    const drain_gateway_t  *gateways;
    size_t                  ngateways;
    bool                    waits;
} drain_check_t;


static void drain_take_pod(void *data, const endpoints_leaving_t *pod);
static bool drain_is_busy(const drain_status_t *status,
    const endpoints_leaving_t *pod);
static int drain_add(drain_gateway_t *gateway, size_t *capacity,
    const char *uid, size_t len);
static bool drain_is_uid(const char *text, size_t len);
static void drain_check_pod(void *data, const endpoints_leaving_t *pod);
static int drain_compare(const void *one, const void *two);
static int drain_fail(char text[DRAIN_ERROR_LEN], const char *why);


int
drain_status_read(const json_t *json, drain_status_t *ret_status,
    char reterr_text[DRAIN_ERROR_LEN])
{
    size_t           i;
    json_t          *endpoints, *sequence, *list, *entry, *in_flight;
    const char      *address;
    drain_status_t   status;

    endpoints = json_object_get(json, "endpoints");
    sequence = json_object_get(endpoints, "sequence");
    list = json_object_get(endpoints, "draining");

    if (!json_is_object(endpoints)) {
        return drain_fail(reterr_text, "found no endpoints in /status, "
                          "expected an object: does NGINX read the file of "
                          "the sidecar?");
    }

    if (!json_is_null(sequence)
        && (!json_is_integer(sequence) || json_integer_value(sequence) < 0))
    {
        return drain_fail(reterr_text, "found no endpoints.sequence in "
                          "/status, expected a number or null");
    }

    if (!json_is_array(list)) {
        return drain_fail(reterr_text, "found no endpoints.draining in "
                          "/status, expected a list");
    }

    status.sequence = (uint64_t) json_integer_value(sequence);
    status.nbusy = 0;

    status.busy = mcp_alloc((json_array_size(list) + 1)
                            * sizeof(status.busy[0]));
    if (status.busy == NULL) {
        return drain_fail(reterr_text, "found no memory, expected more");
    }

    json_array_foreach(list, i, entry) {
        address = json_string_value(json_object_get(entry, "address"));
        in_flight = json_object_get(entry, "in_flight");

        if (address == NULL || !json_is_integer(in_flight)
            || strlen(address) >= ENDPOINTS_ADDRESS_LEN)
        {
            free(status.busy);
            return drain_fail(reterr_text, "found another entry in "
                              "endpoints.draining of /status, expected "
                              "address and in_flight");
        }

        if (json_integer_value(in_flight)) {
            memcpy(status.busy[status.nbusy++], address,
                   strlen(address) + 1);
        }
    }

    qsort(status.busy, status.nbusy, sizeof(status.busy[0]), drain_compare);

    *ret_status = status;

    return MCP_OK;
}


void
drain_status_clear(drain_status_t *status)
{
    free(status->busy);
    memset(status, 0, sizeof(drain_status_t));
}


int
drain_gateway_take(endpoints_t *endpoints, const drain_status_t *status,
    drain_gateway_t *ret_gateway)
{
    drain_take_t  take;

    memset(&take, 0, sizeof(drain_take_t));

    take.endpoints = endpoints;
    take.status = status;

    if (endpoints_enforced(endpoints, status->sequence)) {
        endpoints_leaving(endpoints, drain_take_pod, &take);
    }

    if (take.failed) {
        drain_gateway_clear(&take.gateway);
        return MCP_ERROR;
    }

    if (take.gateway.ndrained) {
        qsort(take.gateway.drained, take.gateway.ndrained, DRAIN_UID_LEN,
              drain_compare);
    }

    *ret_gateway = take.gateway;

    return MCP_OK;
}


static void
drain_take_pod(void *data, const endpoints_leaving_t *pod)
{
    drain_take_t *take = data;

    if (pod->sequence == 0 || pod->sequence > take->status->sequence
        || drain_is_busy(take->status, pod)
        || take->gateway.ndrained == DRAIN_UIDS_MAX)
    {
        return;
    }

    if (drain_add(&take->gateway, &take->capacity, pod->uid,
                  strlen(pod->uid))
        != MCP_OK)
    {
        take->failed = true;
    }
}


static bool
drain_is_busy(const drain_status_t *status, const endpoints_leaving_t *pod)
{
    size_t  i;

    for (i = 0; i < pod->naddresses; i++) {
        if (bsearch(pod->addresses[i], status->busy, status->nbusy,
                    sizeof(status->busy[0]), drain_compare))
        {
            return true;
        }
    }

    return false;
}


void
drain_gateway_clear(drain_gateway_t *gateway)
{
    free(gateway->drained);
    memset(gateway, 0, sizeof(drain_gateway_t));
}


bool
drain_gateway_same(const drain_gateway_t *one, const drain_gateway_t *two)
{
    size_t  i;

    if (one->ndrained != two->ndrained) {
        return false;
    }

    for (i = 0; i < one->ndrained; i++) {
        if (strcmp(one->drained[i], two->drained[i]) != 0) {
            return false;
        }
    }

    return true;
}


json_t *
drain_encode(const drain_gateway_t *gateway)
{
    char    *text, *p;
    size_t   i, len;
    json_t  *json;

    text = mcp_alloc(gateway->ndrained * (DRAIN_UID_LEN + 1) + 1);

    if (text == NULL) {
        return NULL;
    }

    p = text;

    for (i = 0; i < gateway->ndrained; i++) {
        len = strlen(gateway->drained[i]);
        memcpy(p, gateway->drained[i], len);
        p += len;
        *p++ = '\n';
    }

    *p = '\0';

    json = json_pack("{s:s}", DRAIN_KEY, text);
    free(text);

    return json;
}


int
drain_decode(const json_t *config_map, drain_gateway_t *ret_gateway,
    char reterr_text[DRAIN_ERROR_LEN])
{
    size_t            len, capacity;
    const char       *text;
    drain_gateway_t   gateway;

    memset(&gateway, 0, sizeof(drain_gateway_t));
    capacity = 0;

    text = json_string_value(json_object_get(json_object_get(config_map,
                                                             "data"),
                                             DRAIN_KEY));
    if (text == NULL) {
        return drain_fail(reterr_text, "found no data." DRAIN_KEY ", expected "
                          "a text");
    }

    while (*text) {
        len = strcspn(text, "\n");

        if (!drain_is_uid(text, len) || text[len] != '\n'
            || gateway.ndrained == DRAIN_UIDS_MAX)
        {
            drain_gateway_clear(&gateway);
            return drain_fail(reterr_text, "found another line in data."
                              DRAIN_KEY ", expected the uid of a pod in each, "
                              "at most 10000");
        }

        if (drain_add(&gateway, &capacity, text, len) != MCP_OK) {
            drain_gateway_clear(&gateway);
            return drain_fail(reterr_text, "found no memory, expected more");
        }

        text += len + 1;
    }

    if (gateway.ndrained) {
        qsort(gateway.drained, gateway.ndrained, DRAIN_UID_LEN,
              drain_compare);
    }

    *ret_gateway = gateway;

    return MCP_OK;
}


/* len: shorter than DRAIN_UID_LEN */
static int
drain_add(drain_gateway_t *gateway, size_t *capacity, const char *uid,
    size_t len)
{
    void    *grown;
    size_t   wanted;

    if (gateway->ndrained == *capacity) {
        wanted = *capacity ? 2 * *capacity : 16;

        grown = mcp_alloc(wanted * DRAIN_UID_LEN);
        if (grown == NULL) {
            return MCP_ERROR;
        }

        if (gateway->ndrained) {
            memcpy(grown, gateway->drained,
                   gateway->ndrained * DRAIN_UID_LEN);
        }

        free(gateway->drained);
        gateway->drained = grown;
        *capacity = wanted;
    }

    memcpy(gateway->drained[gateway->ndrained], uid, len);
    gateway->drained[gateway->ndrained][len] = '\0';
    gateway->ndrained++;

    return MCP_OK;
}


static bool
drain_is_uid(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }

    return len > 0 && len < DRAIN_UID_LEN;
}


drain_verdict_e
drain_may_end(const endpoints_t *endpoints, const char *namespace,
    const char *server, const drain_gateway_t *gateways, size_t ngateways,
    uint64_t waited_ms)
{
    drain_check_t  check;

    if (waited_ms >= DRAIN_BOUND_MS) {
        return DRAIN_TIMED_OUT;
    }

    if (waited_ms < DRAIN_SETTLE_MS || !endpoints_is_whole(endpoints)) {
        return DRAIN_WAITS;
    }

    check.namespace = namespace;
    check.server = server;
    check.gateways = gateways;
    check.ngateways = ngateways;
    check.waits = false;

    endpoints_leaving(endpoints, drain_check_pod, &check);

    return check.waits ? DRAIN_WAITS : DRAIN_IS_OVER;
}


static void
drain_check_pod(void *data, const endpoints_leaving_t *pod)
{
    drain_check_t *check = data;

    char    uid[DRAIN_UID_LEN];
    size_t  i;

    if (strcmp(pod->namespace, check->namespace) != 0
        || strcmp(pod->server, check->server) != 0)
    {
        return;
    }

    (void) snprintf(uid, sizeof(uid), "%s", pod->uid);

    check->waits |= check->ngateways == 0;

    for (i = 0; i < check->ngateways && !check->waits; i++) {
        check->waits = check->gateways[i].ndrained == 0
                       || bsearch(uid, check->gateways[i].drained,
                                  check->gateways[i].ndrained, DRAIN_UID_LEN,
                                  drain_compare) == NULL;
    }
}


/* Of elements that are texts. */
static int
drain_compare(const void *one, const void *two)
{
    return strcmp(one, two);
}


static int
drain_fail(char text[DRAIN_ERROR_LEN], const char *why)
{
    (void) snprintf(text, DRAIN_ERROR_LEN, "%s", why);

    return MCP_ERROR;
}
