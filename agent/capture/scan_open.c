/* scan_open.c -- see scan_open.h. */
#include "agent/capture/scan_open.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "agent/capture/scan_mount.h"

/* The number of the empty directory that stands for a subvolume in a snapshot (btrfs, ctree.h). */
enum { EMPTY_SUBVOLUME_INODE = 2 };

void
scan_open(const struct scan *s, const struct scan_place *in, const char *name, int flags,
          struct scan_opened *out)
{
    const struct snapshot_view *view = snapshot_view_find(s->o.intake->views, scan_item_path(s));
    const bool there = view != NULL && view->root >= 0;
    *out = (struct scan_opened){.cut = there || in->cut,
                                .outside = view != NULL && !there,
                                .quiet = view != NULL && view->quiet,
                                .hidden = view != NULL && view->hidden};
    out->fd = there ? intake_open(view->root, ".", flags) : intake_open(in->fd, name, flags);
}

void
scan_open_close(struct scan_opened *o)
{
    own_closep(&o->fd);
}

void
scan_open_warn(struct scan *s, int fd)
{
    if (!scan_mount_is_kernels(fd, scan_item_path(s)))
        source_report_warn(s->o.intake->report,
                           "'%s' is another file system and was left out; list it as a path of "
                           "its own, or let the source cross file systems",
                           scan_item_path(s));
}

void
scan_open_warn_outside(struct scan *s)
{
    CLEANUP(own_closep)
    int live = open(scan_item_path(s), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (live >= 0)
        scan_open_warn(s, live);
}

bool
scan_open_missed(const struct scan_opened *o, const struct stat *st)
{
    struct statfs about;
    return o->cut && !o->outside && st->st_ino == EMPTY_SUBVOLUME_INODE &&
           fstatfs(o->fd, &about) == 0 && (unsigned)about.f_type == BTRFS_SUPER_MAGIC;
}
