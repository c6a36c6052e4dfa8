/*
 * Loads tenants.yaml with its catalogs: reads the files and hands them to
 * those that know what is in them.
 */

#include "mcp_config.h"
#include "mcp_catalog.h"
#include "mcp_field.h"
#include "mcp_keys.h"
#include "mcp_tenants.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>


#define MCP_CONFIG_CATALOG_MAX     (4u * 1024 * 1024)
#define MCP_CONFIG_CLUSTER_DOMAIN  "cluster.local"

/* of files that change meanwhile */
#define MCP_CONFIG_LOADS           10


static int mcp_config_load_once(const char *path,
    const mcp_config_options_t *options, mcp_report_t *report,
    mcp_config_t **ret_config, bool *ret_changed);
static mcp_config_t *mcp_config_new(void);
static int mcp_config_begin(mcp_load_t *load, const char *path);
static void mcp_config_tenants(mcp_load_t *load);
static mcp_mark_t mcp_config_cut(const mcp_load_t *load,
    const mcp_file_t *file);
static void mcp_config_catalogs(mcp_load_t *load);
static void mcp_config_catalog(mcp_load_t *load, size_t n,
    mcp_arena_t *scratch, mcp_file_t *file, mcp_set_t *ids);
static int mcp_config_end(mcp_load_t *load);


/*
 * A file that is replaced after another one was read would make a mix that
 * nobody wrote, or a mistake that is in no file.
 */
int
mcp_config_load(const char *path, const mcp_config_options_t *options,
    mcp_report_t *report, mcp_config_t **ret_config)
{
    int            rc;
    bool           changed;
    uint32_t       loads;
    mcp_mark_t     mark;
    mcp_config_t  *config;

    for (loads = 0; loads < MCP_CONFIG_LOADS; loads++) {

        config = NULL;
        rc = mcp_config_load_once(path, options, report, &config, &changed);

        if (!changed) {

            if (rc == MCP_OK) {
                *ret_config = config;
            }

            return rc;
        }

        mcp_config_free(config);
        mcp_report_clear(report);
    }

    mark.file = path;
    mark.line = 1;
    mark.column = 1;

    mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                   "found files that changed while they were read, %d times, "
                   "expected files that rest", MCP_CONFIG_LOADS);

    return MCP_ERROR;
}


static int
mcp_config_load_once(const char *path, const mcp_config_options_t *options,
    mcp_report_t *report, mcp_config_t **ret_config, bool *ret_changed)
{
    int         rc;
    mcp_mark_t  mark;
    mcp_load_t  load;

    memset(&load, 0, sizeof(mcp_load_t));

    load.report = report;
    load.options = options;
    load.cluster_domain = options->cluster_domain
                          ? options->cluster_domain
                          : MCP_CONFIG_CLUSTER_DOMAIN;
    load.config = mcp_config_new();

    if (load.config && mcp_config_begin(&load, path) == MCP_OK) {
        mcp_config_tenants(&load);
        mcp_config_catalogs(&load);
    }

    *ret_changed = mcp_load_changed(&load);

    rc = mcp_config_end(&load);

    if (rc == MCP_OK && mcp_report_errors(report) == 0) {
        *ret_config = load.config;
        return MCP_OK;
    }

    mcp_config_free(load.config);

    if (rc != MCP_OK) {
        mark.file = path;
        mark.line = 1;
        mark.column = 1;

        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "found no memory to load the file, expected more");
    }

    return MCP_ERROR;
}


void
mcp_config_free(mcp_config_t *config)
{
    if (config) {
        mcp_arena_free(config->arena);
        free(config);
    }
}


static mcp_config_t *
mcp_config_new(void)
{
    mcp_config_t  *config;

    config = mcp_alloc(sizeof(mcp_config_t));
    if (config == NULL) {
        return NULL;
    }

    memset(config, 0, sizeof(mcp_config_t));

    config->arena = mcp_arena_new();
    if (config->arena == NULL) {
        free(config);
        return NULL;
    }

    return config;
}


static int
mcp_config_begin(mcp_load_t *load, const char *path)
{
    mcp_str_t    text;
    const char  *slash;

    load->arena = load->config->arena;
    load->failed = true;

    load->path = mcp_load_text(load, path).data;
    load->file = load->path;
    if (load->path == NULL) {
        return MCP_ERROR;
    }

    slash = strrchr(path, '/');

    text.data = path;
    text.len = slash ? (size_t) (slash + 1 - path) : 0;

    load->folder = mcp_load_copy(load, &text).data;
    if (load->folder == NULL) {
        return MCP_ERROR;
    }

    load->tree = mcp_arena_new();
    load->digest = EVP_MD_CTX_new();

    if (load->tree == NULL || load->digest == NULL
        || EVP_DigestInit_ex(load->digest, EVP_sha256(), NULL) != 1)
    {
        return MCP_ERROR;
    }

    load->failed = false;

    return MCP_OK;
}


static void
mcp_config_tenants(mcp_load_t *load)
{
    mcp_file_t        file;
    mcp_mark_t        mark;
    mcp_yaml_node_t  *root;

    memset(&file, 0, sizeof(mcp_file_t));

    mark.file = load->file;
    mark.line = 1;
    mark.column = 1;

    mcp_report_mention(load->report, load->file);

    if (mcp_load_read(load, &file, load->path, MCP_YAML_SIZE_MAX, NULL)
        != MCP_OK)
    {
        mcp_report_add(load->report, MCP_REPORT_ERROR, &mark,
                       "the file %s, expected a readable file", file.why);
        mcp_file_free(&file);
        return;
    }

    mcp_load_add_bytes(load, file.data, file.len);
    load->config->cut = mcp_config_cut(load, &file);

    (void) mcp_yaml_parse(load->tree, load->file, file.data, file.len,
                          load->report, &root);
    mcp_file_free(&file);

    if (root) {
        mcp_tenants_read(load, root);

    } else if (mcp_report_errors(load->report) == 0) {
        mcp_report_add(load->report, MCP_REPORT_ERROR, &mark,
                       "found nothing, expected \"tenants:\" and a list");
    }
}


static mcp_mark_t
mcp_config_cut(const mcp_load_t *load, const mcp_file_t *file)
{
    size_t      i;
    mcp_mark_t  cut;

    cut.file = load->file;
    cut.line = 0;
    cut.column = 0;

    if (file->len && file->data[file->len - 1] != '\n') {

        cut.line = 1;
        cut.column = 1;

        for (i = 0; i < file->len; i++) {
            cut.column++;

            if (file->data[i] == '\n') {
                cut.line++;
                cut.column = 1;
            }
        }
    }

    return cut;
}


static void
mcp_config_catalogs(mcp_load_t *load)
{
    size_t        n;
    mcp_set_t     ids;
    mcp_file_t    file;
    mcp_arena_t  *scratch;

    memset(&ids, 0, sizeof(mcp_set_t));
    memset(&file, 0, sizeof(mcp_file_t));

    if (load->failed || load->config->ntenants == 0) {
        return;
    }

    load->root = realpath(*load->folder ? load->folder : ".", NULL);

    if (load->root == NULL) {
        load->failed = true;
        return;
    }

    for (n = 0; n < load->config->ntenants && !load->failed; n++) {

        scratch = mcp_arena_new();

        if (scratch == NULL) {
            load->failed = true;
            break;
        }

        mcp_config_catalog(load, n, scratch, &file, &ids);

        mcp_arena_free(scratch);
        mcp_set_clear(&ids);
    }

    mcp_set_free(&ids);
    mcp_file_free(&file);
}


static void
mcp_config_catalog(mcp_load_t *load, size_t n, mcp_arena_t *scratch,
    mcp_file_t *file, mcp_set_t *ids)
{
    bool                      ids_whole;
    mcp_mark_t                mark;
    const char               *path;
    mcp_tenant_t             *tenant;
    mcp_yaml_node_t          *root;
    const mcp_load_tenant_t  *work;

    tenant = &load->config->tenants[n];
    work = &load->tenants[n];
    ids_whole = false;

    if (work->catalog_file) {

        path = mcp_load_path(load, &tenant->catalog_file);
        if (path == NULL) {
            return;
        }

        if (mcp_load_read(load, file, path, MCP_CONFIG_CATALOG_MAX,
                          load->root)
            != MCP_OK)
        {
            mcp_field_error(load, work->catalog_file, "found a catalog_file "
                            "that %s, expected a readable file in %s",
                            file->why, *load->folder ? load->folder : "./");
            return;
        }

        mcp_load_add_bytes(load, file->data, file->len);

        load->file = path;

        if (mcp_yaml_parse(scratch, path, file->data, file->len,
                           load->report, &root)
            == MCP_OK && root == NULL)
        {
            mark.file = path;
            mark.line = 1;
            mark.column = 1;

            mcp_report_add(load->report, MCP_REPORT_ERROR, &mark,
                           "found nothing, expected \"servers:\" and a list");
        }

        if (root) {
            mcp_catalog_read(load, tenant, work, root, ids, &ids_whole);
        }

        load->file = load->path;

    } else {
        ids_whole = !work->has_catalog;
    }

    if (work->narrowed && ids_whole && !work->partial) {
        mcp_keys_check_servers(load, work->keys, ids,
                               work->has_catalog);
    }
}


/* Frees all but the configuration. */
static int
mcp_config_end(mcp_load_t *load)
{
    int  rc;

    rc = load->config == NULL || load->failed ? MCP_ERROR : MCP_OK;

    if (rc == MCP_OK
        && EVP_DigestFinal_ex(load->digest, load->config->digest, NULL) != 1)
    {
        rc = MCP_ERROR;
    }

    if (mcp_report_out_of_memory(load->report)) {
        rc = MCP_ERROR;
    }

    EVP_MD_CTX_free(load->digest);
    mcp_arena_free(load->tree);
    mcp_set_free(&load->namespaces);
    mcp_set_free(&load->files);
    mcp_file_free(&load->secret);
    free(load->root);

    return rc;
}
