/*
 * Places where a test lets a process die: between any two steps that change
 * what processes share.  Without MCP_CRASH_POINTS there is nothing of this.
 */

#ifndef _MCP_CRASH_H_INCLUDED_
#define _MCP_CRASH_H_INCLUDED_


#include "mcp_base.h"


#ifdef MCP_CRASH_POINTS

#include <stdatomic.h>


/* with the zero behind it */
#define MCP_CRASH_NAME_SIZE  56

/*
 * Names the file that a test shares with the processes of an nginx: one
 * mcp_crash_t.  It is mapped when the module is loaded, and inherited; who
 * loaded it, the master, meets no point.
 */
#define MCP_CRASH_FILE_ENV   "MCP_CRASH_FILE"


/*
 * Whoever lowers the countdown to 0 dies, and nobody else; it says who it was.
 * Whoever writes the name does so while the countdown is 0.
 */
typedef struct {
    _Atomic uint32_t  countdown;
    _Atomic int32_t   victim;
    char              name[MCP_CRASH_NAME_SIZE];
} mcp_crash_t;


void mcp_crash_point(const char *name);

/*
 * Kills this process when it reaches the point for the count-th time from
 * now; NULL turns it off.
 */
void mcp_crash_at(const char *name, uint32_t count);

/* Called at every point, to record it or to widen a race; NULL for none. */
void mcp_crash_watch(void (*watch)(const char *name));

#else

#define mcp_crash_point(name)  ((void) 0)

#endif


#endif /* _MCP_CRASH_H_INCLUDED_ */
