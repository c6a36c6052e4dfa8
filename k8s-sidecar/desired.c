/*
 * What the files ask for, over all tenants.
 */

#include "desired.h"

#include <stdlib.h>
#include <string.h>


static int desired_add_tenant(desired_t *desired, uint32_t tenant,
    size_t *capacity);
static int desired_build(desired_t *desired, uint32_t tenant);
static int desired_compare(const void *one, const void *other);


int
desired_init(desired_t *desired, const mcp_config_t *config, bool **running,
    const objects_options_t *options)
{
    size_t    i, capacity;
    uint32_t  tenant;

    memset(desired, 0, sizeof(desired_t));

    desired->config = config;
    desired->running = running;
    desired->options = options;
    capacity = 0;

    for (tenant = 0; tenant < config->ntenants; tenant++) {
        if (desired_add_tenant(desired, tenant, &capacity) != MCP_OK) {
            desired_clear(desired);
            return MCP_ERROR;
        }
    }

    desired->sorted = malloc((desired->count + 1) * sizeof(desired_entry_t *));

    if (desired->sorted == NULL) {
        desired_clear(desired);
        return MCP_ERROR;
    }

    for (i = 0; i < desired->count; i++) {
        desired->sorted[i] = &desired->entries[i];
    }

    qsort(desired->sorted, desired->count, sizeof(desired_entry_t *),
          desired_compare);

    return MCP_OK;
}


static int
desired_add_tenant(desired_t *desired, uint32_t tenant, size_t *capacity)
{
    uint32_t          i;
    const object_t   *object;
    desired_entry_t  *entry, *entries;

    if (desired_build(desired, tenant) != MCP_OK) {
        return MCP_ERROR;
    }

    if (desired->count + desired->built.count > *capacity) {
        *capacity = 2 * (desired->count + desired->built.count);

        entries = realloc(desired->entries,
                          *capacity * sizeof(desired_entry_t));
        if (entries == NULL) {
            return MCP_ERROR;
        }

        desired->entries = entries;
    }

    for (i = 0; i < desired->built.count; i++) {
        object = &desired->built.elts[i];
        entry = &desired->entries[desired->count++];

        entry->kind = object->kind;
        entry->tenant = tenant;
        entry->n = i;
        entry->namespace = strdup(object->namespace);
        entry->name = strdup(object->name);
        memcpy(entry->hash, object->hash, sizeof(entry->hash));

        if (entry->namespace == NULL || entry->name == NULL) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


void
desired_clear(desired_t *desired)
{
    size_t  i;

    for (i = 0; i < desired->count; i++) {
        free(desired->entries[i].namespace);
        free(desired->entries[i].name);
    }

    free(desired->entries);
    free(desired->sorted);
    objects_clear(&desired->built);
    memset(desired, 0, sizeof(desired_t));
}


int
desired_update(desired_t *desired, uint32_t tenant)
{
    size_t            i;
    desired_entry_t  *entry;

    desired->is_built = desired->is_built && desired->built_tenant != tenant;

    if (desired_build(desired, tenant) != MCP_OK) {
        return MCP_ERROR;
    }

    for (i = 0; i < desired->count; i++) {
        entry = &desired->entries[i];

        if (entry->tenant == tenant) {
            memcpy(entry->hash, desired->built.elts[entry->n].hash,
                   sizeof(entry->hash));
        }
    }

    return MCP_OK;
}


const desired_entry_t *
desired_find(const desired_t *desired, kube_kind_e kind,
    const char *namespace, const char *name)
{
    desired_entry_t   key, *pointer, **found;

    key.kind = kind;
    key.namespace = (char *) namespace;
    key.name = (char *) name;
    pointer = &key;

    if (desired->count == 0) {
        return NULL;
    }

    found = bsearch(&pointer, desired->sorted, desired->count,
                    sizeof(desired_entry_t *), desired_compare);

    return found ? *found : NULL;
}


const mcp_tenant_t *
desired_tenant(const desired_t *desired, const char *namespace)
{
    const desired_entry_t  *entry;

    entry = desired_find(desired, KUBE_NAMESPACE, "", namespace);

    return entry ? &desired->config->tenants[entry->tenant] : NULL;
}


const json_t *
desired_object(desired_t *desired, const desired_entry_t *entry)
{
    if (desired_build(desired, entry->tenant) != MCP_OK) {
        return NULL;
    }

    return desired->built.elts[entry->n].json;
}


static int
desired_build(desired_t *desired, uint32_t tenant)
{
    if (desired->is_built && desired->built_tenant == tenant) {
        return MCP_OK;
    }

    objects_clear(&desired->built);
    desired->is_built = false;

    if (objects_build(&desired->config->tenants[tenant],
                      desired->running ? desired->running[tenant] : NULL,
                      desired->options, &desired->built)
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    desired->built_tenant = tenant;
    desired->is_built = true;

    return MCP_OK;
}


static int
desired_compare(const void *one, const void *other)
{
    int                     rc;
    const desired_entry_t  *a, *b;

    a = *(const desired_entry_t *const *) one;
    b = *(const desired_entry_t *const *) other;

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    rc = strcmp(a->namespace, b->namespace);

    return rc ? rc : strcmp(a->name, b->name);
}
