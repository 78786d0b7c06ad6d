/* mariadb_source.c -- the steps of the kind `mariadb`.  See mariadb_source.h. */
#include "agent/source/mariadb/mariadb_source.h"

#include <stdio.h>
#include <string.h>

#include "agent/source/mariadb/dump.h"
#include "agent/source/mariadb/inventory.h"
#include "common/base/text.h"

/* Names of 100 000 tables with room to spare. */
enum { INVENTORY_ARENA = 64 * 1024 * 1024, TEXT_MAX = 8 * 1024 * 1024 };

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
    (void)snprintf(out, size, "MariaDB: every database%s%s", file == NULL ? "" : ", as in ",
                   file == NULL ? "" : file);
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
warn_about(struct source_step *step, const struct inventory *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->databases[i].unsafe != NULL)
            source_report_warn(step->report,
                               "database '%s': tables without transactions (%s) may change while "
                               "they are dumped; ALTER TABLE ... ENGINE=InnoDB",
                               v->databases[i].name, v->databases[i].unsafe);
    for (size_t i = 0; i < config_list_count(step->config, "schema-only"); i++) {
        const char *wish = config_list_at(step->config, "schema-only", i);
        if (!is_wish_met(v, wish))
            source_report_warn(step->report, "'schema-only' names '%s', which does not exist",
                               wish);
    }
}

static enum rc
mariadb_check(struct source_step *step, struct error *e)
{
    CLEANUP(look_free) struct look look = {0};
    const char *tool;
    TRY(dump_find_tool(&tool, e));
    TRY(look_around(step, &look, e));
    source_report_fact(step->report, "version", "%s", look.inventory->version);
    source_report_fact(step->report, "account", "%s", look.inventory->account);
    source_report_fact(step->report, "databases", "%zu", look.inventory->count);
    warn_about(step, look.inventory);
    return RC_OK;
}

static enum rc
made_position(struct source_step *step, struct source_collector *c, const struct inventory *v,
              struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    const struct {
        const char *name, *value;
    } positions[] = {
        {"gtid_binlog_pos", v->binlog_pos},    {"gtid_current_pos", v->current_pos},
        {"gtid_slave_pos", v->slave_pos},      {"binlog_file", v->binlog_file},
        {"binlog_position", v->binlog_offset},
    };
    TRY(buffer_printf(&text, e, "# Before the first dump began; each dump is a later state.\n"));
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
        if (positions[i].value != NULL && positions[i].value[0] != '\0') {
            TRY(buffer_printf(&text, e, "%s=%s\n", positions[i].name, positions[i].value));
            source_report_fact(step->report, positions[i].name, "%s", positions[i].value);
        }
    return source_made_text(c, "mariadb/server/position.txt", buffer_span(&text), e);
}

/* Dumps hold tables only, so that they can be loaded under another name; this says what they lived in. */
static enum rc
made_databases(struct source_collector *c, const struct inventory *v, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    for (size_t i = 0; i < v->count; i++)
        TRY(buffer_printf(&text, e, "%s", v->databases[i].create));
    return source_made_text(c, "mariadb/server/databases.sql", buffer_span(&text), e);
}

static void
report_database(struct source_step *step, const struct inventory_database *d, uint64_t bytes)
{
    char name[160];
    (void)snprintf(name, sizeof name, "%s.tables", d->name);
    source_report_fact(step->report, name, "%zu", d->table_count);
    (void)snprintf(name, sizeof name, "%s.rows_estimate", d->name);
    source_report_fact(step->report, name, "%llu", (unsigned long long)d->rows);
    (void)snprintf(name, sizeof name, "%s.bytes", d->name);
    source_report_fact(step->report, name, "%llu", (unsigned long long)bytes);
    if (d->schema_only_count == 0)
        return;
    char list[1000];
    size_t len = 0;
    for (size_t i = 0; i < d->schema_only_count && len < sizeof list; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i == 0 ? "" : ", ",
                                d->schema_only[i]);
    (void)snprintf(name, sizeof name, "%s.schema_only", d->name);
    source_report_fact(step->report, name, "%s", list);
}

static enum rc
dump_all(struct source_step *step, struct source_collector *c, const struct inventory *v,
         struct error *e)
{
    struct dump dump = {.step = step, .defaults_file = config_text(step->config, "defaults-file")};
    TRY(dump_find_tool(&dump.tool, e));
    source_phase(step, c, "dump accounts");
    TRY(dump_accounts(&dump, c, e));
    for (size_t i = 0; i < v->count; i++) {
        const struct inventory_database *d = &v->databases[i];
        uint64_t bytes;
        TRY(source_go_on(step, e));
        source_phase(step, c, "dump %s", d->name);
        TRY(dump_database(&dump, c, d->name, d->schema_only, d->schema_only_count, &bytes, e));
        report_database(step, d, bytes);
    }
    return RC_OK;
}

static enum rc
mariadb_capture(struct source_step *step, struct source_collector *c, struct error *e)
{
    CLEANUP(look_free) struct look look = {0};
    TRY(look_around(step, &look, e));
    TRY(made_position(step, c, look.inventory, e));
    TRY(made_databases(c, look.inventory, e));
    return dump_all(step, c, look.inventory, e);
}

static enum rc
mariadb_release(struct source_step *step, struct error *e)
{
    (void)step;
    (void)e;
    return RC_OK;
}

const struct source_kind mariadb_source_kind = {
    .name = "mariadb",
    .keys = mariadb_keys,
    .validate = mariadb_validate,
    .describe = mariadb_describe,
    .check = mariadb_check,
    .capture = mariadb_capture,
    .release = mariadb_release,
};
