/*
 * Rows of shared memory that an image names.
 */

#include "image_fixture.h"


static void test_unassigned(void);
static void test_assigned(void);
static void test_streams_apart(void);


int
main(void)
{
    test_unassigned();
    test_assigned();
    test_streams_apart();

    free(built);

    return done();
}


static void
test_unassigned(void)
{
    const mcp_image_t  *image;

    image = build(&config);

    ok(mcp_image_tenant(image, 0)->row == MCP_IMAGE_NONE,
       "a new image names no row of a tenant");
    ok(mcp_image_tenant(image, 0)->limits.requests == MCP_IMAGE_NONE
       && mcp_image_tenant(image, 0)->limits.streams == MCP_IMAGE_NONE,
       "nor of its limits");
    ok(mcp_image_endpoint(image, 0)->row == MCP_IMAGE_NONE,
       "nor of an endpoint");
    ok(mcp_image_server(image, 0)->row == MCP_IMAGE_NONE,
       "nor of a server");
}


static void
test_assigned(void)
{
    size_t              i, n;
    uint32_t            rows[64];
    uint64_t            identities[64];
    const char         *error;
    const mcp_image_t  *image;

    image = build(&config);

    n = mcp_image_rows(built, MCP_IMAGE_ROWS_TENANTS, NULL);
    is_int((long long) n, 3, "every tenant has a row");

    n = mcp_image_rows(built, MCP_IMAGE_ROWS_ENDPOINTS, identities);
    is_int((long long) n, mcp_image_nendpoints(image), "and every endpoint");
    ok(identities[0] == mcp_image_endpoint(image, 0)->identity,
       "in the order of the records");

    n = mcp_image_rows(built, MCP_IMAGE_ROWS_SERVERS, identities);
    is_int((long long) n, mcp_image_nservers(image), "and every server");
    ok(identities[n - 1] == mcp_image_server(image, n - 1)->identity,
       "in the order of the records");

    for (i = 0; i < n; i++) {
        rows[i] = (uint32_t) (200 + i);
    }

    mcp_image_rows_set(built, MCP_IMAGE_ROWS_SERVERS, rows);
    is_int(mcp_image_server(image, n - 1)->row, 200 + n - 1,
           "a server knows its row");

    /*
     * three tenants, team-a's streams, one key and one server with quotas, two
     * limits of tools
     */

    n = mcp_image_rows(built, MCP_IMAGE_ROWS_LIMITS, identities);
    is_int((long long) n, 8, "limits are those that the quotas set");

    for (i = 0; i < n; i++) {
        rows[i] = (uint32_t) (100 + i);
    }

    mcp_image_rows_set(built, MCP_IMAGE_ROWS_LIMITS, rows);

    ok(mcp_image_open(built, built_size, &error) == NULL,
       "a changed block does not open before it is sealed");

    mcp_image_seal(built, 30, 40);

    image = mcp_image_open(built, built_size, &error);
    ok(image != NULL, "a sealed one does");

    is_int(mcp_image_tenant(image, 0)->limits.requests, 100,
           "a tenant knows the row of its requests");
    is_int(mcp_image_tenant(image, 0)->limits.streams, 101,
           "and that of its streams");
    is_int(mcp_image_tenant(image, 1)->limits.requests, 102,
           "a tenant without quotas has one to be counted in");
    ok(mcp_image_tenant(image, 1)->limits.streams == MCP_IMAGE_NONE,
       "but none for streams");
    is_int(mcp_image_tool_limit(image, 1)->limits.requests, 107,
           "a limit of tools knows its row");
    is_int((long long) mcp_image_epoch(image), 30, "seal sets the epoch");
    is_int((long long) mcp_image_generation(image), 40,
           "and the generation");
}


static void
test_streams_apart(void)
{
    size_t    i, j, n, same;
    uint64_t  identities[64];

    (void) build(&config);

    n = mcp_image_rows(built, MCP_IMAGE_ROWS_LIMITS, identities);
    same = 0;

    for (i = 0; i < n; i++) {
        for (j = i + 1; j < n; j++) {
            same += identities[i] == identities[j];
        }
    }

    is_int((long long) same, 0, "no two limits have one identity");
}
