/*
 * A resolver of the test's own, of which the linker makes the system's, and
 * what looks at a table of names.
 */

#ifndef _RESOLVE_FIXTURE_H_INCLUDED_
#define _RESOLVE_FIXTURE_H_INCLUDED_


#include "mcp_image.h"
#include "mcp_resolve.h"

#include "tap.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>


#define S(text)  { sizeof(text) - 1, text }


static void set(mcp_names_t *names, mcp_url_t *urls, size_t nurls);
static bool resolve(mcp_names_t *names, unsigned timeout_ms);
static const char *first_address(mcp_names_t *names, const char *name);
static bool no_child(void);
static size_t open_files(void);
static struct addrinfo *info_of(const char *text, struct addrinfo *next);
static int fake_many(struct addrinfo **ret_info);


/* what moving.test has */
static const char  *moving = "10.0.0.1";

/* what inherited.test must not see */
static int          inherited[2];

static bool         use_system;


/* The test's own resolver: the linker takes it before the library's. */
int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **ret_info)
{
    int  (*system)(const char *, const char *, const struct addrinfo *,
                   struct addrinfo **);

    if (use_system) {
        *(void **) &system = dlsym(RTLD_NEXT, "getaddrinfo");
        return system(node, service, hints, ret_info);
    }

    if (strncmp(node, "hang", 4) == 0) {
        for ( ;; ) {
            (void) pause();
        }
    }

    if (strcmp(node, "crash.test") == 0) {
        _exit(1);
    }

    if (strcmp(node, "signal.test") == 0) {
        (void) kill(getppid(), SIGCHLD);
    }

    if (strcmp(node, "failing.test") == 0) {
        return EAI_NONAME;
    }

    if (strcmp(node, "inherited.test") == 0
        && (fcntl(inherited[0], F_GETFD) != -1
            || fcntl(inherited[1], F_GETFD) != -1))
    {
        return EAI_FAIL;
    }

    if (strcmp(node, "empty.test") == 0) {
        *ret_info = NULL;
        return 0;
    }

    if (strcmp(node, "many.test") == 0) {
        return fake_many(ret_info);
    }

    *ret_info = info_of(strcmp(node, "moving.test") == 0 ? moving
                                                         : "10.0.0.9", NULL);

    return 0;
}


void
freeaddrinfo(struct addrinfo *info)
{
    struct addrinfo  *next;
    void            (*system)(struct addrinfo *);

    if (use_system) {
        *(void **) &system = dlsym(RTLD_NEXT, "freeaddrinfo");
        system(info);
        return;
    }

    for ( /* void */ ; info; info = next) {
        next = info->ai_next;
        free(info);
    }
}


static struct addrinfo *
info_of(const char *text, struct addrinfo *next)
{
    mcp_address_t    *address;
    struct addrinfo  *info;

    info = calloc(1, sizeof(struct addrinfo) + sizeof(mcp_address_t));
    address = (mcp_address_t *) (info + 1);

    (void) mcp_address_parse(text, strlen(text), 0, address);

    info->ai_family = address->sa.sa_family;
    info->ai_addr = &address->sa;
    info->ai_next = next;

    return info;
}


/* 40 addresses of each kind, each twice, in no order. */
static int
fake_many(struct addrinfo **ret_info)
{
    int               i;
    char              text[32];
    struct addrinfo  *info;

    info = NULL;

    for (i = 0; i < 80; i++) {
        (void) snprintf(text, sizeof(text), "10.0.0.%d", i * 7 % 40 + 1);
        info = info_of(text, info);
        (void) snprintf(text, sizeof(text), "2001:db8::%x", i * 3 % 40 + 1);
        info = info_of(text, info);
    }

    *ret_info = info;

    return 0;
}


/* One tenant with one server of these URLs. */
static void
set(mcp_names_t *names, mcp_url_t *from, size_t n)
{
    mcp_server_t  server;
    mcp_tenant_t  tenant;
    mcp_config_t  config;

    memset(&server, 0, sizeof(server));
    memset(&tenant, 0, sizeof(tenant));
    memset(&config, 0, sizeof(config));

    server.urls = from;
    server.nurls = n;
    tenant.servers = &server;
    tenant.nservers = 1;
    config.tenants = &tenant;
    config.ntenants = 1;

    if (mcp_names_set(names, &config, true) != MCP_OK) {
        ok(false, "names are set");
    }
}


static bool
resolve(mcp_names_t *names, unsigned timeout_ms)
{
    bool  changed, stopped;

    if (mcp_names_resolve(names, timeout_ms, -1, &changed, &stopped) != MCP_OK
        || stopped)
    {
        ok(false, "names are asked for");
        return false;
    }

    return changed;
}


static const char *
first_address(mcp_names_t *names, const char *name)
{
    mcp_address_t  address;
    static char    text[MCP_ADDRESS_TEXT_LEN];

    text[0] = '\0';

    if (mcp_names_addresses(names, name, &address, 1) == 1) {
        (void) mcp_address_text(&address, text);
    }

    return text;
}


static bool
no_child(void)
{
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}


static size_t
open_files(void)
{
    DIR     *dir;
    size_t   n;

    dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return 0;
    }

    n = 0;

    while (readdir(dir)) {
        n++;
    }

    (void) closedir(dir);

    /* ".", ".." and the folder itself */

    return n - 3;
}


#endif /* _RESOLVE_FIXTURE_H_INCLUDED_ */
