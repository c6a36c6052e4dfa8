/*
 * The kinds of Kubernetes objects that the sidecar reads or writes, and where
 * the API server has them.
 */

#ifndef _KUBE_KIND_H_INCLUDED_
#define _KUBE_KIND_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>


/* In the order in which objects are made; they go in the opposite one. */
typedef enum {
    KUBE_NAMESPACE,
    KUBE_RESOURCE_QUOTA,
    KUBE_LIMIT_RANGE,
    KUBE_NETWORK_POLICY,
    KUBE_SERVICE_ACCOUNT,
    KUBE_ROLE_BINDING,
    KUBE_SERVICE,
    KUBE_POD_DISRUPTION_BUDGET,
    KUBE_DEPLOYMENT,
    KUBE_MANAGED_KINDS,         /* those before it are what render prints */

    KUBE_POD = KUBE_MANAGED_KINDS,
    KUBE_ENDPOINT_SLICE,
    KUBE_CONFIG_MAP,
    KUBE_LEASE,
    KUBE_EVENT,
    KUBE_KINDS
} kube_kind_e;


/* api_version: what is served, newest first, such as "policy/v1" */
typedef struct {
    const char  *kind;
    const char  *plural;
    const char  *api_versions[3];
    bool         is_namespaced;
} kube_kind_t;


/* The versions that one API server serves: element by element of a kind. */
typedef struct {
    const char  *api_version[KUBE_KINDS];
} kube_versions_t;


extern const kube_kind_t  kube_kinds[KUBE_KINDS];


/* The newest of each: what "render" prints without a cluster. */
void kube_versions_newest(kube_versions_t *ret_versions);

/*
 * The path of a collection (name NULL) or of an object below the API
 * server's root; namespace NULL: all namespaces, or a kind that is in none.
 * Returns malloc()ed text, NULL without memory.  namespace and name are
 * names of Kubernetes, already checked: nothing is escaped.
 */
char *kube_kind_path(kube_kind_e kind, const kube_versions_t *versions,
    const char *namespace, const char *name);


#endif /* _KUBE_KIND_H_INCLUDED_ */
