/*
 * What the cluster has of ours.
 */

#include "observed.h"
#include "match.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


typedef struct {
    void  (*visit)(void *data, const observed_entry_t *entry);
    void   *data;
} observed_walk_t;

typedef struct {
    observed_entry_t  **entries;
    size_t              count;
    kube_kind_e         kind;
    unsigned            list;
} observed_gone_t;


static observed_entry_t *observed_add(observed_t *observed, kube_kind_e kind,
    const char *namespace, const char *name);
static bool observed_had(const observed_entry_t *entry, const char *version,
    unsigned last);
static uint64_t observed_version(const char *version);
static void observed_read(observed_t *observed, desired_t *desired,
    observed_entry_t *entry, const json_t *object);
static bool observed_is_ours(const observed_t *observed,
    const json_t *labels, const json_t *annotations);
static void observed_copy(char *to, size_t size, const json_t *value);
static int64_t observed_time(const json_t *value);
static int observed_number(const json_t *object, const char *name);
static void observed_remove(observed_t *observed, observed_entry_t *entry);
static void observed_free_entry(void *entry);
static void observed_visit(const void *node, VISIT which, void *data);
static void observed_collect(void *data, const observed_entry_t *entry);
static int observed_compare(const void *one, const void *other);


observed_entry_t *
observed_see(observed_t *observed, desired_t *desired, kube_kind_e kind,
    const json_t *object, bool is_written)
{
    const char        *name, *namespace, *version;
    const json_t      *metadata;
    observed_entry_t  *entry;

    metadata = json_object_get(object, "metadata");
    name = json_string_value(json_object_get(metadata, "name"));
    version = json_string_value(json_object_get(metadata, "resourceVersion"));
    namespace = json_string_value(json_object_get(metadata, "namespace"));

    if (name == NULL || version == NULL) {
        return NULL;
    }

    entry = observed_add(observed, kind, namespace ? namespace : "", name);
    if (entry == NULL) {
        return NULL;
    }

    entry->list = observed->lists[kind];

    if (is_written) {

        /* The last one may be compared with other files than when it came. */

        if (observed_had(entry, version, OBSERVED_VERSIONS)) {
            if (observed_had(entry, version, 1)) {
                observed_read(observed, desired, entry, object);
            }

            return entry;
        }

        free(entry->awaited);
        entry->awaited = strdup(version);
        entry->awaited_list = observed->lists[kind];

    } else if (entry->awaited) {

        if (strcmp(entry->awaited, version) != 0
            && entry->awaited_list == observed->lists[kind])
        {
            return NULL;
        }

        free(entry->awaited);
        entry->awaited = NULL;
    }

    if (!is_written) {
        entry->versions[entry->nversions++ % OBSERVED_VERSIONS] =
                                                  observed_version(version);
    }

    observed_read(observed, desired, entry, object);

    return entry;
}


static observed_entry_t *
observed_add(observed_t *observed, kube_kind_e kind, const char *namespace,
    const char *name)
{
    observed_entry_t  *entry;

    entry = observed_find(observed, kind, namespace, name);
    if (entry) {
        return entry;
    }

    entry = calloc(1, sizeof(observed_entry_t));
    if (entry == NULL) {
        return NULL;
    }

    entry->kind = kind;
    entry->namespace = strdup(namespace);
    entry->name = strdup(name);

    if (entry->namespace == NULL || entry->name == NULL
        || tsearch(entry, &observed->tree, observed_compare) == NULL)
    {
        observed_free_entry(entry);
        return NULL;
    }

    observed->count++;

    return entry;
}


/* Whether it is one of the last versions that the watch had. */
static bool
observed_had(const observed_entry_t *entry, const char *version,
    unsigned last)
{
    unsigned  i;
    uint64_t  hash;

    hash = observed_version(version);

    for (i = 1; i <= last && i <= entry->nversions; i++) {
        if (entry->versions[(entry->nversions - i) % OBSERVED_VERSIONS]
            == hash)
        {
            return true;
        }
    }

    return false;
}


/* FNV-1a */
static uint64_t
observed_version(const char *version)
{
    uint64_t  hash;

    hash = UINT64_C(0xcbf29ce484222325);

    while (*version) {
        hash = (hash ^ (unsigned char) *version++) * UINT64_C(0x100000001b3);
    }

    return hash;
}


static void
observed_read(observed_t *observed, desired_t *desired,
    observed_entry_t *entry, const json_t *object)
{
    observed_entry_t        before;
    const json_t           *metadata, *labels, *annotations, *wanted;
    const desired_entry_t  *asked;

    before = *entry;
    metadata = json_object_get(object, "metadata");
    labels = json_object_get(metadata, "labels");
    annotations = json_object_get(metadata, "annotations");

    observed_copy(entry->uid, sizeof(entry->uid),
                  json_object_get(metadata, "uid"));
    observed_copy(entry->hash, sizeof(entry->hash),
                  json_object_get(annotations, OBJECTS_APPLIED));

    entry->is_ours = observed_is_ours(observed, labels, annotations);
    entry->is_of_server = json_object_get(labels, OBJECTS_SERVER) != NULL;
    entry->is_deleting = json_object_get(metadata, "deletionTimestamp")
                         != NULL;
    entry->delete_after = observed_time(json_object_get(annotations,
                                                     OBSERVED_DELETE_AFTER));
    entry->matches = false;
    entry->replicas = observed_number(json_object_get(object, "spec"),
                                      "replicas");
    entry->ready = observed_number(json_object_get(object, "status"),
                                   "readyReplicas");

    asked = desired_find(desired, entry->kind, entry->namespace, entry->name);

    if (asked && strcmp(asked->hash, entry->hash) == 0) {
        wanted = desired_object(desired, asked);
        entry->matches = wanted && match_object(wanted, object);
    }

    entry->is_changed = strcmp(before.uid, entry->uid) != 0
                        || strcmp(before.hash, entry->hash) != 0
                        || before.delete_after != entry->delete_after
                        || before.is_ours != entry->is_ours
                        || before.is_deleting != entry->is_deleting
                        || before.matches != entry->matches;
}


/*
 * The recorded owner is INSTANCE/TENANT; labels alone are put onto things
 * too easily to delete what has them.
 */
static bool
observed_is_ours(const observed_t *observed, const json_t *labels,
    const json_t *annotations)
{
    size_t       len;
    const char  *owner, *manager, *instance;

    owner = json_string_value(json_object_get(annotations, OBJECTS_OWNER));
    manager = json_string_value(json_object_get(labels, OBJECTS_MANAGED_BY));
    instance = json_string_value(json_object_get(labels, OBJECTS_INSTANCE));
    len = strlen(observed->instance);

    return owner && manager && instance
           && strcmp(manager, OBJECTS_MANAGER) == 0
           && strcmp(instance, observed->instance) == 0
           && strncmp(owner, observed->instance, len) == 0
           && owner[len] == '/';
}


static void
observed_copy(char *to, size_t size, const json_t *value)
{
    const char  *text;

    text = json_string_value(value);

    (void) snprintf(to, size, "%s", text ? text : "");
}


static int64_t
observed_time(const json_t *value)
{
    char        *end;
    struct tm    tm;
    const char  *text;

    text = json_string_value(value);

    if (text == NULL) {
        return 0;
    }

    memset(&tm, 0, sizeof(struct tm));
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    return end && *end == '\0' ? (int64_t) timegm(&tm) : 0;
}


static int
observed_number(const json_t *object, const char *name)
{
    return (int) json_integer_value(json_object_get(object, name));
}


void
observed_forget(observed_t *observed, kube_kind_e kind,
    const char *namespace, const char *name)
{
    observed_entry_t  *entry;

    entry = observed_find(observed, kind, namespace, name);

    if (entry) {
        observed_remove(observed, entry);
    }
}


void
observed_list_begin(observed_t *observed, kube_kind_e kind)
{
    observed->lists[kind]++;
}


void
observed_list_end(observed_t *observed, kube_kind_e kind)
{
    size_t           i;
    observed_gone_t  gone;

    gone.kind = kind;
    gone.list = observed->lists[kind];
    gone.count = 0;
    gone.entries = malloc((observed->count + 1) * sizeof(observed_entry_t *));

    /* What stays for want of memory is in the next list, or is not. */

    if (gone.entries == NULL) {
        return;
    }

    observed_walk(observed, observed_collect, &gone);

    for (i = 0; i < gone.count; i++) {
        observed_remove(observed, gone.entries[i]);
    }

    free(gone.entries);
}


static void
observed_collect(void *data, const observed_entry_t *entry)
{
    observed_gone_t  *gone;

    gone = data;

    if (entry->kind == gone->kind && entry->list != gone->list) {
        gone->entries[gone->count++] = (observed_entry_t *) entry;
    }
}


observed_entry_t *
observed_find(const observed_t *observed, kube_kind_e kind,
    const char *namespace, const char *name)
{
    observed_entry_t    key;
    observed_entry_t  **found;

    key.kind = kind;
    key.namespace = (char *) namespace;
    key.name = (char *) name;

    found = tfind(&key, &observed->tree, observed_compare);

    return found ? *found : NULL;
}


void
observed_walk(const observed_t *observed,
    void (*visit)(void *data, const observed_entry_t *entry), void *data)
{
    observed_walk_t  walk;

    walk.visit = visit;
    walk.data = data;

    twalk_r(observed->tree, observed_visit, &walk);
}


static void
observed_visit(const void *node, VISIT which, void *data)
{
    observed_walk_t  *walk;

    walk = data;

    if (which == postorder || which == leaf) {
        walk->visit(walk->data, *(const observed_entry_t *const *) node);
    }
}


void
observed_clear(observed_t *observed)
{
    tdestroy(observed->tree, observed_free_entry);

    observed->tree = NULL;
    observed->count = 0;
}


static void
observed_remove(observed_t *observed, observed_entry_t *entry)
{
    tdelete(entry, &observed->tree, observed_compare);
    observed_free_entry(entry);
    observed->count--;
}


static void
observed_free_entry(void *data)
{
    observed_entry_t  *entry;

    entry = data;

    free(entry->namespace);
    free(entry->name);
    free(entry->awaited);
    free(entry);
}


static int
observed_compare(const void *one, const void *other)
{
    int                      rc;
    const observed_entry_t  *a, *b;

    a = one;
    b = other;

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    rc = strcmp(a->namespace, b->namespace);

    return rc ? rc : strcmp(a->name, b->name);
}
