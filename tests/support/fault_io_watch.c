/* fault_io_watch.c -- see fault_io_watch.h. */
#include "tests/support/fault_io_watch.h"

#include <errno.h>
#include <stddef.h>

static fault_io_watcher *watcher;
static void *watcher_ctx;

void
fault_io_watch(fault_io_watcher *who, void *ctx)
{
    watcher = who;
    watcher_ctx = ctx;
}

long
fault_io_tell(long rc, struct fault_io_change change)
{
    int before = errno;
    if (watcher != NULL) {
        change.failed = rc < 0;
        watcher(watcher_ctx, &change);
    }
    errno = before;
    return rc;
}
