/* unpack.c -- the walk of a restore: directories, counting, going on after a failure.  See unpack.h. */
#include "common/tree/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "common/sys/beneath.h"
#include "common/tree/unpack_job.h"

/* The mode of a directory while it is filled.  Nobody else can enter, and nothing real has it, so a
 * later restore knows what an interrupted one has left and may still give it its owner and times. */
enum { UNFINISHED = S_ISVTX | 0700, PERMISSIONS = 07777 };

const char *
unpack_path(const struct unpack_job *job)
{
    return job->path.len > 0 ? (const char *)job->path.data : ".";
}

enum rc
unpack_check_cancel(const struct unpack_job *job, struct error *e)
{
    const _Atomic(bool) *cancel = job->options->cancel;
    if (cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed))
        return error_set(e, RC_CANCELLED, "the restore was cancelled");
    return RC_OK;
}

enum rc
unpack_blame_source(struct unpack_job *job, enum rc rc)
{
    bool only_this_item = rc == RC_CORRUPT || rc == RC_NOT_FOUND || rc == RC_UNSUPPORTED;
    if (rc != RC_OK && !only_this_item && !job->ended)
        job->source_failed = true;
    return rc;
}

void
unpack_mention(const struct unpack_job *job, const struct error *e)
{
    if (job->options->report != NULL)
        job->options->report(job->options->report_ctx, unpack_path(job), e);
}

void
unpack_complain(struct unpack_job *job, const struct error *e)
{
    if (!job->complained)
        UNPACK_COUNT(job, failed, 1);
    job->complained = true;
    job->complaints++;
    job->starved = job->starved || e->code == RC_NO_MEMORY;
    unpack_mention(job, e);
}

/* The end of one item: RC_OK unless the restore ends with it. */
static enum rc
settle(struct unpack_job *job, enum rc rc, struct error *e)
{
    if (rc == RC_OK || job->ended)
        return rc;
    if (rc == RC_NO_SPACE || rc == RC_NO_MEMORY || rc == RC_CANCELLED || job->source_failed) {
        job->ended = true;
        return error_context(e, "restore '%s'", unpack_path(job));
    }
    unpack_complain(job, e);
    return RC_OK;
}

static enum rc
push_name(struct unpack_job *job, struct span name, struct error *e)
{
    if (job->path.len > 0)
        TRY(buffer_append(&job->path, span_of("/", 1), e));
    TRY(buffer_append(&job->path, name, e));
    TRY(buffer_reserve(&job->path, 1, e));
    job->path.data[job->path.len] = '\0';
    return RC_OK;
}

static void
pop_name(struct unpack_job *job, size_t len)
{
    job->path.len = len;
    if (job->path.data != NULL)
        job->path.data[len] = '\0';
}

/* ---- directories ---- */

static enum rc fill_directory(struct unpack_job *job, const struct blob_ref *directory, int dirfd,
                              struct error *e);

/* *made: it is new, or will be after something else has given way. */
static enum rc
make_directory(const struct unpack_item *item, bool *made, struct error *e)
{
    struct stat about;
    *made = mkdirat(item->dirfd, item->name, UNFINISHED) == 0;
    if (*made)
        return RC_OK;
    if (errno != EEXIST)
        return error_errno(e, "make the directory");
    if (fstatat(item->dirfd, item->name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(e, "look at what is there");
    if (S_ISDIR(about.st_mode))
        return RC_OK;
    if (item->job->options->existing == UNPACK_KEEP)
        return error_set(e, RC_EXISTS,
                         "something that is no directory is in its place; move it away, or "
                         "restore with replacing");
    if (unlinkat(item->dirfd, item->name, 0) != 0 ||
        mkdirat(item->dirfd, item->name, UNFINISHED) != 0)
        return error_errno(e, "put a directory in the place of what is there");
    *made = true;
    return RC_OK;
}

/* A default ACL of the directory above may have taken bits from UNFINISHED, its setgid added one. */
static bool
is_unfinished(const struct stat *about)
{
    const mode_t mode = about->st_mode & PERMISSIONS & ~(mode_t)S_ISGID;
    return (mode & S_ISVTX) != 0 && (mode & ~(mode_t)UNFINISHED) == 0 && about->st_uid == geteuid();
}

/* Finished by an earlier restore: what this one adds inside must not change its time. */
static bool
is_restored(const struct node_entry *entry, const struct stat *about)
{
    return (about->st_mode & PERMISSIONS) == entry->mode && about->st_mtim.tv_sec == entry->mtime &&
           about->st_mtim.tv_nsec == (long)entry->mtime_ns;
}

/* *finish: its owner, mode and times are ours to set. */
static enum rc
open_directory(const struct unpack_item *item, int *out, bool *finish, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    struct stat about;
    bool made;
    TRY(make_directory(item, &made, e));
    TRY(beneath_open(item->dirfd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd, e));
    if (fstat(fd, &about) != 0)
        return error_errno(e, "look at the directory");
    const bool ours = is_unfinished(&about);
    if (made && !ours)
        /* not covered: a race between two calls */
        return error_set(e, RC_DENIED, "somebody replaced the directory that was just made");
    if (ours && fchmod(fd, UNFINISHED) != 0)
        return error_errno(e, "set the mode of the directory");
    *finish =
        ours || is_restored(item->entry, &about) || item->job->options->existing == UNPACK_REPLACE;
    *out = fd;
    fd = -1;
    return RC_OK;
}

static enum rc
restore_directory(struct unpack_item *item, struct error *e)
{
    struct unpack_job *job = item->job;
    CLEANUP(own_closep) int fd = -1;
    bool finish = false;
    if (job->depth >= LIMIT_DEPTH)
        return error_set(e, RC_UNSUPPORTED, "directories nested deeper than %u", LIMIT_DEPTH);
    if (!job->options->dry_run) {
        TRY(open_directory(item, &fd, &finish, e));
    } else if (item->dirfd >= 0) {
        struct error absent = ERROR_INIT;
        if (beneath_open(item->dirfd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd,
                         &absent) != RC_OK)
            fd = -1;
    }
    UNPACK_COUNT(job, directories, 1);

    job->depth++;
    enum rc rc = fill_directory(job, &item->entry->directory, fd, e);
    job->depth--;
    job->complained = false; /* of the items inside */
    TRY(settle(job, rc, e)); /* the end of all leaves it unfinished, for the next restore to see */
    if (finish)              /* last: every item made inside has changed its time */
        unpack_meta(item, fd, false);
    if ((item->entry->flags & NODE_UNREADABLE) != 0)
        return error_set(e, RC_IO, "it could not be read completely when it was backed up");
    return RC_OK;
}

/* ---- the walk ---- */

static enum rc
restore_item(struct unpack_job *job, int dirfd, const struct node_entry *entry, struct error *e)
{
    struct unpack_item item = {.job = job, .dirfd = dirfd, .entry = entry};
    TRY(unpack_check_cancel(job, e));
    job->complained = false;
    memcpy(item.name, entry->name.data, entry->name.len);
    return entry->type == NODE_DIRECTORY ? restore_directory(&item, e) : unpack_file(&item, e);
}

struct filling {
    struct unpack_job *job;
    int dirfd;
};

static enum rc
visit(void *ctx, const struct node_entry *entry, struct error *e)
{
    const struct filling *f = ctx;
    const size_t len = f->job->path.len;
    TRY(push_name(f->job, entry->name, e));
    enum rc rc = settle(f->job, restore_item(f->job, f->dirfd, entry, e), e);
    pop_name(f->job, len);
    return rc;
}

static enum rc
fill_directory(struct unpack_job *job, const struct blob_ref *directory, int dirfd, struct error *e)
{
    struct filling f = {.job = job, .dirfd = dirfd};
    return unpack_blame_source(job,
                               tree_list(job->reader, directory, (struct span){0}, visit, &f, e));
}

static void
release(struct unpack_job *job)
{
    if (job->target >= 0)
        (void)close(job->target);
    tree_reader_free(job->reader);
    unpack_links_free(job->links);
    unpack_owners_free(job->owners);
    buffer_free(&job->path);
}

/* Drafts are named after their items: two restores in one place would publish each other's half-written files. */
static enum rc
claim(const struct unpack_job *job, struct error *e)
{
    if (job->options->dry_run || flock(job->target, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    if (errno != EWOULDBLOCK)
        /* not covered: every local file system has them */
        return RC_OK; /* a file system without locks */
    return error_set(e, RC_AGAIN,
                     "another restore is writing into this directory; wait for it, cancel it, or "
                     "choose another directory");
}

static enum rc
begin(struct unpack_job *job, struct blob_source *source, int target, struct error *e)
{
    job->links = unpack_links_new();
    job->owners = unpack_owners_new();
    if (job->links == NULL || job->owners == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    if (target >= 0 || !job->options->dry_run)
        TRY_IN(beneath_open(target, ".", O_RDONLY | O_DIRECTORY, 0, &job->target, e), e,
               "the directory to restore into");
    TRY(claim(job, e));
    return tree_reader_new(source, &job->reader, e);
}

static enum rc
finish(struct unpack_job *job, struct error *e)
{
    if (!job->options->dry_run && syncfs(job->target) != 0)
        return error_errno(e, "write what was restored to the disk");
    uint64_t failed = atomic_load_explicit(&job->options->counts->failed, memory_order_relaxed);
    if (failed > 0)
        return error_set(e, job->starved ? RC_NO_MEMORY : RC_IO,
                         "%ju items could not be restored as they were", (uintmax_t)failed);
    return RC_OK;
}

enum rc
unpack(struct blob_source *source, const struct node_entry *entry, int target,
       const struct unpack_options *options, struct error *e)
{
    CLEANUP(release)
    struct unpack_job job = {
        .options = options,
        .target = -1,
        .is_root = geteuid() == 0,
        .path = BUFFER_INIT((LIMIT_DEPTH + 1) * (LIMIT_NAME + 1) + 1),
    };
    TRY(begin(&job, source, target, e));
    if (entry->type == NODE_DIRECTORY)
        TRY(settle(&job, fill_directory(&job, &entry->directory, job.target, e), e));
    else
        TRY(visit(&(struct filling){.job = &job, .dirfd = job.target}, entry, e));
    return finish(&job, e);
}
