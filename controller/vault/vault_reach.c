/* vault_reach.c -- the graph below a root, through clear headers: no key.  See vault.h. */
#include "controller/vault/id_map.h"
#include "controller/vault/vault_parts.h"

struct vault_walk {
    struct vault *vault;
    struct id_map *seen; /* visited or waiting */
    struct id *waiting;  /* a stack: a list of directories deep, not a call stack */
    size_t count, capacity;
    struct buffer node;
};

enum rc
vault_walk_new(struct vault *v, struct vault_walk **out, struct error *e)
{
    CLEANUP(vault_walk_freep) struct vault_walk *walk = calloc(1, sizeof *walk);

    if (walk == NULL)
        return error_set(e, RC_NO_MEMORY, "walk");
    walk->vault = v;
    walk->node = BUFFER_INIT(LIMIT_BLOB);
    TRY(id_map_new(&walk->seen, e));
    *out = TAKE(walk);
    return RC_OK;
}

void
vault_walk_free(struct vault_walk *walk)
{
    if (walk == NULL)
        return;
    id_map_free(walk->seen);
    buffer_free(&walk->node);
    free(walk->waiting);
    free(walk);
}

/* Each id waits once in the life of a walk, which bounds the stack by the number of blobs. */
static enum rc
push(struct vault_walk *walk, const struct id *id, struct error *e)
{
    bool added;

    TRY(id_map_add(walk->seen, id, 1, &added, e));
    if (!added)
        return RC_OK;
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 1024 : 2 * walk->capacity;
        struct id *grown = reallocarray(walk->waiting, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "walk over %zu blobs", capacity);
        walk->waiting = grown;
        walk->capacity = capacity;
    }
    walk->waiting[walk->count++] = *id;
    return RC_OK;
}

/*
 * The whole node is read, not its head alone: only the hash over all of it says that these are its
 * children.
 */
static enum rc
push_children(struct vault_walk *walk, const struct pack_place *place, uint32_t pack,
              struct error *e)
{
    struct blob_header header;

    TRY(vault_fetch(walk->vault, place, pack, &walk->node, e));
    TRY(blob_parse(buffer_span(&walk->node), &header, e));
    for (uint32_t i = 0; i < header.children; i++) {
        struct id child;
        memcpy(child.bytes, header.child_ids + (size_t)i * ID_SIZE, ID_SIZE);
        TRY(push(walk, &child, e));
    }
    return RC_OK;
}

static enum rc
visit_next(struct vault_walk *walk, vault_visit_blob *visit, void *ctx, struct error *e)
{
    struct vault_walk_step step = {.id = walk->waiting[--walk->count]};
    struct pack_place place;
    uint32_t pack;

    enum rc rc = vault_index_find(walk->vault->index, &step.id, &step.found, &place, &pack, e);
    if (rc == RC_OK && step.found) {
        step.len = place.len;
        step.children = place.children;
        if (place.children > 0)
            rc = push_children(walk, &place, pack, e);
    }
    /* What a disk does not read is as good as damaged; but an index that it does not read is no answer. */
    step.damaged = rc == RC_CORRUPT || rc == RC_UNSUPPORTED || (rc == RC_IO && step.children > 0);
    if (rc != RC_OK && !step.damaged)
        return rc;
    if (rc == RC_OK && step.found) {
        bool has;
        TRY(vault_index_has(walk->vault->index, &step.id, &has, e));
        step.doubted = !has;
    }
    return visit(ctx, &step, e);
}

enum rc
vault_walk_from(struct vault_walk *walk, const struct id *root, vault_visit_blob *visit, void *ctx,
                struct error *e)
{
    TRY(push(walk, root, e));
    while (walk->count > 0)
        TRY(visit_next(walk, visit, ctx, e));
    return RC_OK;
}

static enum rc
count_blob(void *ctx, const struct vault_walk_step *step, struct error *e)
{
    struct vault_reach *r = ctx;

    (void)e;
    if (!step->found || step->doubted || step->damaged) {
        if (r->missing++ == 0)
            r->first_missing = step->id;
        return RC_OK;
    }
    r->blobs++;
    r->bytes += step->len;
    return RC_OK;
}

enum rc
vault_reach(struct vault *v, const struct id *roots, size_t count, struct vault_reach *out,
            struct error *e)
{
    CLEANUP(vault_walk_freep) struct vault_walk *walk = NULL;
    struct vault_reach r = {0};

    TRY(vault_walk_new(v, &walk, e));
    for (size_t i = 0; i < count; i++)
        TRY(vault_walk_from(walk, &roots[i], count_blob, &r, e));
    *out = r;
    return RC_OK;
}
