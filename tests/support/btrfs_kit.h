/*
 * btrfs_kit.h -- a real btrfs on an image of its own, mounted where nobody else sees it.
 *
 *     struct btrfs_kit *kit = btrfs_kit_new();              // needs root; CLEANUP(btrfs_kit_freep)
 *     ... kit->mount ... kit->state ...
 *
 * Mounts lie in this process's own namespace and the loop device goes with the last mount: whatever happens to the test,
 * nothing is left but a directory in $TMPDIR or /tmp.  Call it while there is one thread only.
 */
#ifndef TESTS_SUPPORT_BTRFS_KIT_H
#define TESTS_SUPPORT_BTRFS_KIT_H

#include <stdbool.h>

#include "common/base/own.h"

enum { BTRFS_KIT_PATH = 128 };

struct btrfs_kit {
    char directory[BTRFS_KIT_PATH];  /* private, removed at the end */
    char mount[BTRFS_KIT_PATH + 16]; /* the file system's top is mounted here */
    char state[BTRFS_KIT_PATH + 16]; /* an empty directory on another file system */
    char again[BTRFS_KIT_PATH + 16]; /* an empty directory, see btrfs_kit_bind */
    char device[32];                 /* the loop device */
};

struct btrfs_kit *btrfs_kit_new(void);
void btrfs_kit_free(struct btrfs_kit *kit);
DEFINE_FREEP(btrfs_kit)

/* Below the mount. */
void btrfs_kit_subvolume(const struct btrfs_kit *kit, const char *name);
void btrfs_kit_write(const struct btrfs_kit *kit, const char *name, const char *text);
/* A directory below the mount is mounted once more, at kit->again. */
void btrfs_kit_bind(const struct btrfs_kit *kit, const char *name);
/* Names in <mount>/.koffer; -1: there is no such directory. */
int btrfs_kit_count_snapshots(const struct btrfs_kit *kit);

#endif
