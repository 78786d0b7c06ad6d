/* replica.c -- see replica.h. */
#include "agent/source/mariadb/replica.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"

/* ---- how it is */

struct looking {
    struct arena *arena;
    struct replica_state *state;
    struct replica_columns {
        int name, io, sql, lag, io_error, sql_error;
    } columns;
};

static const char *
cell(const char *const *row, int column)
{
    return column < 0 || row[column] == NULL ? "" : row[column];
}

static enum rc
note_master(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)columns;
    struct looking *l = ctx;
    const struct replica_columns *c = &l->columns;
    struct replica_state *s = l->state;
    uint64_t lag = 0;
    struct error none = ERROR_INIT;
    bool runs = text_equal(cell(row, c->io), "Yes") && text_equal(cell(row, c->sql), "Yes");
    bool knows = text_parse_u64(cell(row, c->lag), 0, UINT64_MAX, &lag, &none) == RC_OK;
    s->count++;
    s->lag = lag > s->lag ? lag : s->lag;
    if (s->trouble != NULL || (runs && knows))
        return RC_OK;
    const char *io_error = cell(row, c->io_error), *sql_error = cell(row, c->sql_error);
    s->trouble =
        arena_printf(l->arena,
                     "%s%s%sits receiver (Slave_IO_Running) says '%s', its applier "
                     "(Slave_SQL_Running) '%s'%s%s",
                     cell(row, c->name)[0] == '\0' ? "" : "'", cell(row, c->name),
                     cell(row, c->name)[0] == '\0' ? "" : "': ", cell(row, c->io),
                     cell(row, c->sql), io_error[0] == '\0' && sql_error[0] == '\0' ? "" : ": ",
                     sql_error[0] != '\0' ? sql_error : io_error);
    return s->trouble == NULL ? error_set(e, RC_NO_MEMORY, "state of the replica") : RC_OK;
}

static void
note_column(void *ctx, const char *name, unsigned at)
{
    struct replica_columns *c = ctx;
    const struct {
        const char *name;
        int *at;
    } wanted[] = {
        {"Connection_name", &c->name},   {"Slave_IO_Running", &c->io},
        {"Slave_SQL_Running", &c->sql},  {"Seconds_Behind_Master", &c->lag},
        {"Last_IO_Error", &c->io_error}, {"Last_SQL_Error", &c->sql_error},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (text_equal(wanted[i].name, name))
            *wanted[i].at = (int)at;
}

enum rc
replica_look(struct database *db, struct arena *a, struct replica_state *out, struct error *e)
{
    const char *read_only;
    struct looking looking = {.arena = a, .state = out, .columns = {-1, -1, -1, -1, -1, -1}};
    *out = (struct replica_state){0};
    TRY(database_value(db, "SELECT @@GLOBAL.read_only", a, &read_only, e));
    out->read_only = read_only != NULL && text_equal(read_only, "1");
    return database_table(db, "SHOW ALL SLAVES STATUS", note_column, &looking.columns, note_master,
                          &looking, e);
}

enum rc
replica_need(const struct replica_state *state, uint64_t lag_limit, struct error *e)
{
    if (state->count == 0)
        return error_set(e, RC_INVALID,
                         "this server is no replica; choose 'method = snapshot' or 'dump'");
    if (!state->read_only)
        return error_set(e, RC_INVALID,
                         "this replica can be written to (read_only is OFF), so that stopping its "
                         "applier does not keep it still; SET GLOBAL read_only = ON, or choose "
                         "another 'method'");
    if (state->trouble != NULL)
        return error_set(e, RC_AGAIN,
                         "the replica is broken, and its data old: %s; repair it, or choose "
                         "'method = snapshot' or 'dump' if old data is better than none",
                         state->trouble);
    if (state->lag > lag_limit)
        return error_set(e, RC_AGAIN,
                         "the replica is %llu s behind, more than 'replica-lag' (%llu s)",
                         (unsigned long long)state->lag, (unsigned long long)lag_limit);
    return RC_OK;
}

/* ---- standing still */

struct replica {
    struct database *db, *guard;
    struct arena *arena;
    uint64_t guard_id;
    const char *position;
    bool stopped;
};

enum { SILENCE_SPARE = 600 };

static const char where[] = "SELECT @@GLOBAL.gtid_slave_pos";
static const char start[] = "START ALL SLAVES SQL_THREAD";

/*
 * Its first row says that it waits: nothing is stopped before.  It stops the applier once more because START passes over one that
 * another session's STOP still waits for; its own STOP waits for that one.
 */
#define GUARD                                                                                       \
    "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; SELECT 'koffer waits'; " \
    "DO SLEEP(%u); STOP ALL SLAVES SQL_THREAD; START ALL SLAVES SQL_THREAD; END"

static enum rc
post_guard(struct replica *r, const char *defaults_file, unsigned seconds, struct error *e)
{
    const char *id;
    char sql[300];
    TRY(database_connect(defaults_file, &r->guard, e));
    TRY(database_value(r->guard, "SELECT CONNECTION_ID()", r->arena, &id, e));
    TRY(text_parse_u64(id == NULL ? "" : id, 1, UINT64_MAX, &r->guard_id, e));
    TRY(database_execute(r->guard, "SET SESSION max_statement_time = 0", e));
    (void)snprintf(sql, sizeof sql, GUARD, seconds);
    return database_execute(r->guard, sql, e);
}

static enum rc
stop(struct replica *r, const char *defaults_file, unsigned seconds, struct error *e)
{
    char sql[100];
    TRY(database_connect(defaults_file, &r->db, e));
    /* This session is silent while a dump runs. */
    (void)snprintf(sql, sizeof sql, "SET SESSION wait_timeout = %u", seconds + SILENCE_SPARE);
    TRY(database_execute(r->db, sql, e));
    TRY_IN(post_guard(r, defaults_file, seconds, e), e, "who starts it again");
    r->stopped = true; /* even if the answer is lost */
    TRY(database_execute(r->db, "STOP ALL SLAVES SQL_THREAD", e));
    return database_value(r->db, where, r->arena, &r->position, e);
}

enum rc
replica_stop(const char *defaults_file, unsigned seconds, struct arena *a, struct replica **out,
             struct error *e)
{
    CLEANUP(replica_freep) struct replica *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "replica");
    r->arena = a;
    TRY_IN(stop(r, defaults_file, seconds, e), e, "stop the applier");
    *out = TAKE(r);
    return RC_OK;
}

const char *
replica_position(const struct replica *r)
{
    return r->position;
}

/* The guard goes last: should we die in between, it starts what runs already, which is harmless. */
static enum rc
go_on(struct replica *r, struct error *e)
{
    char sql[60];
    TRY(database_execute(r->db, start, e));
    r->stopped = false;
    (void)snprintf(sql, sizeof sql, "KILL CONNECTION %llu", (unsigned long long)r->guard_id);
    return database_execute(r->db, sql, e);
}

enum rc
replica_start(struct replica *r, struct error *e)
{
    const char *now;
    struct error why = ERROR_INIT;
    if (database_value(r->db, where, r->arena, &now, &why) != RC_OK)
        return error_set(e, RC_IO, "the session that stopped the applier is gone: %s", why.text);
    bool still = now != NULL && r->position != NULL && text_equal(now, r->position);
    enum rc rc = go_on(r, &why);
    if (!still)
        return error_set(e, RC_IO,
                         "the applier was started while the replica was read (at %s, now %s): "
                         "somebody did, or 'replica-hold' is too short",
                         r->position == NULL ? "" : r->position, now == NULL ? "" : now);
    /* The guard may have gone by itself meanwhile; an applier that does not start is for people. */
    if (rc != RC_OK && r->stopped)
        return error_set(e, rc, "start the applier again: %s", why.text);
    return RC_OK;
}

void
replica_free(struct replica *r)
{
    struct error ignored = ERROR_INIT; /* the guard is there for that */
    if (r == NULL)
        return;
    if (r->stopped && r->db != NULL && go_on(r, &ignored) != RC_OK)
        (void)ignored;
    database_free(r->db);
    database_free(r->guard);
    free(r);
}
