/*
 * Names to addresses, outside the caller: a child process asks the system's
 * resolver with several threads and is killed when the time is over, so that no
 * slow or dead name server ever blocks the caller for longer.
 *
 * A table remembers the last addresses of every name; a name that no longer
 * answers keeps them.
 */

#ifndef _MCP_RESOLVE_H_INCLUDED_
#define _MCP_RESOLVE_H_INCLUDED_


#include "mcp_address.h"
#include "mcp_config.h"
#include "mcp_image.h"


typedef struct mcp_names_s  mcp_names_t;


/* malloc()ed; mcp_names_free() accepts NULL. */
mcp_names_t *mcp_names_new(void);
void mcp_names_free(mcp_names_t *names);

/*
 * Takes over exactly the names that the configuration's URLs have and that
 * are no literal addresses; those it knew keep their addresses.  pods: whether
 * the names of servers of runtime "kubernetes" are wanted.
 */
int mcp_names_set(mcp_names_t *names, const mcp_config_t *config, bool pods);

/*
 * Gives names without an address those that they had in image, so that a
 * start with a slow name server goes on where the last run was.
 */
void mcp_names_learn(mcp_names_t *names, const mcp_image_t *image);

/*
 * Asks for every name, timeout_ms in all, and returns when all have answered
 * or the time is over; also, with *ret_stopped, as soon as stop_fd can be read,
 * unless it is -1: what was not answered until then has not failed.
 * *ret_changed: whether any name's set of addresses differs from before.
 * MCP_ERROR when no child could be made.
 */
int mcp_names_resolve(mcp_names_t *names, unsigned timeout_ms, int stop_fd,
    bool *ret_changed, bool *ret_stopped);

/* mcp_image_addresses_pt over a table: data is the mcp_names_t. */
size_t mcp_names_addresses(void *data, const char *name,
    mcp_address_t *ret_addresses, size_t max);

/* Names asked for, and those of them that have no address. */
size_t mcp_names_count(const mcp_names_t *names);
size_t mcp_names_unresolved(const mcp_names_t *names);

/*
 * The n-th name that failed in the last mcp_names_resolve() and did not in the
 * one before, for one line in a log; NULL past the last.
 */
const char *mcp_names_newly_failed(const mcp_names_t *names, size_t n,
    const char **ret_error);


#endif /* _MCP_RESOLVE_H_INCLUDED_ */
