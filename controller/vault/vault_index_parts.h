/*
 * vault_index_parts.h -- what the files vault_index_*.c share.  Not for anyone else: they include vault_index.h.
 *
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_INDEX_PARTS_H
#define CONTROLLER_VAULT_VAULT_INDEX_PARTS_H

#include <lmdb.h>
#include <pthread.h>

#include "controller/vault/index_entry.h"
#include "controller/vault/vault_index.h"

struct vault_index {
    MDB_env *env;
    MDB_dbi blobs, packs, names, meta, doubts, copies;
    uint64_t epoch;
    /* LMDB's map may only be resized while no transaction is alive: those share, growing excludes. */
    pthread_rwlock_t map;
};

/* vault_index_txn.c.  A transaction and its share of the map; CLEANUP(vault_index_end) aborts what was not committed. */
struct vault_index_txn {
    struct vault_index *index;
    MDB_txn *mdb;
    bool map_full;
};
enum rc vault_index_begin(struct vault_index *index, unsigned flags, struct vault_index_txn *t,
                          struct error *e);
enum rc vault_index_commit(struct vault_index_txn *t, struct error *e);
void vault_index_end(struct vault_index_txn *t);
/* Do `deed` and commit it; again in a larger map when this one is full. */
typedef enum rc vault_index_deed(struct vault_index_txn *t, void *ctx, struct error *e);
enum rc
vault_index_change(struct vault_index *index, vault_index_deed *deed, void *ctx, struct error *e);
enum rc vault_index_grow(struct vault_index *index, struct error *e);

/* LMDB's `status` as ours; `what` was tried. */
enum rc vault_index_explain(int status, const char *what, struct error *e);
/* The same within a transaction, which notes that the map is full. */
enum rc vault_index_check(struct vault_index_txn *t, int status, const char *what, struct error *e);
/* LMDB does not write through the keys and values it is given, but its type says it might. */
MDB_val vault_index_val(const void *data, size_t len);
struct span vault_index_span(const MDB_val *v);

enum rc vault_index_get(struct vault_index_txn *t, MDB_dbi db, struct span key, bool *found,
                        struct span *out, struct error *e);
/* *added is false, and nothing changes, when the key is there already. */
enum rc vault_index_put_new(struct vault_index_txn *t, MDB_dbi db, struct span key,
                            struct span value, bool *added, struct error *e);
enum rc vault_index_put(struct vault_index_txn *t, MDB_dbi db, struct span key, struct span value,
                        struct error *e);
/* A key that is not there is fine: *found says. */
enum rc vault_index_delete(struct vault_index_txn *t, MDB_dbi db, struct span key, bool *found,
                           struct error *e);
struct span vault_index_meta_key(void);
enum rc vault_index_write_meta(struct vault_index_txn *t, const struct index_entry_meta *meta,
                               struct error *e);
enum rc
vault_index_read_meta(struct vault_index_txn *t, struct index_entry_meta *out, struct error *e);

/* vault_index_doubt.c.  A doubted blob gives up its place, and with it what it added to the totals. */
enum rc vault_index_drop_doubted(struct vault_index_txn *t, struct span id,
                                 struct index_entry_meta *meta, struct error *e);
/* Note that pack `number` holds the blob too. */
enum rc vault_index_add_copy(struct vault_index_txn *t, const struct pack_place *place,
                             uint32_t number, struct error *e);

#endif
