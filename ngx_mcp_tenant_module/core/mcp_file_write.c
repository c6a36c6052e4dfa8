/*
 * Writing a file so that a reader sees the old one or the new one, whole,
 * whatever happens in between.
 */

#include "mcp_crash.h"
#include "mcp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define MCP_FILE_TMP_SUFFIX  ".tmp"


static int mcp_file_replace(const char *path, const char *tmp,
    const void *data, size_t size, mode_t mode);
static int mcp_file_write_tmp(const char *path, const void *data,
    size_t size, mode_t mode);
static int mcp_file_write_all(int fd, const void *data, size_t size);
static int mcp_file_open_folder(const char *path);


int
mcp_file_write(const char *path, const void *data, size_t size, mode_t mode)
{
    int      rc, err;
    char    *tmp;
    size_t   len;

    len = strlen(path);

    tmp = mcp_alloc(len + sizeof(MCP_FILE_TMP_SUFFIX));
    if (tmp == NULL) {
        errno = ENOMEM;
        return MCP_ERROR;
    }

    memcpy(tmp, path, len);
    memcpy(tmp + len, MCP_FILE_TMP_SUFFIX, sizeof(MCP_FILE_TMP_SUFFIX));

    rc = mcp_file_replace(path, tmp, data, size, mode);

    err = errno;
    free(tmp);
    errno = err;

    return rc;
}


static int
mcp_file_replace(const char *path, const char *tmp, const void *data,
    size_t size, mode_t mode)
{
    int  rc, err, folder;

    /* opened first: nothing may fail once path is replaced */

    folder = mcp_file_open_folder(path);
    if (folder == -1) {
        return MCP_ERROR;
    }

    rc = mcp_file_write_tmp(tmp, data, size, mode);

    if (rc == MCP_OK && rename(tmp, path) == -1) {
        err = errno;
        (void) unlink(tmp);
        errno = err;
        rc = MCP_ERROR;
    }

    err = errno;

    if (rc == MCP_OK) {
        mcp_crash_point("file-renamed");
        (void) fsync(folder);
        mcp_crash_point("file-kept");
    }

    (void) close(folder);
    errno = err;

    return rc;
}


static int
mcp_file_open_folder(const char *path)
{
    int          fd, err;
    char        *folder;
    size_t       len;
    const char  *slash;

    slash = strrchr(path, '/');

    if (slash == NULL) {
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }

    len = slash == path ? 1 : (size_t) (slash - path);

    folder = mcp_alloc(len + 1);
    if (folder == NULL) {
        errno = ENOMEM;
        return -1;
    }

    memcpy(folder, path, len);
    folder[len] = '\0';

    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    err = errno;
    free(folder);
    errno = err;

    return fd;
}


static int
mcp_file_write_tmp(const char *path, const void *data, size_t size,
    mode_t mode)
{
    int  fd, err;

    /* what an earlier attempt left, or somebody put there */

    mcp_crash_point("file-begun");

    if (unlink(path) == -1 && errno != ENOENT) {
        return MCP_ERROR;
    }

    mcp_crash_point("file-unlinked");

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              mode);
    if (fd == -1) {
        return MCP_ERROR;
    }

    mcp_crash_point("file-created");

    /* whatever the umask is */

    if (fchmod(fd, mode) == 0
        && mcp_file_write_all(fd, data, size) == MCP_OK && fsync(fd) == 0)
    {

        mcp_crash_point("file-synced");

        /* Linux closes the descriptor even when it reports EINTR */

        if (close(fd) == 0 || errno == EINTR) {
            return MCP_OK;
        }

        err = errno;

    } else {
        err = errno;
        (void) close(fd);
    }

    (void) unlink(path);
    errno = err;

    return MCP_ERROR;
}


static int
mcp_file_write_all(int fd, const void *data, size_t size)
{
    ssize_t      n;
    const char  *p;

    p = data;

    while (size > 0) {

        n = write(fd, p, size);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return MCP_ERROR;
        }

        mcp_crash_point("file-written");

        p += n;
        size -= (size_t) n;
    }

    return MCP_OK;
}
