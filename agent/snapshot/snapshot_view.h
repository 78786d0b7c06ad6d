/*
 * snapshot_view.h -- where a walk over live names goes on in a snapshot.
 *
 * A view stands for one volume: a mounted file system or a btrfs subvolume.  Whoever comes to `path` by
 * its live name goes on at `root`, and takes files of `device` as files of `origin`.
 * Ownership: of the snapshot_set that made it (snapshot.h).  Layer: agent/snapshot.
 */
#ifndef AGENT_SNAPSHOT_SNAPSHOT_VIEW_H
#define AGENT_SNAPSHOT_SNAPSHOT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct snapshot_view {
    const char *path; /* absolute, without links and trailing slash ("/" alone excepted) */
    int root; /* the same directory in the snapshot, open; -1: left out on purpose, keep it empty */
    bool quiet;   /* left out, and nobody needs to be told: the kernel's own, or ours */
    bool hidden;  /* left out with its name: where our own snapshots lie */
    dev_t device; /* st_dev below `root` */
    dev_t origin; /* st_dev of the live volume: stable from cycle to cycle */
};

struct snapshot_views {
    const struct snapshot_view *at; /* ascending by path, compared with strcmp */
    size_t count;
};

/* The view of exactly this path; NULL: none.  `views` may be NULL, here and below. */
const struct snapshot_view *
snapshot_view_find(const struct snapshot_views *views, const char *path);
/* A file's metadata as it would be live: its device is the origin. */
void snapshot_view_adopt(const struct snapshot_views *views, struct stat *st);

#endif
