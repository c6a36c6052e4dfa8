/*
 * Loads and checks tenants.yaml with its catalogs.
 */

#ifndef _MCP_CONFIG_H_INCLUDED_
#define _MCP_CONFIG_H_INCLUDED_


#include "mcp_address.h"
#include "mcp_base.h"
#include "mcp_model.h"


/*
 * How the files are read, all borrowed for the call.
 *
 * env: returns the value of an environment variable, NULL when there is
 * none; with env NULL, ${NAME} and ${file:...} are checked for their form and
 * grant, but no value is read and mcp_header_t.value stays without data.
 *
 * upstream_names: the upstream{} blocks that nginx.conf opened; with
 * check_upstream_names false any well-formed name passes.
 *
 * api_server: address or name of the Kubernetes API server that no catalog
 * may name, or NULL.
 */
typedef struct {
    const mcp_cidr_t  *allow;
    size_t             nallow;
    const mcp_str_t   *upstream_names;
    size_t             nupstream_names;
    bool               check_upstream_names;
    const char        *cluster_domain;      /* NULL: cluster.local */
    const char        *api_server;
    const char      *(*env)(void *data, const char *name);
    void              *env_data;
} mcp_config_options_t;


/*
 * files: every file that was read, tenants.yaml first, secrets included.
 * allow_shrink_to: 0 when the file does not say; list: where "tenants" stands;
 * cut: the end of tenants.yaml when its last line has no line feed, else its
 * line is 0.
 */
typedef struct {
    mcp_arena_t    *arena;
    mcp_tenant_t   *tenants;
    size_t          ntenants;
    const char    **files;
    size_t          nfiles;
    uint32_t        allow_shrink_to;
    mcp_mark_t      list;
    mcp_mark_t      cut;
    unsigned char   digest[32];             /* SHA-256 over all files */
} mcp_config_t;


/*
 * Reads path and every catalog it names, and adds every finding to report.
 * Returns MCP_OK and a configuration that the caller frees, or MCP_ERROR and
 * leaves *ret_config alone when there was any error: the files are taken
 * whole or not at all, all as they stood at one moment.  report must be new.
 * Findings name files as reached from path ("path" as given; a catalog as the
 * folder of path, "/", and what the file says).
 */
int mcp_config_load(const char *path, const mcp_config_options_t *options,
    mcp_report_t *report, mcp_config_t **ret_config);
void mcp_config_free(mcp_config_t *config);


#endif /* _MCP_CONFIG_H_INCLUDED_ */
