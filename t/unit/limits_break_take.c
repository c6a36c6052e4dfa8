/*
 * A limit that looks before it counts: the test of bursts must notice.
 */

#define MCP_BREAK_TAKE

#include "limits_crash.h"


int
main(void)
{
    long     over, drift;
    burst_t  bursts = { .count = 8, .takes = 2, .max = 13, .rounds = 200 };

    seed = 4;
    mcp_crash_watch(stumble);

    run_bursts(&bursts);
    ok(bursts.over > 0, "%ld of %ld bursts were over the limit", bursts.over,
       bursts.rounds);

    (void) run_hammer(4, 100, &over, &drift);
    ok(over > 0, "so were %ld takes among processes that are killed", over);

    return done();
}
