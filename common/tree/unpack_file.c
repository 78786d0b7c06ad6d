/* unpack_file.c -- one item that is no directory: made under a draft's name, then put in its place.
 * See unpack_job.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <xxhash.h>

#include "common/sys/beneath.h"
#include "common/sys/file.h"
#include "common/tree/unpack_job.h"

enum { DRAFT_NAME = 40 };

/* The name follows from the item's, so that the next restore finds and removes what a killed one left. */
struct draft {
    int dirfd;
    bool exists; /* removed again when it does not come to its place */
    char name[DRAFT_NAME];
};

static void
draft_discard(struct draft *d)
{
    if (d->exists)
        (void)unlinkat(d->dirfd, d->name, 0);
}

static enum rc
draft_begin(struct draft *d, const struct unpack_item *item, struct error *e)
{
    *d = (struct draft){.dirfd = item->dirfd};
    (void)snprintf(d->name, sizeof d->name, ".koffer-%016" PRIx64 ".part",
                   (uint64_t)XXH64(item->name, strlen(item->name), 0));
    if (unlinkat(d->dirfd, d->name, 0) != 0 && errno != ENOENT)
        return error_errno(e, "remove what an earlier restore left, '%s'", d->name);
    return RC_OK;
}

static enum rc
move_without_replacing(const struct draft *d, const char *name, struct error *e)
{
    if (renameat2(d->dirfd, d->name, d->dirfd, name, RENAME_NOREPLACE) == 0)
        return RC_OK;
    if (errno != EINVAL && errno != ENOSYS)
        return error_errno(e, "put it in its place");
    /* A file system without RENAME_NOREPLACE: link(2) does not replace either. */
    if (linkat(d->dirfd, d->name, d->dirfd, name, 0) != 0)
        return error_errno(e, "put it in its place");
    (void)unlinkat(d->dirfd, d->name, 0);
    return RC_OK;
}

static enum rc
draft_publish(struct draft *d, const struct unpack_item *item, struct error *e)
{
    if (item->job->options->existing == UNPACK_KEEP)
        TRY(move_without_replacing(d, item->name, e));
    else if (renameat(d->dirfd, d->name, d->dirfd, item->name) != 0)
        return error_errno(e, "put it in its place");
    d->exists = false;
    return RC_OK;
}

/* ---- what is there already ---- */

static bool
same_target(const struct unpack_item *item)
{
    char target[LIMIT_SYMLINK + 1];
    ssize_t len = readlinkat(item->dirfd, item->name, target, sizeof target);
    return len >= 0 && (size_t)len == item->entry->target.len &&
           memcmp(target, item->entry->target.data, (size_t)len) == 0;
}

static bool
same_time(const struct node_entry *entry, const struct stat *about)
{
    return about->st_mtim.tv_sec == entry->mtime && about->st_mtim.tv_nsec == (long)entry->mtime_ns;
}

static bool
same_content(const struct unpack_item *item, const struct stat *about)
{
    const struct node_entry *entry = item->entry;
    switch (entry->type) {
    case NODE_FILE:
        return S_ISREG(about->st_mode) && (uint64_t)about->st_size == entry->size &&
               same_time(entry, about);
    case NODE_SYMLINK:
        return S_ISLNK(about->st_mode) && same_target(item);
    case NODE_FIFO:
        return S_ISFIFO(about->st_mode);
    case NODE_CHARACTER_DEVICE:
        return S_ISCHR(about->st_mode) && about->st_rdev == makedev(entry->major, entry->minor);
    case NODE_BLOCK_DEVICE:
        return S_ISBLK(about->st_mode) && about->st_rdev == makedev(entry->major, entry->minor);
    case NODE_SOCKET:
    case NODE_DIRECTORY:
        break;
    }
    return false;
}

/* Of the item that it was one with. */
static bool
same_link(const struct unpack_item *item, const struct stat *about)
{
    const struct unpack_link *first =
        item->entry->link != 0 ? unpack_links_find(item->job->links, item->entry->link) : NULL;
    return first == NULL || (about->st_dev == first->dev && about->st_ino == first->ino);
}

/* Where something may be replaced, the time says for all of them whether an earlier restore finished it. */
static bool
is_same(const struct unpack_item *item, const struct stat *about)
{
    const bool replace = item->job->options->existing == UNPACK_REPLACE;
    return same_content(item, about) && same_link(item, about) &&
           (!replace || same_time(item->entry, about));
}

static enum rc
remember_link(const struct unpack_item *item, const struct stat *about, struct error *e)
{
    if (item->entry->link == 0)
        return RC_OK;
    return unpack_links_add(item->job->links, item->entry->link, unpack_path(item->job), about, e);
}

/* *settled: nothing is to be made. */
static enum rc
look_at_existing(const struct unpack_item *item, bool *settled, struct error *e)
{
    struct unpack_job *job = item->job;
    struct stat about;
    *settled = false;
    if (item->dirfd < 0)
        return RC_OK;
    if (fstatat(item->dirfd, item->name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? RC_OK : error_errno(e, "look at what is there");
    if (is_same(item, &about)) {
        *settled = true;
        UNPACK_COUNT(job, skipped, 1);
        return remember_link(item, &about, e);
    }
    if (job->options->existing == UNPACK_KEEP) {
        struct error kept = ERROR_INIT;
        *settled = true;
        UNPACK_COUNT(job, existing_kept, 1);
        (void)error_set(&kept, RC_EXISTS, "something else is there already; it was kept");
        unpack_mention(job, &kept);
        return RC_OK;
    }
    if (S_ISDIR(about.st_mode))
        return error_set(e, RC_EXISTS, "a directory is in its place; move it away first");
    return RC_OK;
}

/* ---- regular files ---- */

struct writing {
    struct unpack_job *job;
    int fd;
    uint64_t written;
    bool disk_failed; /* else a failure is the reader's */
};

static enum rc
write_bytes(struct writing *w, struct span bytes, struct error *e)
{
    enum rc rc = file_write_all(w->fd, bytes, e);
    w->disk_failed = rc != RC_OK;
    return rc;
}

static enum rc
skip_hole(struct writing *w, uint64_t length, struct error *e)
{
    if (lseek(w->fd, (off_t)length, SEEK_CUR) >= 0)
        return RC_OK;
    w->disk_failed = true;
    return error_errno(e, "leave a hole of %" PRIu64 " bytes", length);
}

static enum rc
write_piece(void *ctx, const struct node_piece *piece, struct error *e)
{
    struct writing *w = ctx;
    struct span bytes;
    TRY(unpack_check_cancel(w->job, e));
    if (piece->kind == NODE_HOLE) {
        TRY(skip_hole(w, piece->length, e));
    } else {
        TRY(tree_slice(w->job->reader, piece, &bytes, e));
        TRY(write_bytes(w, bytes, e));
    }
    w->written += piece->length;
    UNPACK_COUNT(w->job, bytes, piece->length);
    return RC_OK;
}

static enum rc
write_content(const struct unpack_item *item, int fd, struct error *e)
{
    struct writing w = {.job = item->job, .fd = fd};
    enum rc rc = tree_pieces(item->job->reader, item->entry, write_piece, &w, e);
    if (rc != RC_OK)
        return w.disk_failed ? rc : unpack_blame_source(item->job, rc);
    /* For a hole at the end, which no write has reached. */
    if (ftruncate(fd, (off_t)w.written) != 0)
        return error_errno(e, "set its length to %" PRIu64 " bytes", w.written);
    return RC_OK;
}

static enum rc
make_file(struct unpack_item *item, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    CLEANUP(draft_discard) struct draft d;
    struct stat about;
    TRY(draft_begin(&d, item, e));
    TRY(beneath_open(d.dirfd, d.name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600, &fd, e));
    d.exists = true;
    TRY(write_content(item, fd, e));
    unpack_meta(item, fd, false);
    if (fstat(fd, &about) != 0)
        return error_errno(e, "look at what was written");
    TRY(draft_publish(&d, item, e));
    return remember_link(item, &about, e);
}

/* ---- links and special files ---- */

static enum rc
create_special(const struct unpack_item *item, const char *name, struct error *e)
{
    const struct node_entry *entry = item->entry;
    if (entry->type == NODE_SYMLINK) {
        char target[LIMIT_SYMLINK + 1];
        memcpy(target, entry->target.data, entry->target.len);
        target[entry->target.len] = '\0';
        if (symlinkat(target, item->dirfd, name) != 0)
            return error_errno(e, "make a symbolic link");
        return RC_OK;
    }
    mode_t type = entry->type == NODE_FIFO               ? S_IFIFO
                  : entry->type == NODE_CHARACTER_DEVICE ? S_IFCHR
                                                         : S_IFBLK;
    if (type != S_IFIFO && !item->job->is_root)
        return error_set(e, RC_DENIED, "only root can make a device");
    dev_t number = type == S_IFIFO ? 0 : makedev(entry->major, entry->minor);
    if (mknodat(item->dirfd, name, type | 0600, number) != 0)
        return error_errno(e, "make a special file");
    return RC_OK;
}

static enum rc
make_special(struct unpack_item *item, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    CLEANUP(draft_discard) struct draft d;
    struct stat about;
    TRY(draft_begin(&d, item, e));
    TRY(create_special(item, d.name, e));
    d.exists = true;
    fd = openat(d.dirfd, d.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return error_errno(e, "look at what was made");
    /* Somebody may have put something else there between the two calls; it must not get this owner. */
    if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || about.st_nlink != 1 ||
        about.st_uid != geteuid())
        /* not covered: a race between two calls */
        return error_set(e, RC_DENIED, "somebody replaced what was just made");
    unpack_meta(item, fd, true);
    TRY(draft_publish(&d, item, e));
    return remember_link(item, &about, e);
}

static enum rc
open_parent(const struct unpack_job *job, const char *path, const char **base, int *out,
            struct error *e)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        *base = path;
        return beneath_open(job->target, ".", O_PATH | O_DIRECTORY, 0, out, e);
    }
    *base = slash + 1;
    CLEANUP(own_freep) char *parent = strndup(path, (size_t)(slash - path));
    if (parent == NULL)
        return error_set(e, RC_NO_MEMORY, "path of a hard link");
    return beneath_open(job->target, parent, O_PATH | O_DIRECTORY, 0, out, e);
}

static enum rc
link_again(struct unpack_item *item, const struct unpack_link *first, struct error *e)
{
    CLEANUP(own_closep) int parent = -1;
    CLEANUP(draft_discard) struct draft d;
    const char *base;
    struct stat about;
    TRY(draft_begin(&d, item, e));
    TRY(open_parent(item->job, first->path, &base, &parent, e));
    if (linkat(parent, base, d.dirfd, d.name, 0) != 0)
        return error_errno(e, "link to '%s'", first->path);
    d.exists = true;
    if (fstatat(d.dirfd, d.name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(e, "look at what was linked");
    if (about.st_dev != first->dev || about.st_ino != first->ino)
        /* not covered: a race between two calls */
        return error_set(e, RC_DENIED, "'%s' is not what was restored there", first->path);
    return draft_publish(&d, item, e);
}

/* ---- all of them ---- */

static void
count_done(const struct unpack_item *item)
{
    if (item->entry->type == NODE_FILE)
        UNPACK_COUNT(item->job, files, 1);
    else
        UNPACK_COUNT(item->job, others, 1);
}

static enum rc
pretend(const struct unpack_item *item, struct error *e)
{
    const struct unpack_job *job = item->job;
    const struct node_entry *entry = item->entry;
    bool again = entry->link != 0 && unpack_links_find(job->links, entry->link) != NULL;
    if (entry->type == NODE_FILE && !again)
        UNPACK_COUNT(job, bytes, entry->size);
    count_done(item);
    return remember_link(item, &(struct stat){.st_ino = 0}, e);
}

static enum rc
make(struct unpack_item *item, struct error *e)
{
    const struct node_entry *entry = item->entry;
    const struct unpack_link *first =
        entry->link != 0 ? unpack_links_find(item->job->links, entry->link) : NULL;
    if (first != NULL) {
        enum rc rc = link_again(item, first, e);
        if (rc == RC_OK || rc == RC_NO_SPACE || rc == RC_NO_MEMORY)
            return rc;
        (void)error_context(e, "not linked, copied instead");
        unpack_complain(item->job, e);
    }
    return entry->type == NODE_FILE ? make_file(item, e) : make_special(item, e);
}

enum rc
unpack_file(struct unpack_item *item, struct error *e)
{
    bool settled;
    if (item->entry->type == NODE_SOCKET) {
        UNPACK_COUNT(item->job, others, 1); /* its program makes it anew */
        return RC_OK;
    }
    TRY(look_at_existing(item, &settled, e));
    if (settled)
        return RC_OK;
    if (item->job->options->dry_run)
        return pretend(item, e);
    TRY(make(item, e));
    count_done(item);
    if ((item->entry->flags & NODE_UNREADABLE) != 0) {
        struct error lost = ERROR_INIT;
        (void)error_set(&lost, RC_IO, "it could not be read completely when it was backed up");
        unpack_complain(item->job, &lost);
    }
    return RC_OK;
}
