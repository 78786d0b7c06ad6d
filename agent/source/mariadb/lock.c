/* lock.c -- see lock.h. */
#include "agent/source/mariadb/lock.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/source/mariadb/database.h"
#include "agent/source/mariadb/watchdog.h"

/* With no deadline of the step's own. */
enum { OTHERS_WAIT_MS = 60000, ASK_AGAIN_MS = 100 };

struct lock {
    struct database *db; /* NULL: the session has ended */
    struct arena *arena;
    enum lock_kind kind;
    unsigned budget, patience; /* seconds */
    struct watchdog *watchdog;
    bool held;
    struct mono began, granted;
};

/* What is sent before others wait, what makes them wait, and what ends it. */
static const struct script {
    const char *name;
    const char *quiet[3], *blocking[3]; /* NULL at the end */
    const char *end;
} scripts[] = {
    [LOCK_BACKUP_STAGE] = {.name = "backup-stage",
                           .quiet = {"BACKUP STAGE START", "BACKUP STAGE FLUSH", NULL},
                           .blocking = {"BACKUP STAGE BLOCK_DDL", "BACKUP STAGE BLOCK_COMMIT",
                                        NULL},
                           .end = "BACKUP STAGE END"},
    [LOCK_READ_LOCK] = {.name = "read-lock",
                        .quiet = {NULL},
                        .blocking = {"FLUSH TABLES WITH READ LOCK", NULL},
                        .end = "UNLOCK TABLES"},
};

bool
lock_version_has_stages(const char *version)
{
    unsigned major, minor;
    return strstr(version, "MariaDB") != NULL && sscanf(version, "%2u.%2u.", &major, &minor) == 2 &&
           (major > 10 || (major == 10 && minor >= 4));
}

const char *
lock_kind_name(const struct lock *lock)
{
    return scripts[lock->kind].name;
}

static enum rc
choose_kind(struct lock *lock, enum lock_kind wish, struct error *e)
{
    const char *version;
    lock->kind = wish;
    if (wish != LOCK_AUTO)
        return RC_OK;
    TRY(database_value(lock->db, "SELECT @@version", lock->arena, &version, e));
    bool stages = version != NULL && lock_version_has_stages(version);
    lock->kind = stages ? LOCK_BACKUP_STAGE : LOCK_READ_LOCK;
    return RC_OK;
}

enum rc
lock_open(const struct lock_options *options, struct arena *a, struct lock **out, struct error *e)
{
    CLEANUP(lock_freep) struct lock *lock = calloc(1, sizeof *lock);
    if (lock == NULL)
        return error_set(e, RC_NO_MEMORY, "lock on MariaDB");
    lock->arena = a;
    lock->budget = options->budget;
    /* How long the session may be silent between two statements before the server ends it. */
    lock->patience = options->budget < 4 ? 1 : 2;
    TRY(database_connect(options->defaults_file, &lock->db, e));
    TRY(choose_kind(lock, options->kind, e));
    *out = TAKE(lock);
    return RC_OK;
}

void
lock_free(struct lock *lock)
{
    bool bit;
    if (lock == NULL)
        return;
    watchdog_stop(lock->watchdog, &bit);
    database_free(lock->db);
    free(lock);
}

/* ---- before: statements that run long */

struct oldest {
    char text[256];
};

static enum rc
note_oldest(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)columns;
    (void)e;
    struct oldest *o = ctx;
    (void)snprintf(o->text, sizeof o->text, "statement %s of '%s', running for %s s: %s", row[0],
                   row[1] == NULL ? "" : row[1], row[2], row[3] == NULL ? "" : row[3]);
    return RC_OK;
}

/* The one that has run longest, if that is `seconds` or more; others' are seen with PROCESS only. */
static enum rc
find_oldest(struct lock *lock, unsigned seconds, struct oldest *o, struct error *e)
{
    char sql[400];
    o->text[0] = '\0';
    (void)snprintf(sql, sizeof sql,
                   "SELECT ID, USER, ROUND(TIME_MS / 1000), LEFT(INFO, 100) FROM "
                   "information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute') AND "
                   "ID <> CONNECTION_ID() AND INFO IS NOT NULL AND TIME_MS >= %u "
                   "ORDER BY TIME_MS DESC LIMIT 1",
                   seconds * 1000);
    return database_query(lock->db, sql, note_oldest, o, e);
}

enum rc
lock_wait_for_others(struct lock *lock, const struct source_step *step, unsigned seconds,
                     struct error *e)
{
    struct source_step mine = *step;
    struct oldest o;
    if (lock->kind != LOCK_READ_LOCK)
        return RC_OK;
    if (mine.deadline.ns == 0)
        mine.deadline = clock_after_ms(clock_mono(), OTHERS_WAIT_MS);
    for (;;) {
        TRY_IN(find_oldest(lock, seconds, &o, e), e, "statements that run long");
        if (o.text[0] == '\0')
            return RC_OK;
        enum rc rc = source_pause(&mine, ASK_AGAIN_MS, e);
        if (rc == RC_TIMEOUT)
            return error_set(e, RC_TIMEOUT,
                             "the read lock would stop all writers behind %s; end it, or choose "
                             "another hour or 'lock = backup-stage'",
                             o.text);
        TRY(rc);
    }
}

/* ---- the lock */

static int64_t
elapsed_ms(const struct lock *lock)
{
    return (clock_mono().ns - lock->began.ns) / CLOCK_NS_PER_MS;
}

/* The next statement may wait so long that a silent session still ends within the budget. */
static enum rc
limit_wait(struct lock *lock, int64_t used_ms, struct error *e)
{
    char sql[160];
    int64_t left = (int64_t)(lock->budget - lock->patience) * 1000 - used_ms;
    if (left <= 0)
        return error_set(e, RC_TIMEOUT, "the lock was not granted in time");
    (void)snprintf(
        sql, sizeof sql, "SET SESSION max_statement_time = %lld.%03lld, lock_wait_timeout = %lld",
        (long long)(left / 1000), (long long)(left % 1000), (long long)(left / 1000 + 1));
    return database_execute(lock->db, sql, e);
}

static enum rc
limit_silence(struct lock *lock, int64_t seconds, struct error *e)
{
    char sql[100];
    (void)snprintf(sql, sizeof sql, "SET SESSION wait_timeout = %lld",
                   (long long)(seconds < 1 ? 1 : seconds));
    return database_execute(lock->db, sql, e);
}

static enum rc
run_quiet(struct lock *lock, struct error *e)
{
    TRY(limit_silence(lock, lock->patience, e));
    TRY(limit_wait(lock, 0, e));
    for (const char *const *sql = scripts[lock->kind].quiet; *sql != NULL; sql++)
        TRY(database_execute(lock->db, *sql, e));
    return RC_OK;
}

static enum rc
run_blocking(struct lock *lock, struct error *e)
{
    const unsigned ms = lock->budget * 1000;
    TRY(watchdog_start(database_socket(lock->db), ms, &lock->watchdog, e));
    lock->began = clock_mono();
    for (const char *const *sql = scripts[lock->kind].blocking; *sql != NULL; sql++) {
        if (sql != scripts[lock->kind].blocking)
            TRY(limit_wait(lock, elapsed_ms(lock), e));
        TRY(database_execute(lock->db, *sql, e));
    }
    lock->granted = clock_mono();
    return RC_OK;
}

struct reading {
    struct arena *arena;
    struct lock_position *position;
};

static enum rc
note_binlog(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    struct reading *r = ctx;
    if (columns < 2 || row[0] == NULL || row[1] == NULL)
        return RC_OK;
    r->position->binlog_file = arena_printf(r->arena, "%s", row[0]);
    r->position->binlog_offset = arena_printf(r->arena, "%s", row[1]);
    return r->position->binlog_offset == NULL ? error_set(e, RC_NO_MEMORY, "position") : RC_OK;
}

static enum rc
note_gtids(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)columns;
    struct reading *r = ctx;
    r->position->gtid_binlog = arena_printf(r->arena, "%s", row[0] == NULL ? "" : row[0]);
    r->position->gtid_slave = arena_printf(r->arena, "%s", row[1] == NULL ? "" : row[1]);
    return r->position->gtid_slave == NULL ? error_set(e, RC_NO_MEMORY, "position") : RC_OK;
}

static enum rc
read_position(struct lock *lock, struct lock_position *position, struct error *e)
{
    struct reading reading = {.arena = lock->arena, .position = position};
    *position = (struct lock_position){0};
    TRY(database_query(lock->db, "SHOW MASTER STATUS", note_binlog, &reading, e));
    return database_query(lock->db, "SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_slave_pos",
                          note_gtids, &reading, e);
}

static enum rc
take(struct lock *lock, struct lock_position *position, struct error *e)
{
    TRY(run_quiet(lock, e));
    TRY(run_blocking(lock, e));
    TRY(read_position(lock, position, e));
    /* The last word before the snapshots: from here on the session is silent. */
    TRY(limit_silence(lock, lock->budget - (elapsed_ms(lock) + 999) / 1000, e));
    lock->held = true;
    return RC_OK;
}

/* Ends the session; the server lets go as soon as it notices, which after a statement is at once. */
static bool
end_session(struct lock *lock)
{
    bool bit;
    watchdog_stop(lock->watchdog, &bit);
    lock->watchdog = NULL;
    database_free(lock->db);
    lock->db = NULL;
    lock->held = false;
    return bit;
}

/* Writers go on first; then there is time to find out who was in the way. */
static void
explain(struct lock *lock, struct error *e)
{
    struct oldest o = {{0}};
    struct error ignored = ERROR_INIT;
    if (e->code == RC_TIMEOUT &&
        database_execute(lock->db, scripts[lock->kind].end, &ignored) == RC_OK &&
        find_oldest(lock, 1, &o, &ignored) == RC_OK && o.text[0] != '\0')
        (void)error_set(e, RC_TIMEOUT,
                        "the lock was not granted within %u s; what runs longest is %s; raise "
                        "'lock-budget' or choose another hour",
                        lock->budget - lock->patience, o.text);
}

enum rc
lock_take(struct lock *lock, struct lock_position *position, struct error *e)
{
    if (lock->db == NULL)
        return error_set(e, RC_STALE, "%s: the session has ended", lock_kind_name(lock));
    enum rc rc = take(lock, position, e);
    if (rc == RC_OK)
        return RC_OK;
    explain(lock, e);
    (void)end_session(lock);
    return error_context(e, "%s", lock_kind_name(lock));
}

enum rc
lock_release(struct lock *lock, struct lock_times *times, struct error *e)
{
    struct error why = ERROR_INIT;
    *times = (struct lock_times){0};
    if (!lock->held)
        return RC_OK;
    /* The answer proves that the session, and so the lock, lasted until here: libmariadb does not connect again by itself. */
    enum rc rc = database_execute(lock->db, scripts[lock->kind].end, &why);
    const struct mono released = clock_mono();
    bool bit = end_session(lock);
    if (rc != RC_OK)
        return error_set(e, RC_STALE,
                         "%s: the lock did not last until the snapshots were taken: %s; raise "
                         "'lock-budget' if they take so long",
                         lock_kind_name(lock), bit ? "it was let go in time" : why.text);
    *times = (struct lock_times){.wait = (lock->granted.ns - lock->began.ns) / 1000,
                                 .hold = (released.ns - lock->granted.ns) / 1000,
                                 .stall = (released.ns - lock->began.ns) / 1000};
    return RC_OK;
}
