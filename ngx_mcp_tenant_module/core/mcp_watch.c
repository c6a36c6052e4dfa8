/*
 * Watching files with inotify(7).
 */

#include "mcp_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>


/* of the kernel: more of them are a loop */
#define MCP_WATCH_LINKS_MAX  40

/*
 * What is being made or taken away is not looked at: editors do both on
 * their way to a new file.
 */
#define MCP_WATCH_EVENTS                                                      \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF \
     | IN_ONLYDIR)


/* ids: of the watches that stand, sorted */
struct mcp_watch_s {
    int      fd;
    int     *ids;
    size_t   count;
};


/* ids as they come, some more than once */
typedef struct {
    int      fd;
    int     *ids;
    size_t   count;
    size_t   capacity;
} mcp_watch_found_t;


static int mcp_watch_file(mcp_watch_found_t *found, const char *file);
static bool mcp_watch_follow(char *path, size_t start, size_t end,
    const char *link, size_t len);
static int mcp_watch_folder(mcp_watch_found_t *found, const char *path,
    size_t len);
static int mcp_watch_compare(const void *one, const void *two);
static void mcp_watch_replace(mcp_watch_t *watch, mcp_watch_found_t *found);


mcp_watch_t *
mcp_watch_new(void)
{
    mcp_watch_t  *watch;

    watch = mcp_alloc(sizeof(mcp_watch_t));
    if (watch == NULL) {
        errno = ENOMEM;
        return NULL;
    }

    memset(watch, 0, sizeof(mcp_watch_t));

    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (watch->fd == -1) {
        free(watch);
        return NULL;
    }

    return watch;
}


void
mcp_watch_free(mcp_watch_t *watch)
{
    if (watch) {
        (void) close(watch->fd);
        free(watch->ids);
        free(watch);
    }
}


int
mcp_watch_fd(const mcp_watch_t *watch)
{
    return watch->fd;
}


int
mcp_watch_files(mcp_watch_t *watch, const char *const *files, size_t n)
{
    int                rc, err;
    size_t             i;
    mcp_watch_found_t  found;

    memset(&found, 0, sizeof(mcp_watch_found_t));
    found.fd = watch->fd;

    rc = MCP_OK;
    err = 0;

    for (i = 0; i < n; i++) {
        if (mcp_watch_file(&found, files[i]) != MCP_OK) {
            rc = MCP_ERROR;
            err = errno;
        }
    }

    mcp_watch_replace(watch, &found);

    errno = err;

    return rc;
}


/* Follows the path as the kernel does, and watches where it may turn. */
static int
mcp_watch_file(mcp_watch_found_t *found, const char *file)
{
    char      path[PATH_MAX], link[PATH_MAX];
    char      behind;
    size_t    start, end;
    ssize_t   n;
    unsigned  links;

    if (strlen(file) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return MCP_ERROR;
    }

    strcpy(path, file);

    links = 0;
    start = 0;

    for ( ;; ) {

        start += strspn(path + start, "/");
        end = start + strcspn(path + start, "/");

        behind = path[end];
        path[end] = '\0';
        n = readlink(path, link, sizeof(link));
        path[end] = behind;

        if (n <= 0 && behind == '\0') {
            return mcp_watch_folder(found, path, start);
        }

        if (n <= 0) {
            start = end;
            continue;
        }

        if (++links > MCP_WATCH_LINKS_MAX) {
            errno = ELOOP;
            return MCP_ERROR;
        }

        if (mcp_watch_folder(found, path, start) != MCP_OK) {
            return MCP_ERROR;
        }

        if (link[0] == '/') {
            start = 0;
        }

        if (!mcp_watch_follow(path, start, end, link, (size_t) n)) {
            errno = ENAMETOOLONG;
            return MCP_ERROR;
        }
    }
}


/* Puts what the link says in the place of its name. */
static bool
mcp_watch_follow(char *path, size_t start, size_t end, const char *link,
    size_t len)
{
    size_t  rest;

    rest = strlen(path + end) + 1;

    if (start + len + rest > PATH_MAX) {
        return false;
    }

    memmove(path + start + len, path + end, rest);
    memcpy(path + start, link, len);

    return true;
}


/* The folder is the first len bytes of path; without any, where we are. */
static int
mcp_watch_folder(mcp_watch_found_t *found, const char *path, size_t len)
{
    int     id, *ids;
    char    folder[PATH_MAX];
    size_t  capacity;

    if (found->count == found->capacity) {
        capacity = found->capacity ? 2 * found->capacity : 16;

        ids = mcp_alloc(capacity * sizeof(int));
        if (ids == NULL) {
            errno = ENOMEM;
            return MCP_ERROR;
        }

        if (found->count) {
            memcpy(ids, found->ids, found->count * sizeof(int));
        }

        free(found->ids);

        found->ids = ids;
        found->capacity = capacity;
    }

    memcpy(folder, path, len);
    folder[len] = '\0';

    /* a folder that is watched already has its id again */

    id = inotify_add_watch(found->fd, len ? folder : ".", MCP_WATCH_EVENTS);

    if (id == -1) {
        return MCP_ERROR;
    }

    found->ids[found->count++] = id;

    return MCP_OK;
}


static int
mcp_watch_compare(const void *one, const void *two)
{
    int  a, b;

    a = *(const int *) one;
    b = *(const int *) two;

    return (a > b) - (a < b);
}


/* Ends the watches that nothing leads to any more. */
static void
mcp_watch_replace(mcp_watch_t *watch, mcp_watch_found_t *found)
{
    size_t  i, n;

    if (found->count) {
        qsort(found->ids, found->count, sizeof(int), mcp_watch_compare);
    }

    n = 0;

    for (i = 0; i < found->count; i++) {
        if (n == 0 || found->ids[i] != found->ids[n - 1]) {
            found->ids[n++] = found->ids[i];
        }
    }

    for (i = 0; i < watch->count; i++) {
        if (n == 0 || bsearch(&watch->ids[i], found->ids, n, sizeof(int),
                              mcp_watch_compare) == NULL)
        {
            (void) inotify_rm_watch(watch->fd, watch->ids[i]);
        }
    }

    free(watch->ids);

    watch->ids = found->ids;
    watch->count = n;
}


bool
mcp_watch_read(mcp_watch_t *watch)
{
    bool                         happened;
    char                        *p;
    ssize_t                      n;
    const struct inotify_event  *event;

    _Alignas(struct inotify_event) char  buffer[16384];

    happened = false;

    for ( ;; ) {

        n = read(watch->fd, buffer, sizeof(buffer));

        if (n <= 0) {
            if (n == -1 && errno == EINTR) {
                continue;
            }

            return happened;
        }

        for (p = buffer; p < buffer + n;
             p += sizeof(struct inotify_event) + event->len)
        {
            event = (const struct inotify_event *) p;

            /* a watch that was taken away says so */

            if (!(event->mask & IN_IGNORED)) {
                happened = true;
            }
        }
    }
}
