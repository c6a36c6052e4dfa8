/*
 * The controller: makes the cluster what the files say, and keeps it so.
 */

#ifndef _CONTROLLER_H_INCLUDED_
#define _CONTROLLER_H_INCLUDED_


#include "config_load.h"
#include "objects.h"


/*
 * once: end when the cluster is as it should be.  dry_run: print the plan and
 * end.  listen: ADDRESS:PORT of /healthz, /readyz and /metrics, or NULL.
 * nginx: http://ADDRESS:PORT of /status of the NGINX beside it, or NULL.
 * endpoints: the file that tells NGINX where pods are, or NULL.  adopt:
 * namespaces that may be taken over.  with_lease: write only as its holder.
 */
typedef struct {
    const char            *file;
    const config_load_t   *load;
    const char            *kubeconfig;
    const char            *context;
    const char            *endpoints;
    const char            *listen;
    const char            *nginx;
    objects_options_t      objects;
    bool                   once;
    bool                   dry_run;
    bool                   prune;
    bool                   with_lease;
    unsigned               max_share;
    unsigned               grace_seconds;
    const char           **adopt;
    size_t                 nadopt;
} controller_options_t;


/* Returns the exit status: 0, or 1 with messages on standard error. */
int controller_run(const controller_options_t *options);


#endif /* _CONTROLLER_H_INCLUDED_ */
