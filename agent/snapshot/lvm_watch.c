/* lvm_watch.c -- one thread per LVM snapshot: an overflow must be seen before it happens.  See lvm_internal.h. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/snapshot/lvm_command.h"
#include "agent/snapshot/lvm_internal.h"
#include "common/base/log.h"

enum { LOOK_EVERY_SECONDS = 1, PERMILLE = 1000 };

static void
set_lost(struct lvm_own *own, const char *why)
{
    (void)pthread_mutex_lock(&own->lock);
    if (!own->lost)
        (void)snprintf(own->why, sizeof own->why, "snapshot lost: '%s' %s", own->path, why);
    own->lost = true;
    (void)pthread_mutex_unlock(&own->lock);
}

static void
judge_pool(struct lvm_own *own, const struct lvm_status *status)
{
    uint64_t data = status->total == 0 ? PERMILLE : status->used * PERMILLE / status->total;
    if (!status->valid)
        set_lost(own, "lies in a thin pool that has failed or is full");
    else if (data >= LVM_POOL_LOST || status->metadata >= LVM_POOL_LOST)
        set_lost(own, "is given up: its thin pool is 90 % full, and a full one hangs production");
}

static void
grow(struct lvm_own *own, const struct lvm_status *status)
{
    char size[32];
    struct error e = ERROR_INIT;
    uint64_t more = lvm_decide_growth(status, own->extent);
    if (more == 0)
        return;
    (void)snprintf(size, sizeof size, "+%" PRIu64 "b", more);
    const char *const argv[] = {lvm_command_lvextend, "-L", size, own->path, NULL};
    if (lvm_command_run(argv, LVM_CHANGE_MS, NULL, &e) == RC_OK) {
        log_info("a snapshot has grown", LOG_TEXT("name", own->path), LOG_U64("by", more));
        own->cramped = false;
    } else if (!own->cramped) {
        own->cramped = true; /* said once; it is tried again */
        log_error(&e, "a snapshot that fills up cannot grow", LOG_TEXT("name", own->path));
    }
}

static void
judge(struct lvm_own *own, const struct lvm_status *status)
{
    if (own->thin) {
        judge_pool(own, status);
        return;
    }
    if (!status->valid) {
        set_lost(own, "has overflowed: more was changed than it has room for");
        return;
    }
    (void)pthread_mutex_lock(&own->lock);
    own->used = status->used;
    (void)pthread_mutex_unlock(&own->lock);
}

enum rc
lvm_watch_look(struct lvm_own *own, struct error *e)
{
    struct lvm_status status;
    TRY(lvm_command_status(own->watched, &status, e));
    judge(own, &status);
    (void)pthread_mutex_lock(&own->lock);
    enum rc rc = own->lost ? error_set(e, RC_STALE, "%s", own->why) : RC_OK;
    (void)pthread_mutex_unlock(&own->lock);
    return rc;
}

/* Until the next look; false: it is over. */
static bool
rest(struct lvm_own *own)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_EVERY_SECONDS;
    (void)pthread_mutex_lock(&own->lock);
    while (!own->stop && pthread_cond_timedwait(&own->wake, &own->lock, &until) == 0)
        continue;
    bool go_on = !own->stop && !own->lost;
    (void)pthread_mutex_unlock(&own->lock);
    return go_on;
}

static void *
watch(void *ctx)
{
    struct lvm_own *own = ctx;
    while (rest(own)) {
        struct lvm_status status;
        struct error ignored = ERROR_INIT; /* the look at the end decides */
        if (lvm_command_status(own->watched, &status, &ignored) != RC_OK)
            continue;
        judge(own, &status);
        if (!own->thin)
            grow(own, &status);
    }
    return NULL;
}

enum rc
lvm_watch_start(struct lvm_own *own, struct error *e)
{
    int failed = pthread_create(&own->thread, NULL, watch, own);
    if (failed != 0)
        return error_set(e, RC_NO_MEMORY, "a thread to watch '%s'", own->path);
    own->watching = true;
    return RC_OK;
}

void
lvm_watch_stop(struct lvm_own *own)
{
    if (!own->watching)
        return;
    (void)pthread_mutex_lock(&own->lock);
    own->stop = true;
    (void)pthread_cond_signal(&own->wake);
    (void)pthread_mutex_unlock(&own->lock);
    (void)pthread_join(own->thread, NULL);
    own->watching = false;
}
