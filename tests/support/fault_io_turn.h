/* fault_io_turn.h -- whose turn it is: what the two files of fault_io share (fault_io.h is for the others). */
#ifndef TESTS_SUPPORT_FAULT_IO_TURN_H
#define TESTS_SUPPORT_FAULT_IO_TURN_H

#include "tests/support/fault_io.h"

/* Counts one operation that belongs to all classes of `classes` (1 << enum fault_io_class); true when the plan
 * hits it. */
bool fault_io_is_due(unsigned classes);
/* The same for what cannot be done by halves: true when it must fail, errno is set then; may end the process. */
bool fault_io_must_fail(unsigned classes);
/* Of a write of `len` bytes that is due: how much goes through; -1 and errno: nothing. */
ssize_t fault_io_part(size_t len);
/* Ends the process if that is the plan; call after the part was written. */
void fault_io_end_if_torn(void);
/* How much of `len` bytes at `at` can be read of a file that may be broken; -1 and errno: nothing. */
ssize_t fault_io_readable(int fd, size_t len, off_t at);
bool fault_io_breaks(void);

#endif
