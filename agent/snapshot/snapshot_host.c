/* snapshot_host.c -- who owns which entry of the ledger, and the reaper.  See snapshot.h. */
#include <fcntl.h>
#include <stdio.h>

#include "agent/snapshot/snapshot_internal.h"
#include "common/base/log.h"
#include "common/sys/file.h"

enum { STRAYS_EVERY = 10 /* turns: LVM is asked for all of its volumes */ };
enum { RETRY_FIRST_MS = 30 * 1000, RETRY_DOUBLINGS = 7 }; /* at least once an hour or so */

const struct snapshot_ops *const snapshot_drivers[] = {&snapshot_btrfs, &snapshot_lvm, NULL};

enum rc
snapshot_host_new(const struct snapshot_host_options *options, struct snapshot_host **out,
                  struct error *e)
{
    struct snapshot_host *host = calloc(1, sizeof *host);
    if (host == NULL)
        return error_set(e, RC_NO_MEMORY, "snapshots");
    host->statefd = -1;
    (void)pthread_mutex_init(&host->lock, NULL);
    enum rc rc = file_open_directory(AT_FDCWD, options->state, &host->statefd, e);
    if (rc == RC_OK)
        rc = ledger_open(options->state, &host->ledger, e);
    if (rc != RC_OK) {
        snapshot_host_free(host);
        return rc;
    }
    *out = host;
    return RC_OK;
}

void
snapshot_host_free(struct snapshot_host *host)
{
    if (host == NULL)
        return;
    ledger_free(host->ledger);
    own_closep(&host->statefd);
    (void)pthread_mutex_destroy(&host->lock);
    free(host);
}

enum rc
snapshot_host_promise(struct snapshot_host *host, struct ledger_entry *entry, const char *what,
                      struct error *e)
{
    (void)pthread_mutex_lock(&host->lock);
    enum rc rc = ledger_add(host->ledger, entry, what, e);
    if (rc == RC_OK)
        host->live[host->live_count++] = entry->serial;
    else
        entry->serial = 0;
    (void)pthread_mutex_unlock(&host->lock);
    return rc;
}

static void
disown(struct snapshot_host *host, uint64_t serial)
{
    for (size_t i = 0; i < host->live_count; i++) {
        if (host->live[i] == serial) {
            host->live[i] = host->live[--host->live_count];
            return;
        }
    }
}

void
snapshot_host_disown(struct snapshot_host *host, uint64_t serial)
{
    (void)pthread_mutex_lock(&host->lock);
    disown(host, serial);
    (void)pthread_mutex_unlock(&host->lock);
}

enum rc
snapshot_host_done(struct snapshot_host *host, uint64_t serial, struct error *e)
{
    (void)pthread_mutex_lock(&host->lock);
    enum rc rc = ledger_drop(host->ledger, serial, e);
    if (rc == RC_OK)
        disown(host, serial);
    (void)pthread_mutex_unlock(&host->lock);
    return rc;
}

static bool
same_place(const struct ledger_entry *a, const struct ledger_entry *b)
{
    return a->driver == b->driver && a->origin_len == b->origin_len &&
           memcmp(a->origin, b->origin, a->origin_len) == 0 && strcmp(a->volume, b->volume) == 0;
}

void
snapshot_host_if_last(struct snapshot_host *host, const struct ledger_entry *entry,
                      void (*act)(void *ctx), void *ctx)
{
    bool last = true;
    (void)pthread_mutex_lock(&host->lock);
    const struct ledger_image *image = ledger_image_of(host->ledger);
    for (size_t i = 0; i < image->count; i++)
        if (image->entries[i].serial != entry->serial && same_place(&image->entries[i], entry))
            last = false;
    if (last)
        act(ctx);
    (void)pthread_mutex_unlock(&host->lock);
}

bool
snapshot_host_knows(struct snapshot_host *host, uint64_t serial)
{
    bool known = false;
    (void)pthread_mutex_lock(&host->lock);
    const struct ledger_image *image = ledger_image_of(host->ledger);
    for (size_t i = 0; i < image->count; i++)
        known = known || image->entries[i].serial == serial;
    (void)pthread_mutex_unlock(&host->lock);
    return known;
}

static bool
is_live(const struct snapshot_host *host, uint64_t serial)
{
    for (size_t i = 0; i < host->live_count; i++)
        if (host->live[i] == serial)
            return true;
    return false;
}

/* A copy of the entries that nobody owns; NULL: no memory. */
static struct ledger_entry *
list_orphans(struct snapshot_host *host, size_t *count)
{
    struct ledger_entry *all = calloc(LEDGER_ENTRIES_MAX, sizeof *all);
    *count = 0;
    if (all == NULL)
        return NULL;
    (void)pthread_mutex_lock(&host->lock);
    const struct ledger_image *image = ledger_image_of(host->ledger);
    for (size_t i = 0; i < image->count; i++)
        if (!is_live(host, image->entries[i].serial))
            all[(*count)++] = image->entries[i];
    (void)pthread_mutex_unlock(&host->lock);
    return all;
}

static struct snapshot_leftover *
find_leftover(struct snapshot_host *host, uint64_t serial)
{
    for (size_t i = 0; i < host->leftover_count; i++)
        if (host->leftovers[i].serial == serial)
            return &host->leftovers[i];
    return NULL;
}

/* Longer and longer, so that what cannot be removed does not fill the log. */
static void
note_failure(struct snapshot_host *host, const struct ledger_entry *entry, const struct error *why,
             struct mono now)
{
    struct snapshot_leftover *left = find_leftover(host, entry->serial);
    if (left == NULL) {
        left = &host->leftovers[host->leftover_count++];
        *left = (struct snapshot_leftover){.serial = entry->serial};
    }
    left->next = clock_after_ms(now, (int64_t)RETRY_FIRST_MS << left->tries);
    left->tries += left->tries < RETRY_DOUBLINGS ? 1 : 0;
    log_error(why, "a snapshot could not be removed", LOG_TEXT("name", entry->name),
              LOG_U64("cycle", entry->cycle));
}

static void
forget_failure(struct snapshot_host *host, uint64_t serial)
{
    struct snapshot_leftover *left = find_leftover(host, serial);
    if (left != NULL)
        *left = host->leftovers[--host->leftover_count];
}

static enum rc
remove_entry(struct snapshot_host *host, const struct ledger_entry *entry, struct error *e)
{
    for (const struct snapshot_ops *const *ops = snapshot_drivers; *ops != NULL; ops++) {
        if ((*ops)->ledger == entry->driver) {
            TRY((*ops)->remove(host, entry, e));
            return snapshot_host_done(host, entry->serial, e);
        }
    }
    return error_set(e, RC_UNSUPPORTED, "this build removes no snapshots of that kind");
}

static bool
reap_one(struct snapshot_host *host, const struct ledger_entry *entry)
{
    struct error why = ERROR_INIT;
    struct mono now = clock_mono();
    const struct snapshot_leftover *earlier = find_leftover(host, entry->serial);
    if (earlier != NULL && now.ns < earlier->next.ns)
        return false;
    if (remove_entry(host, entry, &why) != RC_OK) {
        note_failure(host, entry, &why, now);
        return false;
    }
    forget_failure(host, entry->serial);
    log_warning("a snapshot that nobody owned was removed", LOG_TEXT("name", entry->name),
                LOG_U64("cycle", entry->cycle));
    return true;
}

static enum rc
reap_strays(struct snapshot_host *host, size_t *left, struct error *e)
{
    if (host->reaped++ % STRAYS_EVERY != 0)
        return RC_OK;
    for (const struct snapshot_ops *const *ops = snapshot_drivers; *ops != NULL; ops++)
        if ((*ops)->strays != NULL)
            TRY((*ops)->strays(host, left, e));
    return RC_OK;
}

enum rc
snapshot_host_reap(struct snapshot_host *host, size_t *left, struct error *e)
{
    size_t count, stay = 0;
    CLEANUP(own_freep) struct ledger_entry *orphans = list_orphans(host, &count);
    if (orphans == NULL)
        return error_set(e, RC_NO_MEMORY, "snapshots left over");
    for (size_t i = 0; i < count; i++)
        if (!reap_one(host, &orphans[i]))
            stay++;
    TRY(reap_strays(host, &stay, e));
    *left = stay;
    return RC_OK;
}
