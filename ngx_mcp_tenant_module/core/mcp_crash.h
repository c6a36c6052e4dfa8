/*
 * Places where a test lets a process die: between any two steps that change
 * what processes share.  Without MCP_CRASH_POINTS there is nothing of this.
 */

#ifndef _MCP_CRASH_H_INCLUDED_
#define _MCP_CRASH_H_INCLUDED_


#include "mcp_base.h"


#ifdef MCP_CRASH_POINTS

void mcp_crash_point(const char *name);

/*
 * Kills this process when it reaches the point for the count-th time from
 * now; name stays the caller's, NULL turns it off.
 */
void mcp_crash_at(const char *name, long count);

/* Called at every point, to record it or to widen a race; NULL for none. */
void mcp_crash_watch(void (*watch)(const char *name));

#else

#define mcp_crash_point(name)  ((void) 0)

#endif


#endif /* _MCP_CRASH_H_INCLUDED_ */
