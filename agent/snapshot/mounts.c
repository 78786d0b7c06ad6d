/* mounts.c -- libmount reads and unescapes the table; the kernel says which mount a descriptor is on.  See mounts.h. */
#include "agent/snapshot/mounts.h"

#include <fcntl.h>
#include <libmount.h>
#include <sys/stat.h>

#include "common/base/text.h"

struct mounts {
    struct libmnt_table *table;
    struct mounts_mount *all;
    size_t count;
};

void
mounts_free(struct mounts *m)
{
    if (m == NULL)
        return;
    mnt_unref_table(m->table);
    free(m->all);
    free(m);
}

static bool
is_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static enum mounts_kind
kind_of(struct libmnt_fs *fs)
{
    const char *type = mnt_fs_get_fstype(fs), *target = mnt_fs_get_target(fs);
    if (type != NULL && (text_equal(type, "tmpfs") || text_equal(type, "ramfs")))
        return is_below(target, "/dev") || is_below(target, "/run") ? MOUNTS_KERNEL : MOUNTS_MEMORY;
    return mnt_fs_is_pseudofs(fs) ? MOUNTS_KERNEL : MOUNTS_DISK;
}

static const char *
text_or_nothing(const char *text)
{
    return text != NULL ? text : "";
}

static struct mounts_mount
mount_of(struct libmnt_fs *fs)
{
    return (struct mounts_mount){
        .id = mnt_fs_get_id(fs),
        .device = mnt_fs_get_devno(fs),
        .target = text_or_nothing(mnt_fs_get_target(fs)),
        .root = text_or_nothing(mnt_fs_get_root(fs)),
        .type = text_or_nothing(mnt_fs_get_fstype(fs)),
        .source = text_or_nothing(mnt_fs_get_source(fs)),
        .kind = kind_of(fs),
    };
}

static void
free_iter(struct libmnt_iter **iter)
{
    mnt_free_iter(*iter);
}

static enum rc
list_all(struct mounts *m, struct error *e)
{
    CLEANUP(free_iter) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *fs;
    m->all = calloc((size_t)mnt_table_get_nents(m->table) + 1, sizeof *m->all);
    if (iter == NULL || m->all == NULL)
        return error_set(e, RC_NO_MEMORY, "table of mounts");
    while (mnt_table_next_fs(m->table, iter, &fs) == 0)
        m->all[m->count++] = mount_of(fs);
    return RC_OK;
}

enum rc
mounts_read(struct mounts **out, struct error *e)
{
    CLEANUP(mounts_freep) struct mounts *m = calloc(1, sizeof *m);
    if (m == NULL)
        return error_set(e, RC_NO_MEMORY, "table of mounts");
    m->table = mnt_new_table_from_file("/proc/self/mountinfo");
    if (m->table == NULL)
        return error_errno(e, "read '/proc/self/mountinfo'");
    TRY(list_all(m, e));
    *out = TAKE(m);
    return RC_OK;
}

size_t
mounts_count(const struct mounts *m)
{
    return m->count;
}

const struct mounts_mount *
mounts_at(const struct mounts *m, size_t i)
{
    return &m->all[i];
}

enum rc
mounts_under(const struct mounts *m, int fd, const char *path, const struct mounts_mount **out,
             struct error *e)
{
    struct statx about;
    if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &about) != 0)
        return error_errno(e, "stat '%s'", path);
    for (size_t i = 0; i < m->count; i++) {
        if ((uint64_t)m->all[i].id == about.stx_mnt_id) {
            *out = &m->all[i];
            return RC_OK;
        }
    }
    return error_set(e, RC_STALE, "what '%s' is mounted on changed just now", path);
}

bool
mounts_shows(const struct mounts_mount *mount)
{
    struct statx about;
    return statx(AT_FDCWD, mount->target, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID,
                 &about) == 0 &&
           about.stx_mnt_id == (uint64_t)mount->id;
}
