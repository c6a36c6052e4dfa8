/*
 * The files of the tenants for subcommands, with the options that nginx.conf
 * has for reading them.
 */

#ifndef _CONFIG_LOAD_H_INCLUDED_
#define _CONFIG_LOAD_H_INCLUDED_


#include "mcp_config.h"

#include <stdio.h>


typedef struct {
    const char            *command;
    mcp_config_options_t   options;
    mcp_cidr_t            *allow;
    mcp_str_t             *names;
} config_load_t;


/* For an array of struct option; the values are what option is below. */
#define CONFIG_LOAD_ALLOW  256
#define CONFIG_LOAD_NAME   257

#define CONFIG_LOAD_OPTIONS                                                  \
    { "upstream-allow", required_argument, NULL, CONFIG_LOAD_ALLOW },        \
    { "upstream-name", required_argument, NULL, CONFIG_LOAD_NAME }

#define CONFIG_LOAD_OPTIONS_HELP                                             \
    "  --upstream-allow CIDR  addresses that catalogs may name though they " \
    "are\n"                                                                  \
    "                         loopback, link-local and the like "            \
    "(mcp_tenant_upstream_allow);\n"                                         \
    "                         may be given several times\n"                  \
    "  --upstream-name NAME   an upstream{} block that catalogs may name\n"  \
    "                         (mcp_tenant_upstream_names); any name passes " \
    "when none is given\n"


/* MCP_ERROR, with a message, without memory. */
int config_load_init(config_load_t *load, const char *command, int argc);
void config_load_done(config_load_t *load);

/*
 * Takes an option, and leaves those that are not its own alone.  MCP_ERROR,
 * with a message, for a wrong value.
 */
int config_load_option(config_load_t *load, int option, const char *value);

/*
 * Reads file and its catalogs, and prints warnings and errors to out, one a
 * line.  NULL when there was an error, which standard error counts; the
 * caller frees what it got.
 */
mcp_config_t *config_load_file(const config_load_t *load, const char *file,
    FILE *out);


#endif /* _CONFIG_LOAD_H_INCLUDED_ */
