/*
 * Exponential waits, spread so that many who failed at once do not come back
 * at once.
 */

#include "backoff.h"


uint64_t
backoff_ms(unsigned failures, uint64_t base_ms, uint64_t max_ms,
    uint64_t random)
{
    uint64_t  most;

    if (failures == 0) {
        return 0;
    }

    for (most = base_ms; --failures && most < max_ms; most *= 2) {

        if (most > max_ms / 2) {
            most = max_ms;
            break;
        }
    }

    if (most > max_ms) {
        most = max_ms;
    }

    return most == UINT64_MAX ? random : random % (most + 1);
}
