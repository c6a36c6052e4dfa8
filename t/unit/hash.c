/*
 * The expected values of SipHash-1-3 come from an implementation of its own
 * that agrees with Python's hash() of bytes.
 */

#include "mcp_hash.h"

#include "tap.h"


static void test_siphash(void);
static void test_slots(void);
static void test_checksum(void);


int
main(void)
{
    test_siphash();
    test_slots();
    test_checksum();

    return done();
}


static void
test_siphash(void)
{
    size_t         i;
    uint64_t       seed[2], other[2], prefix, hash;
    unsigned char  data[64];

    static const struct {
        size_t    len;
        uint64_t  hash;
    } vectors[] = {
        { 8,  0x369095118d299a8eULL },
        { 15, 0xd320d86d2a519956ULL },
        { 16, 0xcc4fdd1a7d908b66ULL },
        { 17, 0x9cf2689063dbd80cULL },
        { 63, 0x9d199062b7bbb3a8ULL }
    };

    seed[0] = 0x0706050403020100ULL;
    seed[1] = 0x0f0e0d0c0b0a0908ULL;
    prefix = 0x0706050403020100ULL;

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char) i;
    }

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        hash = mcp_hash(seed, prefix, data + 8, vectors[i].len - 8);
        ok(hash == vectors[i].hash, "SipHash-1-3 of %zu bytes",
           vectors[i].len);
    }

    is_int(mcp_hash_seed(seed), MCP_OK, "a seed");
    is_int(mcp_hash_seed(other), MCP_OK, "another seed");
    ok(seed[0] != other[0] && seed[1] != other[1], "they differ");
    ok(mcp_hash(seed, 1, "a", 1) != mcp_hash(other, 1, "a", 1),
       "the hash depends on the seed");
}


static void
test_slots(void)
{
    is_int((long long) mcp_hash_slots(0), 4, "slots for none");
    is_int((long long) mcp_hash_slots(2), 4, "slots for 2");
    is_int((long long) mcp_hash_slots(3), 8, "slots for 3");
    is_int((long long) mcp_hash_slots(4096), 8192, "slots for 4096");
    is_int((long long) mcp_hash_slots(4097), 16384, "slots for 4097");
    is_int((long long) mcp_hash_slots(UINT32_MAX), 1LL << 33,
           "slots for the most");
}


static void
test_checksum(void)
{
    size_t    bit, len, missed;
    uint64_t  sum, words[13];

    missed = 0;

    for (len = 8; len <= sizeof(words); len += 8) {

        memset(words, 0x5a, sizeof(words));
        sum = mcp_hash_checksum(words, len);

        for (bit = 0; bit < len * 8; bit++) {
            words[bit / 64] ^= 1ULL << bit % 64;
            missed += mcp_hash_checksum(words, len) == sum;
            words[bit / 64] ^= 1ULL << bit % 64;
        }

        missed += mcp_hash_checksum(words, len) != sum;
        missed += mcp_hash_checksum(words, len - 8) == sum;
    }

    is_int((long long) missed, 0, "every bit and the length change the sum");

    memset(words, 0, sizeof(words));
    words[1] = 1;
    sum = mcp_hash_checksum(words, sizeof(words));
    words[1] = 0;
    words[5] = 1;
    ok(mcp_hash_checksum(words, sizeof(words)) != sum,
       "the order of words changes the sum");
}
