/*
 * fault_io.h -- makes the n-th change of stored state fail, in our code and in the libraries below.
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
 * dynamic linker prefers to libc's; so it is compiled into the tests below tests/fault/ only.
 * Changes are: opens that create or truncate, writes and closes of regular files that were written,
 * syncs, renames, links, unlinks, directories made, truncations, allocations.  Descriptors 0 to 2
 * are left alone.  A call that fails does nothing, except close, which closes all the same.
 *
 * Reads are no changes and are not counted; one file or directory can be broken instead, as by a bad
 * place on its disk.
 * Threads: any; the count is common to all.
 */
#ifndef TESTS_SUPPORT_FAULT_IO_H
#define TESTS_SUPPORT_FAULT_IO_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on the n-th change (1 is the first) fails with `error_number`; with `sticky` the later
 * ones too.  n == 0 only counts. */
void fault_io_arm(unsigned n, int error_number, bool sticky);
/* The n-th change, if it is a write of more than one byte, writes half: legal, to be continued. */
void fault_io_arm_short(unsigned n);
void fault_io_disarm(void);
/* Since the last arming: did a change fail or come short?  How many were there? */
bool fault_io_fired(void);
unsigned fault_io_count(void);

/* From now on reading (read, pread, getdents64) what has this inode number fails with
 * `error_number`, at `offset` and behind; what lies before can be read.  A directory fails whole.
 * 0: nothing is broken. */
void fault_io_break(ino_t inode, off_t offset, int error_number);

#endif
