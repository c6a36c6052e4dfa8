/*
 * Where the API server is and how to prove who we are: from a kubeconfig
 * file, or from what Kubernetes puts into a pod.
 */

#ifndef _KUBE_CONFIG_H_INCLUDED_
#define _KUBE_CONFIG_H_INCLUDED_


#include "mcp_base.h"


/*
 * All text is owned and NULL when absent.  A credential stands either in a
 * file, which is read anew for every connection or request, or in memory
 * (PEM; *_data of a kubeconfig).  namespace: of the context or of the pod.
 */
typedef struct {
    char  *source;              /* for messages: the file, or "in cluster" */
    char  *server;              /* https://HOST[:PORT][/PATH], no "/" last */
    char  *tls_server_name;
    char  *namespace;
    char  *ca_file;
    char  *ca_pem;
    char  *token_file;
    char  *token;
    char  *client_certificate_file;
    char  *client_certificate_pem;
    char  *client_key_file;
    char  *client_key_pem;
} kube_config_t;


/* Where Kubernetes puts the token, the CA and the namespace of a pod. */
#define KUBE_CONFIG_POD_FOLDER  "/var/run/secrets/kubernetes.io/serviceaccount"


/*
 * path: of a kubeconfig, or NULL: $KUBECONFIG (the first file that is there of
 * a list with ":"), else in the cluster.  context: NULL for current-context.
 * Contexts with "exec", "auth-provider", a password, plain http,
 * insecure-skip-tls-verify, a proxy or another identity ("as") are refused,
 * with what to do instead; keys that are not known are passed over.  Findings
 * go to report as FILE:LINE:COLUMN; no value of a credential is ever in one.
 * Relative files are relative to the kubeconfig.  Of a credential that is
 * given twice, the one is taken that kubectl takes.  Returns MCP_OK or
 * MCP_ERROR; the caller frees what it got.
 */
int kube_config_load(const char *path, const char *context,
    mcp_report_t *report, kube_config_t **ret_config);

/*
 * What kube_config_load() takes in the cluster: KUBERNETES_SERVICE_HOST and
 * _PORT, and the files of a folder such as KUBE_CONFIG_POD_FOLDER.
 */
int kube_config_load_pod(const char *folder, mcp_report_t *report,
    kube_config_t **ret_config);

/* Accepts NULL, and leaves nothing of a credential in memory. */
void kube_config_free(kube_config_t *config);


#endif /* _KUBE_CONFIG_H_INCLUDED_ */
