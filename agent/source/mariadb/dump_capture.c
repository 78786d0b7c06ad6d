/* dump_capture.c -- see dump_capture.h. */
#include "agent/source/mariadb/dump_capture.h"

#include <stdio.h>

#include "agent/source/mariadb/dump.h"

enum { TEXT_MAX = 8 * 1024 * 1024 };

enum rc
dump_capture_position(struct source_step *step, struct source_collector *c, const char *remark,
                      const struct dump_position *positions, size_t count, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    TRY(buffer_printf(&text, e, "# %s\n", remark));
    for (size_t i = 0; i < count; i++)
        if (positions[i].value != NULL && positions[i].value[0] != '\0') {
            TRY(buffer_printf(&text, e, "%s=%s\n", positions[i].name, positions[i].value));
            source_report_keep(step->report, positions[i].name, "%s", positions[i].value);
        }
    return source_made_text(c, "mariadb/server/position.txt", buffer_span(&text), e);
}

static enum rc
made_position(struct source_step *step, struct source_collector *c, const struct inventory *v,
              struct error *e)
{
    const struct dump_position positions[] = {
        {"gtid_binlog_pos", v->binlog_pos},    {"gtid_current_pos", v->current_pos},
        {"gtid_slave_pos", v->slave_pos},      {"binlog_file", v->binlog_file},
        {"binlog_position", v->binlog_offset},
    };
    return dump_capture_position(step, c,
                                 "Before the first dump began; each dump is a later state.",
                                 positions, sizeof positions / sizeof *positions, e);
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

enum rc
dump_capture(struct source_step *step, struct source_collector *c, const struct inventory *v,
             struct error *e)
{
    TRY(made_position(step, c, v, e));
    TRY(made_databases(c, v, e));
    return dump_all(step, c, v, e);
}
