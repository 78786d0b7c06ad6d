/* id_map.c -- open addressing with linear probing.  See id_map.h. */
#include "controller/vault/id_map.h"

#include <assert.h>

#include "common/crypto/keys.h"

enum { SLOTS_FIRST = 1024, WORDS = ID_SIZE / sizeof(uint64_t) };

struct slot {
    struct id id;
    uint64_t number; /* 0: empty */
};

struct id_map {
    struct slot *slots;
    size_t size, used; /* size: a power of two */
    uint64_t seed[WORDS];
};

enum rc
id_map_new(struct id_map **out, struct error *e)
{
    CLEANUP(id_map_freep) struct id_map *map = calloc(1, sizeof *map);

    if (map != NULL)
        map->slots = calloc(SLOTS_FIRST, sizeof *map->slots);
    if (map == NULL || map->slots == NULL)
        return error_set(e, RC_NO_MEMORY, "map of ids");
    map->size = SLOTS_FIRST;
    TRY(keys_random(map->seed, sizeof map->seed, e));
    *out = TAKE(map);
    return RC_OK;
}

void
id_map_free(struct id_map *map)
{
    if (map == NULL)
        return;
    free(map->slots);
    free(map);
}

static size_t
hash(const struct id_map *map, const struct id *id)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word;
        memcpy(&word, id->bytes + i * sizeof word, sizeof word);
        sum += word * (map->seed[i] | 1);
    }
    return (size_t)(sum >> 32 ^ sum << 7);
}

/* The slot that holds `id`, or the empty one where it belongs. */
static struct slot *
slot_of(const struct id_map *map, const struct id *id)
{
    size_t at = hash(map, id) & (map->size - 1);
    while (map->slots[at].number != 0 && !id_equal(&map->slots[at].id, id))
        at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

static enum rc
grow(struct id_map *map, struct error *e)
{
    struct slot *old = map->slots;
    size_t old_size = map->size;

    struct slot *slots = calloc(2 * old_size, sizeof *slots);
    if (slots == NULL)
        return error_set(e, RC_NO_MEMORY, "map of %zu ids", old_size);
    map->slots = slots;
    map->size = 2 * old_size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].number != 0)
            *slot_of(map, &old[i].id) = old[i];
    }
    free(old);
    return RC_OK;
}

enum rc
id_map_add(struct id_map *map, const struct id *id, uint64_t number, bool *added, struct error *e)
{
    assert(number != 0);
    if (map->used >= map->size / 3 * 2)
        TRY(grow(map, e));
    struct slot *slot = slot_of(map, id);
    *added = slot->number == 0;
    if (*added) {
        *slot = (struct slot){.id = *id, .number = number};
        map->used++;
    }
    return RC_OK;
}

uint64_t *
id_map_find(const struct id_map *map, const struct id *id)
{
    struct slot *slot = slot_of(map, id);
    return slot->number == 0 ? NULL : &slot->number;
}

static bool
is_used(const struct id_map *map, size_t slot)
{
    return map->slots[slot].number != 0;
}

enum rc
id_map_each(const struct id_map *map, id_map_visit *visit, void *ctx, struct error *e)
{
    for (size_t i = 0; i < map->size; i++) {
        if (is_used(map, i))
            TRY(visit(ctx, &map->slots[i].id, e));
    }
    return RC_OK;
}

size_t
id_map_count(const struct id_map *map)
{
    return map->used;
}

void
id_map_clear(struct id_map *map)
{
    memset(map->slots, 0, map->size * sizeof *map->slots);
    map->used = 0;
}
