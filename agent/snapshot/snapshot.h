/*
 * snapshot.h -- the volumes under a source's paths, frozen in one moment (docs/architecture/cut.md).
 *
 *     TRY(snapshot_host_new(&options, &host, e));                 // one per koffer-priv
 *     TRY(snapshot_host_reap(host, &left, e));                    // at the start, then every minute: what nobody owns goes
 *
 *     TRY(snapshot_plan(host, &request, report, &set, e));        // ready: volumes, driver, room; nothing is made
 *     snapshot_settle(set);                                       // cut, before the lock: what is dirty goes to disk
 *     TRY(snapshot_take(set, cancel, e));                         // all of them, or none
 *     TRY(snapshot_mount(set, e));                                // afterwards, outside any lock
 *     views = snapshot_views_of(set);                             // for the walk; valid until release
 *     TRY(snapshot_check(set, e));                                // after the walk: RC_STALE, the snapshot was lost
 *     TRY(snapshot_release(set, e));                              // unmounts and removes; again until RC_OK
 *     snapshot_set_free(set);                                     // what could not be removed stays in the ledger
 *
 * Facts told: `snapshot` (as snapshot_taken's driver) and for each of the first eight volumes `snapshot.volume` ("/srv: lvm vg0/srv, 4.2 GiB for
 * changes").
 *
 * Law (each rule has its test): an entry is in the ledger, durable, before its snapshot is made, and goes after it is
 * gone.  Only what carries our tag and our name and stands in no source's place is ever removed.  LVM's commands run one
 * at a time on a host, are never killed with SIGKILL, and may outlive their deadline: then the set has failed, and the reaper
 * looks again.  A set is watched from mount to release (every second): a classic LVM snapshot above 60 % grows, and the
 * set fails when one becomes invalid.
 *
 * Errors: RC_UNSUPPORTED no driver serves a path (the text names path, file system and remedy); RC_NO_SPACE no room in
 * the volume group or thin pool; RC_TIMEOUT a command hangs; RC_STALE lost; RC_CANCELLED.
 * Threads: a set from one thread at a time; sets of one host at once.  Layer: agent/snapshot.
 */
#ifndef AGENT_SNAPSHOT_SNAPSHOT_H
#define AGENT_SNAPSHOT_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/snapshot/snapshot_view.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/own.h"

enum snapshot_driver { SNAPSHOT_AUTO, SNAPSHOT_NONE, SNAPSHOT_BTRFS, SNAPSHOT_LVM };

struct snapshot_host_options {
    const char *state; /* directory of the ledger */
};

struct snapshot_host;
/*
 * RC_CORRUPT: the ledger cannot be read; nothing is guessed.  What is mounted later has no place in any table of mounts: it is
 * reached by its descriptor only, nobody can unmount it, and it is gone with the process.
 */
enum rc snapshot_host_new(const struct snapshot_host_options *options, struct snapshot_host **out,
                          struct error *e);
void snapshot_host_free(struct snapshot_host *host); /* no set may be left */
DEFINE_FREEP(snapshot_host)
/* Removes what an earlier process or a failed release left.  *left: leftovers that could not be removed yet, each logged. */
enum rc snapshot_host_reap(struct snapshot_host *host, size_t *left, struct error *e);

struct snapshot_path {
    const char *path; /* absolute; may lead through links */
    bool cross;       /* file systems mounted below belong to it */
    bool must; /* where no driver serves: RC_UNSUPPORTED; else it has no view, and is read live */
};

struct snapshot_request {
    uint64_t cycle;
    const char *source;
    enum snapshot_driver driver;
    const struct snapshot_path *paths;
    size_t count;
    uint64_t size; /* bytes for a classic LVM snapshot; 0: by measured churn */
};

struct snapshot_notes { /* for people; called on the caller's thread */
    void *ctx;
    void (*warn)(void *ctx, const char *text);
    void (*fact)(void *ctx, const char *name, const char *value);
};

struct snapshot_set;
enum rc
snapshot_plan(struct snapshot_host *host, const struct snapshot_request *request,
              const struct snapshot_notes *notes, struct snapshot_set **out, struct error *e);
/* Before a lock is taken: what is dirty goes to the disk now, so that the freeze in the snapshot command is short. */
void snapshot_settle(const struct snapshot_set *set);
/* After a failure nothing of the set is to be used: release it, once the lock is gone. */
enum rc snapshot_take(struct snapshot_set *set, const _Atomic(bool) *cancel, struct error *e);
enum rc snapshot_mount(struct snapshot_set *set, struct error *e);
struct snapshot_views snapshot_views_of(const struct snapshot_set *set);
enum rc snapshot_check(struct snapshot_set *set, struct error *e);
/* From any thread, at no cost: is it known already that snapshot_check will fail?  Then a capture may stop. */
bool snapshot_is_lost(const struct snapshot_set *set);
enum rc snapshot_release(struct snapshot_set *set, struct error *e);
void snapshot_set_free(struct snapshot_set *set); /* NULL is fine; releases as far as possible */
DEFINE_FREEP(snapshot_set)

struct snapshot_taken {
    const char *driver; /* "btrfs", "lvm", "lvm-thin", "none", or several joined by '+' */
    size_t volumes;
    struct wall from, until; /* the first one begun, the last one taken; {0}: driver none */
    int64_t command_ns;      /* spent in the snapshot commands themselves */
};
struct snapshot_taken snapshot_taken_of(const struct snapshot_set *set);

#endif
