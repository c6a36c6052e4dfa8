/*
 * EndpointSlices and pods, reduced to what endpoints.json needs.
 */

#include "endpoints_parts.h"
#include "objects.h"
#include "mcp_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define ENDPOINTS_SERVICE_LABEL  "kubernetes.io/service-name"
#define ENDPOINTS_BY_LABEL       "endpointslice.kubernetes.io/managed-by"
#define ENDPOINTS_BY             "endpointslice-controller.k8s.io"


static const char *endpoints_label(json_t *object, const char *name);
static void endpoints_slice_endpoint(json_t *endpoint,
    endpoints_slice_t *slice, size_t room);
static bool endpoints_copy_id(json_t *object, const char *name,
    char ret_id[MCP_SERVER_ID_MAX_LEN + 1]);
static bool endpoints_is_own_network(json_t *object);
static bool endpoints_is_ready(json_t *status);
static bool endpoints_is_running(json_t *status);
static void endpoints_pod_trouble(json_t *status, endpoints_pod_t *pod);
static void endpoints_pod_ips(json_t *status, endpoints_pod_t *pod);
static bool endpoints_ip_read(json_t *text, endpoints_ip_t *ret_ip);


const char *
endpoints_object_name(json_t *object)
{
    mcp_str_t    text;
    const char  *name;

    name = json_string_value(json_object_get(json_object_get(object,
                                                             "metadata"),
                                             "name"));
    if (name == NULL) {
        return NULL;
    }

    text.data = name;
    text.len = strlen(name);

    return mcp_text_is_subdomain(&text) ? name : NULL;
}


const char *
endpoints_object_namespace(json_t *object)
{
    mcp_str_t    text;
    const char  *name;

    name = json_string_value(json_object_get(json_object_get(object,
                                                             "metadata"),
                                             "namespace"));
    if (name == NULL) {
        return NULL;
    }

    text.data = name;
    text.len = strlen(name);

    return mcp_text_is_label(&text) ? name : NULL;
}


static const char *
endpoints_label(json_t *object, const char *name)
{
    json_t  *labels;

    labels = json_object_get(json_object_get(object, "metadata"), "labels");

    return json_string_value(json_object_get(labels, name));
}


bool
endpoints_slice_read(json_t *object, endpoints_slice_t *ret_slice,
    size_t room, uint64_t *left_out, bool *ret_failed)
{
    size_t       i, count;
    json_t      *list, *endpoint;
    const char  *by, *name;

    memset(ret_slice, 0, sizeof(endpoints_slice_t));

    name = endpoints_object_name(object);
    by = endpoints_label(object, ENDPOINTS_BY_LABEL);
    list = json_object_get(object, "endpoints");

    if (name == NULL || by == NULL || strcmp(by, ENDPOINTS_BY) != 0
        || !endpoints_copy_id(object, ENDPOINTS_SERVICE_LABEL,
                              ret_slice->service))
    {
        return false;
    }

    count = 0;

    json_array_foreach(list, i, endpoint) {
        count += json_array_size(json_object_get(endpoint, "addresses"));
    }

    if (count > room) {
        *left_out += count - room;
        count = room;
    }

    ret_slice->name = mcp_alloc(strlen(name) + 1);
    ret_slice->addresses = mcp_alloc((count + 1)
                                     * sizeof(endpoints_address_t));

    if (ret_slice->name == NULL || ret_slice->addresses == NULL) {
        free(ret_slice->name);
        free(ret_slice->addresses);
        *ret_failed = true;
        return false;
    }

    memcpy(ret_slice->name, name, strlen(name) + 1);

    json_array_foreach(list, i, endpoint) {
        endpoints_slice_endpoint(endpoint, ret_slice, count);
    }

    return true;
}


/* https://kubernetes.io/docs/reference/kubernetes-api, EndpointConditions */
static void
endpoints_slice_endpoint(json_t *endpoint, endpoints_slice_t *slice,
    size_t room)
{
    size_t                i;
    json_t               *conditions, *ready, *text;
    endpoints_address_t  *address;

    conditions = json_object_get(endpoint, "conditions");
    ready = json_object_get(conditions, "ready");

    json_array_foreach(json_object_get(endpoint, "addresses"), i, text) {

        if (slice->naddresses == room) {
            return;
        }

        address = &slice->addresses[slice->naddresses];

        if (!endpoints_ip_read(text, &address->ip)) {
            continue;
        }

        /* what is not known counts as ready */
        address->is_ready = ready == NULL || json_is_null(ready)
                            || json_is_true(ready);
        address->is_terminating = json_is_true(json_object_get(conditions,
                                                           "terminating"));
        slice->naddresses++;
    }
}


bool
endpoints_pod_read(json_t *object, endpoints_pod_t *ret_pod,
    bool *ret_failed)
{
    json_t      *metadata, *status;
    const char  *name, *uid, *phase;

    memset(ret_pod, 0, sizeof(endpoints_pod_t));

    metadata = json_object_get(object, "metadata");
    status = json_object_get(object, "status");

    name = endpoints_object_name(object);
    uid = json_string_value(json_object_get(metadata, "uid"));
    phase = json_string_value(json_object_get(status, "phase"));

    if (name == NULL || uid == NULL || uid[0] == '\0'
        || strlen(uid) >= ENDPOINTS_UID_LEN
        || !endpoints_copy_id(object, OBJECTS_TENANT, ret_pod->tenant)
        || !endpoints_copy_id(object, OBJECTS_SERVER, ret_pod->server)
        || !endpoints_is_own_network(object))
    {
        return false;
    }

    endpoints_pod_ips(status, ret_pod);

    /*
     * One that has ended keeps its address in its status, and somebody else's
     * pod may have it by now.
     */

    if (ret_pod->nips && phase && strcmp(phase, "Running") == 0
        && endpoints_is_running(status))
    {
        ret_pod->is_terminating = json_is_string(json_object_get(metadata,
                                                     "deletionTimestamp"));
        ret_pod->is_ready = !ret_pod->is_terminating
                            && endpoints_is_ready(status);
    }

    if (!json_is_string(json_object_get(metadata, "deletionTimestamp"))) {
        endpoints_pod_trouble(status, ret_pod);
    }

    ret_pod->name = mcp_alloc(strlen(name) + 1);

    if (ret_pod->name == NULL) {
        *ret_failed = true;
        return false;
    }

    memcpy(ret_pod->name, name, strlen(name) + 1);
    memcpy(ret_pod->uid, uid, strlen(uid) + 1);

    return true;
}


static bool
endpoints_copy_id(json_t *object, const char *name,
    char ret_id[MCP_SERVER_ID_MAX_LEN + 1])
{
    mcp_str_t  text;

    text.data = endpoints_label(object, name);

    if (text.data == NULL) {
        return false;
    }

    text.len = strlen(text.data);

    if (!mcp_text_is_label(&text)) {
        return false;
    }

    memcpy(ret_id, text.data, text.len + 1);

    return true;
}


/* One on the network of its node has the addresses of the node. */
static bool
endpoints_is_own_network(json_t *object)
{
    json_t  *spec, *host;

    spec = json_object_get(object, "spec");
    host = json_object_get(spec, "hostNetwork");

    return json_is_object(spec)
           && (host == NULL || json_is_false(host) || json_is_null(host));
}


static bool
endpoints_is_ready(json_t *status)
{
    size_t       i;
    json_t      *condition;
    const char  *type, *value;

    json_array_foreach(json_object_get(status, "conditions"), i, condition) {
        type = json_string_value(json_object_get(condition, "type"));
        value = json_string_value(json_object_get(condition, "status"));

        if (type && value && strcmp(type, "Ready") == 0) {
            return strcmp(value, "True") == 0;
        }
    }

    return false;
}


static bool
endpoints_is_running(json_t *status)
{
    size_t   i;
    json_t  *container, *state;

    json_array_foreach(json_object_get(status, "containerStatuses"), i,
                       container)
    {
        state = json_object_get(container, "state");

        if (json_is_object(json_object_get(state, "running"))) {
            return true;
        }
    }

    return false;
}


/* What kubelet says of a container that it tries to start, again and again. */
static void
endpoints_pod_trouble(json_t *status, endpoints_pod_t *pod)
{
    size_t       i, k;
    json_t      *container, *waiting;
    const char  *reason;

    static const char *const  troubles[] = {
        "CrashLoopBackOff", "CreateContainerConfigError",
        "CreateContainerError", "ErrImageNeverPull", "ErrImagePull",
        "ImageInspectError", "ImagePullBackOff", "InvalidImageName",
        "RunContainerError"
    };

    json_array_foreach(json_object_get(status, "containerStatuses"), i,
                       container)
    {
        waiting = json_object_get(json_object_get(container, "state"),
                                  "waiting");
        reason = json_string_value(json_object_get(waiting, "reason"));

        for (k = 0; reason && k < sizeof(troubles) / sizeof(troubles[0]); k++)
        {
            if (strcmp(reason, troubles[k]) == 0) {
                (void) snprintf(pod->trouble, sizeof(pod->trouble), "%s",
                                reason);
            }
        }
    }
}


static void
endpoints_pod_ips(json_t *status, endpoints_pod_t *pod)
{
    size_t   i;
    json_t  *entry;

    json_array_foreach(json_object_get(status, "podIPs"), i, entry) {

        if (pod->nips == ENDPOINTS_POD_IPS_MAX) {
            return;
        }

        pod->nips += endpoints_ip_read(json_object_get(entry, "ip"),
                                       &pod->ips[pod->nips]);
    }

    if (pod->nips == 0) {
        pod->nips += endpoints_ip_read(json_object_get(status, "podIP"),
                                       &pod->ips[0]);
    }
}


static bool
endpoints_ip_read(json_t *text, endpoints_ip_t *ret_ip)
{
    const char  *value;

    /* IPv4 in IPv6 would be a second way to write an address */
    static const unsigned char  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    value = json_string_value(text);
    memset(ret_ip, 0, sizeof(endpoints_ip_t));

    if (value == NULL) {
        return false;
    }

    if (inet_pton(AF_INET, value, ret_ip->bytes) == 1) {
        ret_ip->family = AF_INET;
        return true;
    }

    ret_ip->family = AF_INET6;

    return inet_pton(AF_INET6, value, ret_ip->bytes) == 1
           && memcmp(ret_ip->bytes, mapped, sizeof(mapped)) != 0;
}


int
endpoints_ip_compare(const endpoints_ip_t *one, const endpoints_ip_t *two)
{
    if (one->family != two->family) {
        return one->family < two->family ? -1 : 1;
    }

    return memcmp(one->bytes, two->bytes, sizeof(one->bytes));
}


void
endpoints_ip_text(const endpoints_ip_t *ip, uint16_t port,
    char text[ENDPOINTS_ADDRESS_LEN])
{
    char  address[INET6_ADDRSTRLEN];

    if (inet_ntop(ip->family, ip->bytes, address, sizeof(address)) == NULL) {
        address[0] = '\0';
    }

    (void) snprintf(text, ENDPOINTS_ADDRESS_LEN,
                    ip->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address,
                    port);
}
