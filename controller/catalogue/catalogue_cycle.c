/* catalogue_cycle.c -- cycles, their transitions, and what became of each source.  See catalogue.h. */
#include "controller/catalogue/catalogue.h"

#include "controller/catalogue/catalogue_internal.h"

enum rc
catalogue_cycle_new(struct catalogue *c, uint64_t at_least, const char *started_by, struct wall now,
                    uint64_t *number, struct error *e)
{
    CLEANUP(sql_rollback) struct sql_transaction t = {0};
    int64_t next;
    TRY(sql_begin(c->db, &t, e));
    {
        CLEANUP(sql_freep) struct sql *rows = NULL;
        bool more;
        TRY(sql_query(c->db, &rows, e,
                      "SELECT max(coalesce((SELECT max(number) FROM cycle), 0), ?) + 1", "i",
                      (int64_t)at_least));
        TRY(sql_next(rows, &more, e));
        next = sql_int(rows, 0);
    }
    TRY(sql_run(c->db, e,
                "INSERT INTO cycle (number, state, started, started_by) VALUES (?,'planned',?,?)",
                "iit", next, now.ns, started_by));
    TRY(sql_commit(&t, e));
    *number = (uint64_t)next;
    return RC_OK;
}

enum rc
catalogue_cycle_state(struct catalogue *c, uint64_t number, const char *state, const char *event,
                      const char *problem, bool final, struct wall now, struct error *e)
{
    CLEANUP(sql_rollback) struct sql_transaction t = {0};
    TRY(sql_begin(c->db, &t, e));
    TRY(sql_run(c->db, e, "UPDATE cycle SET state=?, final=?, finished=?, problem=? WHERE number=?",
                "tiiti", state, (int64_t) final, final ? now.ns : (int64_t)0, problem,
                (int64_t)number));
    TRY(sql_run(c->db, e,
                "INSERT INTO transition (cycle, at, event, state, problem) VALUES (?,?,?,?,?)",
                "iittt", (int64_t)number, now.ns, event, state, problem));
    return sql_commit(&t, e);
}

enum rc
catalogue_cycle_source_set(struct catalogue *c, uint64_t number,
                           const struct catalogue_cycle_source *s, struct error *e)
{
    const struct record_totals *n = &s->totals;
    const struct catalogue_progress *p = &s->progress;
    return sql_run(
        c->db, e,
        "INSERT OR REPLACE INTO cycle_source (cycle, agent, source, kind, required, state, problem, "
        "remedy, started, finished, files, directories, others, bytes, unreadable, fuzzy, vanished, "
        "phase, p_files, p_files_total, p_bytes, p_bytes_total, bytes_read, bytes_sent, bytes_known, "
        "cut_from, cut_until, snapshotted, clock_offset, clock_uncertainty) "
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "itttitttiiiiiiiiitiiiiiiiiiiii", (int64_t)number, s->agent, s->source, s->kind,
        (int64_t)s->required, s->state, s->problem, s->remedy, s->started.ns, s->finished.ns,
        (int64_t)n->files, (int64_t)n->directories, (int64_t)n->others, (int64_t)n->bytes,
        (int64_t)n->unreadable, (int64_t)n->fuzzy, (int64_t)n->vanished, p->phase,
        (int64_t)p->files, (int64_t)p->files_total, (int64_t)p->bytes, (int64_t)p->bytes_total,
        (int64_t)p->bytes_read, (int64_t)p->bytes_sent, (int64_t)p->bytes_known, s->cut.from.ns,
        s->cut.until.ns, (int64_t)s->cut.snapshotted, s->cut.clock.offset_ns,
        s->cut.clock.uncertainty_ns);
}

enum rc
catalogue_cycle_note(struct catalogue *c, uint64_t number, const char *agent, const char *source,
                     const struct catalogue_note *note, struct error *e)
{
    return sql_run(
        c->db, e, "INSERT INTO note (cycle, agent, source, fact, name, value) VALUES (?,?,?,?,?,?)",
        "ittitt", (int64_t)number, agent, source, (int64_t)note->fact, note->name, note->value);
}

/* total(), for sum() fails where it is more than 63 bits: what agents say of sizes is their word. */
#define CYCLES                                                                                     \
    "SELECT number, state, problem, started_by, started, finished, "                               \
    " (SELECT count(*) FROM cycle_source WHERE cycle=number), "                                    \
    " (SELECT count(*) FROM cycle_source WHERE cycle=number AND state='failed'), "                 \
    " (SELECT cast(total(bytes) AS INTEGER) FROM cycle_source WHERE cycle=number), "               \
    " (SELECT cast(total(bytes_sent) AS INTEGER) FROM cycle_source WHERE cycle=number) FROM cycle "

static enum rc
visit_cycles(struct sql *rows, catalogue_cycle_visit *visit, void *ctx, size_t *visited,
             struct error *e)
{
    for (*visited = 0;; ++*visited) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        struct catalogue_cycle cy = {
            .number = (uint64_t)sql_int(rows, 0),
            .state = sql_text(rows, 1),
            .problem = sql_text(rows, 2),
            .started_by = sql_text(rows, 3),
            .started = catalogue_wall(rows, 4),
            .finished = catalogue_wall(rows, 5),
            .sources = (uint32_t)sql_int(rows, 6),
            .failed = (uint32_t)sql_int(rows, 7),
            .bytes = (uint64_t)sql_int(rows, 8),
            .bytes_sent = (uint64_t)sql_int(rows, 9),
        };
        TRY(visit(ctx, &cy, e));
    }
}

enum rc
catalogue_cycle_each(struct catalogue *c, uint64_t before, unsigned limit,
                     catalogue_cycle_visit *visit, void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    size_t visited;
    TRY(sql_query(c->db, &rows, e,
                  CYCLES "WHERE ?1 = 0 OR number < ?1 ORDER BY number DESC LIMIT ?2", "ii",
                  (int64_t)before, (int64_t)limit));
    return visit_cycles(rows, visit, ctx, &visited, e);
}

enum rc
catalogue_cycle_unfinished(struct catalogue *c, catalogue_cycle_visit *visit, void *ctx,
                           struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    size_t visited;
    TRY(sql_query(c->db, &rows, e, CYCLES "WHERE NOT final ORDER BY number", ""));
    return visit_cycles(rows, visit, ctx, &visited, e);
}

enum rc
catalogue_cycle_find(struct catalogue *c, uint64_t number, catalogue_cycle_visit *visit, void *ctx,
                     struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    size_t visited;
    TRY(sql_query(c->db, &rows, e, CYCLES "WHERE number=?", "i", (int64_t)number));
    TRY(visit_cycles(rows, visit, ctx, &visited, e));
    if (visited == 0)
        return error_set(e, RC_NOT_FOUND, "there is no cycle %llu", (unsigned long long)number);
    return RC_OK;
}

static struct catalogue_cycle_source
cycle_source_of(struct sql *rows)
{
    return (struct catalogue_cycle_source){
        .agent = sql_text(rows, 0),
        .source = sql_text(rows, 1),
        .kind = sql_text(rows, 2),
        .required = sql_int(rows, 3) != 0,
        .state = sql_text(rows, 4),
        .problem = sql_text(rows, 5),
        .remedy = sql_text(rows, 6),
        .started = catalogue_wall(rows, 7),
        .finished = catalogue_wall(rows, 8),
        .totals = {.files = (uint64_t)sql_int(rows, 9),
                   .directories = (uint64_t)sql_int(rows, 10),
                   .others = (uint64_t)sql_int(rows, 11),
                   .bytes = (uint64_t)sql_int(rows, 12),
                   .unreadable = (uint64_t)sql_int(rows, 13),
                   .fuzzy = (uint64_t)sql_int(rows, 14),
                   .vanished = (uint64_t)sql_int(rows, 15)},
        .progress = {.phase = sql_text(rows, 16),
                     .files = (uint64_t)sql_int(rows, 17),
                     .files_total = (uint64_t)sql_int(rows, 18),
                     .bytes = (uint64_t)sql_int(rows, 19),
                     .bytes_total = (uint64_t)sql_int(rows, 20),
                     .bytes_read = (uint64_t)sql_int(rows, 21),
                     .bytes_sent = (uint64_t)sql_int(rows, 22),
                     .bytes_known = (uint64_t)sql_int(rows, 23)},
        .cut = catalogue_cut_in(rows, 24),
    };
}

enum rc
catalogue_cycle_sources(struct catalogue *c, uint64_t number, catalogue_cycle_source_visit *visit,
                        void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    TRY(sql_query(
        c->db, &rows, e,
        "SELECT agent, source, kind, required, state, problem, remedy, started, finished, "
        "files, directories, others, bytes, unreadable, fuzzy, vanished, phase, p_files, "
        "p_files_total, p_bytes, p_bytes_total, bytes_read, bytes_sent, bytes_known, "
        "cut_from, cut_until, snapshotted, clock_offset, clock_uncertainty "
        "FROM cycle_source WHERE cycle=? ORDER BY agent, source",
        "i", (int64_t)number));
    for (;;) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        struct catalogue_cycle_source s = cycle_source_of(rows);
        TRY(visit(ctx, &s, e));
    }
}

enum rc
catalogue_cycle_notes(struct catalogue *c, uint64_t number, const char *agent, const char *source,
                      catalogue_note_visit *visit, void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    TRY(sql_query(c->db, &rows, e,
                  "SELECT fact, name, value FROM note WHERE cycle=? AND agent=? AND source=? "
                  "ORDER BY rowid",
                  "itt", (int64_t)number, agent, source));
    for (;;) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        struct catalogue_note n = {
            .fact = sql_int(rows, 0) != 0, .name = sql_text(rows, 1), .value = sql_text(rows, 2)};
        TRY(visit(ctx, &n, e));
    }
}
