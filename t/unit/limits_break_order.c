/*
 * A reaper that frees the row first: the test of crash points must notice,
 * though only a death within two steps shows it.
 */

#define MCP_BREAK_ORDER

#include "limits_crash_run.h"


int
main(void)
{
    long  alive, wrong;

    seed = 6;

    crash_rounds(2, &alive, &wrong);
    ok(wrong > 0, "%ld deaths at points were not mended", wrong);

    return done();
}
