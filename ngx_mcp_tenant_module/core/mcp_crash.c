/*
 * Death at a named point, for tests.
 */

#include "mcp_crash.h"


#ifdef MCP_CRASH_POINTS

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


__attribute__((constructor))
static void mcp_crash_map(void);
static bool mcp_crash_is_due(const char *name);


static mcp_crash_t   mcp_crash_own;
static mcp_crash_t  *mcp_crash = &mcp_crash_own;
static pid_t         mcp_crash_master;
static void        (*mcp_crash_watcher)(const char *name);


/* Before NGINX clears its environment, and in the master alone. */
static void
mcp_crash_map(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv(MCP_CRASH_FILE_ENV);

    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(mcp_crash_t), PROT_READ | PROT_WRITE, MAP_SHARED,
             fd, 0);

    (void) close(fd);

    if (p != MAP_FAILED) {
        mcp_crash = p;
        mcp_crash_master = getpid();
    }
}


void
mcp_crash_at(const char *name, uint32_t count)
{
    atomic_store(&mcp_crash->countdown, 0);

    if (name) {
        (void) strncpy(mcp_crash->name, name, MCP_CRASH_NAME_SIZE - 1);
        atomic_store(&mcp_crash->countdown, count);
    }
}


void
mcp_crash_watch(void (*watch)(const char *name))
{
    mcp_crash_watcher = watch;
}


void
mcp_crash_point(const char *name)
{
    if (mcp_crash_watcher) {
        mcp_crash_watcher(name);
    }

    if (mcp_crash_is_due(name)) {
        atomic_store(&mcp_crash->victim, (int32_t) getpid());
        (void) raise(SIGKILL);
    }
}


static bool
mcp_crash_is_due(const char *name)
{
    uint32_t  count;

    count = atomic_load(&mcp_crash->countdown);

    while (count != 0 && strcmp(mcp_crash->name, name) == 0
           && getpid() != mcp_crash_master)
    {
        if (atomic_compare_exchange_weak(&mcp_crash->countdown, &count,
                                         count - 1))
        {
            return count == 1;
        }
    }

    return false;
}

#endif
