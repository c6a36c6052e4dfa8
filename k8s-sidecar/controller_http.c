/*
 * What the sidecar says of itself to whoever runs it: /healthz, /readyz and
 * /metrics.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static httpd_t *controller_http_open(controller_t *controller,
    const httpd_options_t *options, char reterr_text[HTTPD_WHY_LEN]);
static bool controller_http_is_healthy(void *data, char why[HTTPD_WHY_LEN]);
static bool controller_http_is_ready(void *data, char why[HTTPD_WHY_LEN]);
static char *controller_http_metrics(void *data);
static void controller_http_conditions(controller_t *controller,
    metrics_condition_t *conditions);


int
controller_http_init(controller_t *controller)
{
    char             error[HTTPD_WHY_LEN];
    httpd_options_t  options;

    if (controller->options->listen == NULL) {
        return MCP_OK;
    }

    memset(&options, 0, sizeof(httpd_options_t));

    options.clock = &controller->clock;
    options.is_healthy = controller_http_is_healthy;
    options.is_ready = controller_http_is_ready;
    options.metrics = controller_http_metrics;
    options.data = controller;

    if (controller->options->nginx && controller->options->endpoints) {
        options.drain = controller_drain_may_end;
    }

    controller->httpd = controller_http_open(controller, &options, error);

    if (controller->httpd == NULL) {
        fprintf(stderr, "mcp-tenant reconcile: --listen: %s\n", error);
        return MCP_ERROR;
    }

    return MCP_OK;
}


/* A port alone is one of all addresses, of both families where there are. */
static httpd_t *
controller_http_open(controller_t *controller,
    const httpd_options_t *options, char reterr_text[HTTPD_WHY_LEN])
{
    char         listen[64];
    httpd_t     *httpd;
    const char  *given;

    given = controller->options->listen;

    if (given[strspn(given, "0123456789")] != '\0') {
        return httpd_new(given, options, reterr_text);
    }

    (void) snprintf(listen, sizeof(listen), "[::]:%.16s", given);
    httpd = httpd_new(listen, options, reterr_text);

    if (httpd == NULL) {
        (void) snprintf(listen, sizeof(listen), "0.0.0.0:%.16s", given);
        httpd = httpd_new(listen, options, reterr_text);
    }

    return httpd;
}


/*
 * A loop that stands answers nothing.  What the API server does is not asked:
 * to start again would not help, and a container that starts takes the gateway
 * beside it out of service.
 */
static bool
controller_http_is_healthy(void *data, char why[HTTPD_WHY_LEN])
{
    (void) data;
    (void) why;

    return true;
}


static bool
controller_http_is_ready(void *data, char why[HTTPD_WHY_LEN])
{
    controller_t  *controller;

    controller = data;

    /* NGINX serves on with the file that it had. */

    if (controller->options->endpoints
        && access(controller->options->endpoints, F_OK) == 0)
    {
        return true;
    }

    if (controller->views[0].watch == NULL
        || !controller_is_complete(controller))
    {
        (void) snprintf(why, HTTPD_WHY_LEN, "not all was listed yet");
        return false;
    }

    if (controller->pods && endpoints_sequence(controller->pods) == 0) {
        (void) snprintf(why, HTTPD_WHY_LEN, "NGINX was not told yet where "
                        "pods are");
        return false;
    }

    return true;
}


static char *
controller_http_metrics(void *data)
{
    char                 *text;
    controller_t         *controller;
    metrics_condition_t  *conditions;

    controller = data;
    controller->metrics.is_leader = controller_is_leader(controller);
    controller->metrics.endpoints_sequence =
                controller->pods ? endpoints_sequence(controller->pods) : 0;
    controller->metrics.endpoints_left_out =
                controller->pods ? endpoints_left_out(controller->pods) : 0;

    conditions = NULL;
    controller->metrics.nconditions = 0;

    if (controller->config && controller->config->ntenants) {
        conditions = calloc(controller->config->ntenants,
                            sizeof(metrics_condition_t));
        if (conditions == NULL) {
            return NULL;
        }

        controller_http_conditions(controller, conditions);
        controller->metrics.nconditions = controller->config->ntenants;
    }

    controller->metrics.conditions = conditions;
    text = metrics_text(&controller->metrics);

    controller->metrics.conditions = NULL;
    controller->metrics.nconditions = 0;
    free(conditions);

    return text;
}


static void
controller_http_conditions(controller_t *controller,
    metrics_condition_t *conditions)
{
    size_t               i, j;
    const mcp_tenant_t  *tenant;

    for (i = 0; i < controller->config->ntenants; i++) {
        tenant = &controller->config->tenants[i];

        conditions[i].tenant = tenant->id.data;
        conditions[i].condition = "Ready";
        conditions[i].is_true = controller_is_complete(controller);

        for (j = 0; j < controller->nplaces; j++) {
            if (strcmp(controller->places[j]->namespace,
                       tenant->namespace.data)
                == 0)
            {
                conditions[i].is_true = conditions[i].is_true
                                        && !controller->places[j]->error[0];
            }
        }
    }
}
