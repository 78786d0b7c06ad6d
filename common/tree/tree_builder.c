/* tree_builder.c -- entries into leaves, leaves into indexes.  See tree.h. */
#include "common/tree/tree.h"
#include "common/tree/tree_copy.h"
#include "common/tree/tree_cut.h"
#include "common/tree/tree_seal.h"

enum {
    /* One leaf: 4096 entries, their bytes up to the weight bound, and one entry over it. */
    LEAF_MEMORY = 24 << 20,
    ENTRY_WEIGHT_MAX = LIMIT_BLOB_PLAIN / 2,
    NAMES_MEMORY = 4 << 20,
    CAPACITY_MIN = 16,
};

struct level { /* of index nodes being filled; level 0 is the leaf and has entries instead */
    struct tree_cut cut;
    struct node_part *parts;
    size_t capacity;
    struct arena *names;
    bool sealed; /* at least one node of this level is */
};

struct tree_builder {
    struct tree_seal seal;
    struct tree_cut cut;
    struct node_entry *entries;
    size_t capacity;
    struct arena *arena; /* what the entries of the leaf point to */
    bool sealed;
    struct span last_name;
    uint8_t last_name_bytes[LIMIT_NAME];
    struct level levels[NODE_LEVEL_MAX + 1]; /* [0] is unused */
};

enum rc
tree_builder_new(struct blob_sealer *sealer, struct blob_sink *sink, struct tree_builder **out,
                 struct error *e)
{
    CLEANUP(tree_builder_freep) struct tree_builder *b = calloc(1, sizeof *b);
    if (b == NULL)
        return error_set(e, RC_NO_MEMORY, "tree builder");
    TRY(tree_seal_init(&b->seal, sealer, sink, e));
    b->arena = arena_new(LEAF_MEMORY);
    if (b->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "tree builder");
    *out = TAKE(b);
    return RC_OK;
}

void
tree_builder_free(struct tree_builder *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i <= NODE_LEVEL_MAX; i++) {
        free(b->levels[i].parts);
        arena_free(b->levels[i].names);
    }
    free(b->entries);
    arena_free(b->arena);
    tree_seal_release(&b->seal);
    free(b);
}

/* Room for one more item: doubling, so that the many small directories stay small. */
static enum rc
grow(void *items, size_t *capacity, size_t used, size_t size, struct error *e)
{
    if (used < *capacity)
        return RC_OK;
    void *old;
    memcpy(&old, items, sizeof old);
    size_t wanted = *capacity == 0 ? CAPACITY_MIN : *capacity * 2;
    void *grown = realloc(old, wanted * size);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "tree builder");
    memcpy(items, &grown, sizeof grown);
    *capacity = wanted;
    return RC_OK;
}

static enum rc
push_part(struct tree_builder *b, unsigned level, const struct node_part *part, struct error *e);

static uint64_t
entries_below(const struct level *l)
{
    uint64_t entries = 0;
    for (size_t i = 0; i < l->cut.items; i++)
        entries += l->parts[i].entries;
    return entries;
}

/* Seal what the level holds; `out` describes the node for the level above and borrows its name. */
static enum rc
seal_level(struct tree_builder *b, unsigned level, struct node_part *out, struct error *e)
{
    struct level *l = &b->levels[level];
    const struct node node = {
        .kind = NODE_INDEX, .level = level, .count = l->cut.items, .parts = l->parts};
    *out = (struct node_part){.first_name = l->parts[0].first_name, .entries = entries_below(l)};
    return tree_seal_node(&b->seal, &node, &out->ref, e);
}

static enum rc
flush_level(struct tree_builder *b, unsigned level, struct error *e)
{
    struct level *l = &b->levels[level];
    struct node_part part;
    TRY(seal_level(b, level, &part, e));
    TRY(push_part(b, level + 1, &part, e));
    l->cut = TREE_CUT_EMPTY;
    l->sealed = true;
    arena_reset(l->names);
    return RC_OK;
}

static enum rc
push_part(struct tree_builder *b, unsigned level, const struct node_part *part, struct error *e)
{
    if (level > NODE_LEVEL_MAX)
        return error_set(e, RC_INVALID, "a directory of more than 256^8 entries");
    struct level *l = &b->levels[level];
    if (l->names == NULL)
        l->names = arena_new(NAMES_MEMORY);
    if (l->names == NULL)
        return error_set(e, RC_NO_MEMORY, "tree builder");

    const uint64_t weight = tree_cut_weight_of_part(part->first_name);
    if (tree_cut_before(&l->cut, weight))
        TRY(flush_level(b, level, e));
    TRY(grow(&l->parts, &l->capacity, l->cut.items, sizeof *l->parts, e));
    struct node_part *copy = &l->parts[l->cut.items];
    *copy = *part;
    TRY(tree_copy_span(part->first_name, l->names, &copy->first_name, e));
    tree_cut_add(&l->cut, tree_cut_mark_of_name(part->first_name), weight);
    return RC_OK;
}

static enum rc
seal_leaf(struct tree_builder *b, struct node_part *out, struct error *e)
{
    const struct node node = {.kind = NODE_LEAF, .count = b->cut.items, .entries = b->entries};
    *out = (struct node_part){.entries = b->cut.items};
    if (b->cut.items > 0)
        out->first_name = b->entries[0].name;
    return tree_seal_node(&b->seal, &node, &out->ref, e);
}

static enum rc
flush_leaf(struct tree_builder *b, struct error *e)
{
    struct node_part part;
    TRY(seal_leaf(b, &part, e));
    TRY(push_part(b, 1, &part, e));
    b->cut = TREE_CUT_EMPTY;
    b->sealed = true;
    arena_reset(b->arena);
    return RC_OK;
}

enum rc
tree_builder_add(struct tree_builder *b, const struct node_entry *entry, struct error *e)
{
    if (!node_name_is_good(entry->name))
        return error_set(e, RC_INVALID, "a directory cannot hold an entry of that name");
    if (b->last_name.len > 0 && node_compare(b->last_name, entry->name) >= 0)
        return error_set(e, RC_INVALID, "entries of a directory must ascend by name");
    const uint64_t weight = tree_cut_weight_of_entry(entry);
    if (weight > ENTRY_WEIGHT_MAX)
        return error_set(e, RC_INVALID, "extended attributes of %ju bytes, at most %d are kept",
                         (uintmax_t)weight, ENTRY_WEIGHT_MAX);

    if (tree_cut_before(&b->cut, weight))
        TRY(flush_leaf(b, e));
    TRY(grow(&b->entries, &b->capacity, b->cut.items, sizeof *b->entries, e));
    TRY(tree_copy_entry(entry, b->arena, &b->entries[b->cut.items], e));
    tree_cut_add(&b->cut, tree_cut_mark_of_name(entry->name), weight);
    memcpy(b->last_name_bytes, entry->name.data, entry->name.len);
    b->last_name = span_of(b->last_name_bytes, entry->name.len);
    return RC_OK;
}

static void
empty(struct tree_builder *b)
{
    b->cut = TREE_CUT_EMPTY;
    b->sealed = false;
    b->last_name = (struct span){0};
    arena_reset(b->arena);
    for (size_t i = 1; i <= NODE_LEVEL_MAX; i++) {
        b->levels[i].cut = TREE_CUT_EMPTY;
        b->levels[i].sealed = false;
        if (b->levels[i].names != NULL)
            arena_reset(b->levels[i].names);
    }
}

/* The first level with a single node is the root.  A node is flushed only when an item follows, so
 * every level holds at least one item here, and the one above a flushed level at least two. */
static enum rc
finish(struct tree_builder *b, struct node_part *root, struct error *e)
{
    if (!b->sealed)
        return seal_leaf(b, root, e);
    TRY(flush_leaf(b, e));
    unsigned level = 1;
    for (; b->levels[level].sealed; level++)
        TRY(flush_level(b, level, e));
    return seal_level(b, level, root, e);
}

enum rc
tree_builder_finish(struct tree_builder *b, struct blob_ref *out, struct error *e)
{
    struct node_part root;
    TRY(finish(b, &root, e));
    empty(b);
    *out = root.ref;
    return RC_OK;
}
