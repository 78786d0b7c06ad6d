/* vault_index_doubt.c -- blobs found damaged, their other copies, and packs that are taken out.  See vault_index.h. */
#include <endian.h>

#include "controller/vault/index_entry.h"
#include "controller/vault/vault_index_parts.h"

enum { COPY_KEY_SIZE = ID_SIZE + sizeof(uint32_t) };

struct copy_key {
    uint8_t bytes[COPY_KEY_SIZE]; /* blob id, number of the pack (big-endian) */
};

static struct copy_key
copy_key_of(const struct id *id, uint32_t number)
{
    struct copy_key key;
    uint32_t big = htobe32(number);

    memcpy(key.bytes, id->bytes, ID_SIZE);
    memcpy(key.bytes + ID_SIZE, &big, sizeof big);
    return key;
}

static enum rc
decode_copy(struct span key, struct span value, struct pack_place *place, uint32_t *pack,
            struct error *e)
{
    if (key.len != COPY_KEY_SIZE)
        return error_set(e, RC_CORRUPT, "index: the key of a copy has %zu bytes", key.len);
    return index_entry_decode_blob(span_of(key.data, ID_SIZE), value, place, pack, e);
}

enum rc
vault_index_add_copy(struct vault_index_txn *t, const struct pack_place *place, uint32_t number,
                     struct error *e)
{
    struct copy_key key = copy_key_of(&place->id, number);
    uint8_t value[INDEX_ENTRY_BLOB_SIZE];

    index_entry_encode_blob(place, number, value);
    return vault_index_put(t, t->index->copies, span_of(key.bytes, sizeof key.bytes),
                           span_of(value, sizeof value), e);
}

/* The first copy whose pack is `from` or later; *found is false when there is none. */
static enum rc
next_copy(struct vault_index_txn *t, const struct id *id, uint32_t from, bool *found,
          struct pack_place *place, uint32_t *pack, struct error *e)
{
    struct copy_key wanted = copy_key_of(id, from);
    MDB_val key = vault_index_val(wanted.bytes, sizeof wanted.bytes), value;
    MDB_cursor *cursor;

    *found = false;
    TRY(vault_index_check(t, mdb_cursor_open(t->mdb, t->index->copies, &cursor), "open a cursor",
                          e));
    int status = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (status == MDB_NOTFOUND ||
        (status == 0 && (key.mv_size != COPY_KEY_SIZE || memcmp(key.mv_data, id->bytes, ID_SIZE))))
        return RC_OK;
    TRY(vault_index_check(t, status, "find a copy", e));
    *found = true;
    return decode_copy(vault_index_span(&key), vault_index_span(&value), place, pack, e);
}

enum rc
vault_index_next_copy(struct vault_index *index, const struct id *id, uint32_t from, bool *found,
                      struct pack_place *place, uint32_t *pack, struct error *e)
{
    CLEANUP(vault_index_end) struct vault_index_txn t = {0};

    TRY(vault_index_begin(index, MDB_RDONLY, &t, e));
    return next_copy(&t, id, from, found, place, pack, e);
}

/* ---- doubts */

/* A blob without its place: what it added to the totals goes with it. */
static enum rc
forget_place(struct vault_index_txn *t, struct span id, struct index_entry_meta *meta,
             struct error *e)
{
    struct pack_place place;
    struct span value;
    uint32_t pack;
    bool found;

    TRY(vault_index_get(t, t->index->blobs, id, &found, &value, e));
    if (!found)
        return RC_OK;
    TRY(index_entry_decode_blob(id, value, &place, &pack, e));
    meta->bytes_blobs -= place.len;
    meta->bytes_plain -= place.plain_len;
    return vault_index_delete(t, t->index->blobs, id, &found, e);
}

enum rc
vault_index_drop_doubted(struct vault_index_txn *t, struct span id, struct index_entry_meta *meta,
                         struct error *e)
{
    bool doubted;

    TRY(vault_index_delete(t, t->index->doubts, id, &doubted, e));
    return doubted ? forget_place(t, id, meta, e) : RC_OK;
}

struct doubt {
    const struct id *id;
    bool found, added;
};

static enum rc
add_doubt(struct vault_index_txn *t, void *ctx, struct error *e)
{
    struct doubt *d = ctx;
    struct span key = span_of(d->id->bytes, ID_SIZE), value;

    d->added = false;
    TRY(vault_index_get(t, t->index->blobs, key, &d->found, &value, e));
    if (!d->found)
        return RC_OK;
    return vault_index_put_new(t, t->index->doubts, key, span_of("", 1), &d->added, e);
}

enum rc
vault_index_doubt(struct vault_index *index, const struct id *id, bool *added, struct error *e)
{
    struct doubt d = {.id = id};

    TRY(vault_index_change(index, add_doubt, &d, e));
    *added = d.added;
    return RC_OK;
}

/* ---- another place */

struct move {
    const struct pack_place *to;
    uint32_t number;
};

static enum rc
move_blob(struct vault_index_txn *t, void *ctx, struct error *e)
{
    const struct move *m = ctx;
    struct copy_key copy = copy_key_of(&m->to->id, m->number);
    struct span id = span_of(m->to->id.bytes, ID_SIZE);
    uint8_t value[INDEX_ENTRY_BLOB_SIZE];
    bool found;

    index_entry_encode_blob(m->to, m->number, value);
    TRY(vault_index_delete(t, t->index->copies, span_of(copy.bytes, sizeof copy.bytes), &found, e));
    TRY(vault_index_delete(t, t->index->doubts, id, &found, e));
    return vault_index_put(t, t->index->blobs, id, span_of(value, sizeof value), e);
}

enum rc
vault_index_move(struct vault_index *index, const struct pack_place *to, uint32_t number,
                 struct error *e)
{
    return vault_index_change(index, move_blob, &(struct move){.to = to, .number = number}, e);
}

/* ---- a pack that is taken out */

/* The row the cursor stands on belongs to the pack that goes. */
typedef enum rc vault_index_row(struct vault_index_txn *t, struct span key,
                                struct index_entry_meta *meta, struct error *e);

static enum rc
replace_blob(struct vault_index_txn *t, struct span key, struct index_entry_meta *meta,
             struct error *e)
{
    uint8_t value[INDEX_ENTRY_BLOB_SIZE];
    struct pack_place place;
    uint32_t pack;
    bool another, doubted, found;
    struct id id;

    memcpy(id.bytes, key.data, ID_SIZE); /* the key is the database's own memory */
    struct span own = span_of(id.bytes, ID_SIZE);
    TRY(vault_index_delete(t, t->index->doubts, own, &doubted, e));
    TRY(next_copy(t, &id, 0, &another, &place, &pack, e));
    if (!another)
        return forget_place(t, own, meta, e);
    struct copy_key copy = copy_key_of(&id, pack);
    TRY(vault_index_delete(t, t->index->copies, span_of(copy.bytes, sizeof copy.bytes), &found, e));
    index_entry_encode_blob(&place, pack, value);
    return vault_index_put(t, t->index->blobs, own, span_of(value, sizeof value), e);
}

static enum rc
delete_copy(struct vault_index_txn *t, struct span key, struct index_entry_meta *meta,
            struct error *e)
{
    struct copy_key own;
    bool found;

    (void)meta;
    memcpy(own.bytes, key.data, sizeof own.bytes);
    return vault_index_delete(t, t->index->copies, span_of(own.bytes, sizeof own.bytes), &found, e);
}

static void
close_cursor(MDB_cursor **cursor)
{
    if (*cursor != NULL)
        mdb_cursor_close(*cursor);
}

/* Every row of `db` whose place is in pack `number`; the cursor is set anew behind each change. */
static enum rc
each_of_pack(struct vault_index_txn *t, MDB_dbi db, size_t key_size, uint32_t number,
             vault_index_row *deed, struct index_entry_meta *meta, struct error *e)
{
    CLEANUP(close_cursor) MDB_cursor *cursor = NULL;
    uint8_t at[COPY_KEY_SIZE];
    MDB_val key, value;
    int status;

    TRY(vault_index_check(t, mdb_cursor_open(t->mdb, db, &cursor), "open a cursor", e));
    for (status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); status == 0;) {
        struct pack_place place;
        uint32_t pack;
        if (key.mv_size != key_size)
            return error_set(e, RC_CORRUPT, "index: a key of %zu bytes", key.mv_size);
        memcpy(at, key.mv_data, key_size);
        TRY(index_entry_decode_blob(span_of(at, ID_SIZE), vault_index_span(&value), &place, &pack,
                                    e));
        if (pack != number) {
            status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
            continue;
        }
        TRY(deed(t, span_of(at, key_size), meta, e));
        key = vault_index_val(at, key_size);
        status = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        /* What was replaced stands there still, in another pack. */
    }
    return status == MDB_NOTFOUND ? RC_OK : vault_index_check(t, status, "read on", e);
}

struct removal {
    const struct id *pack;
    bool found;
};

static enum rc
remove_pack(struct vault_index_txn *t, void *ctx, struct error *e)
{
    struct removal *r = ctx;
    struct index_entry_meta meta;
    struct index_entry_pack entry;
    struct span name = span_of(r->pack->bytes, ID_SIZE), value;
    uint32_t key, number;
    bool found;

    TRY(vault_index_get(t, t->index->names, name, &r->found, &value, e));
    if (!r->found)
        return RC_OK;
    if (value.len != sizeof key)
        return error_set(e, RC_CORRUPT, "index: a pack number of %zu bytes", value.len);
    memcpy(&key, value.data, sizeof key);
    number = be32toh(key);
    TRY(vault_index_read_meta(t, &meta, e));
    TRY(vault_index_get(t, t->index->packs, span_of(&key, sizeof key), &found, &value, e));
    if (found)
        TRY(index_entry_decode_pack(value, &entry, e));
    meta.bytes_packs -= found ? entry.size : 0;
    /* Copies first: what goes with the pack must not take a place in it again. */
    TRY(each_of_pack(t, t->index->copies, COPY_KEY_SIZE, number, delete_copy, &meta, e));
    TRY(each_of_pack(t, t->index->blobs, ID_SIZE, number, replace_blob, &meta, e));
    TRY(vault_index_delete(t, t->index->packs, span_of(&key, sizeof key), &found, e));
    TRY(vault_index_delete(t, t->index->names, name, &found, e));
    return vault_index_write_meta(t, &meta, e);
}

enum rc
vault_index_remove(struct vault_index *index, const struct id *pack, bool *found, struct error *e)
{
    struct removal r = {.pack = pack};

    TRY(vault_index_change(index, remove_pack, &r, e));
    *found = r.found;
    return RC_OK;
}
