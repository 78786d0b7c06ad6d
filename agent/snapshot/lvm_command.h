/*
 * lvm_command.h -- LVM's commands: one at a time on this host, none ever killed.
 *
 *     TRY(lvm_command_run(argv, LVM_CREATE_MS, cancel, e));       // RC_TIMEOUT: it hangs; it is left to end by itself
 *     TRY(lvm_command_report(&report, e));                        // lvs, all volumes
 *     TRY(lvm_command_status(name, &status, e));                  // dmsetup: waits for no lock
 *
 * A command that is late gets SIGTERM, which LVM heeds where it can, and nothing else: one that is killed leaves half a volume.  The lock
 * stays taken until it has ended, so that nothing is started on top of it; who waits for the lock in vain gets RC_TIMEOUT.
 * Threads: any.  Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_LVM_COMMAND_H
#define AGENT_SNAPSHOT_LVM_COMMAND_H

#include <stdatomic.h>

#include "agent/snapshot/lvm_report.h"

/* Long enough for a machine under load; a command that needs more hangs. */
enum { LVM_ASK_MS = 60 * 1000, LVM_CHANGE_MS = 120 * 1000, LVM_STATUS_MS = 20 * 1000 };

extern const char lvm_command_lvcreate[], lvm_command_lvremove[], lvm_command_lvextend[];

/* Are LVM's tools installed? */
bool lvm_command_exists(void);
enum rc lvm_command_run(const char *const *argv, int64_t limit_ms, const _Atomic(bool) *cancel,
                        struct error *e);
enum rc lvm_command_report(struct lvm_report *out, struct error *e);
/* By device-mapper's name. */
enum rc lvm_command_status(const char *name, struct lvm_status *out, struct error *e);

#endif
