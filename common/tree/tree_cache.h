/*
 * tree_cache.h -- blobs of a store, opened, the last few of them kept.
 *
 * A hit needs the same key: having read a blob once does not open it to a wrong reference.
 * Layer: common/tree (not for other folders).
 */
#ifndef COMMON_TREE_TREE_CACHE_H
#define COMMON_TREE_TREE_CACHE_H

#include "common/tree/node.h"

struct tree_cache;
enum rc tree_cache_new(struct blob_source *source, struct tree_cache **out, struct error *e);
void tree_cache_free(struct tree_cache *c);
DEFINE_FREEP(tree_cache)

/* The plain text of a blob that must be of `type`, borrowed until the next get; for a node also its
 * children.  RC_NOT_FOUND and RC_CORRUPT name the blob. */
enum rc tree_cache_get(struct tree_cache *c, const struct blob_ref *ref, enum blob_type type,
                       struct span *plain, struct span *children, struct error *e);

/* A node in memory of its own: it stays while other blobs are read. */
struct tree_frame {
    struct arena *arena;
    struct node node;
};
enum rc tree_cache_node(struct tree_cache *c, const struct blob_ref *ref, struct tree_frame *out,
                        struct error *e);
void tree_cache_frame_release(struct tree_frame *f);

#endif
