/*
 * Limits: exact under load, under death and by a model.  SOAK=long runs long.
 */

#include "limits_fixture.h"


#define STEPS  1000000


/* The limit as a bucket that leaks, instead of a time of arrival. */
typedef struct {
    __int128   level;
    __int128   last;
    __int128   step;
    __int128   room;
} bucket_t;


static void test_take(void);
static void test_lowered(void);
static void test_clear(void);
static void test_bursts(void);
static void test_hammer(void);
static void test_rate(void);
static void test_refund(void);
static void test_changed(void);
static void test_extremes(void);
static void test_model(void);
static void test_rate_shared(void);
static uint64_t rate_time(uint64_t now, uint64_t step, uint64_t burst,
    const mcp_rate_t *rate);
static void rate_child(int id);
static bool bucket_agrees(bucket_t *bucket, uint64_t now, bool passed,
    const mcp_rate_t *rate);


int
main(void)
{
    seed = 2;

    test_take();
    test_lowered();
    test_clear();
    test_rate();
    test_refund();
    test_changed();
    test_extremes();
    test_model();
    test_rate_shared();
    test_bursts();
    test_hammer();

    return done();
}


static void
test_take(void)
{
    uint32_t  i, first, taken;

    zone();
    (void) attach();
    first = self;
    (void) attach();

    ok(!mcp_limit_take(limits, 0, self, 0), "a limit of 0 admits none");
    is_int((long long) use(), 0, "and counts none");

    for (taken = 0, i = 0; i < 10; i++) {
        taken += mcp_limit_take(limits, 0, i % 2 ? first : self, 5);
    }

    is_int(taken, 5, "a limit of 5 over two processes");
    is_int((long long) mcp_limit_in_use(limits, 0), 5, "5 in use");
    is_int((long long) mcp_limit_in_use(limits, 1), 0, "none of another");

    mcp_limit_give(limits, 0, first);
    ok(mcp_limit_take(limits, 0, self, 5), "given back, taken again");

    mcp_limit_enter(limits, 0, self);
    is_int((long long) mcp_limit_in_use(limits, 0), 6, "a gauge has no limit");

    mcp_limit_give(limits, 1, self);
    is_int((long long) mcp_limit_in_use(limits, 1), 0,
           "what nobody took is not given");
    ok(mcp_limit_take(limits, 1, self, UINT32_MAX), "the highest limit");
}


static void
test_lowered(void)
{
    uint32_t  i;

    zone();
    (void) attach();

    for (i = 0; i < 5; i++) {
        (void) mcp_limit_take(limits, 0, self, 5);
    }

    for (i = 0; i < 4; i++) {
        ok(!mcp_limit_take(limits, 0, self, 2), "lowered: refused at %u",
           5 - i);
        mcp_limit_give(limits, 0, self);
    }

    ok(mcp_limit_take(limits, 0, self, 2), "admitted when it has drained");
    is_int((long long) use(), 2, "as many as it says");
}


static void
test_clear(void)
{
    uint32_t  first;

    zone();
    (void) attach();
    first = self;
    (void) attach();

    mcp_limit_enter(limits, 3, first);
    mcp_limit_enter(limits, 3, self);
    mcp_limit_enter(limits, 4, self);
    (void) mcp_limit_rate(limits, 3, 1, 1000, 0, NULL);
    mcp_limit_clear(limits, 3);

    is_int((long long) mcp_limit_in_use(limits, 3), 0, "cleared");
    is_int((long long) mcp_limit_in_use(limits, 4), 1, "others are not");
    ok(mcp_limit_rate(limits, 3, 1, 1000, 0, NULL), "a full burst again");
}


static void
test_bursts(void)
{
    size_t  i;

    static burst_t  bursts[] = {
        { .count = 4, .takes = 1, .max = 1 },
        { .count = 4, .takes = 1, .max = 2 },
        { .count = 8, .takes = 1, .max = 5 },
        { .count = 8, .takes = 2, .max = 13 },
        { .count = 6, .takes = 20, .max = 100 }
    };

    for (i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {

        bursts[i].rounds = scaled(500, 100000);
        run_bursts(&bursts[i]);

        ok(bursts[i].over == 0 && bursts[i].under == 0 && bursts[i].left == 0,
           "%ld bursts of %u at a limit of %u", bursts[i].rounds,
           bursts[i].count * bursts[i].takes, bursts[i].max);
        printf("# over %ld, under %ld, left %ld\n", bursts[i].over,
               bursts[i].under, bursts[i].left);
    }
}


static void
test_hammer(void)
{
    long  deaths, over, drift;

    deaths = scaled(300, 20000);

    ok(run_hammer(4, deaths, &over, &drift), "%ld of 4 processes killed",
       deaths);
    is_int(over, 0, "never over a limit");
    is_int(drift, 0, "nothing left whenever they rest");
    ok(mcp_processes_reclaimed(processes) > 0, "deaths were noticed");
    printf("# %ld reclaimed\n", (long) mcp_processes_reclaimed(processes));
}


static void
test_rate(void)
{
    uint32_t    i;
    uint64_t    now;
    mcp_rate_t  rate;

    zone();
    now = 5000000000ULL;

    for (i = 0; i < 4; i++) {
        ok(mcp_limit_rate(limits, 0, now, 10000, 3, &rate),
           "10 a second, burst 3: request %u of 4 passes", i + 1);
        is_int(rate.remaining, 3 - i, "remaining");
        is_int((long long) rate.reset_ns, (i + 1) * 100000000LL, "reset");
        is_int((long long) rate.retry_ns, 0, "retry");
    }

    ok(!mcp_limit_rate(limits, 0, now, 10000, 3, &rate), "the fifth not");
    is_int((long long) rate.retry_ns, 100000000, "but in 100 ms");
    is_int((long long) rate.reset_ns, 400000000, "all is well in 400 ms");
    is_int(rate.remaining, 0, "none remain");

    ok(!mcp_limit_rate(limits, 0, now + 99999999, 10000, 3, NULL),
       "not a nanosecond before");
    ok(mcp_limit_rate(limits, 0, now + 100000000, 10000, 3, NULL), "then");
    ok(!mcp_limit_rate(limits, 0, now, 10000, 3, &rate),
       "an older clock is refused");
    is_int((long long) rate.retry_ns, 200000000, "and told the truth");
}


static void
test_refund(void)
{
    uint64_t    now;
    mcp_rate_t  rate;

    zone();
    now = 5000000000ULL;

    (void) mcp_limit_rate(limits, 0, now, 1000, 1, NULL);
    (void) mcp_limit_rate(limits, 0, now, 1000, 1, NULL);
    mcp_limit_rate_refund(limits, 0, now, 1000);
    ok(mcp_limit_rate(limits, 0, now, 1000, 1, NULL), "one came back");
    ok(!mcp_limit_rate(limits, 0, now, 1000, 1, NULL), "and only one");

    mcp_limit_rate_refund(limits, 0, now, 1000);
    mcp_limit_rate_refund(limits, 0, now, 1000);
    mcp_limit_rate_refund(limits, 0, now, 1000);

    ok(mcp_limit_rate(limits, 0, now, 1000, 1, &rate)
       && rate.remaining == 1, "no more than a full burst");

    mcp_limit_rate_refund(limits, 0, now + 3000000000ULL, 1000);
    ok(mcp_limit_rate(limits, 0, now + 3000000000ULL, 1000, 1, &rate)
       && rate.remaining == 1, "what time gave back is not given twice");

    mcp_limit_rate_refund(limits, 1, now, 1);
    ok(mcp_limit_rate(limits, 1, now, 1, 0, NULL),
       "a row that was cleared meanwhile has nothing to give back");

    (void) mcp_limit_rate(limits, 2, now, 1000, 0, NULL);
    mcp_limit_rate_refund(limits, 2, now, 1);
    ok(mcp_limit_rate(limits, 2, now, 1000, 0, &rate)
       && rate.reset_ns == 1000000000, "a slower rate gives back no more");
}


static void
test_changed(void)
{
    uint64_t    now;
    mcp_rate_t  rate;

    zone();
    now = 5000000000ULL;

    (void) mcp_limit_rate(limits, 0, now, 1, 0, NULL);
    ok(!mcp_limit_rate(limits, 0, now, 1, 0, &rate)
       && rate.retry_ns == 1000000000000ULL, "one in 1,000 seconds");
    ok(!mcp_limit_rate(limits, 0, now, 1000000, 4, &rate),
       "made fast, it is still full");
    is_int((long long) rate.retry_ns, 1000000, "but not for long");
    ok(mcp_limit_rate(limits, 0, now + rate.retry_ns, 1000000, 4, NULL),
       "not longer than it said");

    zone();

    while (mcp_limit_rate(limits, 0, now, 1000000, 1000, NULL)) { /* void */ }

    ok(!mcp_limit_rate(limits, 0, now, 1000000, 0, &rate),
       "a burst taken away");
    is_int((long long) rate.retry_ns, 1000000, "leaves one to wait for");

    /* as a process that was stopped since it looked at the clock */

    zone();

    (void) mcp_limit_rate(limits, 0, now, 1000000, 0, NULL);
    (void) mcp_limit_rate(limits, 0, now + 3600000000000ULL, 1000000, 0,
                          NULL);
    ok(!mcp_limit_rate(limits, 0, now, 1000000, 0, NULL),
       "a clock of an hour ago is refused");
    ok(!mcp_limit_rate(limits, 0, now + 3600000000000ULL, 1000000, 0, NULL),
       "and lets in no one else");
}


static void
test_extremes(void)
{
    uint32_t    i, passed;
    uint64_t    now;
    mcp_rate_t  rate;

    zone();
    now = UINT64_C(1) << 63;

    for (passed = 0, i = 0; i < 1000005; i++) {
        passed += mcp_limit_rate(limits, 0, now, 1, 1000000, &rate);
    }

    is_int(passed, 1000001, "the slowest, the highest burst, the last time");
    ok(rate.reset_ns == UINT64_C(1000001000000000000), "nothing overflows");
    ok(rate.retry_ns == UINT64_C(1000000000000), "not even the wait");

    for (passed = 0, i = 0; i < 20; i++) {
        passed += mcp_limit_rate(limits, 1, i * 100, 1000000000, 0, &rate);
    }

    is_int(passed, 2, "the fastest: one in 1,000 ns");

    ok(mcp_limit_rate(limits, 2, 0, 1, 0, NULL)
       && !mcp_limit_rate(limits, 2, 0, 1, 0, NULL), "at time 0");
}


static void
test_model(void)
{
    bool        passed;
    long        i, steps, wrong, refused;
    uint32_t    rate_milli, limit_burst;
    uint64_t    now;
    bucket_t    bucket;
    mcp_rate_t  rate;

    zone();

    wrong = 0;
    refused = 0;
    steps = scaled(STEPS, 50L * STEPS);
    now = 0;

    memset(&rate, 0, sizeof(rate));
    memset(&bucket, 0, sizeof(bucket));
    rate_milli = 1;
    limit_burst = 0;

    for (i = 0; i < steps; i++) {

        if (i % 1000 == 0) {
            mcp_limit_clear(limits, 0);

            rate_milli = 1 + (uint32_t) any(10);

            while (rate_milli < 100000000 && any(4)) {
                rate_milli *= 1 + (uint32_t) any(10);
            }

            limit_burst = (uint32_t) any(any(4) ? 20 : 1000001);
            now = any(2) ? any(UINT64_C(1) << 62) : now;

            bucket.level = 0;
            bucket.last = now;
            bucket.step = 1000000000000LL / rate_milli;
            bucket.room = bucket.step * limit_burst;
        }

        now = rate_time(now, (uint64_t) bucket.step, limit_burst, &rate);

        passed = mcp_limit_rate(limits, 0, now, rate_milli, limit_burst,
                                &rate);
        wrong += !bucket_agrees(&bucket, now, passed, &rate);
        refused += !passed;

        if (passed && any(8) == 0) {
            mcp_limit_rate_refund(limits, 0, now, rate_milli);
            bucket.level -= bucket.step;
        }
    }

    ok(wrong == 0, "%ld arrivals are judged as by a bucket that leaks",
       steps);
    ok(refused > steps / 20 && refused < steps / 20 * 19,
       "%ld of %ld arrivals were refused", refused, steps);
}


/* Often just when, or just before, the next one would pass. */
static uint64_t
rate_time(uint64_t now, uint64_t step, uint64_t allowed,
    const mcp_rate_t *rate)
{
    switch (any(8)) {

    case 0:
        return now + rate->retry_ns;

    case 1:
        return now + (rate->retry_ns ? rate->retry_ns - 1 : 0);

    case 2:
        return now + rate->reset_ns;

    case 3:
        return now + any(step * (allowed % 20 + 2));

    case 4:
        return now + any(step * 2);

    default:
        return now;
    }
}


static bool
bucket_agrees(bucket_t *bucket, uint64_t now, bool passed,
    const mcp_rate_t *rate)
{
    bool      passes;
    __int128  remaining;

    bucket->level -= now - bucket->last;
    bucket->last = now;

    if (bucket->level < 0) {
        bucket->level = 0;
    }

    passes = bucket->level <= bucket->room;
    remaining = 0;

    if (passes) {
        bucket->level += bucket->step;
        remaining = (bucket->room + bucket->step - bucket->level)
                    / bucket->step;
    }

    return passes == passed
           && rate->remaining == remaining
           && rate->reset_ns == bucket->level
           && rate->retry_ns == (passes ? 0 : bucket->level - bucket->room);
}


static void
test_rate_shared(void)
{
    int   id;
    long  round, wrong;

    wrong = 0;

    for (round = 0; round < scaled(20, 1000); round++) {

        zone();

        for (id = 0; id < 4; id++) {
            children[id] = spawn(rate_child, id);
        }

        atomic_store(&shared->round, 1);

        for (id = 0; id < 4; id++) {
            (void) end(children[id], 0);
        }

        /* 4 * 5000 asked at 0 to 4999 us; one passes in 10 us, 1000 more */

        wrong += atomic_load(&shared->admitted) != 1000 + 1 + 4999 / 10;
    }

    is_int(wrong, 0, "4 processes with clocks apart get what one would");
}


static void
rate_child(int id)
{
    uint64_t  i, now;

    await(&shared->round, 1);

    for (i = 0; i < 5000; i++) {

        /* the clock of one is late, and all see the end of it */

        now = id == 3 && i < 4000 ? i / 2 : i;

        if (mcp_limit_rate(limits, 0, now * 1000, 100000000, 1000, NULL)) {
            atomic_fetch_add(&shared->admitted, 1);
        }
    }
}
