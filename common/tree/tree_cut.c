/* tree_cut.c -- see tree_cut.h. */
#include "common/tree/tree_cut.h"

#include <endian.h>
#include <xxhash.h>

enum {
    ITEMS_MIN = 256,
    MARK_MODULUS = 1024,
    WEIGHT_MAX = 512 * 1024,
    ENTRY_WEIGHT = 64,
    REFERENCE_WEIGHT = 64,
    XATTR_WEIGHT = 8,
    PART_WEIGHT = 128,
    HOLE_MARK = 1,
};

bool
tree_cut_before(const struct tree_cut *cut, uint64_t weight)
{
    if (cut->items == 0)
        return false;
    return cut->items == NODE_ITEMS_MAX ||
           (cut->items >= ITEMS_MIN && cut->mark % MARK_MODULUS == 0) ||
           cut->weight + weight > WEIGHT_MAX;
}

void
tree_cut_add(struct tree_cut *cut, uint64_t mark, uint64_t weight)
{
    cut->items++;
    cut->mark = mark;
    cut->weight += weight;
}

uint64_t
tree_cut_mark_of_name(struct span name)
{
    return XXH64(name.data, name.len, 0);
}

uint64_t
tree_cut_mark_of_piece(const struct node_piece *piece)
{
    if (piece->kind == NODE_HOLE)
        return HOLE_MARK;
    uint64_t word;
    memcpy(&word, piece->ref.id.bytes, sizeof word);
    return le64toh(word);
}

uint64_t
tree_cut_weight_of_entry(const struct node_entry *entry)
{
    uint64_t weight = ENTRY_WEIGHT + entry->name.len;
    if (entry->type == NODE_SYMLINK)
        weight += entry->target.len;
    if (entry->type == NODE_DIRECTORY)
        weight += REFERENCE_WEIGHT;
    for (size_t i = 0; entry->type == NODE_FILE && i < entry->piece_count; i++)
        weight += entry->pieces[i].kind != NODE_HOLE ? REFERENCE_WEIGHT : 0;
    for (size_t i = 0; i < entry->xattr_count; i++)
        weight += XATTR_WEIGHT + entry->xattrs[i].name.len + entry->xattrs[i].value.len;
    return weight;
}

uint64_t
tree_cut_weight_of_part(struct span first_name)
{
    return PART_WEIGHT + first_name.len;
}
