/*
 * What servers and keys have an image hold beside their names: headers, rules
 * and the limits of tools.
 */

#include "mcp_image_build.h"

#include <string.h>


static char *mcp_image_append(char *p, const char *data, size_t len);


const mcp_image_limits_t  mcp_image_no_limits = { MCP_IMAGE_NONE,
                                                  MCP_IMAGE_NONE };


mcp_image_str_t
mcp_image_add_headers(mcp_image_build_t *build, const mcp_server_t *server)
{
    char                *p;
    size_t               i;
    uint64_t             len;
    mcp_image_str_t      text;
    const mcp_header_t  *header;

    len = 0;

    for (i = 0; i < server->nheaders; i++) {
        header = &server->headers[i];

        if (header->value.data == NULL) {
            continue;
        }

        if (header->name.len > UINT32_MAX || header->value.len > UINT32_MAX) {
            build->too_large = true;
            return mcp_image_add_text(build, NULL, 0);
        }

        len += (uint64_t) header->name.len + header->value.len
               + sizeof(": " "\r\n") - 1;
    }

    text = mcp_image_add_text(build, NULL, len);

    if (build->image == NULL) {
        return text;
    }

    p = (char *) build->image + text.offset;

    for (i = 0; i < server->nheaders; i++) {
        header = &server->headers[i];

        if (header->value.data) {
            p = mcp_image_append(p, header->name.data, header->name.len);
            p = mcp_image_append(p, ": ", sizeof(": ") - 1);
            p = mcp_image_append(p, header->value.data, header->value.len);
            p = mcp_image_append(p, "\r\n", sizeof("\r\n") - 1);
        }
    }

    return text;
}


static char *
mcp_image_append(char *p, const char *data, size_t len)
{
    if (len) {
        memcpy(p, data, len);
    }

    return p + len;
}


void
mcp_image_add_rules(mcp_image_build_t *build, const mcp_rules_t *rules,
    mcp_image_rules_t *records)
{
    size_t  i;

    for (i = 0; i < MCP_KINDS; i++) {
        records[i].allow = mcp_image_add_strings(build, rules[i].allow,
                                                 rules[i].nallow);
        records[i].deny = mcp_image_add_strings(build, rules[i].deny,
                                                rules[i].ndeny);
        records[i].has_allow = rules[i].has_allow;
    }
}


mcp_image_range_t
mcp_image_add_tool_limits(mcp_image_build_t *build,
    const mcp_tenant_t *owner, const mcp_server_t *server)
{
    size_t                   i;
    mcp_image_range_t        range;
    mcp_image_tool_limit_t  *record;
    const mcp_tool_limit_t  *limit;

    range.first = (uint32_t) build->used[MCP_IMAGE_TOOL_LIMITS];
    range.count = (uint32_t) server->ntool_limits;

    for (i = 0; i < server->ntool_limits; i++) {
        limit = &server->tool_limits[i];
        record = mcp_image_add_record(build, MCP_IMAGE_TOOL_LIMITS);

        record->match = mcp_image_add_text(build, limit->match.data,
                                           limit->match.len);
        record->quotas = limit->quotas;
        record->limits = mcp_image_no_limits;

        if (build->image) {
            record->identity = mcp_identity_tool_limit(build->identity, owner,
                                                       server, limit);
            build->failed |= record->identity == 0;
        }
    }

    return range;
}
