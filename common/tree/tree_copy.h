/*
 * tree_copy.h -- an entry that outlives the bytes it was read from.
 * Layer: common/tree (not for other folders).
 */
#ifndef COMMON_TREE_TREE_COPY_H
#define COMMON_TREE_TREE_COPY_H

#include "common/tree/node.h"

/* Everything in *out lives in the arena. */
enum rc tree_copy_entry(const struct node_entry *entry, struct arena *arena, struct node_entry *out,
                        struct error *e);
enum rc tree_copy_span(struct span bytes, struct arena *arena, struct span *out, struct error *e);

#endif
