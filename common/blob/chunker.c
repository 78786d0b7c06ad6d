/* chunker.c -- a gear hash over the last 64 bytes, two thresholds.  See chunker.h. */
#include "common/blob/chunker.h"

#include "common/blob/chunker_gear.h"

enum { KIB = 1024, MIB = 1024 * KIB, WINDOW = 64, WORD_BITS = 64, NORMALISATION = 2 };

const struct chunker_sizes chunker_file = {256 * KIB, 1 * MIB, 4 * MIB};
const struct chunker_sizes chunker_dump = {16 * KIB, 64 * KIB, 256 * KIB};

/* First length in [from, to) at which the hash has `bits` leading zeros, else `to`.  *hash is that of
 * length `from` - 1 and becomes that of the answer - 1 or `to` - 1. */
static size_t
search(const uint8_t *bytes, size_t from, size_t to, unsigned bits, uint64_t *hash)
{
    uint64_t h = *hash;
    const uint64_t bound = UINT64_C(1) << (WORD_BITS - bits);
    size_t length = from;
    for (; length < to; length++) {
        h = (h << 1) + chunker_gear_table[bytes[length - 1]];
        if (h < bound)
            break;
    }
    *hash = h;
    return length;
}

size_t
chunker_cut(const struct chunker_sizes *sizes, struct span bytes, bool last)
{
    size_t end = bytes.len < sizes->max ? bytes.len : sizes->max;
    bool whole = last || bytes.len >= sizes->max;
    if (end <= sizes->min)
        return whole ? end : 0;

    /* Warmed over the window before the first candidate: where a cut may fall never depends on where
     * the chunk began, so two streams that differ fall into step again at the first common cut. */
    uint64_t hash = 0;
    for (size_t i = sizes->min - WINDOW; i < sizes->min - 1; i++)
        hash = (hash << 1) + chunker_gear_table[bytes.data[i]];

    const unsigned bits = (unsigned)__builtin_ctzll(sizes->average);
    size_t middle = end < sizes->average ? end : sizes->average;
    size_t cut = search(bytes.data, sizes->min, middle, bits + NORMALISATION, &hash);
    if (cut == middle)
        cut = search(bytes.data, middle, end, bits - NORMALISATION, &hash);
    return cut < end || whole ? cut : 0;
}
