/*
 * Which versions of the kinds this API server serves.
 */

#ifndef _KUBE_DISCOVER_H_INCLUDED_
#define _KUBE_DISCOVER_H_INCLUDED_


#include "kube_http.h"
#include "kube_kind.h"


#define KUBE_DISCOVER_ERROR_LEN  1024


typedef struct kube_discover_s  kube_discover_t;

/*
 * error: NULL when every kind is served.  Else what the server answered, or
 * which kinds it has in no version that is known here; borrowed.  versions:
 * NULL when the server could not be asked; else of each kind the newest that
 * is served, NULL for one that is not.
 */
typedef void (*kube_discover_done_pt)(void *data,
    const kube_versions_t *versions, const char *error);


/*
 * Asks; done is called once, from kube_http_turn().  Returns NULL when nothing
 * could be sent: kube_http_error() tells why.  The caller frees the result,
 * also from done; that before done ends it.
 */
kube_discover_t *kube_discover_new(kube_http_t *http,
    kube_discover_done_pt done, void *data);
void kube_discover_free(kube_discover_t *discover);

/*
 * Takes one APIResourceList, of "v1" or GROUP/VERSION, into versions, which is
 * all NULL at first; the order of the lists does not matter.  False when it
 * is no such list.
 */
bool kube_discover_take(kube_versions_t *versions, const char *api_version,
    const json_t *list);

/* Whether a kind is served in no version; then says which. */
bool kube_discover_missing(const kube_versions_t *versions,
    char ret_error[KUBE_DISCOVER_ERROR_LEN]);


#endif /* _KUBE_DISCOVER_H_INCLUDED_ */
