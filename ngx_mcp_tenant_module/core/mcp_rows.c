/*
 * Rows by identity.  The table names the identity of each row and the
 * generation since which no image names it; a search in it happens only here,
 * in private memory, once for each image.
 */

#include "mcp_crash.h"
#include "mcp_hash.h"
#include "mcp_rows.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>


/* "retired" of a row that the newest image names */
#define MCP_ROW_ACTIVE  UINT64_MAX


typedef struct {
    _Atomic uint64_t               identity;
    _Atomic uint64_t               retired;
} mcp_row_t;


struct mcp_rows_s {
    _Alignas(64) _Atomic uint32_t  used;
    uint32_t                       capacity;
    mcp_row_t                      entries[];
};


typedef struct {
    uint64_t                       identity;
    uint32_t                       row;
} mcp_row_slot_t;


/* One assignment: the identities that want a row, and the row of each. */
typedef struct {
    mcp_rows_t                    *rows;
    mcp_row_slot_t                *slots;
    uint64_t                       mask;
    uint64_t                       seed[2];
    uint64_t                       generation;
    uint64_t                       oldest;
    uint32_t                       wanted;
    uint32_t                       lacking;
} mcp_rows_plan_t;


static int mcp_rows_plan(mcp_rows_plan_t *plan, const uint64_t *identities,
    size_t n);
static mcp_row_slot_t *mcp_rows_slot(const mcp_rows_plan_t *plan,
    uint64_t identity);
static bool mcp_rows_is_kept(const mcp_rows_plan_t *plan, uint32_t row);
static bool mcp_rows_is_free(const mcp_rows_plan_t *plan, uint32_t row);
static uint32_t mcp_rows_free(const mcp_rows_plan_t *plan);
static void mcp_rows_retire(const mcp_rows_plan_t *plan);


size_t
mcp_rows_size(uint32_t capacity)
{
    return sizeof(mcp_rows_t) + capacity * sizeof(mcp_row_t);
}


mcp_rows_t *
mcp_rows_init(void *memory, uint32_t capacity)
{
    mcp_rows_t  *rows;

    rows = memory;
    rows->capacity = capacity;

    return rows;
}


/*
 * Killed at any point, this leaves a table that the next assignment completes:
 * no row that an image in use names has lost its identity, and a row that has
 * a new one is clear.
 */
int
mcp_rows_assign(mcp_rows_t *rows, const uint64_t *identities, size_t n,
    uint64_t generation, uint64_t oldest,
    void (*fresh)(void *data, uint32_t row), void *data,
    uint32_t *ret_rows, size_t *ret_missing)
{
    size_t            i;
    uint32_t          available, row;
    mcp_row_slot_t   *slot;
    mcp_rows_plan_t   plan;

    *ret_missing = 0;

    plan.rows = rows;
    plan.generation = generation;
    plan.oldest = oldest;

    if (mcp_rows_plan(&plan, identities, n) != MCP_OK) {
        return MCP_ERROR;
    }

    available = mcp_rows_free(&plan);

    if (plan.lacking > available) {
        *ret_missing = plan.lacking - available;
        free(plan.slots);
        return MCP_ERROR;
    }

    mcp_rows_retire(&plan);

    row = 0;

    for (i = 0; i < n; i++) {

        slot = mcp_rows_slot(&plan, identities[i]);

        if (slot->row == MCP_ROW_NONE) {

            while (!mcp_rows_is_free(&plan, row)) {
                row++;
            }

            slot->row = row;

            fresh(data, row);
            mcp_crash_point("rows-fresh");
            atomic_store(&rows->entries[row].retired, MCP_ROW_ACTIVE);
            mcp_crash_point("rows-active");
            atomic_store(&rows->entries[row].identity, identities[i]);
            mcp_crash_point("rows-given");
        }

        ret_rows[i] = slot->row;
    }

    atomic_store(&rows->used, plan.wanted);
    free(plan.slots);

    return MCP_OK;
}


static int
mcp_rows_plan(mcp_rows_plan_t *plan, const uint64_t *identities, size_t n)
{
    size_t           i, size;
    uint32_t         row;
    uint64_t         identity;
    mcp_row_slot_t  *slot;

    if (mcp_hash_seed(plan->seed) != MCP_OK) {
        return MCP_ERROR;
    }

    plan->mask = mcp_hash_slots(n) - 1;
    plan->wanted = 0;

    size = (plan->mask + 1) * sizeof(mcp_row_slot_t);

    plan->slots = mcp_alloc(size);
    if (plan->slots == NULL) {
        return MCP_ERROR;
    }

    memset(plan->slots, 0, size);

    for (i = 0; i < n; i++) {

        slot = mcp_rows_slot(plan, identities[i]);

        if (slot->identity == 0) {
            slot->identity = identities[i];
            slot->row = MCP_ROW_NONE;
            plan->wanted++;
        }
    }

    plan->lacking = plan->wanted;

    for (row = 0; row < plan->rows->capacity; row++) {

        identity = atomic_load(&plan->rows->entries[row].identity);

        if (identity != 0) {
            slot = mcp_rows_slot(plan, identity);

            if (slot->identity != 0 && slot->row == MCP_ROW_NONE) {
                slot->row = row;
                plan->lacking--;
            }
        }
    }

    return MCP_OK;
}


/* The slot of the identity, or the empty one where it would be. */
static mcp_row_slot_t *
mcp_rows_slot(const mcp_rows_plan_t *plan, uint64_t identity)
{
    uint64_t  i;

    i = mcp_hash(plan->seed, identity, NULL, 0) & plan->mask;

    while (plan->slots[i].identity != 0
           && plan->slots[i].identity != identity)
    {
        i = (i + 1) & plan->mask;
    }

    return &plan->slots[i];
}


static bool
mcp_rows_is_kept(const mcp_rows_plan_t *plan, uint32_t row)
{
    uint64_t         identity;
    mcp_row_slot_t  *slot;

    identity = atomic_load(&plan->rows->entries[row].identity);

    if (identity == 0) {
        return false;
    }

    slot = mcp_rows_slot(plan, identity);

    return slot->identity != 0 && slot->row == row;
}


static bool
mcp_rows_is_free(const mcp_rows_plan_t *plan, uint32_t row)
{
    uint64_t    retired;
    mcp_row_t  *entry;

    entry = &plan->rows->entries[row];

    if (atomic_load(&entry->identity) == 0) {
        return true;
    }

    if (mcp_rows_is_kept(plan, row)) {
        return false;
    }

    retired = atomic_load(&entry->retired);

    if (retired == MCP_ROW_ACTIVE) {
        retired = plan->generation;
    }

    return retired <= plan->oldest;
}


static uint32_t
mcp_rows_free(const mcp_rows_plan_t *plan)
{
    uint32_t  row, n;

    n = 0;

    for (row = 0; row < plan->rows->capacity; row++) {
        n += mcp_rows_is_free(plan, row);
    }

    return n;
}


static void
mcp_rows_retire(const mcp_rows_plan_t *plan)
{
    uint32_t    row;
    mcp_row_t  *entry;

    for (row = 0; row < plan->rows->capacity; row++) {

        entry = &plan->rows->entries[row];

        if (atomic_load(&entry->identity) == 0) {
            continue;
        }

        if (mcp_rows_is_kept(plan, row)) {
            atomic_store(&entry->retired, MCP_ROW_ACTIVE);

        } else if (atomic_load(&entry->retired) == MCP_ROW_ACTIVE) {
            atomic_store(&entry->retired, plan->generation);
        }

        mcp_crash_point("rows-retired");
    }
}


uint32_t
mcp_rows_capacity(const mcp_rows_t *rows)
{
    return rows->capacity;
}


uint32_t
mcp_rows_used(const mcp_rows_t *rows)
{
    return atomic_load(&rows->used);
}
