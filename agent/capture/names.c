/* names.c -- getdents64 and a sort of offsets.  See names.h. */
#include "agent/capture/names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"

enum { READ_AT_ONCE = 64 * 1024 };

void
names_free(struct names *n)
{
    buffer_free(&n->bytes);
    buffer_free(&n->offsets);
}

static enum rc
add(struct names *n, const char *name, struct error *e)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return RC_OK;
    uint32_t offset = (uint32_t)n->bytes.len;
    if (buffer_append(&n->bytes, span_of(name, strlen(name) + 1), e) != RC_OK ||
        buffer_append(&n->offsets, span_of(&offset, sizeof offset), e) != RC_OK)
        return error_set(e, RC_UNSUPPORTED, "too many entries in one directory (%zu read)",
                         n->count);
    n->count++;
    return RC_OK;
}

static uint32_t
offset_at(const struct names *n, size_t i)
{
    uint32_t offset;
    memcpy(&offset, n->offsets.data + i * sizeof offset, sizeof offset);
    return offset;
}

const char *
names_at(const struct names *n, size_t i)
{
    return (const char *)n->bytes.data + offset_at(n, i);
}

static int
compare(const void *a, const void *b, void *bytes)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return strcmp((const char *)bytes + x, (const char *)bytes + y);
}

static enum rc
read_entries(struct names *n, int fd, uint8_t *entries, struct error *e)
{
    for (;;) {
        ssize_t got = getdents64(fd, entries, READ_AT_ONCE);
        if (got < 0)
            return error_errno(e, "list");
        if (got == 0)
            return RC_OK;
        for (ssize_t at = 0; at < got;) {
            const uint8_t *entry = entries + at;
            unsigned short len;
            memcpy(&len, entry + offsetof(struct dirent64, d_reclen), sizeof len);
            TRY(add(n, (const char *)entry + offsetof(struct dirent64, d_name), e));
            at += len;
        }
    }
}

enum rc
names_read(struct names *n, int fd, struct error *e)
{
    CLEANUP(own_freep) uint8_t *entries = malloc(READ_AT_ONCE);
    if (entries == NULL)
        return error_set(e, RC_NO_MEMORY, "list");
    enum rc rc = read_entries(n, fd, entries, e);
    if (n->count > 1)
        qsort_r(n->offsets.data, n->count, sizeof(uint32_t), compare, n->bytes.data);
    return rc;
}
