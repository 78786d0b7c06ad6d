/* lvm_remove.c -- lvremove, and all that must be true before.  See lvm_internal.h. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "agent/snapshot/lvm_command.h"
#include "agent/snapshot/lvm_internal.h"
#include "common/base/log.h"
#include "common/base/text.h"

/* Does the volume stand in the table of mounts?  Our own mounts never do. */
static enum rc
is_mounted(const struct lvm_volume *v, bool *out, struct error *e)
{
    CLEANUP(mounts_freep) struct mounts *mounts = NULL;
    *out = false;
    if (v->major < 0 || v->minor < 0)
        return RC_OK;
    TRY(mounts_read(&mounts, e));
    dev_t device = makedev((unsigned)v->major, (unsigned)v->minor);
    for (size_t i = 0; i < mounts_count(mounts); i++)
        *out = *out || mounts_at(mounts, i)->device == device;
    return RC_OK;
}

/* By its full name, and never with --force: LVM's own refusals are the last line. */
static enum rc
remove_volume(struct snapshot_host *host, const struct lvm_report *report,
              const struct lvm_volume *v, const char *origin, struct error *e)
{
    char mark[LEDGER_MARK_TEXT_SIZE], path[LVM_PATH_MAX];
    struct lvm_claim claim = {.mark = ledger_mark_text(host->ledger, mark), .origin = origin};
    TRY(is_mounted(v, &claim.mounted, e));
    TRY(lvm_decide_removal(report, v, &claim, e));
    (void)snprintf(path, sizeof path, "%s/%s", v->group, v->name);
    const char *const argv[] = {lvm_command_lvremove, "-y", path, NULL};
    return lvm_command_run(argv, LVM_CHANGE_MS, NULL, e);
}

/* A group that is not there holds nothing of ours now; when it comes back, its tags tell of it. */
enum rc
lvm_remove(struct snapshot_host *host, const struct ledger_entry *entry, struct error *e)
{
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    TRY(lvm_command_report(&report, e));
    const struct lvm_volume *v = lvm_report_find(&report, entry->volume, entry->name);
    if (v == NULL)
        return RC_OK;
    return remove_volume(host, &report, v, (const char *)entry->origin, e);
}

static bool
is_stray(struct snapshot_host *host, const struct lvm_volume *v)
{
    char mark[LEDGER_MARK_TEXT_SIZE], tag[48];
    uint64_t cycle, serial;
    (void)snprintf(tag, sizeof tag, "koffer_agent_%s", ledger_mark_text(host->ledger, mark));
    return lvm_report_has_tag(v, tag) && lvm_decide_name(v->name, &cycle, &serial) &&
           !snapshot_host_knows(host, serial);
}

enum rc
lvm_remove_strays(struct snapshot_host *host, size_t *left, struct error *e)
{
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    if (!lvm_command_exists())
        return RC_OK;
    TRY(lvm_command_report(&report, e));
    for (size_t i = 0; i < report.count; i++) {
        struct error why = ERROR_INIT;
        const struct lvm_volume *v = &report.at[i];
        if (!is_stray(host, v))
            continue;
        if (remove_volume(host, &report, v, NULL, &why) == RC_OK) {
            log_warning("a snapshot that nobody knew of was removed", LOG_TEXT("name", v->name));
            continue;
        }
        ++*left;
        log_error(&why, "a snapshot that nobody knows of stays", LOG_TEXT("name", v->name));
    }
    return RC_OK;
}
