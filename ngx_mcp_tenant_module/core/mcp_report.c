/*
 * Findings of a check.
 */

#include "mcp_base.h"
#include "mcp_set.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* Of one file; what stands behind is counted only. */
#define MCP_REPORT_FILE_MAX  10000


typedef struct {
    mcp_report_level_e   level;
    unsigned             file;
    uint32_t             line;
    uint32_t             column;
    size_t               order;
    char                *text;
} mcp_finding_t;


typedef struct {
    char      *name;
    unsigned   findings;
    bool       has_errors;
} mcp_report_file_t;


struct mcp_report_s {
    mcp_finding_t      *findings;
    size_t              nfindings;
    size_t              capacity;
    size_t              errors;
    mcp_report_file_t  *files;
    unsigned            nfiles;
    size_t              files_capacity;
    size_t              files_with_errors;
    mcp_set_t           names;              /* of files */
    mcp_set_t           texts;              /* of findings */
    bool                sorted;
    bool                out_of_memory;
};


static void mcp_report_insert(mcp_report_t *report, mcp_report_level_e level,
    const mcp_mark_t *mark, unsigned file, char *text);
static void mcp_report_lost(mcp_report_t *report, mcp_report_level_e level);
static int mcp_report_file(mcp_report_t *report, const char *name,
    unsigned *ret_file);
static int mcp_report_grow(void **array, size_t used, size_t *capacity,
    size_t size);
static char *mcp_report_text(mcp_report_level_e level,
    const mcp_mark_t *mark, const char *fmt, va_list args);
static int mcp_report_compare(const void *one, const void *two);


mcp_report_t *
mcp_report_new(void)
{
    mcp_report_t  *report;

    report = mcp_alloc(sizeof(mcp_report_t));
    if (report == NULL) {
        return NULL;
    }

    memset(report, 0, sizeof(mcp_report_t));

    return report;
}


void
mcp_report_free(mcp_report_t *report)
{
    if (report) {
        mcp_report_clear(report);
        free(report);
    }
}


void
mcp_report_clear(mcp_report_t *report)
{
    size_t    i;
    unsigned  n;

    for (i = 0; i < report->nfindings; i++) {
        free(report->findings[i].text);
    }

    for (n = 0; n < report->nfiles; n++) {
        free(report->files[n].name);
    }

    mcp_set_free(&report->names);
    mcp_set_free(&report->texts);

    free(report->findings);
    free(report->files);

    memset(report, 0, sizeof(mcp_report_t));
}


void
mcp_report_add(mcp_report_t *report, mcp_report_level_e level,
    const mcp_mark_t *mark, const char *fmt, ...)
{
    char      *text;
    unsigned   file;
    va_list    args;

    if (mcp_report_file(report, mark->file, &file) != MCP_OK) {
        mcp_report_lost(report, level);
        return;
    }

    if (report->files[file].findings > MCP_REPORT_FILE_MAX) {
        if (level == MCP_REPORT_ERROR) {
            report->errors++;
        }

        return;
    }

    if (report->files[file].findings == MCP_REPORT_FILE_MAX) {
        fmt = "found more than 10000 mistakes in this file, expected fewer: "
              "the rest is not told";
        level = MCP_REPORT_ERROR;
    }

    va_start(args, fmt);
    text = mcp_report_text(level, mark, fmt, args);
    va_end(args);

    if (text == NULL) {
        mcp_report_lost(report, level);
        return;
    }

    mcp_report_insert(report, level, mark, file, text);
}


/* Takes over the text. */
static void
mcp_report_insert(mcp_report_t *report, mcp_report_level_e level,
    const mcp_mark_t *mark, unsigned file, char *text)
{
    const void         *first;
    mcp_finding_t      *finding;
    mcp_report_file_t  *of_file;

    if (mcp_report_grow((void **) &report->findings, report->nfindings,
                        &report->capacity, sizeof(mcp_finding_t))
        != MCP_OK
        || mcp_set_add(&report->texts, text, strlen(text), text, &first)
           != MCP_OK)
    {
        free(text);
        mcp_report_lost(report, level);
        return;
    }

    /* a file that several tenants share is read for each of them */

    if (first) {
        free(text);
        return;
    }

    finding = &report->findings[report->nfindings];

    finding->level = level;
    finding->file = file;
    finding->line = mark->line;
    finding->column = mark->column;
    finding->order = report->nfindings++;
    finding->text = text;

    report->sorted = false;

    of_file = &report->files[file];
    of_file->findings++;

    if (level == MCP_REPORT_ERROR) {
        report->errors++;

        if (!of_file->has_errors) {
            of_file->has_errors = true;
            report->files_with_errors++;
        }
    }
}


/* An error counts even when there is no memory to tell it. */
static void
mcp_report_lost(mcp_report_t *report, mcp_report_level_e level)
{
    if (level == MCP_REPORT_ERROR) {
        report->errors++;
    }

    report->out_of_memory = true;
}


void
mcp_report_mention(mcp_report_t *report, const char *file)
{
    unsigned  n;

    if (mcp_report_file(report, file, &n) != MCP_OK) {
        report->out_of_memory = true;
    }
}


static int
mcp_report_file(mcp_report_t *report, const char *name, unsigned *ret_file)
{
    char        *copy;
    size_t       len;
    const void  *known;

    len = strlen(name);
    known = mcp_set_find(&report->names, name, len);

    if (known) {
        *ret_file = (unsigned) ((uintptr_t) known - 1);
        return MCP_OK;
    }

    if (mcp_report_grow((void **) &report->files, report->nfiles,
                        &report->files_capacity, sizeof(mcp_report_file_t))
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    copy = mcp_alloc(len + 1);
    if (copy == NULL) {
        return MCP_ERROR;
    }

    memcpy(copy, name, len + 1);

    /* the value is the number of the file, from 1 on */

    if (mcp_set_add(&report->names, copy, len,
                    (void *) ((uintptr_t) report->nfiles + 1), &known)
        != MCP_OK)
    {
        free(copy);
        return MCP_ERROR;
    }

    report->files[report->nfiles].name = copy;
    report->files[report->nfiles].findings = 0;
    report->files[report->nfiles].has_errors = false;

    *ret_file = report->nfiles++;

    return MCP_OK;
}


/* Makes room for one element more. */
static int
mcp_report_grow(void **array, size_t used, size_t *capacity, size_t size)
{
    void    *grown;
    size_t   count;

    if (used < *capacity) {
        return MCP_OK;
    }

    count = *capacity * 2 + 16;

    grown = mcp_alloc(count * size);
    if (grown == NULL) {
        return MCP_ERROR;
    }

    if (used) {
        memcpy(grown, *array, used * size);
    }

    free(*array);

    *array = grown;
    *capacity = count;

    return MCP_OK;
}


static char *
mcp_report_text(mcp_report_level_e level, const mcp_mark_t *mark,
    const char *fmt, va_list args)
{
    int          head, body;
    char        *p;
    va_list      again;
    const char  *word;

    word = level == MCP_REPORT_WARNING ? "warning: " : "";

    va_copy(again, args);

    head = snprintf(NULL, 0, "%s:%u:%u: %s", mark->file, mark->line,
                    mark->column, word);
    body = vsnprintf(NULL, 0, fmt, again);

    va_end(again);

    if (head < 0 || body < 0) {
        return NULL;
    }

    p = mcp_alloc((size_t) head + (size_t) body + 1);
    if (p == NULL) {
        return NULL;
    }

    (void) snprintf(p, (size_t) head + 1, "%s:%u:%u: %s", mark->file,
                    mark->line, mark->column, word);
    (void) vsnprintf(p + head, (size_t) body + 1, fmt, args);

    return p;
}


static int
mcp_report_compare(const void *one, const void *two)
{
    const mcp_finding_t  *a, *b;

    a = one;
    b = two;

    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }

    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }

    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }

    return a->order < b->order ? -1 : 1;
}


size_t
mcp_report_errors(const mcp_report_t *report)
{
    return report->errors;
}


size_t
mcp_report_files(const mcp_report_t *report)
{
    return report->files_with_errors;
}


size_t
mcp_report_lines(const mcp_report_t *report)
{
    return report->nfindings;
}


const char *
mcp_report_line(mcp_report_t *report, size_t n,
    mcp_report_level_e *ret_level)
{
    if (!report->sorted && report->nfindings) {
        qsort(report->findings, report->nfindings, sizeof(mcp_finding_t),
              mcp_report_compare);
        report->sorted = true;
    }

    if (n >= report->nfindings) {
        return NULL;
    }

    if (ret_level) {
        *ret_level = report->findings[n].level;
    }

    return report->findings[n].text;
}


bool
mcp_report_out_of_memory(const mcp_report_t *report)
{
    return report->out_of_memory;
}
