/* vault_index_txn.c -- transactions, and a map that grows between them.  See vault_index_parts.h. */
#include <errno.h>

#include "controller/vault/index_entry.h"
#include "controller/vault/vault_index_parts.h"

enum { GROW_FACTOR = 2 };

enum rc
vault_index_explain(int status, const char *what, struct error *e)
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

void
vault_index_end(struct vault_index_txn *t)
{
    if (t->mdb != NULL)
        mdb_txn_abort(TAKE(t->mdb));
    if (t->index != NULL)
        (void)pthread_rwlock_unlock(&TAKE(t->index)->map);
}

enum rc
vault_index_check(struct vault_index_txn *t, int status, const char *what, struct error *e)
{
    if (status == 0)
        return RC_OK;
    t->map_full = status == MDB_MAP_FULL;
    return vault_index_explain(status, what, e);
}

enum rc
vault_index_begin(struct vault_index *index, unsigned flags, struct vault_index_txn *t,
                  struct error *e)
{
    (void)pthread_rwlock_rdlock(&index->map);
    t->index = index;
    return vault_index_check(t, mdb_txn_begin(index->env, NULL, flags, &t->mdb), "begin", e);
}

enum rc
vault_index_commit(struct vault_index_txn *t, struct error *e)
{
    return vault_index_check(t, mdb_txn_commit(TAKE(t->mdb)), "commit", e);
}

MDB_val
vault_index_val(const void *data, size_t len)
{
    union {
        const void *from;
        void *to;
    } p = {.from = data};
    return (MDB_val){.mv_size = len, .mv_data = p.to};
}

struct span
vault_index_span(const MDB_val *v)
{
    return span_of(v->mv_data, v->mv_size);
}

enum rc
vault_index_get(struct vault_index_txn *t, MDB_dbi db, struct span key, bool *found,
                struct span *out, struct error *e)
{
    MDB_val k = vault_index_val(key.data, key.len), v = {0};
    int status = mdb_get(t->mdb, db, &k, &v);

    *found = status == 0;
    *out = vault_index_span(&v);
    return status == MDB_NOTFOUND ? RC_OK : vault_index_check(t, status, "look up", e);
}

enum rc
vault_index_put_new(struct vault_index_txn *t, MDB_dbi db, struct span key, struct span value,
                    bool *added, struct error *e)
{
    MDB_val k = vault_index_val(key.data, key.len), v = vault_index_val(value.data, value.len);
    int status = mdb_put(t->mdb, db, &k, &v, MDB_NOOVERWRITE);

    *added = status == 0;
    return status == MDB_KEYEXIST ? RC_OK : vault_index_check(t, status, "add", e);
}

enum rc
vault_index_put(struct vault_index_txn *t, MDB_dbi db, struct span key, struct span value,
                struct error *e)
{
    MDB_val k = vault_index_val(key.data, key.len), v = vault_index_val(value.data, value.len);

    return vault_index_check(t, mdb_put(t->mdb, db, &k, &v, 0), "add", e);
}

enum rc
vault_index_delete(struct vault_index_txn *t, MDB_dbi db, struct span key, bool *found,
                   struct error *e)
{
    MDB_val k = vault_index_val(key.data, key.len);
    int status = mdb_del(t->mdb, db, &k, NULL);

    *found = status == 0;
    return status == MDB_NOTFOUND ? RC_OK : vault_index_check(t, status, "delete", e);
}

struct span
vault_index_meta_key(void)
{
    return span_of("format", 6);
}

enum rc
vault_index_write_meta(struct vault_index_txn *t, const struct index_entry_meta *meta,
                       struct error *e)
{
    uint8_t bytes[INDEX_ENTRY_META_SIZE];

    index_entry_encode_meta(meta, bytes);
    return vault_index_put(t, t->index->meta, vault_index_meta_key(), span_of(bytes, sizeof bytes),
                           e);
}

enum rc
vault_index_read_meta(struct vault_index_txn *t, struct index_entry_meta *out, struct error *e)
{
    struct span value;
    bool found;

    TRY(vault_index_get(t, t->index->meta, vault_index_meta_key(), &found, &value, e));
    if (!found)
        return error_set(e, RC_CORRUPT, "index: it has no format");
    return index_entry_decode_meta(value, out, e);
}

enum rc
vault_index_grow(struct vault_index *index, struct error *e)
{
    MDB_envinfo info;

    (void)pthread_rwlock_wrlock(&index->map);
    int status = mdb_env_info(index->env, &info);
    if (status == 0)
        status = mdb_env_set_mapsize(index->env, info.me_mapsize * GROW_FACTOR);
    (void)pthread_rwlock_unlock(&index->map);
    return status == 0 ? RC_OK : vault_index_explain(status, "grow", e);
}

enum rc
vault_index_change(struct vault_index *index, vault_index_deed *deed, void *ctx, struct error *e)
{
    for (;;) {
        bool map_full = false;
        {
            CLEANUP(vault_index_end) struct vault_index_txn t = {0};
            enum rc rc = vault_index_begin(index, 0, &t, e);
            if (rc == RC_OK)
                rc = deed(&t, ctx, e);
            if (rc == RC_OK)
                rc = vault_index_commit(&t, e);
            map_full = t.map_full;
            if (!map_full)
                return rc;
        }
        TRY(vault_index_grow(index, e));
    }
}
