/*
 * scan.h -- the walk: every directory in ascending order of names, unchanged files from the memory.
 *
 * Tells fs/ of the archive: the directories on the way to the paths asked for with their own
 * metadata, the paths themselves with everything below them.  What another file system is mounted
 * on is kept as an empty directory, with a warning unless the mounted one is the kernel's own
 * (scan_mount.h).  Nothing is followed: every directory is opened from its parent's
 * descriptor.
 *
 * Threads: the scanner's.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_SCAN_H
#define AGENT_CAPTURE_SCAN_H

#include "agent/capture/intake.h"
#include "agent/capture/memory.h"
#include "agent/capture/paths.h"

struct scan_options {
    struct intake *intake;
    struct memory *memory; /* NULL: none */
    const struct paths *paths;
    size_t names_bytes; /* names.h */
    struct capture_progress *progress;
};

struct scan_result {
    uint64_t unreadable; /* what has not even an entry in the archive */
};

enum rc scan_run(const struct scan_options *options, struct scan_result *result, struct error *e);

#endif
