/* lvm.c -- snapshots of logical volumes with ext4 or XFS, classic and thin.  See snapshot_internal.h, lvm_internal.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "agent/snapshot/churn.h"
#include "agent/snapshot/lvm_command.h"
#include "agent/snapshot/lvm_internal.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"

static bool
is_logical_volume(dev_t device)
{
    char path[64], uuid[8] = "";
    (void)snprintf(path, sizeof path, "/sys/dev/block/%u:%u/dm/uuid", major(device), minor(device));
    CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, uuid, 4) == 4 && text_equal(uuid, "LVM-");
}

static bool
serves(const struct mounts_mount *mount)
{
    static const char *const types[] = {"ext4", "xfs", "ext3", "ext2"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (text_equal(mount->type, types[i]))
            return is_logical_volume(mount->device);
    return false;
}

static const struct lvm_volume *
find_device(const struct lvm_report *report, dev_t device)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->at[i].major == major(device) && report->at[i].minor == minor(device))
            return &report->at[i];
    return NULL;
}

static enum rc
locate(const struct snapshot_place *place, struct snapshot_volume *volume,
       char what[static LEDGER_WHAT_MAX + 1], struct error *e)
{
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    if (!lvm_command_exists()) {
        return error_set(e, RC_NOT_FOUND,
                         "'%s' is a logical volume, and there is no '%s'; install the package lvm2",
                         place->path, lvm_command_lvcreate);
    }
    TRY(lvm_command_report(&report, e));
    const struct lvm_volume *v = find_device(&report, place->mount->device);
    if (v == NULL)
        return error_set(e, RC_NOT_FOUND, "LVM does not know the volume of '%s' (%s)", place->path,
                         place->mount->source);
    (void)snprintf(volume->entry.volume, sizeof volume->entry.volume, "%s", v->group);
    volume->entry.origin_len = strlen(v->name);
    memcpy(volume->entry.origin, v->name, volume->entry.origin_len + 1);
    (void)snprintf(what, LEDGER_WHAT_MAX + 1, "%.*s", (int)LEDGER_WHAT_MAX, v->name);
    volume->origin = place->mount->device;
    return RC_OK;
}

static enum rc
inside(const struct snapshot_place *place, char **out, struct error *e)
{
    const char *root = place->mount->root;
    *out = strdup(root[0] == '/' ? root + 1 : root);
    return *out == NULL ? error_set(e, RC_NO_MEMORY, "path of '%s'", place->path) : RC_OK;
}

static enum rc
make_own(const struct snapshot_place *place, struct snapshot_volume *volume, struct error *e)
{
    pthread_condattr_t monotonic;
    struct lvm_own *own = calloc(1, sizeof *own);
    if (own == NULL)
        return error_set(e, RC_NO_MEMORY, "snapshot of '%s'", place->path);
    (void)pthread_mutex_init(&own->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&own->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)snprintf(own->type, sizeof own->type, "%s", place->mount->type);
    (void)snprintf(own->path, sizeof own->path, "%.*s/%s", LVM_NAME_MAX, volume->entry.volume,
                   volume->entry.name);
    volume->own = own;
    return RC_OK;
}

/* "/dev/mapper/vg0-mail" is "vg0-mail". */
static void
name_watched(struct lvm_own *own, const struct lvm_volume *v, const char *suffix)
{
    const char *slash = strrchr(v->device, '/');
    (void)snprintf(own->watched, sizeof own->watched, "%.280s%s",
                   slash == NULL ? v->device : slash + 1, suffix);
}

static enum rc
check_pool(struct lvm_own *own, const struct lvm_report *report, const struct lvm_volume *origin,
           struct error *e)
{
    const struct lvm_volume *pool = lvm_report_find(report, origin->group, origin->pool);
    if (pool == NULL)
        return error_set(e, RC_NOT_FOUND, "LVM does not tell of the thin pool '%s/%s'",
                         origin->group, origin->pool);
    own->thin = true;
    name_watched(own, pool, "-tpool");
    return lvm_decide_pool(pool, e);
}

static void
origin_path(const struct snapshot_volume *volume, char out[static LVM_PATH_MAX])
{
    (void)snprintf(out, LVM_PATH_MAX, "%.*s/%.*s", LVM_NAME_MAX, volume->entry.volume, LVM_NAME_MAX,
                   (const char *)volume->entry.origin);
}

static enum rc
choose_size(struct snapshot_host *host, struct snapshot_volume *volume,
            const struct lvm_volume *origin, struct error *e)
{
    char path[LVM_PATH_MAX];
    struct lvm_own *own = volume->own;
    origin_path(volume, path);
    uint64_t promised = snapshot_host_promised_room(host, origin->group);
    const struct lvm_room room = {
        .group = origin->group,
        .name = origin->name,
        .origin = origin->size,
        .extent = origin->extent,
        .free = origin->group_free > promised ? origin->group_free - promised : 0,
        .total = origin->group_size,
        .churned = churn_last(host->statefd, path),
        .wanted = volume->wanted,
    };
    own->extent = origin->extent;
    TRY(lvm_decide_size(&room, &own->size, e));
    return snapshot_host_promise_room(host, volume->entry.serial, origin->group, own->size, e);
}

static enum rc
prepare(struct snapshot_host *host, const struct snapshot_place *place,
        struct snapshot_volume *volume, struct error *e)
{
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    TRY(make_own(place, volume, e));
    volume->live = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
    if (volume->live < 0)
        return error_errno(e, "hold '%s'", place->path);
    TRY(lvm_command_report(&report, e));
    const struct lvm_volume *origin =
        lvm_report_find(&report, volume->entry.volume, (const char *)volume->entry.origin);
    if (origin == NULL)
        return error_set(e, RC_NOT_FOUND, "the volume of '%s' is not there any more", place->path);
    if (origin->pool[0] == '\0' || origin->attr[0] != 'V')
        return choose_size(host, volume, origin, e);
    struct lvm_own *own = volume->own;
    return check_pool(own, &report, origin, e);
}

static enum rc
take(struct snapshot_host *host, struct snapshot_volume *volume, const _Atomic(bool) *cancel,
     struct error *e)
{
    const struct lvm_own *own = volume->own;
    char size[32], origin[LVM_PATH_MAX], of_cycle[48], of_agent[48], mark[LEDGER_MARK_TEXT_SIZE];
    (void)snprintf(size, sizeof size, "%" PRIu64 "b", own->size);
    (void)snprintf(of_cycle, sizeof of_cycle, "koffer_cycle_%" PRIu64, volume->entry.cycle);
    (void)snprintf(of_agent, sizeof of_agent, "koffer_agent_%s",
                   ledger_mark_text(host->ledger, mark));
    origin_path(volume, origin);
    const char *const classic[] = {
        lvm_command_lvcreate, "-y",     "-s",       "--monitor", "n",  "--addtag", "koffer",
        "--addtag",           of_cycle, "--addtag", of_agent,    "-L", size,       "-n",
        volume->entry.name,   origin,   NULL};
    const char *const thin[] = {lvm_command_lvcreate,
                                "-y",
                                "-s",
                                "--monitor",
                                "n",
                                "--addtag",
                                "koffer",
                                "--addtag",
                                of_cycle,
                                "--addtag",
                                of_agent,
                                "-k",
                                "n",
                                "-a",
                                "y",
                                "-n",
                                volume->entry.name,
                                origin,
                                NULL};
    enum rc rc = lvm_command_run(own->thin ? thin : classic, LVM_CHANGE_MS, cancel, e);
    snapshot_host_forget_room(host, volume->entry.serial);
    if (rc != RC_OK)
        return rc;
    volume->taken = true;
    return RC_OK;
}

/* What was made, by LVM's word: it makes less than it was asked for without saying so. */
static enum rc
adopt(struct snapshot_volume *volume, const struct lvm_volume *v, struct error *e)
{
    struct lvm_own *own = volume->own;
    if (v == NULL || v->origin[0] == '\0' ||
        !text_equal(v->origin, (const char *)volume->entry.origin))
        return error_set(e, RC_STALE, "snapshot lost: LVM does not tell of '%s'", own->path);
    if (v->invalid)
        return error_set(e, RC_STALE, "snapshot lost: '%s' has overflowed already", own->path);
    if (!own->thin) {
        own->size = v->size;
        name_watched(own, v, "");
    }
    return RC_OK;
}

static enum rc
mount_snapshot(struct snapshot_volume *volume, struct error *e)
{
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    struct lvm_own *own = volume->own;
    struct stat about;
    own_closep(&volume->live);
    volume->live = -1;
    TRY(lvm_command_report(&report, e));
    const struct lvm_volume *v = lvm_report_find(&report, volume->entry.volume, volume->entry.name);
    TRY(adopt(volume, v, e));
    TRY(lvm_watch_start(own, e));
    TRY(lvm_mount_detached(own->type, v->device, &volume->top, e));
    volume->root = openat(volume->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (volume->root < 0 || fstat(volume->root, &about) != 0)
        return error_errno(e, "open the snapshot '%s'", own->path);
    volume->device = about.st_dev;
    return RC_OK;
}

static void
remember_churn(struct snapshot_host *host, const struct snapshot_volume *volume)
{
    char path[LVM_PATH_MAX];
    struct error e = ERROR_INIT;
    struct lvm_own *own = volume->own;
    if (own->thin)
        return;
    origin_path(volume, path);
    (void)pthread_mutex_lock(&own->lock);
    uint64_t used = own->used;
    (void)pthread_mutex_unlock(&own->lock);
    if (snapshot_host_note_churn(host, path, used, &e) != RC_OK)
        log_error(&e, "how much a snapshot took is not remembered", LOG_TEXT("name", own->path));
}

static enum rc
check(struct snapshot_host *host, struct snapshot_volume *volume, struct error *e)
{
    struct stat about;
    struct lvm_own *own = volume->own;
    TRY(lvm_watch_look(own, e));
    remember_churn(host, volume);
    if (fstatat(volume->top, ".", &about, 0) != 0)
        return error_set(e, RC_STALE, "snapshot lost: '%s' cannot be read", own->path);
    if (about.st_dev != volume->device)
        return error_set(e, RC_STALE, "snapshot lost: '%s' is another one now", own->path);
    return RC_OK;
}

static void
stop(struct snapshot_volume *volume)
{
    if (volume->own != NULL)
        lvm_watch_stop(volume->own);
}

static void
forget(struct snapshot_host *host, struct snapshot_volume *volume)
{
    struct lvm_own *own = volume->own;
    snapshot_host_forget_room(host, volume->entry.serial);
    if (own == NULL)
        return;
    (void)pthread_mutex_destroy(&own->lock);
    (void)pthread_cond_destroy(&own->wake);
    free(own);
    volume->own = NULL;
}

static bool
is_lost(const struct snapshot_volume *volume)
{
    struct lvm_own *own = volume->own;
    if (own == NULL)
        return false;
    (void)pthread_mutex_lock(&own->lock);
    bool lost = own->lost;
    (void)pthread_mutex_unlock(&own->lock);
    return lost;
}

static void
describe(const struct snapshot_volume *volume, char *out, size_t size)
{
    char origin[LVM_PATH_MAX], room[TEXT_SIZE_MAX];
    const struct lvm_own *own = volume->own;
    origin_path(volume, origin);
    if (own->thin)
        (void)snprintf(out, size, "lvm-thin %s", origin);
    else
        (void)snprintf(out, size, "lvm %s, %s for changes", origin, text_size(own->size, room));
}

static const char *
kind(const struct snapshot_volume *volume)
{
    const struct lvm_own *own = volume->own;
    return own != NULL && own->thin ? "lvm-thin" : "lvm";
}

const struct snapshot_ops snapshot_lvm = {
    .name = "lvm",
    .ledger = LEDGER_LVM,
    .kind = kind,
    .describe = describe,
    .serves = serves,
    .locate = locate,
    .inside = inside,
    .prepare = prepare,
    .take = take,
    .mount = mount_snapshot,
    .check = check,
    .is_lost = is_lost,
    .stop = stop,
    .remove = lvm_remove,
    .strays = lvm_remove_strays,
    .forget = forget,
};
