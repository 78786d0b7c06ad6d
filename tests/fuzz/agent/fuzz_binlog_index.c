/* fuzz_binlog_index.c -- any bytes are an index that names files of one directory only, or are refused. */
#include <stdlib.h>
#include <string.h>

#include "agent/source/mariadb/binlog_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { INDEX_MAX = 1 << 20 };

static void
expect_one_directory(struct span index)
{
    while (index.len > 0) {
        const uint8_t *end = memchr(index.data, '\n', index.len);
        if (end == NULL || end - index.data < 3 || memcmp(index.data, "./", 2) != 0 ||
            memchr(index.data + 2, '/', (size_t)(end - index.data) - 2) != NULL)
            abort();
        size_t used = (size_t)(end - index.data) + 1;
        index = span_of(index.data + used, index.len - used);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer once = BUFFER_INIT(INDEX_MAX);
    CLEANUP(buffer_free) struct buffer twice = BUFFER_INIT(INDEX_MAX);
    if (binlog_index_move(span_of(data, len), &once, &e) != RC_OK)
        return 0;
    expect_one_directory(buffer_span(&once));
    if (binlog_index_move(buffer_span(&once), &twice, &e) != RC_OK || once.len != twice.len ||
        (once.len > 0 && memcmp(once.data, twice.data, once.len) != 0))
        abort();
    return 0;
}
