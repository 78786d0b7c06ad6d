/* snapshot_plan.c -- which volumes lie below the paths of a source, and where a walk leaves the live tree.  See snapshot.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/snapshot/btrfs.h"
#include "agent/snapshot/snapshot_internal.h"
#include "common/base/text.h"

struct plan {
    struct snapshot_set *set;
    const struct snapshot_request *request;
    const struct snapshot_notes *notes;
    struct mounts *mounts;
};

/* What of a request's path is being looked at. */
struct below {
    struct plan *plan;
    const char *path; /* resolved */
    bool cross;
    const struct mounts_mount *mount; /* subvolumes are looked for on it */
    const char *top;                  /* live path of the subvolume whose children they are */
    const char *inside;               /* of `top` in its subvolume */
};

static bool
is_below(const char *path, const char *top)
{
    size_t len = text_equal(top, "/") ? 0 : strlen(top);
    return strncmp(path, top, len) == 0 && path[len] == '/' && path[len + 1] != '\0';
}

static char *
join(const char *top, const char *name)
{
    char *path;
    int len = name[0] == '\0' ? asprintf(&path, "%s", top)
                              : asprintf(&path, "%s/%s", text_equal(top, "/") ? "" : top, name);
    return len < 0 ? NULL : path;
}

static struct snapshot_point *
known_point(struct snapshot_set *set, const char *path)
{
    for (size_t i = 0; i < set->point_count; i++)
        if (text_equal(set->points[i].path, path))
            return &set->points[i];
    return NULL;
}

/* What one path leaves out another may ask for. */
static void
ask_after_all(struct snapshot_point *point, char **inside, size_t volume)
{
    if (point->inside != NULL || point->hidden || *inside == NULL)
        return;
    point->inside = TAKE(*inside);
    point->volume = volume;
    point->quiet = false;
}

/* Takes over `inside`, also when it fails. */
static enum rc
add_point(struct snapshot_set *set, const char *path, char *inside, size_t volume, bool quiet,
          struct error *e)
{
    CLEANUP(own_freep) char *rest = inside;
    struct snapshot_point *known = known_point(set, path);
    if (known != NULL) {
        ask_after_all(known, &rest, volume);
        return RC_OK;
    }
    if (set->point_count == SNAPSHOT_POINTS_MAX)
        return error_set(e, RC_UNSUPPORTED, "more than %d mounts and subvolumes below its paths",
                         (int)SNAPSHOT_POINTS_MAX);
    char *copy = strdup(path);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "plan of snapshots");
    set->points[set->point_count++] = (struct snapshot_point){
        .path = copy, .inside = TAKE(rest), .volume = volume, .quiet = quiet};
    return RC_OK;
}

static enum rc
choose(const struct plan *plan, const struct snapshot_place *place, const struct snapshot_ops **out,
       struct error *e)
{
    static const char *const forced[] = {[SNAPSHOT_BTRFS] = "btrfs", [SNAPSHOT_LVM] = "lvm"};
    const char *only =
        plan->request->driver == SNAPSHOT_AUTO ? NULL : forced[plan->request->driver];
    for (const struct snapshot_ops *const *ops = snapshot_drivers; *ops != NULL; ops++) {
        if ((only == NULL || text_equal((*ops)->name, only)) && (*ops)->serves(place->mount)) {
            *out = *ops;
            return RC_OK;
        }
    }
    return error_set(
        e, RC_UNSUPPORTED,
        "'%s' is on %s (%s), of which %s can make no snapshot; put it on btrfs, or on ext4 or XFS on "
        "LVM, or set snapshot = none",
        place->path, place->mount->type, place->mount->source, only == NULL ? "we" : only);
}

static bool
find_volume(const struct snapshot_set *set, const struct snapshot_volume *wanted, size_t *out)
{
    for (size_t i = 0; i < set->volume_count; i++) {
        const struct snapshot_volume *v = &set->volumes[i];
        if (v->ops == wanted->ops && v->origin == wanted->origin && v->part == wanted->part) {
            *out = i;
            return true;
        }
    }
    return false;
}

enum { TOLD_MAX = 8, TOLD_SIZE = 600 }; /* facts are for people: the first few volumes will do */

static void
tell(const struct plan *plan, const struct snapshot_place *place,
     const struct snapshot_volume *volume)
{
    char text[TOLD_SIZE], what[TOLD_SIZE];
    if (plan->set->volume_count > TOLD_MAX)
        return;
    volume->ops->describe(volume, what, sizeof what);
    (void)snprintf(text, sizeof text, "%.200s: %.350s", place->path, what);
    plan->notes->fact(plan->notes->ctx, "snapshot.volume", text);
}

static enum rc
add_volume(struct plan *plan, const struct snapshot_place *place,
           const struct snapshot_volume *found, const char *what, struct error *e)
{
    struct snapshot_set *set = plan->set;
    if (set->volume_count == SNAPSHOT_VOLUMES_MAX)
        return error_set(e, RC_UNSUPPORTED, "more than %d volumes below its paths",
                         (int)SNAPSHOT_VOLUMES_MAX);
    struct snapshot_volume *volume = &set->volumes[set->volume_count++];
    *volume = *found;
    volume->entry.driver = volume->ops->ledger;
    volume->entry.cycle = plan->request->cycle;
    volume->entry.time = clock_wall();
    volume->wanted = plan->request->size;
    TRY(snapshot_host_promise(set->host, &volume->entry, what, e));
    TRY(volume->ops->prepare(set->host, place, volume, e));
    tell(plan, place, volume);
    return RC_OK;
}

/* A volume's root: its point, and the volume unless it is there. */
static enum rc
cover(struct plan *plan, const struct snapshot_place *place, size_t *at, struct error *e)
{
    struct snapshot_volume found = {.live = -1, .top = -1, .root = -1};
    char what[LEDGER_WHAT_MAX + 1];
    char *inside;
    TRY(choose(plan, place, &found.ops, e));
    TRY(found.ops->locate(place, &found, what, e));
    if (!find_volume(plan->set, &found, at)) {
        *at = plan->set->volume_count;
        TRY_IN(add_volume(plan, place, &found, what, e), e, "'%s'", place->path);
    }
    TRY(found.ops->inside(place, &inside, e));
    return add_point(plan->set, place->path, inside, *at, false, e);
}

static enum rc
open_place(struct plan *plan, const char *path, struct snapshot_place *place, struct error *e)
{
    place->path = path;
    place->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place->fd < 0)
        return error_errno(e, "open '%s'", path);
    return mounts_under(plan->mounts, place->fd, path, &place->mount, e);
}

static void
close_place(const struct snapshot_place *place)
{
    own_closep(&place->fd);
}

static enum rc plan_subvolumes(struct plan *plan, const struct snapshot_place *place, size_t volume,
                               const char *path, bool cross, struct error *e);

/* The volume whose root is `top`, and what of it is nested below `path`. */
static enum rc
plan_volume(struct plan *plan, const char *top, const char *path, bool cross, struct error *e)
{
    size_t at;
    CLEANUP(close_place) struct snapshot_place place = {.fd = -1};
    TRY(open_place(plan, top, &place, e));
    TRY(cover(plan, &place, &at, e));
    return plan_subvolumes(plan, &place, at, path, cross, e);
}

/* A subvolume below: is it what the live path leads to, on this mount? */
static bool
leads_to(const struct below *b, const char *path, uint64_t id)
{
    uint64_t there;
    const struct mounts_mount *mount;
    struct error ignored = ERROR_INIT;
    CLEANUP(own_closep)
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && mounts_under(b->plan->mounts, fd, path, &mount, &ignored) == RC_OK &&
           mount == b->mount && btrfs_is_root(fd, &there) && there == id;
}

static enum rc
plan_subvolume(void *ctx, const char *name, uint64_t id, struct error *e)
{
    struct below *b = ctx;
    size_t len = strlen(b->inside), at;
    if (strncmp(name, b->inside, len) != 0 || (len > 0 && name[len] != '/'))
        return RC_OK; /* beside what is mounted here */
    CLEANUP(own_freep) char *path = join(b->top, name + len + (len > 0 ? 1 : 0));
    CLEANUP(own_freep) char *ours = join(b->mount->target, BTRFS_DIRECTORY);
    if (path == NULL || ours == NULL)
        return error_set(e, RC_NO_MEMORY, "plan of snapshots");
    if (!is_below(path, b->path) || is_below(path, ours) || !leads_to(b, path, id))
        return RC_OK;
    if (!b->cross)
        return add_point(b->plan->set, path, NULL, 0, false, e);
    CLEANUP(close_place) struct snapshot_place place = {.fd = -1};
    TRY(open_place(b->plan, path, &place, e));
    return cover(b->plan, &place, &at, e); /* deeper ones are visited by themselves */
}

/* Our own directory in the top of the mount is never read. */
static enum rc
hide_ours(const struct below *b, struct error *e)
{
    CLEANUP(own_freep) char *ours = join(b->mount->target, BTRFS_DIRECTORY);
    if (ours == NULL)
        return error_set(e, RC_NO_MEMORY, "plan of snapshots");
    if (!is_below(ours, b->path))
        return RC_OK;
    TRY(add_point(b->plan->set, ours, NULL, 0, true, e));
    for (size_t i = 0; i < b->plan->set->point_count; i++) {
        struct snapshot_point *point = &b->plan->set->points[i];
        point->hidden = point->hidden || text_equal(point->path, ours);
    }
    return RC_OK;
}

static enum rc
plan_subvolumes(struct plan *plan, const struct snapshot_place *place, size_t volume,
                const char *path, bool cross, struct error *e)
{
    CLEANUP(own_freep) char *inside = NULL;
    const struct snapshot_volume *v = &plan->set->volumes[volume];
    if (v->ops != &snapshot_btrfs)
        return RC_OK;
    TRY(v->ops->inside(place, &inside, e));
    struct below b = {
        .plan = plan,
        .path = path,
        .cross = cross,
        .mount = place->mount,
        .top = place->path,
        .inside = inside,
    };
    TRY(hide_ours(&b, e));
    return btrfs_each_below(place->fd, v->part, place->path, plan_subvolume, &b, e);
}

/* Up from `path` to the root of its volume: a btrfs subvolume's, or the mount's. */
static enum rc
find_root(struct plan *plan, char *path, struct error *e)
{
    for (;;) {
        const struct mounts_mount *mount;
        uint64_t id;
        CLEANUP(own_closep) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return error_errno(e, "open '%s'", path);
        TRY(mounts_under(plan->mounts, fd, path, &mount, e));
        if (text_equal(mount->target, path)) {
            return mounts_shows(mount)
                       ? RC_OK
                       : error_set(e, RC_UNSUPPORTED, "'%s' is hidden by another mount", path);
        }
        CLEANUP(own_closep) int open_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (open_fd >= 0 && btrfs_is_root(open_fd, &id))
            return RC_OK;
        char *slash = strrchr(path, '/');
        slash[slash == path ? 1 : 0] = '\0';
    }
}

/* A directory of the same file system that is mounted here once more, as ReadWritePaths= of a unit does with /etc/lvm. */
static bool
is_bound(const char *target, const char *path)
{
    struct stat here, there;
    return stat(target, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev;
}

/* A file that is mounted over another, as containers have: what is below it is what the snapshot has. */
static bool
is_file(const char *target)
{
    struct stat about;
    return stat(target, &about) == 0 && !S_ISDIR(about.st_mode);
}

static enum rc
plan_mount(struct plan *plan, const struct mounts_mount *mount, const char *path, bool cross,
           struct error *e)
{
    if (!is_below(mount->target, path) || !mounts_shows(mount) || is_file(mount->target))
        return RC_OK;
    if (mount->kind == MOUNTS_KERNEL)
        return add_point(plan->set, mount->target, NULL, 0, true, e);
    if ((!cross && !is_bound(mount->target, path)) || mount->kind == MOUNTS_MEMORY)
        return add_point(plan->set, mount->target, NULL, 0, false, e);
    return plan_volume(plan, mount->target, path, cross, e);
}

static enum rc
plan_path(struct plan *plan, const struct snapshot_path *wanted, struct error *e)
{
    CLEANUP(own_freep) char *path = realpath(wanted->path, NULL);
    if (path == NULL)
        return error_errno(e, "'%s'", wanted->path);
    CLEANUP(own_freep) char *top = strdup(path);
    if (top == NULL)
        return error_set(e, RC_NO_MEMORY, "plan of snapshots");
    struct error why = ERROR_INIT;
    TRY(find_root(plan, top, e));
    enum rc rc = plan_volume(plan, top, path, wanted->cross, &why);
    if (rc == RC_UNSUPPORTED && !wanted->must)
        return RC_OK;
    if (rc != RC_OK)
        *e = why;
    TRY(rc);
    for (size_t i = 0; i < mounts_count(plan->mounts); i++)
        TRY(plan_mount(plan, mounts_at(plan->mounts, i), path, wanted->cross, e));
    return RC_OK;
}

static int
compare_points(const void *a, const void *b)
{
    const struct snapshot_point *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static enum rc
check_paths(const struct snapshot_request *request, struct error *e)
{
    for (size_t i = 0; i < request->count; i++) {
        const char *path = request->paths[i].path;
        if (path[0] != '/')
            return error_set(e, RC_INVALID, "'%s' is no absolute path", path);
        if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) != 0)
            return error_errno(e, "'%s'", path);
    }
    return RC_OK;
}

enum rc
snapshot_plan_volumes(struct snapshot_set *set, const struct snapshot_request *request,
                      const struct snapshot_notes *notes, struct error *e)
{
    CLEANUP(mounts_freep) struct mounts *mounts = NULL;
    TRY(check_paths(request, e));
    if (request->driver == SNAPSHOT_NONE)
        return RC_OK;
    TRY(mounts_read(&mounts, e));
    struct plan plan = {.set = set, .request = request, .notes = notes, .mounts = mounts};
    for (size_t i = 0; i < request->count; i++)
        TRY(plan_path(&plan, &request->paths[i], e));
    qsort(set->points, set->point_count, sizeof *set->points, compare_points);
    return RC_OK;
}
