/* snapshot.c -- the life of a set.  See snapshot.h. */
#include "agent/snapshot/snapshot.h"

#include <fcntl.h>
#include <stdio.h>

#include "agent/snapshot/snapshot_internal.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/beneath.h"

static enum rc
set_new(struct snapshot_host *host, struct snapshot_set **out, struct error *e)
{
    CLEANUP(snapshot_set_freep) struct snapshot_set *set = calloc(1, sizeof *set);
    if (set != NULL) {
        set->host = host;
        set->volumes = calloc(SNAPSHOT_VOLUMES_MAX, sizeof *set->volumes);
        set->points = calloc(SNAPSHOT_POINTS_MAX, sizeof *set->points);
    }
    if (set == NULL || set->volumes == NULL || set->points == NULL)
        return error_set(e, RC_NO_MEMORY, "plan of snapshots");
    *out = TAKE(set);
    return RC_OK;
}

static const char *
kind_of(const struct snapshot_volume *v)
{
    return v->ops->kind != NULL ? v->ops->kind(v) : v->ops->name;
}

/* "btrfs", "btrfs+lvm", "none". */
static void
name_drivers(struct snapshot_set *set)
{
    size_t used = 0;
    (void)snprintf(set->driver, sizeof set->driver, "none");
    for (size_t i = 0; i < set->volume_count; i++) {
        const char *name = kind_of(&set->volumes[i]);
        bool known = false;
        for (size_t k = 0; k < i; k++)
            known = known || text_equal(kind_of(&set->volumes[k]), name);
        if (!known && used < sizeof set->driver) {
            int n = snprintf(set->driver + used, sizeof set->driver - used, "%s%s",
                             used == 0 ? "" : "+", name);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

enum rc
snapshot_plan(struct snapshot_host *host, const struct snapshot_request *request,
              const struct snapshot_notes *notes, struct snapshot_set **out, struct error *e)
{
    CLEANUP(snapshot_set_freep) struct snapshot_set *set = NULL;
    TRY(set_new(host, &set, e));
    TRY_IN(snapshot_plan_volumes(set, request, notes, e), e, "snapshots for '%s'", request->source);
    name_drivers(set);
    notes->fact(notes->ctx, "snapshot", set->driver);
    *out = TAKE(set);
    return RC_OK;
}

void
snapshot_settle(const struct snapshot_set *set)
{
    for (size_t i = 0; i < set->volume_count; i++)
        if (set->volumes[i].live >= 0)
            (void)syncfs(set->volumes[i].live); /* it only makes the next step short */
}

enum rc
snapshot_take(struct snapshot_set *set, const _Atomic(bool) *cancel, struct error *e)
{
    for (size_t i = 0; i < set->volume_count; i++) {
        struct snapshot_volume *v = &set->volumes[i];
        struct mono begun = clock_mono();
        if (i == 0)
            set->taken.from = clock_wall();
        TRY(v->ops->take(set->host, v, cancel, e));
        set->taken.command_ns += clock_mono().ns - begun.ns;
        set->taken.until = clock_wall();
    }
    return RC_OK;
}

static enum rc
open_view(const struct snapshot_volume *v, const struct snapshot_point *point, int *out,
          struct error *e)
{
    if (point->inside[0] == '\0') {
        *out = fcntl(v->root, F_DUPFD_CLOEXEC, 0);
        return *out < 0 ? error_errno(e, "snapshot of '%s'", point->path) : RC_OK;
    }
    TRY_IN(beneath_open(v->root, point->inside, O_RDONLY | O_DIRECTORY, 0, out, e), e,
           "snapshot of '%s'", point->path);
    return RC_OK;
}

static enum rc
make_views(struct snapshot_set *set, struct error *e)
{
    set->views = calloc(set->point_count + 1, sizeof *set->views);
    if (set->views == NULL)
        return error_set(e, RC_NO_MEMORY, "views of snapshots");
    for (size_t i = 0; i < set->point_count; i++) {
        const struct snapshot_point *point = &set->points[i];
        struct snapshot_view *view = &set->views[i];
        *view = (struct snapshot_view){
            .path = point->path, .root = -1, .quiet = point->quiet, .hidden = point->hidden};
        set->view_count = i + 1;
        if (point->inside == NULL)
            continue;
        const struct snapshot_volume *v = &set->volumes[point->volume];
        TRY(open_view(v, point, &view->root, e));
        view->device = v->device;
        view->origin = v->origin;
    }
    return RC_OK;
}

enum rc
snapshot_mount(struct snapshot_set *set, struct error *e)
{
    for (size_t i = 0; i < set->volume_count; i++)
        TRY(set->volumes[i].ops->mount(&set->volumes[i], e));
    return make_views(set, e);
}

struct snapshot_views
snapshot_views_of(const struct snapshot_set *set)
{
    return (struct snapshot_views){.at = set->views, .count = set->view_count};
}

enum rc
snapshot_check(struct snapshot_set *set, struct error *e)
{
    for (size_t i = 0; i < set->volume_count; i++)
        TRY(set->volumes[i].ops->check(set->host, &set->volumes[i], e));
    return RC_OK;
}

bool
snapshot_is_lost(const struct snapshot_set *set)
{
    for (size_t i = 0; i < set->volume_count; i++)
        if (set->volumes[i].ops->is_lost != NULL && set->volumes[i].ops->is_lost(&set->volumes[i]))
            return true;
    return false;
}

static void
shut(int *fd)
{
    own_closep(fd);
    *fd = -1;
}

/* Everything open below the snapshots: nothing can be removed before. */
static void
close_all(struct snapshot_set *set)
{
    for (size_t i = 0; i < set->volume_count; i++)
        if (set->volumes[i].ops->stop != NULL)
            set->volumes[i].ops->stop(&set->volumes[i]);
    for (size_t i = 0; i < set->view_count; i++)
        shut(&set->views[i].root);
    free(set->views);
    set->views = NULL;
    set->view_count = 0;
    for (size_t i = 0; i < set->volume_count; i++) {
        shut(&set->volumes[i].root);
        shut(&set->volumes[i].top);
        shut(&set->volumes[i].live);
    }
}

static enum rc
let_go(struct snapshot_set *set, struct snapshot_volume *v, struct error *e)
{
    if (v->entry.serial == 0)
        return RC_OK;
    TRY(v->ops->remove(set->host, &v->entry, e));
    TRY(snapshot_host_done(set->host, v->entry.serial, e));
    v->entry.serial = 0;
    return RC_OK;
}

/* Each is tried; the first failure is told. */
enum rc
snapshot_release(struct snapshot_set *set, struct error *e)
{
    enum rc first = RC_OK;
    close_all(set);
    for (size_t i = 0; i < set->volume_count; i++) {
        struct error why = ERROR_INIT;
        enum rc rc = let_go(set, &set->volumes[i], &why);
        if (rc != RC_OK && first == RC_OK)
            first = error_set(e, rc, "%s", why.text);
    }
    return first;
}

void
snapshot_set_free(struct snapshot_set *set)
{
    struct error e = ERROR_INIT;
    if (set == NULL)
        return;
    if (set->volumes != NULL && snapshot_release(set, &e) != RC_OK)
        log_error(&e, "a snapshot stays for now; it will be tried again");
    for (size_t i = 0; i < set->volume_count; i++) {
        struct snapshot_volume *v = &set->volumes[i];
        if (v->ops->forget != NULL)
            v->ops->forget(set->host, v);
        snapshot_host_disown(set->host, v->entry.serial);
    }
    for (size_t i = 0; i < set->point_count; i++) {
        free(set->points[i].path);
        free(set->points[i].inside);
    }
    free(set->volumes);
    free(set->points);
    free(set);
}

struct snapshot_taken
snapshot_taken_of(const struct snapshot_set *set)
{
    struct snapshot_taken taken = set->taken;
    taken.driver = set->driver;
    taken.volumes = set->volume_count;
    return taken;
}
