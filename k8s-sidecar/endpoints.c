/*
 * What the watches of EndpointSlices and pods have told, by namespace.
 */

#include "endpoints_parts.h"

#include <stdlib.h>
#include <string.h>


static void endpoints_slices_begin(void *data);
static void endpoints_slices_whole(void *data);
static void endpoints_slice_object(void *data, json_t *object);
static void endpoints_slice_gone(void *data, json_t *object);
static void endpoints_slices_failed(void *data, const char *error);
static void endpoints_pods_begin(void *data);
static void endpoints_pods_whole(void *data);
static void endpoints_pod_object(void *data, json_t *object);
static void endpoints_pod_gone(void *data, json_t *object);
static void endpoints_pods_failed(void *data, const char *error);

static void endpoints_begin(endpoints_view_t *view);
static bool endpoints_whole(endpoints_view_t *view);
static void endpoints_drop_slice(endpoints_t *endpoints, json_t *object);
static void endpoints_drop_pod(endpoints_t *endpoints, json_t *object);


const kube_watch_handler_t  endpoints_slice_handler = {
    endpoints_slices_begin,
    endpoints_slice_object,
    endpoints_slice_gone,
    endpoints_slices_whole,
    endpoints_slices_failed,
    NULL
};

const kube_watch_handler_t  endpoints_pod_handler = {
    endpoints_pods_begin,
    endpoints_pod_object,
    endpoints_pod_gone,
    endpoints_pods_whole,
    endpoints_pods_failed,
    NULL
};


endpoints_t *
endpoints_new(uint64_t random, endpoints_failed_pt failed, void *data)
{
    endpoints_t  *endpoints;

    endpoints = mcp_alloc(sizeof(endpoints_t));

    if (endpoints) {
        memset(endpoints, 0, sizeof(endpoints_t));
        endpoints->random = random;
        endpoints->failed = failed;
        endpoints->data = data;
    }

    return endpoints;
}


void
endpoints_free(endpoints_t *endpoints)
{
    size_t  i;

    if (endpoints == NULL) {
        return;
    }

    for (i = 0; i < endpoints->nnamespaces; i++) {
        endpoints_namespace_clear(&endpoints->namespaces[i]);
    }

    free(endpoints->namespaces);
    free(endpoints->body);
    free(endpoints);
}


bool
endpoints_is_whole(const endpoints_t *endpoints)
{
    return endpoints->slices.whole && !endpoints->slices.failed
           && endpoints->pods.whole && !endpoints->pods.failed;
}


uint64_t
endpoints_version(const endpoints_t *endpoints)
{
    return endpoints->version;
}


uint64_t
endpoints_left_out(const endpoints_t *endpoints)
{
    return endpoints->left_out;
}


const char *
endpoints_trouble(const endpoints_t *endpoints, const char *namespace,
    const char *tenant, const char *server)
{
    const endpoints_namespace_t  *found;

    found = endpoints_namespace_find(endpoints, namespace);

    return found ? endpoints_namespace_trouble(found, tenant, server) : NULL;
}


void
endpoints_leaving(const endpoints_t *endpoints, endpoints_leaving_pt leaving,
    void *data)
{
    size_t                        i, k, n;
    endpoints_leaving_t           told;
    const endpoints_pod_t        *pod;
    const endpoints_namespace_t  *namespace;

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];

        for (k = 0; k < namespace->npods; k++) {
            pod = &namespace->pods[k];

            if (!pod->is_terminating) {
                continue;
            }

            told.namespace = namespace->name;
            told.server = pod->server;
            told.uid = pod->uid;
            told.sequence = pod->sequence;
            told.naddresses = pod->sequence ? pod->nips : 0;

            for (n = 0; n < told.naddresses; n++) {
                endpoints_ip_text(&pod->ips[n], pod->port,
                                  told.addresses[n]);
            }

            leaving(data, &told);
        }
    }
}


static void
endpoints_slices_begin(void *data)
{
    endpoints_t *endpoints = data;

    endpoints_begin(&endpoints->slices);
}


static void
endpoints_pods_begin(void *data)
{
    endpoints_t *endpoints = data;

    endpoints_begin(&endpoints->pods);
}


static void
endpoints_begin(endpoints_view_t *view)
{
    view->list++;

    /* a whole list makes good what there was no memory for */

    if (view->failed) {
        view->whole = false;
        view->failed = false;
    }
}


static void
endpoints_slices_whole(void *data)
{
    endpoints_t *endpoints = data;

    size_t                  i, k;
    endpoints_namespace_t  *namespace;

    if (!endpoints_whole(&endpoints->slices)) {
        return;
    }

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];

        for (k = namespace->nslices; k > 0; k--) {
            if (namespace->slices[k - 1].list != endpoints->slices.list) {
                endpoints_slice_remove(namespace, k - 1);
            }
        }
    }

    endpoints_namespaces_clean(endpoints);
    endpoints->version++;
}


static void
endpoints_pods_whole(void *data)
{
    endpoints_t *endpoints = data;

    size_t                  i, k;
    endpoints_namespace_t  *namespace;

    if (!endpoints_whole(&endpoints->pods)) {
        return;
    }

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];

        for (k = namespace->npods; k > 0; k--) {
            if (namespace->pods[k - 1].list != endpoints->pods.list) {
                endpoints_pod_remove(namespace, k - 1);
            }
        }
    }

    endpoints_namespaces_clean(endpoints);
    endpoints->version++;
}


/* A list that begins no list ends none. */
static bool
endpoints_whole(endpoints_view_t *view)
{
    if (view->list == 0) {
        return false;
    }

    view->whole = true;

    return true;
}


static void
endpoints_slice_object(void *data, json_t *object)
{
    endpoints_t *endpoints = data;

    size_t                  room;
    const char             *name;
    endpoints_slice_t       slice, *old;
    endpoints_namespace_t  *namespace;

    name = endpoints_object_namespace(object);

    if (name == NULL) {
        return;
    }

    namespace = endpoints_namespace_get(endpoints, name);

    if (namespace == NULL) {
        endpoints->slices.failed = true;
        return;
    }

    old = NULL;
    room = ENDPOINTS_ADDRESSES_MAX - namespace->naddresses;

    if (endpoints_object_name(object)) {
        old = endpoints_slice_find(namespace, endpoints_object_name(object));
        room += old ? old->naddresses : 0;
    }

    if (!endpoints_slice_read(object, &slice, room, &endpoints->left_out,
                              &endpoints->slices.failed))
    {
        endpoints_drop_slice(endpoints, object);
        return;
    }

    slice.list = endpoints->slices.list;

    if (old == NULL) {
        old = endpoints_slice_add(endpoints, namespace);
    }

    if (old == NULL) {
        free(slice.name);
        free(slice.addresses);
        return;
    }

    namespace->naddresses += slice.naddresses - old->naddresses;

    free(old->name);
    free(old->addresses);
    *old = slice;

    endpoints->version++;
}


static void
endpoints_pod_object(void *data, json_t *object)
{
    endpoints_t *endpoints = data;

    const char             *name;
    endpoints_pod_t         pod, *old;
    endpoints_namespace_t  *namespace;

    name = endpoints_object_namespace(object);

    if (name == NULL) {
        return;
    }

    namespace = endpoints_namespace_get(endpoints, name);

    if (namespace == NULL) {
        endpoints->pods.failed = true;
        return;
    }

    if (!endpoints_pod_read(object, &pod, &endpoints->pods.failed)) {
        endpoints_drop_pod(endpoints, object);
        return;
    }

    pod.list = endpoints->pods.list;
    old = endpoints_pod_find(namespace, pod.name);

    if (old == NULL) {
        old = endpoints_pod_add(endpoints, namespace);
    }

    if (old == NULL) {
        free(pod.name);
        return;
    }

    if (strcmp(old->uid, pod.uid) == 0) {
        pod.sequence = old->sequence;
        pod.port = old->port;
    }

    free(old->name);
    *old = pod;

    endpoints->version++;
}


static void
endpoints_slice_gone(void *data, json_t *object)
{
    endpoints_drop_slice(data, object);
}


static void
endpoints_pod_gone(void *data, json_t *object)
{
    endpoints_drop_pod(data, object);
}


static void
endpoints_drop_slice(endpoints_t *endpoints, json_t *object)
{
    const char             *name, *space;
    endpoints_slice_t      *slice;
    endpoints_namespace_t  *namespace;

    name = endpoints_object_name(object);
    space = endpoints_object_namespace(object);
    namespace = space ? endpoints_namespace_find(endpoints, space) : NULL;
    slice = namespace && name ? endpoints_slice_find(namespace, name) : NULL;

    if (slice) {
        endpoints_slice_remove(namespace,
                               (size_t) (slice - namespace->slices));
        endpoints->version++;
    }
}


static void
endpoints_drop_pod(endpoints_t *endpoints, json_t *object)
{
    const char             *name, *space;
    endpoints_pod_t        *pod;
    endpoints_namespace_t  *namespace;

    name = endpoints_object_name(object);
    space = endpoints_object_namespace(object);
    namespace = space ? endpoints_namespace_find(endpoints, space) : NULL;
    pod = namespace && name ? endpoints_pod_find(namespace, name) : NULL;

    if (pod) {
        endpoints_pod_remove(namespace, (size_t) (pod - namespace->pods));
        endpoints->version++;
    }
}


static void
endpoints_slices_failed(void *data, const char *error)
{
    endpoints_t *endpoints = data;

    if (endpoints->failed) {
        endpoints->failed(endpoints->data, KUBE_ENDPOINT_SLICE, error);
    }
}


static void
endpoints_pods_failed(void *data, const char *error)
{
    endpoints_t *endpoints = data;

    if (endpoints->failed) {
        endpoints->failed(endpoints->data, KUBE_POD, error);
    }
}
