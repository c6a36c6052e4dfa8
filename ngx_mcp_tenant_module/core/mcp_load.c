/*
 * One load of a configuration in progress: its memory, files and digest.
 */

#include "mcp_load.h"

#include <string.h>

#include <openssl/evp.h>


#define MCP_LOAD_MIN_FILES  16


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


void
mcp_load_add_file(mcp_load_t *load, const char *path)
{
    size_t         capacity;
    mcp_str_t      name;
    const char   **files;
    mcp_config_t  *config;

    config = load->config;

    name.data = path;
    name.len = strlen(path);

    if (mcp_load_set_add(load, &load->files, &name, path) || load->failed) {
        return;
    }

    if (config->nfiles == load->files_capacity) {
        capacity = load->files_capacity * 2 + MCP_LOAD_MIN_FILES;

        files = mcp_load_array(load, capacity, sizeof(char *));
        if (files == NULL) {
            return;
        }

        if (config->nfiles) {
            memcpy(files, config->files, config->nfiles * sizeof(char *));
        }

        config->files = files;
        load->files_capacity = capacity;
    }

    config->files[config->nfiles++] = path;
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
