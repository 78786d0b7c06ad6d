/* test_catalogue.c -- opening: what is made, lifted, refused. */
#include "controller/catalogue/catalogue.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/catalogue/catalogue_internal.h"
#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"

/* What version 1 of the program made; never to be changed. */
static const char version_1[] =
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
    "CREATE TABLE chain (host TEXT PRIMARY KEY, sequence INTEGER NOT NULL, name BLOB NOT NULL) WITHOUT ROWID;"
    "INSERT INTO peer (role, name, enrolled, added) VALUES (1, 'imap1', 1, 5);"
    "INSERT INTO peer (role, name, enrolled, added) VALUES (2, 'ada', 1, 5);"
    "INSERT INTO full VALUES (7, 1, 10, 20, 30, 1, 2, 3, zeroblob(32));"
    "PRAGMA user_version = 1";

static void
must_run(struct catalogue_kit *k, const char *script)
{
    struct error e = ERROR_INIT;
    CHECK_OK(sql_script(k->catalogue->db, script, &e), &e);
}

static void
only_the_owner_may_look(void **state)
{
    const struct catalogue_kit *k = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[128];
        struct stat about;
        (void)snprintf(path, sizeof path, "%s%s", k->path, suffixes[i]);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }
}

static enum rc
take_peer(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    assert_true(p->enrolled);
    assert_true(id_is_zero(&p->certificate));
    *(int64_t *)ctx = p->added.ns;
    return RC_OK;
}

/* There were no roles then: every operator could do everything. */
static enum rc
check_is_admin(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)ctx, (void)e;
    assert_string_equal(p->operator_role, "admin");
    return RC_OK;
}

static enum rc
check_barrier(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    (void)ctx, (void)e;
    assert_string_equal(cy->state, "readying"); /* as it is called now */
    return RC_OK;
}

static enum rc
take_cut(void *ctx, const struct catalogue_cycle_source *s, struct error *e)
{
    (void)e;
    *(struct catalogue_cut *)ctx = s->cut;
    return RC_OK;
}

static enum rc
check_skew(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)ctx, (void)e;
    assert_int_equal(f->skew_ns, -1);
    return RC_OK;
}

static void
check_what_cuts_were_before_they_were_kept(struct catalogue_kit *k)
{
    struct error e = ERROR_INIT;
    struct catalogue_cut cuts[2] = {0};
    CHECK_OK(catalogue_cycle_find(k->catalogue, 3, check_barrier, NULL, &e), &e);
    CHECK_OK(catalogue_full_find(k->catalogue, 7, check_skew, NULL, &e), &e);
    CHECK_OK(catalogue_cycle_sources(k->catalogue, 3, take_cut, &cuts[0], &e), &e);
    CHECK_OK(catalogue_archive_cut(k->catalogue, 7, "imap1", "mail", &cuts[1], &e), &e);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cuts[i].until.ns, 0);
        assert_true(cuts[i].clock.offset_ns == RECORD_CLOCK_UNKNOWN);
    }
}

static void
version_1_is_lifted_and_loses_nothing(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    int64_t added = 0;
    uint64_t newest;
    must_run(k, "DROP TABLE peer; DROP TABLE source; DROP TABLE cycle; DROP TABLE transition;"
                "DROP TABLE cycle_source; DROP TABLE note; DROP TABLE full; DROP TABLE archive;"
                "DROP TABLE chain; DROP TABLE audit_head");
    must_run(k, version_1);
    must_run(
        k,
        "INSERT INTO cycle (number, state, started, started_by) VALUES (3, 'freezing', 5, 'root');"
        "INSERT INTO cycle_source (cycle, agent, source, kind, required, state) "
        "VALUES (3, 'imap1', 'mail', 'imap', 1, 'checked');"
        "INSERT INTO archive VALUES (7, 'imap1', 'mail', 1)");

    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_peer_find(k->catalogue, CERTIFICATE_AGENT, "imap1", take_peer, &added, &e),
             &e);
    assert_int_equal(added, 5);
    CHECK_OK(
        catalogue_peer_find(k->catalogue, CERTIFICATE_OPERATOR, "ada", check_is_admin, NULL, &e),
        &e);
    CHECK_OK(catalogue_full_newest(k->catalogue, &newest, &e), &e);
    assert_int_equal(newest, 7);
    check_what_cuts_were_before_they_were_kept(k);
    catalogue_kit_reopen(k); /* and once is enough */
}

static void
newer_version_is_refused_and_untouched(void **state)
{
    struct catalogue_kit *k = *state;
    struct catalogue *again = NULL;
    struct error e = ERROR_INIT;
    must_run(k, "PRAGMA user_version = 99");
    CHECK_RC(catalogue_open(k->path, &again, &e), RC_UNSUPPORTED);
    assert_null(again);
    assert_non_null(strstr(e.text, "99"));
    assert_non_null(strstr(e.text, "newer program"));
}

static void
foreign_file_is_corrupt_not_overwritten(void **state)
{
    struct catalogue_kit *k = *state;
    struct catalogue *again = NULL;
    struct error e = ERROR_INIT;
    char path[128];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/other", k->directory);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("this is not a catalogue\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    CHECK_RC(catalogue_open(path, &again, &e), RC_CORRUPT);
    assert_null(again);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, 24000);
}

static void
missing_directory_is_named(void **state)
{
    struct catalogue *again = NULL;
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_RC(catalogue_open("/nonexistent/x.db", &again, &e), RC_IO);
    assert_non_null(strstr(e.text, "/nonexistent/x.db"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_the_owner_may_look, catalogue_kit_begin,
                                        catalogue_kit_end),
        cmocka_unit_test_setup_teardown(version_1_is_lifted_and_loses_nothing, catalogue_kit_begin,
                                        catalogue_kit_end),
        cmocka_unit_test_setup_teardown(newer_version_is_refused_and_untouched, catalogue_kit_begin,
                                        catalogue_kit_end),
        cmocka_unit_test_setup_teardown(foreign_file_is_corrupt_not_overwritten,
                                        catalogue_kit_begin, catalogue_kit_end),
        cmocka_unit_test(missing_directory_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
