/*
 * Asking the system's resolver for many names at a time, in a process of its
 * own: private to mcp_resolve*.c.
 */

#ifndef _MCP_RESOLVE_ASK_H_INCLUDED_
#define _MCP_RESOLVE_ASK_H_INCLUDED_


#include "mcp_image.h"


/* name: a number that comes back with the answer */
typedef struct {
    const char  *text;
    uint32_t     name;
} mcp_resolve_job_t;


/*
 * What the process tells, each in one piece: that it now asks for a name, and
 * later the answer, sorted and without ports.  error: of getaddrinfo().
 */
typedef struct {
    uint32_t       name;
    uint32_t       is_answer;
    int32_t        error;
    uint32_t       naddresses;
    mcp_address_t  addresses[MCP_IMAGE_NAME_ADDRESSES_MAX];
} mcp_resolve_record_t;


/* all answered, or the process ended early; timeout_ms over; stopped */
typedef enum {
    MCP_RESOLVE_DONE,
    MCP_RESOLVE_TIMED_OUT,
    MCP_RESOLVE_STOPPED
} mcp_resolve_end_e;


typedef void (*mcp_resolve_take_pt)(void *data,
    const mcp_resolve_record_t *record);


/*
 * Asks for the jobs in their order, several at once, and calls take for each
 * record until all are answered, the process ends early, timeout_ms are over,
 * or stop_fd, unless it is -1, can be read; *ret_end says which.  The process
 * is gone on return.  MCP_ERROR when it could not be made; then take was not
 * called.
 */
int mcp_resolve_ask(const mcp_resolve_job_t *jobs, size_t njobs,
    unsigned timeout_ms, int stop_fd, mcp_resolve_take_pt take, void *data,
    mcp_resolve_end_e *ret_end);


#endif /* _MCP_RESOLVE_ASK_H_INCLUDED_ */
