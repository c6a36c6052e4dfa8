/*
 * Rows: an identity keeps its row, a row keeps its identity while an image in
 * use may name it, and an assigner that is killed changes neither.
 */

#ifndef MCP_CRASH_POINTS
#define MCP_CRASH_POINTS
#endif

#include "mcp_crash.c"
#include "mcp_rows.c"

#include "limits_fixture.h"


#define CAPACITY    64
#define IDENTITIES  90


/* What each row counted: the identity that it counted for. */
typedef struct {
    uint64_t  counted[CAPACITY];
} counts_t;


static void test_small(void);
static void test_retired(void);
static void test_twin(void);
static void test_missing(void);
static void test_churn(bool killed);
static void table(uint32_t capacity);
static int assign(uint64_t generation, uint64_t least);
static void fresh(void *data, uint32_t row);
static void choose(void);
static void killed_assigner(int id);
static bool is_right(void);


static mcp_rows_t  *rows;
static counts_t    *counts;
static size_t       missing;
static size_t       n;
static uint64_t     next;
static uint64_t     oldest;
static uint64_t     wanted[IDENTITIES];
static uint32_t     given[IDENTITIES];

/* The row and the last image of each identity: index is identity - 1. */
static uint32_t     last_row[IDENTITIES];
static uint64_t     last_seen[IDENTITIES];


int
main(void)
{
    seed = 7;

    test_small();
    test_retired();
    test_twin();
    test_missing();
    test_churn(false);
    test_churn(true);

    return done();
}


static void
test_small(void)
{
    static const uint64_t  twice[] = { 5, 6, 5, UINT64_MAX };

    table(4);

    is_int(mcp_rows_capacity(rows), 4, "a table of 4");
    is_int(mcp_rows_used(rows), 0, "is empty");

    n = 4;
    memcpy(wanted, twice, sizeof(twice));
    is_int(assign(1, 0), MCP_OK, "4 identities, one of them twice");
    is_int(mcp_rows_used(rows), 3, "take 3 rows");
    ok(given[0] == given[2] && given[0] != given[1] && given[1] != given[3]
       && given[0] != given[3], "one each");

    n = 0;
    is_int(assign(2, 0), MCP_OK, "none at all");
    is_int(mcp_rows_used(rows), 0, "takes none");
}


static void
test_retired(void)
{
    uint32_t  row;

    table(1);

    n = 1;
    wanted[0] = 10;
    (void) assign(1, 0);
    row = given[0];

    wanted[0] = 11;
    is_int(assign(2, 1), MCP_ERROR, "no row as long as image 1 is in use");
    is_int((long long) missing, 1, "one is missing");

    n = 0;
    (void) assign(2, 1);
    n = 1;
    is_int(assign(3, 1), MCP_ERROR, "nor when only its name is gone");

    wanted[0] = 10;
    counts->counted[row] = 10;
    is_int(assign(3, 1), MCP_OK, "who comes back");
    ok(given[0] == row && counts->counted[row] == 10,
       "has the row and its counts");

    n = 0;
    (void) assign(4, 3);
    n = 1;
    wanted[0] = 11;
    is_int(assign(5, 3), MCP_ERROR, "still in image 3");
    is_int(assign(5, 4), MCP_OK, "when all use image 4, it is free");
    is_int((long long) counts->counted[row], 0, "and cleared");

    table(1);
    wanted[0] = 10;
    (void) assign(1, MCP_GENERATION_NONE);
    wanted[0] = 11;
    is_int(assign(2, MCP_GENERATION_NONE), MCP_OK,
           "at once when nobody uses any image");
}


/* Two assigners at once would leave that. */
static void
test_twin(void)
{
    table(3);

    rows->entries[0].identity = 10;
    rows->entries[0].retired = MCP_ROW_ACTIVE;
    rows->entries[1].identity = 10;
    rows->entries[1].retired = MCP_ROW_ACTIVE;

    n = 2;
    wanted[0] = 10;
    wanted[1] = 11;
    is_int(assign(2, 1), MCP_OK, "one identity in two rows");
    ok(given[0] == 0 && given[1] == 2, "keeps the first");

    wanted[1] = 12;
    is_int(assign(3, 2), MCP_OK, "and the other one is free");
    is_int(given[1], 1, "for the next");
}


static void
test_missing(void)
{
    long   i;
    void  *before;

    table(CAPACITY);

    for (n = 0; n < 70; n++) {
        wanted[n] = n + 1;
    }

    before = malloc(mcp_rows_size(CAPACITY));

    if (before == NULL) {
        return;
    }

    n = 60;
    (void) assign(1, 0);
    memcpy(before, rows, mcp_rows_size(CAPACITY));

    n = 70;
    is_int(assign(2, 0), MCP_ERROR, "70 in 64 rows");
    is_int((long long) missing, 6, "6 are missing");
    ok(memcmp(before, rows, mcp_rows_size(CAPACITY)) == 0,
       "nothing is changed");

    n = 61;

    for (i = 0; i < 10; i++) {
        mcp_alloc_fail_at(i);

        if (assign(2, 0) == MCP_OK) {
            break;
        }

        ok(missing == 0
           && memcmp(before, rows, mcp_rows_size(CAPACITY)) == 0,
           "nor without memory");
    }

    mcp_alloc_fail_at(-1);
    ok(i > 0 && i < 10, "until there is enough");

    free(before);
}


/*
 * Images come and go, with processes that are up to four behind; killed:
 * before each image, an assigner dies that may have meant another one.
 */
static void
test_churn(bool killed)
{
    long  round, rounds, wrong, assigned, died;

    table(CAPACITY);
    memset(last_seen, 0, sizeof(last_seen));

    wrong = 0;
    assigned = 0;
    died = 0;
    next = 1;
    oldest = 0;
    rounds = scaled(killed ? 2000 : 20000, killed ? 100000 : 2000000);

    for (round = 0; round < rounds; round++) {

        if (oldest + 1 < next && any(2)) {
            oldest++;
        }

        if (oldest + 4 < next) {
            oldest = next - 4;
        }

        choose();

        if (killed) {
            died += end(spawn(killed_assigner, 0), 0) == SIGKILL;

            if (any(2)) {
                choose();
            }
        }

        if (assign(next, oldest) == MCP_OK) {
            assigned++;
            wrong += !is_right();
            next++;
        }
    }

    is_int(wrong, 0, killed ? "an assigner that is killed robs nobody"
                            : "images come and go");
    ok(assigned > rounds / 4 && assigned < rounds,
       "%ld of %ld images had rows enough", assigned, rounds);

    if (killed) {
        ok(died > rounds / 4, "%ld assigners died", died);
    }
}


static void
table(uint32_t capacity)
{
    zone();

    counts = memory(sizeof(counts_t));
    rows = mcp_rows_init(memory(mcp_rows_size(capacity)), capacity);
}


static int
assign(uint64_t generation, uint64_t least)
{
    return mcp_rows_assign(rows, wanted, n, generation, least, fresh, counts,
                           given, &missing);
}


static void
fresh(void *data, uint32_t row)
{
    counts_t  *cleared;

    cleared = data;
    cleared->counted[row] = 0;
}


static void
choose(void)
{
    size_t    i;
    uint64_t  start;

    n = 10 + any(40);
    start = any(IDENTITIES);

    for (i = 0; i < n; i++) {
        wanted[i] = 1 + (start + i) % IDENTITIES;

        if (i > 0 && any(8) == 0) {
            wanted[i] = wanted[any(i)];
        }
    }
}


static void
killed_assigner(int id)
{
    static const char  *names[] = {
        "rows-retired", "rows-fresh", "rows-active", "rows-given"
    };

    (void) id;

    mcp_crash_at(names[any(4)], 1 + (long) any(3));
    (void) assign(next, oldest);
}


/* Images from the oldest on are in use, and so are the rows they name. */
static bool
is_right(void)
{
    bool      right;
    size_t    i, id;
    uint32_t  row;
    uint64_t  owner[CAPACITY];

    right = true;
    memset(owner, 0, sizeof(owner));

    for (id = 0; id < IDENTITIES; id++) {
        if (last_seen[id] != 0 && last_seen[id] >= oldest) {
            owner[last_row[id]] = id + 1;
        }
    }

    for (i = 0; i < n; i++) {

        id = wanted[i] - 1;
        row = given[i];

        if (row >= CAPACITY || (owner[row] != 0 && owner[row] != wanted[i])) {
            right = false;
            continue;
        }

        owner[row] = wanted[i];

        if (last_seen[id] != 0 && last_seen[id] >= oldest) {
            right = right && row == last_row[id]
                    && counts->counted[row] == wanted[i];
        }

        right = right && (counts->counted[row] == 0
                          || counts->counted[row] == wanted[i]);

        counts->counted[row] = wanted[i];
        last_row[id] = row;
        last_seen[id] = next;
    }

    return right;
}
