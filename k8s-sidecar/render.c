/*
 * mcp-tenant render: every object, as a person can review it.
 */

#include "commands.h"
#include "config_load.h"
#include "objects.h"
#include "yaml_out.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>


#define RENDER_USAGE  2


typedef struct {
    const char            *file;
    config_load_t          load;
    objects_options_t      objects;
} render_t;


static int render_arguments(render_t *render, int argc, char **argv);
static int render_run(const render_t *render);
static int render_tenant(const mcp_tenant_t *tenant,
    const objects_options_t *options);
static void render_usage(FILE *out);


int
mcp_cmd_render(int argc, char **argv)
{
    int              rc;
    render_t         render;
    kube_versions_t  versions;

    memset(&render, 0, sizeof(render_t));

    kube_versions_newest(&versions);
    render.objects.versions = &versions;
    render.objects.instance = OBJECTS_INSTANCE_DEFAULT;
    render.objects.gateway_namespace = OBJECTS_GATEWAY_NAMESPACE;

    rc = render_arguments(&render, argc, argv);

    if (rc == -1) {
        rc = render_run(&render);
    }

    config_load_done(&render.load);

    return rc;
}


/* Returns -1 to go on, else the exit status. */
static int
render_arguments(render_t *render, int argc, char **argv)
{
    int  option;

    static const struct option  options[] = {
        CONFIG_LOAD_OPTIONS,
        OBJECTS_OPTIONS,
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    if (config_load_init(&render->load, "render", argc) != MCP_OK) {
        return 1;
    }

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {

        switch (option) {

        case 'h':
            render_usage(stdout);
            return 0;

        case '?':
            render_usage(stderr);
            return RENDER_USAGE;

        default:
            if (config_load_option(&render->load, option, optarg) != MCP_OK
                || objects_option(&render->objects, "render", option, optarg)
                   != MCP_OK)
            {
                return RENDER_USAGE;
            }
        }
    }

    if (argc - optind != 1) {
        fprintf(stderr, "mcp-tenant render: %s\n\n",
                optind == argc ? "which file?" : "one file only");
        render_usage(stderr);
        return RENDER_USAGE;
    }

    render->file = argv[optind];

    return -1;
}


static int
render_run(const render_t *render)
{
    int            rc;
    size_t         i;
    mcp_config_t  *config;

    config = config_load_file(&render->load, render->file, stderr);

    if (config == NULL) {
        return 1;
    }

    rc = 0;

    for (i = 0; i < config->ntenants && rc == 0; i++) {
        rc = render_tenant(&config->tenants[i], &render->objects);
    }

    mcp_config_free(config);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mcp-tenant render: cannot write\n");
        return 1;
    }

    return rc;
}


static int
render_tenant(const mcp_tenant_t *tenant, const objects_options_t *options)
{
    int        rc;
    size_t     i;
    objects_t  objects;

    memset(&objects, 0, sizeof(objects_t));

    rc = objects_build(tenant, NULL, options, &objects);

    for (i = 0; rc == MCP_OK && i < objects.count; i++) {
        yaml_out_document(stdout, objects.elts[i].json);
    }

    objects_clear(&objects);

    if (rc != MCP_OK) {
        fprintf(stderr, "mcp-tenant render: there is no memory\n");
        return 1;
    }

    return 0;
}


static void
render_usage(FILE *out)
{
    fprintf(out, "Usage: mcp-tenant render [OPTION]... FILE\n"
            "\n"
            "Prints every object of Kubernetes that FILE (tenants.yaml) and "
            "its catalogs ask\n"
            "for, as YAML for \"kubectl apply -f -\".  Servers that run on "
            "demand have no\n"
            "replicas in it.\n"
            "\n"
            "Options:\n"
            OBJECTS_OPTIONS_HELP
            CONFIG_LOAD_OPTIONS_HELP
            "  --help                 this text\n"
            "\n"
            "Exit status: 0, 1 when FILE has errors, 2 for wrong usage.\n");
}
