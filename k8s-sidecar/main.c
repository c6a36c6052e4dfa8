/*
 * mcp-tenant: the command line.  Each subcommand is a file of its own.
 */

#include "commands.h"
#include "mcp_version.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define MAIN_USAGE  2


typedef struct {
    const char  *name;
    const char  *summary;
    int        (*run)(int argc, char **argv);
} command_t;


static void *main_alloc(size_t size);
static void main_help(FILE *out);


static const command_t  commands[] = {
    { "check", "check tenants.yaml and the catalogs it names",
      mcp_cmd_check },
    { "keygen", "make an API key and the lines for tenants.yaml",
      mcp_cmd_keygen },
    { "reconcile", "make a Kubernetes cluster as the files say",
      mcp_cmd_reconcile },
    { "render", "print what a Kubernetes cluster should have",
      mcp_cmd_render },
    { "session-key", "make a key that seals sessions",
      mcp_cmd_session_key },
    { "status", "print the state of every tenant in a cluster",
      mcp_cmd_status },
    { NULL, NULL, NULL }
};


int
main(int argc, char **argv)
{
    const command_t  *command;

    json_set_alloc_funcs(main_alloc, free);

    if (argc < 2) {
        main_help(stderr);
        return MAIN_USAGE;
    }

    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0
        || strcmp(argv[1], "help") == 0)
    {
        main_help(stdout);
        return 0;
    }

    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("mcp-tenant %s\n", MCP_TENANT_VERSION);
        return 0;
    }

    for (command = commands; command->name; command++) {
        if (strcmp(argv[1], command->name) == 0) {
            return command->run(argc - 1, argv + 1);
        }
    }

    fprintf(stderr, "mcp-tenant: there is no command \"%s\"\n\n", argv[1]);
    main_help(stderr);

    return MAIN_USAGE;
}


/*
 * JSON that lacks a part for want of memory would be applied as if that part
 * was not wanted.  Whoever started the program starts it again.
 */
static void *
main_alloc(size_t size)
{
    void  *p;

    p = malloc(size);

    if (p == NULL) {
        fprintf(stderr, "mcp-tenant: there is no memory\n");
        _exit(1);
    }

    return p;
}


static void
main_help(FILE *out)
{
    const command_t  *command;

    fprintf(out, "Usage: mcp-tenant COMMAND [OPTION]... [ARGUMENT]...\n"
            "\n"
            "Commands:\n");

    for (command = commands; command->name; command++) {
        fprintf(out, "  %-11s  %s\n", command->name, command->summary);
    }

    fprintf(out, "\n"
            "\"mcp-tenant COMMAND --help\" tells about a command, "
            "\"mcp-tenant --version\"\n"
            "the version.\n");
}
