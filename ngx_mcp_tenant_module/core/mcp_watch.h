/*
 * Notices changes of files through the folders that lead to them: a file is
 * replaced more often than it is written, and a symbolic link on the way to it
 * may be turned to another folder (as Kubernetes does with a ConfigMap).
 *
 * A hint, not a promise: file systems that are shared over a network tell
 * nothing, and queues overflow.  Whoever watches looks by itself, too.
 */

#ifndef _MCP_WATCH_H_INCLUDED_
#define _MCP_WATCH_H_INCLUDED_


#include "mcp_base.h"


typedef struct mcp_watch_s  mcp_watch_t;


/* NULL leaves errno: this system, or this user, has no more of them. */
mcp_watch_t *mcp_watch_new(void);
void mcp_watch_free(mcp_watch_t *watch);

/* Readable when something has happened; never blocks; owned by the watch. */
int mcp_watch_fd(const mcp_watch_t *watch);

/*
 * Watches for changes of these files from now on, and no others.  MCP_ERROR
 * leaves errno: some of their folders cannot be watched, the others are.
 */
int mcp_watch_files(mcp_watch_t *watch, const char *const *files, size_t n);

/*
 * Takes all that has happened: true when a file may have been written whole,
 * or put in its place; then the folders on the way may be others, too.
 */
bool mcp_watch_read(mcp_watch_t *watch);


#endif /* _MCP_WATCH_H_INCLUDED_ */
