/* vault_index.c -- an LMDB environment with six small databases: opening it, and adding packs.  See vault_index.h. */
#include <endian.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/crypto/keys.h"
#include "controller/vault/index_entry.h"
#include "controller/vault/vault_index_parts.h"

enum { DATABASES = 6, READERS_MAX = 512, DATA_PATH_SIZE = 4096 };
#define MAP_SIZE_FIRST ((size_t)8 << 20)

/* ---- opening */

/* A page beyond the end of the file would be a SIGBUS, not an error (facts: D11). */
static enum rc
check_length(const struct vault_index *index, const char *path, struct error *e)
{
    char data[DATA_PATH_SIZE];
    MDB_envinfo info;
    MDB_stat layout;
    struct stat st;

    int status = mdb_env_info(index->env, &info);
    if (status == 0)
        status = mdb_env_stat(index->env, &layout);
    if (status != 0)
        return vault_index_explain(status, "ask for its size", e);
    (void)snprintf(data, sizeof data, "%s/data.mdb", path);
    if (stat(data, &st) != 0)
        return error_errno(e, "index: stat '%s'", data);
    if ((uint64_t)st.st_size / layout.ms_psize < info.me_last_pgno + 1)
        return error_set(e, RC_CORRUPT, "index: '%s' was cut short", data);
    return RC_OK;
}

static enum rc
open_environment(struct vault_index *index, const char *path, bool unsynced, struct error *e)
{
    /* The root page too: one that a later sync without room gave up leads back to pages that are in use again. */
    unsigned sync = unsynced ? MDB_NOSYNC : 0;
    int status = mdb_env_create(&index->env);
    if (status != 0)
        return vault_index_explain(status, "create", e);
    status = mdb_env_set_maxdbs(index->env, DATABASES);
    if (status == 0)
        status = mdb_env_set_maxreaders(index->env, READERS_MAX);
    if (status == 0)
        status = mdb_env_set_mapsize(index->env, MAP_SIZE_FIRST);
    if (status == 0)
        status = mdb_env_open(index->env, path, MDB_NOTLS | sync, 0600);
    if (status != 0)
        return vault_index_explain(status, "open", e);
    return check_length(index, path, e);
}

static enum rc
open_databases(struct vault_index *index, MDB_txn *txn, struct error *e)
{
    int status = mdb_dbi_open(txn, "blobs", MDB_CREATE, &index->blobs);
    if (status == 0)
        status = mdb_dbi_open(txn, "packs", MDB_CREATE, &index->packs);
    if (status == 0)
        status = mdb_dbi_open(txn, "names", MDB_CREATE, &index->names);
    if (status == 0)
        status = mdb_dbi_open(txn, "meta", MDB_CREATE, &index->meta);
    if (status == 0)
        status = mdb_dbi_open(txn, "doubts", MDB_CREATE, &index->doubts);
    if (status == 0)
        status = mdb_dbi_open(txn, "copies", MDB_CREATE, &index->copies);
    return status == 0 ? RC_OK : vault_index_explain(status, "open its databases", e);
}

static enum rc
begin_new(struct vault_index_txn *t, const struct record_vault_id *id, struct error *e)
{
    struct index_entry_meta meta = {.vault = *id};

    TRY(keys_random(&meta.epoch, sizeof meta.epoch, e));
    return vault_index_write_meta(t, &meta, e);
}

static enum rc
load(struct vault_index *index, const struct record_vault_id *id, struct error *e)
{
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    struct index_entry_meta meta;
    struct span value;
    bool found;

    TRY(vault_index_begin(index, 0, &t, e));
    TRY(open_databases(index, t.mdb, e));
    TRY(vault_index_get(&t, index->meta, vault_index_meta_key(), &found, &value, e));
    if (!found)
        TRY(begin_new(&t, id, e));
    TRY(vault_index_read_meta(&t, &meta, e));
    if (memcmp(meta.vault.bytes, id->bytes, sizeof id->bytes) != 0)
        return error_set(e, RC_CORRUPT, "index: it belongs to another vault");
    index->epoch = meta.epoch;
    return vault_index_commit(&t, e);
}

enum rc
vault_index_open(const char *path, const struct record_vault_id *id, bool unsynced,
                 struct vault_index **out, struct error *e)
{
    CLEANUP(vault_index_freep) struct vault_index *index = calloc(1, sizeof *index);

    if (index == NULL || pthread_rwlock_init(&index->map, NULL) != 0)
        return error_set(e, RC_NO_MEMORY, "index");
    TRY(open_environment(index, path, unsynced, e));
    TRY(load(index, id, e));
    *out = TAKE(index);
    return RC_OK;
}

void
vault_index_free(struct vault_index *index)
{
    if (index == NULL)
        return;
    if (index->env != NULL)
        mdb_env_close(index->env);
    (void)pthread_rwlock_destroy(&index->map);
    free(index);
}

enum rc
vault_index_sync(struct vault_index *index, struct error *e)
{
    int status = mdb_env_sync(index->env, 1);
    return status == 0 ? RC_OK : vault_index_explain(status, "sync", e);
}

uint64_t
vault_index_epoch(const struct vault_index *index)
{
    return index->epoch;
}

/* ---- adding */

struct addition {
    const struct id *pack;
    uint64_t size;
    const struct pack_place *places;
    size_t count;
};

/* Beside the place it has already: in this very pack, or as another copy of the same bytes. */
static enum rc
note_copy(struct vault_index_txn *t, const struct pack_place *place, uint32_t number,
          struct error *e)
{
    struct span id = span_of(place->id.bytes, ID_SIZE), value;
    struct pack_place known;
    uint32_t pack;
    bool found;

    TRY(vault_index_get(t, t->index->blobs, id, &found, &value, e));
    TRY(index_entry_decode_blob(id, value, &known, &pack, e));
    return pack == number ? RC_OK : vault_index_add_copy(t, place, number, e);
}

static enum rc
add_blobs(struct vault_index_txn *t, const struct addition *a, uint32_t number,
          struct index_entry_meta *meta, struct error *e)
{
    uint8_t value[INDEX_ENTRY_BLOB_SIZE];
    bool added;

    for (size_t i = 0; i < a->count; i++) {
        const struct pack_place *place = &a->places[i];
        struct span id = span_of(place->id.bytes, ID_SIZE);
        TRY(vault_index_drop_doubted(t, id, meta, e));
        index_entry_encode_blob(place, number, value);
        TRY(vault_index_put_new(t, t->index->blobs, id, span_of(value, sizeof value), &added, e));
        if (!added)
            TRY(note_copy(t, place, number, e));
        meta->bytes_blobs += added ? place->len : 0;
        meta->bytes_plain += added ? place->plain_len : 0;
    }
    return RC_OK;
}

static enum rc
add_pack(struct vault_index_txn *t, const struct addition *a, uint32_t number, bool *added,
         struct error *e)
{
    struct index_entry_pack pack = {.name = *a->pack, .size = a->size, .blobs = (uint32_t)a->count};
    uint8_t value[INDEX_ENTRY_PACK_SIZE];
    uint32_t key = htobe32(number);

    index_entry_encode_pack(&pack, value);
    TRY(vault_index_put_new(t, t->index->names, span_of(a->pack->bytes, ID_SIZE),
                            span_of(&key, sizeof key), added, e));
    if (!*added)
        return RC_OK;
    return vault_index_put_new(t, t->index->packs, span_of(&key, sizeof key),
                               span_of(value, sizeof value), added, e);
}

static enum rc
known_pack_number(struct vault_index_txn *t, const struct id *pack, uint32_t *out, struct error *e)
{
    struct span value;
    bool found;

    TRY(vault_index_get(t, t->index->names, span_of(pack->bytes, ID_SIZE), &found, &value, e));
    if (!found || value.len != sizeof *out)
        return error_set(e, RC_CORRUPT, "index: a pack without its number");
    memcpy(out, value.data, sizeof *out);
    *out = be32toh(*out);
    return RC_OK;
}

static enum rc
add(struct vault_index_txn *t, void *ctx, struct error *e)
{
    const struct addition *a = ctx;
    struct index_entry_meta meta;
    uint32_t number;
    bool added;

    TRY(vault_index_read_meta(t, &meta, e));
    number = meta.last_pack + 1;
    TRY(add_pack(t, a, number, &added, e));
    /* Known and written again: its file is new, which ends every doubt about what it holds. */
    if (!added)
        TRY(known_pack_number(t, a->pack, &number, e));
    TRY(add_blobs(t, a, number, &meta, e));
    meta.bytes_packs += added ? a->size : 0;
    meta.last_pack += added ? 1 : 0;
    return vault_index_write_meta(t, &meta, e);
}

enum rc
vault_index_add(struct vault_index *index, const struct id *pack, uint64_t size,
                const struct pack_place *places, size_t count, struct error *e)
{
    struct addition a = {.pack = pack, .size = size, .places = places, .count = count};

    return vault_index_change(index, add, &a, e);
}
