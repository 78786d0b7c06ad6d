/*
 * id_map.h -- a set of ids with a number each, for walks over a whole vault.
 *
 *     CLEANUP(id_map_freep) struct id_map *seen = NULL;
 *     TRY(id_map_new(&seen, e));
 *     TRY(id_map_add(seen, &id, 1, &added, e));      // keeps the old number when it is there already
 *     uint64_t *number = id_map_find(seen, &id);     // NULL when absent; may be changed, not to 0
 *
 * Memory: 40 bytes a slot, at most 2/3 and at least 1/3 of them used.  Hashing is seeded, so whoever
 * chooses ids cannot make it slow.
 * Threads: one at a time.  Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_ID_MAP_H
#define CONTROLLER_VAULT_ID_MAP_H

#include <stddef.h>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/own.h"

struct id_map;

enum rc id_map_new(struct id_map **out, struct error *e);
void id_map_free(struct id_map *map); /* NULL is fine */
DEFINE_FREEP(id_map)

/* `number` is not 0. */
enum rc
id_map_add(struct id_map *map, const struct id *id, uint64_t number, bool *added, struct error *e);
/* Borrowed until the next id_map_add(). */
uint64_t *id_map_find(const struct id_map *map, const struct id *id);
/* In no order; the visitor may not change the map. */
typedef enum rc id_map_visit(void *ctx, const struct id *id, struct error *e);
enum rc id_map_each(const struct id_map *map, id_map_visit *visit, void *ctx, struct error *e);
size_t id_map_count(const struct id_map *map);
void id_map_clear(struct id_map *map); /* forget all, keep the memory */

#endif
