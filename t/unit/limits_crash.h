/*
 * The limits built into a test with their crash points, and perhaps with a
 * fault: a test that includes this does not link the ones of core.
 */

#ifndef _LIMITS_CRASH_H_INCLUDED_
#define _LIMITS_CRASH_H_INCLUDED_


#ifndef MCP_CRASH_POINTS
#define MCP_CRASH_POINTS
#endif

#include "mcp_crash.c"
#include "mcp_limit.c"
#include "mcp_process.c"
#include "mcp_rows.c"

#include "limits_fixture.h"


static void stumble(const char *name);


/* Lets others run between two steps, so that few rounds meet every race. */
__attribute__((unused))
static void
stumble(const char *name)
{
    (void) name;

    if (any(4) == 0) {
        (void) sched_yield();
    }
}


#endif /* _LIMITS_CRASH_H_INCLUDED_ */
