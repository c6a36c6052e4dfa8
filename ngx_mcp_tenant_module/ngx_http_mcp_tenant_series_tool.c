/*
 * Metrics of the limits of tools.  Their patterns and "other" are the closed
 * list that labels come from; names of tools are the clients'.
 */

#include "ngx_http_mcp_tenant_module.h"
#include "ngx_http_mcp_tenant_series.h"


typedef struct {
    ngx_http_mcp_tenant_series_t  *series;
    mcp_str_t                      tenant;
    mcp_str_t                      server;
    const mcp_image_server_t      *record;
    uint32_t                       next;

    /* of the one that was found last */
    const mcp_image_tool_limit_t  *tool;
    u_char                         match[2 * MCP_RULES_NAME_MAX_LEN];
    size_t                         match_len;
} ngx_http_mcp_tenant_tools_t;


static void ngx_http_mcp_tenant_tools_count(
    ngx_http_mcp_tenant_tools_t *tools, const uint32_t *counts);
static ngx_uint_t ngx_http_mcp_tenant_tools_is_other(
    ngx_http_mcp_tenant_tools_t *tools);
static void ngx_http_mcp_tenant_tools_other(
    ngx_http_mcp_tenant_tools_t *tools);
static void ngx_http_mcp_tenant_tools_init(ngx_http_mcp_tenant_tools_t *tools,
    ngx_http_mcp_tenant_series_t *s, uint32_t n);
static ngx_uint_t ngx_http_mcp_tenant_tools_next(
    ngx_http_mcp_tenant_tools_t *tools);
static void ngx_http_mcp_tenant_tools_write(ngx_http_mcp_tenant_tools_t *tools,
    const char *label, uint32_t value);


/* A limit of the tool "other" shares the series of all others. */

void
ngx_http_mcp_tenant_metric_tools_requests(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    uint32_t                           counts[NGX_HTTP_MCP_TENANT_OUTCOMES];
    ngx_uint_t                         i, others_told;
    ngx_http_mcp_tenant_tools_t        tools;
    ngx_http_mcp_tenant_tool_row_t    *row;
    ngx_http_mcp_tenant_server_row_t  *others;

    ngx_http_mcp_tenant_tools_init(&tools, s, n);

    if (tools.record->tool_limits.count == 0
        || tools.record->row == MCP_IMAGE_NONE)
    {
        return;
    }

    others = &s->sh->servers[tools.record->row];
    others_told = 0;

    while (ngx_http_mcp_tenant_tools_next(&tools)) {

        row = &s->sh->tools[tools.tool->limits.requests];

        for (i = 0; i < NGX_HTTP_MCP_TENANT_OUTCOMES; i++) {
            counts[i] = row->requests[i];
        }

        if (ngx_http_mcp_tenant_tools_is_other(&tools) && !others_told) {
            others_told = 1;

            for (i = 0; i < NGX_HTTP_MCP_TENANT_OUTCOMES; i++) {
                counts[i] += others->others[i];
            }
        }

        ngx_http_mcp_tenant_tools_count(&tools, counts);
    }

    if (!others_told) {

        for (i = 0; i < NGX_HTTP_MCP_TENANT_OUTCOMES; i++) {
            counts[i] = others->others[i];
        }

        ngx_http_mcp_tenant_tools_other(&tools);
        ngx_http_mcp_tenant_tools_count(&tools, counts);
    }
}


static void
ngx_http_mcp_tenant_tools_count(ngx_http_mcp_tenant_tools_t *tools,
    const uint32_t *counts)
{
    ngx_uint_t  i;

    static const char  *outcomes[] = {
        [NGX_HTTP_MCP_TENANT_DENIED] = ",outcome=\"deny\"",
        [NGX_HTTP_MCP_TENANT_ALLOWED] = ",outcome=\"allow\""
    };

    for (i = 0; i < NGX_HTTP_MCP_TENANT_OUTCOMES; i++) {
        if (counts[i]) {
            ngx_http_mcp_tenant_tools_write(tools, outcomes[i], counts[i]);
        }
    }
}


static ngx_uint_t
ngx_http_mcp_tenant_tools_is_other(ngx_http_mcp_tenant_tools_t *tools)
{
    return tools->match_len == sizeof("other") - 1
           && ngx_memcmp(tools->match, "other", tools->match_len) == 0;
}


static void
ngx_http_mcp_tenant_tools_other(ngx_http_mcp_tenant_tools_t *tools)
{
    tools->match_len = sizeof("other") - 1;
    ngx_memcpy(tools->match, "other", tools->match_len);
}


void
ngx_http_mcp_tenant_metric_tools_in_flight(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_tools_t  tools;

    ngx_http_mcp_tenant_tools_init(&tools, s, n);

    while (ngx_http_mcp_tenant_tools_next(&tools)) {

        if (tools.tool->quotas.max_concurrent_requests) {
            ngx_http_mcp_tenant_tools_write(&tools, "",
                mcp_limit_in_use(s->sh->limits, tools.tool->limits.requests));
        }
    }
}


void
ngx_http_mcp_tenant_metric_tools_limit(ngx_http_mcp_tenant_series_t *s,
    uint32_t n)
{
    ngx_http_mcp_tenant_tools_t  tools;

    ngx_http_mcp_tenant_tools_init(&tools, s, n);

    while (ngx_http_mcp_tenant_tools_next(&tools)) {

        if (tools.tool->quotas.max_concurrent_requests) {
            ngx_http_mcp_tenant_tools_write(&tools, "",
                                 tools.tool->quotas.max_concurrent_requests);
        }
    }
}


static void
ngx_http_mcp_tenant_tools_init(ngx_http_mcp_tenant_tools_t *tools,
    ngx_http_mcp_tenant_series_t *s, uint32_t n)
{
    tools->series = s;
    tools->record = ngx_http_mcp_tenant_series_server(s, n, &tools->tenant,
                                                      &tools->server);
    tools->next = 0;
}


/* The next one that has a row, with what the text of metrics escapes. */
static ngx_uint_t
ngx_http_mcp_tenant_tools_next(ngx_http_mcp_tenant_tools_t *tools)
{
    size_t                    i;
    mcp_str_t                 match;
    const mcp_image_t        *image;
    const mcp_image_range_t  *limits;

    image = tools->series->image->image;
    limits = &tools->record->tool_limits;

    do {
        if (tools->next == limits->count) {
            return 0;
        }

        tools->tool = mcp_image_tool_limit(image,
                                           limits->first + tools->next++);

    } while (tools->tool->limits.requests == MCP_IMAGE_NONE);

    match = mcp_image_text(image, &tools->tool->match);
    tools->match_len = 0;

    for (i = 0; i < ngx_min(match.len, MCP_RULES_NAME_MAX_LEN); i++) {

        if (match.data[i] == '"' || match.data[i] == '\\') {
            tools->match[tools->match_len++] = '\\';
        }

        tools->match[tools->match_len++] = match.data[i];
    }

    return 1;
}


static void
ngx_http_mcp_tenant_tools_write(ngx_http_mcp_tenant_tools_t *tools,
    const char *label, uint32_t value)
{
    ngx_http_mcp_tenant_series(tools->series,
        "%s{tenant=\"%*s\",server=\"%*s\",match=\"%*s\"%s} %uD\n",
        tools->series->name, tools->tenant.len, tools->tenant.data,
        tools->server.len, tools->server.data, tools->match_len, tools->match,
        label, value);
}
