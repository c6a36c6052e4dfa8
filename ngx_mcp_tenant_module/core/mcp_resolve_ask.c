/*
 * The process that asks the resolver, and its parent, which listens to it and
 * ends it when the time is over.
 */

#include "mcp_resolve_ask.h"
#include "mcp_target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define MCP_RESOLVE_THREADS_MAX    32
#define MCP_RESOLVE_STACK_BYTES    (256 * 1024)

/* so many are sorted before the first few are taken */
#define MCP_RESOLVE_ADDRESSES_MAX  128

#define MCP_RESOLVE_FDS_MAX        65536

#define MCP_RESOLVE_READ_RECORDS   16


typedef struct {
    const mcp_resolve_job_t  *jobs;
    size_t                    njobs;
    atomic_size_t             next;
    int                       fd;
} mcp_resolver_t;


_Static_assert(sizeof(mcp_resolve_record_t) <= PIPE_BUF,
               "a record is written in one piece");


static pid_t mcp_resolve_fork(const mcp_resolve_job_t *jobs, size_t njobs,
    int *ret_fd);
static mcp_resolve_end_e mcp_resolve_listen(int fd, size_t njobs,
    unsigned timeout_ms, int stop_fd, mcp_resolve_take_pt take, void *data);
static int64_t mcp_resolve_now_ms(void);
static _Noreturn void mcp_resolve_child(int fd, pid_t parent,
    const mcp_resolve_job_t *jobs, size_t njobs);
static int mcp_resolve_leave_parent(int fd, pid_t parent);
static void mcp_resolve_close(unsigned first, unsigned last);
static void *mcp_resolve_thread(void *data);
static int mcp_resolve_one(const mcp_resolver_t *resolver,
    const mcp_resolve_job_t *job);
static uint32_t mcp_resolve_collect(const struct addrinfo *info,
    mcp_address_t ret_addresses[MCP_IMAGE_NAME_ADDRESSES_MAX]);
static int mcp_resolve_send(int fd, const mcp_resolve_record_t *record);


int
mcp_resolve_ask(const mcp_resolve_job_t *jobs, size_t njobs,
    unsigned timeout_ms, int stop_fd, mcp_resolve_take_pt take, void *data,
    mcp_resolve_end_e *ret_end)
{
    int       fd;
    pid_t     pid, rc;
    sigset_t  set, old_set;

    /*
     * No handler may run in the child before it has reset them, and none of
     * the caller's may reap the child while its number is still in use here.
     */

    (void) sigfillset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, &old_set);

    pid = mcp_resolve_fork(jobs, njobs, &fd);

    set = old_set;
    (void) sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    if (pid != -1) {
        *ret_end = mcp_resolve_listen(fd, njobs, timeout_ms, stop_fd, take,
                                      data);

        /* one that has not closed its pipe is alive, so the number is its */

        if (*ret_end != MCP_RESOLVE_DONE) {
            (void) kill(pid, SIGKILL);
        }

        (void) close(fd);

        /* ECHILD, when the caller ignores SIGCHLD, comes after the end too */

        do {
            rc = waitpid(pid, NULL, 0);
        } while (rc == -1 && errno == EINTR);
    }

    (void) sigprocmask(SIG_SETMASK, &old_set, NULL);

    return pid == -1 ? MCP_ERROR : MCP_OK;
}


static pid_t
mcp_resolve_fork(const mcp_resolve_job_t *jobs, size_t njobs, int *ret_fd)
{
    int    fds[2];
    pid_t  pid, parent;

    if (pipe2(fds, O_CLOEXEC) == -1) {
        return -1;
    }

    parent = getpid();

    pid = fork();

    if (pid == 0) {
        mcp_resolve_child(fds[1], parent, jobs, njobs);
    }

    (void) close(fds[1]);

    if (pid == -1) {
        (void) close(fds[0]);
        return -1;
    }

    *ret_fd = fds[0];

    return pid;
}


static mcp_resolve_end_e
mcp_resolve_listen(int fd, size_t njobs, unsigned timeout_ms, int stop_fd,
    mcp_resolve_take_pt take, void *data)
{
    size_t                i, have;
    int64_t               deadline, left;
    ssize_t               n;
    struct pollfd         pfds[2];
    mcp_resolve_record_t  records[MCP_RESOLVE_READ_RECORDS];

    pfds[0].fd = fd;
    pfds[0].events = POLLIN;

    /* poll() leaves out what is negative */

    pfds[1].fd = stop_fd;
    pfds[1].events = POLLIN;

    deadline = mcp_resolve_now_ms() + timeout_ms;
    have = 0;

    while (njobs > 0) {

        left = deadline - mcp_resolve_now_ms();
        if (left <= 0) {
            return MCP_RESOLVE_TIMED_OUT;
        }

        if (poll(pfds, 2, left < INT_MAX ? (int) left : INT_MAX) <= 0) {
            continue;
        }

        if (pfds[1].revents) {
            return MCP_RESOLVE_STOPPED;
        }

        n = read(fd, (char *) records + have, sizeof(records) - have);

        if (n == 0) {
            return MCP_RESOLVE_DONE;
        }

        if (n == -1) {
            continue;
        }

        have += (size_t) n;

        for (i = 0; i < have / sizeof(records[0]); i++) {
            take(data, &records[i]);
            njobs -= records[i].is_answer;
        }

        have -= i * sizeof(records[0]);
        memmove(records, &records[i], have);
    }

    return MCP_RESOLVE_DONE;
}


static int64_t
mcp_resolve_now_ms(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


static _Noreturn void
mcp_resolve_child(int fd, pid_t parent, const mcp_resolve_job_t *jobs,
    size_t njobs)
{
    size_t          i, nthreads;
    pthread_t       threads[MCP_RESOLVE_THREADS_MAX];
    mcp_resolver_t  resolver;
    pthread_attr_t  attr;

    fd = mcp_resolve_leave_parent(fd, parent);
    if (fd == -1) {
        _exit(EXIT_FAILURE);
    }

    resolver.jobs = jobs;
    resolver.njobs = njobs;
    resolver.fd = fd;
    atomic_init(&resolver.next, 0);

    nthreads = 0;

    if (pthread_attr_init(&attr) == 0
        && pthread_attr_setstacksize(&attr, MCP_RESOLVE_STACK_BYTES) == 0)
    {
        /* this thread is one of them, and enough where no other is allowed */

        while (nthreads < MCP_RESOLVE_THREADS_MAX - 1
               && nthreads + 1 < njobs
               && pthread_create(&threads[nthreads], &attr,
                                 mcp_resolve_thread, &resolver)
                  == 0)
        {
            nthreads++;
        }
    }

    (void) mcp_resolve_thread(&resolver);

    for (i = 0; i < nthreads; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    _exit(EXIT_SUCCESS);
}


/* Returns what fd has become, or -1. */
static int
mcp_resolve_leave_parent(int fd, pid_t parent)
{
    int               null, i;
    sigset_t          none;
    struct sigaction  action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    (void) sigemptyset(&action.sa_mask);

    for (i = 1; i < NSIG; i++) {
        (void) sigaction(i, &action, NULL);
    }

    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent) {
        return -1;
    }

    if (fd <= STDERR_FILENO) {
        fd = fcntl(fd, F_DUPFD, STDERR_FILENO + 1);
        if (fd == -1) {
            return -1;
        }
    }

    null = open("/dev/null", O_RDWR);

    /* a socket of the resolver must not become the standard error */

    for (i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (null == -1 || dup2(null, i) == -1) {
            return -1;
        }
    }

    if (fd > STDERR_FILENO + 1) {
        mcp_resolve_close(STDERR_FILENO + 1, (unsigned) fd - 1);
    }

    mcp_resolve_close((unsigned) fd + 1, UINT_MAX);

    return fd;
}


static void
mcp_resolve_close(unsigned first, unsigned last)
{
    long      limit;
    unsigned  i;

#ifdef SYS_close_range

    if (syscall(SYS_close_range, first, last, 0) == 0) {
        return;
    }

#endif

    limit = sysconf(_SC_OPEN_MAX);

    if (limit < 0 || limit > MCP_RESOLVE_FDS_MAX) {
        limit = MCP_RESOLVE_FDS_MAX;
    }

    for (i = first; i <= last && i < (unsigned) limit; i++) {
        (void) close((int) i);
    }
}


static void *
mcp_resolve_thread(void *data)
{
    size_t           n;
    mcp_resolver_t  *resolver;

    resolver = data;

    for ( ;; ) {

        n = atomic_fetch_add(&resolver->next, 1);

        if (n >= resolver->njobs
            || mcp_resolve_one(resolver, &resolver->jobs[n]) != MCP_OK)
        {
            return NULL;
        }
    }
}


static int
mcp_resolve_one(const mcp_resolver_t *resolver, const mcp_resolve_job_t *job)
{
    struct addrinfo        hints, *info;
    mcp_resolve_record_t   record;

    memset(&record, 0, sizeof(record));
    record.name = job->name;

    if (mcp_resolve_send(resolver->fd, &record) != MCP_OK) {
        return MCP_ERROR;
    }

    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    record.is_answer = 1;
    record.error = getaddrinfo(job->text, NULL, &hints, &info);

    if (record.error == 0) {
        record.naddresses = mcp_resolve_collect(info, record.addresses);
        freeaddrinfo(info);
    }

    return mcp_resolve_send(resolver->fd, &record);
}


static uint32_t
mcp_resolve_collect(const struct addrinfo *info,
    mcp_address_t ret_addresses[MCP_IMAGE_NAME_ADDRESSES_MAX])
{
    size_t                      n;
    mcp_address_t               addresses[MCP_RESOLVE_ADDRESSES_MAX];
    const struct sockaddr_in   *in;
    const struct sockaddr_in6  *in6;

    memset(addresses, 0, sizeof(addresses));
    n = 0;

    for ( /* void */ ;
         info && n < MCP_RESOLVE_ADDRESSES_MAX;
         info = info->ai_next)
    {
        if (info->ai_family == AF_INET) {
            in = (const struct sockaddr_in *) info->ai_addr;
            addresses[n].in.sin_family = AF_INET;
            addresses[n++].in.sin_addr = in->sin_addr;

        } else if (info->ai_family == AF_INET6) {
            in6 = (const struct sockaddr_in6 *) info->ai_addr;
            addresses[n].in6.sin6_family = AF_INET6;
            addresses[n].in6.sin6_scope_id = in6->sin6_scope_id;
            addresses[n++].in6.sin6_addr = in6->sin6_addr;
        }
    }

    n = mcp_target_sort(addresses, n);

    if (n > MCP_IMAGE_NAME_ADDRESSES_MAX) {
        n = MCP_IMAGE_NAME_ADDRESSES_MAX;
    }

    memcpy(ret_addresses, addresses, n * sizeof(mcp_address_t));

    return (uint32_t) n;
}


static int
mcp_resolve_send(int fd, const mcp_resolve_record_t *record)
{
    ssize_t  n;

    do {
        n = write(fd, record, sizeof(mcp_resolve_record_t));
    } while (n == -1 && errno == EINTR);

    return n == (ssize_t) sizeof(mcp_resolve_record_t) ? MCP_OK : MCP_ERROR;
}
