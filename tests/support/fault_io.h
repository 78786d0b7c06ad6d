/*
 * fault_io.h -- makes the n-th file operation fail, in our code and in the libraries below.
 *
 *     for (unsigned n = 1;; n++) {
 *         prepare();
 *         fault_io_arm(n, EIO, false);
 *         rc = the_operation();
 *         fault_io_disarm();
 *         if (!fault_io_fired()) break;                 // fewer than n changes: swept
 *         check_that_the_world_is_before_or_after(rc);
 *     }
 *
 * It defines open, write, fsync, rename, unlink and their kin in the test's executable, which the
 * dynamic linker prefers to libc's; so it is compiled into the tests that want it only.
 * Changes are: opens that create or truncate, writes and closes of regular files that were written,
 * syncs, renames, links, unlinks, directories and other items made, owners, modes, times and
 * attributes set, truncations, allocations.  Descriptors 0 to 2 are left alone.  A call that fails
 * does nothing, except close, which closes all the same.
 *
 * Operations of other classes are counted for themselves: fault_io_plan() says which one is meant.
 * One file or directory can be broken for reading instead, as by a bad place on its disk.
 * Threads: any; the counts are common to all.
 */
#ifndef TESTS_SUPPORT_FAULT_IO_H
#define TESTS_SUPPORT_FAULT_IO_H

#include <stdbool.h>
#include <sys/types.h>

enum fault_io_class {
    FAULT_IO_CHANGES,
    FAULT_IO_WRITES, /* the writes among the changes */
    FAULT_IO_OPENS,  /* all of them, whatever for */
    FAULT_IO_READS,  /* of files and directories */
    FAULT_IO_CLASSES_,
};

enum fault_io_how {
    FAULT_IO_ONCE,
    FAULT_IO_STICKY,       /* the later ones fail, too */
    FAULT_IO_SHORT,        /* a write of more than one byte writes half: legal, to be continued */
    FAULT_IO_SHORT_STICKY, /* so do the later ones */
    FAULT_IO_TORN, /* a write writes half, anything else does nothing; then the process ends */
};

enum { FAULT_IO_TORN_STATUS = 86 }; /* with which it ends: no exit handlers run */

struct fault_io_plan {
    enum fault_io_class what;
    enum fault_io_how how;
    int error_number; /* ONCE, STICKY */
    unsigned at;      /* 1 is the first; 0 only counts */
};
void fault_io_plan(const struct fault_io_plan *plan);
/* The same for changes, once or sticky ... */
void fault_io_arm(unsigned n, int error_number, bool sticky);
/* ... and short, if the n-th change is a write. */
void fault_io_arm_short(unsigned n);
void fault_io_disarm(void);
/* Since the last arming: did one fail or come short?  How many were there? */
bool fault_io_fired(void);
unsigned fault_io_count(void); /* changes */
unsigned fault_io_counted(enum fault_io_class what);

/* From now on reading (read, pread, getdents64) what has this inode number fails with
 * `error_number`, at `offset` and behind; what lies before can be read.  A directory fails whole.
 * 0: nothing is broken. */
void fault_io_break(ino_t inode, off_t offset, int error_number);

#endif
