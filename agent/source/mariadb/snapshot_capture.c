/* snapshot_capture.c -- see snapshot_capture.h. */
#include "agent/source/mariadb/snapshot_capture.h"

#include <fcntl.h>
#include <string.h>

#include "agent/source/mariadb/binlog_index.h"
#include "agent/source/mariadb/dump.h"
#include "agent/source/mariadb/dump_capture.h"
#include "common/sys/file.h"

enum { INDEX_MAX = 4 * 1024 * 1024 };

static enum rc
made_position(struct source_step *step, struct source_collector *c,
              const struct mariadb_cycle *cycle, struct error *e)
{
    const struct lock_position *p = &cycle->position;
    const struct dump_position positions[] = {{"gtid_binlog_pos", p->gtid_binlog},
                                              {"gtid_slave_pos", p->gtid_slave},
                                              {"binlog_file", p->binlog_file},
                                              {"binlog_position", p->binlog_offset}};
    return dump_capture_position(step, c,
                                 "Of the snapshot, exactly: read while no commit could be.",
                                 positions, sizeof positions / sizeof *positions, e);
}

/* A path of the live server, in the snapshot.  Read live it would be of another moment, and torn. */
static enum rc
in_snapshot(const struct source_step *step, const char *path, const char **out, struct error *e)
{
    *out = step->place == NULL ? NULL : step->place(step, path);
    return *out != NULL ? RC_OK : error_set(e, RC_IO, "'%s' is in no snapshot", path);
}

static enum rc
check_roots(const struct source_step *step, const struct datadir *files, struct error *e)
{
    const char *place;
    for (size_t i = 0; i < files->count; i++)
        TRY(in_snapshot(step, files->roots[i].path, &place, e));
    TRY(in_snapshot(step, files->data, &place, e));
    return datadir_check_scan(files, place, e);
}

static enum rc
made_index(struct source_step *step, struct source_collector *c, const struct datadir *files,
           struct error *e)
{
    CLEANUP(buffer_free) struct buffer old = BUFFER_INIT(INDEX_MAX);
    CLEANUP(buffer_free) struct buffer moved = BUFFER_INIT(INDEX_MAX);
    char component[SOURCE_COMPONENT_MAX];
    if (files->index == NULL)
        return RC_OK;
    const char *base = strrchr(files->index, '/') + 1, *place;
    TRY(in_snapshot(step, files->index, &place, e));
    TRY(file_read(AT_FDCWD, place, &old, e));
    TRY(binlog_index_move(buffer_span(&old), &moved, e));
    if (!source_component(span_of(base, strlen(base)), component))
        return error_set(e, RC_UNSUPPORTED, "'%s': its name is too long", files->index);
    const char *name = arena_printf(step->report->arena, "mariadb/server/%s", component);
    if (name == NULL)
        return error_set(e, RC_NO_MEMORY, "index of binary logs");
    return source_made_text(c, name, buffer_span(&moved), e);
}

/* The snapshot holds them as well; who has a server that does not start will be glad of them as text. */
static void
made_accounts(struct source_step *step, struct source_collector *c)
{
    struct error why = ERROR_INIT;
    struct dump dump = {.step = step, .defaults_file = config_text(step->config, "defaults-file")};
    if (dump_find_tool(&dump.tool, &why) != RC_OK || dump_accounts(&dump, c, &why) != RC_OK)
        source_report_warn(step->report, "accounts are in the snapshot only, not as text: %s",
                           why.text);
}

static enum rc
read_files(struct source_step *step, struct source_collector *c, struct mariadb_cycle *cycle,
           struct error *e)
{
    static const char settings[] = "/etc/mysql";
    struct datadir *files = cycle->choice.files;
    struct error absent = ERROR_INIT;
    for (size_t i = 0; i < files->count; i++) {
        source_phase(step, c, "read %s", files->roots[i].path);
        TRY(c->path(c, files->roots[i].path, true, datadir_excludes, files, e));
    }
    enum rc rc = c->path(c, settings, false, NULL, NULL, &absent);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        *e = absent;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
snapshot_capture(struct source_step *step, struct source_collector *c, struct mariadb_cycle *cycle,
                 struct error *e)
{
    const struct datadir *files = cycle->choice.files;
    if (!step->snapshotted || !cycle->cut)
        return error_set(e, RC_IO, "MariaDB: there is no snapshot under a lock to read");
    TRY_IN(check_roots(step, files, e), e, "MariaDB");
    source_report_keep(step->report, "cut.method", "%s",
                       cycle->choice.method == CHOICE_REPLICA ? "replica-snapshot" : "snapshot");
    TRY(made_position(step, c, cycle, e));
    TRY_IN(made_index(step, c, files, e), e, "index of binary logs");
    source_phase(step, c, "dump accounts");
    made_accounts(step, c);
    return read_files(step, c, cycle, e);
}
