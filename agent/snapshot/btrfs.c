/* btrfs.c -- libbtrfsutil makes and removes; the top of the mount is held by a copy that has no name.  See btrfs.h. */
#include "agent/snapshot/btrfs.h"

#include <btrfsutil.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "common/base/text.h"

enum { ROOT_INODE = 256 }; /* of every subvolume, BTRFS_FIRST_FREE_OBJECTID */

/* errno is what the last system call of the library left. */
static enum rc
fail(enum btrfs_util_error code, const char *what, const char *which, struct error *e)
{
    return error_errno(e, "%s '%s': %s", what, which, btrfs_util_strerror(code));
}

static bool
serves(const struct mounts_mount *mount)
{
    return text_equal(mount->type, "btrfs");
}

static enum rc
read_fsid(int fd, const char *path, uint8_t fsid[static LEDGER_FSID_SIZE], struct error *e)
{
    struct btrfs_ioctl_fs_info_args about = {0};
    if (ioctl(fd, BTRFS_IOC_FS_INFO, &about) != 0)
        return error_errno(e, "ask the btrfs below '%s' for its UUID", path);
    memcpy(fsid, about.fsid, LEDGER_FSID_SIZE);
    return RC_OK;
}

bool
btrfs_is_root(int fd, uint64_t *id)
{
    struct stat about;
    return fstat(fd, &about) == 0 && about.st_ino == ROOT_INODE &&
           btrfs_util_subvolume_id_fd(fd, id) == BTRFS_UTIL_OK;
}

static enum rc
locate(const struct snapshot_place *place, struct snapshot_volume *volume,
       char what[static LEDGER_WHAT_MAX + 1], struct error *e)
{
    struct stat about;
    enum btrfs_util_error code = btrfs_util_subvolume_id_fd(place->fd, &volume->part);
    if (code != BTRFS_UTIL_OK)
        return fail(code, "find the subvolume of", place->path, e);
    if (fstat(place->fd, &about) != 0)
        return error_errno(e, "stat '%s'", place->path);
    TRY(read_fsid(place->fd, place->path, volume->entry.origin, e));
    volume->entry.origin_len = LEDGER_FSID_SIZE;
    if (strlen(place->mount->root) > LEDGER_VOLUME_MAX) {
        return error_set(e, RC_UNSUPPORTED, "'%s' is mounted from a path longer than %d bytes",
                         place->mount->target, (int)LEDGER_VOLUME_MAX);
    }
    (void)snprintf(volume->entry.volume, sizeof volume->entry.volume, "%s", place->mount->root);
    (void)snprintf(what, LEDGER_WHAT_MAX + 1, "%" PRIu64, volume->part);
    volume->origin = about.st_dev;
    return RC_OK;
}

static void
free_text(char **text)
{
    free(*text);
}

/* "" at a subvolume's root; otherwise the mount begins inside of it. */
static enum rc
inside(const struct snapshot_place *place, char **out, struct error *e)
{
    CLEANUP(free_text) char *subvolume = NULL;
    uint64_t id;
    const char *rest = "";
    if (!btrfs_is_root(place->fd, &id)) {
        enum btrfs_util_error code = btrfs_util_subvolume_id_fd(place->fd, &id);
        if (code == BTRFS_UTIL_OK)
            code = btrfs_util_subvolume_path_fd(place->fd, id, &subvolume);
        if (code != BTRFS_UTIL_OK)
            return fail(code, "find the path of the subvolume of", place->path, e);
        const char *root = place->mount->root;
        size_t len = strlen(subvolume);
        if (root[0] != '/' || strncmp(root + 1, subvolume, len) != 0)
            return error_set(e, RC_UNSUPPORTED, "'%s' is mounted from '%s', which is not in '%s'",
                             place->path, root, subvolume);
        rest = root + 1 + len;
        rest += *rest == '/' ? 1 : 0;
    }
    *out = strdup(rest);
    return *out == NULL ? error_set(e, RC_NO_MEMORY, "path of '%s'", place->path) : RC_OK;
}

/* The mount once more, writable, without a name; whoever holds the descriptor has it. */
static enum rc
open_top(const char *target, int *out, struct error *e)
{
    struct mount_attr wanted = {
        .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
        .attr_clr = MOUNT_ATTR_RDONLY,
    };
    CLEANUP(own_closep)
    int tree = open_tree(AT_FDCWD, target, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return error_errno(e, "open the mount '%s' (it needs CAP_SYS_ADMIN)", target);
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &wanted, sizeof wanted) != 0)
        return error_errno(e, "make our copy of the mount '%s' writable", target);
    *out = tree;
    tree = -1;
    return RC_OK;
}

static enum rc
check_private_directory(int fd, struct error *e)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return error_errno(e, "stat '" BTRFS_DIRECTORY "'");
    if (about.st_uid != geteuid() || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return error_set(e, RC_DENIED,
                         "'" BTRFS_DIRECTORY
                         "' on the btrfs is not ours (owner %u, mode %04o); remove it",
                         about.st_uid, about.st_mode & 07777u);
    }
    return RC_OK;
}

static enum rc
open_directory(int top, int *out, struct error *e)
{
    CLEANUP(own_closep)
    int fd = openat(top, BTRFS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open '" BTRFS_DIRECTORY "' on the btrfs");
    TRY(check_private_directory(fd, e));
    *out = fd;
    fd = -1;
    return RC_OK;
}

static enum rc
prepare(struct snapshot_host *host, const struct snapshot_place *place,
        struct snapshot_volume *volume, struct error *e)
{
    (void)host;
    CLEANUP(own_closep) int directory = -1;
    uint64_t id;
    if (!btrfs_is_root(place->fd, &id)) {
        return error_set(
            e, RC_UNSUPPORTED,
            "it is mounted from inside a subvolume; name first a path of the source by which the "
            "subvolume's root is reached, or set snapshot = none");
    }
    TRY(open_top(place->mount->target, &volume->top, e));
    if (mkdirat(volume->top, BTRFS_DIRECTORY, 0700) != 0 && errno != EEXIST)
        return error_errno(e, "make '" BTRFS_DIRECTORY "' in '%s'", place->mount->target);
    TRY(open_directory(volume->top, &directory, e));
    volume->live = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
    return volume->live < 0 ? error_errno(e, "hold '%s'", place->path) : RC_OK;
}

static enum rc
take(struct snapshot_host *host, struct snapshot_volume *volume, const _Atomic(bool) *cancel,
     struct error *e)
{
    (void)host;
    CLEANUP(own_closep) int directory = -1;
    if (cancel != NULL && atomic_load(cancel))
        return error_set(e, RC_CANCELLED, "the cut was cancelled");
    TRY(open_directory(volume->top, &directory, e));
    enum btrfs_util_error code =
        btrfs_util_create_snapshot_fd2(volume->live, directory, volume->entry.name,
                                       BTRFS_UTIL_CREATE_SNAPSHOT_READ_ONLY, NULL, NULL);
    if (code != BTRFS_UTIL_OK)
        return fail(code, "make the snapshot", volume->entry.name, e);
    volume->taken = true;
    return RC_OK;
}

static enum rc
open_snapshot(int top, const char *name, int *out, struct error *e)
{
    CLEANUP(own_closep) int directory = -1;
    TRY(open_directory(top, &directory, e));
    *out = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *out < 0 ? error_errno(e, "open the snapshot '%s'", name) : RC_OK;
}

static enum rc
mount_snapshot(struct snapshot_volume *volume, struct error *e)
{
    struct stat about;
    own_closep(&volume->live); /* a live file system can be unmounted again */
    volume->live = -1;
    TRY(open_snapshot(volume->top, volume->entry.name, &volume->root, e));
    if (fstat(volume->root, &about) != 0)
        return error_errno(e, "stat the snapshot '%s'", volume->entry.name);
    volume->device = about.st_dev;
    return RC_OK;
}

/* Still there by its name, and the same. */
static enum rc
check(struct snapshot_host *host, struct snapshot_volume *volume, struct error *e)
{
    (void)host;
    CLEANUP(own_closep) int again = -1;
    struct stat about;
    struct error why = ERROR_INIT;
    if (open_snapshot(volume->top, volume->entry.name, &again, &why) != RC_OK)
        return error_set(e, RC_STALE, "snapshot lost: %s", why.text);
    if (fstat(again, &about) != 0 || about.st_dev != volume->device || about.st_ino != ROOT_INODE)
        return error_set(e, RC_STALE, "snapshot lost: '%s' is another one now", volume->entry.name);
    return RC_OK;
}

enum rc
btrfs_may_remove(const struct ledger_entry *entry, const struct btrfs_facts *facts, struct error *e)
{
    static const uint8_t none[BTRFS_UUID_SIZE];
    const char *why = NULL;
    if (entry->driver != LEDGER_BTRFS || entry->origin_len != LEDGER_FSID_SIZE ||
        memcmp(entry->origin, facts->fsid, LEDGER_FSID_SIZE) != 0)
        why = "it lies on another file system";
    else if (strncmp(entry->name, "koffer_", 7) != 0)
        why = "its name is not ours";
    else if (!facts->subvolume || memcmp(facts->parent, none, sizeof none) == 0)
        why = "it was not made as a snapshot";
    else if (!facts->read_only)
        why = "somebody made it writable";
    return why == NULL ? RC_OK
                       : error_set(e, RC_DENIED, "'%s' is left alone: %s", entry->name, why);
}

static enum rc
ask_facts(int fd, const char *name, struct btrfs_facts *facts, struct error *e)
{
    struct btrfs_util_subvolume_info about;
    *facts = (struct btrfs_facts){0};
    TRY(read_fsid(fd, name, facts->fsid, e));
    uint64_t id;
    facts->subvolume = btrfs_is_root(fd, &id);
    if (!facts->subvolume)
        return RC_OK;
    enum btrfs_util_error code = btrfs_util_subvolume_info_fd(fd, 0, &about);
    if (code != BTRFS_UTIL_OK)
        return fail(code, "ask about the subvolume", name, e);
    memcpy(facts->parent, about.parent_uuid, BTRFS_UUID_SIZE);
    code = btrfs_util_get_subvolume_read_only_fd(fd, &facts->read_only);
    return code == BTRFS_UTIL_OK ? RC_OK : fail(code, "ask about the subvolume", name, e);
}

static enum rc
remove_below(int top, const struct ledger_entry *entry, struct error *e)
{
    CLEANUP(own_closep) int directory = -1;
    CLEANUP(own_closep) int fd = -1;
    struct btrfs_facts facts;
    TRY(open_directory(top, &directory, e));
    fd = openat(directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0)
        return error_errno(e, "open the snapshot '%s'", entry->name);
    TRY(ask_facts(fd, entry->name, &facts, e));
    TRY(btrfs_may_remove(entry, &facts, e));
    enum btrfs_util_error code = btrfs_util_delete_subvolume_fd(directory, entry->name, 0);
    if (code != BTRFS_UTIL_OK)
        return fail(code, "remove the snapshot", entry->name, e);
    /* The ledger forgets it next: after a power failure it must not be back. */
    code = btrfs_util_sync_fd(directory);
    return code == BTRFS_UTIL_OK ? RC_OK : fail(code, "sync after removing", entry->name, e);
}

/* The mount that the entry means, whatever it is called now: the same file system, mounted from the same place. */
static enum rc
find_top(const struct ledger_entry *entry, int *out, struct error *e)
{
    CLEANUP(mounts_freep) struct mounts *mounts = NULL;
    TRY(mounts_read(&mounts, e));
    for (size_t i = 0; i < mounts_count(mounts); i++) {
        const struct mounts_mount *mount = mounts_at(mounts, i);
        CLEANUP(own_closep) int top = -1;
        CLEANUP(own_closep) int fd = -1;
        uint8_t fsid[LEDGER_FSID_SIZE];
        struct error ignored = ERROR_INIT;
        if (!serves(mount) || !text_equal(mount->root, entry->volume) || !mounts_shows(mount) ||
            open_top(mount->target, &top, &ignored) != RC_OK)
            continue;
        fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || read_fsid(fd, mount->target, fsid, &ignored) != RC_OK ||
            memcmp(fsid, entry->origin, LEDGER_FSID_SIZE) != 0)
            continue;
        *out = top;
        top = -1;
        return RC_OK;
    }
    return error_set(
        e, RC_NOT_FOUND,
        "the btrfs of the snapshot '%s' is not mounted from '%s' any more; mount it so, or remove "
        "the snapshot by hand",
        entry->name, entry->volume);
}

static void
remove_directory(void *ctx)
{
    const int *top = ctx;
    (void)unlinkat(*top, BTRFS_DIRECTORY, AT_REMOVEDIR); /* not empty: the next one removes it */
}

static enum rc
remove_snapshot(struct snapshot_host *host, const struct ledger_entry *entry, struct error *e)
{
    CLEANUP(own_closep) int top = -1;
    TRY(find_top(entry, &top, e));
    if (faccessat(top, BTRFS_DIRECTORY, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return RC_OK;
    TRY(remove_below(top, entry, e));
    snapshot_host_if_last(host, entry, remove_directory, &top);
    return RC_OK;
}

static void
free_iterator(struct btrfs_util_subvolume_iterator **iterator)
{
    btrfs_util_destroy_subvolume_iterator(*iterator);
}

enum rc
btrfs_each_below(int fd, uint64_t subvolume, const char *shown, btrfs_visit *visit, void *ctx,
                 struct error *e)
{
    CLEANUP(free_iterator) struct btrfs_util_subvolume_iterator *iterator = NULL;
    enum btrfs_util_error code =
        btrfs_util_create_subvolume_iterator_fd(fd, subvolume, 0, &iterator);
    while (code == BTRFS_UTIL_OK) {
        CLEANUP(free_text) char *path = NULL;
        uint64_t id;
        code = btrfs_util_subvolume_iterator_next(iterator, &path, &id);
        if (code == BTRFS_UTIL_OK)
            TRY(visit(ctx, path, id, e));
    }
    return code == BTRFS_UTIL_ERROR_STOP_ITERATION ? RC_OK
                                                   : fail(code, "list subvolumes below", shown, e);
}

static void
describe(const struct snapshot_volume *volume, char *out, size_t size)
{
    (void)snprintf(out, size, "btrfs subvolume %" PRIu64, volume->part);
}

const struct snapshot_ops snapshot_btrfs = {
    .name = "btrfs",
    .ledger = LEDGER_BTRFS,
    .serves = serves,
    .locate = locate,
    .inside = inside,
    .prepare = prepare,
    .take = take,
    .mount = mount_snapshot,
    .check = check,
    .remove = remove_snapshot,
    .describe = describe,
};
