/*
 * What the files that load a configuration share: one load in progress.
 */

#ifndef _MCP_LOAD_H_INCLUDED_
#define _MCP_LOAD_H_INCLUDED_


#include "mcp_config.h"
#include "mcp_file.h"
#include "mcp_set.h"
#include "mcp_yaml.h"


/*
 * What the tenant's second reading, with its catalog, needs.  Nodes are of
 * tenants.yaml, NULL when there is nothing to read.  has_catalog:
 * there is a catalog_file, right or wrong.  narrowed: some key has "servers".
 * grants_whole: every line of "secrets" was right, so that one that is
 * missing is missing indeed.
 */
typedef struct {
    const mcp_yaml_node_t  *catalog_file;
    const mcp_yaml_node_t  *keys;
    bool                    has_catalog;
    bool                    narrowed;
    bool                    grants_whole;
    bool                    partial;
} mcp_load_tenant_t;


/* A file as it was when it was read, or could not be. */
typedef struct {
    const char             *path;
    uint64_t                stamp;
} mcp_load_seen_t;


/*
 * arena: of the configuration, holds all that the model points to.
 * file: the file that findings are about.  folder: of tenants.yaml, empty or
 * with "/" at its end; root: the same without links.  namespaces: of all
 * tenants, to the mcp_tenant_t.  failed: memory was missing somewhere, so
 * nothing may be taken from the result.
 */
typedef struct {
    mcp_arena_t                 *arena;
    mcp_report_t                *report;
    mcp_config_t                *config;
    const mcp_config_options_t  *options;
    const char                  *cluster_domain;
    const char                  *path;
    const char                  *file;
    const char                  *folder;
    char                        *root;
    mcp_arena_t                 *tree;          /* nodes of tenants.yaml */
    mcp_load_tenant_t           *tenants;
    void                        *digest;        /* EVP_MD_CTX */
    mcp_set_t                    namespaces;
    mcp_set_t                    files;
    mcp_file_t                   secret;
    size_t                       files_capacity;
    mcp_load_seen_t             *seen;
    size_t                       nseen;
    size_t                       seen_capacity;
    bool                         failed;
} mcp_load_t;


/* From the arena of the configuration; NULL has set load->failed. */
void *mcp_load_alloc(mcp_load_t *load, size_t size);

/* count elements of size bytes; NULL for none, or when memory is missing */
void *mcp_load_array(mcp_load_t *load, size_t count, size_t size);
mcp_str_t mcp_load_copy(mcp_load_t *load, const mcp_str_t *text);
mcp_str_t mcp_load_text(mcp_load_t *load, const char *text);

/* mcp_set_add() that counts a lack of memory as a failure of the load */
const void *mcp_load_set_add(mcp_load_t *load, mcp_set_t *set,
    const mcp_str_t *text, const void *value);

mcp_mark_t mcp_load_mark(const mcp_load_t *load,
    const mcp_yaml_node_t *node);

/* The folder of tenants.yaml with path behind it, unless that is absolute. */
const char *mcp_load_path(mcp_load_t *load, const mcp_str_t *path);

/* mcp_file_read() of a file of the configuration; path must stay. */
int mcp_load_read(mcp_load_t *load, mcp_file_t *file, const char *path,
    size_t max, const char *root);

/* Whether a file is not any more what it was when it was read. */
bool mcp_load_changed(const mcp_load_t *load);

/* Takes the bytes into the digest of all that was read. */
void mcp_load_add_bytes(mcp_load_t *load, const char *data, size_t len);


#endif /* _MCP_LOAD_H_INCLUDED_ */
