/*
 * What the files ask for, over all tenants: names and hashes only.  The
 * objects themselves are built when one is needed; the last tenant that was
 * built is kept.
 */

#ifndef _DESIRED_H_INCLUDED_
#define _DESIRED_H_INCLUDED_


#include "mcp_config.h"
#include "objects.h"


typedef struct {
    kube_kind_e  kind;
    uint32_t     tenant;            /* index in the configuration */
    uint32_t     n;                 /* of the objects of its tenant */
    char        *namespace;         /* "" of a Namespace */
    char        *name;
    char         hash[OBJECTS_HASH_LEN + 1];
} desired_entry_t;

/*
 * entries: by tenant, in the order of making.  running: by tenant, then by
 * server: which of those on demand run; NULL for none.
 */
typedef struct {
    const mcp_config_t       *config;
    const objects_options_t  *options;
    bool                    **running;
    desired_entry_t          *entries;
    desired_entry_t         **sorted;
    size_t                    count;
    objects_t                 built;
    uint32_t                  built_tenant;
    bool                      is_built;
} desired_t;


/* config, running and options must outlive it.  MCP_ERROR without memory. */
int desired_init(desired_t *desired, const mcp_config_t *config,
    bool **running, const objects_options_t *options);
void desired_clear(desired_t *desired);

/*
 * After a change of which servers of a tenant run: those objects are the same,
 * what they say is not.  MCP_ERROR without memory.
 */
int desired_update(desired_t *desired, uint32_t tenant);

/* NULL: nobody asks for it. */
const desired_entry_t *desired_find(const desired_t *desired,
    kube_kind_e kind, const char *namespace, const char *name);

/* The tenant whose namespace it is, or NULL. */
const mcp_tenant_t *desired_tenant(const desired_t *desired,
    const char *namespace);

/* Borrowed until the next call; NULL without memory. */
const json_t *desired_object(desired_t *desired,
    const desired_entry_t *entry);


#endif /* _DESIRED_H_INCLUDED_ */
