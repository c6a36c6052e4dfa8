/*
 * Hashes for tables whose ids strangers may choose, and a checksum against
 * damaged files.
 */

#ifndef _MCP_HASH_H_INCLUDED_
#define _MCP_HASH_H_INCLUDED_


#include "mcp_base.h"


/* A fresh random seed; MCP_ERROR when the system has no randomness. */
int mcp_hash_seed(uint64_t ret_seed[2]);

/* SipHash-1-3 under the seed of prefix, as 8 bytes little endian, and data. */
uint64_t mcp_hash(const uint64_t seed[2], uint64_t prefix, const void *data,
    size_t len);

/* Slots of an open table for count entries: a power of two, half of it free. */
uint64_t mcp_hash_slots(uint64_t count);

/*
 * 64 bits over len bytes, a multiple of 8, at about the speed of memory.  A
 * change within one 8-byte word always changes it.  Not for data that somebody
 * may have forged.
 */
uint64_t mcp_hash_checksum(const void *data, size_t len);


#endif /* _MCP_HASH_H_INCLUDED_ */
