/*
 * chunker.h -- where to cut long content so that a change moves few cuts (FastCDC, Xia et al.,
 * USENIX ATC 2016, with normalised chunking level 2; every constant is in docs/formats/chunking.md).
 *
 *     while (rest.len > 0) {
 *         size_t n = chunker_cut(&chunker_file, rest, at_end);
 *         ...
 *     }
 *
 * Pure: no state, no allocation.  Layer: common/blob.
 */
#ifndef COMMON_BLOB_CHUNKER_H
#define COMMON_BLOB_CHUNKER_H

#include <stdbool.h>

#include "common/base/span.h"

struct chunker_sizes {
    size_t min, average, max; /* bytes; average a power of two, 64 <= min <= average <= max */
};

extern const struct chunker_sizes chunker_file; /* 256 KiB, 1 MiB, 4 MiB: mail and system files */
extern const struct chunker_sizes
    chunker_dump; /* 16 KiB, 64 KiB, 256 KiB: LDIF and SQL, which change in many places */

/*
 * Length of the first chunk of `bytes`.  When `last` is false and bytes.len < sizes->max the answer
 * may be 0: give more bytes.  Never more than max; never less than min unless the content ends.
 */
size_t chunker_cut(const struct chunker_sizes *sizes, struct span bytes, bool last);

#endif
