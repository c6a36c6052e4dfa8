/*
 * Reading a kubeconfig: what kube_config.c and kube_config_file.c share.
 */

#ifndef _KUBE_CONFIG_FILE_H_INCLUDED_
#define _KUBE_CONFIG_FILE_H_INCLUDED_


#include "kube_config.h"
#include "mcp_file.h"


/* A token, a certificate with its chain, a bundle of CAs. */
#define KUBE_CONFIG_CREDENTIAL_MAX_BYTES  (1024u * 1024)


/* kube_config_load() with a path. */
int kube_config_load_file(const char *path, const char *context,
    mcp_report_t *report, kube_config_t **ret_config);

/*
 * Brings the URL of an API server to the form of kube_config_t.  Returns NULL,
 * or what is wrong with it: a constant that holds nothing of the text.
 */
const char *kube_config_server(const char *text, size_t len,
    char **ret_server);

/*
 * Standard base64, with white space anywhere.  buf has room for the text and
 * a NUL.  Returns the length of what was encoded, 0 when it was not.
 */
size_t kube_config_base64(const mcp_str_t *text, char *buf);

/* mcp_file_free() and free() of what may hold a credential. */
void kube_config_wipe(mcp_file_t *file);
void kube_config_drop(char *text);


#endif /* _KUBE_CONFIG_FILE_H_INCLUDED_ */
