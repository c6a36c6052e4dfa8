/*
 * Rows of a shared table, given to identities.  Whoever compiles an image
 * assigns the rows and writes their numbers into it, so that a request finds
 * its row without a search, and an identity keeps its row from one image to
 * the next.
 */

#ifndef _MCP_ROWS_H_INCLUDED_
#define _MCP_ROWS_H_INCLUDED_


#include "mcp_base.h"


#define MCP_ROW_NONE  UINT32_MAX


typedef struct mcp_rows_s  mcp_rows_t;


size_t mcp_rows_size(uint32_t capacity);

/* memory: zeroed, shared, aligned to 64 bytes, of the size above; once. */
mcp_rows_t *mcp_rows_init(void *memory, uint32_t capacity);

/*
 * Gives a row to each of n identities (never 0; one may come twice and gets
 * one row).  Those that had a row keep it; a row whose identity is not among
 * them is retired with generation, and free for others once oldest, from
 * mcp_processes_oldest(), has reached the generation it was retired with.
 * fresh, called before a row gets another identity, clears what the row
 * counted.
 *
 * One process at a time may call this; when it is killed in between, the next
 * call completes what it began.  MCP_ERROR, with nothing changed, when
 * rows are missing (*ret_missing says how many) or memory is.
 */
int mcp_rows_assign(mcp_rows_t *rows, const uint64_t *identities, size_t n,
    uint64_t generation, uint64_t oldest,
    void (*fresh)(void *data, uint32_t row), void *data,
    uint32_t *ret_rows, size_t *ret_missing);

/* used: the rows that the last assignment gave or left to identities. */
uint32_t mcp_rows_capacity(const mcp_rows_t *rows);
uint32_t mcp_rows_used(const mcp_rows_t *rows);


#endif /* _MCP_ROWS_H_INCLUDED_ */
