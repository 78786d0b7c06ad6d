/* tree_read.c -- the content of a stored file: pieces, bytes, slices.  See tree.h. */
#include "common/tree/tree_reader.h"

/* One pass over the pieces of a file from `skip` bytes on, until a visitor sets `stop`. */
struct pass {
    struct tree_reader *r;
    uint64_t skip;
    tree_piece_visit *visit;
    void *ctx;
    bool stop;
};

static enum rc walk(struct pass *p, const struct node_piece *pieces, size_t count, struct error *e);

static enum rc
check_list(const struct node *node, const struct node_piece *list, int level, struct error *e)
{
    uint64_t length = 0;
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        length += node->pieces[i].length;
    bool level_fits = level < 0 || node->level == (unsigned)level;
    if (node->kind != NODE_LIST || !level_fits || length != list->length)
        return error_set(e, RC_CORRUPT, "a list of content is not what the file says");
    return RC_OK;
}

/* `level`: the lists' own, -1 when an entry names them. */
static enum rc
walk_list(struct pass *p, const struct node_piece *list, int level, struct error *e)
{
    CLEANUP(tree_cache_frame_release) struct tree_frame frame = {.arena = NULL};
    TRY(tree_cache_node(p->r->cache, &list->ref, &frame, e));
    const struct node *node = &frame.node;
    TRY(check_list(node, list, level, e));
    if (node->level == 0)
        return walk(p, node->pieces, node->count, e);
    for (size_t i = 0; i < node->count && !p->stop; i++) {
        if (p->skip >= node->pieces[i].length)
            p->skip -= node->pieces[i].length;
        else
            TRY(walk_list(p, &node->pieces[i], (int)node->level - 1, e));
    }
    return RC_OK;
}

static enum rc
walk(struct pass *p, const struct node_piece *pieces, size_t count, struct error *e)
{
    for (size_t i = 0; i < count && !p->stop; i++) {
        struct node_piece piece = pieces[i];
        if (p->skip >= piece.length) {
            p->skip -= piece.length;
            continue;
        }
        if (piece.kind == NODE_PIECES) {
            TRY(walk_list(p, &piece, -1, e));
            continue;
        }
        piece.offset += p->skip;
        piece.length -= p->skip;
        p->skip = 0;
        TRY(p->visit(p->ctx, &piece, e));
    }
    return RC_OK;
}

enum rc
tree_pieces(struct tree_reader *r, const struct node_entry *file, tree_piece_visit *visit,
            void *ctx, struct error *e)
{
    struct pass p = {.r = r, .visit = visit, .ctx = ctx};
    return walk(&p, file->pieces, file->piece_count, e);
}

enum rc
tree_slice(struct tree_reader *r, const struct node_piece *piece, struct span *out, struct error *e)
{
    struct span plain;
    TRY(tree_cache_get(r->cache, &piece->ref, BLOB_DATA, &plain, NULL, e));
    if (piece->length > plain.len || piece->offset > plain.len - piece->length) {
        char shown[ID_TEXT_SIZE];
        return error_set(e, RC_CORRUPT, "blob %s of %zu bytes is shorter than its file says",
                         id_text(&piece->ref.id, shown), plain.len);
    }
    *out = span_of(plain.data + piece->offset, (size_t)piece->length);
    return RC_OK;
}

struct reading {
    struct pass pass;
    uint8_t *out;
    size_t len, got;
};

static enum rc
copy_piece(void *ctx, const struct node_piece *piece, struct error *e)
{
    struct reading *reading = ctx;
    const size_t room = reading->len - reading->got;
    const size_t take = piece->length < room ? (size_t)piece->length : room;
    if (piece->kind == NODE_HOLE) {
        memset(reading->out + reading->got, 0, take);
    } else {
        struct span bytes;
        TRY(tree_slice(reading->pass.r, piece, &bytes, e));
        memcpy(reading->out + reading->got, bytes.data, take);
    }
    reading->got += take;
    reading->pass.stop = reading->got == reading->len;
    return RC_OK;
}

enum rc
tree_read(struct tree_reader *r, const struct node_entry *file, uint64_t offset, void *out,
          size_t len, size_t *got, struct error *e)
{
    struct reading reading = {
        .pass = {.r = r, .skip = offset, .visit = copy_piece},
        .out = out,
        .len = len,
    };
    reading.pass.ctx = &reading;
    if (len > 0)
        TRY(walk(&reading.pass, file->pieces, file->piece_count, e));
    *got = reading.got;
    return RC_OK;
}
