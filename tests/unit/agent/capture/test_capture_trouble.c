/* test_capture_trouble.c -- files that vanish, change, or may not be read. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/capture_kit.h"
#include "tests/support/check.h"

static bool
meddle(void *ctx, const char *path, const char *name, mode_t mode)
{
    struct capture_kit *kit = ctx;
    (void)path;
    (void)mode;
    if (strcmp(name, "vanishes") == 0 || strcmp(name, "becomes a fifo") == 0)
        assert_int_equal(unlinkat(kit->source_fd, name, 0), 0);
    if (strcmp(name, "becomes a fifo") == 0)
        assert_int_equal(mkfifoat(kit->source_fd, name, 0600), 0);
    if (strcmp(name, "directory vanishes") == 0)
        assert_int_equal(unlinkat(kit->source_fd, name, AT_REMOVEDIR), 0);
    if (strcmp(name, "grows") == 0) {
        CLEANUP(own_closep) int fd = openat(kit->source_fd, name, O_WRONLY | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, 1 << 20), 0);
        assert_int_equal(pwrite(fd, "end", 3, (1 << 20) - 3), 3);
    }
    return false;
}

static void
what_changes_after_it_was_listed_is_taken_as_it_is_then(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    capture_kit_write_text(kit, "vanishes", "v");
    capture_kit_write_text(kit, "becomes a fifo", "f");
    capture_kit_write_text(kit, "grows", "g");
    capture_kit_write_text(kit, "stays", "s");
    assert_int_equal(mkdirat(kit->source_fd, "directory vanishes", 0700), 0);
    kit->exclude = meddle;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->result.totals.vanished, 3);
    assert_int_equal(kit->result.totals.files, 2);
    assert_int_equal(kit->result.totals.fuzzy, 0);
    assert_false(kit->result.incomplete);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    struct stat st;
    assert_int_equal(fstatat(kit->fd, "out/grows", &st, 0), 0);
    assert_int_equal(st.st_size, 1 << 20);
}

static enum rc
deliver_then_lose(struct capture_kit *kit, struct source_collector *c, struct error *e)
{
    static const char *const paths[] = {"lost file", "lost directory/inner", "kept"};
    char path[128];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", kit->source, paths[i]);
        TRY(c->path(c, path, false, NULL, NULL, e));
    }
    if (kit->cross) /* the directory that they lie in, too */
        TRY(c->path(c, kit->source, false, NULL, NULL, e));
    assert_int_equal(unlinkat(kit->source_fd, "lost file", 0), 0);
    assert_int_equal(unlinkat(kit->source_fd, "lost directory/inner", 0), 0);
    assert_int_equal(unlinkat(kit->source_fd, "lost directory", AT_REMOVEDIR), 0);
    return RC_OK;
}

/* Not like a file somewhere below: the operator asked for these by name. */
static void
a_path_that_was_asked_for_and_is_gone_makes_the_archive_incomplete(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    kit->deliver = deliver_then_lose;
    for (int whole = 0; whole < 2; whole++) {
        kit->cross = whole != 0;
        capture_kit_write_text(kit, "lost file", "l");
        assert_int_equal(mkdirat(kit->source_fd, "lost directory", 0700), 0);
        capture_kit_write_text(kit, "lost directory/inner", "l");
        capture_kit_write_text(kit, "kept", "k");
        CHECK_OK(capture_kit_run(kit, &e), &e);
        assert_true(kit->result.incomplete);
        assert_int_equal(kit->result.totals.files, 1);
        assert_int_equal(kit->result.totals.unreadable, 2);
        assert_int_equal(kit->report.warning_count, 2);
        assert_non_null(strstr(kit->report.warnings[0], "/lost directory'"));
        assert_non_null(strstr(kit->report.warnings[1], "/lost file'"));
    }
}

/* Files of sysfs claim 4096 bytes and have fewer: to us they shrink during every reading. */
#define NEVER_AS_LONG_AS_IT_SAYS "/sys/devices/system/cpu/possible"

static enum rc
deliver_restless(struct capture_kit *kit, struct source_collector *c, struct error *e)
{
    (void)kit;
    return c->path(c, NEVER_AS_LONG_AS_IT_SAYS, false, NULL, NULL, e);
}

static void
a_restless_file_is_read_again_then_flagged_fuzzy(void **state)
{
    (void)state;
    struct stat st;
    if (stat(NEVER_AS_LONG_AS_IT_SAYS, &st) != 0 || st.st_size < 1024)
        fail_msg("%s is not as it should be", NEVER_AS_LONG_AS_IT_SAYS);
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    kit->deliver = deliver_restless;
    for (int run = 0; run < 2; run++) { /* a fuzzy file is never remembered */
        CHECK_OK(capture_kit_run(kit, &e), &e);
        struct node_entry entry;
        bool found;
        CHECK_OK(capture_kit_find(kit, "fs" NEVER_AS_LONG_AS_IT_SAYS, &found, &entry, &e), &e);
        assert_true(found && (entry.flags & NODE_FUZZY) != 0);
        assert_true(entry.size > 0 && entry.size < 1024);
        assert_int_equal(kit->progress.bytes_read, (1 + CAPTURE_REREADS) * entry.size);
        assert_int_equal(kit->result.totals.fuzzy, 1);
        assert_false(kit->result.incomplete);
    }
}

enum { NOBODY = 65534 };

/* In a child that is not root; what is wrong is said by the exit code. */
static int
capture_as_nobody(struct capture_kit *kit)
{
    struct error e = ERROR_INIT;
    struct node_entry entry;
    bool found;
    char path[128];
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 10;
    kit->options.memory_path = NULL;
    if (capture_kit_run(kit, &e) != RC_OK)
        return 11;
    if (!kit->result.incomplete || kit->result.totals.unreadable != 3)
        return 12;
    if (kit->report.warning_count != 3 || strstr(kit->report.warnings[0], "/closed'") == NULL)
        return 13;
    (void)snprintf(path, sizeof path, "fs%s/secret", kit->source);
    if (capture_kit_find(kit, path, &found, &entry, &e) != RC_OK || !found)
        return 14;
    if ((entry.flags & NODE_UNREADABLE) == 0 || entry.size != 6 || entry.piece_count != 0)
        return 15;
    (void)snprintf(path, sizeof path, "fs%s/open", kit->source);
    if (capture_kit_find(kit, path, &found, &entry, &e) != RC_OK || !found || entry.flags != 0)
        return 16;
    return 0;
}

static void
what_may_not_be_read_is_named_and_makes_the_archive_incomplete(void **state)
{
    (void)state;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    assert_int_equal(fchmod(kit->fd, 0755), 0);
    assert_int_equal(mkdirat(kit->source_fd, "closed", 0700), 0);
    capture_kit_write_text(kit, "closed/inside", "x");
    assert_int_equal(mkdirat(kit->source_fd, "listed", 0744), 0);
    capture_kit_write_text(kit, "listed/only", "x");
    capture_kit_write_text(kit, "open", "x");
    capture_kit_write_text(kit, "secret", "secret");
    assert_int_equal(fchmodat(kit->source_fd, "secret", 0600, 0), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(capture_as_nobody(kit));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_capture_that_failed_is_never_remembered(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    CLEANUP(capture_freep) struct capture *c = NULL;
    capture_kit_write_text(kit, "file", "x");
    kit->report.arena = kit->arena;
    CHECK_OK(capture_begin(&kit->options, &c, &e), &e);
    CHECK_RC(capture_remember(c, &e), RC_INVALID);
    CHECK_OK(capture_collector(c)->path(capture_collector(c), kit->source, false, NULL, NULL, &e),
             &e);
    kit->store.calls = 0;
    kit->store.fail_at = 1;
    CHECK_RC(capture_finish(c, &kit->result, &e), RC_IO);
    CHECK_RC(capture_remember(c, &e), RC_INVALID);
    assert_int_equal(faccessat(kit->fd, "memory", F_OK, 0), -1);
}

static void
a_memory_that_cannot_be_written_costs_a_warning(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    capture_kit_write_text(kit, "file", "x");
    kit->options.memory_path = "/proc/no such directory/memory";
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->report.warning_count, 1);
    assert_false(kit->result.incomplete);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_after_it_was_listed_is_taken_as_it_is_then),
        cmocka_unit_test(a_path_that_was_asked_for_and_is_gone_makes_the_archive_incomplete),
        cmocka_unit_test(a_restless_file_is_read_again_then_flagged_fuzzy),
        cmocka_unit_test(what_may_not_be_read_is_named_and_makes_the_archive_incomplete),
        cmocka_unit_test(a_capture_that_failed_is_never_remembered),
        cmocka_unit_test(a_memory_that_cannot_be_written_costs_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
