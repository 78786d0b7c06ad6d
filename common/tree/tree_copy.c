/* tree_copy.c -- see tree_copy.h. */
#include "common/tree/tree_copy.h"

enum rc
tree_copy_span(struct span bytes, struct arena *arena, struct span *out, struct error *e)
{
    if (bytes.len == 0) {
        *out = (struct span){0};
        return RC_OK;
    }
    uint8_t *copy = arena_alloc(arena, bytes.len);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "a directory entry exceeds the memory set aside for it");
    memcpy(copy, bytes.data, bytes.len);
    *out = span_of(copy, bytes.len);
    return RC_OK;
}

static enum rc
copy_xattrs(struct node_entry *entry, struct arena *arena, struct error *e)
{
    struct node_xattr *copies = arena_alloc(arena, entry->xattr_count * sizeof *copies);
    if (copies == NULL)
        return error_set(e, RC_NO_MEMORY, "a directory entry exceeds the memory set aside for it");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        TRY(tree_copy_span(entry->xattrs[i].name, arena, &copies[i].name, e));
        TRY(tree_copy_span(entry->xattrs[i].value, arena, &copies[i].value, e));
    }
    entry->xattrs = copies;
    return RC_OK;
}

enum rc
tree_copy_entry(const struct node_entry *entry, struct arena *arena, struct node_entry *out,
                struct error *e)
{
    struct node_entry copy = *entry;
    struct span pieces = span_of(entry->pieces, entry->piece_count * sizeof *entry->pieces);
    TRY(tree_copy_span(entry->name, arena, &copy.name, e));
    TRY(tree_copy_span(entry->user, arena, &copy.user, e));
    TRY(tree_copy_span(entry->group, arena, &copy.group, e));
    TRY(tree_copy_span(entry->target, arena, &copy.target, e));
    if (copy.xattr_count > 0)
        TRY(copy_xattrs(&copy, arena, e));
    TRY(tree_copy_span(pieces, arena, &pieces, e));
    copy.pieces = (const void *)pieces.data;
    *out = copy;
    return RC_OK;
}
