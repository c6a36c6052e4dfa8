/*
 * Reads a file whole, and only a regular one: a FIFO or a device that someone
 * put in its place neither blocks the reader nor is read.  Writes one so that
 * it is never seen in part.
 */

#ifndef _MCP_FILE_H_INCLUDED_
#define _MCP_FILE_H_INCLUDED_


#include "mcp_base.h"

#include <sys/types.h>


#define MCP_FILE_WHY_LEN  128


/*
 * All zeroes is a file not read; data is reused by the next read.  stamp: of
 * what was opened, before it was read, or of what could not be.
 */
typedef struct {
    char      *data;
    size_t     len;
    size_t     capacity;
    uint64_t   stamp;
    char       why[MCP_FILE_WHY_LEN];
} mcp_file_t;


/*
 * Reads at most max bytes.  root: a folder, without links in its path, that
 * the file must be in after its links were followed; NULL for anywhere.
 * On MCP_ERROR why ends the sentence "the file ...": "cannot be opened:
 * Permission denied".
 */
int mcp_file_read(mcp_file_t *file, const char *path, size_t max,
    const char *root);
void mcp_file_free(mcp_file_t *file);

/*
 * A number that is another one when the file was replaced or written; 0 when
 * there is none.
 */
uint64_t mcp_file_stamp(const char *path);

/*
 * Writes path by way of path.tmp, fsync() and rename(); mode is what the file
 * has, whatever the umask.  MCP_ERROR leaves errno, and path as it was.
 */
int mcp_file_write(const char *path, const void *data, size_t size,
    mode_t mode);


#endif /* _MCP_FILE_H_INCLUDED_ */
