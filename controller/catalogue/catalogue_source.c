/* catalogue_source.c -- what the agents protect.  See catalogue.h. */
#include "controller/catalogue/catalogue.h"

#include "controller/catalogue/catalogue_internal.h"

enum rc
catalogue_sources_set(struct catalogue *c, const char *agent,
                      const struct catalogue_source *sources, size_t count, struct error *e)
{
    CLEANUP(sql_rollback) struct sql_transaction t = {0};
    TRY(sql_begin(c->db, &t, e));
    TRY(sql_run(c->db, e,
                "DELETE FROM source WHERE agent=?1 AND NOT (required AND EXISTS (SELECT 1 FROM "
                "archive a WHERE a.agent=source.agent AND a.source=source.name))",
                "t", agent));
    TRY(sql_run(c->db, e, "UPDATE source SET withdrawn=1 WHERE agent=?", "t", agent));
    for (size_t i = 0; i < count; i++) {
        const struct catalogue_source *s = &sources[i];
        /* Back again; two of one name are an error of the agent's. */
        TRY(sql_run(c->db, e, "DELETE FROM source WHERE agent=? AND name=? AND withdrawn", "tt",
                    agent, s->name));
        TRY(sql_run(
            c->db, e,
            "INSERT INTO source (agent, name, kind, required, description) VALUES (?,?,?,?,?)",
            "tttit", agent, s->name, s->kind, (int64_t)s->required, s->description));
    }
    return sql_commit(&t, e);
}

enum rc
catalogue_source_each(struct catalogue *c, const char *agent, catalogue_source_visit *visit,
                      void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    /* Only good fulls count: what an incomplete cycle kept can be restored, but nobody should rest on it. */
    TRY(sql_query(
        c->db, &rows, e,
        "SELECT s.agent, s.name, s.kind, s.description, s.required, coalesce(n.number, 0), "
        " coalesce(n.sealed, 0), "
        " (SELECT problem FROM cycle_source y WHERE y.agent=s.agent AND y.source=s.name AND "
        "  y.state <> 'skipped' ORDER BY cycle DESC LIMIT 1), s.withdrawn "
        "FROM source s LEFT JOIN full n ON n.number = (SELECT max(f.number) FROM archive a JOIN full f "
        "  ON f.number=a.full WHERE a.agent=s.agent AND a.source=s.name AND a.complete AND f.good AND "
        "  NOT f.damaged) "
        "WHERE ?1 IS NULL OR s.agent=?1 ORDER BY s.agent, s.name",
        "t", agent));
    for (;;) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        struct catalogue_source s = {
            .agent = sql_text(rows, 0),
            .name = sql_text(rows, 1),
            .kind = sql_text(rows, 2),
            .description = sql_text(rows, 3),
            .required = sql_int(rows, 4) != 0,
            .last_full = (uint64_t)sql_int(rows, 5),
            .last_good = catalogue_wall(rows, 6),
            .last_problem = sql_text(rows, 7),
            .withdrawn = sql_int(rows, 8) != 0,
        };
        TRY(visit(ctx, &s, e));
    }
}

enum rc
catalogue_source_forget(struct catalogue *c, const char *agent, const char *name, struct error *e)
{
    bool more, withdrawn = false;
    {
        CLEANUP(sql_freep) struct sql *rows = NULL;
        TRY(sql_query(c->db, &rows, e, "SELECT withdrawn FROM source WHERE agent=? AND name=?",
                      "tt", agent, name));
        TRY(sql_next(rows, &more, e));
        withdrawn = more && sql_int(rows, 0) != 0;
    }
    if (!more)
        return error_set(e, RC_NOT_FOUND, "there is no source '%s.%s'", agent, name);
    if (!withdrawn)
        return error_set(e, RC_INVALID,
                         "'%s.%s' is in the configuration of its agent: take it out there first, "
                         "and start the agent again",
                         agent, name);
    return sql_run(c->db, e, "DELETE FROM source WHERE agent=? AND name=?", "tt", agent, name);
}
