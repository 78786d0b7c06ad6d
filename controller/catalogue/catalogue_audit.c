/* catalogue_audit.c -- the newest signed head of the audit log, kept where its files are not.  See catalogue.h. */
#include "controller/catalogue/catalogue.h"

#include "controller/catalogue/catalogue_internal.h"

enum rc
catalogue_audit_head(struct catalogue *c, uint64_t *sequence, struct id *hash, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e, "SELECT sequence, hash FROM audit_head", ""));
    TRY(sql_next(rows, &more, e));
    *sequence = more ? (uint64_t)sql_int(rows, 0) : 0;
    *hash = (struct id){{0}};
    if (more)
        sql_bytes(rows, 1, hash->bytes, ID_SIZE);
    return RC_OK;
}

enum rc
catalogue_audit_head_set(struct catalogue *c, uint64_t sequence, const struct id *hash,
                         struct error *e)
{
    struct span bytes = span_of(hash->bytes, ID_SIZE);
    return sql_run(
        c->db, e,
        "INSERT INTO audit_head (one, sequence, hash) VALUES (1, ?, ?) ON CONFLICT (one) "
        "DO UPDATE SET sequence=excluded.sequence, hash=excluded.hash",
        "ib", (int64_t)sequence, &bytes);
}
