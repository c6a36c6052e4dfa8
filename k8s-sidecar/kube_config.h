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


/*
 * path: of a kubeconfig, or NULL: $KUBECONFIG (the first file that is there of
 * a list with ":"), else in the cluster.  context: NULL for current-context.
 * Contexts with "exec", "auth-provider", a password, plain http or
 * insecure-skip-tls-verify are refused, with what to do instead.  Findings go
 * to report as FILE:LINE:COLUMN; no value of a credential is ever in one.
 * Relative files are relative to the kubeconfig.  Returns MCP_OK or
 * MCP_ERROR; the caller frees what it got.
 */
int kube_config_load(const char *path, const char *context,
    mcp_report_t *report, kube_config_t **ret_config);
void kube_config_free(kube_config_t *config);


#endif /* _KUBE_CONFIG_H_INCLUDED_ */
