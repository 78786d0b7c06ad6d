/* vault_probe.c -- does the file system do what the order of durability relies on?  See vault_parts.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

static const char first[] = "tmp/probe-1", second[] = "tmp/probe-2", third[] = "tmp/probe-3";

/* A call that fails for want of room, or because the disk is bad, says nothing about what the file system can. */
static enum rc
lacking(const char *what, struct error *e)
{
    int failure = errno;

    if (failure == EIO || failure == ENOSPC || failure == EDQUOT || failure == EINTR)
        return error_errno(e, "probe the file system: %s", what);
    return error_set(e, RC_UNSUPPORTED,
                     "its file system cannot %s, on which the vault relies: use another one (ext4, "
                     "XFS, btrfs)",
                     what);
}

static enum rc
make_empty(int dir, const char *name, struct error *e)
{
    CLEANUP(own_closep) int file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return file >= 0 ? RC_OK : error_errno(e, "create '%s'", name);
}

static enum rc
probe_rename(int dir, struct error *e)
{
    struct stat before, after;

    TRY(make_empty(dir, first, e));
    TRY(make_empty(dir, second, e));
    if (fstatat(dir, first, &before, 0) != 0 || renameat(dir, first, dir, second) != 0)
        return lacking("rename a file over another", e);
    if (fstatat(dir, second, &after, 0) != 0 || after.st_ino != before.st_ino)
        return lacking("keep a file what it is when it is renamed", e);
    return RC_OK;
}

static enum rc
probe_directory_sync(int dir, struct error *e)
{
    CLEANUP(own_closep) int tmp = -1;

    TRY(file_open_directory(dir, "tmp", &tmp, e));
    return fsync(tmp) == 0 ? RC_OK : lacking("sync a directory", e);
}

static enum rc
probe_link(int dir, struct error *e)
{
    return linkat(dir, second, dir, third, 0) == 0 ? RC_OK : lacking("link a file", e);
}

/* We hold the lock: another description of the same file must not get it. */
static enum rc
probe_lock(int dir, struct error *e)
{
    CLEANUP(own_closep) int again = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (again < 0)
        return error_errno(e, "open 'lock' once more");
    if (flock(again, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? RC_OK : lacking("lock a file", e);
    errno = EOPNOTSUPP;
    return lacking("keep a second writer out by a lock", e);
}

enum rc
vault_probe(const struct vault *v, struct error *e)
{
    static enum rc (*const probes[])(int dir, struct error *e) = {probe_lock, probe_rename,
                                                                  probe_directory_sync, probe_link};
    enum rc rc = RC_OK;

    for (size_t i = 0; i < sizeof probes / sizeof *probes && rc == RC_OK; i++)
        rc = probes[i](v->dir, e);
    (void)unlinkat(v->dir, first, 0);
    (void)unlinkat(v->dir, second, 0);
    (void)unlinkat(v->dir, third, 0);
    /* Without room it cannot be asked; it was when the vault was first opened, and reading needs none of it. */
    return rc == RC_NO_SPACE ? RC_OK : rc;
}
