/*
 * names.h -- the names in one directory, in ascending bytewise order.
 *
 * Names only, one after the other in one allocation: a million entries take some 20 MB.  A
 * directory that would need more than NAMES_BYTES_MAX is RC_UNSUPPORTED.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_NAMES_H
#define AGENT_CAPTURE_NAMES_H

#include <stdint.h>

#include "common/base/buffer.h"

enum { NAMES_BYTES_MAX = 64 * 1024 * 1024 };

struct names {
    struct buffer bytes, offsets; /* NUL-terminated names; uint32_t into them */
    size_t count;
};

#define NAMES_INIT                                                                                 \
    ((struct names){.bytes = BUFFER_INIT(NAMES_BYTES_MAX), .offsets = BUFFER_INIT(NAMES_BYTES_MAX)})
void names_free(struct names *n);

/* Add what is in an open directory, and sort.  After a failure `n` has what could be read. */
enum rc names_read(struct names *n, int fd, struct error *e);
const char *names_at(const struct names *n, size_t i);

#endif
