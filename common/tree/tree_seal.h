/*
 * tree_seal.h -- a node on its way into the store: encode, seal, put.
 * Layer: common/tree (not for other folders).
 */
#ifndef COMMON_TREE_TREE_SEAL_H
#define COMMON_TREE_TREE_SEAL_H

#include "common/tree/node.h"

struct tree_seal {
    struct blob_sealer *sealer; /* borrowed */
    struct blob_sink *sink;     /* borrowed */
    struct arena *scratch;
    struct buffer plain, blob;
};

enum rc tree_seal_init(struct tree_seal *s, struct blob_sealer *sealer, struct blob_sink *sink,
                       struct error *e);
void tree_seal_release(struct tree_seal *s);
enum rc
tree_seal_node(struct tree_seal *s, const struct node *node, struct blob_ref *out, struct error *e);

#endif
