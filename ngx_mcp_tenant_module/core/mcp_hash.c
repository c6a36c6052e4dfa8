/*
 * SipHash as its authors published it, with one round for each word and three
 * to finish, and a checksum of four lanes.
 */

#include "mcp_hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>


#define MCP_HASH_SLOTS_MIN  4

#define MCP_HASH_LANES      4

/* the first 64 bits of the fractional parts of sqrt(2) and of pi, made odd */
#define MCP_HASH_FACTOR     0x6a09e667f3bcc909ULL
#define MCP_HASH_START      0x243f6a8885a308d3ULL

#define mcp_rotate(n, bits)  (((n) << (bits)) | ((n) >> (64 - (bits))))


static void mcp_hash_round(uint64_t state[4]);
static void mcp_hash_word(uint64_t state[4], uint64_t word);
static uint64_t mcp_hash_mix(uint64_t lane, uint64_t word);


int
mcp_hash_seed(uint64_t ret_seed[2])
{
    ssize_t  n;

    do {
        n = getrandom(ret_seed, 2 * sizeof(uint64_t), 0);
    } while (n == -1 && errno == EINTR);

    return n == (ssize_t) (2 * sizeof(uint64_t)) ? MCP_OK : MCP_ERROR;
}


static void
mcp_hash_round(uint64_t state[4])
{
    state[0] += state[1];
    state[2] += state[3];
    state[1] = mcp_rotate(state[1], 13) ^ state[0];
    state[3] = mcp_rotate(state[3], 16) ^ state[2];
    state[0] = mcp_rotate(state[0], 32);

    state[2] += state[1];
    state[0] += state[3];
    state[1] = mcp_rotate(state[1], 17) ^ state[2];
    state[3] = mcp_rotate(state[3], 21) ^ state[0];
    state[2] = mcp_rotate(state[2], 32);
}


static void
mcp_hash_word(uint64_t state[4], uint64_t word)
{
    state[3] ^= word;
    mcp_hash_round(state);
    state[0] ^= word;
}


uint64_t
mcp_hash(const uint64_t seed[2], uint64_t prefix, const void *data,
    size_t len)
{
    size_t                left;
    uint64_t              word, state[4];
    const unsigned char  *p;

    state[0] = seed[0] ^ 0x736f6d6570736575ULL;
    state[1] = seed[1] ^ 0x646f72616e646f6dULL;
    state[2] = seed[0] ^ 0x6c7967656e657261ULL;
    state[3] = seed[1] ^ 0x7465646279746573ULL;

    mcp_hash_word(state, prefix);

    p = data;

    for (left = len; left >= sizeof(word); left -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        mcp_hash_word(state, le64toh(word));
        p += sizeof(word);
    }

    word = (uint64_t) (len + sizeof(prefix)) << 56;

    while (left > 0) {
        left--;
        word |= (uint64_t) p[left] << (8 * left);
    }

    mcp_hash_word(state, word);

    state[2] ^= 0xff;

    mcp_hash_round(state);
    mcp_hash_round(state);
    mcp_hash_round(state);

    return state[0] ^ state[1] ^ state[2] ^ state[3];
}


uint64_t
mcp_hash_slots(uint64_t count)
{
    uint64_t  slots;

    slots = MCP_HASH_SLOTS_MIN;

    while (slots / 2 < count) {
        slots *= 2;
    }

    return slots;
}


/* one to one in the lane as well as in the word, so that no change is lost */
static uint64_t
mcp_hash_mix(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * MCP_HASH_FACTOR;

    return mcp_rotate(lane, 29);
}


uint64_t
mcp_hash_checksum(const void *data, size_t len)
{
    size_t                i, left;
    uint64_t              sum, word[MCP_HASH_LANES], lane[MCP_HASH_LANES];
    const unsigned char  *p;

    p = data;

    for (i = 0; i < MCP_HASH_LANES; i++) {
        lane[i] = MCP_HASH_START + i;
    }

    for (left = len; left >= sizeof(word); left -= sizeof(word)) {

        memcpy(word, p, sizeof(word));
        p += sizeof(word);

        /* written out, as gcc leaves a loop rolled and half as fast */

        lane[0] = mcp_hash_mix(lane[0], word[0]);
        lane[1] = mcp_hash_mix(lane[1], word[1]);
        lane[2] = mcp_hash_mix(lane[2], word[2]);
        lane[3] = mcp_hash_mix(lane[3], word[3]);
    }

    sum = len;

    for (i = 0; i < MCP_HASH_LANES; i++) {
        sum = mcp_hash_mix(sum, lane[i]);
    }

    for ( /* void */ ; left >= sizeof(word[0]); left -= sizeof(word[0])) {
        memcpy(word, p, sizeof(word[0]));
        sum = mcp_hash_mix(sum, word[0]);
        p += sizeof(word[0]);
    }

    return sum;
}
