/* buffer.c -- doubling growth under a limit.  See buffer.h. */
#include "common/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 256 };

void
buffer_free(struct buffer *b)
{
    free(b->data);
    *b = BUFFER_INIT(b->limit);
}

enum rc
buffer_reserve(struct buffer *b, size_t extra, struct error *e)
{
    if (extra <= b->capacity - b->len)
        return RC_OK;
    if (extra > b->limit - b->len)
        return error_set(e, RC_NO_MEMORY, "buffer would exceed its limit of %zu bytes", b->limit);

    size_t want = b->len + extra;
    size_t doubled = b->capacity > b->limit / 2 ? b->limit : b->capacity * 2;
    if (doubled > want)
        want = doubled;
    if (want < CAPACITY_MIN && CAPACITY_MIN <= b->limit)
        want = CAPACITY_MIN;

    uint8_t *grown = realloc(b->data, want);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "buffer of %zu bytes", want);
    b->data = grown;
    b->capacity = want;
    return RC_OK;
}

enum rc
buffer_append(struct buffer *b, struct span bytes, struct error *e)
{
    if (bytes.len == 0)
        return RC_OK;
    TRY(buffer_reserve(b, bytes.len, e));
    memcpy(b->data + b->len, bytes.data, bytes.len);
    b->len += bytes.len;
    return RC_OK;
}

enum rc
buffer_printf(struct buffer *b, struct error *e, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    enum rc rc = len < 0 ? error_set(e, RC_INVALID, "unprintable format")
                         : buffer_reserve(b, (size_t)len + 1, e);
    if (rc == RC_OK) {
        (void)vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
    return rc;
}
