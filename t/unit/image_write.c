/*
 * Files: a reader finds the old image or the new one, whole, and nothing that
 * somebody put in its place; also when the writer was killed.
 */

#ifndef MCP_CRASH_POINTS
#define MCP_CRASH_POINTS
#endif

#include "mcp_crash.c"
#include "mcp_file_write.c"

#include "image_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


static void test_round_trip(void);
static void test_replaced(void);
static void test_not_an_image(void);
static void test_failures(void);
static void test_killed(void);
static bool is_killed_at(const char *name);
static bool is_on_disk(uint64_t generation);
static void make(uint64_t generation);
static void put(const char *path, const void *data, size_t size);


static char  folder[] = "/tmp/mcp-image-XXXXXX";
static char  path[64];
static char  tmp[96];
static char  victim[64];


int
main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }

    (void) snprintf(path, sizeof(path), "%s/tenants.img", folder);
    (void) snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    (void) snprintf(victim, sizeof(victim), "%s/victim", folder);

    test_round_trip();
    test_replaced();
    test_not_an_image();
    test_failures();
    test_killed();

    free(built);

    (void) unlink(path);
    (void) unlink(victim);
    is_int(rmdir(folder), 0, "nothing else is left behind");

    return done();
}


static void
test_round_trip(void)
{
    mode_t              mask;
    size_t              size;
    const char         *error;
    struct stat         st;
    const mcp_image_t  *image;

    make(1);

    is_int(mcp_file_write(path, built, built_size, 0600), MCP_OK, "written");
    is_int(stat(path, &st), 0, "the file is there");
    is_int(st.st_mode & 07777, 0600, "only its owner may read it");
    is_int(access(tmp, F_OK), -1, "the temporary one is gone");

    image = mcp_image_map(path, &size, &error);

    ok(image != NULL && size == built_size
       && memcmp(image, built, built_size) == 0, "mapped, it is the same");

    if (image) {
        (void) munmap((void *) image, size);
    }

    mask = umask(0077);

    is_int(mcp_file_write(path, built, built_size, 0644), MCP_OK,
           "written for all");
    is_int(stat(path, &st), 0, "it is there");
    is_int(st.st_mode & 07777, 0644, "all may read it, whatever the umask");

    (void) umask(mask);
}


static void
test_replaced(void)
{
    int                 fd;
    char                text[8];
    size_t              size;
    const char         *error;
    const mcp_image_t  *old;

    old = mcp_image_map(path, &size, &error);
    make(2);

    put(victim, "precious", 8);
    is_int(symlink(victim, tmp), 0, "a link stands for the temporary file");

    is_int(mcp_file_write(path, built, built_size, 0600), MCP_OK,
           "written over");
    ok(is_on_disk(2), "the new one is there");
    ok(old && mcp_image_generation(old) == 1, "the old mapping stays");

    fd = open(victim, O_RDONLY);
    ok(read(fd, text, 8) == 8 && memcmp(text, "precious", 8) == 0,
       "nothing was written through the link");
    (void) close(fd);

    if (old) {
        (void) munmap((void *) old, size);
    }
}


static void
test_not_an_image(void)
{
    size_t       size;
    const char  *error;

    (void) rename(path, victim);

    errno = 0;
    ok(mcp_image_map(path, &size, &error) == NULL && errno == ENOENT,
       "no file");

    (void) symlink(victim, path);
    ok(mcp_image_map(path, &size, &error) == NULL && errno == ELOOP,
       "a link to an image");
    (void) unlink(path);

    (void) mkfifo(path, 0600);
    ok(mcp_image_map(path, &size, &error) == NULL && errno == 0, "a FIFO");
    (void) unlink(path);

    (void) mkdir(path, 0700);
    ok(mcp_image_map(path, &size, &error) == NULL && errno == 0, "a folder");
    (void) rmdir(path);

    put(path, "", 0);
    ok(mcp_image_map(path, &size, &error) == NULL && errno == 0,
       "an empty file");

    put(path, built, built_size / 2);
    ok(mcp_image_map(path, &size, &error) == NULL && errno == 0,
       "half an image");

    put(path, "text", 4);
    (void) truncate(path, 0x100000000);
    ok(mcp_image_map(path, &size, &error) == NULL && errno == 0,
       "a file of 4 GiB");

    (void) rename(victim, path);
    ok(is_on_disk(2), "and the image itself");
}


static void
test_failures(void)
{
    char           missing[128];
    struct rlimit  limit, small;

    make(3);

    (void) snprintf(missing, sizeof(missing), "%s/missing/x.img", folder);
    is_int(mcp_file_write(missing, built, built_size, 0600), MCP_ERROR,
           "no such folder");
    is_int(errno, ENOENT, "and errno says so");

    /* as good as a full disk */

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = built_size / 2;
    (void) setrlimit(RLIMIT_FSIZE, &small);

    is_int(mcp_file_write(path, built, built_size, 0600), MCP_ERROR,
           "no room");
    is_int(errno, EFBIG, "and errno says so");

    (void) setrlimit(RLIMIT_FSIZE, &limit);

    ok(is_on_disk(2), "the old image stays");
    is_int(access(tmp, F_OK), -1, "without the temporary file");

    (void) mkdir(tmp, 0700);
    is_int(mcp_file_write(path, built, built_size, 0600), MCP_ERROR,
           "a folder in place of the temporary file");
    ok(is_on_disk(2), "the old image stays");
    (void) rmdir(tmp);

    mcp_alloc_fail_at(0);
    is_int(mcp_file_write(path, built, built_size, 0600), MCP_ERROR,
           "no memory");
    mcp_alloc_fail_at(1);
    is_int(mcp_file_write(path, built, built_size, 0600), MCP_ERROR,
           "no memory later");
    is_int(errno, ENOMEM, "and errno says so");
    mcp_alloc_fail_at(-1);

    ok(is_on_disk(2), "the old image stays");

    (void) unlink(path);
    (void) mkdir(path, 0700);
    is_int(mcp_file_write(path, built, built_size, 0600), MCP_ERROR,
           "a folder in place of the image");
    is_int(access(tmp, F_OK), -1, "no temporary file stays");
    (void) rmdir(path);

    is_int(chdir(folder), 0, "in its folder");
    is_int(mcp_file_write("tenants.img", built, built_size, 0600), MCP_OK,
           "a path without a folder");
    ok(is_on_disk(3), "is the file there");
}


static void
test_killed(void)
{
    size_t    i;
    uint64_t  generation;

    static const struct {
        const char  *name;
        bool         replaced;
    } points[] = {
        { "file-begun",     false },
        { "file-unlinked",  false },
        { "file-created",   false },
        { "file-written",   false },
        { "file-synced",    false },
        { "file-renamed",   true },
        { "file-kept",      true }
    };

    generation = 3;

    for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {

        make(generation + 1);
        ok(is_killed_at(points[i].name), "killed at %s", points[i].name);

        generation += points[i].replaced;
        ok(is_on_disk(generation), "the %s image is there, whole",
           points[i].replaced ? "new" : "old");

        generation++;
        make(generation);
        is_int(mcp_file_write(path, built, built_size, 0600), MCP_OK,
               "the next one is written");
        ok(is_on_disk(generation), "and is there");
    }

    is_int(access(tmp, F_OK), -1, "no temporary file stays");
}


static bool
is_killed_at(const char *name)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        mcp_crash_at(name, 1);
        (void) mcp_file_write(path, built, built_size, 0600);
        _exit(0);
    }

    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status)
           && WTERMSIG(status) == SIGKILL;
}


static bool
is_on_disk(uint64_t generation)
{
    bool                same;
    size_t              size;
    const char         *error;
    const mcp_image_t  *image;

    image = mcp_image_map(path, &size, &error);
    if (image == NULL) {
        return false;
    }

    same = mcp_image_generation(image) == generation;

    (void) munmap((void *) image, size);

    return same;
}


static void
make(uint64_t generation)
{
    const char  *error;

    free(built);

    (void) mcp_image_build(&config, &options, addresses_of, NULL, NULL, 1,
                           generation, &built, &built_size, &error);
}


static void
put(const char *name, const void *data, size_t size)
{
    int  fd;

    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd == -1 || write(fd, data, size) != (ssize_t) size) {
        ok(false, "writing %s", name);
    }

    (void) close(fd);
}
