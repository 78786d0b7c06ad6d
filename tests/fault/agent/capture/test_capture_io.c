/* test_capture_io.c -- a source on a failing disk, and a full disk under the memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/support/capture_kit.h"
#include "tests/support/check.h"
#include "tests/support/fault_io.h"

enum { LONG = 3 * 1024 * 1024, LONG_GOOD = 1024 * 1024 + 100 };

static void
find(struct capture_kit *kit, const char *name, struct node_entry *entry)
{
    char path[160];
    struct error e = ERROR_INIT;
    bool found;
    (void)snprintf(path, sizeof path, "fs%s/%s", kit->source, name);
    CHECK_OK(capture_kit_find(kit, path, &found, entry, &e), &e);
    if (!found)
        fail_msg("'%s' is not in the archive", name);
}

static void
break_reading(struct capture_kit *kit, const char *name, off_t offset)
{
    struct stat st;
    assert_int_equal(fstatat(kit->source_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    /* Touched, so that it is read again however long ago it was made. */
    assert_int_equal(utimensat(kit->source_fd, name, NULL, 0), 0);
    fault_io_break(st.st_ino, offset, EIO);
}

static void
run_broken(struct capture_kit *kit, const char *name, off_t offset)
{
    struct error e = ERROR_INIT;
    break_reading(kit, name, offset);
    enum rc rc = capture_kit_run(kit, &e);
    fault_io_break(0, 0, 0);
    CHECK_OK(rc, &e);
}

/* Named once with the reason, counted once, and everything else is there. */
static void
check_only_that_is_missing(struct capture_kit *kit, const char *name)
{
    struct node_entry entry;
    assert_true(kit->result.incomplete);
    assert_int_equal(kit->result.totals.unreadable, 1);
    assert_int_equal(kit->report.warning_count, 1);
    assert_non_null(strstr(kit->report.warnings[0], name));
    assert_non_null(strstr(kit->report.warnings[0], "Input/output error"));
    find(kit, name, &entry);
    assert_int_equal(entry.flags & NODE_UNREADABLE, NODE_UNREADABLE);
    static const char *const others[] = {"a", "d/inside", "long", "short", "z"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strncmp(others[i], name, strlen(name)) == 0)
            continue;
        find(kit, others[i], &entry);
        assert_int_equal(entry.flags & NODE_UNREADABLE, 0);
        assert_true(entry.size > 0 && entry.piece_count > 0);
    }
}

static struct capture_kit *
kit_with_files(void)
{
    static uint8_t noise[LONG];
    struct capture_kit *kit = capture_kit_new();
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        noise[i] = (uint8_t)(seed >> 56);
    }
    assert_int_equal(mkdirat(kit->source_fd, "d", 0755), 0);
    capture_kit_write_text(kit, "a", "first");
    capture_kit_write_text(kit, "d/inside", "inside");
    capture_kit_write(kit, "long", span_of(noise, LONG));
    capture_kit_write_text(kit, "short", "0123456789");
    capture_kit_write_text(kit, "z", "last");
    return kit;
}

static void
a_file_with_a_bad_place_keeps_what_lies_before_it(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = kit_with_files();
    struct error e = ERROR_INIT;
    struct node_entry entry;
    run_broken(kit, "long", LONG_GOOD);
    check_only_that_is_missing(kit, "long");
    find(kit, "long", &entry);
    CLEANUP(tree_reader_freep) struct tree_reader *r = NULL;
    CHECK_OK(tree_reader_new(memstore_source(kit->store.blobs), &r, &e), &e);
    uint8_t was[4096], is[4096];
    size_t got;
    CLEANUP(own_closep) int fd = openat(kit->source_fd, "long", O_RDONLY | O_CLOEXEC);
    const off_t at = LONG_GOOD - (off_t)sizeof was;
    CHECK_OK(tree_read(r, &entry, (uint64_t)at, is, sizeof is, &got, &e), &e);
    assert_int_equal(pread(fd, was, sizeof was, at), sizeof was);
    assert_memory_equal(is, was, sizeof is);

    run_broken(kit, "short", 4);
    check_only_that_is_missing(kit, "short");
    run_broken(kit, "short", 0);
    check_only_that_is_missing(kit, "short");
}

static void
what_could_not_be_read_is_tried_again_next_time(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = kit_with_files();
    struct error e = ERROR_INIT;
    capture_kit_settle(kit);
    run_broken(kit, "short", 4);
    run_broken(kit, "short", 4); /* it is not remembered as if it had been read */
    check_only_that_is_missing(kit, "short");
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_false(kit->result.incomplete);
    assert_int_equal(kit->progress.bytes_read, 10);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
every_name_of_an_unreadable_file_is_flagged(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = kit_with_files();
    struct node_entry entry;
    assert_int_equal(linkat(kit->source_fd, "short", kit->source_fd, "short too", 0), 0);
    run_broken(kit, "short", 0);
    assert_int_equal(kit->result.totals.unreadable, 2);
    find(kit, "short too", &entry);
    assert_int_equal(entry.flags & NODE_UNREADABLE, NODE_UNREADABLE);
    assert_true(kit->result.incomplete);
}

static void
a_directory_that_cannot_be_listed_is_flagged(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = kit_with_files();
    run_broken(kit, "d", 0);
    check_only_that_is_missing(kit, "d");
}

/* --- the memory ------------------------------------------------------------------------------ */

/* The n-th change to the disk fails, and with it all later ones.  The store is none: only the
 * memory is on this disk. */
static void
a_full_disk_under_the_memory_costs_a_warning(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = kit_with_files();
    char name[32];
    for (int i = 0; i < 4000; i++) { /* more than one buffer of the memory */
        (void)snprintf(name, sizeof name, "d/%d", i);
        capture_kit_write_text(kit, name, name);
    }
    capture_kit_settle(kit);
    kit->forget = true;
    unsigned faults = 0;
    for (unsigned n = 1;; n++) {
        struct error e = ERROR_INIT;
        fault_io_arm(n, ENOSPC, true);
        enum rc rc = capture_kit_run(kit, &e);
        fault_io_disarm();
        CHECK_OK(rc, &e);
        assert_false(kit->result.incomplete);
        assert_int_equal(kit->result.totals.files, 4005);
        if (!fault_io_fired())
            break;
        /* The removal of what was written before is the last change; nobody misses it. */
        if (kit->report.warning_count > 0) {
            faults++;
            assert_int_equal(kit->report.warning_count, 1);
            assert_non_null(strstr(kit->report.warnings[0], "No space left on device"));
            assert_non_null(strstr(kit->report.warnings[0], "reads every file again"));
        }
    }
    assert_true(faults >= 3);
    struct error e = ERROR_INIT;
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
a_memory_that_cannot_be_published_leaves_the_old_one_or_the_new(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = kit_with_files();
    struct error e = ERROR_INIT;
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    unsigned failures = 0;
    for (unsigned n = 1;; n++) {
        fault_io_arm(n, EIO, false);
        enum rc rc = capture_kit_run(kit, &e);
        fault_io_disarm();
        failures += rc != RC_OK;
        if (!fault_io_fired())
            break;
        kit->forget = true;
        CHECK_OK(capture_kit_run(kit, &e), &e);
        kit->forget = false;
        assert_int_equal(kit->progress.bytes_read, 0);
        assert_int_equal(kit->report.warning_count, 0);
    }
    assert_true(failures >= 2); /* the sync and the rename, at least */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_with_a_bad_place_keeps_what_lies_before_it),
        cmocka_unit_test(what_could_not_be_read_is_tried_again_next_time),
        cmocka_unit_test(every_name_of_an_unreadable_file_is_flagged),
        cmocka_unit_test(a_directory_that_cannot_be_listed_is_flagged),
        cmocka_unit_test(a_full_disk_under_the_memory_costs_a_warning),
        cmocka_unit_test(a_memory_that_cannot_be_published_leaves_the_old_one_or_the_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
