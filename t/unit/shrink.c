/* Files that have lost most of their tenants. */

#include "image_fixture.h"

#include "mcp_shrink.h"


static void test_left(void);
static void test_meant(void);
static void test_words(void);
static bool taken(size_t ntenants, uint32_t allowed);
static const char *says(size_t ntenants);


/* The three of the fixture, and one that is not served. */
static mcp_tenant_t  next[] = {
    { .id = S("team-a") }, { .id = S("empty") }, { .id = S("team-b") },
    { .id = S("new") }
};

static const mcp_image_t  *served;
static mcp_report_t       *report;


int
main(void)
{
    served = build(&config);

    test_left();
    test_meant();
    test_words();

    mcp_report_free(report);
    free(built);

    return done();
}


static void
test_left(void)
{
    ok(taken(4, 0), "more tenants");
    ok(taken(3, 0), "the same");
    ok(taken(2, 0), "most of them");
    ok(!taken(1, 0), "a third");
    ok(!taken(0, 0), "none");

    next[0].id = (mcp_str_t) S("other");
    next[1].id = (mcp_str_t) S("another");
    ok(!taken(4, 0), "others in their place do not count");
    next[0].id = (mcp_str_t) S("team-a");
    next[1].id = (mcp_str_t) S("empty");
}


static void
test_meant(void)
{
    ok(taken(1, 1), "a third, as announced");
    ok(!taken(1, 2), "what is left is not what was announced");
    ok(!taken(0, 1), "nothing is left of what was announced");
    ok(taken(4, 1), "an announcement that came true earlier is no mistake");
}


static void
test_words(void)
{
    is_str(says(1), "tenants.yaml:3:5: found 1 tenants, without 2 of the 3 "
           "that are served, expected at least half of those, or "
           "\"allow_shrink_to: 1\" beside \"tenants\" when it is meant",
           "the way out");
    is_str(says(0), "tenants.yaml:3:5: found no tenants, of 3 that are served, "
           "expected at least half of those (\"allow_shrink\" of "
           "mcp_tenant_config lets any change pass)", "and from nothing");
}


static bool
taken(size_t ntenants, uint32_t allowed)
{
    mcp_config_t  changed;

    changed = (mcp_config_t) {
        .tenants = next, .ntenants = ntenants, .allow_shrink_to = allowed,
        .list = { "tenants.yaml", 3, 5 }
    };

    mcp_report_free(report);
    report = mcp_report_new();

    return mcp_shrink_check(&changed, served, report) == MCP_OK
           && mcp_report_errors(report) == 0;
}


static const char *
says(size_t ntenants)
{
    mcp_report_level_e  level;

    (void) taken(ntenants, 0);

    return mcp_report_lines(report) == 1
           ? mcp_report_line(report, 0, &level) : NULL;
}
