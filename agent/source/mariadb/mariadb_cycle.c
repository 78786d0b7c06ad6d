/* mariadb_cycle.c -- see mariadb_cycle.h. */
#include "agent/source/mariadb/mariadb_cycle.h"

#include <stdlib.h>

#include "agent/source/mariadb/mariadb_source.h"

enum { CYCLE_ARENA = 4 * 1024 * 1024, STOP_SPARE = 30 };

struct mariadb_cycle *
mariadb_cycle_of(const struct source_step *step)
{
    return step->memory;
}

void
mariadb_cycle_release(struct source_step *step)
{
    struct mariadb_cycle *c = step->memory;
    step->memory = NULL;
    if (c == NULL)
        return;
    lock_free(c->lock);
    replica_free(c->replica);
    arena_free(c->arena);
    free(c);
}

static const char *
defaults_of(const struct source_step *step)
{
    return config_text(step->config, "defaults-file");
}

static enum rc
choose(const struct source_step *step, struct mariadb_cycle *c, struct error *e)
{
    CLEANUP(database_freep) struct database *db = NULL;
    const struct rights *rights;
    TRY(database_connect(defaults_of(step), &db, e));
    TRY(rights_ask(db, c->arena, &rights, e));
    return choice_make(step->config, db, rights, c->arena, &c->choice, e);
}

/* Anew for every cycle: what an earlier one left is let go. */
static enum rc
begin(struct source_step *step, struct mariadb_cycle **out, struct error *e)
{
    mariadb_cycle_release(step);
    struct mariadb_cycle *c = calloc(1, sizeof *c);
    step->memory = c;
    if (c == NULL || (c->arena = arena_new(CYCLE_ARENA)) == NULL)
        return error_set(e, RC_NO_MEMORY, "cycle of MariaDB");
    TRY_IN(choose(step, c, e), e, "MariaDB");
    *out = c;
    return RC_OK;
}

enum rc
mariadb_cycle_paths(struct source_step *step, struct source_places *p, struct error *e)
{
    struct mariadb_cycle *c;
    TRY(begin(step, &c, e));
    const struct datadir *files = c->choice.files;
    if (c->choice.method == CHOICE_DUMP || files == NULL)
        return RC_OK;
    p->optional = c->choice.automatic || c->choice.method == CHOICE_REPLICA;
    for (size_t i = 0; i < files->count; i++)
        TRY(p->path(p, files->roots[i].path, true, true, e));
    return RC_OK;
}

/* What is left when the volumes cannot be snapshotted. */
static enum rc
do_without_snapshot(struct source_step *step, struct mariadb_cycle *c, struct error *e)
{
    c->choice.files = NULL;
    if (c->choice.method != CHOICE_SNAPSHOT)
        return RC_OK;
    if (!c->choice.automatic)
        return error_set(e, RC_UNSUPPORTED,
                         "MariaDB: 'method = snapshot', but '%s' is not snapshotted; files of a "
                         "running server are no backup: choose 'method = dump'",
                         step->name);
    c->choice.method = CHOICE_DUMP;
    return RC_OK;
}

enum rc
mariadb_cycle_ready(struct source_step *step, struct error *e)
{
    struct mariadb_cycle *c = mariadb_cycle_of(step);
    if (c == NULL)
        TRY(begin(step, &c, e));
    if (!step->snapshotted || c->choice.files == NULL)
        TRY(do_without_snapshot(step, c, e));
    if (c->choice.files == NULL)
        return RC_OK;
    const struct lock_options options = {
        .defaults_file = defaults_of(step),
        .kind = (enum lock_kind)choice_index(step->config, "lock", mariadb_source_locks),
        .budget = (unsigned)config_number(step->config, "lock-budget"),
    };
    lock_free(c->lock);
    c->lock = NULL;
    TRY_IN(lock_open(&options, c->arena, &c->lock, e), e, "MariaDB");
    TRY_IN(
        lock_wait_for_others(c->lock, step, (unsigned)config_number(step->config, "long-query"), e),
        e, "MariaDB");
    return RC_OK;
}

static enum rc
stop_for(struct source_step *step, struct mariadb_cycle *c, uint64_t seconds, struct error *e)
{
    if (c->replica != NULL)
        return RC_OK;
    TRY(replica_stop(defaults_of(step), (unsigned)seconds, c->arena, &c->replica, e));
    c->replica_position = replica_position(c->replica);
    return RC_OK;
}

enum rc
mariadb_cycle_stop(struct source_step *step, struct mariadb_cycle *c, struct error *e)
{
    return stop_for(step, c, config_number(step->config, "replica-hold"), e);
}

enum rc
mariadb_cycle_start(struct mariadb_cycle *c, struct error *e)
{
    if (c->replica == NULL)
        return RC_OK;
    enum rc rc = replica_start(c->replica, e);
    replica_free(c->replica);
    c->replica = NULL;
    return rc;
}

enum rc
mariadb_cycle_freeze(struct source_step *step, struct error *e)
{
    struct mariadb_cycle *c = mariadb_cycle_of(step);
    if (c == NULL || c->choice.method == CHOICE_DUMP)
        return RC_OK;
    if (c->choice.files == NULL)
        return mariadb_cycle_stop(step, c, e);
    if (c->lock == NULL)
        return error_set(e, RC_INVALID, "MariaDB: nobody made it ready");
    if (c->choice.method == CHOICE_REPLICA)
        TRY_IN(stop_for(step, c, config_number(step->config, "lock-budget") + STOP_SPARE, e), e,
               "MariaDB");
    c->lock_kind = lock_kind_name(c->lock);
    TRY_IN(lock_take(c->lock, &c->position, e), e, "MariaDB");
    return RC_OK;
}

static void
report_lock(struct source_step *step, const struct mariadb_cycle *c)
{
    const struct {
        const char *name;
        int64_t us;
    } times[] = {{"lock.wait_us", c->times.wait},
                 {"lock.hold_us", c->times.hold},
                 {"lock.stall_us", c->times.stall}};
    source_report_keep(step->report, "lock.kind", "%s", c->lock_kind);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        source_report_keep(step->report, times[i].name, "%lld", (long long)times[i].us);
}

enum rc
mariadb_cycle_thaw(struct source_step *step, struct error *e)
{
    struct mariadb_cycle *c = mariadb_cycle_of(step);
    struct error later = ERROR_INIT;
    if (c == NULL || c->lock == NULL)
        return RC_OK;
    enum rc rc = lock_release(c->lock, &c->times, e);
    c->cut = rc == RC_OK && c->times.stall > 0;
    lock_free(c->lock);
    c->lock = NULL;
    enum rc started = mariadb_cycle_start(c, &later);
    if (rc == RC_OK && started != RC_OK)
        *e = later;
    rc = rc != RC_OK ? rc : started;
    c->cut = c->cut && rc == RC_OK;
    if (c->cut)
        report_lock(step, c);
    return rc == RC_OK ? RC_OK : error_context(e, "MariaDB");
}
