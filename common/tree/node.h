/*
 * node.h -- the codec of tree nodes (docs/formats/node.md): entries in, bytes out, and back.
 *
 *     TRY(node_encode(&node, arena, &plain, &children, &count, e));    // plain: what blob_seal takes
 *     TRY(node_decode(plain, &header, arena, &node, e));
 *
 * Pure: no sealing, no disk.  Decoding is total: any input gives a node, RC_CORRUPT, or
 * RC_UNSUPPORTED for a version, kind, type or transform that a later Koffer wrote.  The encoding is
 * canonical: what decodes, encodes to the same bytes.
 * Threads: any, each with its own arena.  Layer: common/tree.
 */
#ifndef COMMON_TREE_NODE_H
#define COMMON_TREE_NODE_H

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "common/blob/blob.h"

enum {
    NODE_VERSION = 1,
    NODE_ITEMS_MAX = 4096, /* entries, parts or pieces in one node */
    NODE_CONTENT_MAX = 16, /* pieces in an entry; more go into content lists */
    NODE_LEVEL_MAX = 8,    /* 256^8 items: nothing real is deeper, and recursion stays bounded */
};

enum node_kind { NODE_LEAF = 1, NODE_INDEX = 2, NODE_LIST = 3 };

enum node_type {
    NODE_FILE = 1,
    NODE_DIRECTORY,
    NODE_SYMLINK,
    NODE_FIFO,
    NODE_SOCKET,
    NODE_CHARACTER_DEVICE,
    NODE_BLOCK_DEVICE,
};

enum node_flag {
    NODE_FUZZY = 1 << 0,
    NODE_UNREADABLE = 1 << 1,
    NODE_XATTRS = 1 << 2,
    NODE_LINKED = 1 << 3,
    NODE_MADE = 1 << 4,
    NODE_FLAGS_ALL_ = (1 << 5) - 1,
};

enum node_piece_kind { NODE_HOLE = 0, NODE_DATA = 1, NODE_PIECES = 2 /* a list below */ };

struct node_piece {
    enum node_piece_kind kind;
    uint64_t length;     /* bytes of the file it covers */
    uint64_t offset;     /* NODE_DATA: where in the blob's plain text */
    struct blob_ref ref; /* NODE_DATA, NODE_PIECES */
};

struct node_xattr {
    struct span name, value;
};

struct node_entry {
    struct span name;
    enum node_type type;
    unsigned flags; /* enum node_flag; NODE_XATTRS and NODE_LINKED follow from the fields below */
    uint32_t mode;  /* permission bits only */
    uint32_t uid, gid;
    struct span user, group; /* names, may be empty */
    int64_t mtime;
    uint32_t mtime_ns;
    uint64_t link; /* 0: not linked */
    const struct node_xattr *xattrs;
    size_t xattr_count;
    uint64_t size;                   /* NODE_FILE */
    const struct node_piece *pieces; /* NODE_FILE */
    size_t piece_count;
    struct blob_ref directory; /* NODE_DIRECTORY */
    struct span target;        /* NODE_SYMLINK */
    uint32_t major, minor;     /* devices */
};

struct node_part { /* of an index */
    struct span first_name;
    struct blob_ref ref;
    uint64_t entries;
};

struct node {
    enum node_kind kind;
    unsigned level;
    size_t count;
    union {
        const struct node_entry *entries; /* NODE_LEAF */
        const struct node_part *parts;    /* NODE_INDEX */
        const struct node_piece *pieces;  /* NODE_LIST */
    };
};

/*
 * Write a node's plain text to `out` (cleared first) and the ids it refers to, ascending and each
 * once, to *children, an array of the arena.  RC_INVALID for entries out of order, bad names, over
 * limits.  References with the same id must carry the same key.
 */
enum rc node_encode(const struct node *node, struct arena *arena, struct buffer *out,
                    const struct id **children, size_t *child_count, struct error *e);

/*
 * Read a node.  `header` is the blob's (for the children).  Everything in *out borrows from `plain`
 * and the arena.
 */
enum rc node_decode(struct span plain, const struct blob_header *header, struct arena *arena,
                    struct node *out, struct error *e);

/* Bytewise, a prefix before what it begins: the order of everything sorted in a node. */
int node_compare(struct span a, struct span b);

/* Name rules of H4: not empty, <= 255, no '/' or NUL, not "." or "..". */
bool node_name_is_good(struct span name);

#endif
