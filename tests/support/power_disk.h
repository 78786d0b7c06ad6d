/*
 * power_disk.h -- what a disk may hold after the power failed.
 *
 *     power_disk_make(trace, at, seed, directory);   // an empty directory; the same seed gives the same disk
 *
 * The model, which allows at least what Linux's file systems do:
 *
 *     bytes      what a successful fsync, fdatasync, syncfs or O_DSYNC write covered is there.  Of the rest, each
 *                write is there, or not, or some of its sectors of 512 bytes; the file may have its full length all
 *                the same, with zeros.  After a failed sync the bytes it should have covered are of this kind for
 *                ever: later syncs say OK and do nothing for them.
 *     names      what was done in a directory before it was synced successfully, or the file system was, is done.  Of the
 *                rest happened: all; nothing; the first part in the order of the directory; the first part
 *                in the order of the whole file system; or any of it (each by itself).  A rename replaces its target
 *                at once, and may leave its old name behind when that is in another directory.  Directories move at
 *                once.
 *     a file     whose bytes are synced is there only under names that are; below a directory whose own name is.
 *
 * Modes, owners and times are as they were when the file was made.
 * Threads: one.
 */
#ifndef TESTS_SUPPORT_POWER_DISK_H
#define TESTS_SUPPORT_POWER_DISK_H

#include "tests/support/power_trace.h"

/* Equal for equal disks of one trace, whatever seed and place; cheap compared with making one. */
uint64_t power_disk_print(const struct power_trace *t, size_t at, uint64_t seed);
/* `at`: 0 to power_trace_length(). */
void power_disk_make(const struct power_trace *t, size_t at, uint64_t seed, const char *directory);

#endif
