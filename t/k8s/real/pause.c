/*
 * The first process of a Pod: it holds the Pod's namespaces, takes in what
 * other processes leave behind, and ends when it is told to.
 */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>


static void pause_end(int signo);
static void pause_reap(int signo);


int
main(void)
{
    signal(SIGINT, pause_end);
    signal(SIGTERM, pause_end);
    signal(SIGCHLD, pause_reap);

    for ( ;; ) {
        pause();
    }
}


static void
pause_end(int signo)
{
    (void) signo;
    _exit(0);
}


static void
pause_reap(int signo)
{
    (void) signo;

    while (waitpid(-1, NULL, WNOHANG) > 0) {
        /* void */
    }
}
