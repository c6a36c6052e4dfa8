/*
 * Allocation and arenas.
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
