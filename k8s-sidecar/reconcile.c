/*
 * mcp-tenant reconcile: the cluster, as the files say.
 */

#include "commands.h"
#include "controller.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define RECONCILE_USAGE      2
#define RECONCILE_MAX_SHARE  30
#define RECONCILE_GRACE      86400


enum {
    RECONCILE_KUBECONFIG = 1024,
    RECONCILE_CONTEXT,
    RECONCILE_ONCE,
    RECONCILE_DRY_RUN,
    RECONCILE_PRUNE,
    RECONCILE_MAX_SHARE_OPTION,
    RECONCILE_GRACE_OPTION,
    RECONCILE_ADOPT,
    RECONCILE_NO_LEASE,
    RECONCILE_ENDPOINTS,
    RECONCILE_LISTEN,
    RECONCILE_NGINX
};


static int reconcile_arguments(controller_options_t *options,
    config_load_t *load, int argc, char **argv);
static int reconcile_option(controller_options_t *options, int option,
    const char *value);
static int reconcile_number(const char *name, const char *value,
    unsigned max, unsigned *ret_number);
static void reconcile_usage(FILE *out);


int
mcp_cmd_reconcile(int argc, char **argv)
{
    int                    rc;
    config_load_t          load;
    controller_options_t   options;

    memset(&options, 0, sizeof(controller_options_t));

    options.load = &load;
    options.with_lease = true;
    options.max_share = RECONCILE_MAX_SHARE;
    options.grace_seconds = RECONCILE_GRACE;
    options.objects.instance = OBJECTS_INSTANCE_DEFAULT;
    options.objects.gateway_namespace = OBJECTS_GATEWAY_NAMESPACE;
    options.adopt = calloc((size_t) argc, sizeof(char *));

    if (config_load_init(&load, "reconcile", argc) != MCP_OK
        || options.adopt == NULL)
    {
        rc = 1;

    } else {
        rc = reconcile_arguments(&options, &load, argc, argv);

        if (rc == -1) {
            rc = controller_run(&options);
        }
    }

    config_load_done(&load);
    free(options.adopt);

    return rc;
}


/* Returns -1 to go on, else the exit status. */
static int
reconcile_arguments(controller_options_t *options, config_load_t *load,
    int argc, char **argv)
{
    int  option;

    static const struct option  names[] = {
        CONFIG_LOAD_OPTIONS,
        OBJECTS_OPTIONS,
        { "kubeconfig", required_argument, NULL, RECONCILE_KUBECONFIG },
        { "context", required_argument, NULL, RECONCILE_CONTEXT },
        { "once", no_argument, NULL, RECONCILE_ONCE },
        { "dry-run", no_argument, NULL, RECONCILE_DRY_RUN },
        { "prune", no_argument, NULL, RECONCILE_PRUNE },
        { "prune-max-share", required_argument, NULL,
          RECONCILE_MAX_SHARE_OPTION },
        { "namespace-grace", required_argument, NULL,
          RECONCILE_GRACE_OPTION },
        { "adopt", required_argument, NULL, RECONCILE_ADOPT },
        { "endpoints", required_argument, NULL, RECONCILE_ENDPOINTS },
        { "listen", required_argument, NULL, RECONCILE_LISTEN },
        { "nginx", required_argument, NULL, RECONCILE_NGINX },
        { "no-lease", no_argument, NULL, RECONCILE_NO_LEASE },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {

        if (option == 'h') {
            reconcile_usage(stdout);
            return 0;
        }

        if (option == '?') {
            reconcile_usage(stderr);
            return RECONCILE_USAGE;
        }

        if (config_load_option(load, option, optarg) != MCP_OK
            || objects_option(&options->objects, "reconcile", option, optarg)
               != MCP_OK
            || reconcile_option(options, option, optarg) != MCP_OK)
        {
            return RECONCILE_USAGE;
        }
    }

    if (argc - optind != 1) {
        fprintf(stderr, "mcp-tenant reconcile: %s\n\n",
                optind == argc ? "which file?" : "one file only");
        reconcile_usage(stderr);
        return RECONCILE_USAGE;
    }

    if (options->nginx && options->endpoints == NULL) {
        fprintf(stderr, "mcp-tenant reconcile: found --nginx alone, expected "
                "it with --endpoints, the file that NGINX reads\n");
        return RECONCILE_USAGE;
    }

    options->file = argv[optind];

    return -1;
}


static int
reconcile_option(controller_options_t *options, int option,
    const char *value)
{
    switch (option) {

    case RECONCILE_KUBECONFIG:
        options->kubeconfig = value;
        break;

    case RECONCILE_CONTEXT:
        options->context = value;
        break;

    case RECONCILE_ONCE:
        options->once = true;
        break;

    case RECONCILE_DRY_RUN:
        options->dry_run = true;
        break;

    case RECONCILE_PRUNE:
        options->prune = true;
        break;

    case RECONCILE_MAX_SHARE_OPTION:
        return reconcile_number("--prune-max-share", value, 100,
                                &options->max_share);

    case RECONCILE_GRACE_OPTION:
        return reconcile_number("--namespace-grace", value, 365 * 86400,
                                &options->grace_seconds);

    case RECONCILE_ADOPT:
        options->adopt[options->nadopt++] = value;
        break;

    case RECONCILE_ENDPOINTS:
        options->endpoints = value;
        break;

    case RECONCILE_LISTEN:
        options->listen = value;
        break;

    case RECONCILE_NGINX:
        options->nginx = value;
        break;

    case RECONCILE_NO_LEASE:
        options->with_lease = false;
        break;
    }

    return MCP_OK;
}


static int
reconcile_number(const char *name, const char *value, unsigned max,
    unsigned *ret_number)
{
    char           *end;
    unsigned long   number;

    number = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || number > max) {
        fprintf(stderr, "mcp-tenant reconcile: found \"%s\" as %s, expected a "
                "whole number from 0 to %u\n", value, name, max);
        return MCP_ERROR;
    }

    *ret_number = (unsigned) number;

    return MCP_OK;
}


static void
reconcile_usage(FILE *out)
{
    fprintf(out, "Usage: mcp-tenant reconcile [OPTION]... FILE\n"
            "\n"
            "Makes a Kubernetes cluster what FILE (tenants.yaml) and its "
            "catalogs say, and\n"
            "keeps it so.\n"
            "\n"
            "Options:\n"
            "  --kubeconfig FILE      where the cluster is; else $KUBECONFIG, "
            "else the cluster\n"
            "                         that this runs in\n"
            "  --context NAME         of the kubeconfig; else its current "
            "one\n"
            "  --once                 end when the cluster is as it should "
            "be\n"
            "  --dry-run              print what would be done, and end\n"
            "  --prune                delete what nobody asks for any more\n"
            "  --prune-max-share N    percent of all objects that may be "
            "deleted at once: %d\n"
            "  --namespace-grace N    seconds between the announcement and "
            "the end of the\n"
            "                         namespace of a dropped tenant: %d\n"
            "  --adopt NAMESPACE      take over a namespace that is there "
            "already; may be\n"
            "                         given several times\n"
            "  --endpoints FILE       tell NGINX in FILE where pods are "
            "(mcp_tenant_endpoints)\n"
            "  --listen ADDRESS:PORT  where /healthz, /readyz and /metrics "
            "are\n"
            "  --nginx http://ADDRESS:PORT\n"
            "                         of the NGINX beside it, which says on "
            "/status which pods\n"
            "                         it still needs; then /drain answers "
            "kubelet\n"
            "  --no-lease             write without a Lease: only one such "
            "may run\n"
            OBJECTS_OPTIONS_HELP
            CONFIG_LOAD_OPTIONS_HELP
            "  --help                 this text\n"
            "\n"
            "Exit status: 0, 1 when the work failed, 2 for wrong usage.\n",
            RECONCILE_MAX_SHARE, RECONCILE_GRACE);
}
