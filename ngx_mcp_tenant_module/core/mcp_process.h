/*
 * The table of processes that share a zone.  Each holds a robust,
 * process-shared mutex in its row for life, so that the kernel itself tells of
 * its death, however it came: no pid is ever asked for, no time waited out.
 *
 * Whoever holds that mutex may change the row, a process its own, a reaper
 * that of a dead one; there is no lock over the whole table, so that a stopped
 * process holds up nobody.
 */

#ifndef _MCP_PROCESS_H_INCLUDED_
#define _MCP_PROCESS_H_INCLUDED_


#include "mcp_base.h"


/* Processes that count in cells of their own. */
#define MCP_PROCESSES_MAX       64

/* The cell that all others share, and the first of their rows. */
#define MCP_PROCESS_OVERFLOW    MCP_PROCESSES_MAX

#define MCP_PROCESS_CELLS       (MCP_PROCESS_OVERFLOW + 1)
#define MCP_PROCESS_ROWS        512

/* For a reaper that has no row. */
#define MCP_PROCESS_NONE        UINT32_MAX

/* What a process announces that uses no image. */
#define MCP_GENERATION_NONE     UINT64_MAX

#define mcp_process_cell(process)                                             \
    ((process) < MCP_PROCESS_OVERFLOW ? (process) : MCP_PROCESS_OVERFLOW)


typedef struct mcp_processes_s  mcp_processes_t;


typedef struct {
    int32_t   pid;
    uint64_t  oldest;
    uint64_t  serves;
} mcp_process_info_t;


/*
 * Gives back what a dead process held; may come twice for one death.  It
 * comes for MCP_PROCESS_OVERFLOW when none is left of those that shared it:
 * until then, what one of them held when it died stays counted.
 */
typedef void (*mcp_process_reclaim_pt)(void *data, uint32_t process);


size_t mcp_processes_size(void);

/* memory: zeroed, shared, aligned to 64 bytes, of the size above; once. */
int mcp_processes_init(void *memory, mcp_processes_t **ret_processes);

/*
 * Takes a row for this process, reclaiming first what dead ones held.
 * *ret_process is the row: MCP_PROCESS_OVERFLOW or more when no cells are
 * left.  MCP_ERROR when all MCP_PROCESS_ROWS are in use.  The row is given up
 * with mcp_process_detach() or by death of the calling thread; the memory must
 * stay mapped until then.  A fork does not inherit it.
 */
int mcp_process_attach(mcp_processes_t *processes,
    mcp_process_reclaim_pt reclaim, void *data, uint32_t *ret_process);

/* What the process still holds is reclaimed by the next that looks. */
void mcp_process_detach(mcp_processes_t *processes, uint32_t process);

/*
 * Looks for processes that died and reclaims what they held; process is the
 * caller's own row.  Returns how many died without mcp_process_detach().
 * Never waits; several may be at it at once.
 */
uint32_t mcp_processes_reap(mcp_processes_t *processes, uint32_t process,
    mcp_process_reclaim_pt reclaim, void *data);

/*
 * The oldest generation of an image that the process still uses; rows of
 * older images are not reused before every process has gone on.  Until its
 * first announcement, an attached process counts as using them all: one that
 * uses none must announce MCP_GENERATION_NONE.
 */
void mcp_process_announce(mcp_processes_t *processes, uint32_t process,
    uint64_t generation);
uint64_t mcp_processes_oldest(const mcp_processes_t *processes);

/* Rows up to the highest that was ever used: what sums must look at. */
uint32_t mcp_processes_used(const mcp_processes_t *processes);
uint64_t mcp_processes_reclaimed(const mcp_processes_t *processes);

/*
 * The newest image that the process serves requests with, or
 * MCP_GENERATION_NONE when it takes no new requests.  Until the first call an
 * attached process serves generation 0.
 */
void mcp_process_serve(mcp_processes_t *processes, uint32_t process,
    uint64_t generation);

/* The oldest generation that any process serves, MCP_GENERATION_NONE: none. */
uint64_t mcp_processes_serving(const mcp_processes_t *processes);

/* As announced and served; false when the row is free. */
bool mcp_process_info(const mcp_processes_t *processes, uint32_t process,
    mcp_process_info_t *ret_info);


#endif /* _MCP_PROCESS_H_INCLUDED_ */
