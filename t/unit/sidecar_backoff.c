/*
 * Waits: their bounds, and that they are spread over all of them.
 */

#include "backoff.h"
#include "tap.h"


static void bounds(void);
static void spread(void);


int
main(void)
{
    bounds();
    spread();

    return done();
}


static void
bounds(void)
{
    unsigned  failures;
    uint64_t  most;

    static const uint64_t  expected[] = {
        0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000
    };

    is_int((long long) backoff_ms(0, 1000, 60000, UINT64_MAX), 0,
           "no failure, no wait");

    for (failures = 1; failures < 9; failures++) {

        /* the remainder is the most there is */

        most = expected[failures];
        ok(backoff_ms(failures, 1000, 60000, most) == most
           && backoff_ms(failures, 1000, 60000, most + 1) == 0,
           "after %u failures at most %u ms", failures, (unsigned) most);
    }

    is_int((long long) backoff_ms(UINT32_MAX, 1000, 60000, 60000), 60000,
           "after very many the same");
    is_int((long long) backoff_ms(64, 1, UINT64_MAX / 2, UINT64_MAX / 2),
           (long long) (UINT64_MAX / 2), "a large bound does not overflow");
    ok(backoff_ms(100, 1, UINT64_MAX, 12345) == 12345,
       "nor does the largest");
    is_int((long long) backoff_ms(1, 5000, 1000, 1000), 1000,
           "a base over the bound is the bound");
    is_int((long long) backoff_ms(3, 0, 1000, 77), 0, "no base, no wait");
}


static void
spread(void)
{
    uint64_t  random;
    unsigned  low, high;

    low = 0;
    high = 0;

    for (random = 0; random < 4001; random++) {
        if (backoff_ms(3, 1000, 60000, random) < 2000) {
            low++;

        } else {
            high++;
        }
    }

    ok(low == 2000 && high == 2001, "half of the waits are short");
}
