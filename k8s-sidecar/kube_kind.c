/*
 * The table of kinds.
 */

#include "kube_kind.h"

#include <stdio.h>
#include <string.h>


const kube_kind_t  kube_kinds[KUBE_KINDS] = {
    { "Namespace", "namespaces", { "v1" }, false },
    { "ResourceQuota", "resourcequotas", { "v1" }, true },
    { "LimitRange", "limitranges", { "v1" }, true },
    { "NetworkPolicy", "networkpolicies", { "networking.k8s.io/v1" }, true },
    { "ServiceAccount", "serviceaccounts", { "v1" }, true },
    { "RoleBinding", "rolebindings", { "rbac.authorization.k8s.io/v1" },
      true },
    { "Service", "services", { "v1" }, true },
    { "PodDisruptionBudget", "poddisruptionbudgets",
      { "policy/v1", "policy/v1beta1" }, true },
    { "Deployment", "deployments", { "apps/v1" }, true },
    { "Pod", "pods", { "v1" }, true },
    { "EndpointSlice", "endpointslices",
      { "discovery.k8s.io/v1", "discovery.k8s.io/v1beta1" }, true },
    { "ConfigMap", "configmaps", { "v1" }, true },
    { "Lease", "leases", { "coordination.k8s.io/v1" }, true },
    { "Event", "events", { "events.k8s.io/v1", "events.k8s.io/v1beta1" },
      true }
};


void
kube_versions_newest(kube_versions_t *ret_versions)
{
    int  i;

    for (i = 0; i < KUBE_KINDS; i++) {
        ret_versions->api_version[i] = kube_kinds[i].api_versions[0];
    }
}


char *
kube_kind_path(kube_kind_e kind, const kube_versions_t *versions,
    const char *namespace, const char *name)
{
    int          len;
    char        *path;
    const char  *root, *version;

    version = versions->api_version[kind];
    root = strchr(version, '/') ? "/apis/" : "/api/";

    if (!kube_kinds[kind].is_namespaced) {
        namespace = NULL;
    }

    len = asprintf(&path, "%s%s%s%s/%s%s%s", root, version,
                   namespace ? "/namespaces/" : "",
                   namespace ? namespace : "", kube_kinds[kind].plural,
                   name ? "/" : "", name ? name : "");

    return len < 0 ? NULL : path;
}
