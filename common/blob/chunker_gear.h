/*
 * chunker_gear.h -- the gear table of the chunker: 256 words of splitmix64 (docs/formats/chunking.md).
 *
 * Spelled out rather than computed, so that it is a constant; a test computes it again.
 * Layer: common/blob.
 */
#ifndef COMMON_BLOB_CHUNKER_GEAR_H
#define COMMON_BLOB_CHUNKER_GEAR_H

#include <stdint.h>

/* The seed reads "koffer/1" as big-endian ASCII. */
#define CHUNKER_GEAR_SEED UINT64_C(0x6b6f666665722f31)

extern const uint64_t chunker_gear_table[256];

#endif
