/* fault_io.c -- see fault_io.h. */
#undef _FORTIFY_SOURCE /* its inline forms would be redefined here */
#include "tests/support/fault_io.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS = 4096 };

static atomic_bool armed, sticky, short_write, fired;
static atomic_uint target, count;
static atomic_int error_number;
static atomic_bool written[FDS];
static _Atomic(ino_t) broken;
static _Atomic(off_t) broken_from;
static atomic_int broken_error;

static void
arm(unsigned n, int number, bool stays, bool shorten)
{
    atomic_store(&target, n);
    atomic_store(&error_number, number);
    atomic_store(&sticky, stays);
    atomic_store(&short_write, shorten);
    atomic_store(&count, 0);
    atomic_store(&fired, false);
    atomic_store(&armed, true);
}

void
fault_io_arm(unsigned n, int number, bool stays)
{
    arm(n, number, stays, false);
}

void
fault_io_arm_short(unsigned n)
{
    arm(n, 0, false, true);
}

void
fault_io_disarm(void)
{
    atomic_store(&armed, false);
}

bool
fault_io_fired(void)
{
    return atomic_load(&fired);
}

unsigned
fault_io_count(void)
{
    return atomic_load(&count);
}

void
fault_io_break(ino_t inode, off_t offset, int number)
{
    atomic_store(&broken_from, offset);
    atomic_store(&broken_error, number);
    atomic_store(&broken, inode);
}

/* How much of `len` bytes at `at` can be read; -1 and errno: nothing. */
static ssize_t
readable(int fd, size_t len, off_t at)
{
    struct stat about;
    ino_t inode = atomic_load(&broken);
    off_t from = atomic_load(&broken_from);
    if (inode == 0 || fstat(fd, &about) != 0 || about.st_ino != inode || at + (off_t)len <= from)
        return (ssize_t)len;
    if (at < from)
        return (ssize_t)(from - at);
    errno = atomic_load(&broken_error);
    return -1;
}

/* Counts one change; true when its turn has come. */
static bool
is_due(void)
{
    if (!atomic_load(&armed))
        return false;
    unsigned at = atomic_fetch_add(&count, 1) + 1, want = atomic_load(&target);
    bool due = want != 0 && (at == want || (atomic_load(&sticky) && at > want));
    if (due)
        atomic_store(&fired, true);
    return due;
}

static bool
must_fail(void)
{
    if (!is_due() || atomic_load(&short_write))
        return false;
    errno = atomic_load(&error_number);
    return true;
}

static bool
is_regular(int fd)
{
    struct stat about;
    int before = errno;
    bool regular = fd > 2 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    errno = before;
    return regular;
}

static void
mark(int fd, bool value)
{
    if (fd >= 0 && fd < FDS)
        atomic_store(&written[fd], value);
}

/* The next definition of `name`, which is libc's (or the sanitizer's, in front of it). */
static void
find(const char *name, void *function)
{
    void *address = dlsym(RTLD_NEXT, name);
    if (address == NULL)
        abort();
    memcpy(function, &address, sizeof address);
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (real == NULL)                                                                              \
    find(#name, &real)

static bool
changes(int flags)
{
    return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/* Reads the optional mode of an open call. */
#define MODE_OF(flags, mode)                                                                       \
    mode_t mode = 0;                                                                               \
    if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = va_arg(args, mode_t);                                                               \
        va_end(args);                                                                              \
    }

static int
opened(int fd, int flags)
{
    mark(fd, changes(flags));
    return fd;
}

int
open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...);
    MODE_OF(flags, mode)
    return changes(flags) && must_fail() ? -1 : opened(real(path, flags, mode), flags);
}

int
open64(const char *path, int flags, ...)
{
    REAL(int, open64, const char *, int, ...);
    MODE_OF(flags, mode)
    return changes(flags) && must_fail() ? -1 : opened(real(path, flags, mode), flags);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
    REAL(int, openat, int, const char *, int, ...);
    MODE_OF(flags, mode)
    return changes(flags) && must_fail() ? -1 : opened(real(dirfd, path, flags, mode), flags);
}

int
openat64(int dirfd, const char *path, int flags, ...)
{
    REAL(int, openat64, int, const char *, int, ...);
    MODE_OF(flags, mode)
    return changes(flags) && must_fail() ? -1 : opened(real(dirfd, path, flags, mode), flags);
}

/* How much of a write goes through: all, half, or nothing (-1). */
static ssize_t
allowed(int fd, size_t len)
{
    if (!is_regular(fd))
        return (ssize_t)len;
    mark(fd, true);
    if (!is_due())
        return (ssize_t)len;
    if (atomic_load(&short_write))
        return (ssize_t)(len > 1 ? len / 2 : len);
    errno = atomic_load(&error_number);
    return -1;
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t part = allowed(fd, len);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    ssize_t part = allowed(fd, len);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    ssize_t part = allowed(fd, len);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t
read(int fd, void *bytes, size_t len)
{
    REAL(ssize_t, read, int, void *, size_t);
    ssize_t part =
        atomic_load(&broken) == 0 ? (ssize_t)len : readable(fd, len, lseek(fd, 0, SEEK_CUR));
    return part < 0 ? -1 : real(fd, bytes, (size_t)part);
}

ssize_t
pread(int fd, void *bytes, size_t len, off_t at)
{
    REAL(ssize_t, pread, int, void *, size_t, off_t);
    ssize_t part = readable(fd, len, at);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t
pread64(int fd, void *bytes, size_t len, off64_t at)
{
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    ssize_t part = readable(fd, len, at);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t
getdents64(int fd, void *entries, size_t len)
{
    REAL(ssize_t, getdents64, int, void *, size_t);
    return readable(fd, len, 0) != (ssize_t)len ? -1 : real(fd, entries, len);
}

/* LMDB's way to write neighbouring pages.  Coming short here means: part of the first piece only. */
ssize_t
writev(int fd, const struct iovec *pieces, int n)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += pieces[i].iov_len;
    ssize_t part = allowed(fd, len);
    if (part < 0 || (size_t)part == len)
        return part < 0 ? -1 : real(fd, pieces, n);
    struct iovec first = pieces[0];
    if (first.iov_len > (size_t)part)
        first.iov_len = (size_t)part;
    return real(fd, &first, 1);
}

int
fsync(int fd)
{
    REAL(int, fsync, int);
    return must_fail() ? -1 : real(fd);
}

int
fdatasync(int fd)
{
    REAL(int, fdatasync, int);
    return must_fail() ? -1 : real(fd);
}

int
syncfs(int fd)
{
    REAL(int, syncfs, int);
    return must_fail() ? -1 : real(fd);
}

int
rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    return must_fail() ? -1 : real(from, to);
}

int
renameat(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
    REAL(int, renameat, int, const char *, int, const char *);
    return must_fail() ? -1 : real(from_dirfd, from, to_dirfd, to);
}

int
renameat2(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    return must_fail() ? -1 : real(from_dirfd, from, to_dirfd, to, flags);
}

int
link(const char *from, const char *to)
{
    REAL(int, link, const char *, const char *);
    return must_fail() ? -1 : real(from, to);
}

int
linkat(int from_dirfd, const char *from, int to_dirfd, const char *to, int flags)
{
    REAL(int, linkat, int, const char *, int, const char *, int);
    return must_fail() ? -1 : real(from_dirfd, from, to_dirfd, to, flags);
}

int
unlink(const char *path)
{
    REAL(int, unlink, const char *);
    return must_fail() ? -1 : real(path);
}

int
unlinkat(int dirfd, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    return must_fail() ? -1 : real(dirfd, path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
    REAL(int, mkdir, const char *, mode_t);
    return must_fail() ? -1 : real(path, mode);
}

int
mkdirat(int dirfd, const char *path, mode_t mode)
{
    REAL(int, mkdirat, int, const char *, mode_t);
    return must_fail() ? -1 : real(dirfd, path, mode);
}

int
ftruncate(int fd, off_t len)
{
    REAL(int, ftruncate, int, off_t);
    return must_fail() ? -1 : real(fd, len);
}

int
ftruncate64(int fd, off64_t len)
{
    REAL(int, ftruncate64, int, off64_t);
    return must_fail() ? -1 : real(fd, len);
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
    REAL(int, fallocate, int, int, off_t, off_t);
    return must_fail() ? -1 : real(fd, mode, at, len);
}

int
close(int fd)
{
    REAL(int, close, int);
    bool counts = fd >= 0 && fd < FDS && atomic_exchange(&written[fd], false);
    bool fails = counts && must_fail();
    int number = errno;
    int rc = real(fd);
    if (!fails)
        return rc;
    errno = number;
    return -1;
}
