/*
 * Strings, arenas and findings: what every file of core shares.
 * Core is plain C11; it knows neither NGINX nor Kubernetes.
 */

#ifndef _MCP_BASE_H_INCLUDED_
#define _MCP_BASE_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define MCP_OK      0
#define MCP_ERROR  -1


/* Borrowed bytes.  Text that core allocates ends in a NUL beyond len. */
typedef struct {
    size_t       len;
    const char  *data;
} mcp_str_t;

#define mcp_str(text)  { sizeof(text) - 1, text }


/* Where a value stands in a file; line and column count from 1. */
typedef struct {
    const char  *file;
    uint32_t     line;
    uint32_t     column;
} mcp_mark_t;


typedef struct mcp_arena_s   mcp_arena_t;
typedef struct mcp_report_s  mcp_report_t;


/*
 * An arena owns everything taken from it until mcp_arena_free(), which
 * accepts NULL.  Every function that takes memory returns NULL when there is
 * none.  mcp_arena_alloc() zeroes what it returns; mcp_arena_strdup() copies
 * len bytes and adds a NUL.
 */
mcp_arena_t *mcp_arena_new(void);
void mcp_arena_free(mcp_arena_t *arena);
void *mcp_arena_alloc(mcp_arena_t *arena, size_t size);
char *mcp_arena_strdup(mcp_arena_t *arena, const char *data, size_t len);
char *mcp_arena_printf(mcp_arena_t *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Makes the count-th allocation from now on fail, and every later one, for
 * tests of out-of-memory paths; a negative count turns it off.  It holds for
 * arenas and for every other allocation of core.
 */
void mcp_alloc_fail_at(long count);
void *mcp_alloc(size_t size);


/*
 * Findings of a check, each one line "file:line:column: what was found,
 * what was expected".  Errors refuse the files; warnings do not.  The report
 * owns its text.  mcp_report_line() gives the lines ordered by file (in the
 * order of first mention), line and column.  A finding never repeats a
 * secret: callers pass no value of a key, header or environment variable.
 * A finding is told once, however often it is added.
 * mcp_report_add() that finds no memory sets mcp_report_out_of_memory().
 */
typedef enum {
    MCP_REPORT_ERROR,
    MCP_REPORT_WARNING
} mcp_report_level_e;

mcp_report_t *mcp_report_new(void);
void mcp_report_free(mcp_report_t *report);
void mcp_report_clear(mcp_report_t *report);
void mcp_report_add(mcp_report_t *report, mcp_report_level_e level,
    const mcp_mark_t *mark, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts file next in the order of files, before it has a finding. */
void mcp_report_mention(mcp_report_t *report, const char *file);

size_t mcp_report_errors(const mcp_report_t *report);
size_t mcp_report_files(const mcp_report_t *report);    /* with errors */
size_t mcp_report_lines(const mcp_report_t *report);
const char *mcp_report_line(mcp_report_t *report, size_t n,
    mcp_report_level_e *ret_level);
bool mcp_report_out_of_memory(const mcp_report_t *report);


#endif /* _MCP_BASE_H_INCLUDED_ */
