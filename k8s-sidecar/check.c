/*
 * mcp-tenant check: every finding of tenants.yaml and its catalogs, for
 * people and for a build that must stop on them.
 */

#include "commands.h"
#include "config_load.h"

#include <getopt.h>
#include <stdio.h>


#define CHECK_USAGE  2


static int check_arguments(config_load_t *load, int argc, char **argv,
    const char **ret_file);
static int check_run(const config_load_t *load, const char *file);
static void check_summary(const char *file, const mcp_config_t *config);
static const char *check_plural(size_t count);
static void check_usage(FILE *out);


int
mcp_cmd_check(int argc, char **argv)
{
    int             rc;
    const char     *file;
    config_load_t   load;

    if (config_load_init(&load, "check", argc) != MCP_OK) {
        rc = 1;

    } else {
        rc = check_arguments(&load, argc, argv, &file);

        if (rc == -1) {
            rc = check_run(&load, file);
        }
    }

    config_load_done(&load);

    return rc;
}


/* Returns -1 to go on, else the exit status. */
static int
check_arguments(config_load_t *load, int argc, char **argv,
    const char **ret_file)
{
    int  option;

    static const struct option  options[] = {
        CONFIG_LOAD_OPTIONS,
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {

        switch (option) {

        case 'h':
            check_usage(stdout);
            return 0;

        case '?':
            check_usage(stderr);
            return CHECK_USAGE;

        default:
            if (config_load_option(load, option, optarg) != MCP_OK) {
                return CHECK_USAGE;
            }
        }
    }

    if (argc - optind != 1) {
        fprintf(stderr, "mcp-tenant check: %s\n\n",
                optind == argc ? "which file?" : "one file only");
        check_usage(stderr);
        return CHECK_USAGE;
    }

    *ret_file = argv[optind];

    return -1;
}


static int
check_run(const config_load_t *load, const char *file)
{
    mcp_config_t  *config;

    config = config_load_file(load, file, stdout);

    if (config == NULL) {
        return 1;
    }

    check_summary(file, config);
    mcp_config_free(config);

    return 0;
}


static void
check_summary(const char *file, const mcp_config_t *config)
{
    size_t  i, keys, servers;

    keys = 0;
    servers = 0;

    for (i = 0; i < config->ntenants; i++) {
        keys += config->tenants[i].nkeys;
        servers += config->tenants[i].nservers;
    }

    printf("%s: ok, %zu tenant%s, %zu key%s, %zu server%s\n", file,
           config->ntenants, check_plural(config->ntenants), keys,
           check_plural(keys), servers, check_plural(servers));
}


static const char *
check_plural(size_t count)
{
    return count == 1 ? "" : "s";
}


static void
check_usage(FILE *out)
{
    fprintf(out, "Usage: mcp-tenant check [OPTION]... FILE\n"
            "\n"
            "Checks FILE (tenants.yaml) and every catalog that it names, and "
            "prints all\n"
            "that is wrong as FILE:LINE:COLUMN: WHAT WAS FOUND, WHAT WAS "
            "EXPECTED.\n"
            "\n"
            "Options, as nginx.conf has them:\n"
            CONFIG_LOAD_OPTIONS_HELP
            "  --help                 this text\n"
            "\n"
            "Exit status: 0 without errors, 1 with errors, 2 for wrong "
            "usage.\n");
}
