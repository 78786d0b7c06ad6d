/* binlog_index.c -- see binlog_index.h. */
#include "agent/source/mariadb/binlog_index.h"

#include <string.h>

static enum rc
move_line(struct span line, struct buffer *out, struct error *e)
{
    if (line.len == 0)
        return RC_OK;
    if (memchr(line.data, '\0', line.len) != NULL)
        return error_set(e, RC_CORRUPT, "the index of binary logs holds a NUL");
    const uint8_t *slash = memrchr(line.data, '/', line.len);
    size_t from = slash == NULL ? 0 : (size_t)(slash - line.data) + 1;
    if (from == line.len)
        return error_set(e, RC_CORRUPT, "the index of binary logs names a directory: '%.*s'",
                         (int)(line.len > 200 ? 200 : line.len), (const char *)line.data);
    TRY(buffer_append(out, span_of("./", 2), e));
    TRY(buffer_append(out, span_of(line.data + from, line.len - from), e));
    return buffer_append(out, span_of("\n", 1), e);
}

enum rc
binlog_index_move(struct span old, struct buffer *out, struct error *e)
{
    while (old.len > 0) {
        const uint8_t *end = memchr(old.data, '\n', old.len);
        size_t len = end == NULL ? old.len : (size_t)(end - old.data);
        TRY(move_line(span_of(old.data, len), out, e));
        size_t used = end == NULL ? len : len + 1;
        old = span_of(old.data + used, old.len - used);
    }
    return RC_OK;
}
