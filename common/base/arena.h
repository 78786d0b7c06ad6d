/*
 * arena.h -- memory that dies together.
 *
 * An arena holds everything belonging to one request, one step or one parsed message, and gives
 * it all back at once.  It has a byte limit, so a hostile or absurd message costs a request
 * (RC_NO_MEMORY), never the daemon.  Allocations are zeroed and aligned for any object.
 *
 *     CLEANUP(arena_freep) struct arena *a = arena_new(ARENA_LIMIT_MESSAGE);
 *     char *name = arena_printf(a, "%s/%s", realm, host);
 *
 * Ownership: objects borrow from the arena; nothing inside it is freed on its own.
 * Threads: one at a time.  Layer: common/base.
 */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stddef.h>

#include "common/base/own.h"

struct arena;

struct arena *arena_new(size_t limit); /* NULL when out of memory */
void arena_free(struct arena *a);      /* NULL is fine */
DEFINE_FREEP(arena)

/* NULL when the limit or the system's memory is exhausted. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Release everything, keep the limit and the first block: for loops that handle one item a turn. */
void arena_reset(struct arena *a);

#endif
