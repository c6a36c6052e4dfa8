/*
 * One line of a watch.
 */

#ifndef _KUBE_EVENT_H_INCLUDED_
#define _KUBE_EVENT_H_INCLUDED_


#include "kube_status.h"

#include <stdbool.h>
#include <stddef.h>


typedef enum {
    KUBE_EVENT_OBJECT,          /* ADDED, MODIFIED */
    KUBE_EVENT_GONE,            /* DELETED */
    KUBE_EVENT_BOOKMARK,
    KUBE_EVENT_EXPIRED,         /* ERROR with 410: list anew */
    KUBE_EVENT_ERROR,
    KUBE_EVENT_ODD,             /* to be passed over */
    KUBE_EVENT_BROKEN           /* no JSON, or no event */
} kube_event_e;


/*
 * object: of OBJECT and GONE.  resource_version: of what has one, opaque; NULL
 * otherwise.  text: what to say of EXPIRED and what follows it.
 */
typedef struct {
    kube_event_e   kind;
    json_t        *root;
    json_t        *object;
    const char    *resource_version;
    unsigned       retry_after;
    char           text[KUBE_STATUS_ERROR_LEN];
} kube_event_t;


/* All that the event points to lives until kube_event_free(). */
void kube_event_read(const char *line, size_t len, kube_event_t *ret_event);
void kube_event_free(kube_event_t *event);

/* Whether it has metadata with a name. */
bool kube_event_is_object(const json_t *object);

/* metadata.resourceVersion, NULL when there is none */
const char *kube_event_resource_version(const json_t *object);


#endif /* _KUBE_EVENT_H_INCLUDED_ */
