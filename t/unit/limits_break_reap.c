/*
 * A reaper that gives nothing back: the tests of deaths must notice.
 */

#define MCP_BREAK_REAP

#include "limits_crash_run.h"


int
main(void)
{
    long  alive, wrong, over, drift;

    seed = 5;

    crash_rounds(2, &alive, &wrong);
    ok(wrong > 0, "%ld deaths at points were not mended", wrong);

    (void) run_hammer(4, 100, &over, &drift);
    ok(drift > 0, "counts were left %ld times after kills", drift);

    return done();
}
