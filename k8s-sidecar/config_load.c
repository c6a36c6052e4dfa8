/*
 * The files of the tenants for subcommands.
 */

#include "config_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static bool config_load_findings(const config_load_t *load, const char *file,
    mcp_report_t *report, FILE *out);


int
config_load_init(config_load_t *load, const char *command, int argc)
{
    memset(load, 0, sizeof(config_load_t));

    load->command = command;
    load->allow = calloc((size_t) argc, sizeof(mcp_cidr_t));
    load->names = calloc((size_t) argc, sizeof(mcp_str_t));

    if (load->allow == NULL || load->names == NULL) {
        fprintf(stderr, "mcp-tenant %s: there is no memory\n", command);
        return MCP_ERROR;
    }

    load->options.allow = load->allow;
    load->options.upstream_names = load->names;

    return MCP_OK;
}


void
config_load_done(config_load_t *load)
{
    free(load->allow);
    free(load->names);
}


int
config_load_option(config_load_t *load, int option, const char *value)
{
    mcp_str_t  *name;

    if (option == CONFIG_LOAD_ALLOW) {
        if (mcp_cidr_parse(value, strlen(value),
                           &load->allow[load->options.nallow])
            != MCP_OK)
        {
            fprintf(stderr, "mcp-tenant %s: \"%s\" is no range of addresses; "
                    "write it as 127.0.0.0/8 or ::1\n", load->command, value);
            return MCP_ERROR;
        }

        load->options.nallow++;
    }

    if (option == CONFIG_LOAD_NAME) {
        name = &load->names[load->options.nupstream_names++];
        name->data = value;
        name->len = strlen(value);
        load->options.check_upstream_names = true;
    }

    return MCP_OK;
}


mcp_config_t *
config_load_file(const config_load_t *load, const char *file, FILE *out)
{
    mcp_config_t  *config;
    mcp_report_t  *report;

    config = NULL;
    report = mcp_report_new();

    if (report == NULL) {
        fprintf(stderr, "mcp-tenant %s: there is no memory\n", load->command);
        return NULL;
    }

    if (mcp_config_load(file, &load->options, report, &config) != MCP_OK) {
        config = NULL;
    }

    if (!config_load_findings(load, file, report, out)) {
        mcp_config_free(config);
        config = NULL;
    }

    mcp_report_free(report);

    return config;
}


/* Returns whether they could be told, and none is an error. */
static bool
config_load_findings(const config_load_t *load, const char *file,
    mcp_report_t *report, FILE *out)
{
    size_t  i, errors, files;

    for (i = 0; i < mcp_report_lines(report); i++) {
        fprintf(out, "%s\n", mcp_report_line(report, i, NULL));
    }

    if (mcp_report_out_of_memory(report)) {
        fprintf(stderr, "%s: there is no memory to check it\n", file);
        return false;
    }

    if (fflush(out) != 0) {
        fprintf(stderr, "mcp-tenant %s: cannot write\n", load->command);
        return false;
    }

    errors = mcp_report_errors(report);
    files = mcp_report_files(report);

    if (errors) {
        fprintf(stderr, "%s: %zu error%s in %zu file%s\n", file, errors,
                errors == 1 ? "" : "s", files, files == 1 ? "" : "s");
    }

    return errors == 0;
}
