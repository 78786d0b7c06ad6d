/* names.c -- getdents64 and a sort of offsets.  See names.h. */
#include "agent/capture/names.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/own.h"

enum { READ_AT_ONCE = 64 * 1024 };

void
names_free(struct names *n)
{
    buffer_free(&n->bytes);
    buffer_free(&n->offsets);
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

static void
sort(struct names *n)
{
    if (n->count > 1)
        qsort_r(n->offsets.data, n->count, sizeof(uint32_t), compare, n->bytes.data);
}

static enum rc
append(struct names *n, const char *name, struct error *e)
{
    uint32_t offset = (uint32_t)n->bytes.len;
    TRY(buffer_append(&n->bytes, span_of(name, strlen(name) + 1), e));
    TRY(buffer_append(&n->offsets, span_of(&offset, sizeof offset), e));
    n->count++;
    return RC_OK;
}

static void
copy_name(char out[static LIMIT_NAME + 1], const char *name)
{
    memcpy(out, name, strlen(name) + 1);
}

/* Keep the lower half of what was read; the rest belongs to a later run. */
static enum rc
cut_upper_half(struct names *n, struct error *e)
{
    struct names lower = NAMES_INIT(n->limit);
    sort(n);
    size_t keep = n->count / 2;
    assert(keep > 0);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < keep && rc == RC_OK; i++)
        rc = append(&lower, names_at(n, i), e);
    if (rc == RC_OK) {
        copy_name(n->upper, names_at(n, keep));
        n->cut = true;
        struct buffer bytes = n->bytes, offsets = n->offsets;
        n->bytes = lower.bytes;
        n->offsets = lower.offsets;
        n->count = keep;
        lower.bytes = bytes;
        lower.offsets = offsets;
    }
    names_free(&lower);
    return rc;
}

static bool
belongs(const struct names *n, const char *name)
{
    return (n->runs == 1 || strcmp(name, n->last) > 0) && (!n->cut || strcmp(name, n->upper) < 0);
}

static enum rc
add(struct names *n, const char *name, struct error *e)
{
    size_t len = strlen(name);
    if (len > LIMIT_NAME) { /* its neighbours are none the worse for it */
        n->too_long = true;
        return RC_OK;
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !belongs(n, name))
        return RC_OK;
    while (n->bytes.len + n->offsets.len + len + 1 + sizeof(uint32_t) > n->limit)
        TRY(cut_upper_half(n, e));
    return belongs(n, name) ? append(n, name, e) : RC_OK;
}

static enum rc
read_entries(struct names *n, int fd, uint8_t *entries, struct error *e)
{
    for (;;) {
        ssize_t got = getdents64(fd, entries, READ_AT_ONCE);
        if (got == 0 || (got < 0 && errno == ENOENT)) /* removed while we had it open */
            return RC_OK;
        if (got < 0)
            return error_errno(e, "list");
        for (ssize_t at = 0; at < got;) {
            const uint8_t *entry = entries + at;
            unsigned short len;
            memcpy(&len, entry + offsetof(struct dirent64, d_reclen), sizeof len);
            TRY(add(n, (const char *)entry + offsetof(struct dirent64, d_name), e));
            at += len;
        }
    }
}

static enum rc
read_run(struct names *n, int fd, struct error *e)
{
    CLEANUP(own_freep) uint8_t *entries = malloc(READ_AT_ONCE);
    if (entries == NULL)
        return error_set(e, RC_NO_MEMORY, "list");
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_errno(e, "list from the beginning");
    return read_entries(n, fd, entries, e);
}

enum rc
names_next(struct names *n, int fd, bool *more, struct error *e)
{
    assert(n->limit >= NAMES_BYTES_MIN);
    buffer_clear(&n->bytes);
    buffer_clear(&n->offsets);
    n->count = 0;
    n->cut = false;
    n->runs++;
    enum rc rc = read_run(n, fd, e);
    sort(n);
    if (n->count > 0)
        copy_name(n->last, names_at(n, n->count - 1));
    *more = n->cut;
    if (rc == RC_OK && n->too_long)
        return error_set(e, RC_UNSUPPORTED, "names longer than %u bytes are left out", LIMIT_NAME);
    return rc;
}
