/*
 * Files that are replaced while they are read: what is loaded is what stood
 * there at one moment.
 */

#include "config_case.h"


#define FOREVER  1000000


static void write_version(int version);
static const char *change(void *data, const char *name);
static const char *vanish(void *data, const char *name);
static void test_changes(void);
static void test_mistake(void);
static void test_missing(void);
static void test_restless(void);


/* Of the file that stands there, and how often it is still to change. */
static int  version;
static int  changes;


int
main(void)
{
    config_folder_make();

    test_changes();
    test_mistake();
    test_missing();
    test_restless();

    return done();
}


static void
test_changes(void)
{
    char                  *text;
    mcp_config_t          *config;
    mcp_config_options_t   options = { .env = change };

    write_version(1);
    changes = 2;

    text = config_load(&options, &config);
    is_str(text, "", "files that change twice meanwhile are loaded");
    free(text);

    ok(config && config->ntenants == 3, "as they stand in the end");
    ok(config && config->nfiles == 4, "each of them once");
    is_int(changes, 0, "all changes came meanwhile");

    mcp_config_free(config);
}


/* The first catalog that was read had the mistake. */
static void
test_mistake(void)
{
    char                  *text;
    mcp_config_t          *config;
    mcp_config_options_t   options = { .env = change };

    write_version(1);
    config_put_text("t1.yaml", "servers: {\n");
    changes = 1;

    text = config_load(&options, &config);
    is_str(text, "", "a mistake that is not there any more is not told");
    free(text);

    mcp_config_free(config);
}


/* A catalog is away when it is to be read, and back a moment later. */
static void
test_missing(void)
{
    char                  *text;
    mcp_config_t          *config;
    mcp_config_options_t   options = { .env = vanish };

    write_version(3);
    changes = 2;

    text = config_load(&options, &config);
    is_str(text, "", "a file that was missing for a moment is read");
    free(text);

    is_int(changes, 0, "it was missing");
    mcp_config_free(config);

    (void) unlink("t1.yaml");

    text = config_load(&options, &config);
    ok(strstr(text, "cannot be opened: No such file") != NULL,
       "one that stays missing is told");
    free(text);
}


static void
test_restless(void)
{
    char                  *text;
    mcp_config_t          *config;
    mcp_config_options_t   options = { .env = change };

    write_version(1);
    changes = FOREVER;

    text = config_load(&options, &config);
    is_str(text, "tenants.yaml:1:1: found files that changed while they were "
           "read, 10 times, expected files that rest\n",
           "files that do not rest are refused");
    ok(config == NULL, "all of them");
    free(text);
}


/* Version n has n tenants, each with a catalog. */
static void
write_version(int n)
{
    int    i;
    char   name[32];
    FILE  *f;

    f = fopen("new.yaml", "w");
    fprintf(f, "tenants:\n");

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "t%d.yaml", i);

        fprintf(f, "  - {id: t%d, catalog_file: %s, secrets: [V]}\n", i,
                name);

        config_put_text(name,
                        "servers: [{id: s, runtime: {type: remote, url: "
                        "\"https://192.0.2.1/\", headers: "
                        "{A: \"${V}\"}}}]\n");
    }

    (void) fclose(f);
    (void) rename("new.yaml", "tenants.yaml");

    version = n;
}


/* Called amid the load: tenants.yaml was read, later catalogs were not. */
static const char *
change(void *data, const char *name)
{
    (void) data;
    (void) name;

    if (changes) {
        changes--;
        write_version(changes > 2 ? 1 : version + 1);
    }

    return "value";
}


/* Called for the first catalog and, the second being away, for the third. */
static const char *
vanish(void *data, const char *name)
{
    (void) data;
    (void) name;

    if (changes == 2) {
        (void) rename("t1.yaml", "away.yaml");
        changes--;

    } else if (changes == 1) {
        (void) rename("away.yaml", "t1.yaml");
        changes--;
    }

    return "value";
}
