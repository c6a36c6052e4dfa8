/*
 * A set of strings, each with the value it was first added with: what finds
 * duplicates and references.  Hashed with a random key, because tenants
 * choose the strings.
 */

#ifndef _MCP_SET_H_INCLUDED_
#define _MCP_SET_H_INCLUDED_


#include "mcp_base.h"


typedef struct mcp_set_slot_s  mcp_set_slot_t;

/* All zeroes is an empty set.  The strings are borrowed. */
typedef struct {
    mcp_set_slot_t  *slots;
    size_t           capacity;
    size_t           count;
} mcp_set_t;


/*
 * Adds the string with a value, which is not NULL.  When the set has the
 * string already, it stays and *ret_first is its value; otherwise *ret_first
 * is NULL.  MCP_ERROR: no memory.
 */
int mcp_set_add(mcp_set_t *set, const char *data, size_t len,
    const void *value, const void **ret_first);

/* The string's value, or NULL. */
const void *mcp_set_find(const mcp_set_t *set, const char *data, size_t len);

/* Empties the set and keeps its memory for the next use, unless large. */
void mcp_set_clear(mcp_set_t *set);
void mcp_set_free(mcp_set_t *set);


#endif /* _MCP_SET_H_INCLUDED_ */
