/*
 * tree_cut.h -- where a node ends (docs/formats/node.md, "Where a node ends").
 *
 *     if (tree_cut_before(&cut, weight)) { ...seal the node...; cut = TREE_CUT_EMPTY; }
 *     tree_cut_add(&cut, mark, weight);
 *
 * Pure.  Layer: common/tree (not for other folders).
 */
#ifndef COMMON_TREE_TREE_CUT_H
#define COMMON_TREE_TREE_CUT_H

#include "common/tree/node.h"

struct tree_cut {
    size_t items;
    uint64_t mark; /* of the last item */
    uint64_t weight;
};
#define TREE_CUT_EMPTY ((struct tree_cut){.items = 0})

/* Must the node end before an item of this weight is added? */
bool tree_cut_before(const struct tree_cut *cut, uint64_t weight);
void tree_cut_add(struct tree_cut *cut, uint64_t mark, uint64_t weight);

uint64_t tree_cut_mark_of_name(struct span name);
uint64_t tree_cut_mark_of_piece(const struct node_piece *piece);
uint64_t tree_cut_weight_of_entry(const struct node_entry *entry);
uint64_t tree_cut_weight_of_part(struct span first_name);

#endif
