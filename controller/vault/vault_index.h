/*
 * vault_index.h -- which pack holds a blob: an LMDB cache of the packs' tables (docs/formats/pack.md).
 *
 * The index only ever mentions packs that are durable: add them after pack_writer_commit().  It may be
 * thrown away at any time.
 *
 *     rc = vault_index_open("VAULT/index", &vault_id, false, &index, e);  // RC_CORRUPT: remove it, open again
 *     TRY(vault_index_add(index, &name, size, places, count, e));   // one transaction
 *     TRY(vault_index_find(index, &id, &found, &place, e));
 *
 * The folder must exist.  Commits sync the data and not the last root page: after power loss the newest
 * additions may be gone (and are found again by comparing with packs/), the rest is whole.
 * Memory: a map of the file that grows with it; LMDB itself keeps no cache.
 * Threads: any, at once.  Processes: one (the vault's lock sees to it).  Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_INDEX_H
#define CONTROLLER_VAULT_VAULT_INDEX_H

#include "common/base/error.h"
#include "common/base/own.h"
#include "common/record/record.h"
#include "controller/vault/pack_format.h"

struct vault_index;

/*
 * RC_CORRUPT: damaged, of another vault or of another format; delete it and open again.
 * `unsynced`: nothing is synced before vault_index_sync(); for one that is built aside or thrown away.
 */
enum rc vault_index_open(const char *path, const struct record_vault_id *id, bool unsynced,
                         struct vault_index **out, struct error *e);
enum rc vault_index_sync(struct vault_index *index, struct error *e);
void vault_index_free(struct vault_index *index); /* NULL is fine */
DEFINE_FREEP(vault_index)

/* Random, made with the index: another one says that blobs may be gone. */
uint64_t vault_index_epoch(const struct vault_index *index);

/*
 * All of a pack or nothing.  A blob known already keeps its old place, and the new one is noted as a copy, unless
 * it is doubted: then the new place counts and the doubt is over.  A known pack keeps its number: it was written
 * again, and ends the doubts about its blobs.
 */
enum rc vault_index_add(struct vault_index *index, const struct id *pack, uint64_t size,
                        const struct pack_place *places, size_t count, struct error *e);
/* In the index and not doubted. */
enum rc vault_index_has(struct vault_index *index, const struct id *id, bool *out, struct error *e);
/*
 * The bytes at its place are not the blob: it is to be stored again, and until then is still found where it
 * was, for the pack may be put back.  *added is false when it is doubted already, or unknown.
 */
enum rc
vault_index_doubt(struct vault_index *index, const struct id *id, bool *added, struct error *e);
/* Another place of the blob, in pack `from` or one behind it; for another look, ask with *pack + 1. */
enum rc
vault_index_next_copy(struct vault_index *index, const struct id *id, uint32_t from, bool *found,
                      struct pack_place *place, uint32_t *pack, struct error *e);
/* The place `to`, in pack `number`, counts from now on; the old one is forgotten, and any doubt about it. */
enum rc vault_index_move(struct vault_index *index, const struct pack_place *to, uint32_t number,
                         struct error *e);
/*
 * A pack that is to go, all of it or nothing: its blobs take the place of another copy, or are known no
 * longer.  *found is false when it is unknown.  Reads the whole index.
 */
enum rc
vault_index_remove(struct vault_index *index, const struct id *pack, bool *found, struct error *e);
/* Doubted or not.  `pack` is the number for vault_index_pack(). */
enum rc vault_index_find(struct vault_index *index, const struct id *id, bool *found,
                         struct pack_place *place, uint32_t *pack, struct error *e);
enum rc
vault_index_has_pack(struct vault_index *index, const struct id *pack, bool *out, struct error *e);
/* The name of a pack by number. */
enum rc
vault_index_pack(struct vault_index *index, uint32_t number, struct id *name, struct error *e);

/* Visits within one read transaction: the visitor may not add to the index. */
typedef enum rc
vault_index_visit_pack(void *ctx, const struct id *pack, uint32_t number, struct error *e);
enum rc vault_index_each_pack(struct vault_index *index, vault_index_visit_pack *visit, void *ctx,
                              struct error *e);
typedef enum rc
vault_index_visit_blob(void *ctx, const struct pack_place *place, uint32_t pack, struct error *e);
enum rc vault_index_each_blob(struct vault_index *index, vault_index_visit_blob *visit, void *ctx,
                              struct error *e);

struct vault_index_totals {
    uint64_t packs, blobs, bytes_packs, bytes_blobs, bytes_plain; /* each blob counted once */
    uint64_t doubts;
    uint32_t next_pack; /* the number the next pack will get */
};
enum rc
vault_index_total(struct vault_index *index, struct vault_index_totals *out, struct error *e);

#endif
