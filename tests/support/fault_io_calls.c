/* fault_io_calls.c -- libc's names, which ask fault_io.c whether it is their turn to fail.  See fault_io.h. */
#undef _FORTIFY_SOURCE /* its inline forms would be redefined here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/fault_io_turn.h"
#include "tests/support/fault_io_watch.h"

enum { FDS = 4096 };
enum {
    CHANGE = 1 << FAULT_IO_CHANGES,
    WRITE = 1 << FAULT_IO_CHANGES | 1 << FAULT_IO_WRITES,
    OPEN = 1 << FAULT_IO_OPENS,
    READ = 1 << FAULT_IO_READS,
};

static atomic_bool written[FDS];

/* TELL(result, .what = ..., ...): the result, told to who watches. */
#define TELL(rc, ...) fault_io_tell((rc), (struct fault_io_change){__VA_ARGS__})

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

static unsigned
opening(int flags)
{
    return OPEN | (changes(flags) ? CHANGE : 0);
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
opened(int fd, int dirfd, const char *path, int flags)
{
    mark(fd, changes(flags));
    if (!changes(flags))
        return fd;
    return (int)TELL(fd, .what = FAULT_IO_OPENED, .fd = fd, .dirfd = dirfd, .path = path,
                     .flags = flags);
}

int
open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...);
    MODE_OF(flags, mode)
    return fault_io_must_fail(opening(flags))
               ? -1
               : opened(real(path, flags, mode), AT_FDCWD, path, flags);
}

int
open64(const char *path, int flags, ...)
{
    REAL(int, open64, const char *, int, ...);
    MODE_OF(flags, mode)
    return fault_io_must_fail(opening(flags))
               ? -1
               : opened(real(path, flags, mode), AT_FDCWD, path, flags);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
    REAL(int, openat, int, const char *, int, ...);
    MODE_OF(flags, mode)
    return fault_io_must_fail(opening(flags))
               ? -1
               : opened(real(dirfd, path, flags, mode), dirfd, path, flags);
}

int
openat64(int dirfd, const char *path, int flags, ...)
{
    REAL(int, openat64, int, const char *, int, ...);
    MODE_OF(flags, mode)
    return fault_io_must_fail(opening(flags))
               ? -1
               : opened(real(dirfd, path, flags, mode), dirfd, path, flags);
}

/* openat2(2) has no name in libc.  Six words are read, however many there are: libc does the same. */
__attribute__((no_sanitize("address"))) long
syscall(long number, ...)
{
    enum { WORDS = 6 };
    REAL(long, syscall, long, ...);
    long word[WORDS];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < WORDS; i++)
        word[i] = va_arg(args, long);
    va_end(args);
    const struct open_how *how = NULL;
    if (number == SYS_openat2)
        memcpy(&how, &word[2], sizeof how);
    if (how != NULL && fault_io_must_fail(opening((int)how->flags)))
        return -1;
    long rc = real(number, word[0], word[1], word[2], word[3], word[4], word[5]);
    if (how == NULL)
        return rc;
    const char *path;
    memcpy(&path, &word[1], sizeof path);
    return opened((int)rc, (int)word[0], path, (int)how->flags);
}

/* How much of a write goes through: all, half, or nothing (-1). */
static ssize_t
allowed(int fd, size_t len)
{
    if (!is_regular(fd))
        return (ssize_t)len;
    mark(fd, true);
    return fault_io_is_due(WRITE) ? fault_io_part(len) : (ssize_t)len;
}

/* What was written of `len` bytes at `at` (-1: where the file stood); the process may have come to its end. */
static ssize_t
wrote(ssize_t done, int fd, const void *bytes, size_t len, off_t at)
{
    if (done > 0)
        (void)TELL(done, .what = FAULT_IO_WROTE, .fd = fd, .bytes = bytes, .len = (size_t)done,
                   .at = at);
    if (done >= 0 && (size_t)done < len)
        fault_io_end_if_torn();
    return done;
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t part = allowed(fd, len);
    return part < 0 ? -1 : wrote(real(fd, bytes, (size_t)part), fd, bytes, len, -1);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    ssize_t part = allowed(fd, len);
    return part < 0 ? -1 : wrote(real(fd, bytes, (size_t)part, at), fd, bytes, len, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    ssize_t part = allowed(fd, len);
    return part < 0 ? -1 : wrote(real(fd, bytes, (size_t)part, at), fd, bytes, len, at);
}

/* Pipes and sockets are no files. */
static bool
read_fails(int fd)
{
    struct stat about;
    int before = errno;
    bool file =
        fd > 2 && fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
    errno = before;
    return file && fault_io_must_fail(READ);
}

ssize_t
read(int fd, void *bytes, size_t len)
{
    REAL(ssize_t, read, int, void *, size_t);
    if (read_fails(fd))
        return -1;
    ssize_t part =
        fault_io_breaks() ? fault_io_readable(fd, len, lseek(fd, 0, SEEK_CUR)) : (ssize_t)len;
    return part < 0 ? -1 : real(fd, bytes, (size_t)part);
}

ssize_t
pread(int fd, void *bytes, size_t len, off_t at)
{
    REAL(ssize_t, pread, int, void *, size_t, off_t);
    ssize_t part = read_fails(fd) ? -1 : fault_io_readable(fd, len, at);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t
pread64(int fd, void *bytes, size_t len, off64_t at)
{
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    ssize_t part = read_fails(fd) ? -1 : fault_io_readable(fd, len, at);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

/* What readdir(3) reads a directory by is within libc. */
struct dirent *
readdir(DIR *stream)
{
    REAL(struct dirent *, readdir, DIR *);
    int fd = dirfd(stream);
    return read_fails(fd) || fault_io_readable(fd, 1, 0) < 0 ? NULL : real(stream);
}

ssize_t
getdents64(int fd, void *entries, size_t len)
{
    REAL(ssize_t, getdents64, int, void *, size_t);
    if (read_fails(fd))
        return -1;
    return fault_io_readable(fd, len, 0) != (ssize_t)len ? -1 : real(fd, entries, len);
}

static ssize_t
wrote_pieces(ssize_t done, int fd, const struct iovec *pieces, int n)
{
    off_t at = done > 0 ? lseek(fd, 0, SEEK_CUR) - done : 0;
    size_t left = done > 0 ? (size_t)done : 0;
    for (int i = 0; i < n && left > 0; i++) {
        size_t len = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        (void)wrote((ssize_t)len, fd, pieces[i].iov_base, len, at);
        at += (off_t)len;
        left -= len;
    }
    return done;
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
        return part < 0 ? -1 : wrote_pieces(real(fd, pieces, n), fd, pieces, n);
    struct iovec first = pieces[0];
    if (first.iov_len > (size_t)part)
        first.iov_len = (size_t)part;
    return wrote(real(fd, &first, 1), fd, first.iov_base, len, -1);
}

/* What does one thing or nothing. */
#define CHANGING(name, parameters, ...)                                                            \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*real) parameters;                                                              \
        if (real == NULL)                                                                          \
            find(#name, &real);                                                                    \
        return fault_io_must_fail(CHANGE) ? -1 : real(__VA_ARGS__);                                \
    }

/* The same, told to who watches: TELLING(name, parameters, arguments, .what = ..., ...). */
#define TELLING(name, parameters, arguments, ...)                                                  \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*real) parameters;                                                              \
        if (real == NULL)                                                                          \
            find(#name, &real);                                                                    \
        return (int)TELL(fault_io_must_fail(CHANGE) ? -1 : real arguments, __VA_ARGS__);           \
    }

TELLING(fsync, (int fd), (fd), .what = FAULT_IO_SYNCED, .fd = fd)
TELLING(fdatasync, (int fd), (fd), .what = FAULT_IO_SYNCED, .fd = fd)
TELLING(syncfs, (int fd), (fd), .what = FAULT_IO_ALL, .fd = fd)
TELLING(rename, (const char *from, const char *to), (from, to), .what = FAULT_IO_RENAMED,
        .dirfd = AT_FDCWD, .path = from, .to_dirfd = AT_FDCWD, .to = to)
TELLING(renameat, (int from_dirfd, const char *from, int to_dirfd, const char *to),
        (from_dirfd, from, to_dirfd, to), .what = FAULT_IO_RENAMED, .dirfd = from_dirfd,
        .path = from, .to_dirfd = to_dirfd, .to = to)
TELLING(renameat2, (int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags),
        (from_dirfd, from, to_dirfd, to, flags), .what = FAULT_IO_RENAMED, .dirfd = from_dirfd,
        .path = from, .to_dirfd = to_dirfd, .to = to, .flags = (int)flags)
TELLING(link, (const char *from, const char *to), (from, to), .what = FAULT_IO_LINKED,
        .dirfd = AT_FDCWD, .path = from, .to_dirfd = AT_FDCWD, .to = to)
TELLING(linkat, (int from_dirfd, const char *from, int to_dirfd, const char *to, int flags),
        (from_dirfd, from, to_dirfd, to, flags), .what = FAULT_IO_LINKED, .dirfd = from_dirfd,
        .path = from, .to_dirfd = to_dirfd, .to = to)
TELLING(unlink, (const char *path), (path), .what = FAULT_IO_REMOVED, .dirfd = AT_FDCWD,
        .path = path)
TELLING(unlinkat, (int dirfd, const char *path, int flags), (dirfd, path, flags),
        .what = FAULT_IO_REMOVED, .dirfd = dirfd, .path = path)
TELLING(mkdir, (const char *path, mode_t mode), (path, mode), .what = FAULT_IO_MADE,
        .dirfd = AT_FDCWD, .path = path)
TELLING(mkdirat, (int dirfd, const char *path, mode_t mode), (dirfd, path, mode),
        .what = FAULT_IO_MADE, .dirfd = dirfd, .path = path)
TELLING(symlinkat, (const char *target, int dirfd, const char *path), (target, dirfd, path),
        .what = FAULT_IO_MADE, .dirfd = dirfd, .path = path)
TELLING(mknodat, (int dirfd, const char *path, mode_t mode, dev_t device),
        (dirfd, path, mode, device), .what = FAULT_IO_MADE, .dirfd = dirfd, .path = path)
CHANGING(fchmod, (int fd, mode_t mode), fd, mode)
CHANGING(fchmodat, (int dirfd, const char *path, mode_t mode, int flags), dirfd, path, mode, flags)
CHANGING(fchownat, (int dirfd, const char *path, uid_t user, gid_t group, int flags), dirfd, path,
         user, group, flags)
CHANGING(fsetxattr, (int fd, const char *name, const void *value, size_t len, int flags), fd, name,
         value, len, flags)
CHANGING(setxattr, (const char *path, const char *name, const void *value, size_t len, int flags),
         path, name, value, len, flags)
CHANGING(futimens, (int fd, const struct timespec times[2]), fd, times)
CHANGING(utimensat, (int dirfd, const char *path, const struct timespec times[2], int flags), dirfd,
         path, times, flags)
TELLING(ftruncate, (int fd, off_t len), (fd, len), .what = FAULT_IO_CUT, .fd = fd, .at = len)
TELLING(ftruncate64, (int fd, off64_t len), (fd, len), .what = FAULT_IO_CUT, .fd = fd, .at = len)
TELLING(fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len),
        .what = FAULT_IO_CUT, .fd = fd, .at = at + len, .flags = mode)

int
close(int fd)
{
    REAL(int, close, int);
    bool counts = fd >= 0 && fd < FDS && atomic_exchange(&written[fd], false);
    bool fails = counts && fault_io_must_fail(CHANGE);
    int number = errno;
    int rc = real(fd);
    if (!fails)
        return rc;
    errno = number;
    return -1;
}
