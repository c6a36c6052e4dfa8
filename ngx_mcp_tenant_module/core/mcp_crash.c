/*
 * Death at a named point, for tests.
 */

#include "mcp_crash.h"


#ifdef MCP_CRASH_POINTS

#include <signal.h>
#include <string.h>


static long         mcp_crash_countdown;
static const char  *mcp_crash_name;
static void       (*mcp_crash_watcher)(const char *name);


void
mcp_crash_at(const char *name, long count)
{
    mcp_crash_name = name;
    mcp_crash_countdown = count;
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

    if (mcp_crash_name && strcmp(mcp_crash_name, name) == 0
        && --mcp_crash_countdown == 0)
    {
        (void) raise(SIGKILL);
    }
}

#endif
