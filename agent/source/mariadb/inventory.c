/* inventory.c -- see inventory.h. */
#include "agent/source/mariadb/inventory.h"

#include <stdio.h>
#include <string.h>

#include "agent/source/mariadb/cache_tables.h"
#include "common/base/text.h"

struct taking {
    struct database *db;
    const struct inventory_wishes *wishes;
    struct arena *arena;
    struct inventory *inventory;
};

static enum rc
no_memory(struct error *e)
{
    return error_set(e, RC_NO_MEMORY, "inventory of MariaDB");
}

static enum rc
ask(struct taking *t, const char *sql, const char **out, struct error *e)
{
    return database_value(t->db, sql, t->arena, out, e);
}

static enum rc
note_binlog(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    struct taking *t = ctx;
    if (columns < 2 || row[0] == NULL || row[1] == NULL)
        return RC_OK;
    t->inventory->binlog_file = arena_printf(t->arena, "%s", row[0]);
    t->inventory->binlog_offset = arena_printf(t->arena, "%s", row[1]);
    return t->inventory->binlog_offset == NULL ? no_memory(e) : RC_OK;
}

static enum rc
ask_server(struct taking *t, struct error *e)
{
    struct inventory *v = t->inventory;
    struct error denied = ERROR_INIT;
    TRY(ask(t, "SELECT @@version", &v->version, e));
    if (v->version == NULL)
        return error_set(e, RC_IO, "MariaDB does not say who it is");
    TRY(rights_ask(t->db, t->arena, &v->rights, e));
    TRY(rights_need(v->rights, RIGHTS_DUMP, e));
    TRY(ask(t, "SELECT @@GLOBAL.gtid_binlog_pos", &v->binlog_pos, e));
    TRY(ask(t, "SELECT @@GLOBAL.gtid_current_pos", &v->current_pos, e));
    TRY(ask(t, "SELECT @@GLOBAL.gtid_slave_pos", &v->slave_pos, e));
    /* Needs BINLOG MONITOR; the GTIDs above say the same to anyone. */
    enum rc rc = database_query(t->db, "SHOW MASTER STATUS", note_binlog, t, &denied);
    if (rc != RC_OK && rc != RC_IO && rc != RC_DENIED) {
        *e = denied;
        return rc;
    }
    return RC_OK;
}

static enum rc
note_database(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)columns;
    struct taking *t = ctx;
    struct inventory *v = t->inventory;
    if (v->count == INVENTORY_DATABASES_MAX)
        return error_set(e, RC_UNSUPPORTED, "more than %d databases", INVENTORY_DATABASES_MAX);
    struct inventory_database *d = &v->databases[v->count++];
    d->name = arena_printf(t->arena, "%s", row[0]);
    d->create = arena_printf(t->arena,
                             "CREATE DATABASE IF NOT EXISTS `%s` "
                             "CHARACTER SET %s COLLATE %s;\n",
                             row[3], row[1], row[2]);
    return d->name == NULL || d->create == NULL ? no_memory(e) : RC_OK;
}

struct tables {
    struct taking *taking;
    struct inventory_database *database;
    size_t capacity;
    char unsafe[256];
    size_t unsafe_len, unsafe_count;
};

static void
note_unsafe(struct tables *t, const char *table)
{
    enum { SHOWN = 3 };
    if (t->unsafe_count++ < SHOWN && t->unsafe_len + strlen(table) + 3 < sizeof t->unsafe)
        t->unsafe_len +=
            (size_t)snprintf(t->unsafe + t->unsafe_len, sizeof t->unsafe - t->unsafe_len, "%s%s",
                             t->unsafe_len == 0 ? "" : ", ", table);
}

/* name, rows, engine has transactions */
static enum rc
note_table(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)columns;
    struct tables *t = ctx;
    struct inventory_database *d = t->database;
    if (d->table_count == t->capacity)
        return error_set(e, RC_AGAIN, "tables are being made faster than they are listed");
    d->tables[d->table_count] = arena_printf(t->taking->arena, "%s", row[0]);
    if (d->tables[d->table_count++] == NULL)
        return no_memory(e);
    uint64_t rows;
    struct error nothing = ERROR_INIT;
    if (row[1] != NULL && text_parse_u64(row[1], 0, UINT64_MAX, &rows, &nothing) == RC_OK)
        d->rows += rows;
    if (row[2] == NULL || !text_equal(row[2], "YES"))
        note_unsafe(t, row[0]);
    return RC_OK;
}

static bool
is_wished(const struct taking *t, const char *database, const char *table)
{
    size_t len = strlen(database);
    for (size_t i = 0; i < config_list_count(t->wishes->config, "schema-only"); i++) {
        const char *wish = config_list_at(t->wishes->config, "schema-only", i);
        if (strncmp(wish, database, len) == 0 && wish[len] == '.' &&
            text_equal(wish + len + 1, table))
            return true;
    }
    return false;
}

static enum rc
choose_schema_only(struct taking *t, struct inventory_database *d, struct error *e)
{
    d->schema_only = arena_alloc(t->arena, (d->table_count + 1) * sizeof *d->schema_only);
    if (d->schema_only == NULL)
        return no_memory(e);
    for (size_t i = 0; i < d->table_count; i++) {
        bool cache =
            !t->wishes->cache_rows && cache_tables_has(d->tables, d->table_count, d->tables[i]);
        if (cache || is_wished(t, d->name, d->tables[i]))
            d->schema_only[d->schema_only_count++] = d->tables[i];
    }
    return RC_OK;
}

static enum rc
take_tables(struct taking *t, struct inventory_database *d, struct error *e)
{
    const char *quoted = database_quote(t->db, d->name, t->arena);
    const char *where = arena_printf(
        t->arena,
        "FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES g USING (ENGINE) "
        "WHERE t.TABLE_SCHEMA = %s AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')",
        quoted == NULL ? "" : quoted);
    const char *sql = where == NULL
                          ? NULL
                          : arena_printf(t->arena,
                                         "SELECT t.TABLE_NAME, t.TABLE_ROWS, g.TRANSACTIONS %s "
                                         "ORDER BY 1",
                                         where);
    const char *how_many =
        where == NULL ? NULL : arena_printf(t->arena, "SELECT COUNT(*) %s", where);
    if (quoted == NULL || sql == NULL || how_many == NULL)
        return no_memory(e);
    const char *text;
    uint64_t count = 0;
    TRY(ask(t, how_many, &text, e));
    TRY(text_parse_u64(text == NULL ? "" : text, 0, INVENTORY_TABLES_MAX, &count, e));
    /* Tables may be made meanwhile: a little room, and no more than that. */
    enum { MEANWHILE = 64 };
    struct tables tables = {.taking = t, .database = d, .capacity = (size_t)count + MEANWHILE};
    d->tables = arena_alloc(t->arena, tables.capacity * sizeof *d->tables);
    if (d->tables == NULL)
        return no_memory(e);

    TRY(database_query(t->db, sql, note_table, &tables, e));
    if (tables.unsafe_count > 0 && !text_equal(d->name, "mysql"))
        d->unsafe = tables.unsafe_count > 3 ? arena_printf(t->arena, "%s and %zu more",
                                                           tables.unsafe, tables.unsafe_count - 3)
                                            : arena_printf(t->arena, "%s", tables.unsafe);
    return choose_schema_only(t, d, e);
}

enum rc
inventory_take(struct database *db, const struct inventory_wishes *wishes, struct arena *a,
               const struct inventory **out, struct error *e)
{
    static const char databases[] =
        "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME,"
        " REPLACE(SCHEMA_NAME, '`', '``') FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT"
        " IN ('information_schema', 'performance_schema', 'sys')"
        /* Directories of the volume itself, which are no databases. */
        " AND SCHEMA_NAME NOT IN ('#mysql50#.koffer', '#mysql50#lost+found') ORDER BY 1";
    struct inventory *v = arena_alloc(a, sizeof *v);
    if (v == NULL ||
        (v->databases = arena_alloc(a, INVENTORY_DATABASES_MAX * sizeof *v->databases)) == NULL)
        return no_memory(e);
    struct taking t = {.db = db, .wishes = wishes, .arena = a, .inventory = v};
    TRY(ask_server(&t, e));
    TRY_IN(database_query(db, databases, note_database, &t, e), e, "list of databases");
    for (size_t i = 0; i < v->count; i++)
        TRY_IN(take_tables(&t, &v->databases[i], e), e, "tables of database '%s'",
               v->databases[i].name);
    *out = v;
    return RC_OK;
}
