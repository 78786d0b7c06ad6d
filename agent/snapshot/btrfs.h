/*
 * btrfs.h -- snapshots of btrfs subvolumes: read-only ones in `.koffer`, a directory of root's own in the top of the mount.
 *
 * The mount is opened once more, as a copy that has no place in any table of mounts (open_tree(2)): writable for us
 * when our own view of it is read-only (ProtectSystem=), gone with the process, needing no access to the device.
 * `.koffer` is made for the first snapshot and removed with the last one.  A capture never sees it: it is a view that is left out.
 *
 * The decision what may be removed is pure:
 *
 *     TRY(btrfs_may_remove(entry, &facts, e));          // RC_DENIED says why not
 *
 * Layer: agent/snapshot, internal.  Threads: any.
 */
#ifndef AGENT_SNAPSHOT_BTRFS_H
#define AGENT_SNAPSHOT_BTRFS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/snapshot/ledger.h"
#include "agent/snapshot/snapshot_internal.h"

#define BTRFS_DIRECTORY ".koffer"

enum { BTRFS_UUID_SIZE = 16, BTRFS_TOP_SUBVOLUME = 5 };

/* What the kernel says of the thing that has the entry's name in `.koffer`. */
struct btrfs_facts {
    uint8_t fsid[LEDGER_FSID_SIZE];
    uint8_t parent[BTRFS_UUID_SIZE]; /* zero: not made as a snapshot */
    bool subvolume, read_only;
};
enum rc btrfs_may_remove(const struct ledger_entry *entry, const struct btrfs_facts *facts,
                         struct error *e);

/* Subvolumes below this one, which lies on the file system of `fd`, deeper ones too; paths from its root. */
typedef enum rc btrfs_visit(void *ctx, const char *path, uint64_t id, struct error *e);
enum rc btrfs_each_below(int fd, uint64_t subvolume, const char *shown, btrfs_visit *visit,
                         void *ctx, struct error *e);
/* Is this directory the root of a subvolume, and of which? */
bool btrfs_is_root(int fd, uint64_t *id);

#endif
