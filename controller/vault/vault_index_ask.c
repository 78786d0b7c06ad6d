/* vault_index_ask.c -- what the index knows.  See vault_index.h. */
#include <endian.h>

#include "controller/vault/index_entry.h"
#include "controller/vault/vault_index_parts.h"

enum rc
vault_index_find(struct vault_index *index, const struct id *id, bool *found,
                 struct pack_place *place, uint32_t *pack, struct error *e)
{
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    struct span key = span_of(id->bytes, ID_SIZE), value;
    bool there;

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    TRY(vault_index_get(&t, index->blobs, key, &there, &value, e));
    if (there)
        TRY(index_entry_decode_blob(key, value, place, pack, e));
    *found = there;
    return RC_OK;
}

enum rc
vault_index_has(struct vault_index *index, const struct id *id, bool *out, struct error *e)
{
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    struct span key = span_of(id->bytes, ID_SIZE), value;
    struct pack_place place;
    uint32_t pack;
    bool there, doubted;

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    TRY(vault_index_get(&t, index->blobs, key, &there, &value, e));
    if (there)
        TRY(index_entry_decode_blob(key, value, &place, &pack, e));
    TRY(vault_index_get(&t, index->doubts, key, &doubted, &value, e));
    *out = there && !doubted;
    return RC_OK;
}

enum rc
vault_index_has_pack(struct vault_index *index, const struct id *pack, bool *out, struct error *e)
{
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    struct span value;

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    return vault_index_get(&t, index->names, span_of(pack->bytes, ID_SIZE), out, &value, e);
}

enum rc
vault_index_pack(struct vault_index *index, uint32_t number, struct id *name, struct error *e)
{
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    uint32_t key = htobe32(number);
    struct index_entry_pack pack;
    struct span value;
    bool found;

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    TRY(vault_index_get(&t, index->packs, span_of(&key, sizeof key), &found, &value, e));
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
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    CLEANUP(close_cursor) MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int status;

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    TRY(vault_index_check(&t, mdb_cursor_open(t.mdb, db, &cursor), "open a cursor", e));
    while ((status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        TRY(visit(ctx, vault_index_span(&key), vault_index_span(&value), e));
    return status == MDB_NOTFOUND ? RC_OK : vault_index_check(&t, status, "read on", e);
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
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};
    struct index_entry_meta meta;
    MDB_stat blobs, packs, doubts;

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    TRY(vault_index_read_meta(&t, &meta, e));
    TRY(vault_index_check(&t, mdb_stat(t.mdb, index->blobs, &blobs), "count blobs", e));
    TRY(vault_index_check(&t, mdb_stat(t.mdb, index->packs, &packs), "count packs", e));
    TRY(vault_index_check(&t, mdb_stat(t.mdb, index->doubts, &doubts), "count doubts", e));
    *out = (struct vault_index_totals){
        .packs = packs.ms_entries,
        .blobs = blobs.ms_entries,
        .doubts = doubts.ms_entries,
        .bytes_packs = meta.bytes_packs,
        .bytes_blobs = meta.bytes_blobs,
        .bytes_plain = meta.bytes_plain,
        .next_pack = meta.last_pack + 1,
    };
    return RC_OK;
}
