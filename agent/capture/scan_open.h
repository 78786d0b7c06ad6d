/*
 * scan_open.h -- directories of a walk, live or in the snapshot of their volume.
 *
 * Where a volume was cut, the walk goes on at its snapshot's root: in the snapshot of the volume around
 * it that place is an empty directory.
 * Layer: agent/capture (for scan*.c only).
 */
#ifndef AGENT_CAPTURE_SCAN_OPEN_H
#define AGENT_CAPTURE_SCAN_OPEN_H

#include "agent/capture/scan_item.h"

struct scan_opened {
    int fd;       /* -1 and errno */
    bool cut;     /* in a snapshot */
    bool outside; /* another volume, left out on purpose: keep the directory empty */
    bool quiet;   /* without a word about it */
    bool hidden;  /* without an entry */
};

/* `name` in `in`, the entry at hand of the walk. */
void scan_open(const struct scan *s, const struct scan_place *in, const char *name, int flags,
               struct scan_opened *out);
void scan_open_close(struct scan_opened *o);
/* Tells that what is mounted at the entry at hand was left out, unless it is the kernel's own. */
void scan_open_warn(struct scan *s, int fd);
/* The same of a volume that has no view: as the live walk would have said it. */
void scan_open_warn_outside(struct scan *s);
/* A btrfs subvolume that the snapshot does not hold, for nobody knew of it when the cut was planned. */
bool scan_open_missed(const struct scan_opened *o, const struct stat *st);

#endif
