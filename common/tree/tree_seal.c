/* tree_seal.c -- see tree_seal.h. */
#include "common/tree/tree_seal.h"

/* Sorting room for the heaviest node: some 17 000 references of 64 bytes and their ids, 8 192 owners. */
enum { SCRATCH_MAX = 16 << 20 };

enum rc
tree_seal_init(struct tree_seal *s, struct blob_sealer *sealer, struct blob_sink *sink,
               struct error *e)
{
    *s = (struct tree_seal){
        .sealer = sealer,
        .sink = sink,
        .scratch = arena_new(SCRATCH_MAX),
        .plain = BUFFER_INIT(LIMIT_BLOB_PLAIN),
        .blob = BUFFER_INIT(LIMIT_BLOB),
    };
    return s->scratch != NULL ? RC_OK : error_set(e, RC_NO_MEMORY, "tree builder");
}

void
tree_seal_release(struct tree_seal *s)
{
    arena_free(s->scratch);
    buffer_free(&s->plain);
    buffer_free(&s->blob);
}

enum rc
tree_seal_node(struct tree_seal *s, const struct node *node, struct blob_ref *out, struct error *e)
{
    const struct id *children;
    size_t count;
    struct blob_ref ref;
    arena_reset(s->scratch);
    TRY(node_encode(node, s->scratch, &s->plain, &children, &count, e));
    TRY(blob_seal(s->sealer, BLOB_NODE, children, count, buffer_span(&s->plain), &s->blob, &ref,
                  e));
    TRY(s->sink->put(s->sink, &ref.id, buffer_span(&s->blob), e));
    *out = ref;
    return RC_OK;
}
