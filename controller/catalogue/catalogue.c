/* catalogue.c -- open, migrate, close.  See catalogue.h. */
#include "controller/catalogue/catalogue.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/catalogue/catalogue_internal.h"

/* Each script lifts the schema by one version; PRAGMA user_version counts them. */
static const char *const migrations[] = {
    "CREATE TABLE peer (role INTEGER NOT NULL, name TEXT NOT NULL, enrolled INTEGER NOT NULL DEFAULT 0,"
    " added INTEGER NOT NULL, enrolled_at INTEGER NOT NULL DEFAULT 0, last_seen INTEGER NOT NULL DEFAULT 0,"
    " certificate_until INTEGER NOT NULL DEFAULT 0, token BLOB, token_until INTEGER NOT NULL DEFAULT 0,"
    " version TEXT, system TEXT, address TEXT, clock_offset INTEGER NOT NULL DEFAULT 0,"
    " signing BLOB, receiving BLOB, PRIMARY KEY (role, name)) WITHOUT ROWID;"
    "CREATE TABLE source (agent TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,"
    " required INTEGER NOT NULL, description TEXT NOT NULL, PRIMARY KEY (agent, name)) WITHOUT ROWID;"
    "CREATE TABLE cycle (number INTEGER PRIMARY KEY, state TEXT NOT NULL, final INTEGER NOT NULL DEFAULT 0,"
    " problem TEXT NOT NULL DEFAULT '', started INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0,"
    " started_by TEXT NOT NULL);"
    "CREATE TABLE transition (cycle INTEGER NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL,"
    " state TEXT NOT NULL, problem TEXT NOT NULL);"
    "CREATE INDEX transition_of ON transition (cycle);"
    "CREATE TABLE cycle_source (cycle INTEGER NOT NULL, agent TEXT NOT NULL, source TEXT NOT NULL,"
    " kind TEXT NOT NULL, required INTEGER NOT NULL, state TEXT NOT NULL, problem TEXT, remedy TEXT,"
    " started INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0,"
    " files INTEGER, directories INTEGER, others INTEGER, bytes INTEGER, unreadable INTEGER, fuzzy INTEGER,"
    " vanished INTEGER, phase TEXT, p_files INTEGER, p_files_total INTEGER, p_bytes INTEGER,"
    " p_bytes_total INTEGER, bytes_read INTEGER, bytes_sent INTEGER, bytes_known INTEGER,"
    " PRIMARY KEY (cycle, agent, source)) WITHOUT ROWID;"
    "CREATE TABLE note (cycle INTEGER NOT NULL, agent TEXT NOT NULL, source TEXT NOT NULL,"
    " fact INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL);"
    "CREATE INDEX note_of ON note (cycle, agent, source);"
    "CREATE TABLE full (number INTEGER PRIMARY KEY, good INTEGER NOT NULL, started INTEGER NOT NULL,"
    " sealed INTEGER NOT NULL, verified INTEGER NOT NULL DEFAULT 0, archives INTEGER NOT NULL,"
    " files INTEGER NOT NULL, bytes INTEGER NOT NULL, record BLOB NOT NULL);"
    "CREATE TABLE archive (full INTEGER NOT NULL, agent TEXT NOT NULL, source TEXT NOT NULL,"
    " complete INTEGER NOT NULL, PRIMARY KEY (full, agent, source)) WITHOUT ROWID;"
    "CREATE INDEX archive_of ON archive (agent, source, full);"
    "CREATE TABLE chain (host TEXT PRIMARY KEY, sequence INTEGER NOT NULL, name BLOB NOT NULL) WITHOUT ROWID;",
    /* 2: which certificate of a peer counts; what verifications found */
    ("ALTER TABLE peer ADD COLUMN certificate BLOB;"
     "ALTER TABLE full ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;"),
    /* 3: how large an archive was, to notice one that shrank; 0: not known */
    "ALTER TABLE archive ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;",
    /* 4: a source that its agent no longer names, until an operator forgets it */
    "ALTER TABLE source ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;",
    /* 5: what an operator may do: who was one before could do everything; who was revoked, and when */
    ("ALTER TABLE peer ADD COLUMN operator_role TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE peer ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;"
     "UPDATE peer SET operator_role='admin' WHERE role=2;"), /* CERTIFICATE_OPERATOR */
    /* 6: a certificate that was renewed and not used yet: the old one counts until then */
    ("ALTER TABLE peer ADD COLUMN renewed BLOB;"
     "ALTER TABLE peer ADD COLUMN renewed_until INTEGER NOT NULL DEFAULT 0;"),
    /* 7: the audit log's newest signed head */
    "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL,"
    " hash BLOB NOT NULL);",
    /* 8: what an operator will be when it has enrolled anew */
    "ALTER TABLE peer ADD COLUMN invited_role TEXT NOT NULL DEFAULT '';",
    /* 9: when a peer was given a certificate last: not another one at once */
    "ALTER TABLE peer ADD COLUMN given INTEGER NOT NULL DEFAULT 0;",
    /* 10: the certificate before the one that counts: what is open with it may go on */
    "ALTER TABLE peer ADD COLUMN previous BLOB;",
    /* 11: when a source was cut, and by whose clock; the barrier has two states and new names */
    ("ALTER TABLE cycle_source ADD COLUMN cut_from INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE cycle_source ADD COLUMN cut_until INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE cycle_source ADD COLUMN snapshotted INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE cycle_source ADD COLUMN clock_offset INTEGER NOT NULL DEFAULT -9223372036854775808;"
     "ALTER TABLE cycle_source ADD COLUMN clock_uncertainty INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE archive ADD COLUMN cut_from INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE archive ADD COLUMN cut_until INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE archive ADD COLUMN snapshotted INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE archive ADD COLUMN clock_offset INTEGER NOT NULL DEFAULT -9223372036854775808;"
     "ALTER TABLE archive ADD COLUMN clock_uncertainty INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE full ADD COLUMN skew INTEGER NOT NULL DEFAULT -1;"
     "UPDATE cycle SET state='readying' WHERE state='freezing';"),
};
enum { NEWEST = sizeof migrations / sizeof *migrations };

static enum rc
migrate(struct catalogue *c, const char *path, struct error *e)
{
    int64_t version;
    {
        CLEANUP(sql_freep) struct sql *rows = NULL;
        bool more;
        TRY(sql_query(c->db, &rows, e, "PRAGMA user_version", ""));
        TRY(sql_next(rows, &more, e));
        version = sql_int(rows, 0);
    }
    if (version < 0 || version > NEWEST) {
        return error_set(e, RC_UNSUPPORTED,
                         "catalogue '%s' has version %lld and this program knows up to %d: use the "
                         "newer program",
                         path, (long long)version, (int)NEWEST);
    }
    for (; version < NEWEST; version++) {
        CLEANUP(sql_rollback) struct sql_transaction t = {0};
        char lift[48];
        TRY(sql_begin(c->db, &t, e));
        TRY(sql_script(c->db, migrations[version], e));
        (void)snprintf(lift, sizeof lift, "PRAGMA user_version = %lld", (long long)version + 1);
        TRY(sql_script(c->db, lift, e));
        TRY(sql_commit(&t, e));
    }
    return RC_OK;
}

/*
 * What a killed process left in the log may be visible and not durable, or have been lost by a sync that failed: it is
 * copied into the database and synced before anyone acts on it (D4).
 */
static enum rc
settle_log(struct catalogue *c, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e, "PRAGMA wal_checkpoint(TRUNCATE)", ""));
    return sql_next(rows, &more, e);
}

/* SQLite takes no notice when the sync of its files' names fails; a log without a name is no log. */
static enum rc
sync_names(const char *path, struct error *e)
{
    CLEANUP(own_freep) char *directory = strdup(path);
    if (directory == NULL)
        return error_set(e, RC_NO_MEMORY, "path");
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[slash == directory ? 1 : 0] = '\0';
    return file_sync_directory(AT_FDCWD, slash == NULL ? "." : directory, e);
}

enum rc
catalogue_open(const char *path, struct catalogue **out, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "catalogue");
    mode_t before = umask(077); /* SQLite creates its files by the umask */
    int code = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    enum rc rc = code == SQLITE_OK ? RC_OK
                                   : error_set(e, RC_IO, "open catalogue '%s': %s", path,
                                               c->db ? sqlite3_errmsg(c->db) : "out of memory");
    if (rc == RC_OK)
        rc = sql_script(c->db,
                        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                        "PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF",
                        e);
    if (rc == RC_OK)
        rc = settle_log(c, e);
    if (rc == RC_OK)
        rc = migrate(c, path, e);
    if (rc == RC_OK)
        rc = sync_names(path, e);
    (void)umask(before);
    TRY_IN(rc, e, "catalogue '%s'", path);
    *out = TAKE(c);
    return RC_OK;
}

void
catalogue_close(struct catalogue *c)
{
    if (c == NULL)
        return;
    (void)sqlite3_close(c->db);
    free(c);
}
