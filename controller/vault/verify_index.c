/* verify_index.c -- see verify_parts.h. */
#include "controller/vault/verify_parts.h"

struct known_pack {
    struct id name;
    bool there, damaged;
};

struct comparison {
    struct verify *y;
    struct id_map *listed;    /* pack -> 1 + place in y->packs */
    struct known_pack *known; /* by number, below y->index_limit */
};

static enum rc
compare_pack(void *ctx, const struct id *name, uint32_t number, struct error *e)
{
    struct comparison *c = ctx;
    char path[PACK_PATH_SIZE];

    (void)e;
    if (number >= c->y->index_limit)
        return RC_OK;
    const uint64_t *listed = id_map_find(c->listed, name);
    c->known[number].name = *name;
    if (listed == NULL) {
        verify_find(c->y, VAULT_BAD_INDEX, 0, "'%s' is in the index and not on the disk",
                    pack_format_path(name, path));
        return RC_OK;
    }
    c->known[number].there = true;
    c->known[number].damaged = c->y->packs[*listed - 1].damaged;
    return RC_OK;
}

/* May be in several packs: then the index may name another than the one noted first. */
static bool
is_really_there(struct comparison *c, const struct pack_place *place, uint32_t pack)
{
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    struct error ignored = ERROR_INIT;

    return verify_packs_is_at(c->y, &place->id, &c->known[pack].name, place->offset) ||
           vault_peek(c->y->vault, place, pack, &blob, &ignored) == RC_OK;
}

static enum rc
compare_blob(void *ctx, const struct pack_place *place, uint32_t pack, struct error *e)
{
    struct comparison *c = ctx;
    char path[PACK_PATH_SIZE], id[ID_TEXT_SIZE];

    TRY(verify_check_cancel(c->y, e));
    if (pack >= c->y->index_limit)
        return RC_OK;
    const struct known_pack *known = &c->known[pack];
    /* A pack that is gone or damaged has been reported; the index is not to blame. */
    if (!id_is_zero(&known->name) && (!known->there || known->damaged))
        return RC_OK;
    if (!is_really_there(c, place, pack))
        verify_find(
            c->y, VAULT_BAD_INDEX, 0,
            "blob %s is not in '%s' at offset %u as the index says; stop the controller and "
            "delete index/, it will be rebuilt",
            id_text(&place->id, id), pack_format_path(&known->name, path), place->offset);
    return RC_OK;
}

static enum rc
compare(struct comparison *c, struct error *e)
{
    struct vault_index *index = c->y->vault->index;
    bool added;

    for (size_t i = 0; i < c->y->pack_count; i++)
        TRY(id_map_add(c->listed, &c->y->packs[i].name, i + 1, &added, e));
    TRY(vault_index_each_pack(index, compare_pack, c, e));
    return vault_index_each_blob(index, compare_blob, c, e);
}

enum rc
verify_index(struct verify *y, struct error *e)
{
    CLEANUP(id_map_freep) struct id_map *listed = NULL;
    CLEANUP(own_freep) struct known_pack *known = calloc(y->index_limit + 1, sizeof *known);

    if (known == NULL)
        return error_set(e, RC_NO_MEMORY, "list of %u packs", y->index_limit);
    TRY(id_map_new(&listed, e));
    struct comparison c = {.y = y, .listed = listed, .known = known};
    enum rc rc = compare(&c, e);
    if (rc == RC_CORRUPT)
        verify_find(y, VAULT_BAD_INDEX, 0, "%s", e->text);
    return rc == RC_CORRUPT ? RC_OK : rc;
}
