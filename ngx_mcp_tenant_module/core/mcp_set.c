/*
 * A hash set of strings: open addressing, SipHash-1-3.
 */

#include "mcp_set.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>


#define MCP_SET_MIN_SLOTS   16
#define MCP_SET_KEPT_SLOTS  4096

#define mcp_set_rotate(v, n)  (((v) << (n)) | ((v) >> (64 - (n))))


struct mcp_set_slot_s {
    uint64_t     hash;
    size_t       len;
    const char  *data;
    const void  *value;
};


static int mcp_set_grow(mcp_set_t *set);
static void mcp_set_seed(void);
static mcp_set_slot_t *mcp_set_slot(const mcp_set_t *set, uint64_t hash,
    const char *data, size_t len);
static uint64_t mcp_set_hash(const char *data, size_t len);
static void mcp_set_rounds(uint64_t v[4], int count);


/* One key for the process: asking the kernel for each set costs too much. */
static uint64_t  mcp_set_key[2];
static bool      mcp_set_has_key;


int
mcp_set_add(mcp_set_t *set, const char *data, size_t len, const void *value,
    const void **ret_first)
{
    uint64_t         hash;
    mcp_set_slot_t  *slot;

    if (set->count >= set->capacity / 2 && mcp_set_grow(set) != MCP_OK) {
        return MCP_ERROR;
    }

    hash = mcp_set_hash(data, len);
    slot = mcp_set_slot(set, hash, data, len);

    *ret_first = slot->value;

    if (slot->value == NULL) {
        slot->hash = hash;
        slot->len = len;
        slot->data = data;
        slot->value = value;

        set->count++;
    }

    return MCP_OK;
}


const void *
mcp_set_find(const mcp_set_t *set, const char *data, size_t len)
{
    if (set->count == 0) {
        return NULL;
    }

    return mcp_set_slot(set, mcp_set_hash(data, len), data, len)->value;
}


void
mcp_set_clear(mcp_set_t *set)
{
    if (set->capacity > MCP_SET_KEPT_SLOTS) {
        mcp_set_free(set);
        return;
    }

    if (set->count) {
        memset(set->slots, 0, set->capacity * sizeof(mcp_set_slot_t));
        set->count = 0;
    }
}


void
mcp_set_free(mcp_set_t *set)
{
    free(set->slots);
    memset(set, 0, sizeof(mcp_set_t));
}


static int
mcp_set_grow(mcp_set_t *set)
{
    size_t           i, capacity, old_capacity;
    mcp_set_slot_t  *slots, *old;

    capacity = set->capacity ? set->capacity * 2 : MCP_SET_MIN_SLOTS;

    slots = mcp_alloc(capacity * sizeof(mcp_set_slot_t));
    if (slots == NULL) {
        return MCP_ERROR;
    }

    memset(slots, 0, capacity * sizeof(mcp_set_slot_t));

    mcp_set_seed();

    old = set->slots;
    old_capacity = set->capacity;

    set->slots = slots;
    set->capacity = capacity;

    for (i = 0; i < old_capacity; i++) {
        if (old[i].value) {
            *mcp_set_slot(set, old[i].hash, old[i].data, old[i].len) = old[i];
        }
    }

    free(old);

    return MCP_OK;
}


static void
mcp_set_seed(void)
{
    if (mcp_set_has_key) {
        return;
    }

    if (getrandom(mcp_set_key, sizeof(mcp_set_key), GRND_NONBLOCK)
        != (ssize_t) sizeof(mcp_set_key))
    {
        mcp_set_key[0] = (uintptr_t) &mcp_set_key;
        mcp_set_key[1] = (uintptr_t) __builtin_frame_address(0);
    }

    mcp_set_has_key = true;
}


/* The slot of the string, or the free one where it would go. */
static mcp_set_slot_t *
mcp_set_slot(const mcp_set_t *set, uint64_t hash, const char *data,
    size_t len)
{
    size_t           i;
    mcp_set_slot_t  *slot;

    for (i = hash; /* void */ ; i++) {
        slot = &set->slots[i & (set->capacity - 1)];

        if (slot->value == NULL) {
            return slot;
        }

        if (slot->hash == hash && slot->len == len
            && memcmp(slot->data, data, len) == 0)
        {
            return slot;
        }
    }
}


static uint64_t
mcp_set_hash(const char *data, size_t len)
{
    size_t    left;
    uint64_t  v[4], word;

    v[0] = mcp_set_key[0] ^ 0x736f6d6570736575;
    v[1] = mcp_set_key[1] ^ 0x646f72616e646f6d;
    v[2] = mcp_set_key[0] ^ 0x6c7967656e657261;
    v[3] = mcp_set_key[1] ^ 0x7465646279746573;

    for (left = len; left >= 8; left -= 8, data += 8) {
        memcpy(&word, data, 8);

        v[3] ^= word;
        mcp_set_rounds(v, 1);
        v[0] ^= word;
    }

    word = 0;
    memcpy(&word, data, left);
    word |= (uint64_t) len << 56;

    v[3] ^= word;
    mcp_set_rounds(v, 1);
    v[0] ^= word;

    v[2] ^= 0xff;
    mcp_set_rounds(v, 3);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


static void
mcp_set_rounds(uint64_t v[4], int count)
{
    while (count--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = mcp_set_rotate(v[1], 13) ^ v[0];
        v[3] = mcp_set_rotate(v[3], 16) ^ v[2];
        v[0] = mcp_set_rotate(v[0], 32);

        v[2] += v[1];
        v[0] += v[3];
        v[1] = mcp_set_rotate(v[1], 17) ^ v[2];
        v[3] = mcp_set_rotate(v[3], 21) ^ v[0];
        v[2] = mcp_set_rotate(v[2], 32);
    }
}
