/* tree_reader.c -- directories of a stored tree, listed and looked up.  See tree.h. */
#include "common/tree/tree_reader.h"

#include "common/tree/tree_copy.h"

enum rc
tree_reader_new(struct blob_source *source, struct tree_reader **out, struct error *e)
{
    CLEANUP(tree_reader_freep) struct tree_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "tree reader");
    TRY(tree_cache_new(source, &r->cache, e));
    *out = TAKE(r);
    return RC_OK;
}

void
tree_reader_free(struct tree_reader *r)
{
    if (r == NULL)
        return;
    tree_cache_free(r->cache);
    free(r);
}

/* What the node above says of a node: its place in the directory's order. */
struct place {
    bool root;
    unsigned level;    /* below a root: 0 a leaf */
    struct span first; /* name of the first entry */
    struct span until; /* names are below this; empty: no bound */
    uint64_t entries;
};

static struct span
name_of(const struct node *node, size_t i)
{
    return node->kind == NODE_LEAF ? node->entries[i].name : node->parts[i].first_name;
}

static uint64_t
count_entries(const struct node *node)
{
    if (node->kind == NODE_LEAF)
        return node->count;
    uint64_t entries = 0;
    for (size_t i = 0; i < node->count; i++)
        entries += node->parts[i].entries;
    return entries;
}

/* Each node is in order by itself (node_decode); this holds them together. */
static enum rc
check_place(const struct node *node, const struct place *place, struct error *e)
{
    if (node->kind == NODE_LIST)
        return error_set(e, RC_CORRUPT, "a list of content where a directory belongs");
    if (place->root)
        return RC_OK;
    if (node->level != place->level || count_entries(node) != place->entries ||
        node_compare(name_of(node, 0), place->first) != 0)
        return error_set(e, RC_CORRUPT, "a part of a directory is not what its index says");
    if (place->until.len > 0 && node_compare(name_of(node, node->count - 1), place->until) >= 0)
        return error_set(e, RC_CORRUPT, "the parts of a directory overlap");
    return RC_OK;
}

static struct place
place_of_part(const struct node *index, size_t i, const struct place *above)
{
    return (struct place){
        .level = index->level - 1,
        .first = index->parts[i].first_name,
        .until = i + 1 < index->count ? index->parts[i + 1].first_name : above->until,
        .entries = index->parts[i].entries,
    };
}

static enum rc
load(struct tree_reader *r, const struct blob_ref *ref, const struct place *place,
     struct tree_frame *out, struct error *e)
{
    TRY(tree_cache_node(r->cache, ref, out, e));
    return check_place(&out->node, place, e);
}

/* ---- listing ---- */

struct listing {
    struct tree_reader *r;
    struct span after;
    tree_visit *visit;
    void *ctx;
};

/* Recursion ends with the levels: NODE_LEVEL_MAX. */
static enum rc
list_node(const struct listing *l, const struct blob_ref *ref, const struct place *place,
          struct error *e)
{
    CLEANUP(tree_cache_frame_release) struct tree_frame frame = {.arena = NULL};
    TRY(load(l->r, ref, place, &frame, e));
    const struct node *node = &frame.node;

    for (size_t i = 0; i < node->count && node->kind == NODE_LEAF; i++) {
        if (node_compare(node->entries[i].name, l->after) > 0)
            TRY(l->visit(l->ctx, &node->entries[i], e));
    }
    for (size_t i = 0; i < node->count && node->kind == NODE_INDEX; i++) {
        struct place below = place_of_part(node, i, place);
        bool all_before = below.until.len > 0 && node_compare(below.until, l->after) <= 0;
        if (!all_before)
            TRY(list_node(l, &node->parts[i].ref, &below, e));
    }
    return RC_OK;
}

enum rc
tree_list(struct tree_reader *r, const struct blob_ref *directory, struct span after,
          tree_visit *visit, void *ctx, struct error *e)
{
    const struct listing l = {.r = r, .after = after, .visit = visit, .ctx = ctx};
    return list_node(&l, directory, &(struct place){.root = true}, e);
}

/* ---- lookup ---- */

/* Number of items whose name is at most `name`. */
static size_t
count_up_to(const struct node *node, struct span name)
{
    size_t low = 0, high = node->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_compare(name_of(node, middle), name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum rc
lookup_node(struct tree_reader *r, const struct blob_ref *ref, const struct place *place,
            struct span name, struct arena *arena, bool *found, struct node_entry *out,
            struct error *e)
{
    CLEANUP(tree_cache_frame_release) struct tree_frame frame = {.arena = NULL};
    TRY(load(r, ref, place, &frame, e));
    const struct node *node = &frame.node;

    size_t upto = count_up_to(node, name);
    if (upto == 0) {
        *found = false;
        return RC_OK;
    }
    if (node->kind == NODE_INDEX) {
        struct place below = place_of_part(node, upto - 1, place);
        return lookup_node(r, &node->parts[upto - 1].ref, &below, name, arena, found, out, e);
    }
    const struct node_entry *entry = &node->entries[upto - 1];
    bool same = node_compare(entry->name, name) == 0;
    if (same)
        TRY(tree_copy_entry(entry, arena, out, e));
    *found = same;
    return RC_OK;
}

enum rc
tree_lookup(struct tree_reader *r, const struct blob_ref *directory, struct span name,
            struct arena *arena, bool *found, struct node_entry *out, struct error *e)
{
    return lookup_node(r, directory, &(struct place){.root = true}, name, arena, found, out, e);
}

enum rc
tree_find(struct tree_reader *r, const struct blob_ref *root, const char *path, struct arena *arena,
          bool *found, struct node_entry *out, struct error *e)
{
    struct node_entry at = {.type = NODE_DIRECTORY, .mode = 0755, .directory = *root};
    bool here = true;
    while (here && *path != '\0') {
        const size_t len = strcspn(path, "/");
        const struct span name = span_of(path, len);
        path += len + (path[len] == '/');
        if (len == 0)
            continue; /* "a//b" and "/a" mean what they mean everywhere */
        here = at.type == NODE_DIRECTORY;
        if (here) {
            struct blob_ref directory = at.directory;
            TRY(tree_lookup(r, &directory, name, arena, &here, &at, e));
        }
    }
    if (here)
        *out = at;
    *found = here;
    return RC_OK;
}
