/*
 * names.h -- the names in one directory, in ascending bytewise order, some at a time.
 *
 * Names only, one after the other in one allocation: a million entries take some 20 MB.  What does
 * not fit `limit` comes in several runs of ascending names, for each of which the directory is read
 * from its beginning; so memory is bounded whatever the directory holds.
 *
 *     CLEANUP(names_free) struct names names = NAMES_INIT(NAMES_BYTES_MAX);
 *     for (bool more = true; more;) {
 *         rc = names_next(&names, fd, &more, e);       // RC_OK or not: see there
 *         for (i = 0; i < names.count; i++) use(names_at(&names, i));
 *     }
 *
 * A name that comes while the directory is read may be missed, as in any directory that changes; one
 * that is there all the time is given exactly once.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_NAMES_H
#define AGENT_CAPTURE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"

enum { NAMES_BYTES_MAX = 32 * 1024 * 1024, NAMES_BYTES_MIN = 4 * (LIMIT_NAME + 1) };

struct names {
    struct buffer bytes, offsets; /* NUL-terminated names; uint32_t into them */
    size_t count, limit;          /* of both buffers together */
    size_t runs;
    bool too_long;              /* a name was left out */
    bool cut;                   /* this run ends before ... */
    char upper[LIMIT_NAME + 1]; /* ... this name */
    char last[LIMIT_NAME + 1];  /* of the runs before */
};

#define NAMES_INIT(max)                                                                            \
    ((struct names){.bytes = BUFFER_INIT(max), .offsets = BUFFER_INIT(max), .limit = (max)})
void names_free(struct names *n);

/*
 * The next run of names in an open directory replaces the one before; the limit is at least
 * NAMES_BYTES_MIN.  After a failure `n` has what could be read of it, and *more says, as after a
 * success, whether another run is worth asking for.  A directory that was removed has no names.  RC_UNSUPPORTED: there are names
 * longer than LIMIT_NAME (some file systems have them), and they are left out.
 */
enum rc names_next(struct names *n, int fd, bool *more, struct error *e);
const char *names_at(const struct names *n, size_t i);

#endif
