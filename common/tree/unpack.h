/*
 * unpack.h -- put a part of a tree back on a disk: the restore of files, for agent, controller and
 * the recovery tool alike.
 *
 * Everything is created beneath an already open directory, by openat2(2) with RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS for every parent, so neither names in the tree nor a symbolic link swapped in
 * by someone else can lead outside (facts: H4).  A file is written under a temporary name, gets its
 * owner, mode, attributes and times on the descriptor, and is then renamed into place: an
 * interrupted restore leaves whole files only.  Directories get their times last.
 * Owners are set by name where the name exists here, else by number; a process that is not root keeps its own
 * and counts it, and gives nobody's setuid bit to itself.  Hard links are linked again; holes stay holes;
 * sockets are counted, not made.
 *
 * Running it again skips what is already there: files of the same size and time, links of the same
 * target, devices of the same number; where it may replace, all of them only with the same time, and hard links only
 * when they are one.  What lost a detail was told, counts as failed and does not get its time, so the next restore that
 * may replace makes it anew.  A directory that a killed restore left behind is recognised
 * (mode 01700, ours) and finished.  After a power failure that comes before unpack() returns, files
 * written last may be short, which their size shows; when it has returned RC_OK, all is on the disk.
 *
 * Threads: one restore per call; several calls may run at once on different targets.  Another one on the same
 * target, of whatever process, is refused with RC_AGAIN (flock on the directory).
 * Layer: common/tree.
 */
#ifndef COMMON_TREE_UNPACK_H
#define COMMON_TREE_UNPACK_H

#include <stdatomic.h>

#include "common/tree/tree.h"

enum unpack_existing {
    UNPACK_KEEP,    /* what is there and differs stays, is reported and counted as kept */
    UNPACK_REPLACE, /* files are replaced; never a directory by something else */
};

struct unpack_counts { /* also the live progress; updated with relaxed atomics */
    _Atomic(uint64_t) files, directories, others, bytes, skipped, failed;
    _Atomic(uint64_t) owners_not_set, existing_kept;
};

struct unpack_options {
    bool dry_run; /* walk and count; nothing is written */
    enum unpack_existing existing;
    const _Atomic(bool) *cancel;  /* NULL: cannot be cancelled */
    struct unpack_counts *counts; /* required */
    /* One item failed, was kept, or lost a detail; NULL fine.  `path` is relative to the target and
     * holds foreign bytes: escape it. */
    void (*report)(void *ctx, const char *path, const struct error *e);
    void *report_ctx;
};

/*
 * Restore `entry` (found by tree_find) beneath `target`, an open directory (-1: it is not there, for a dry run): a directory's content
 * goes directly into the target, whose own mode and owner stay; a file goes under its own name.
 * An item that fails, also one whose blobs are missing or damaged, is reported and counted, and the
 * rest goes on.  RC_NO_SPACE, RC_NO_MEMORY, RC_CANCELLED and a source that does not answer end it.
 * RC_OK only when nothing failed; RC_NO_MEMORY also when only a detail of an item was lost for want of it.
 */
enum rc unpack(struct blob_source *source, const struct node_entry *entry, int target,
               const struct unpack_options *options, struct error *e);

#endif
