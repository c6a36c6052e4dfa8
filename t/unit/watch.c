/* Watching files: what is noticed, and that the rest is not. */

#include "mcp_watch.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


static void test_files(void);
static void test_links(void);
static void test_sets(void);
static void test_limits(void);
static const char *at(const char *name);
static void put(const char *name);
static void turn(const char *name, const char *to);
static bool noticed(void);
static bool quiet(void);
static bool watch_files(const char *first, ...);


static char          folder[] = "/tmp/mcp-watch-XXXXXX";
static mcp_watch_t  *watch;


int
main(void)
{
    char  command[128];

    if (mkdtemp(folder) == NULL || chdir(folder) == -1) {
        return 1;
    }

    watch = mcp_watch_new();
    ok(watch != NULL, "a watch");

    test_files();
    test_links();
    test_sets();
    test_limits();

    mcp_watch_free(watch);
    mcp_watch_free(NULL);

    (void) snprintf(command, sizeof(command), "rm -rf %s", folder);
    ok(system(command) == 0, "tidied up");

    return done();
}


static void
test_files(void)
{
    int  fd;

    (void) mkdir("a", 0700);
    (void) mkdir("b", 0700);
    put("a/one");

    ok(watch_files("a/one", "tenants.yaml", NULL),
       "files are watched, there or not");
    ok(quiet(), "nothing has happened");

    put("a/one");
    ok(noticed(), "a file that is written");
    ok(quiet(), "once");

    put("a/new");
    (void) noticed();
    (void) rename("a/new", "a/one");
    ok(noticed(), "a file that is replaced");

    put("tenants.yaml");
    ok(noticed(), "one that was not there, in the folder we are in");

    (void) chmod("a/one", 0600);
    ok(noticed(), "other rights");

    put("b/one");
    ok(quiet(), "another folder is not ours");

    fd = open("a/half", O_WRONLY | O_CREAT, 0600);
    (void) !write(fd, "x", 1);
    ok(quiet(), "a file that is being written is not whole yet");
    (void) close(fd);
    ok(noticed(), "when it is closed, it is");

    (void) unlink("a/half");
    ok(quiet(), "what is taken away is left to those who look");

    (void) rename("a", "c");
    ok(noticed(), "the folder itself moves");
    (void) rename("c", "a");
    (void) noticed();
}


/* as in a volume of Kubernetes */
static void
test_links(void)
{
    (void) mkdir("v", 0700);
    (void) mkdir("v/1", 0700);
    (void) mkdir("v/2", 0700);
    put("v/1/f");
    put("v/2/f");
    turn("v/data", "1");
    (void) symlink("data/f", "v/f");
    (void) symlink(at("v"), "absolute");

    ok(watch_files("v/f", NULL), "a file behind links");
    (void) noticed();

    put("v/1/f");
    ok(noticed(), "is written where it is");
    put("v/2/f");
    ok(quiet(), "and not elsewhere");

    turn("v/data", "2");
    ok(noticed(), "a link on the way is turned");

    ok(watch_files("v/f", NULL), "the way is another");
    (void) noticed();
    put("v/2/f");
    ok(noticed(), "and the file is watched there");
    put("v/1/f");
    ok(quiet(), "no longer where it was");

    ok(watch_files("absolute/f", NULL), "by an absolute link");
    (void) noticed();
    put("v/2/f");
    ok(noticed(), "it is the same file");
    turn("v/data", "1");
    ok(noticed(), "the links behind it count, too");
    turn("absolute", "b");
    ok(noticed(), "and itself");

    (void) symlink("loop", "loop");
    ok(!watch_files("loop/f", NULL) && errno == ELOOP, "a loop ends");
}


static void
test_sets(void)
{
    ok(watch_files("a/one", "a/two", "b/one", "a/one", NULL),
       "several files of one folder");
    (void) noticed();
    put("b/one");
    ok(noticed(), "each folder is watched");

    ok(watch_files("a/one", NULL), "fewer");
    (void) noticed();
    put("b/one");
    ok(quiet(), "what is watched no longer is silent");
    put("a/two");
    ok(noticed(), "what still is, is not");

    ok(!watch_files("none/f", "b/one", NULL) && errno == ENOENT,
       "a folder that is missing is told");
    (void) noticed();
    put("b/one");
    ok(noticed(), "the others are watched");

    ok(watch_files(NULL), "none at all");
    (void) noticed();
    put("b/one");
    ok(quiet(), "is silent");
}


static void
test_limits(void)
{
    char         path[8192];
    const char  *files[1];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    files[0] = path;

    ok(mcp_watch_files(watch, files, 1) == MCP_ERROR && errno == ENAMETOOLONG,
       "a path that is too long");

    mcp_alloc_fail_at(0);
    files[0] = "a/one";
    ok(mcp_watch_files(watch, files, 1) == MCP_ERROR && errno == ENOMEM,
       "no memory");
    mcp_alloc_fail_at(0);
    ok(mcp_watch_new() == NULL && errno == ENOMEM, "nor for a watch");
    mcp_alloc_fail_at(-1);
}


static const char *
at(const char *name)
{
    static char  path[256];

    (void) snprintf(path, sizeof(path), "%s/%s", folder, name);

    return path;
}


static void
put(const char *name)
{
    FILE  *out;

    out = fopen(name, "w");

    if (out) {
        (void) fputs("x\n", out);
        (void) fclose(out);
    }
}


/* Turns a link over in one step. */
static void
turn(const char *name, const char *to)
{
    (void) unlink("link.new");
    (void) symlink(to, "link.new");

    if (strncmp(name, "v/", 2) == 0) {
        (void) rename("link.new", "v/link.new");
        (void) rename("v/link.new", name);
        return;
    }

    (void) rename("link.new", name);
}


/* Events are there before the call that caused them returns. */
static bool
noticed(void)
{
    struct pollfd  poller;

    poller.fd = mcp_watch_fd(watch);
    poller.events = POLLIN;

    return poll(&poller, 1, 0) == 1 && mcp_watch_read(watch) && quiet();
}


static bool
quiet(void)
{
    return !mcp_watch_read(watch);
}


static bool
watch_files(const char *first, ...)
{
    size_t       n;
    va_list      args;
    const char  *files[8];

    n = 0;
    va_start(args, first);

    while (first) {
        files[n++] = first;
        first = va_arg(args, const char *);
    }

    va_end(args);

    return mcp_watch_files(watch, files, n) == MCP_OK;
}
