/* describe.c -- see describe.h. */
#include "tests/support/describe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <xxhash.h>

#include "common/base/own.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { SHOWN = 1024, XATTR_NAMES = 4096, DESCRIPTION_MAX = 64 << 20, LINE_SHOWN = 200 };

struct describing {
    int dirfd;
    struct buffer *out;
    const char *prefix;
};

static enum rc describe_below(int dirfd, const char *prefix, struct buffer *out, struct error *e);

static enum rc
describe_content(int fd, const struct stat *s, struct buffer *out, struct error *e)
{
    static uint8_t bytes[65536];
    XXH64_hash_t hash = 0;
    for (uint64_t at = 0;;) {
        size_t got;
        TRY(file_read_at(fd, at, bytes, sizeof bytes, &got, e));
        if (got == 0)
            break;
        hash = XXH64(bytes, got, hash);
        at += got;
    }
    bool sparse = (uint64_t)s->st_blocks * 512 + 65536 < (uint64_t)s->st_size;
    return buffer_printf(out, e, " content %016llx%s", (unsigned long long)hash,
                         sparse ? " sparse" : "");
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rc
describe_xattrs(int fd, struct buffer *out, struct error *e)
{
    char names[XATTR_NAMES], value[XATTR_NAMES], shown[SHOWN];
    const char *sorted[64];
    size_t count = 0;
    ssize_t len = flistxattr(fd, names, sizeof names);
    for (ssize_t at = 0; at < len && count < 64; at += (ssize_t)strlen(names + at) + 1)
        sorted[count++] = names + at;
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++) {
        ssize_t value_len = fgetxattr(fd, sorted[i], value, sizeof value);
        TRY(buffer_printf(out, e, " %s=%s", sorted[i],
                          text_escape(span_of(value, value_len < 0 ? 0 : (size_t)value_len), shown,
                                      sizeof shown)));
    }
    return RC_OK;
}

static enum rc
describe_open(int dirfd, const char *name, const struct stat *s, const char *path,
              struct buffer *out, struct error *e)
{
    CLEANUP(own_closep) int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open '%s'", path);
    if (S_ISREG(s->st_mode))
        TRY(describe_content(fd, s, out, e));
    TRY(describe_xattrs(fd, out, e));
    TRY(buffer_printf(out, e, "\n"));
    return S_ISDIR(s->st_mode) ? describe_below(fd, path, out, e) : RC_OK;
}

static enum rc
describe_name(void *ctx, const char *name, struct error *e)
{
    const struct describing *d = ctx;
    struct stat s;
    char shown[SHOWN], target[SHOWN] = "";
    if (fstatat(d->dirfd, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(e, "stat '%s'", name);
    if (S_ISSOCK(s.st_mode))
        return RC_OK;
    CLEANUP(own_freep) char *path = NULL;
    if (asprintf(&path, "%s/%s", d->prefix,
                 text_escape(span_of(name, strlen(name)), shown, sizeof shown)) < 0) {
        path = NULL;
        return error_set(e, RC_NO_MEMORY, "path");
    }
    TRY(buffer_printf(d->out, e, "%s mode %o owner %u:%u mtime %lld.%09ld links %u dev %x", path,
                      s.st_mode, s.st_uid, s.st_gid, (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec,
                      S_ISDIR(s.st_mode) ? 0u : (unsigned)s.st_nlink, (unsigned)s.st_rdev));
    if (S_ISREG(s.st_mode))
        TRY(buffer_printf(d->out, e, " size %lld", (long long)s.st_size));
    if (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode))
        return describe_open(d->dirfd, name, &s, path, d->out, e);
    if (S_ISLNK(s.st_mode))
        (void)!readlinkat(d->dirfd, name, target, sizeof target - 1);
    return buffer_printf(d->out, e, " -> %s\n", target);
}

static enum rc
describe_below(int dirfd, const char *prefix, struct buffer *out, struct error *e)
{
    struct describing d = {.dirfd = dirfd, .out = out, .prefix = prefix};
    return file_list(dirfd, ".", describe_name, &d, e);
}

enum rc
describe(int dirfd, struct buffer *out, struct error *e)
{
    buffer_clear(out);
    return describe_below(dirfd, "", out, e);
}

static enum rc
describe_text(int dirfd, struct buffer *out, struct error *e)
{
    TRY(describe(dirfd, out, e));
    return buffer_append(out, span_of("", 1), e);
}

static int
line_len(const char *line)
{
    size_t len = strcspn(line, "\n");
    return (int)(len < LINE_SHOWN ? len : LINE_SHOWN);
}

enum rc
describe_compare(int first, int second, struct error *e)
{
    CLEANUP(buffer_free) struct buffer before = BUFFER_INIT(DESCRIPTION_MAX);
    CLEANUP(buffer_free) struct buffer after = BUFFER_INIT(DESCRIPTION_MAX);
    TRY(describe_text(first, &before, e));
    TRY(describe_text(second, &after, e));
    if (before.len == after.len && memcmp(before.data, after.data, before.len) == 0)
        return RC_OK;
    const char *a = (const char *)before.data, *b = (const char *)after.data;
    while (*a != '\0' && strncmp(a, b, strcspn(a, "\n") + 1) == 0) {
        a += strcspn(a, "\n") + 1;
        b += strcspn(b, "\n") + (b[strcspn(b, "\n")] != '\0');
    }
    return error_set(e, RC_INVALID, "trees differ: '%.*s' became '%.*s'", line_len(a), a,
                     line_len(b), b);
}
