/*
 * The state of every tenant, as people see it: in a ConfigMap, and as the
 * table of "mcp-tenant status".
 */

#ifndef _STATUS_H_INCLUDED_
#define _STATUS_H_INCLUDED_


#include "desired.h"
#include "observed.h"

#include <stdio.h>


#define STATUS_KEY  "status.json"


/*
 * error: why the namespace cannot be made as it should be; NULL or empty when
 * it can.  since: Unix seconds of the last change of that.
 */
typedef struct {
    const char  *error;
    int64_t      since;
} status_place_t;

/*
 * place: of a namespace.  trouble: why no pod of a server can run, NULL when
 * one can, or when that is not known; borrowed for the call.
 */
typedef struct {
    status_place_t   (*place)(void *data, const char *namespace);
    const char      *(*trouble)(void *data, const mcp_tenant_t *tenant,
                                const mcp_server_t *server);
    void              *data;
} status_known_t;


/*
 * {"tenants": [{"id", "namespace", "state", "message", "since",
 * "servers": [{"id", "state", "message", "ready", "replicas"}]}]}, in the order
 * of the files.  State of a tenant: ready, progressing, failed or disabled; of
 * a server: ready, starting, failed, stopped or quota_exceeded.
 */
json_t *status_json(const desired_t *desired, const observed_t *observed,
    const status_known_t *known);

/* The name of the ConfigMap in the namespace of the gateway. */
void status_name(const char *instance, char *ret_name, size_t size);

/* Prints status as a table; false when it is none. */
bool status_print(FILE *out, const json_t *status);


#endif /* _STATUS_H_INCLUDED_ */
