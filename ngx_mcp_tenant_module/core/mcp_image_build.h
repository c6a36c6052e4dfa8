/*
 * One compilation of an image: private to the mcp_image_build*.c files.
 */

#ifndef _MCP_IMAGE_BUILD_H_INCLUDED_
#define _MCP_IMAGE_BUILD_H_INCLUDED_


#include "mcp_endpoints.h"
#include "mcp_identity.h"
#include "mcp_image_layout.h"
#include "mcp_target.h"


/* any record: where the counting walk writes to */
typedef union {
    mcp_image_tenant_t      tenant;
    mcp_image_key_t         key;
    mcp_image_server_t      server;
    mcp_image_endpoint_t    endpoint;
    mcp_image_str_t         string;
    mcp_image_tool_limit_t  tool_limit;
    uint32_t                reference;
} mcp_image_scratch_t;


/*
 * pods: NULL when nobody tells.  image: NULL in the counting walk.  used:
 * records so far, of text its bytes.
 */
typedef struct {
    const mcp_config_t     *config;
    const mcp_endpoints_t  *pods;
    mcp_image_t            *image;
    mcp_identity_t         *identity;
    mcp_targets_t          *targets;
    uint32_t                next_url;
    bool                    too_large;
    bool                    failed;
    uint64_t                used[MCP_IMAGE_TABLES];
    mcp_image_scratch_t     scratch[MCP_IMAGE_TABLES];
} mcp_image_build_t;


extern const mcp_image_limits_t  mcp_image_no_limits;


/* The next record of a table, zeroed in the walk that writes. */
void *mcp_image_add_record(mcp_image_build_t *build,
    mcp_image_table_e table);

/* data NULL: len bytes that the caller fills. */
mcp_image_str_t mcp_image_add_text(mcp_image_build_t *build,
    const char *data, size_t len);
mcp_image_range_t mcp_image_add_strings(mcp_image_build_t *build,
    const mcp_str_t *strings, size_t n);

mcp_image_str_t mcp_image_add_headers(mcp_image_build_t *build,
    const mcp_server_t *server);

/* rules and records: one for each kind */
void mcp_image_add_rules(mcp_image_build_t *build, const mcp_rules_t *rules,
    mcp_image_rules_t *records);
mcp_image_range_t mcp_image_add_tool_limits(mcp_image_build_t *build,
    const mcp_tenant_t *owner, const mcp_server_t *server);


#endif /* _MCP_IMAGE_BUILD_H_INCLUDED_ */
