/*
 * How long to wait before another attempt.
 */

#ifndef _BACKOFF_H_INCLUDED_
#define _BACKOFF_H_INCLUDED_


#include <stdint.h>


/*
 * Full jitter: from 0 to base_ms * 2^(failures - 1), at most max_ms, as the
 * random number decides.  failures: in a row, so far; 0 is no wait.
 */
uint64_t backoff_ms(unsigned failures, uint64_t base_ms, uint64_t max_ms,
    uint64_t random);


#endif /* _BACKOFF_H_INCLUDED_ */
