/*
 * The credentials of a configuration as they are now: what stands in files
 * is read again when the files change.
 */

#ifndef _KUBE_CREDENTIALS_H_INCLUDED_
#define _KUBE_CREDENTIALS_H_INCLUDED_


#include "kube_config.h"


/* Borrowed until the next refresh; NULL: the configuration has none. */
typedef struct {
    const char  *token;
    const char  *ca_pem;
    const char  *client_certificate_pem;
    const char  *client_key_pem;
} kube_credentials_now_t;

typedef struct kube_credentials_s  kube_credentials_t;


/* config must outlive it.  NULL without memory. */
kube_credentials_t *kube_credentials_new(const kube_config_t *config);
void kube_credentials_free(kube_credentials_t *credentials);

/*
 * Reads what is not read yet, or changed.  A file that cannot be read any
 * more, or holds nothing of use, changes nothing: what it had may still be
 * good.  MCP_ERROR when it never had, or there is no memory; *ret_why then
 * tells the file and the reason, and lives as long as the credentials.
 */
int kube_credentials_refresh(kube_credentials_t *credentials,
    kube_credentials_now_t *ret_now, const char **ret_why);

/* The server refused them: the next refresh reads every file again. */
void kube_credentials_forget(kube_credentials_t *credentials);


#endif /* _KUBE_CREDENTIALS_H_INCLUDED_ */
