/*
 * Network addresses: parsing, ranges, refused classes.
 */

#include "mcp_address.h"

#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>


/* What an address is refused for; bits of prefix that count. */
typedef struct {
    unsigned char   prefix[16];
    unsigned        bits;
    const char     *why;
} mcp_address_class_t;


static int mcp_address_bytes(const char *text, size_t len,
    unsigned char ret_bytes[16], int *ret_family);
static bool mcp_address_in(const struct sockaddr *sa, struct in_addr *ret_in);
static bool mcp_address_match(const unsigned char *bytes,
    const unsigned char *prefix, unsigned bits);
static bool mcp_address_allowed(const unsigned char *bytes, int family,
    const mcp_cidr_t *allow, size_t nallow);
static const char *mcp_address_class(const unsigned char *bytes,
    const mcp_address_class_t *classes);
static const char *mcp_address_refused4(const unsigned char *bytes,
    const mcp_cidr_t *allow, size_t nallow);
static const char *mcp_address_refused6(const unsigned char *bytes,
    const mcp_cidr_t *allow, size_t nallow);


static const char  mcp_address_unspecified[] = "an unspecified address";
static const char  mcp_address_loopback[] = "a loopback address";
static const char  mcp_address_link_local[] = "a link-local address";
static const char  mcp_address_metadata[] = "a cloud metadata address";
static const char  mcp_address_multicast[] = "a multicast address";
static const char  mcp_address_broadcast[] = "a broadcast address";
static const char  mcp_address_reserved[] = "a reserved address";


/* The first that matches counts, so that single addresses stand first. */
static const mcp_address_class_t  mcp_address_classes4[] = {
    { { 169, 254, 169, 254 }, 32, mcp_address_metadata },  /* most clouds */
    { { 169, 254, 170, 2 },   32, mcp_address_metadata },  /* Amazon ECS */
    { { 169, 254, 170, 23 },  32, mcp_address_metadata },  /* Amazon EKS */
    { { 168, 63, 129, 16 },   32, mcp_address_metadata },  /* Azure */
    { { 100, 100, 100, 200 }, 32, mcp_address_metadata },  /* Alibaba */
    { { 192, 0, 0, 192 },     32, mcp_address_metadata },  /* Oracle */
    { { 255, 255, 255, 255 }, 32, mcp_address_broadcast },
    { { 0 },                   8, mcp_address_unspecified },
    { { 127 },                 8, mcp_address_loopback },
    { { 169, 254 },           16, mcp_address_link_local },
    { { 192, 0, 0 },          24, mcp_address_reserved },
    { { 224 },                 4, mcp_address_multicast },
    { { 240 },                 4, mcp_address_reserved },
    { { 0 },                   0, NULL }
};

static const mcp_address_class_t  mcp_address_classes6[] = {
    { { 0 },                                128, mcp_address_unspecified },
    { { 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 1 },           128, mcp_address_loopback },
    { { 0xfd, 0x00, 0x0e, 0xc2 },            32, mcp_address_metadata },
    { { 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0x02, 0x54 },     128, mcp_address_metadata },
    { { 0xfe, 0x80 },                        10, mcp_address_link_local },
    { { 0xfe, 0xc0 },                        10, mcp_address_reserved },
    { { 0xff },                               8, mcp_address_multicast },
    { { 0x01 },                              64, mcp_address_reserved },
    { { 0 },                                  0, NULL }
};


/* Where an IPv4 address stands inside IPv6; all but the first 3 are tunnels */
static const struct {
    unsigned char  prefix[12];
    uint8_t        bits;
    uint8_t        offset;
    uint8_t        inverted;
} mcp_address_embedded[] = {
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96, 12, 0x00 },
    { { 0 },                                         96, 12, 0x00 },
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0 }, 96, 12, 0x00 },
    { { 0x00, 0x64, 0xff, 0x9b },                    96, 12, 0x00 },
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 },        48, 12, 0x00 },
    { { 0x20, 0x02 },                                16,  2, 0x00 },
    { { 0x20, 0x01, 0x00, 0x00 },                    32, 12, 0xff }
};

#define MCP_ADDRESS_EMBEDDED  (sizeof(mcp_address_embedded)                   \
                               / sizeof(mcp_address_embedded[0]))


int
mcp_cidr_parse(const char *text, size_t len, mcp_cidr_t *ret_cidr)
{
    int          family;
    size_t       i, address_len, digits;
    unsigned     bits, max;
    mcp_cidr_t   cidr;
    const char  *slash;

    slash = memchr(text, '/', len);
    address_len = slash ? (size_t) (slash - text) : len;

    memset(&cidr, 0, sizeof(mcp_cidr_t));

    if (mcp_address_bytes(text, address_len, cidr.prefix, &family)
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    max = family == AF_INET ? 32 : 128;
    bits = max;

    if (slash) {
        digits = len - address_len - 1;

        if (digits < 1 || digits > 3 || (slash[1] == '0' && digits > 1)) {
            return MCP_ERROR;
        }

        bits = 0;

        for (i = 1; i <= digits; i++) {
            if (slash[i] < '0' || slash[i] > '9') {
                return MCP_ERROR;
            }

            bits = bits * 10 + (unsigned) (slash[i] - '0');
        }

        if (bits > max) {
            return MCP_ERROR;
        }
    }

    for (i = bits; i < max; i++) {
        if (cidr.prefix[i / 8] & (0x80 >> i % 8)) {
            return MCP_ERROR;
        }
    }

    /* an IPv4-mapped range is the IPv4 range */

    if (family == AF_INET6 && bits >= 96
        && mcp_address_match(cidr.prefix, mcp_address_embedded[0].prefix, 96))
    {
        memmove(cidr.prefix, cidr.prefix + 12, 4);
        memset(cidr.prefix + 4, 0, 12);

        family = AF_INET;
        bits -= 96;
    }

    cidr.bits = (uint8_t) bits;
    cidr.family = (uint8_t) family;

    *ret_cidr = cidr;

    return MCP_OK;
}


bool
mcp_cidr_holds(const mcp_cidr_t *outer, const mcp_cidr_t *inner)
{
    return outer->family == inner->family && outer->bits <= inner->bits
           && mcp_address_match(inner->prefix, outer->prefix, outer->bits);
}


int
mcp_address_parse(const char *text, size_t len, uint16_t port,
    mcp_address_t *ret_address)
{
    int            family;
    unsigned char  bytes[16];

    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;

        if (memchr(text, ':', len) == NULL) {
            return MCP_ERROR;
        }
    }

    if (mcp_address_bytes(text, len, bytes, &family) != MCP_OK) {
        return MCP_ERROR;
    }

    memset(ret_address, 0, sizeof(mcp_address_t));

    if (family == AF_INET) {
        ret_address->in.sin_family = AF_INET;
        ret_address->in.sin_port = htons(port);
        memcpy(&ret_address->in.sin_addr, bytes, 4);

    } else {
        ret_address->in6.sin6_family = AF_INET6;
        ret_address->in6.sin6_port = htons(port);
        memcpy(&ret_address->in6.sin6_addr, bytes, 16);
    }

    return MCP_OK;
}


/* inet_pton() takes a strict dotted quad only, and no zone */
static int
mcp_address_bytes(const char *text, size_t len, unsigned char ret_bytes[16],
    int *ret_family)
{
    int   family;
    char  buf[INET6_ADDRSTRLEN];

    if (len == 0 || len >= sizeof(buf) || memchr(text, '\0', len)) {
        return MCP_ERROR;
    }

    memcpy(buf, text, len);
    buf[len] = '\0';

    family = strchr(buf, ':') ? AF_INET6 : AF_INET;

    if (inet_pton(family, buf, ret_bytes) != 1) {
        return MCP_ERROR;
    }

    *ret_family = family;

    return MCP_OK;
}


socklen_t
mcp_address_len(const mcp_address_t *address)
{
    return address->sa.sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                            : sizeof(struct sockaddr_in6);
}


bool
mcp_address_same(const struct sockaddr *one, const struct sockaddr *two)
{
    struct in_addr              a, b;
    const struct sockaddr_in6  *x, *y;

    if (mcp_address_in(one, &a) && mcp_address_in(two, &b)) {
        return a.s_addr == b.s_addr;
    }

    if (one->sa_family != AF_INET6 || two->sa_family != AF_INET6) {
        return false;
    }

    x = (const struct sockaddr_in6 *) one;
    y = (const struct sockaddr_in6 *) two;

    return memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
}


bool
mcp_address_is_loopback(const struct sockaddr *sa)
{
    struct in_addr  in;

    if (mcp_address_in(sa, &in)) {
        return ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
    }

    return sa->sa_family == AF_INET6
           && IN6_IS_ADDR_LOOPBACK(
                          &((const struct sockaddr_in6 *) sa)->sin6_addr);
}


/* Whether it is an IPv4 address, mapped or not. */
static bool
mcp_address_in(const struct sockaddr *sa, struct in_addr *ret_in)
{
    const struct sockaddr_in6  *in6;

    if (sa->sa_family == AF_INET) {
        *ret_in = ((const struct sockaddr_in *) sa)->sin_addr;
        return true;
    }

    in6 = (const struct sockaddr_in6 *) sa;

    if (sa->sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        return false;
    }

    memcpy(ret_in, &in6->sin6_addr.s6_addr[12], sizeof(struct in_addr));

    return true;
}


size_t
mcp_address_text(const mcp_address_t *address,
    char text[MCP_ADDRESS_TEXT_LEN])
{
    int   n;
    char  buf[INET6_ADDRSTRLEN];

    if (address->sa.sa_family == AF_INET) {
        (void) inet_ntop(AF_INET, &address->in.sin_addr, buf, sizeof(buf));
        n = snprintf(text, MCP_ADDRESS_TEXT_LEN, "%s:%u", buf,
                     ntohs(address->in.sin_port));

    } else {
        (void) inet_ntop(AF_INET6, &address->in6.sin6_addr, buf,
                         sizeof(buf));
        n = snprintf(text, MCP_ADDRESS_TEXT_LEN, "[%s]:%u", buf,
                     ntohs(address->in6.sin6_port));
    }

    return (size_t) n;
}


const char *
mcp_address_refused(const struct sockaddr *sa, const mcp_cidr_t *allow,
    size_t nallow)
{
    mcp_address_t  address;

    switch (sa->sa_family) {

    case AF_INET:
        memcpy(&address.in, sa, sizeof(struct sockaddr_in));
        return mcp_address_refused4((unsigned char *) &address.in.sin_addr,
                                    allow, nallow);

    case AF_INET6:
        memcpy(&address.in6, sa, sizeof(struct sockaddr_in6));
        return mcp_address_refused6((unsigned char *) &address.in6.sin6_addr,
                                    allow, nallow);

    default:
        return "no network address";
    }
}


static const char *
mcp_address_refused4(const unsigned char *bytes, const mcp_cidr_t *allow,
    size_t nallow)
{
    const char  *why;

    why = mcp_address_class(bytes, mcp_address_classes4);

    if (why && mcp_address_allowed(bytes, AF_INET, allow, nallow)) {
        return NULL;
    }

    return why;
}


static const char *
mcp_address_refused6(const unsigned char *bytes, const mcp_cidr_t *allow,
    size_t nallow)
{
    size_t         i, n;
    const char    *why;
    unsigned char  inner[4];

    /* an IPv4-mapped address is IPv4 on the wire: no IPv6 range opens it */

    if (mcp_address_match(bytes, mcp_address_embedded[0].prefix, 96)) {
        return mcp_address_refused4(bytes + 12, allow, nallow);
    }

    if (mcp_address_allowed(bytes, AF_INET6, allow, nallow)) {
        return NULL;
    }

    why = mcp_address_class(bytes, mcp_address_classes6);
    if (why) {
        return why;
    }

    for (i = 0; i < MCP_ADDRESS_EMBEDDED; i++) {

        if (!mcp_address_match(bytes, mcp_address_embedded[i].prefix,
                               mcp_address_embedded[i].bits))
        {
            continue;
        }

        for (n = 0; n < 4; n++) {
            inner[n] = bytes[mcp_address_embedded[i].offset + n]
                       ^ mcp_address_embedded[i].inverted;
        }

        return mcp_address_refused4(inner, allow, nallow);
    }

    return NULL;
}


static const char *
mcp_address_class(const unsigned char *bytes,
    const mcp_address_class_t *classes)
{
    const mcp_address_class_t  *class;

    for (class = classes; class->why; class++) {
        if (mcp_address_match(bytes, class->prefix, class->bits)) {
            return class->why;
        }
    }

    return NULL;
}


static bool
mcp_address_allowed(const unsigned char *bytes, int family,
    const mcp_cidr_t *allow, size_t nallow)
{
    size_t  i;

    for (i = 0; i < nallow; i++) {
        if (allow[i].family == family
            && mcp_address_match(bytes, allow[i].prefix, allow[i].bits))
        {
            return true;
        }
    }

    return false;
}


static bool
mcp_address_match(const unsigned char *bytes, const unsigned char *prefix,
    unsigned bits)
{
    unsigned  whole, rest;

    whole = bits / 8;
    rest = bits % 8;

    return memcmp(bytes, prefix, whole) == 0
           && (rest == 0
               || ((bytes[whole] ^ prefix[whole]) & (0xff00 >> rest) & 0xff)
                  == 0);
}
