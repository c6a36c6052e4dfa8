/*
 * Reads regular files whole.
 */

#include "mcp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>


#define MCP_FILE_MIN_BYTES  16384


static int mcp_file_check(mcp_file_t *file, int fd, const char *path,
    size_t max, const char *root, size_t *ret_size);
static uint64_t mcp_file_stat_stamp(const struct stat *st);
static uint64_t mcp_file_mix(uint64_t hash, uint64_t n);
static int mcp_file_inside(mcp_file_t *file, const char *path,
    const struct stat *st, const char *root);
static int mcp_file_fill(mcp_file_t *file, int fd, size_t size, size_t max);
static int mcp_file_reserve(mcp_file_t *file, size_t size);
static int mcp_file_too_large(mcp_file_t *file, size_t max);
static int mcp_file_failed(mcp_file_t *file, const char *what);


int
mcp_file_read(mcp_file_t *file, const char *path, size_t max,
    const char *root)
{
    int     fd, rc, err;
    size_t  size;

    size = 0;
    file->len = 0;
    file->stamp = 0;
    file->why[0] = '\0';

    fd = open(path, O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_NOCTTY);
    if (fd == -1) {
        err = errno;

        /* what there was not, and is now, has changed */

        if (err != ENOENT) {
            file->stamp = mcp_file_stamp(path);
        }

        errno = err;

        return mcp_file_failed(file, "cannot be opened");
    }

    rc = mcp_file_check(file, fd, path, max, root, &size);

    if (rc == MCP_OK) {
        rc = mcp_file_fill(file, fd, size, max);
    }

    (void) close(fd);

    return rc;
}


void
mcp_file_free(mcp_file_t *file)
{
    free(file->data);
    memset(file, 0, sizeof(mcp_file_t));
}


uint64_t
mcp_file_stamp(const char *path)
{
    struct stat  st;

    return stat(path, &st) == 0 ? mcp_file_stat_stamp(&st) : 0;
}


static uint64_t
mcp_file_stat_stamp(const struct stat *st)
{
    uint64_t  hash;

    hash = mcp_file_mix(1, (uint64_t) st->st_dev);
    hash = mcp_file_mix(hash, (uint64_t) st->st_ino);
    hash = mcp_file_mix(hash, (uint64_t) st->st_size);
    hash = mcp_file_mix(hash, (uint64_t) st->st_mtim.tv_sec);
    hash = mcp_file_mix(hash, (uint64_t) st->st_mtim.tv_nsec);
    hash = mcp_file_mix(hash, (uint64_t) st->st_ctim.tv_sec);
    hash = mcp_file_mix(hash, (uint64_t) st->st_ctim.tv_nsec);

    return hash ? hash : 1;
}


static uint64_t
mcp_file_mix(uint64_t hash, uint64_t n)
{
    hash = (hash ^ n) * UINT64_C(0x9e3779b97f4a7c15);

    return hash ^ (hash >> 29);
}


static int
mcp_file_check(mcp_file_t *file, int fd, const char *path, size_t max,
    const char *root, size_t *ret_size)
{
    struct stat  st;

    if (fstat(fd, &st) == -1) {
        return mcp_file_failed(file, "cannot be read");
    }

    file->stamp = mcp_file_stat_stamp(&st);

    if (!S_ISREG(st.st_mode)) {
        (void) snprintf(file->why, MCP_FILE_WHY_LEN, "%s",
                        S_ISDIR(st.st_mode) ? "is a folder"
                                            : "is no regular file");
        return MCP_ERROR;
    }

    if ((uint64_t) st.st_size > max) {
        return mcp_file_too_large(file, max);
    }

    *ret_size = (size_t) st.st_size;

    return root ? mcp_file_inside(file, path, &st, root) : MCP_OK;
}


/*
 * The path is resolved after the file was opened, and must lead to what was
 * opened: links that change meanwhile cannot smuggle another file in.
 */
static int
mcp_file_inside(mcp_file_t *file, const char *path, const struct stat *st,
    const char *root)
{
    char         resolved[PATH_MAX];
    size_t       len;
    struct stat  found;

    if (realpath(path, resolved) == NULL || stat(resolved, &found) == -1) {
        return mcp_file_failed(file, "cannot be opened");
    }

    len = strlen(root);

    if (strcmp(root, "/") != 0
        && (strncmp(resolved, root, len) != 0 || resolved[len] != '/'))
    {
        (void) snprintf(file->why, MCP_FILE_WHY_LEN,
                        "is a link that leads out of the folder");
        return MCP_ERROR;
    }

    if (found.st_dev != st->st_dev || found.st_ino != st->st_ino) {
        (void) snprintf(file->why, MCP_FILE_WHY_LEN,
                        "was replaced while it was opened");
        return MCP_ERROR;
    }

    return MCP_OK;
}


/* size is what the file had a moment ago; it may have grown since */
static int
mcp_file_fill(mcp_file_t *file, int fd, size_t size, size_t max)
{
    ssize_t  n;

    if (mcp_file_reserve(file, size + 1) != MCP_OK) {
        return MCP_ERROR;
    }

    for ( ;; ) {
        n = read(fd, file->data + file->len, file->capacity - file->len);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return mcp_file_failed(file, "cannot be read");
        }

        file->len += (size_t) n;

        if (file->len > max) {
            return mcp_file_too_large(file, max);
        }

        if (n == 0) {
            return MCP_OK;
        }

        if (file->len == file->capacity
            && mcp_file_reserve(file, file->capacity * 2) != MCP_OK)
        {
            return MCP_ERROR;
        }
    }
}


static int
mcp_file_reserve(mcp_file_t *file, size_t size)
{
    char  *data;

    if (size <= file->capacity) {
        return MCP_OK;
    }

    if (size < MCP_FILE_MIN_BYTES) {
        size = MCP_FILE_MIN_BYTES;
    }

    data = mcp_alloc(size);
    if (data == NULL) {
        errno = ENOMEM;
        return mcp_file_failed(file, "cannot be read");
    }

    if (file->len) {
        memcpy(data, file->data, file->len);
    }

    free(file->data);

    file->data = data;
    file->capacity = size;

    return MCP_OK;
}


static int
mcp_file_too_large(mcp_file_t *file, size_t max)
{
    (void) snprintf(file->why, MCP_FILE_WHY_LEN,
                    "is larger than %zu KiB", max / 1024);

    return MCP_ERROR;
}


static int
mcp_file_failed(mcp_file_t *file, const char *what)
{
    (void) snprintf(file->why, MCP_FILE_WHY_LEN, "%s: %s", what,
                    strerror(errno));

    return MCP_ERROR;
}
