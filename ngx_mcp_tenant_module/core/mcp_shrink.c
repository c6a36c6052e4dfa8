/*
 * The guard against files that have lost tenants.
 */

#include "mcp_shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* how many are told by name */
#define MCP_SHRINK_NAMED      5
#define MCP_SHRINK_NAMES_LEN  (MCP_SHRINK_NAMED * 66 + 32)


/* What is served, and not in the files any more; names: of the tenants. */
typedef struct {
    size_t  tenants;
    size_t  keys;
    char    names[MCP_SHRINK_NAMES_LEN];
} mcp_shrink_t;


static int mcp_shrink_compare(const mcp_config_t *config,
    const mcp_image_t *served, mcp_shrink_t *ret_lost);
static void mcp_shrink_name(const mcp_image_t *served, const char *left,
    mcp_shrink_t *lost);
static bool mcp_shrink_is_cut(const mcp_config_t *config,
    const mcp_image_t *served, const mcp_shrink_t *lost,
    mcp_report_t *report);
static bool mcp_shrink_is_too_much(const mcp_config_t *config, size_t before,
    const mcp_shrink_t *lost, mcp_report_t *report);
static const char *mcp_shrink_plural(size_t count);


int
mcp_shrink_check(const mcp_config_t *config, const mcp_image_t *served,
    bool allowed, mcp_report_t *report)
{
    mcp_shrink_t  lost;

    if (mcp_shrink_compare(config, served, &lost) != MCP_OK) {
        mcp_report_add(report, MCP_REPORT_ERROR, &config->list,
                       "found no memory to compare the tenants, expected "
                       "more");
        return MCP_ERROR;
    }

    if (!allowed
        && (mcp_shrink_is_too_much(config, mcp_image_ntenants(served), &lost,
                                   report)
            || mcp_shrink_is_cut(config, served, &lost, report)))
    {
        return MCP_ERROR;
    }

    if (lost.tenants) {
        mcp_report_add(report, MCP_REPORT_WARNING, &config->list,
                       "found %zu tenant%s, without %zu that %s served (%s), "
                       "expected them too unless they were meant to go",
                       config->ntenants, mcp_shrink_plural(config->ntenants),
                       lost.tenants, lost.tenants == 1 ? "is" : "are",
                       lost.names);
    }

    return MCP_OK;
}


static int
mcp_shrink_compare(const mcp_config_t *config, const mcp_image_t *served,
    mcp_shrink_t *ret_lost)
{
    char                *left;
    size_t               i, k;
    uint32_t             n;
    const mcp_tenant_t  *tenant;

    left = mcp_alloc((size_t) mcp_image_ntenants(served) + 1);
    if (left == NULL) {
        return MCP_ERROR;
    }

    memset(left, 0, mcp_image_ntenants(served));

    ret_lost->tenants = mcp_image_ntenants(served);
    ret_lost->keys = mcp_image_nkeys(served);

    for (i = 0; i < config->ntenants; i++) {

        tenant = &config->tenants[i];
        n = mcp_image_tenant_find(served, tenant->id.data, tenant->id.len);

        if (n != MCP_IMAGE_NONE) {
            ret_lost->tenants--;
            left[n] = 1;
        }

        for (k = 0; k < tenant->nkeys; k++) {
            if (mcp_image_key_find(served, tenant->keys[k].digest)
                != MCP_IMAGE_NONE)
            {
                ret_lost->keys--;
            }
        }
    }

    mcp_shrink_name(served, left, ret_lost);
    free(left);

    return MCP_OK;
}


static void
mcp_shrink_name(const mcp_image_t *served, const char *left,
    mcp_shrink_t *lost)
{
    size_t     len, named;
    uint32_t   n;
    mcp_str_t  id;

    len = 0;
    named = 0;
    lost->names[0] = '\0';

    for (n = 0; n < mcp_image_ntenants(served) && named < lost->tenants; n++) {

        if (left[n]) {
            continue;
        }

        if (named == MCP_SHRINK_NAMED) {
            (void) snprintf(lost->names + len, sizeof(lost->names) - len,
                            " and %zu more", lost->tenants - named);
            break;
        }

        id = mcp_image_text(served, &mcp_image_tenant(served, n)->id);
        len += (size_t) snprintf(lost->names + len, sizeof(lost->names) - len,
                                 "%s%.63s", named ? ", " : "", id.data);
        named++;
    }
}


static bool
mcp_shrink_is_too_much(const mcp_config_t *config, size_t before,
    const mcp_shrink_t *lost, mcp_report_t *report)
{
    if (lost->tenants <= before / 2) {
        return false;
    }

    if (config->ntenants == 0) {
        mcp_report_add(report, MCP_REPORT_ERROR, &config->list,
                       "found no tenants, of %zu that are served, expected at "
                       "least half of those (\"allow_shrink\" of "
                       "mcp_tenant_config lets any change pass)", before);
        return true;
    }

    if (config->allow_shrink_to == config->ntenants) {
        return false;
    }

    mcp_report_add(report, MCP_REPORT_ERROR, &config->list,
                   "found %zu tenant%s, without %zu of the %zu that are "
                   "served, expected at least half of those, or "
                   "\"allow_shrink_to: %zu\" beside \"tenants\" when it is "
                   "meant", config->ntenants,
                   mcp_shrink_plural(config->ntenants), lost->tenants, before,
                   config->ntenants);

    return true;
}


/*
 * YAML that was cut within a line is often valid, with a part of what the
 * line said.  Who writes no line feed at the end never did.
 */
static bool
mcp_shrink_is_cut(const mcp_config_t *config, const mcp_image_t *served,
    const mcp_shrink_t *lost, mcp_report_t *report)
{
    if (config->cut.line == 0 || mcp_image_cut(served)
        || (lost->tenants == 0 && lost->keys == 0))
    {
        return false;
    }

    mcp_report_add(report, MCP_REPORT_ERROR, &config->cut,
                   "found the end of the file within a line, without %zu "
                   "tenant%s and %zu key%s that are served, as if it was cut "
                   "short, expected a line feed at the end",
                   lost->tenants, mcp_shrink_plural(lost->tenants),
                   lost->keys, mcp_shrink_plural(lost->keys));

    return true;
}


static const char *
mcp_shrink_plural(size_t count)
{
    return count == 1 ? "" : "s";
}
