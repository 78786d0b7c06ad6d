/* mariadb_source.c -- the steps of the kind `mariadb`.  See mariadb_source.h. */
#include "agent/source/mariadb/mariadb_source.h"

#include <stdio.h>
#include <string.h>

#include "agent/source/mariadb/dump.h"
#include "agent/source/mariadb/dump_capture.h"
#include "agent/source/mariadb/mariadb_cycle.h"
#include "agent/source/mariadb/snapshot_capture.h"
#include "common/base/text.h"

/* Names of 100 000 tables with room to spare. */
enum { INVENTORY_ARENA = 64 * 1024 * 1024 };

static const struct config_key mariadb_keys[] = {MARIADB_SOURCE_KEYS, {0}};

static enum rc
mariadb_validate(const struct config *config, const struct config_section *s, struct error *e)
{
    for (size_t i = 0; i < config_list_count(s, "schema-only"); i++) {
        const char *table = config_list_at(s, "schema-only", i), *dot = strchr(table, '.');
        if (dot == NULL || dot == table || dot[1] == '\0')
            return config_complain(config, s, "schema-only", e,
                                   "'%s' is not of the form \"database.table\"", table);
    }
    return RC_OK;
}

static void
mariadb_describe(const struct config_section *s, char *out, size_t size)
{
    const char *file = config_text(s, "defaults-file");
    (void)snprintf(out, size, "MariaDB: every database, method %s%s%s", config_text(s, "method"),
                   file == NULL ? "" : ", as in ", file == NULL ? "" : file);
}

struct look {
    struct arena *arena;
    struct database *database;
    const struct inventory *inventory;
};

static void
look_free(struct look *l)
{
    database_free(l->database);
    arena_free(l->arena);
}

static enum rc
look_around(const struct source_step *step, struct look *out, struct error *e)
{
    const struct inventory_wishes wishes = {.cache_rows = config_bool(step->config, "cache-rows"),
                                            .config = step->config};
    out->arena = arena_new(INVENTORY_ARENA);
    if (out->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "inventory of MariaDB");
    TRY_IN(database_connect(config_text(step->config, "defaults-file"), &out->database, e), e,
           "MariaDB");
    TRY_IN(inventory_take(out->database, &wishes, out->arena, &out->inventory, e), e, "MariaDB");
    return RC_OK;
}

static bool
is_wish_met(const struct inventory *v, const char *wish)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct inventory_database *d = &v->databases[i];
        size_t len = strlen(d->name);
        for (size_t k = 0; k < d->table_count; k++)
            if (strncmp(wish, d->name, len) == 0 && wish[len] == '.' &&
                text_equal(wish + len + 1, d->tables[k]))
                return true;
    }
    return false;
}

static void
warn_about_wishes(struct source_step *step, const struct inventory *v)
{
    for (size_t i = 0; i < config_list_count(step->config, "schema-only"); i++) {
        const char *wish = config_list_at(step->config, "schema-only", i);
        if (!is_wish_met(v, wish))
            source_report_warn(step->report, "'schema-only' names '%s', which does not exist",
                               wish);
    }
}

/* Of dumps only: a snapshot has such tables as they were under the lock. */
static void
warn_about_engines(struct source_step *step, const struct inventory *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->databases[i].unsafe != NULL)
            source_report_warn(step->report,
                               "database '%s': tables without transactions (%s) may change while "
                               "they are dumped; ALTER TABLE ... ENGINE=InnoDB",
                               v->databases[i].name, v->databases[i].unsafe);
}

/* What a cycle would choose now; a refusal here keeps the whole cut from waiting for one there. */
static enum rc
check_method(struct source_step *step, const struct look *look, struct error *e)
{
    struct choice choice;
    TRY_IN(
        choice_make(step->config, look->database, look->inventory->rights, look->arena, &choice, e),
        e, "MariaDB");
    source_report_fact(step->report, "method", "%s", mariadb_source_methods[choice.method]);
    if (choice.why != NULL)
        source_report_warn(step->report,
                           "its files cannot be snapshotted, so that it is dumped: %s; or set "
                           "'method = dump'",
                           choice.why);
    return RC_OK;
}

static enum rc
mariadb_check(struct source_step *step, struct error *e)
{
    CLEANUP(look_free) struct look look = {0};
    const char *tool;
    TRY(dump_find_tool(&tool, e));
    TRY(look_around(step, &look, e));
    source_report_fact(step->report, "version", "%s", look.inventory->version);
    source_report_fact(step->report, "account", "%s", look.inventory->rights->account);
    source_report_fact(step->report, "databases", "%zu", look.inventory->count);
    warn_about_wishes(step, look.inventory);
    return check_method(step, &look, e);
}

/* ---- capture */

static enum rc
capture_dumps(struct source_step *step, struct source_collector *c, struct error *e)
{
    CLEANUP(look_free) struct look look = {0};
    step->cut.from = clock_wall();
    TRY(look_around(step, &look, e));
    warn_about_engines(step, look.inventory);
    TRY(dump_capture(step, c, look.inventory, e));
    step->cut.until = clock_wall();
    return RC_OK;
}

/* All dumps are of one moment; the replica goes on as soon as the last is done, well or not. */
static enum rc
capture_standing(struct source_step *step, struct source_collector *c, struct mariadb_cycle *cycle,
                 struct error *e)
{
    struct error later = ERROR_INIT;
    TRY_IN(mariadb_cycle_stop(step, cycle, e), e, "MariaDB");
    enum rc rc = capture_dumps(step, c, e);
    enum rc started = mariadb_cycle_start(cycle, &later);
    if (rc == RC_OK && started != RC_OK)
        *e = later;
    return rc != RC_OK ? rc : started;
}

static enum rc
mariadb_capture(struct source_step *step, struct source_collector *c, struct error *e)
{
    struct mariadb_cycle *cycle = mariadb_cycle_of(step);
    const char *method = "dump";
    enum choice_method wish =
        (enum choice_method)choice_index(step->config, "method", mariadb_source_methods);
    if (cycle == NULL && (wish == CHOICE_SNAPSHOT || wish == CHOICE_REPLICA))
        return error_set(e, RC_INVALID, "MariaDB: 'method = %s', but there was no cut",
                         mariadb_source_methods[wish]);
    if (cycle != NULL && cycle->choice.files != NULL && cycle->choice.method != CHOICE_DUMP)
        return snapshot_capture(step, c, cycle, e);
    if (cycle != NULL && cycle->choice.method == CHOICE_REPLICA) {
        method = "replica-dump";
        TRY(capture_standing(step, c, cycle, e));
    } else {
        TRY(capture_dumps(step, c, e));
    }
    source_report_keep(step->report, "cut.method", "%s", method);
    return RC_OK;
}

static enum rc
mariadb_release(struct source_step *step, struct error *e)
{
    (void)e;
    mariadb_cycle_release(step);
    return RC_OK;
}

const struct source_kind mariadb_source_kind = {
    .name = "mariadb",
    .keys = mariadb_keys,
    .validate = mariadb_validate,
    .describe = mariadb_describe,
    .check = mariadb_check,
    .paths = mariadb_cycle_paths,
    .ready = mariadb_cycle_ready,
    .freeze = mariadb_cycle_freeze,
    .thaw = mariadb_cycle_thaw,
    .capture = mariadb_capture,
    .release = mariadb_release,
};
