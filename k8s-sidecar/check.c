/*
 * mcp-tenant check: every finding of tenants.yaml and its catalogs, for
 * people and for a build that must stop on them.
 */

#include "commands.h"
#include "mcp_config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CHECK_USAGE  2


typedef struct {
    const char            *file;
    mcp_config_options_t   load;
    mcp_cidr_t            *allow;
    mcp_str_t             *names;
} check_t;


static int check_arguments(check_t *check, int argc, char **argv);
static int check_run(const check_t *check, mcp_report_t *report);
static int check_findings(const char *file, mcp_report_t *report);
static void check_summary(const char *file, const mcp_config_t *config);
static const char *check_plural(size_t count);
static void check_usage(FILE *out);


int
mcp_cmd_check(int argc, char **argv)
{
    int            rc;
    check_t        check;
    mcp_report_t  *report;

    memset(&check, 0, sizeof(check_t));

    check.allow = calloc((size_t) argc, sizeof(mcp_cidr_t));
    check.names = calloc((size_t) argc, sizeof(mcp_str_t));
    report = mcp_report_new();

    if (check.allow == NULL || check.names == NULL || report == NULL) {
        fprintf(stderr, "mcp-tenant check: there is no memory\n");
        rc = 1;

    } else {
        rc = check_arguments(&check, argc, argv);

        if (rc == -1) {
            rc = check_run(&check, report);
        }
    }

    mcp_report_free(report);
    free(check.allow);
    free(check.names);

    return rc;
}


/* Returns -1 to go on, else the exit status. */
static int
check_arguments(check_t *check, int argc, char **argv)
{
    int  option;

    static const struct option  options[] = {
        { "upstream-allow", required_argument, NULL, 'a' },
        { "upstream-name", required_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    check->load.allow = check->allow;
    check->load.upstream_names = check->names;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {

        switch (option) {

        case 'a':
            if (mcp_cidr_parse(optarg, strlen(optarg),
                               &check->allow[check->load.nallow])
                != MCP_OK)
            {
                fprintf(stderr, "mcp-tenant check: \"%s\" is no range of "
                        "addresses; write it as 127.0.0.0/8 or ::1\n",
                        optarg);
                return CHECK_USAGE;
            }

            check->load.nallow++;
            break;

        case 'n':
            check->names[check->load.nupstream_names].data = optarg;
            check->names[check->load.nupstream_names].len = strlen(optarg);
            check->load.nupstream_names++;
            check->load.check_upstream_names = true;
            break;

        case 'h':
            check_usage(stdout);
            return 0;

        default:
            check_usage(stderr);
            return CHECK_USAGE;
        }
    }

    if (argc - optind != 1) {
        fprintf(stderr, "mcp-tenant check: %s\n\n",
                optind == argc ? "which file?" : "one file only");
        check_usage(stderr);
        return CHECK_USAGE;
    }

    check->file = argv[optind];

    return -1;
}


static int
check_run(const check_t *check, mcp_report_t *report)
{
    int            rc;
    mcp_config_t  *config;

    rc = mcp_config_load(check->file, &check->load, report, &config);

    if (check_findings(check->file, report) != 0 || rc != MCP_OK) {
        if (rc == MCP_OK) {
            mcp_config_free(config);
        }

        return 1;
    }

    check_summary(check->file, config);
    mcp_config_free(config);

    return 0;
}


/* Returns whether there was an error, or it could not be told. */
static int
check_findings(const char *file, mcp_report_t *report)
{
    size_t       i, errors, files;
    const char  *line;

    for (i = 0; i < mcp_report_lines(report); i++) {
        line = mcp_report_line(report, i, NULL);
        printf("%s\n", line);
    }

    if (mcp_report_out_of_memory(report)) {
        fprintf(stderr, "%s: there is no memory to check it\n", file);
        return 1;
    }

    errors = mcp_report_errors(report);
    files = mcp_report_files(report);

    if (fflush(stdout) != 0) {
        fprintf(stderr, "mcp-tenant check: cannot write\n");
        return 1;
    }

    if (errors) {
        fprintf(stderr, "%s: %zu error%s in %zu file%s\n", file, errors,
                check_plural(errors), files, check_plural(files));
    }

    return errors != 0;
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
            "  --upstream-allow CIDR  addresses that catalogs may name though "
            "they are\n"
            "                         loopback, link-local and the like "
            "(mcp_tenant_upstream_allow);\n"
            "                         may be given several times\n"
            "  --upstream-name NAME   an upstream{} block that catalogs may "
            "name\n"
            "                         (mcp_tenant_upstream_names); any name "
            "passes when none is given\n"
            "  --help                 this text\n"
            "\n"
            "Exit status: 0 without errors, 1 with errors, 2 for wrong "
            "usage.\n");
}
