/*
 * memory_record.h -- one record of a capture's memory (docs/formats/memory.md): bytes in, bytes
 * out.
 *
 * References repeat (many files share a bundle), so both sides keep a ring of the last ones: all
 * records of a file are encoded, and decoded, in order through one `struct memory_ring`.
 * Decoding is total: any input gives a record or RC_CORRUPT.  Pure.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_MEMORY_RECORD_H
#define AGENT_CAPTURE_MEMORY_RECORD_H

#include "common/base/arena.h"
#include "common/tree/tree.h"

enum { MEMORY_RECORD_MAX = 2 * 1024 * 1024, MEMORY_HASH_SIZE = 16, MEMORY_RING = 16 };

enum memory_kind { MEMORY_ENTER = 1, MEMORY_LEAVE = 2, MEMORY_FILE = 3 };

struct memory_hash {
    uint8_t bytes[MEMORY_HASH_SIZE];
};

struct memory_time {
    int64_t seconds;
    uint32_t ns;
};

struct memory_record {
    enum memory_kind kind;
    struct span name;
    bool check, hashed;
    uint64_t size, device, inode;
    struct memory_time mtime, ctime;
    struct memory_hash hash;
    const struct node_xattr *xattrs;
    size_t xattr_count;
    const struct node_piece *pieces;
    size_t piece_count;
    uint64_t bundle; /* plain length of the bundle that holds the only piece; 0: not in one */
};

struct memory_ring {
    struct blob_ref refs[MEMORY_RING];
    uint64_t bundles[MEMORY_RING];
    size_t count; /* ever defined */
};

/* Appends the body of a record, without its length, to `out`. */
enum rc memory_record_encode(const struct memory_record *record, struct memory_ring *ring,
                             struct buffer *out, struct error *e);
/* Everything in *out borrows from `body` and the arena. */
enum rc memory_record_decode(struct span body, struct memory_ring *ring, struct arena *arena,
                             struct memory_record *out, struct error *e);

#endif
