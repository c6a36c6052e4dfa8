/*
 * The Lease: only its holder writes.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define CONTROLLER_LEASE_TIMEOUT_MS  5000
#define CONTROLLER_LEASE_END_MS      1000


static void controller_lease_get(controller_t *controller);
static void controller_lease_got(void *data, const kube_reply_t *reply);
static void controller_lease_put(controller_t *controller, bool renounce);
static void controller_lease_taken(void *data, const kube_reply_t *reply);
static kube_call_t *controller_lease_send(controller_t *controller,
    const char *method, bool with_name, json_t *body,
    kube_http_reply_pt reply);
static void controller_lease_changed(controller_t *controller);
static void controller_lease_failed(controller_t *controller,
    const char *error);


bool
controller_is_leader(controller_t *controller)
{
    return !controller->is_ending
           && (!controller->options->with_lease
               || lease_is_held(&controller->lease,
                                controller_now(controller)));
}


void
controller_lease_turn(controller_t *controller)
{
    uint64_t  now;

    if (!controller->options->with_lease || controller->options->dry_run
        || controller->is_ending)
    {
        return;
    }

    now = controller_now(controller);
    controller_lease_changed(controller);

    if (controller->lease_call || now < controller->lease_due_ms) {
        return;
    }

    controller->lease_due_ms = now + LEASE_RETRY_MS;
    controller->lease_began_ms = now;

    /* The holder knows the version and need not read first. */

    if (lease_is_held(&controller->lease, now)) {
        controller_lease_put(controller, false);

    } else {
        controller_lease_get(controller);
    }
}


static void
controller_lease_get(controller_t *controller)
{
    controller->lease_call = controller_lease_send(controller, "GET", true,
                                                   NULL,
                                                   controller_lease_got);
}


static void
controller_lease_got(void *data, const kube_reply_t *reply)
{
    uint64_t       now;
    controller_t  *controller;

    controller = data;
    controller->lease_call = NULL;
    controller->metrics.kinds[KUBE_LEASE].errors += reply->error != NULL;
    now = controller_now(controller);

    if (reply->status == 200) {
        lease_see(&controller->lease, reply->body, now);

    } else if (reply->status == 404) {
        lease_see(&controller->lease, NULL, now);

    } else {
        controller_lease_failed(controller, reply->error);
        return;
    }

    if (lease_may_take(&controller->lease, now)) {
        controller->lease_began_ms = now;
        controller_lease_put(controller, false);
    }
}


static void
controller_lease_put(controller_t *controller, bool renounce)
{
    json_t           *body;
    struct timespec   now;

    (void) clock_gettime(CLOCK_REALTIME, &now);

    body = lease_object(&controller->lease,
                        controller->versions.api_version[KUBE_LEASE],
                        controller->lease_namespace, controller->lease_name,
                        (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000,
                        renounce);

    controller->lease_call = controller_lease_send(controller,
                                    controller->lease.exists ? "PUT" : "POST",
                                    controller->lease.exists, body,
                                    controller_lease_taken);
}


static void
controller_lease_taken(void *data, const kube_reply_t *reply)
{
    controller_t  *controller;

    controller = data;
    controller->lease_call = NULL;
    controller->metrics.kinds[KUBE_LEASE].errors += reply->error != NULL;

    if (reply->status == 200 || reply->status == 201) {
        lease_written(&controller->lease, reply->body,
                      controller->lease_began_ms);
        controller->lease_error[0] = '\0';
        controller_lease_changed(controller);
        return;
    }

    /* Somebody was faster, or changed it: read it again. */

    if (reply->status == 409) {
        controller_lease_get(controller);
        return;
    }

    controller_lease_failed(controller, reply->error);
}


static kube_call_t *
controller_lease_send(controller_t *controller, const char *method,
    bool with_name, json_t *body, kube_http_reply_pt reply)
{
    char                 *path, *text;
    bool                  has_body;
    kube_call_t          *call;
    kube_http_request_t   request;

    call = NULL;
    has_body = (body != NULL);
    text = has_body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);

    path = kube_kind_path(KUBE_LEASE, &controller->versions,
                          controller->lease_namespace,
                          with_name ? controller->lease_name : NULL);

    if (path && (text || !has_body)) {
        memset(&request, 0, sizeof(kube_http_request_t));

        request.method = method;
        request.path = path;
        request.content_type = "application/json";
        request.body = text;
        request.len = text ? strlen(text) : 0;
        request.timeout_ms = CONTROLLER_LEASE_TIMEOUT_MS;

        call = kube_http_send(controller->http, &request, NULL, reply,
                              controller);
    }

    free(path);
    free(text);
    controller->metrics.kinds[KUBE_LEASE].calls += call != NULL;

    return call;
}


void
controller_lease_guard(void *controller)
{
    controller_lease_changed(controller);
}


static void
controller_lease_changed(controller_t *controller)
{
    bool  is_leader;

    is_leader = controller_is_leader(controller);

    if (is_leader == controller->was_leader) {
        return;
    }

    controller->was_leader = is_leader;

    if (is_leader) {
        controller->is_dirty = true;
        log_line(LOG_INFO, "this sidecar leads", "lease",
                 controller->lease_name, "identity",
                 controller->lease.identity, NULL);
        return;
    }

    controller_work_cancel(controller);
    controller_status_cancel(controller);
    log_line(LOG_WARN, "this sidecar no longer leads", "lease",
             controller->lease_name, "holder", controller->lease.seen_holder,
             NULL);
}


static void
controller_lease_failed(controller_t *controller, const char *error)
{
    if (strncmp(controller->lease_error, error,
                sizeof(controller->lease_error) - 1) == 0)
    {
        return;
    }

    (void) snprintf(controller->lease_error, sizeof(controller->lease_error),
                    "%s", error);
    log_line(LOG_ERROR, "the lease cannot be had", "lease",
             controller->lease_name, "namespace", controller->lease_namespace,
             "error", error, NULL);
}


void
controller_lease_end(controller_t *controller)
{
    uint64_t  until;

    if (!controller->options->with_lease
        || !lease_is_held(&controller->lease, controller_now(controller)))
    {
        return;
    }

    if (controller->lease_call) {
        kube_http_cancel(controller->http, controller->lease_call);
    }

    controller_lease_put(controller, true);
    until = controller_now(controller) + CONTROLLER_LEASE_END_MS;

    while (controller->lease_call && controller_now(controller) < until) {
        (void) kube_http_turn(controller->http, NULL, 0, 100);
    }
}
