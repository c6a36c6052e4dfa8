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

/* The place of a namespace. */
typedef status_place_t (*status_place_pt)(void *data, const char *namespace);


/*
 * {"tenants": [{"id", "namespace", "state", "message", "since",
 * "servers": [{"id", "state", "ready", "replicas"}]}]}, in the order of the
 * files.  State of a tenant: ready, progressing, failed or disabled; of a
 * server: ready, starting, stopped or quota_exceeded.
 */
json_t *status_json(const desired_t *desired, const observed_t *observed,
    status_place_pt place, void *data);

/* The name of the ConfigMap in the namespace of the gateway. */
void status_name(const char *instance, char *ret_name, size_t size);

/* Prints status as a table; false when it is none. */
bool status_print(FILE *out, const json_t *status);


#endif /* _STATUS_H_INCLUDED_ */
