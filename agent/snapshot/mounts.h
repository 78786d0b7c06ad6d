/*
 * mounts.h -- what is mounted where, as this process sees it (/proc/self/mountinfo, by libmount).
 *
 *     TRY(mounts_read(&mounts, e));
 *     TRY(mounts_under(mounts, fd, path, &mount, e));     // the mount that an open descriptor lies on
 *     for (size_t i = 0; i < mounts_count(mounts); i++) ... mounts_at(mounts, i) ...
 *
 * Threads: one at a time.  Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_MOUNTS_H
#define AGENT_SNAPSHOT_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/own.h"

enum mounts_kind {
    MOUNTS_DISK,   /* holds somebody's data */
    MOUNTS_MEMORY, /* tmpfs: nothing that outlives a boot */
    MOUNTS_KERNEL, /* proc, sysfs, cgroups, a tmpfs on /dev or /run: nobody asks for it */
};

struct mounts_mount { /* texts are borrowed from the table */
    int id;
    dev_t device; /* of its superblock; btrfs: not what stat(2) says */
    const char *target, *root, *type, *source;
    enum mounts_kind kind;
};

struct mounts;
enum rc mounts_read(struct mounts **out, struct error *e);
void mounts_free(struct mounts *m);
DEFINE_FREEP(mounts)
size_t mounts_count(const struct mounts *m);
const struct mounts_mount *mounts_at(const struct mounts *m, size_t i);
/* RC_STALE: it was mounted after the table was read. */
enum rc mounts_under(const struct mounts *m, int fd, const char *path,
                     const struct mounts_mount **out, struct error *e);
/* Is it what its target leads to, or is another mount on top? */
bool mounts_shows(const struct mounts_mount *mount);

#endif
