/*
 * A wall clock that a test sets, for LD_PRELOAD: the file that
 * MCP_CLOCK_FILE names holds the seconds, an int64_t, that are added to it.
 * The monotonic clock stays as it is.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


__attribute__((constructor))
static void clock_map(void);


static volatile const int64_t  *clock_offset;


static void
clock_map(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("MCP_CLOCK_FILE");
    fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

    (void) close(fd);

    if (p != MAP_FAILED) {
        clock_offset = p;
    }
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && clock_offset
        && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        ts->tv_sec += *clock_offset;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec  ts;

    (void) zone;
    (void) clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *ret_time)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (ret_time) {
        *ret_time = ts.tv_sec;
    }

    return ts.tv_sec;
}
