/*
 * What the cluster has of ours, in as little as a plan needs.
 */

#ifndef _OBSERVED_H_INCLUDED_
#define _OBSERVED_H_INCLUDED_


#include "desired.h"


#define OBSERVED_DELETE_AFTER  "mcp-tenant.io/delete-after"

/* Changes by others that may come between a write of ours and its answer. */
#define OBSERVED_VERSIONS      8


/*
 * replicas, ready: of a Deployment, as its status says.
 * matches: of what its own hash stands for, compared when it was seen.
 * awaited: the resourceVersion of our last write, until the watch has it, or a
 * list that began after it (awaited_list).  versions: hashes of the last
 * resourceVersions that the watch had, for news that overtakes the answer.
 */
typedef struct {
    kube_kind_e  kind;
    char        *namespace;
    char        *name;
    char        *awaited;
    char         uid[40];
    char         hash[OBJECTS_HASH_LEN + 1];
    int          replicas;
    int          ready;
    int64_t      delete_after;      /* Unix seconds, 0: not announced */
    uint64_t     versions[OBSERVED_VERSIONS];
    unsigned     nversions;         /* ever */
    unsigned     list;
    unsigned     awaited_list;
    bool         is_ours;           /* label and recorded owner */
    bool         is_of_server;
    bool         is_deleting;
    bool         matches;
    bool         is_changed;        /* by the last that was seen */
} observed_entry_t;

typedef struct {
    const char  *instance;
    void        *tree;
    size_t       count;
    unsigned     lists[KUBE_MANAGED_KINDS];
} observed_t;


/*
 * Takes an object as it was seen; desired: to compare it with.
 * is_written: it is the answer to a write of ours, and older news that a
 * watch still brings is not taken; when the watch was faster than the answer,
 * what the watch brought stays.  Returns the entry, NULL when it is not taken
 * or without memory.
 */
observed_entry_t *observed_see(observed_t *observed, desired_t *desired,
    kube_kind_e kind, const json_t *object, bool is_written);

void observed_forget(observed_t *observed, kube_kind_e kind,
    const char *namespace, const char *name);

/* Between them every object of the kind is seen again; the others go. */
void observed_list_begin(observed_t *observed, kube_kind_e kind);
void observed_list_end(observed_t *observed, kube_kind_e kind);

observed_entry_t *observed_find(const observed_t *observed, kube_kind_e kind,
    const char *namespace, const char *name);

/* In the order of kind, namespace and name; visit may not add or remove. */
void observed_walk(const observed_t *observed,
    void (*visit)(void *data, const observed_entry_t *entry), void *data);

void observed_clear(observed_t *observed);


#endif /* _OBSERVED_H_INCLUDED_ */
