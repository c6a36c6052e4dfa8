/*
 * base64url without padding (RFC 4648, section 5), of which each text has
 * one form only: unused bits are zero.
 */

#ifndef _MCP_BASE64_H_INCLUDED_
#define _MCP_BASE64_H_INCLUDED_


#include "mcp_base.h"


/* Characters of len bytes, and the bytes of len characters. */
#define mcp_base64_len(len)          (((len) * 4 + 2) / 3)
#define mcp_base64_decoded_len(len)  ((len) * 3 / 4)


void mcp_base64_encode(const unsigned char *bytes, size_t len,
    char *ret_text);

/* MCP_ERROR for what mcp_base64_encode() never writes. */
int mcp_base64_decode(const char *text, size_t len,
    unsigned char *ret_bytes);


#endif /* _MCP_BASE64_H_INCLUDED_ */
