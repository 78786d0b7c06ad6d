/* file.c -- reading, and writing so that it stays written.  See file.h. */
#include "common/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/own.h"
#include "common/sys/file_internal.h"

enum { READ_STEP = 65536 };

/* Closing may be the moment a network file system reports a failed write, so it is checked. */
static enum rc
close_checked(int *fd, const char *path, struct error *e)
{
    int closing = *fd;
    *fd = -1;
    if (close(closing) != 0 && errno != EINTR)
        return error_errno(e, "close '%s'", path);
    return RC_OK;
}

/* One byte more than the limit allows tells "exactly full" from "larger". */
static enum rc
check_at_end(int fd, const char *path, const struct buffer *out, struct error *e)
{
    uint8_t more;
    ssize_t got;
    do {
        got = read(fd, &more, 1);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_errno(e, "read '%s'", path);
    if (got > 0)
        return error_set(e, RC_INVALID, "'%s' is larger than %zu bytes", path, out->limit);
    return RC_OK;
}

static enum rc
read_all(int fd, const char *path, struct buffer *out, struct error *e)
{
    buffer_clear(out);
    for (;;) {
        size_t room = out->limit - out->len;
        if (room == 0)
            return check_at_end(fd, path, out, e);
        size_t step = room < READ_STEP ? room : READ_STEP;
        TRY_IN(buffer_reserve(out, step, e), e, "read '%s'", path);
        ssize_t got = read(fd, out->data + out->len, step);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(e, "read '%s'", path);
        if (got == 0)
            return RC_OK;
        out->len += (size_t)got;
    }
}

/* O_NONBLOCK: opening a FIFO that lies in the way must not wait for its writer. */
static enum rc
open_regular(int dirfd, const char *path, int flags, int *out, struct stat *about, struct error *e)
{
    int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
    if (fd < 0)
        return error_errno(e, "open '%s'", path);
    *out = fd;
    if (fstat(fd, about) != 0)
        return error_errno(e, "stat '%s'", path);
    if (!S_ISREG(about->st_mode))
        return error_set(e, RC_INVALID, "'%s' is not a regular file", path);
    return RC_OK;
}

enum rc
file_read(int dirfd, const char *path, struct buffer *out, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    struct stat about;
    TRY(open_regular(dirfd, path, 0, &fd, &about, e));
    return read_all(fd, path, out, e);
}

static enum rc
check_private(const struct stat *about, const char *what, const char *path, struct error *e)
{
    if (about->st_uid != geteuid()) {
        return error_set(e, RC_DENIED, "%s '%s' belongs to user %u; give it to user %u (chown)",
                         what, path, about->st_uid, geteuid());
    }
    if ((about->st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return error_set(e, RC_DENIED,
                         "%s '%s' has mode %04o, so others can get at it; run: chmod 600 '%s'",
                         what, path, about->st_mode & 07777u, path);
    }
    return RC_OK;
}

enum rc
file_check_private(const char *what, const char *path, struct error *e)
{
    struct stat about;
    if (fstatat(AT_FDCWD, path, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(e, "%s '%s'", what, path);
    if (!S_ISREG(about.st_mode)) {
        return error_set(e, RC_DENIED,
                         "%s '%s' is not a regular file; put the file itself there, not a link",
                         what, path);
    }
    return check_private(&about, what, path, e);
}

enum rc
file_read_private(const char *what, const char *path, struct buffer *out, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    struct stat about;
    TRY(file_check_private(what, path, e)); /* for its messages; what counts is checked below */
    TRY_IN(open_regular(AT_FDCWD, path, O_NOFOLLOW, &fd, &about, e), e, "%s", what);
    TRY(check_private(&about, what, path, e));
    TRY_IN(read_all(fd, path, out, e), e, "%s", what);
    return RC_OK;
}

enum rc
file_write_all(int fd, struct span bytes, struct error *e)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t wrote = write(fd, bytes.data + done, bytes.len - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return error_errno(e, "write %zu bytes", bytes.len);
        if (wrote == 0)
            /* not covered: write(2) of some bytes takes one or fails */
            return error_set(e, RC_IO, "write %zu bytes: only %zu taken", bytes.len, done);
        done += (size_t)wrote;
    }
    return RC_OK;
}

enum rc
file_read_at(int fd, uint64_t offset, void *out, size_t len, size_t *got, struct error *e)
{
    if (offset > INT64_MAX - (uint64_t)len)
        return error_set(e, RC_INVALID, "no file has an offset of %llu",
                         (unsigned long long)offset);

    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (uint8_t *)out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            return error_errno(e, "read %zu bytes at %llu", len - done,
                               (unsigned long long)(offset + done));
        }
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return RC_OK;
}

enum rc
file_sync(int fd, const char *shown, struct error *e)
{
    /* After a failure the kernel may have dropped the dirty pages: trying again would lie. */
    if (fsync(fd) != 0)
        return error_errno(e, "sync '%s'", shown);
    return RC_OK;
}

static enum rc
fill_new(int *fd, const char *path, struct span bytes, unsigned mode, struct error *e)
{
    if (fchmod(*fd, (mode_t)mode) != 0) /* whatever the umask is */
        return error_errno(e, "chmod '%s'", path);
    TRY_IN(file_write_all(*fd, bytes, e), e, "'%s'", path);
    TRY(file_sync(*fd, path, e));
    return close_checked(fd, path, e);
}

enum rc
file_write_new(int dirfd, const char *path, struct span bytes, unsigned mode, struct error *e)
{
    CLEANUP(own_closep)
    int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0600);
    if (fd < 0)
        return error_errno(e, "create '%s'", path);

    enum rc rc = fill_new(&fd, path, bytes, mode, e);
    if (rc != RC_OK)
        (void)unlinkat(dirfd, path, 0);
    return rc;
}

enum rc
file_directory_of(const char *path, char out[static PATH_MAX], struct error *e)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (len >= PATH_MAX)
        return error_set(e, RC_INVALID, "the path '%.60s...' is too long", path);
    memcpy(out, slash == NULL ? "." : path, len);
    out[len] = '\0';
    return RC_OK;
}

enum rc
file_publish(int from_dirfd, const char *from, int to_dirfd, const char *to, struct error *e)
{
    char directory[PATH_MAX];
    TRY(file_directory_of(to, directory, e));
    if (renameat(from_dirfd, from, to_dirfd, to) != 0)
        return error_errno(e, "rename '%s' to '%s'", from, to);
    /* A crash here leaves the old name or the new one, each with all its bytes. */
    return file_sync_directory(to_dirfd, directory, e);
}

enum rc
file_replace(int dirfd, const char *path, struct span bytes, unsigned mode, struct error *e)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return error_set(e, RC_INVALID, "the path '%.60s...' is too long", path);

    /* What a crash left of an earlier attempt was never published. */
    if (unlinkat(dirfd, temporary, 0) != 0 && errno != ENOENT)
        return error_errno(e, "remove the leftover '%s'", temporary);
    TRY(file_write_new(dirfd, temporary, bytes, mode, e));
    enum rc rc = file_publish(dirfd, temporary, dirfd, path, e);
    if (rc != RC_OK)
        (void)unlinkat(dirfd, temporary, 0); /* gone already when only the sync failed */
    return rc;
}
