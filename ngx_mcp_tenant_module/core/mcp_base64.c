/*
 * base64url.  Keys pass through here, so no step depends on what a
 * character is: values are computed, not looked up.
 */

#include "mcp_base64.h"


static char mcp_base64_character(unsigned value);
static unsigned mcp_base64_value(char c);
static unsigned mcp_base64_within(unsigned c, unsigned low, unsigned high);


void
mcp_base64_encode(const unsigned char *bytes, size_t len, char *ret_text)
{
    size_t    i;
    unsigned  bits, held;

    held = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        held = (held << 8 | bytes[i]) & 0xffff;

        for (bits += 8; bits >= 6; bits -= 6) {
            *ret_text++ = mcp_base64_character(held >> (bits - 6) & 0x3f);
        }
    }

    if (bits) {
        *ret_text = mcp_base64_character(held << (6 - bits) & 0x3f);
    }
}


int
mcp_base64_decode(const char *text, size_t len, unsigned char *ret_bytes)
{
    size_t    i;
    unsigned  bits, held, value, wrong;

    held = 0;
    bits = 0;
    wrong = (len % 4 == 1);

    for (i = 0; i < len; i++) {
        value = mcp_base64_value(text[i]);
        wrong |= value >> 6;

        held = (held << 6 | (value & 0x3f)) & 0xffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *ret_bytes++ = (unsigned char) (held >> bits);
        }
    }

    wrong |= held & ((1u << bits) - 1);

    return wrong ? MCP_ERROR : MCP_OK;
}


static char
mcp_base64_character(unsigned value)
{
    unsigned  c;

    c = mcp_base64_within(value, 0, 25) & (value + 'A');
    c |= mcp_base64_within(value, 26, 51) & (value - 26 + 'a');
    c |= mcp_base64_within(value, 52, 61) & (value - 52 + '0');
    c |= mcp_base64_within(value, 62, 62) & '-';
    c |= mcp_base64_within(value, 63, 63) & '_';

    return (char) c;
}


/* 64 for what is no character of base64url */
static unsigned
mcp_base64_value(char character)
{
    unsigned  c, value;

    /* one more than the value, so that none is 0 */

    c = (unsigned char) character;

    value = mcp_base64_within(c, 'A', 'Z') & (c - 'A' + 1);
    value |= mcp_base64_within(c, 'a', 'z') & (c - 'a' + 27);
    value |= mcp_base64_within(c, '0', '9') & (c - '0' + 53);
    value |= mcp_base64_within(c, '-', '-') & 63;
    value |= mcp_base64_within(c, '_', '_') & 64;

    return value + (mcp_base64_within(value, 0, 0) & 65) - 1;
}


/* All bits when low <= c <= high, otherwise none; all are below 256. */
static unsigned
mcp_base64_within(unsigned c, unsigned low, unsigned high)
{
    return (((c - low) | (high - c)) >> 31) - 1;
}
