/* arena.c -- a chain of blocks filled front to back.  See arena.h. */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_MIN = 4096 };

struct block {
    struct block *older;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *newest;
    size_t limit, total;
};

struct arena *
arena_new(size_t limit)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->limit = limit;
    return a;
}

static void
drop_blocks(struct arena *a, const struct block *keep)
{
    while (a->newest != NULL && a->newest != keep) {
        struct block *older = a->newest->older;
        a->total -= a->newest->size;
        free(a->newest);
        a->newest = older;
    }
}

void
arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    drop_blocks(a, NULL);
    free(a);
}

void
arena_reset(struct arena *a)
{
    struct block *first = a->newest;
    while (first != NULL && first->older != NULL)
        first = first->older;

    drop_blocks(a, first);
    if (first != NULL) {
        memset(first->bytes, 0, first->used);
        first->used = 0;
    }
}

static struct block *
grow(struct arena *a, size_t size)
{
    size_t want = size < BLOCK_MIN ? BLOCK_MIN : size;
    if (want > a->limit - a->total)
        want = size; /* near the limit, take exactly what is asked for */
    if (want > a->limit - a->total)
        return NULL;

    struct block *b = calloc(1, sizeof *b + want);
    if (b == NULL)
        return NULL;
    b->size = want;
    b->older = a->newest;
    a->newest = b;
    a->total += want;
    return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
    const size_t unit = alignof(max_align_t);
    if (size > a->limit)
        return NULL;
    size = (size + unit - 1) / unit * unit;

    struct block *b = a->newest;
    if (b == NULL || b->size - b->used < size)
        b = grow(a, size);
    if (b == NULL)
        return NULL;

    void *object = b->bytes + b->used;
    b->used += size;
    return object;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    char *text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}
