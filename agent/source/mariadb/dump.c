/* dump.c -- see dump.h. */
#include "agent/source/mariadb/dump.h"

#include <stdio.h>
#include <string.h>

#include "agent/source/mariadb/dump_trailer.h"
#include "common/sys/process.h"

/* The same options for the same bytes: no date, rows by key, so that an unchanged table is unchanged data. */
static const char *const fixed[] = {
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G", /* the longest row the server can hold */
    "--single-transaction",
    "--skip-dump-date",
    "--order-by-primary",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
};
enum { FIXED = sizeof fixed / sizeof *fixed };

enum rc
dump_find_tool(const char **out, struct error *e)
{
    static const char *const candidates[] = {"/usr/bin/mariadb-dump", "/usr/local/bin/mariadb-dump",
                                             "/usr/bin/mysqldump", NULL};
    return process_find_tool(candidates, "mariadb-client", out, e);
}

struct stream {
    struct process *process;
    struct dump_trailer trailer;
};

static void
stream_end(struct stream *s)
{
    process_free(s->process);
}

static enum rc
read_stream(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    struct stream *s = ctx;
    TRY_IN(process_read(s->process, out, size, got, e), e, "mariadb-dump");
    if (*got > 0) {
        dump_trailer_feed(&s->trailer, span_of(out, *got));
        return RC_OK;
    }
    TRY_IN(process_finish(s->process, NULL, e), e, "mariadb-dump");
    if (!dump_trailer_complete(&s->trailer))
        return error_set(e, RC_CORRUPT,
                         "mariadb-dump ended without its last line '-- Dump completed': the dump "
                         "is cut off");
    return RC_OK;
}

static enum rc
run(const struct dump *d, struct source_collector *c, const char *const *argv, const char *name,
    uint64_t *bytes, struct error *e)
{
    const struct process_options options = {
        .argv = argv, .deadline = d->step->deadline, .cancel = d->step->cancel};
    CLEANUP(stream_end) struct stream stream = {.trailer = DUMP_TRAILER_INIT};
    TRY_IN(process_start(&options, &stream.process, e), e, "mariadb-dump");
    return c->made(c, name, read_stream, &stream, bytes, e);
}

/* --defaults-file must come first; without one no file at all, so that both connections agree. */
static const char *
defaults(const struct dump *d)
{
    if (d->defaults_file == NULL)
        return "--no-defaults";
    return arena_printf(d->step->report->arena, "--defaults-file=%s", d->defaults_file);
}

static enum rc
no_memory(struct error *e)
{
    return error_set(e, RC_NO_MEMORY, "arguments of mariadb-dump");
}

enum rc
dump_database(const struct dump *d, struct source_collector *c, const char *database,
              const char *const *schema_only, size_t count, uint64_t *bytes, struct error *e)
{
    enum { OTHERS = 8 };
    struct arena *a = d->step->report->arena;
    char component[SOURCE_COMPONENT_MAX];
    if (!source_component(span_of(database, strlen(database)), component))
        return error_set(e, RC_UNSUPPORTED, "database '%s': its name is too long", database);
    const char *name = arena_printf(a, "mariadb/%s.sql", component);
    const char **argv = arena_alloc(a, (FIXED + count + OTHERS) * sizeof *argv);
    if (name == NULL || argv == NULL)
        return no_memory(e);
    size_t n = 0;
    argv[n++] = d->tool;
    if ((argv[n++] = defaults(d)) == NULL)
        return no_memory(e);
    for (size_t i = 0; i < FIXED; i++)
        argv[n++] = fixed[i];
    for (size_t i = 0; i < count; i++)
        if ((argv[n++] = arena_printf(a, "--ignore-table-data=%s.%s", database, schema_only[i])) ==
            NULL)
            return no_memory(e);
    argv[n++] = "--";
    argv[n++] = database;
    TRY_IN(run(d, c, argv, name, bytes, e), e, "database '%s'", database);
    return RC_OK;
}

enum rc
dump_accounts(const struct dump *d, struct source_collector *c, struct error *e)
{
    const char *const argv[] = {
        d->tool,          defaults(d), "--default-character-set=utf8mb4", "--skip-dump-date",
        "--system=users", NULL};
    uint64_t bytes;
    if (argv[1] == NULL)
        return no_memory(e);
    TRY_IN(run(d, c, argv, "mariadb/server/grants.sql", &bytes, e), e, "accounts and grants");
    return RC_OK;
}
