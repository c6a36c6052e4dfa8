/* Files that have lost tenants, or were cut short. */

#include "config_case.h"
#include "image_fixture.h"

#include "mcp_shrink.h"


/* of the file that is cut at every byte */
#define CUT_TENANTS  4


static void test_left(void);
static void test_meant(void);
static void test_words(void);
static void test_told(void);
static void test_cut(void);
static void test_every_cut(void);
static mcp_config_t changed(size_t ntenants, uint32_t allowed);
static bool taken(size_t ntenants, uint32_t allowed);
static bool check(const mcp_config_t *next_config, bool allowed);
static const char *says(size_t ntenants);
static char *cut_file(void);


/* The three of the fixture, and one that is not served. */
static mcp_tenant_t  next[] = {
    { .id = S("team-a"), .keys = a_keys, .nkeys = 3 },
    { .id = S("empty") },
    { .id = S("team-b"), .keys = b_keys, .nkeys = 1 },
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
    test_told();
    test_cut();
    test_every_cut();

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
    is_str(says(1), "tenants.yaml:3:5: found 1 tenant, without 2 of the 3 "
           "that are served, expected at least half of those, or "
           "\"allow_shrink_to: 1\" beside \"tenants\" when it is meant",
           "the way out");
    is_str(says(0), "tenants.yaml:3:5: found no tenants, of 3 that are served, "
           "expected at least half of those (\"allow_shrink\" of "
           "mcp_tenant_config lets any change pass)", "and from nothing");
}


static void
test_told(void)
{
    size_t               i;
    char                 ids[7][8];
    mcp_tenant_t         many[7];
    mcp_config_t         before, none;
    const mcp_image_t   *kept;

    ok(says(3) == NULL, "nothing is told when nobody goes");
    is_str(says(2), "tenants.yaml:3:5: warning: found 2 tenants, without 1 "
           "that is served (team-b), expected them too unless they were meant "
           "to go", "who goes is told");

    memset(many, 0, sizeof(many));

    for (i = 0; i < 7; i++) {
        many[i].id.data = ids[i];
        many[i].id.len = (size_t) sprintf(ids[i], "t%zu", i);
    }

    before = (mcp_config_t) { .tenants = many, .ntenants = 7 };
    none = changed(0, 0);
    kept = served;
    built = NULL;
    served = build(&before);

    ok(check(&none, true), "everything may go when all changes pass");
    is_str(mcp_report_line(report, 0, NULL), "tenants.yaml:3:5: warning: found "
           "0 tenants, without 7 that are served (t0, t1, t2, t3, t4 and 2 "
           "more), expected them too unless they were meant to go",
           "of many, some are named");

    free(built);
    built = (void *) kept;
    served = kept;
}


static void
test_cut(void)
{
    mcp_config_t         cut, before;
    const mcp_image_t   *kept;

    cut = changed(2, 0);
    cut.cut = (mcp_mark_t) { "tenants.yaml", 9, 4 };

    ok(!check(&cut, false), "a file that ends within a line, without a tenant");
    is_str(mcp_report_line(report, 0, NULL), "tenants.yaml:9:4: found the end "
           "of the file within a line, without 1 tenant and 1 key that are "
           "served, as if it was cut short, expected a line feed at the end",
           "is told as such");
    ok(check(&cut, true), "but passes when all changes do");

    cut.allow_shrink_to = 2;
    ok(!check(&cut, false), "the number of tenants does not make it whole");

    cut.ntenants = 3;
    next[0].nkeys = 2;
    ok(!check(&cut, false), "one key less is enough");
    next[0].nkeys = 3;
    ok(check(&cut, false), "where nothing is lost, nothing was cut");

    before = config;
    before.cut.line = 9;
    kept = served;
    built = NULL;
    served = build(&before);

    cut.ntenants = 2;
    ok(check(&cut, false), "the file that is served ended so, too");

    free(built);
    built = (void *) kept;
    served = kept;
}


/*
 * Wherever a file is cut: it is refused, or nothing is lost, or the cut is
 * between lines and it is told who goes.
 */
static void
test_every_cut(void)
{
    int                   rc;
    char                 *text;
    size_t                len, silent, within, accepted;
    const char           *line;
    mcp_config_t         *whole, *part;
    mcp_report_t         *loaded;
    const mcp_image_t    *kept;
    mcp_config_options_t  none;

    memset(&none, 0, sizeof(mcp_config_options_t));

    config_folder_make();
    text = cut_file();

    config_put_text("tenants.yaml", text);
    free(config_load(&none, &whole));

    ok(whole != NULL, "a file to cut");
    ok(whole && whole->cut.line == 0, "its last line has its line feed");

    if (whole == NULL) {
        return;
    }

    kept = served;
    built = NULL;
    served = build(whole);
    silent = within = accepted = 0;

    for (len = 0; len < strlen(text); len++) {

        config_put("tenants.yaml", text, len);

        loaded = mcp_report_new();
        rc = mcp_config_load("tenants.yaml", &none, loaded, &part);
        mcp_report_free(loaded);

        if (rc != MCP_OK) {
            continue;
        }

        if (check(part, false)
            && (part->ntenants < CUT_TENANTS
                || part->tenants[CUT_TENANTS - 1].nkeys == 0))
        {
            accepted++;
            line = mcp_report_lines(report)
                   ? mcp_report_line(report, 0, NULL) : "";

            within += text[len - 1] != '\n';
            silent += part->ntenants < CUT_TENANTS
                      && strstr(line, "that ") == NULL;
        }

        mcp_config_free(part);
    }

    ok(accepted > 0, "some cuts between lines are taken");
    is_int((long long) within, 0, "none within a line where something is lost");
    is_int((long long) silent, 0, "none without a word on a tenant that goes");

    mcp_config_free(whole);
    free(text);
    free(built);
    built = (void *) kept;
    served = kept;
}


static char *
cut_file(void)
{
    char    *text;
    FILE    *f;
    int      n;
    size_t   size;

    f = open_memstream(&text, &size);

    fprintf(f, "tenants:\n");

    for (n = 0; n < CUT_TENANTS; n++) {
        fprintf(f, "  - id: team-%d\n"
                "    display_name: Team %d\n"
                "    api_keys:\n"
                "      - key_hash: \"sha256:%064d\"\n"
                "        name: production\n"
                "    quotas:\n"
                "      max_concurrent_requests: 100\n", n, n, 12345 + n);
    }

    (void) fclose(f);

    return text;
}


static mcp_config_t
changed(size_t ntenants, uint32_t allowed)
{
    return (mcp_config_t) {
        .tenants = next, .ntenants = ntenants, .allow_shrink_to = allowed,
        .list = { "tenants.yaml", 3, 5 }
    };
}


static bool
taken(size_t ntenants, uint32_t allowed)
{
    mcp_config_t  next_config;

    next_config = changed(ntenants, allowed);

    return check(&next_config, false);
}


static bool
check(const mcp_config_t *next_config, bool allowed)
{
    mcp_report_free(report);
    report = mcp_report_new();

    return mcp_shrink_check(next_config, served, allowed, report) == MCP_OK
           && mcp_report_errors(report) == 0;
}


static const char *
says(size_t ntenants)
{
    (void) taken(ntenants, 0);

    return mcp_report_lines(report) == 1
           ? mcp_report_line(report, 0, NULL) : NULL;
}
