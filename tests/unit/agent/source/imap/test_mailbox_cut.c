/* test_mailbox_cut.c -- what is copied out of a snapshot for Cyrus's user is the database and nothing that he points to. */
#include "agent/source/imap/mailbox_cut.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

static struct world {
    char directory[VAULT_KIT_PATH_SIZE], staging[128];
    struct arena *arena;
    struct config *config;
    struct source_report report;
    struct source_step step;
    int snapshot;
} w;

/* The snapshot of /var/lib/cyrus is the directory "cut". */
static const char *
place(const struct source_step *step, const char *path)
{
    return arena_printf(step->report->arena, "/proc/self/fd/%d%s", w.snapshot,
                        path + strlen("/var/lib/cyrus"));
}

static void
write_at(int directory, const char *name, const char *text)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_write_new(directory, name, span_of(text, strlen(text)), 0600, &e), &e);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    char cut[128];
    (void)state;
    w = (struct world){.arena = arena_new(1 << 20)};
    vault_kit_directory(w.directory);
    (void)snprintf(w.staging, sizeof w.staging, "%s/staging", w.directory);
    (void)snprintf(cut, sizeof cut, "%s/cut", w.directory);
    assert_int_equal(mkdir(w.staging, 0700), 0);
    assert_int_equal(mkdir(cut, 0700), 0);
    w.snapshot = open(cut, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(config_parse(source_keys, "test", "kind = imap\ncyrus-user = root\n", &w.config, &e),
             &e);
    w.report.arena = w.arena;
    w.step = (struct source_step){.config = config_root(w.config),
                                  .name = "mail",
                                  .staging = w.staging,
                                  .report = &w.report,
                                  .place = place};
    return 0;
}

static int
end(void **state)
{
    (void)state;
    (void)close(w.snapshot);
    config_free(w.config);
    arena_free(w.arena);
    vault_kit_remove(w.directory);
    return 0;
}

static enum rc
prepare(const char *database, struct error *e)
{
    struct imap_conf_option options[] = {
        {.name = "configdirectory", .value = "/var/lib/cyrus"},
        {.name = "virtdomains", .value = "userid"},
        {.name = "mboxlist_db_path", .value = database},
    };
    const struct imap_conf conf = {.options = options, .count = database == NULL ? 2 : 3};
    const char *path;
    return mailbox_cut_prepare(&w.step, &conf, &path, e);
}

static void
the_database_and_a_configuration_that_points_to_it_lie_in_staging(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(4096);
    char path[256];
    (void)state;
    write_at(w.snapshot, "mailboxes.db", "the list");
    CHECK_OK(prepare(NULL, &e), &e);
    (void)snprintf(path, sizeof path, "%s/cut/mailboxes.db", w.staging);
    CHECK_OK(file_read(AT_FDCWD, path, &text, &e), &e);
    assert_int_equal(text.len, strlen("the list"));
    buffer_clear(&text);
    (void)snprintf(path, sizeof path, "%s/cut/imapd.conf", w.staging);
    CHECK_OK(file_read(AT_FDCWD, path, &text, &e), &e);
    CHECK_OK(buffer_append(&text, span_of("", 1), &e), &e);
    assert_non_null(strstr((const char *)text.data, "virtdomains: userid\n"));
    assert_null(strstr((const char *)text.data, "/var/lib/cyrus"));
}

/* Cyrus's user owns the directory; what a link led to would be given to him. */
static void
a_link_in_the_place_of_the_database_is_not_followed(void **state)
{
    struct error e = ERROR_INIT;
    char copy[256];
    struct stat about;
    (void)state;
    assert_int_equal(symlinkat("/etc/passwd", w.snapshot, "mailboxes.db"), 0);
    assert_true(prepare(NULL, &e) != RC_OK);
    (void)snprintf(copy, sizeof copy, "%s/cut/mailboxes.db", w.staging);
    assert_int_not_equal(stat(copy, &about), 0);
}

static void
a_link_on_the_way_to_the_database_is_not_followed(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    assert_int_equal(symlinkat("/etc", w.snapshot, "databases"), 0);
    assert_true(prepare("/var/lib/cyrus/databases/passwd", &e) != RC_OK);
}

static void
a_fifo_in_the_place_of_the_database_is_refused(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    assert_int_equal(mkfifoat(w.snapshot, "mailboxes.db", 0600), 0);
    CHECK_RC(prepare(NULL, &e), RC_DENIED);
}

static void
a_snapshot_without_the_database_says_so(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    assert_true(prepare(NULL, &e) != RC_OK);
    assert_non_null(strstr(e.text, "/var/lib/cyrus/mailboxes.db"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_database_and_a_configuration_that_points_to_it_lie_in_staging),
        TEST(a_link_in_the_place_of_the_database_is_not_followed),
        TEST(a_link_on_the_way_to_the_database_is_not_followed),
        TEST(a_fifo_in_the_place_of_the_database_is_refused),
        TEST(a_snapshot_without_the_database_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
