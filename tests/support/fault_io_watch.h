/*
 * fault_io_watch.h -- tells of every change of stored state as it is made, for those who want to make it undone.
 *
 *     fault_io_watch(note, trace);     // note(trace, &change) after each, also after those that failed
 *     ... the operation ...
 *     fault_io_watch(NULL, NULL);
 *
 * The same calls as those that fault_io.h lets fail, and only what names and bytes are concerned: modes, owners and
 * times are not told.  What is written through a shared map is not seen.
 * Threads: the watcher is called in the thread that makes the change.
 */
#ifndef TESTS_SUPPORT_FAULT_IO_WATCH_H
#define TESTS_SUPPORT_FAULT_IO_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

enum fault_io_changed {
    FAULT_IO_OPENED,  /* fd, dirfd, path, flags: with O_CREAT, O_TRUNC or O_TMPFILE */
    FAULT_IO_WROTE,   /* fd, bytes, len; at: -1 says that it ends at the descriptor's position */
    FAULT_IO_CUT,     /* fd, at: its length now, longer ones included */
    FAULT_IO_SYNCED,  /* fd: a file or a directory */
    FAULT_IO_ALL,     /* fd: the whole file system was synced */
    FAULT_IO_MADE,    /* dirfd, path: a directory, link or device */
    FAULT_IO_LINKED,  /* dirfd, path, to_dirfd, to */
    FAULT_IO_RENAMED, /* dirfd, path, to_dirfd, to */
    FAULT_IO_REMOVED, /* dirfd, path */
};

struct fault_io_change {
    enum fault_io_changed what;
    bool failed;
    int fd, dirfd, to_dirfd, flags;
    const char *path, *to;
    const void *bytes;
    size_t len;
    off_t at;
};

typedef void fault_io_watcher(void *ctx, const struct fault_io_change *change);
/* NULL: nobody watches any more. */
void fault_io_watch(fault_io_watcher *watcher, void *ctx);
/* For fault_io_calls.c.  Returns `rc`, leaves errno alone. */
long fault_io_tell(long rc, struct fault_io_change change);

#endif
