/*
 * Arenas and findings.
 */

#include "mcp_base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define MCP_ARENA_BLOCK_BYTES  65536
#define MCP_ARENA_ALIGNMENT    16

#define mcp_align(n, a)  (((n) + ((a) - 1)) & ~(size_t) ((a) - 1))


typedef struct mcp_arena_block_s  mcp_arena_block_t;

struct mcp_arena_block_s {
    mcp_arena_block_t  *next;
    size_t              used;
    size_t              size;
};


struct mcp_arena_s {
    mcp_arena_block_t  *blocks;
};


typedef struct {
    mcp_report_level_e   level;
    unsigned             file;
    uint32_t             line;
    uint32_t             column;
    size_t               order;
    char                *text;
} mcp_finding_t;


struct mcp_report_s {
    mcp_finding_t   *findings;
    size_t           nfindings;
    size_t           capacity;
    size_t           errors;
    char           **files;
    unsigned         nfiles;
    bool             sorted;
    bool             out_of_memory;
};


static void *mcp_grow(void *array, size_t used, size_t new_count,
    size_t size);
static int mcp_report_file(mcp_report_t *report, const char *name,
    unsigned *ret_file);
static int mcp_finding_compare(const void *one, const void *two);
static char *mcp_finding_text(const mcp_mark_t *mark, const char *fmt,
    va_list args);


static long  mcp_alloc_countdown = -1;


void
mcp_alloc_fail_at(long count)
{
    mcp_alloc_countdown = count;
}


void *
mcp_alloc(size_t size)
{
    if (mcp_alloc_countdown == 0) {
        return NULL;
    }

    if (mcp_alloc_countdown > 0) {
        mcp_alloc_countdown--;
    }

    return malloc(size);
}


static void *
mcp_grow(void *array, size_t used, size_t new_count, size_t size)
{
    void  *p;

    p = mcp_alloc(new_count * size);
    if (p == NULL) {
        return NULL;
    }

    if (used) {
        memcpy(p, array, used * size);
    }

    free(array);

    return p;
}


mcp_arena_t *
mcp_arena_new(void)
{
    mcp_arena_t  *arena;

    arena = mcp_alloc(sizeof(mcp_arena_t));
    if (arena == NULL) {
        return NULL;
    }

    arena->blocks = NULL;

    return arena;
}


void
mcp_arena_free(mcp_arena_t *arena)
{
    mcp_arena_block_t  *block, *next;

    if (arena == NULL) {
        return;
    }

    for (block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }

    free(arena);
}


void *
mcp_arena_alloc(mcp_arena_t *arena, size_t size)
{
    char               *p;
    size_t              head, room;
    mcp_arena_block_t  *block;

    head = mcp_align(sizeof(mcp_arena_block_t), MCP_ARENA_ALIGNMENT);

    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    size = mcp_align(size ? size : 1, MCP_ARENA_ALIGNMENT);
    block = arena->blocks;

    if (block == NULL || block->size - block->used < size) {

        room = size > MCP_ARENA_BLOCK_BYTES / 4 ? size
                                                : MCP_ARENA_BLOCK_BYTES;

        block = mcp_alloc(head + room);
        if (block == NULL) {
            return NULL;
        }

        block->used = 0;
        block->size = room;

        /* a block of its own for a large piece keeps the open one in use */

        if (room == size && arena->blocks) {
            block->next = arena->blocks->next;
            arena->blocks->next = block;

        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }

    p = (char *) block + head + block->used;
    block->used += size;

    memset(p, 0, size);

    return p;
}


char *
mcp_arena_strdup(mcp_arena_t *arena, const char *data, size_t len)
{
    char  *p;

    p = mcp_arena_alloc(arena, len + 1);
    if (p == NULL) {
        return NULL;
    }

    if (len) {
        memcpy(p, data, len);
    }

    p[len] = '\0';

    return p;
}


char *
mcp_arena_printf(mcp_arena_t *arena, const char *fmt, ...)
{
    int       n;
    char     *p;
    va_list   args;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    if (n < 0) {
        return NULL;
    }

    p = mcp_arena_alloc(arena, (size_t) n + 1);
    if (p == NULL) {
        return NULL;
    }

    va_start(args, fmt);
    (void) vsnprintf(p, (size_t) n + 1, fmt, args);
    va_end(args);

    return p;
}


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
    size_t    i;
    unsigned  n;

    if (report == NULL) {
        return;
    }

    for (i = 0; i < report->nfindings; i++) {
        free(report->findings[i].text);
    }

    for (n = 0; n < report->nfiles; n++) {
        free(report->files[n]);
    }

    free(report->findings);
    free(report->files);
    free(report);
}


void
mcp_report_add(mcp_report_t *report, mcp_report_level_e level,
    const mcp_mark_t *mark, const char *fmt, ...)
{
    va_list         args;
    mcp_finding_t  *finding, *grown;

    /* an error counts even when there is no memory to tell it */

    if (level == MCP_REPORT_ERROR) {
        report->errors++;
    }

    if (report->nfindings == report->capacity) {

        grown = mcp_grow(report->findings, report->nfindings,
                         report->capacity * 2 + 16, sizeof(mcp_finding_t));
        if (grown == NULL) {
            report->out_of_memory = true;
            return;
        }

        report->findings = grown;
        report->capacity = report->capacity * 2 + 16;
    }

    finding = &report->findings[report->nfindings];

    if (mcp_report_file(report, mark->file, &finding->file) != MCP_OK) {
        report->out_of_memory = true;
        return;
    }

    va_start(args, fmt);
    finding->text = mcp_finding_text(mark, fmt, args);
    va_end(args);

    if (finding->text == NULL) {
        report->out_of_memory = true;
        return;
    }

    finding->level = level;
    finding->line = mark->line;
    finding->column = mark->column;
    finding->order = report->nfindings++;

    report->sorted = false;
}


static int
mcp_report_file(mcp_report_t *report, const char *name, unsigned *ret_file)
{
    char      *copy, **grown;
    size_t     len;
    unsigned   n;

    /* the newest first: findings come file by file */

    for (n = report->nfiles; n > 0; n--) {
        if (strcmp(report->files[n - 1], name) == 0) {
            *ret_file = n - 1;
            return MCP_OK;
        }
    }

    len = strlen(name);

    copy = mcp_alloc(len + 1);
    if (copy == NULL) {
        return MCP_ERROR;
    }

    memcpy(copy, name, len + 1);

    grown = mcp_grow(report->files, report->nfiles, report->nfiles + 1,
                     sizeof(char *));
    if (grown == NULL) {
        free(copy);
        return MCP_ERROR;
    }

    report->files = grown;
    report->files[report->nfiles] = copy;

    *ret_file = report->nfiles++;

    return MCP_OK;
}


static char *
mcp_finding_text(const mcp_mark_t *mark, const char *fmt, va_list args)
{
    int      head, body;
    char    *p;
    va_list  again;

    va_copy(again, args);

    head = snprintf(NULL, 0, "%s:%u:%u: ", mark->file, mark->line,
                    mark->column);
    body = vsnprintf(NULL, 0, fmt, again);

    va_end(again);

    if (head < 0 || body < 0) {
        return NULL;
    }

    p = mcp_alloc((size_t) head + (size_t) body + 1);
    if (p == NULL) {
        return NULL;
    }

    (void) snprintf(p, (size_t) head + 1, "%s:%u:%u: ", mark->file,
                    mark->line, mark->column);
    (void) vsnprintf(p + head, (size_t) body + 1, fmt, args);

    return p;
}


static int
mcp_finding_compare(const void *one, const void *two)
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
              mcp_finding_compare);
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
