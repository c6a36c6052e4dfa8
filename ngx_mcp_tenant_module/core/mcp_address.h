/*
 * Network addresses: parsing, ranges, and the classes of address that a
 * catalog may not name unless the operator opens them.
 */

#ifndef _MCP_ADDRESS_H_INCLUDED_
#define _MCP_ADDRESS_H_INCLUDED_


#include "mcp_base.h"

#include <sys/socket.h>
#include <netinet/in.h>


#define MCP_ADDRESS_TEXT_LEN  (sizeof("[ffff:ffff:ffff:ffff:ffff:ffff:"       \
                                      "255.255.255.255]:65535"))


typedef union {
    struct sockaddr      sa;
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;
} mcp_address_t;


/* An IPv4 or IPv6 range; IPv4-mapped IPv6 addresses count as IPv4. */
typedef struct {
    unsigned char  prefix[16];
    uint8_t        bits;
    uint8_t        family;      /* AF_INET, AF_INET6 */
} mcp_cidr_t;


/*
 * text: "127.0.0.0/8", "::1" (one address) and the like.  Host bits that
 * are set are an error.  Returns MCP_OK or MCP_ERROR.
 */
int mcp_cidr_parse(const char *text, size_t len, mcp_cidr_t *ret_cidr);

/* Whether every address of inner is one of outer. */
bool mcp_cidr_holds(const mcp_cidr_t *outer, const mcp_cidr_t *inner);

/* text: an IPv4 dotted quad, or IPv6 with or without brackets; no names. */
int mcp_address_parse(const char *text, size_t len, uint16_t port,
    mcp_address_t *ret_address);

socklen_t mcp_address_len(const mcp_address_t *address);

/* Writes "10.0.0.1:80" or "[::1]:80" with a NUL; returns its length. */
size_t mcp_address_text(const mcp_address_t *address,
    char text[MCP_ADDRESS_TEXT_LEN]);

/*
 * Whether both are of the same host, ports aside; an IPv4-mapped IPv6 address
 * is the IPv4 one.
 */
bool mcp_address_same(const struct sockaddr *one, const struct sockaddr *two);

/* Whether it is one of 127.0.0.0/8 or ::1. */
bool mcp_address_is_loopback(const struct sockaddr *sa);

/*
 * Why a catalog may not reach the address: "a loopback address", "a
 * link-local address", "a cloud metadata address", "an unspecified address",
 * "a multicast address" and the like; NULL when it may.  Addresses embedded
 * in IPv6 (mapped, compatible, NAT64, 6to4) are judged by the embedded one.
 * A range in allow opens any of them.
 */
const char *mcp_address_refused(const struct sockaddr *sa,
    const mcp_cidr_t *allow, size_t nallow);


#endif /* _MCP_ADDRESS_H_INCLUDED_ */
