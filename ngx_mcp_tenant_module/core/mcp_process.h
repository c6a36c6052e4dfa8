/*
 * The table of processes that share a zone.  Each holds a robust,
 * process-shared mutex in its row for life, so that the kernel itself tells of
 * its death, however it came: no pid is ever asked for, no time waited out.
 */

#ifndef _MCP_PROCESS_H_INCLUDED_
#define _MCP_PROCESS_H_INCLUDED_


#include "mcp_base.h"


#define MCP_PROCESSES_MAX       64

/* The row that all share who found the table full. */
#define MCP_PROCESS_OVERFLOW    MCP_PROCESSES_MAX

/* What a process announces that uses no image. */
#define MCP_GENERATION_NONE     UINT64_MAX


typedef struct mcp_processes_s  mcp_processes_t;

/* Gives back what a dead process held; called with the table locked. */
typedef void (*mcp_process_reclaim_pt)(void *data, uint32_t process);


size_t mcp_processes_size(void);

/* memory: zeroed, shared, aligned to 64 bytes, of the size above; once. */
int mcp_processes_init(void *memory, mcp_processes_t **ret_processes);

/*
 * Takes a row for this process, reclaiming first what dead ones held.
 * *ret_process is the row, or MCP_PROCESS_OVERFLOW when none is free.  The
 * row is given up with mcp_process_detach() or by death; the memory must stay
 * mapped until then.  A fork does not inherit it.
 */
int mcp_process_attach(mcp_processes_t *processes,
    mcp_process_reclaim_pt reclaim, void *data, uint32_t *ret_process);
void mcp_process_detach(mcp_processes_t *processes, uint32_t process);

/*
 * Looks for processes that died and reclaims what they held; process is the
 * caller's own row.  Returns how many there were.  Never waits for a live
 * process: when another one is at it, returns 0 at once.
 */
uint32_t mcp_processes_reap(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data);

/*
 * The oldest generation of an image that the process still uses; rows of
 * older images are not reused before every process has gone on.
 */
void mcp_process_announce(mcp_processes_t *processes, uint32_t process,
    uint64_t generation);
uint64_t mcp_processes_oldest(const mcp_processes_t *processes);

/* Rows up to the highest that was ever used: what sums must look at. */
uint32_t mcp_processes_used(const mcp_processes_t *processes);
uint64_t mcp_processes_reclaimed(const mcp_processes_t *processes);

/* For status pages: false when the row is free. */
bool mcp_process_info(const mcp_processes_t *processes, uint32_t process,
    int32_t *ret_pid, uint64_t *ret_generation);


#endif /* _MCP_PROCESS_H_INCLUDED_ */
