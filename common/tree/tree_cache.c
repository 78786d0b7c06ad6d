/* tree_cache.c -- see tree_cache.h. */
#include "common/tree/tree_cache.h"

#include "common/tree/tree_copy.h"

enum {
    SLOTS = 16,
    BYTES_MAX = 16 << 20,
    /* A node's text and what it decodes to; our own are far below, this is for what others craft. */
    FRAME_MEMORY = 64 << 20,
};

struct slot {
    bool full;
    struct blob_ref ref;
    enum blob_type type;
    size_t plain_len;
    struct buffer bytes; /* plain text, then the ids of the children */
    uint64_t used;
};

struct tree_cache {
    struct blob_source *source; /* borrowed */
    struct blob_opener *opener;
    struct buffer sealed;
    struct slot slots[SLOTS];
    uint64_t clock;
};

enum rc
tree_cache_new(struct blob_source *source, struct tree_cache **out, struct error *e)
{
    CLEANUP(tree_cache_freep) struct tree_cache *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "tree reader");
    c->source = source;
    c->sealed = BUFFER_INIT(LIMIT_BLOB);
    for (size_t i = 0; i < SLOTS; i++)
        c->slots[i].bytes = BUFFER_INIT(LIMIT_BLOB_PLAIN + LIMIT_BLOB_CHILDREN * ID_SIZE);
    TRY(blob_opener_new(&c->opener, e));
    *out = TAKE(c);
    return RC_OK;
}

void
tree_cache_free(struct tree_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        buffer_free(&c->slots[i].bytes);
    buffer_free(&c->sealed);
    blob_opener_free(c->opener);
    free(c);
}

static struct slot *
find(struct tree_cache *c, const struct blob_ref *ref)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &c->slots[i];
        if (s->full && id_equal(&s->ref.id, &ref->id) && id_equal(&s->ref.key, &ref->key))
            return s;
    }
    return NULL;
}

/* The slot used longest ago, other than `except`, that has memory to give (or is empty: then it is
 * the best choice for new content). */
static struct slot *
oldest(struct tree_cache *c, const struct slot *except, bool with_memory)
{
    struct slot *chosen = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &c->slots[i];
        if (s == except || (with_memory && s->bytes.capacity == 0))
            continue;
        if (chosen == NULL || s->used < chosen->used)
            chosen = s;
    }
    return chosen;
}

static void
keep_within_bounds(struct tree_cache *c, const struct slot *newest)
{
    size_t total = 0;
    for (size_t i = 0; i < SLOTS; i++)
        total += c->slots[i].bytes.capacity;
    struct slot *victim;
    while (total > BYTES_MAX && (victim = oldest(c, newest, true)) != NULL) {
        total -= victim->bytes.capacity;
        victim->full = false;
        victim->used = 0;
        buffer_free(&victim->bytes);
    }
}

static enum rc
fill(struct tree_cache *c, struct slot *s, const struct blob_ref *ref, struct error *e)
{
    struct blob_header header;
    s->full = false;
    TRY(c->source->get(c->source, &ref->id, &c->sealed, e));
    TRY(blob_open(c->opener, buffer_span(&c->sealed), ref, &s->bytes, e));
    TRY(blob_parse(buffer_span(&c->sealed), &header, e));
    s->plain_len = s->bytes.len;
    s->type = header.type;
    s->ref = *ref;
    TRY(buffer_append(&s->bytes, span_of(header.child_ids, (size_t)header.children * ID_SIZE), e));
    s->full = true;
    return RC_OK;
}

enum rc
tree_cache_get(struct tree_cache *c, const struct blob_ref *ref, enum blob_type type,
               struct span *plain, struct span *children, struct error *e)
{
    char shown[ID_TEXT_SIZE];
    struct slot *s = find(c, ref);
    if (s == NULL) {
        s = oldest(c, NULL, false);
        TRY_IN(fill(c, s, ref, e), e, "read blob %s", id_text(&ref->id, shown));
        keep_within_bounds(c, s);
    }
    s->used = ++c->clock;
    if (s->type != type)
        return error_set(e, RC_CORRUPT, "blob %s is of type %d where type %d belongs",
                         id_text(&ref->id, shown), (int)s->type, (int)type);
    *plain = span_of(s->bytes.data, s->plain_len);
    if (children != NULL)
        *children = span_of(s->bytes.data + s->plain_len, s->bytes.len - s->plain_len);
    return RC_OK;
}

enum rc
tree_cache_node(struct tree_cache *c, const struct blob_ref *ref, struct tree_frame *out,
                struct error *e)
{
    char shown[ID_TEXT_SIZE];
    struct span plain, children;
    TRY(tree_cache_get(c, ref, BLOB_NODE, &plain, &children, e));

    CLEANUP(arena_freep) struct arena *arena = arena_new(FRAME_MEMORY);
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "tree reader");
    TRY(tree_copy_span(plain, arena, &plain, e));
    TRY(tree_copy_span(children, arena, &children, e));
    const struct blob_header header = {
        .type = BLOB_NODE,
        .children = (uint32_t)(children.len / ID_SIZE),
        .child_ids = children.data,
    };
    TRY_IN(node_decode(plain, &header, arena, &out->node, e), e, "blob %s",
           id_text(&ref->id, shown));
    out->arena = TAKE(arena);
    return RC_OK;
}

void
tree_cache_frame_release(struct tree_frame *f)
{
    arena_free(f->arena);
    f->arena = NULL;
}
