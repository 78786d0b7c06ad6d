/* catalogue_full.c -- a copy of what the vault's records say, for lists and chains.  See catalogue.h. */
#include "controller/catalogue/catalogue.h"

#include "controller/catalogue/catalogue_internal.h"

/* Whoever lost the catalogue has them from here; else the cycle has told them, with others that no record keeps. */
static enum rc
add_facts(struct catalogue *c, uint64_t full, const struct record_archive *a, struct error *e)
{
    for (size_t i = 0; i < a->fact_count; i++)
        TRY(sql_run(c->db, e,
                    "INSERT INTO note (cycle, agent, source, fact, name, value) "
                    "SELECT ?1, ?2, ?3, 1, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM note WHERE "
                    "cycle=?1 AND agent=?2 AND source=?3 AND fact AND name=?4)",
                    "itttt", (int64_t)full, a->host, a->source, a->facts[i].name,
                    a->facts[i].value));
    return RC_OK;
}

static enum rc
add_archives(struct catalogue *c, const struct record_full *full,
             const struct record_archive *archives, struct error *e)
{
    for (size_t i = 0; i < full->archive_count; i++) {
        const struct record_archive *a = &archives[i];
        struct span name = span_of(a->name.bytes, ID_SIZE);
        struct record_clock clock = {.offset_ns = RECORD_CLOCK_UNKNOWN};
        if (full->clocks != NULL)
            clock = full->clocks[i];
        TRY(sql_run(c->db, e,
                    "INSERT OR REPLACE INTO archive (full, agent, source, complete, bytes, "
                    "cut_from, cut_until, snapshotted, clock_offset, clock_uncertainty) "
                    "VALUES (?,?,?,?,?,?,?,?,?,?)",
                    "ittiiiiiii", (int64_t)full->number, a->host, a->source,
                    (int64_t)(a->state == RECORD_COMPLETE), (int64_t)a->totals.bytes,
                    a->cut_from.ns, a->cut_until.ns, (int64_t)record_archive_is_snapshot(a),
                    clock.offset_ns, clock.uncertainty_ns));
        TRY(add_facts(c, full->number, a, e));
        TRY(sql_run(c->db, e,
                    "INSERT INTO chain (host, sequence, name) VALUES (?,?,?) ON CONFLICT (host) DO "
                    "UPDATE SET sequence=excluded.sequence, name=excluded.name "
                    "WHERE excluded.sequence > sequence",
                    "tib", a->host, (int64_t)a->sequence, &name));
    }
    return RC_OK;
}

enum rc
catalogue_full_add(struct catalogue *c, const struct record_full *full,
                   const struct record_archive *archives, struct error *e)
{
    CLEANUP(sql_rollback) struct sql_transaction t = {0};
    struct span name = span_of(full->name.bytes, ID_SIZE);
    uint64_t files = 0, bytes = 0;
    for (size_t i = 0; i < full->archive_count; i++) {
        files += archives[i].totals.files;
        bytes += archives[i].totals.bytes;
    }
    TRY(sql_begin(c->db, &t, e));
    TRY(sql_run(
        c->db, e,
        "INSERT OR REPLACE INTO full (number, good, started, sealed, archives, files, bytes, "
        "record, skew) VALUES (?,?,?,?,?,?,?,?,?)",
        "iiiiiiibi", (int64_t)full->number, (int64_t)(full->state == RECORD_FULL), full->started.ns,
        full->sealed.ns, (int64_t)full->archive_count, (int64_t)files, (int64_t)bytes, &name,
        full->skew_ns));
    TRY(add_archives(c, full, archives, e));
    return sql_commit(&t, e);
}

enum rc
catalogue_full_has(struct catalogue *c, uint64_t number, bool *out, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    TRY(sql_query(c->db, &rows, e, "SELECT 1 FROM full WHERE number=?", "i", (int64_t)number));
    return sql_next(rows, out, e);
}

enum rc
catalogue_full_forget(struct catalogue *c, uint64_t number, struct error *e)
{
    CLEANUP(sql_rollback) struct sql_transaction t = {0};
    TRY(sql_begin(c->db, &t, e));
    TRY(sql_run(c->db, e, "DELETE FROM archive WHERE full=?", "i", (int64_t)number));
    TRY(sql_run(c->db, e, "DELETE FROM full WHERE number=?", "i", (int64_t)number));
    return sql_commit(&t, e);
}

enum rc
catalogue_full_verified(struct catalogue *c, uint64_t number, bool whole, struct wall now,
                        struct error *e)
{
    return sql_run(c->db, e, "UPDATE full SET verified=?, damaged=? WHERE number=?", "iii",
                   whole ? now.ns : (int64_t)0, (int64_t)!whole, (int64_t)number);
}

#define FULLS                                                                                      \
    "SELECT number, good AND NOT damaged, started, sealed, verified, archives, files, bytes, record, skew FROM full "

static enum rc
visit_fulls(struct sql *rows, catalogue_full_visit *visit, void *ctx, size_t *visited,
            struct error *e)
{
    for (*visited = 0;; ++*visited) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        struct catalogue_full f = {
            .number = (uint64_t)sql_int(rows, 0),
            .good = sql_int(rows, 1) != 0,
            .started = catalogue_wall(rows, 2),
            .sealed = catalogue_wall(rows, 3),
            .verified = catalogue_wall(rows, 4),
            .archives = (uint32_t)sql_int(rows, 5),
            .files = (uint64_t)sql_int(rows, 6),
            .bytes = (uint64_t)sql_int(rows, 7),
            .skew_ns = sql_int(rows, 9),
        };
        sql_bytes(rows, 8, f.record.bytes, ID_SIZE);
        TRY(visit(ctx, &f, e));
    }
}

enum rc
catalogue_full_each(struct catalogue *c, uint64_t before, unsigned limit, bool all,
                    catalogue_full_visit *visit, void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    size_t visited;
    TRY(sql_query(
        c->db, &rows, e,
        FULLS
        "WHERE (?1 = 0 OR number < ?1) AND ((good AND NOT damaged) OR ?2) ORDER BY number DESC LIMIT ?3",
        "iii", (int64_t)before, (int64_t)all, (int64_t)limit));
    return visit_fulls(rows, visit, ctx, &visited, e);
}

enum rc
catalogue_full_find(struct catalogue *c, uint64_t number, catalogue_full_visit *visit, void *ctx,
                    struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    size_t visited;
    TRY(sql_query(c->db, &rows, e, FULLS "WHERE number=?", "i", (int64_t)number));
    TRY(visit_fulls(rows, visit, ctx, &visited, e));
    if (visited == 0) {
        return error_set(e, RC_NOT_FOUND, "there is no full %llu; see 'koffer full list --all'",
                         (unsigned long long)number);
    }
    return RC_OK;
}

enum rc
catalogue_full_newest(struct catalogue *c, uint64_t *out, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e,
                  "SELECT coalesce(max(number), 0) FROM full WHERE good AND NOT damaged", ""));
    TRY(sql_next(rows, &more, e));
    *out = (uint64_t)sql_int(rows, 0);
    return RC_OK;
}

enum rc
catalogue_strangers(struct catalogue *c, catalogue_host_visit *visit, void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    TRY(sql_query(c->db, &rows, e,
                  "SELECT DISTINCT agent FROM archive WHERE full = (SELECT max(number) FROM full "
                  "WHERE good AND NOT damaged) "
                  "AND agent NOT IN (SELECT name FROM peer WHERE role=?) ORDER BY agent",
                  "i", (int64_t)CERTIFICATE_AGENT));
    for (;;) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        TRY(visit(ctx, sql_text(rows, 0), e));
    }
}

enum rc
catalogue_chain(struct catalogue *c, const char *host, uint64_t *sequence, struct id *name,
                struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e, "SELECT sequence, name FROM chain WHERE host=?", "t", host));
    TRY(sql_next(rows, &more, e));
    *sequence = more ? (uint64_t)sql_int(rows, 0) : 0;
    if (more)
        sql_bytes(rows, 1, name->bytes, ID_SIZE);
    else
        *name = (struct id){{0}};
    return RC_OK;
}

enum rc
catalogue_archive_cut(struct catalogue *c, uint64_t full, const char *agent, const char *source,
                      struct catalogue_cut *out, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e,
                  "SELECT cut_from, cut_until, snapshotted, clock_offset, clock_uncertainty FROM "
                  "archive WHERE full=? AND agent=? AND source=?",
                  "itt", (int64_t)full, agent, source));
    TRY(sql_next(rows, &more, e));
    if (!more)
        return error_set(e, RC_NOT_FOUND, "full %llu has no archive of this source",
                         (unsigned long long)full);
    *out = catalogue_cut_in(rows, 0);
    return RC_OK;
}

enum rc
catalogue_archive_last(struct catalogue *c, const char *agent, const char *source, uint64_t *full,
                       uint64_t *bytes, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e,
                  "SELECT full, bytes FROM archive WHERE agent=? AND source=? AND complete "
                  "ORDER BY full DESC LIMIT 1",
                  "tt", agent, source));
    TRY(sql_next(rows, &more, e));
    *full = more ? (uint64_t)sql_int(rows, 0) : 0;
    *bytes = more ? (uint64_t)sql_int(rows, 1) : 0;
    return RC_OK;
}
