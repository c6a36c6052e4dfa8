/*
 * mcp-tenant status: what the sidecar wrote about every tenant, as a table.
 */

#include "commands.h"
#include "kube_http.h"
#include "kube_kind.h"
#include "objects.h"
#include "status.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define STATUS_CMD_USAGE       2
#define STATUS_CMD_TIMEOUT_MS  15000


enum {
    STATUS_CMD_KUBECONFIG = 1024,
    STATUS_CMD_CONTEXT,
    STATUS_CMD_JSON
};

typedef struct {
    const char         *kubeconfig;
    const char         *context;
    objects_options_t   objects;
    bool                as_json;
    bool                is_done;
    json_t             *status;
} status_cmd_t;


static int status_cmd_arguments(status_cmd_t *cmd, int argc, char **argv);
static int status_cmd_run(status_cmd_t *cmd, const kube_config_t *config);
static void status_cmd_replied(void *data, const kube_reply_t *reply);
static kube_config_t *status_cmd_config(const status_cmd_t *cmd);
static int status_cmd_print(const status_cmd_t *cmd);
static void status_cmd_usage(FILE *out);


int
mcp_cmd_status(int argc, char **argv)
{
    int             rc;
    status_cmd_t    cmd;
    kube_config_t  *config;

    memset(&cmd, 0, sizeof(status_cmd_t));

    cmd.objects.instance = OBJECTS_INSTANCE_DEFAULT;
    cmd.objects.gateway_namespace = OBJECTS_GATEWAY_NAMESPACE;

    rc = status_cmd_arguments(&cmd, argc, argv);
    if (rc != -1) {
        return rc;
    }

    rc = 1;
    config = status_cmd_config(&cmd);

    if (config) {
        rc = status_cmd_run(&cmd, config);
    }

    kube_config_free(config);
    json_decref(cmd.status);

    return rc;
}


/* Returns -1 to go on, else the exit status. */
static int
status_cmd_arguments(status_cmd_t *cmd, int argc, char **argv)
{
    int  option;

    static const struct option  names[] = {
        OBJECTS_OPTIONS,
        { "kubeconfig", required_argument, NULL, STATUS_CMD_KUBECONFIG },
        { "context", required_argument, NULL, STATUS_CMD_CONTEXT },
        { "json", no_argument, NULL, STATUS_CMD_JSON },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {

        switch (option) {

        case STATUS_CMD_KUBECONFIG:
            cmd->kubeconfig = optarg;
            break;

        case STATUS_CMD_CONTEXT:
            cmd->context = optarg;
            break;

        case STATUS_CMD_JSON:
            cmd->as_json = true;
            break;

        case 'h':
            status_cmd_usage(stdout);
            return 0;

        case '?':
            status_cmd_usage(stderr);
            return STATUS_CMD_USAGE;

        default:
            if (objects_option(&cmd->objects, "status", option, optarg)
                != MCP_OK)
            {
                return STATUS_CMD_USAGE;
            }
        }
    }

    if (optind != argc) {
        fprintf(stderr, "mcp-tenant status: found \"%s\", expected options "
                "only\n\n", argv[optind]);
        status_cmd_usage(stderr);
        return STATUS_CMD_USAGE;
    }

    return -1;
}


static kube_config_t *
status_cmd_config(const status_cmd_t *cmd)
{
    size_t          i;
    mcp_report_t   *report;
    kube_config_t  *config;

    config = NULL;
    report = mcp_report_new();

    if (report == NULL) {
        fprintf(stderr, "mcp-tenant status: there is no memory\n");
        return NULL;
    }

    if (kube_config_load(cmd->kubeconfig, cmd->context, report, &config)
        != MCP_OK)
    {
        config = NULL;
    }

    for (i = 0; i < mcp_report_lines(report); i++) {
        fprintf(stderr, "%s\n", mcp_report_line(report, i, NULL));
    }

    mcp_report_free(report);

    return config;
}


static int
status_cmd_run(status_cmd_t *cmd, const kube_config_t *config)
{
    char                  name[128], *path;
    kube_http_t          *http;
    kube_call_t          *call;
    kube_versions_t       versions;
    kube_http_request_t   request;

    kube_versions_newest(&versions);
    status_name(cmd->objects.instance, name, sizeof(name));
    memset(&request, 0, sizeof(kube_http_request_t));

    http = kube_http_new(config);
    path = kube_kind_path(KUBE_CONFIG_MAP, &versions,
                          cmd->objects.gateway_namespace, name);

    request.method = "GET";
    request.path = path;
    request.timeout_ms = STATUS_CMD_TIMEOUT_MS;

    call = http && path ? kube_http_send(http, &request, NULL,
                                         status_cmd_replied, cmd)
                        : NULL;

    if (call == NULL) {
        fprintf(stderr, "mcp-tenant status: %s\n",
                http && path ? kube_http_error(http) : "there is no memory");
        cmd->is_done = true;
    }

    while (!cmd->is_done
           && kube_http_turn(http, NULL, 0, STATUS_CMD_TIMEOUT_MS) == MCP_OK)
    { /* void */ }

    kube_http_free(http);
    free(path);

    return cmd->status ? status_cmd_print(cmd) : 1;
}


static void
status_cmd_replied(void *data, const kube_reply_t *reply)
{
    const char    *text;
    status_cmd_t  *cmd;

    cmd = data;
    cmd->is_done = true;

    if (reply->error) {
        fprintf(stderr, "mcp-tenant status: %s%s\n", reply->error,
                reply->status == 404
                ? ": no sidecar has written a status there (--instance, "
                  "--gateway-namespace)" : "");
        return;
    }

    text = json_string_value(json_object_get(json_object_get(reply->body,
                                                             "data"),
                                             STATUS_KEY));
    cmd->status = text ? json_loads(text, 0, NULL) : NULL;

    if (cmd->status == NULL) {
        fprintf(stderr, "mcp-tenant status: found no JSON as %s in the "
                "ConfigMap, expected what reconcile writes\n", STATUS_KEY);
    }
}


static int
status_cmd_print(const status_cmd_t *cmd)
{
    if (cmd->as_json) {
        (void) json_dumpf(cmd->status, stdout, JSON_INDENT(2));
        (void) fputc('\n', stdout);

    } else if (!status_print(stdout, cmd->status)) {
        fprintf(stderr, "mcp-tenant status: found no tenants in the status, "
                "expected what reconcile writes\n");
        return 1;
    }

    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mcp-tenant status: cannot write\n");
        return 1;
    }

    return 0;
}


static void
status_cmd_usage(FILE *out)
{
    fprintf(out, "Usage: mcp-tenant status [OPTION]...\n"
            "\n"
            "Prints what the sidecar of a cluster says of every tenant.\n"
            "\n"
            "Options:\n"
            "  --kubeconfig FILE      where the cluster is; else $KUBECONFIG, "
            "else the cluster\n"
            "                         that this runs in\n"
            "  --context NAME         of the kubeconfig; else its current "
            "one\n"
            "  --instance NAME        of which gateway: \"default\"\n"
            "  --gateway-namespace NAMESPACE\n"
            "                         where it runs: \"mcp-gateway\"\n"
            "  --json                 all of it, as JSON\n"
            "  --help                 this text\n"
            "\n"
            "Exit status: 0, 1 when there is none, 2 for wrong usage.\n");
}
