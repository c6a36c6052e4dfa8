/*
 * What the tests of the loader share: a folder of files, and one load of it.
 * The working directory is the folder, so that findings name short paths.
 */

#ifndef _CONFIG_CASE_H_INCLUDED_
#define _CONFIG_CASE_H_INCLUDED_


#include "mcp_config.h"
#include "tap.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>


static char  config_folder[] = "/tmp/mcp-unit-XXXXXX";


static int
config_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(path);
}


__attribute__((unused))
static void
config_folder_remove(void)
{
    (void) chdir("/");
    (void) nftw(config_folder, config_remove, 16, FTW_DEPTH|FTW_PHYS);
}


__attribute__((unused))
static void
config_folder_make(void)
{
    if (mkdtemp(config_folder) == NULL || chdir(config_folder) != 0) {
        printf("Bail out! there is no folder to work in\n");
        exit(1);
    }

    (void) atexit(config_folder_remove);
}


__attribute__((unused))
static void
config_put(const char *path, const char *text, size_t len)
{
    FILE  *f;

    f = fopen(path, "w");

    if (f == NULL || fwrite(text, 1, len, f) != len || fclose(f) != 0) {
        printf("Bail out! cannot write %s\n", path);
        exit(1);
    }
}


__attribute__((unused))
static void
config_put_text(const char *path, const char *text)
{
    config_put(path, text, strlen(text));
}


/* All lines of the report, each with a line feed; the caller frees them. */
__attribute__((unused))
static char *
config_report_text(mcp_report_t *report)
{
    char    *text;
    FILE    *f;
    size_t   i, size;

    f = open_memstream(&text, &size);

    for (i = 0; i < mcp_report_lines(report); i++) {
        fprintf(f, "%s\n", mcp_report_line(report, i, NULL));
    }

    (void) fclose(f);

    return text;
}


/* Loads tenants.yaml; *ret_config is NULL when it was refused. */
__attribute__((unused))
static char *
config_load(const mcp_config_options_t *options, mcp_config_t **ret_config)
{
    char          *text;
    mcp_report_t  *report;

    *ret_config = NULL;
    report = mcp_report_new();

    (void) mcp_config_load("tenants.yaml", options, report, ret_config);

    text = config_report_text(report);
    mcp_report_free(report);

    return text;
}


/* One version of a file, and all findings that it has; "" when it is right. */
typedef struct {
    const char  *name;
    const char  *text;
    const char  *findings;
} config_case_t;


/* Loads once for each case, with its text in the file; a NULL name ends. */
__attribute__((unused))
static void
config_cases(const config_case_t *cases, const char *file)
{
    char                  *text;
    mcp_str_t              names[] = { mcp_str("u") };
    mcp_config_t          *config;
    mcp_config_options_t   options;

    memset(&options, 0, sizeof(mcp_config_options_t));

    options.upstream_names = names;
    options.nupstream_names = 1;
    options.check_upstream_names = true;

    for ( /* void */ ; cases->name; cases++) {
        config_put_text(file, cases->text);

        text = config_load(&options, &config);

        is_str(text, cases->findings, cases->name);
        ok((config != NULL) == (*cases->findings == '\0'), "%s: %s",
           cases->name, config ? "taken" : "refused");

        mcp_config_free(config);
        free(text);
    }
}


#endif /* _CONFIG_CASE_H_INCLUDED_ */
