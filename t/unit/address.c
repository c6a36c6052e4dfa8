/*
 * Addresses: parsing, ranges, refused classes, and the ranges that open them.
 */

#include "mcp_address.h"
#include "tap.h"


typedef struct {
    const char  *text;
    const char  *allow;
    const char  *why;
} address_case_t;


static const address_case_t  cases[] = {
    { "10.0.0.1", NULL, NULL },
    { "192.168.1.1", NULL, NULL },
    { "8.8.8.8", NULL, NULL },
    { "2001:db8::1", NULL, NULL },
    { "fd00::1", NULL, NULL },
    { "64:ff9b::808:808", NULL, NULL },
    { "2002:808:808::1", NULL, NULL },
    { "::ffff:10.0.0.1", NULL, NULL },

    { "0.0.0.0", NULL, "an unspecified address" },
    { "0.1.2.3", NULL, "an unspecified address" },
    { "::", NULL, "an unspecified address" },
    { "127.0.0.1", NULL, "a loopback address" },
    { "127.255.255.254", NULL, "a loopback address" },
    { "::1", NULL, "a loopback address" },
    { "169.254.0.1", NULL, "a link-local address" },
    { "fe80::1", NULL, "a link-local address" },
    { "febf::1", NULL, "a link-local address" },
    { "169.254.169.254", NULL, "a cloud metadata address" },
    { "169.254.170.2", NULL, "a cloud metadata address" },
    { "168.63.129.16", NULL, "a cloud metadata address" },
    { "100.100.100.200", NULL, "a cloud metadata address" },
    { "fd00:ec2::254", NULL, "a cloud metadata address" },
    { "fd20:ce::254", NULL, "a cloud metadata address" },
    { "224.0.0.1", NULL, "a multicast address" },
    { "239.255.255.255", NULL, "a multicast address" },
    { "ff02::1", NULL, "a multicast address" },
    { "240.0.0.1", NULL, "a reserved address" },
    { "255.255.255.255", NULL, "a broadcast address" },
    { "192.0.0.8", NULL, "a reserved address" },
    { "fec0::1", NULL, "a reserved address" },
    { "100::1", NULL, "a reserved address" },

    { "::ffff:127.0.0.1", NULL, "a loopback address" },
    { "::127.0.0.1", NULL, "a loopback address" },
    { "::ffff:0:127.0.0.1", NULL, "a loopback address" },
    { "64:ff9b::127.0.0.1", NULL, "a loopback address" },
    { "64:ff9b:1::169.254.169.254", NULL, "a cloud metadata address" },
    { "2002:7f00:1::", NULL, "a loopback address" },
    { "2002:a9fe:a9fe::1", NULL, "a cloud metadata address" },
    { "2001:0:1:2:3:4:80ff:fffe", NULL, "a loopback address" },

    { "127.0.0.1", "127.0.0.0/8", NULL },
    { "127.0.0.1", "127.0.0.1", NULL },
    { "127.0.0.2", "127.0.0.1", "a loopback address" },
    { "127.0.0.1", "::1", "a loopback address" },
    { "::1", "::1", NULL },
    { "::1", "127.0.0.0/8", "a loopback address" },
    { "::ffff:127.0.0.1", "127.0.0.0/8", NULL },
    { "127.0.0.1", "::ffff:127.0.0.0/104", NULL },
    { "::ffff:127.0.0.1", "::/0", "a loopback address" },
    { "64:ff9b::127.0.0.1", "127.0.0.0/8", NULL },
    { "64:ff9b::127.0.0.1", "64:ff9b::/96", NULL },
    { "169.254.169.254", "169.254.0.0/16", NULL },
    { "0.0.0.0", "0.0.0.0/0", NULL },
    { "fe80::1", "fe80::/10", NULL },
    { NULL, NULL, NULL }
};


static const char *const  no_addresses[] = {
    "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "0x7f.0.0.1",
    "2130706433", "1.2.3.4 ", ":::", "fe80::1%eth0", "[1.2.3.4]", "[::1",
    "::1]", "localhost", "1:2:3:4:5:6:7:8:9", NULL
};

static const char *const  no_ranges[] = {
    "", "/8", "127.0.0.1/8", "127.0.0.0/33", "127.0.0.0/", "127.0.0.0/08",
    "127.0.0.0/+8", "127.0.0.0/8 ", "::1/64", "::/129", "127.0.0.0/8/8",
    "localhost", "unix:", NULL
};


static void classes(void);
static void texts(void);
static void hosts(void);


int
main(void)
{
    classes();
    texts();
    hosts();

    return done();
}


static void
classes(void)
{
    const char            *why;
    mcp_cidr_t             allow;
    mcp_address_t          address;
    struct sockaddr        unix_address = { .sa_family = AF_UNIX };
    const address_case_t  *one;

    for (one = cases; one->text; one++) {

        if (mcp_address_parse(one->text, strlen(one->text), 80, &address)
            != MCP_OK
            || (one->allow && mcp_cidr_parse(one->allow, strlen(one->allow),
                                             &allow)
                              != MCP_OK))
        {
            ok(false, "%s is an address", one->text);
            continue;
        }

        why = mcp_address_refused(&address.sa, &allow, one->allow ? 1 : 0);

        is_str(why ? why : "fine", one->why ? one->why : "fine", one->text);
    }

    is_str(mcp_address_refused(&unix_address, NULL, 0), "no network address",
           "a unix socket");
}


static void
hosts(void)
{
    mcp_address_t  one, two, mapped, six;

    (void) mcp_address_parse("127.0.0.1", 9, 80, &one);
    (void) mcp_address_parse("127.0.0.2", 9, 80, &two);
    (void) mcp_address_parse("::ffff:127.0.0.1", 16, 443, &mapped);
    (void) mcp_address_parse("::1", 3, 80, &six);

    ok(mcp_address_same(&one.sa, &one.sa), "an address is the same");
    ok(!mcp_address_same(&one.sa, &two.sa), "its neighbour is not");
    ok(mcp_address_same(&one.sa, &mapped.sa), "mapped, it is");
    ok(mcp_address_same(&mapped.sa, &one.sa), "and the other way round");
    ok(mcp_address_same(&six.sa, &six.sa), "an IPv6 address is the same");
    ok(!mcp_address_same(&six.sa, &one.sa), "IPv4 and IPv6 differ");
    ok(!mcp_address_same(&six.sa, &mapped.sa), "IPv6 and mapped differ");

    ok(mcp_address_is_loopback(&two.sa), "127.0.0.2 is a loopback address");
    ok(mcp_address_is_loopback(&mapped.sa), "so is a mapped one");
    ok(mcp_address_is_loopback(&six.sa), "so is ::1");

    (void) mcp_address_parse("128.0.0.1", 9, 80, &one);
    (void) mcp_address_parse("::2", 3, 80, &six);

    ok(!mcp_address_is_loopback(&one.sa), "128.0.0.1 is none");
    ok(!mcp_address_is_loopback(&six.sa), "::2 is none");
}


static void
texts(void)
{
    char                text[MCP_ADDRESS_TEXT_LEN];
    mcp_cidr_t          range;
    mcp_address_t       address;
    const char *const  *one;

    for (one = no_addresses; *one; one++) {
        is_int(mcp_address_parse(*one, strlen(*one), 0, &address), MCP_ERROR,
               *one);
    }

    is_int(mcp_address_parse("1.2.3.4\0", 8, 0, &address), MCP_ERROR,
           "a NUL in an address");

    for (one = no_ranges; *one; one++) {
        is_int(mcp_cidr_parse(*one, strlen(*one), &range), MCP_ERROR, *one);
    }

    (void) mcp_address_parse("10.0.0.1", 8, 80, &address);
    is_int((long long) mcp_address_text(&address, text), 11, "its length");
    is_str(text, "10.0.0.1:80", "an IPv4 address as text");
    is_int(mcp_address_len(&address), sizeof(struct sockaddr_in), "sockaddr");

    (void) mcp_address_parse("[2001:DB8::1]", 13, 65535, &address);
    (void) mcp_address_text(&address, text);
    is_str(text, "[2001:db8::1]:65535", "an IPv6 address as text");
    is_int(mcp_address_len(&address), sizeof(struct sockaddr_in6),
           "sockaddr_in6");

    (void) mcp_cidr_parse("::ffff:127.0.0.0/104", 20, &range);
    is_int(range.family, AF_INET, "a mapped range is IPv4");
    is_int(range.bits, 8, "and so are its bits");
}
