/* tree_content.c -- pieces of one file, joined, and put into lists when they are many.  See tree.h. */
#include "common/tree/tree.h"
#include "common/tree/tree_cut.h"
#include "common/tree/tree_seal.h"

enum { CAPACITY_MIN = 16 };

struct level { /* pieces of level 0, or lists of the level below */
    struct tree_cut cut;
    struct node_piece *pieces;
    size_t capacity;
    bool sealed; /* at least one list of these is */
};

struct tree_content {
    struct tree_seal seal;
    uint64_t size;
    bool finished; /* emptied at the next use: the caller still borrows the pieces */
    struct level levels[NODE_LEVEL_MAX + 2]; /* the last is only pushed to: no node has its level */
};

enum rc
tree_content_new(struct blob_sealer *sealer, struct blob_sink *sink, struct tree_content **out,
                 struct error *e)
{
    CLEANUP(tree_content_freep) struct tree_content *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "content builder");
    TRY(tree_seal_init(&c->seal, sealer, sink, e));
    *out = TAKE(c);
    return RC_OK;
}

void
tree_content_free(struct tree_content *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < sizeof c->levels / sizeof *c->levels; i++)
        free(c->levels[i].pieces);
    tree_seal_release(&c->seal);
    free(c);
}

static void
empty_when_finished(struct tree_content *c)
{
    if (!c->finished)
        return;
    c->finished = false;
    c->size = 0;
    for (size_t i = 0; i < sizeof c->levels / sizeof *c->levels; i++) {
        c->levels[i].cut = TREE_CUT_EMPTY;
        c->levels[i].sealed = false;
    }
}

static bool
join(struct level *l, const struct node_piece *piece)
{
    if (l->cut.items == 0)
        return false;
    struct node_piece *last = &l->pieces[l->cut.items - 1];
    if (last->kind != piece->kind)
        return false;
    if (piece->kind == NODE_DATA &&
        (!id_equal(&last->ref.id, &piece->ref.id) || !id_equal(&last->ref.key, &piece->ref.key) ||
         last->offset + last->length != piece->offset))
        return false;
    last->length += piece->length;
    return true;
}

static enum rc
grow(struct level *l, struct error *e)
{
    if (l->cut.items < l->capacity)
        return RC_OK;
    size_t wanted = l->capacity == 0 ? CAPACITY_MIN : l->capacity * 2;
    struct node_piece *grown = realloc(l->pieces, wanted * sizeof *grown);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "content builder");
    l->pieces = grown;
    l->capacity = wanted;
    return RC_OK;
}

static enum rc
push(struct tree_content *c, unsigned level, const struct node_piece *piece, struct error *e);

static enum rc
flush(struct tree_content *c, unsigned level, struct error *e)
{
    struct level *l = &c->levels[level];
    const struct node node = {
        .kind = NODE_LIST, .level = level, .count = l->cut.items, .pieces = l->pieces};
    struct node_piece list = {.kind = NODE_PIECES};
    for (size_t i = 0; i < l->cut.items; i++)
        list.length += l->pieces[i].length;
    TRY(tree_seal_node(&c->seal, &node, &list.ref, e));
    l->cut = TREE_CUT_EMPTY;
    l->sealed = true;
    return push(c, level + 1, &list, e);
}

static enum rc
push(struct tree_content *c, unsigned level, const struct node_piece *piece, struct error *e)
{
    struct level *l = &c->levels[level];
    if (tree_cut_before(&l->cut, 0))
        TRY(flush(c, level, e));
    TRY(grow(l, e));
    l->pieces[l->cut.items] = *piece;
    tree_cut_add(&l->cut, tree_cut_mark_of_piece(piece), 0);
    return RC_OK;
}

enum rc
tree_content_add(struct tree_content *c, const struct node_piece *piece, struct error *e)
{
    empty_when_finished(c);
    if (piece->kind == NODE_PIECES || piece->length > (uint64_t)INT64_MAX - c->size)
        return error_set(e, RC_INVALID, "content of a file: a piece of %ju bytes after %ju",
                         (uintmax_t)piece->length, (uintmax_t)c->size);
    c->size += piece->length;
    if (piece->length == 0 || join(&c->levels[0], piece))
        return RC_OK;
    return push(c, 0, piece, e);
}

enum rc
tree_content_finish(struct tree_content *c, const struct node_piece **pieces, size_t *count,
                    uint64_t *size, struct error *e)
{
    empty_when_finished(c);
    unsigned level = 0;
    while (c->levels[level].sealed || c->levels[level].cut.items > TREE_INLINE_PIECES) {
        TRY(flush(c, level, e));
        level++;
    }
    c->finished = true;
    *pieces = c->levels[level].pieces;
    *count = c->levels[level].cut.items;
    *size = c->size;
    return RC_OK;
}
