/*
 * buffer.h -- a growable run of bytes with a limit.
 *
 *     CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(LIMIT_MESSAGE);
 *     TRY(buffer_append(&b, span_of("x", 1), e));
 *     use(buffer_span(&b));
 *
 * Ownership: the buffer owns its bytes; spans taken from it live until the next change.  Growing
 * past `limit` is RC_NO_MEMORY, so no outside length can make us allocate without bound.
 * Threads: one at a time.  Layer: common/base.
 */
#ifndef COMMON_BASE_BUFFER_H
#define COMMON_BASE_BUFFER_H

#include "common/base/error.h"
#include "common/base/span.h"

struct buffer {
    uint8_t *data;
    size_t len, capacity, limit;
};

#define BUFFER_INIT(max) ((struct buffer){.limit = (max)})

void buffer_free(struct buffer *b); /* releases the bytes and keeps the limit */

static inline void
buffer_clear(struct buffer *b)
{
    b->len = 0;
}

static inline struct span
buffer_span(const struct buffer *b)
{
    return span_of(b->data, b->len);
}

/* Make room for `extra` more bytes beyond len; buffer->data + len is then writable for them. */
enum rc buffer_reserve(struct buffer *b, size_t extra, struct error *e) NONNULL;
enum rc buffer_append(struct buffer *b, struct span bytes, struct error *e) NONNULL;
enum rc buffer_printf(struct buffer *b, struct error *e, const char *fmt, ...)
    NONNULL PRINTF_LIKE(3, 4); /* no terminating NUL is kept within len, but one follows it */

#endif
