/*
 * The files of the tenants, followed: a bad file changes nothing.
 */

#include "controller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* For file systems that tell of no change. */
#define CONTROLLER_FILES_POLL_MS  5000


static void controller_files_take(controller_t *controller,
    mcp_config_t *config);
static void controller_files_watch(controller_t *controller);


int
controller_files_load(controller_t *controller)
{
    mcp_config_t  *config;

    config = config_load_file(controller->options->load,
                              controller->options->file, stderr);
    if (config == NULL) {
        return MCP_ERROR;
    }

    controller_files_take(controller, config);

    return controller->config ? MCP_OK : MCP_ERROR;
}


void
controller_files_turn(controller_t *controller)
{
    bool           changed;
    uint64_t       now;
    mcp_config_t  *config;
    mcp_report_t  *report;

    now = controller_now(controller);
    changed = controller->files && mcp_watch_read(controller->files);

    if (!changed && now < controller->files_due_ms) {
        return;
    }

    controller->files_due_ms = now + CONTROLLER_FILES_POLL_MS;
    report = mcp_report_new();

    if (report == NULL) {
        return;
    }

    if (mcp_config_load(controller->options->file,
                        &controller->options->load->options, report, &config)
        != MCP_OK)
    {
        if (!controller->files_failed) {
            controller->files_failed = true;
            log_line(LOG_ERROR, "the files have mistakes, the last good ones "
                     "stay in force", "file", controller->options->file,
                     "first", mcp_report_lines(report)
                              ? mcp_report_line(report, 0, NULL) : "",
                     NULL);
        }

    } else if (memcmp(config->digest, controller->config->digest,
                      sizeof(config->digest)) == 0)
    {
        controller->files_failed = false;
        mcp_config_free(config);

    } else {
        controller->files_failed = false;
        log_line(LOG_INFO, "the files changed", "file",
                 controller->options->file, NULL);
        controller_files_take(controller, config);
    }

    mcp_report_free(report);
}


/* Takes over config. */
static void
controller_files_take(controller_t *controller, mcp_config_t *config)
{
    desired_t       desired;
    demand_flags_t  running;

    running = controller_demand_take(controller, config);

    if (running == NULL
        || desired_init(&desired, config, running, &controller->objects)
           != MCP_OK)
    {
        log_line(LOG_ERROR, "there is no memory for the files", NULL);
        free(running);
        mcp_config_free(config);
        return;
    }

    controller_work_stop(controller);
    desired_clear(&controller->desired);
    mcp_config_free(controller->config);

    free(controller->running);
    free(controller->active);
    free(controller->demand_times);

    controller->desired = desired;
    controller->config = config;
    controller->running = running;
    controller->active = NULL;
    controller->demand_times = NULL;
    controller->pods_wanted++;
    controller->demand_dirty = true;
    controller->is_dirty = true;

    controller_files_watch(controller);
}


static void
controller_files_watch(controller_t *controller)
{
    if (controller->files == NULL) {
        controller->files = mcp_watch_new();
    }

    /* What cannot be watched is looked at from time to time. */

    if (controller->files) {
        (void) mcp_watch_files(controller->files, controller->config->files,
                               controller->config->nfiles);
    }

    controller->files_due_ms = controller_now(controller)
                               + CONTROLLER_FILES_POLL_MS;
}
