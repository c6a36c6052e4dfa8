/*
 * The records of slices and pods, by namespace.
 */

#include "endpoints_parts.h"

#include <stdlib.h>
#include <string.h>


static size_t endpoints_namespace_place(const endpoints_t *endpoints,
    const char *name);
static void *endpoints_grow(void *elts, size_t count, size_t *capacity,
    size_t size);


endpoints_slice_t *
endpoints_slice_add(endpoints_t *endpoints, endpoints_namespace_t *namespace)
{
    void               *grown;
    endpoints_slice_t  *slice;

    if (namespace->nslices == ENDPOINTS_SLICES_MAX) {
        endpoints->left_out++;
        return NULL;
    }

    grown = endpoints_grow(namespace->slices, namespace->nslices,
                           &namespace->slices_capacity,
                           sizeof(endpoints_slice_t));
    if (grown == NULL) {
        endpoints->slices.failed = true;
        return NULL;
    }

    namespace->slices = grown;
    slice = &namespace->slices[namespace->nslices++];
    memset(slice, 0, sizeof(endpoints_slice_t));

    return slice;
}


endpoints_pod_t *
endpoints_pod_add(endpoints_t *endpoints, endpoints_namespace_t *namespace)
{
    void             *grown;
    endpoints_pod_t  *pod;

    if (namespace->npods == ENDPOINTS_PODS_MAX) {
        endpoints->left_out++;
        return NULL;
    }

    grown = endpoints_grow(namespace->pods, namespace->npods,
                           &namespace->pods_capacity,
                           sizeof(endpoints_pod_t));
    if (grown == NULL) {
        endpoints->pods.failed = true;
        return NULL;
    }

    namespace->pods = grown;
    pod = &namespace->pods[namespace->npods++];
    memset(pod, 0, sizeof(endpoints_pod_t));

    return pod;
}


void
endpoints_slice_remove(endpoints_namespace_t *namespace, size_t index)
{
    endpoints_slice_t  *slice;

    slice = &namespace->slices[index];

    namespace->naddresses -= slice->naddresses;
    namespace->nslices--;

    free(slice->name);
    free(slice->addresses);
    *slice = namespace->slices[namespace->nslices];
}


void
endpoints_pod_remove(endpoints_namespace_t *namespace, size_t index)
{
    namespace->npods--;

    free(namespace->pods[index].name);
    namespace->pods[index] = namespace->pods[namespace->npods];
}


endpoints_slice_t *
endpoints_slice_find(const endpoints_namespace_t *namespace, const char *name)
{
    size_t  i;

    for (i = 0; i < namespace->nslices; i++) {
        if (strcmp(namespace->slices[i].name, name) == 0) {
            return &namespace->slices[i];
        }
    }

    return NULL;
}


endpoints_pod_t *
endpoints_pod_find(const endpoints_namespace_t *namespace, const char *name)
{
    size_t  i;

    for (i = 0; i < namespace->npods; i++) {
        if (strcmp(namespace->pods[i].name, name) == 0) {
            return &namespace->pods[i];
        }
    }

    return NULL;
}


endpoints_namespace_t *
endpoints_namespace_find(const endpoints_t *endpoints, const char *name)
{
    size_t  i;

    i = endpoints_namespace_place(endpoints, name);

    if (i < endpoints->nnamespaces
        && strcmp(endpoints->namespaces[i].name, name) == 0)
    {
        return &endpoints->namespaces[i];
    }

    return NULL;
}


const char *
endpoints_namespace_trouble(const endpoints_namespace_t *namespace,
    const char *tenant, const char *server)
{
    size_t                  i;
    const char             *trouble;
    const endpoints_pod_t  *pod;

    trouble = NULL;

    for (i = 0; i < namespace->npods; i++) {
        pod = &namespace->pods[i];

        if (strcmp(pod->tenant, tenant) != 0
            || strcmp(pod->server, server) != 0)
        {
            continue;
        }

        if (pod->trouble[0]) {
            trouble = pod->trouble;

        } else if (!pod->is_terminating) {
            return NULL;
        }
    }

    return trouble;
}


/* name: a label, at most 63 bytes */
endpoints_namespace_t *
endpoints_namespace_get(endpoints_t *endpoints, const char *name)
{
    size_t                  i;
    void                   *grown;
    endpoints_namespace_t  *namespace;

    namespace = endpoints_namespace_find(endpoints, name);

    if (namespace) {
        return namespace;
    }

    grown = endpoints_grow(endpoints->namespaces, endpoints->nnamespaces,
                           &endpoints->capacity,
                           sizeof(endpoints_namespace_t));
    if (grown == NULL) {
        return NULL;
    }

    endpoints->namespaces = grown;

    i = endpoints_namespace_place(endpoints, name);
    namespace = &endpoints->namespaces[i];

    memmove(namespace + 1, namespace,
            (endpoints->nnamespaces - i) * sizeof(endpoints_namespace_t));
    memset(namespace, 0, sizeof(endpoints_namespace_t));
    memcpy(namespace->name, name, strlen(name) + 1);

    endpoints->nnamespaces++;

    return namespace;
}


/* Where it is, or belongs. */
static size_t
endpoints_namespace_place(const endpoints_t *endpoints, const char *name)
{
    size_t  low, high, middle;

    low = 0;
    high = endpoints->nnamespaces;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (strcmp(endpoints->namespaces[middle].name, name) < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


void
endpoints_namespaces_clean(endpoints_t *endpoints)
{
    size_t                  i, kept;
    endpoints_namespace_t  *namespace;

    kept = 0;

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];

        if (namespace->nslices + namespace->npods == 0) {
            endpoints_namespace_clear(namespace);

        } else {
            endpoints->namespaces[kept++] = *namespace;
        }
    }

    endpoints->nnamespaces = kept;
}


void
endpoints_namespace_clear(endpoints_namespace_t *namespace)
{
    while (namespace->nslices) {
        endpoints_slice_remove(namespace, namespace->nslices - 1);
    }

    while (namespace->npods) {
        endpoints_pod_remove(namespace, namespace->npods - 1);
    }

    free(namespace->slices);
    free(namespace->pods);
}


/* Room for one more; NULL without memory, and elts stays. */
static void *
endpoints_grow(void *elts, size_t count, size_t *capacity, size_t size)
{
    void    *grown;
    size_t   wanted;

    if (count < *capacity) {
        return elts;
    }

    wanted = *capacity ? 2 * *capacity : 8;

    grown = mcp_alloc(wanted * size);
    if (grown == NULL) {
        return NULL;
    }

    if (count) {
        memcpy(grown, elts, count * size);
    }

    free(elts);
    *capacity = wanted;

    return grown;
}
