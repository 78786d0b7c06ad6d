/* beneath.c -- one system call, its errors told apart.  See beneath.h and openat2(2). */
#include "common/sys/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel says EAGAIN when a rename elsewhere made it unsure; a storm of them is an attack. */
enum { TRIES = 16 };

enum rc
beneath_open(int dirfd, const char *path, int flags, unsigned mode, int *out, struct error *e)
{
    const struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode & 07777u : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;
    for (int i = 0; i < TRIES; i++) {
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    if (fd >= 0) {
        *out = (int)fd;
        return RC_OK;
    }
    if (errno == EXDEV || errno == ELOOP)
        return error_set(e, RC_DENIED, "open '%s': the path leads out of its directory", path);
    if (errno == ENOSYS)
        /* not covered: Debian 12 has 6.1 */
        return error_set(e, RC_UNSUPPORTED, "openat2(2) needs Linux 5.6 or newer");
    return error_errno(e, "open '%s'", path);
}
