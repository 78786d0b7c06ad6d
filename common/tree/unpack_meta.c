/* unpack_meta.c -- owner, attributes, mode, times of what was just made.  See unpack_job.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "common/base/text.h"
#include "common/tree/unpack_job.h"

enum { PROC_PATH = 32, NAME_SHOWN = 80 };

/* The way to what an O_PATH descriptor names, for calls that have no form with a descriptor; it
 * cannot be led astray as a path could. */
static void
proc_path(int fd, char out[static PROC_PATH])
{
    (void)snprintf(out, PROC_PATH, "/proc/self/fd/%d", fd);
}

/* Yields whether user and group are now what they were. */
static bool
set_owner(struct unpack_item *item, int fd)
{
    struct unpack_job *job = item->job;
    const struct node_entry *entry = item->entry;
    struct error e = ERROR_INIT;
    struct stat about;
    uid_t uid;
    gid_t gid;
    if (unpack_owners_user(job->owners, entry->uid, entry->user, &uid, &e) != RC_OK ||
        unpack_owners_group(job->owners, entry->gid, entry->group, &gid, &e) != RC_OK) {
        unpack_complain(job, &e);
        return false;
    }
    if (fstat(fd, &about) == 0 && about.st_uid == uid && about.st_gid == gid)
        return true;
    if (!job->is_root) {
        UNPACK_COUNT(job, owners_not_set, 1);
        return false;
    }
    if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0)
        return true;
    UNPACK_COUNT(job, owners_not_set, 1);
    (void)error_errno(&e, "set owner %u and group %u", uid, gid);
    unpack_complain(job, &e);
    return false;
}

static bool
has_xattr(const struct node_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        if (node_compare(entry->xattrs[i].name, span_of(name, strlen(name))) == 0)
            return true;
    }
    return false;
}

/* A default ACL of the directory above gave this item entries that it never had. */
static void
drop_inherited_acl(const struct node_entry *entry, int fd)
{
    static const char *const acls[] = {"system.posix_acl_access", "system.posix_acl_default"};
    const size_t count = entry->type == NODE_DIRECTORY ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        if (!has_xattr(entry, acls[i]))
            (void)fremovexattr(fd, acls[i]); /* most often there is none */
    }
}

static void
set_xattr(struct unpack_item *item, int fd, bool by_path, const struct node_xattr *xattr)
{
    char name[LIMIT_NAME + 1] = {0}, path[PROC_PATH], shown[NAME_SHOWN];
    struct error e = ERROR_INIT;
    memcpy(name, xattr->name.data, xattr->name.len);
    proc_path(fd, path);
    int rc = by_path ? setxattr(path, name, xattr->value.data, xattr->value.len, 0)
                     : fsetxattr(fd, name, xattr->value.data, xattr->value.len, 0);
    if (rc == 0)
        return;
    (void)error_errno(&e, "set attribute '%s'", text_escape(xattr->name, shown, sizeof shown));
    unpack_complain(item->job, &e);
}

static void
set_xattrs(struct unpack_item *item, int fd, bool by_path)
{
    const struct node_entry *entry = item->entry;
    if (!by_path)
        drop_inherited_acl(entry, fd);
    if (entry->type == NODE_SYMLINK && entry->xattr_count > 0) {
        struct error e = ERROR_INIT;
        (void)error_set(&e, RC_UNSUPPORTED, "attributes of a symbolic link are not restored");
        unpack_complain(item->job, &e);
        return;
    }
    for (size_t i = 0; i < entry->xattr_count; i++)
        set_xattr(item, fd, by_path, &entry->xattrs[i]);
}

/* setuid and setgid make a program act for its owner: for another owner they mean something else. */
static mode_t
allowed_mode(const struct unpack_item *item, bool owner_is_right)
{
    const mode_t powers = S_ISUID | S_ISGID;
    return item->job->is_root && owner_is_right ? item->entry->mode : item->entry->mode & ~powers;
}

static void
set_mode(struct unpack_item *item, int fd, bool by_path, mode_t mode)
{
    if (item->entry->type == NODE_SYMLINK)
        return; /* Linux knows none */
    char path[PROC_PATH];
    struct error e = ERROR_INIT;
    proc_path(fd, path);
    if ((by_path ? chmod(path, mode) : fchmod(fd, mode)) == 0)
        return;
    (void)error_errno(&e, "set mode %04o", mode);
    unpack_complain(item->job, &e);
}

static void
set_times(struct unpack_item *item, int fd, bool by_path)
{
    struct error e = ERROR_INIT;
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = item->entry->mtime, .tv_nsec = (long)item->entry->mtime_ns},
    };
    if ((by_path ? utimensat(fd, "", times, AT_EMPTY_PATH) : futimens(fd, times)) == 0)
        return;
    (void)error_errno(&e, "set time");
    unpack_complain(item->job, &e);
}

/* chown(2) clears setuid and file capabilities, setting an ACL changes the mode, and every change of
 * content changes the time: hence this order. */
void
unpack_meta(struct unpack_item *item, int fd, bool by_path)
{
    const unsigned complaints = item->job->complaints;
    bool owner_is_right = set_owner(item, fd);
    set_xattrs(item, fd, by_path);
    set_mode(item, fd, by_path, allowed_mode(item, owner_is_right));
    /* Without its time, an item that lost something is not taken for a restored one by the next restore. */
    if (item->job->complaints == complaints)
        set_times(item, fd, by_path);
}
