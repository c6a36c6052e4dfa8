/*
 * One load of a configuration in progress: its memory, files and digest.
 */

#include "mcp_load.h"

#include <string.h>

#include <openssl/evp.h>


#define MCP_LOAD_MIN_FILES  16


static void mcp_load_saw(mcp_load_t *load, const char *path, uint64_t stamp);
static void mcp_load_add_file(mcp_load_t *load, const char *path);
static void *mcp_load_grow(mcp_load_t *load, void *array, size_t used,
    size_t *capacity, size_t size);


void *
mcp_load_alloc(mcp_load_t *load, size_t size)
{
    void  *p;

    p = mcp_arena_alloc(load->arena, size);
    if (p == NULL) {
        load->failed = true;
    }

    return p;
}


void *
mcp_load_array(mcp_load_t *load, size_t count, size_t size)
{
    return count ? mcp_load_alloc(load, count * size) : NULL;
}


mcp_str_t
mcp_load_copy(mcp_load_t *load, const mcp_str_t *text)
{
    mcp_str_t  copy;

    copy.data = mcp_arena_strdup(load->arena, text->data, text->len);
    copy.len = copy.data ? text->len : 0;

    if (copy.data == NULL) {
        load->failed = true;
    }

    return copy;
}


mcp_str_t
mcp_load_text(mcp_load_t *load, const char *text)
{
    mcp_str_t  borrowed;

    borrowed.data = text;
    borrowed.len = strlen(text);

    return mcp_load_copy(load, &borrowed);
}


const void *
mcp_load_set_add(mcp_load_t *load, mcp_set_t *set, const mcp_str_t *text,
    const void *value)
{
    const void  *first;

    if (mcp_set_add(set, text->data, text->len, value, &first) != MCP_OK) {
        load->failed = true;
        return NULL;
    }

    return first;
}


mcp_mark_t
mcp_load_mark(const mcp_load_t *load, const mcp_yaml_node_t *node)
{
    mcp_mark_t  mark;

    mark.file = load->file;
    mark.line = node->line;
    mark.column = node->column;

    return mark;
}


const char *
mcp_load_path(mcp_load_t *load, const mcp_str_t *path)
{
    char    *full;
    size_t   len;

    len = path->len && path->data[0] == '/' ? 0 : strlen(load->folder);

    full = mcp_load_alloc(load, len + path->len + 1);
    if (full == NULL) {
        return NULL;
    }

    memcpy(full, load->folder, len);
    memcpy(full + len, path->data, path->len);

    return full;
}


int
mcp_load_read(mcp_load_t *load, mcp_file_t *file, const char *path,
    size_t max, const char *root)
{
    int  rc;

    rc = mcp_file_read(file, path, max, root);

    mcp_load_saw(load, path, file->stamp);

    if (rc == MCP_OK) {
        mcp_load_add_file(load, path);
    }

    return rc;
}


static void
mcp_load_saw(mcp_load_t *load, const char *path, uint64_t stamp)
{
    mcp_load_seen_t  *seen;

    seen = mcp_load_grow(load, load->seen, load->nseen, &load->seen_capacity,
                         sizeof(mcp_load_seen_t));
    if (seen == NULL) {
        return;
    }

    seen[load->nseen].path = path;
    seen[load->nseen].stamp = stamp;

    load->seen = seen;
    load->nseen++;
}


bool
mcp_load_changed(const mcp_load_t *load)
{
    size_t  i;

    for (i = 0; i < load->nseen; i++) {
        if (mcp_file_stamp(load->seen[i].path) != load->seen[i].stamp) {
            return true;
        }
    }

    return false;
}


static void
mcp_load_add_file(mcp_load_t *load, const char *path)
{
    mcp_str_t      name;
    const char   **files;
    mcp_config_t  *config;

    config = load->config;

    name.data = path;
    name.len = strlen(path);

    if (mcp_load_set_add(load, &load->files, &name, path) || load->failed) {
        return;
    }

    files = mcp_load_grow(load, config->files, config->nfiles,
                          &load->files_capacity, sizeof(char *));
    if (files == NULL) {
        return;
    }

    config->files = files;
    config->files[config->nfiles++] = path;
}


/* The array with room for one more; NULL has set load->failed. */
static void *
mcp_load_grow(mcp_load_t *load, void *array, size_t used, size_t *capacity,
    size_t size)
{
    void    *grown;
    size_t   n;

    if (used < *capacity) {
        return array;
    }

    n = *capacity * 2 + MCP_LOAD_MIN_FILES;

    grown = mcp_load_array(load, n, size);
    if (grown == NULL) {
        return NULL;
    }

    if (used) {
        memcpy(grown, array, used * size);
    }

    *capacity = n;

    return grown;
}


void
mcp_load_add_bytes(mcp_load_t *load, const char *data, size_t len)
{
    uint64_t  size;

    /* the length goes first, so that no two sets of files look the same */

    size = len;

    if (EVP_DigestUpdate(load->digest, &size, sizeof(size)) != 1
        || EVP_DigestUpdate(load->digest, data, len) != 1)
    {
        load->failed = true;
    }
}
