/* vault_index.c -- an LMDB environment with five small databases.  See vault_index.h. */
#include "controller/vault/vault_index.h"

#include <endian.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/crypto/keys.h"
#include "controller/vault/index_entry.h"

enum { DATABASES = 5, READERS_MAX = 512, GROW_FACTOR = 2, DATA_PATH_SIZE = 4096 };
#define MAP_SIZE_FIRST ((size_t)8 << 20)

struct vault_index {
    MDB_env *env;
    MDB_dbi blobs, packs, names, meta, doubts;
    uint64_t epoch;
    /* LMDB's map may only be resized while no transaction is alive: those share, growing excludes. */
    pthread_rwlock_t map;
};

static enum rc
explain(int status, const char *what, struct error *e)
{
    if (status > 0) {
        errno = status;
        return error_errno(e, "index: %s", what);
    }
    bool damaged = status == MDB_CORRUPTED || status == MDB_PAGE_NOTFOUND ||
                   status == MDB_INVALID || status == MDB_VERSION_MISMATCH ||
                   status == MDB_NOTFOUND || status == MDB_INCOMPATIBLE ||
                   status == MDB_BAD_VALSIZE;
    return error_set(e, damaged ? RC_CORRUPT : RC_IO, "index: %s: %s", what, mdb_strerror(status));
}

/* A transaction and its share of the map.  CLEANUP(txn_end) aborts what was not committed. */
struct txn {
    struct vault_index *index;
    MDB_txn *mdb;
    bool map_full;
};

static void
txn_end(struct txn *t)
{
    if (t->mdb != NULL)
        mdb_txn_abort(TAKE(t->mdb));
    if (t->index != NULL)
        (void)pthread_rwlock_unlock(&TAKE(t->index)->map);
}

static enum rc
txn_check(struct txn *t, int status, const char *what, struct error *e)
{
    if (status == 0)
        return RC_OK;
    t->map_full = status == MDB_MAP_FULL;
    return explain(status, what, e);
}

static enum rc
txn_begin(struct vault_index *index, unsigned flags, struct txn *t, struct error *e)
{
    (void)pthread_rwlock_rdlock(&index->map);
    t->index = index;
    return txn_check(t, mdb_txn_begin(index->env, NULL, flags, &t->mdb), "begin", e);
}

static enum rc
txn_commit(struct txn *t, struct error *e)
{
    return txn_check(t, mdb_txn_commit(TAKE(t->mdb)), "commit", e);
}

/* LMDB does not write through the keys and values it is given, but its type says it might. */
static MDB_val
val_of(const void *data, size_t len)
{
    union {
        const void *from;
        void *to;
    } p = {.from = data};
    return (MDB_val){.mv_size = len, .mv_data = p.to};
}

static struct span
span_of_val(const MDB_val *v)
{
    return span_of(v->mv_data, v->mv_size);
}

static enum rc
get(struct txn *t, MDB_dbi db, struct span key, bool *found, struct span *out, struct error *e)
{
    MDB_val k = val_of(key.data, key.len), v = {0};
    int status = mdb_get(t->mdb, db, &k, &v);

    *found = status == 0;
    *out = span_of_val(&v);
    return status == MDB_NOTFOUND ? RC_OK : txn_check(t, status, "look up", e);
}

/* *added is false, and nothing changes, when the key is there already. */
static enum rc
put_new(struct txn *t, MDB_dbi db, struct span key, struct span value, bool *added, struct error *e)
{
    MDB_val k = val_of(key.data, key.len), v = val_of(value.data, value.len);
    int status = mdb_put(t->mdb, db, &k, &v, MDB_NOOVERWRITE);

    *added = status == 0;
    return status == MDB_KEYEXIST ? RC_OK : txn_check(t, status, "add", e);
}

static struct span
meta_key(void)
{
    return span_of("format", 6);
}

static enum rc
write_meta(struct txn *t, const struct index_entry_meta *meta, struct error *e)
{
    uint8_t bytes[INDEX_ENTRY_META_SIZE];
    MDB_val k = val_of(meta_key().data, meta_key().len), v = val_of(bytes, sizeof bytes);

    index_entry_encode_meta(meta, bytes);
    return txn_check(t, mdb_put(t->mdb, t->index->meta, &k, &v, 0), "add", e);
}

static enum rc
read_meta(struct txn *t, struct index_entry_meta *out, struct error *e)
{
    struct span value;
    bool found;

    TRY(get(t, t->index->meta, meta_key(), &found, &value, e));
    if (!found)
        return error_set(e, RC_CORRUPT, "index: it has no format");
    return index_entry_decode_meta(value, out, e);
}

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
        return explain(status, "ask for its size", e);
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
    unsigned sync = unsynced ? MDB_NOSYNC : MDB_NOMETASYNC;
    int status = mdb_env_create(&index->env);
    if (status != 0)
        return explain(status, "create", e);
    status = mdb_env_set_maxdbs(index->env, DATABASES);
    if (status == 0)
        status = mdb_env_set_maxreaders(index->env, READERS_MAX);
    if (status == 0)
        status = mdb_env_set_mapsize(index->env, MAP_SIZE_FIRST);
    if (status == 0)
        status = mdb_env_open(index->env, path, MDB_NOTLS | sync, 0600);
    if (status != 0)
        return explain(status, "open", e);
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
    return status == 0 ? RC_OK : explain(status, "open its databases", e);
}

static enum rc
begin_new(struct txn *t, const struct record_vault_id *id, struct error *e)
{
    struct index_entry_meta meta = {.vault = *id};

    TRY(keys_random(&meta.epoch, sizeof meta.epoch, e));
    return write_meta(t, &meta, e);
}

static enum rc
load(struct vault_index *index, const struct record_vault_id *id, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    struct index_entry_meta meta;
    struct span value;
    bool found;

    TRY(txn_begin(index, 0, &t, e));
    TRY(open_databases(index, t.mdb, e));
    TRY(get(&t, index->meta, meta_key(), &found, &value, e));
    if (!found)
        TRY(begin_new(&t, id, e));
    TRY(read_meta(&t, &meta, e));
    if (memcmp(meta.vault.bytes, id->bytes, sizeof id->bytes) != 0)
        return error_set(e, RC_CORRUPT, "index: it belongs to another vault");
    index->epoch = meta.epoch;
    return txn_commit(&t, e);
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
    return status == 0 ? RC_OK : explain(status, "sync", e);
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

static enum rc
next_pack_number(struct txn *t, uint32_t *out, struct error *e)
{
    MDB_cursor *cursor;
    MDB_val key, value;

    TRY(txn_check(t, mdb_cursor_open(t->mdb, t->index->packs, &cursor), "open a cursor", e));
    int status = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    mdb_cursor_close(cursor);
    uint32_t last = 0;
    if (status == 0 && key.mv_size == sizeof last)
        memcpy(&last, key.mv_data, sizeof last);
    *out = be32toh(last) + 1;
    return status == MDB_NOTFOUND ? RC_OK : txn_check(t, status, "find the last pack", e);
}

/* A doubted blob gives up its place, and with it what it added to the totals. */
static enum rc
drop_doubted(struct txn *t, struct span id, struct index_entry_meta *meta, struct error *e)
{
    MDB_val key = val_of(id.data, id.len);
    struct pack_place place;
    struct span value;
    uint32_t pack;
    bool found;

    int status = mdb_del(t->mdb, t->index->doubts, &key, NULL);
    if (status == MDB_NOTFOUND)
        return RC_OK;
    TRY(txn_check(t, status, "end a doubt", e));
    TRY(get(t, t->index->blobs, id, &found, &value, e));
    if (!found)
        return RC_OK;
    TRY(index_entry_decode_blob(id, value, &place, &pack, e));
    meta->bytes_blobs -= place.len;
    meta->bytes_plain -= place.plain_len;
    return txn_check(t, mdb_del(t->mdb, t->index->blobs, &key, NULL), "drop a doubted place", e);
}

static enum rc
add_blobs(struct txn *t, const struct addition *a, uint32_t number, struct index_entry_meta *meta,
          struct error *e)
{
    uint8_t value[INDEX_ENTRY_BLOB_SIZE];
    bool added;

    for (size_t i = 0; i < a->count; i++) {
        const struct pack_place *place = &a->places[i];
        TRY(drop_doubted(t, span_of(place->id.bytes, ID_SIZE), meta, e));
        index_entry_encode_blob(place, number, value);
        TRY(put_new(t, t->index->blobs, span_of(place->id.bytes, ID_SIZE),
                    span_of(value, sizeof value), &added, e));
        meta->bytes_blobs += added ? place->len : 0;
        meta->bytes_plain += added ? place->plain_len : 0;
    }
    return RC_OK;
}

static enum rc
add_pack(struct txn *t, const struct addition *a, uint32_t number, bool *added, struct error *e)
{
    struct index_entry_pack pack = {.name = *a->pack, .size = a->size, .blobs = (uint32_t)a->count};
    uint8_t value[INDEX_ENTRY_PACK_SIZE];
    uint32_t key = htobe32(number);

    index_entry_encode_pack(&pack, value);
    TRY(put_new(t, t->index->names, span_of(a->pack->bytes, ID_SIZE), span_of(&key, sizeof key),
                added, e));
    if (!*added)
        return RC_OK;
    return put_new(t, t->index->packs, span_of(&key, sizeof key), span_of(value, sizeof value),
                   added, e);
}

static enum rc
known_pack_number(struct txn *t, const struct id *pack, uint32_t *out, struct error *e)
{
    struct span value;
    bool found;

    TRY(get(t, t->index->names, span_of(pack->bytes, ID_SIZE), &found, &value, e));
    if (!found || value.len != sizeof *out)
        return error_set(e, RC_CORRUPT, "index: a pack without its number");
    memcpy(out, value.data, sizeof *out);
    *out = be32toh(*out);
    return RC_OK;
}

static enum rc
add_in_txn(struct txn *t, const struct addition *a, struct error *e)
{
    struct index_entry_meta meta;
    uint32_t number;
    bool added;

    TRY(read_meta(t, &meta, e));
    TRY(next_pack_number(t, &number, e));
    TRY(add_pack(t, a, number, &added, e));
    /* Known and written again: its file is new, which ends every doubt about what it holds. */
    if (!added)
        TRY(known_pack_number(t, a->pack, &number, e));
    TRY(add_blobs(t, a, number, &meta, e));
    meta.bytes_packs += added ? a->size : 0;
    TRY(write_meta(t, &meta, e));
    return txn_commit(t, e);
}

static enum rc
add_once(struct vault_index *index, const struct addition *a, bool *map_full, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};

    enum rc rc = txn_begin(index, 0, &t, e);
    if (rc == RC_OK)
        rc = add_in_txn(&t, a, e);
    *map_full = t.map_full;
    return rc;
}

static enum rc
grow_map(struct vault_index *index, struct error *e)
{
    MDB_envinfo info;

    (void)pthread_rwlock_wrlock(&index->map);
    int status = mdb_env_info(index->env, &info);
    if (status == 0)
        status = mdb_env_set_mapsize(index->env, info.me_mapsize * GROW_FACTOR);
    (void)pthread_rwlock_unlock(&index->map);
    return status == 0 ? RC_OK : explain(status, "grow", e);
}

enum rc
vault_index_add(struct vault_index *index, const struct id *pack, uint64_t size,
                const struct pack_place *places, size_t count, struct error *e)
{
    const struct addition a = {.pack = pack, .size = size, .places = places, .count = count};

    for (;;) {
        bool map_full = false;
        enum rc rc = add_once(index, &a, &map_full, e);
        if (!map_full)
            return rc;
        TRY(grow_map(index, e));
    }
}

static enum rc
doubt_once(struct vault_index *index, const struct id *id, bool *added, bool *map_full,
           struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    struct span key = span_of(id->bytes, ID_SIZE), value;
    bool found = false;

    *added = false;
    enum rc rc = txn_begin(index, 0, &t, e);
    if (rc == RC_OK)
        rc = get(&t, index->blobs, key, &found, &value, e);
    if (rc == RC_OK && found)
        rc = put_new(&t, index->doubts, key, span_of("", 1), added, e);
    if (rc == RC_OK && *added)
        rc = txn_commit(&t, e);
    *map_full = t.map_full;
    return rc;
}

enum rc
vault_index_doubt(struct vault_index *index, const struct id *id, bool *added, struct error *e)
{
    for (;;) {
        bool map_full = false;
        enum rc rc = doubt_once(index, id, added, &map_full, e);
        if (!map_full)
            return rc;
        TRY(grow_map(index, e));
    }
}

/* ---- asking */

enum rc
vault_index_find(struct vault_index *index, const struct id *id, bool *found,
                 struct pack_place *place, uint32_t *pack, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    struct span key = span_of(id->bytes, ID_SIZE), value;
    bool there;

    TRY(txn_begin(index, MDB_RDONLY, &t, e));
    TRY(get(&t, index->blobs, key, &there, &value, e));
    if (there)
        TRY(index_entry_decode_blob(key, value, place, pack, e));
    *found = there;
    return RC_OK;
}

enum rc
vault_index_has(struct vault_index *index, const struct id *id, bool *out, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    struct span key = span_of(id->bytes, ID_SIZE), value;
    struct pack_place place;
    uint32_t pack;
    bool there, doubted;

    TRY(txn_begin(index, MDB_RDONLY, &t, e));
    TRY(get(&t, index->blobs, key, &there, &value, e));
    if (there)
        TRY(index_entry_decode_blob(key, value, &place, &pack, e));
    TRY(get(&t, index->doubts, key, &doubted, &value, e));
    *out = there && !doubted;
    return RC_OK;
}

enum rc
vault_index_has_pack(struct vault_index *index, const struct id *pack, bool *out, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    struct span value;

    TRY(txn_begin(index, MDB_RDONLY, &t, e));
    return get(&t, index->names, span_of(pack->bytes, ID_SIZE), out, &value, e);
}

enum rc
vault_index_pack(struct vault_index *index, uint32_t number, struct id *name, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    uint32_t key = htobe32(number);
    struct index_entry_pack pack;
    struct span value;
    bool found;

    TRY(txn_begin(index, MDB_RDONLY, &t, e));
    TRY(get(&t, index->packs, span_of(&key, sizeof key), &found, &value, e));
    if (!found)
        return error_set(e, RC_CORRUPT, "index: it names pack %u, which it does not know", number);
    TRY(index_entry_decode_pack(value, &pack, e));
    *name = pack.name;
    return RC_OK;
}

/* ---- visiting */

typedef enum rc visit_row(void *ctx, struct span key, struct span value, struct error *e);

static void
close_cursor(MDB_cursor **cursor)
{
    if (*cursor != NULL)
        mdb_cursor_close(*cursor);
}

static enum rc
each_row(struct vault_index *index, MDB_dbi db, visit_row *visit, void *ctx, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    CLEANUP(close_cursor) MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int status;

    TRY(txn_begin(index, MDB_RDONLY, &t, e));
    TRY(txn_check(&t, mdb_cursor_open(t.mdb, db, &cursor), "open a cursor", e));
    while ((status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        TRY(visit(ctx, span_of_val(&key), span_of_val(&value), e));
    return status == MDB_NOTFOUND ? RC_OK : txn_check(&t, status, "read on", e);
}

struct pack_visit {
    vault_index_visit_pack *visit;
    void *ctx;
};

static enum rc
visit_pack_row(void *ctx, struct span key, struct span value, struct error *e)
{
    const struct pack_visit *v = ctx;
    struct index_entry_pack pack;
    uint32_t number;

    if (key.len != sizeof number)
        return error_set(e, RC_CORRUPT, "index: a pack number of %zu bytes", key.len);
    memcpy(&number, key.data, sizeof number);
    TRY(index_entry_decode_pack(value, &pack, e));
    return v->visit(v->ctx, &pack.name, be32toh(number), e);
}

enum rc
vault_index_each_pack(struct vault_index *index, vault_index_visit_pack *visit, void *ctx,
                      struct error *e)
{
    return each_row(index, index->packs, visit_pack_row,
                    &(struct pack_visit){.visit = visit, .ctx = ctx}, e);
}

struct blob_visit {
    vault_index_visit_blob *visit;
    void *ctx;
};

static enum rc
visit_blob_row(void *ctx, struct span key, struct span value, struct error *e)
{
    const struct blob_visit *v = ctx;
    struct pack_place place;
    uint32_t pack;

    TRY(index_entry_decode_blob(key, value, &place, &pack, e));
    return v->visit(v->ctx, &place, pack, e);
}

enum rc
vault_index_each_blob(struct vault_index *index, vault_index_visit_blob *visit, void *ctx,
                      struct error *e)
{
    return each_row(index, index->blobs, visit_blob_row,
                    &(struct blob_visit){.visit = visit, .ctx = ctx}, e);
}

enum rc
vault_index_total(struct vault_index *index, struct vault_index_totals *out, struct error *e)
{
    CLEANUP(txn_end) struct txn t = {0};
    struct index_entry_meta meta;
    MDB_stat blobs, packs;
    uint32_t next;

    TRY(txn_begin(index, MDB_RDONLY, &t, e));
    TRY(read_meta(&t, &meta, e));
    TRY(next_pack_number(&t, &next, e));
    TRY(txn_check(&t, mdb_stat(t.mdb, index->blobs, &blobs), "count blobs", e));
    TRY(txn_check(&t, mdb_stat(t.mdb, index->packs, &packs), "count packs", e));
    *out = (struct vault_index_totals){
        .packs = packs.ms_entries,
        .blobs = blobs.ms_entries,
        .bytes_packs = meta.bytes_packs,
        .bytes_blobs = meta.bytes_blobs,
        .bytes_plain = meta.bytes_plain,
        .next_pack = next,
    };
    return RC_OK;
}
