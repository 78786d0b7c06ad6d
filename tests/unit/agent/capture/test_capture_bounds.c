/* test_capture_bounds.c -- what happens where a capture ends: mounts, depth, attributes, tables. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "agent/capture/names.h"
#include "agent/capture/xattrs.h"
#include "common/sys/file.h"
#include "tests/support/capture_kit.h"
#include "tests/support/check.h"

static bool
is_captured(struct capture_kit *kit, const char *name, struct node_entry *entry)
{
    char path[512];
    struct error e = ERROR_INIT;
    bool found;
    (void)snprintf(path, sizeof path, "fs%s/%s", kit->source, name);
    CHECK_OK(capture_kit_find(kit, path, &found, entry, &e), &e);
    return found;
}

static bool
is_warned_of(const struct capture_kit *kit, const char *what, const char *why)
{
    for (size_t i = 0; i < kit->report.warning_count; i++)
        if (strstr(kit->report.warnings[i], what) != NULL &&
            strstr(kit->report.warnings[i], why) != NULL)
            return true;
    return false;
}

/* --- mounts ---------------------------------------------------------------------------------- */

struct mounted { /* a tmpfs on a directory of the source, until the end of the test */
    char path[128];
};

static void
unmount(struct mounted *m)
{
    assert_int_equal(umount2(m->path, MNT_DETACH), 0);
}

static void
mount_tmpfs(struct capture_kit *kit, const char *name, struct mounted *m)
{
    (void)snprintf(m->path, sizeof m->path, "%s/%s", kit->source, name);
    assert_int_equal(mount("koffer-test", m->path, "tmpfs", MS_NODEV | MS_NOSUID, "size=16m"), 0);
}

static void
another_file_system_is_entered_only_when_that_was_asked_for(void **state)
{
    (void)state;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    struct node_entry entry;
    assert_int_equal(mkdirat(kit->source_fd, "mounted", 0755), 0);
    capture_kit_write_text(kit, "mounted/below", "hidden by the mount");
    CLEANUP(unmount) struct mounted m;
    mount_tmpfs(kit, "mounted", &m);
    capture_kit_write_text(kit, "mounted/inside", "on another file system");
    capture_kit_write_text(kit, "beside", "x");

    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_true(is_captured(kit, "mounted", &entry) && entry.type == NODE_DIRECTORY);
    assert_false(is_captured(kit, "mounted/inside", &entry));
    assert_false(is_captured(kit, "mounted/below", &entry));
    assert_true(is_captured(kit, "beside", &entry));
    assert_true(is_warned_of(kit, "/mounted'", "another file system"));
    assert_int_equal(kit->report.warning_count, 1);
    assert_false(kit->result.incomplete); /* it is what was configured */

    kit->cross = true;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_true(is_captured(kit, "mounted/inside", &entry));
    assert_int_equal(kit->report.warning_count, 0);
}

/* --- depth ----------------------------------------------------------------------------------- */

enum { DEEPEST = 300 };

static void
make_deep(struct capture_kit *kit)
{
    int at = dup(kit->source_fd);
    for (int i = 0; i < DEEPEST; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(at);
        at = next;
    }
    (void)close(at);
}

/* A tree too deep for others, too: cut in two first, so that it can be removed. */
static void
remove_deep(struct capture_kit *kit)
{
    int at = dup(kit->source_fd);
    struct error e = ERROR_INIT;
    for (int i = 0; i < DEEPEST / 2; i++) {
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(at);
        at = next;
    }
    assert_int_equal(renameat(at, "d", kit->source_fd, "rest"), 0);
    (void)close(at);
    CHECK_OK(file_remove_tree(kit->source_fd, "rest", &e), &e);
}

static void
what_lies_too_deep_is_named_and_makes_the_archive_incomplete(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    struct node_entry entry;
    make_deep(kit);
    capture_kit_write_text(kit, "beside", "x");
    enum rc rc = capture_kit_run(kit, &e);
    remove_deep(kit);
    CHECK_OK(rc, &e);
    assert_true(is_warned_of(kit, "/d/d/d", "too deep"));
    assert_int_equal(kit->result.totals.unreadable, 1);
    assert_true(kit->result.incomplete);
    assert_true(is_captured(kit, "beside", &entry));
    assert_true(is_captured(kit, "d/d/d/d/d/d/d/d/d/d", &entry));
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
}

/* --- attributes ------------------------------------------------------------------------------ */

/* Attributes of that many and that size fit a tmpfs, but hardly any other file system. */
static void
set_attributes(struct capture_kit *kit, const char *name, unsigned count, size_t size)
{
    static char value[LIMIT_XATTR_VALUE];
    char attribute[32];
    CLEANUP(own_closep) int fd = openat(kit->source_fd, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    memset(value, 'v', sizeof value);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(attribute, sizeof attribute, "trusted.a%u", i);
        assert_int_equal(fsetxattr(fd, attribute, value, size, 0), 0);
    }
}

static void
more_attributes_than_fit_are_named_and_the_content_is_kept(void **state)
{
    (void)state;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    struct node_entry entry;
    assert_int_equal(mkdirat(kit->source_fd, "t", 0755), 0);
    CLEANUP(unmount) struct mounted m;
    mount_tmpfs(kit, "t", &m);
    capture_kit_write_text(kit, "t/as many as fit", "a");
    capture_kit_write_text(kit, "t/too large", "content");
    capture_kit_write_text(kit, "t/too many", "content");
    set_attributes(kit, "t/as many as fit", XATTRS_BYTES_MAX / LIMIT_XATTR_VALUE,
                   LIMIT_XATTR_VALUE);
    set_attributes(kit, "t/too large", XATTRS_BYTES_MAX / LIMIT_XATTR_VALUE + 1, LIMIT_XATTR_VALUE);
    set_attributes(kit, "t/too many", LIMIT_XATTR_COUNT + 1, 1);
    kit->cross = true;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_true(is_captured(kit, "t/as many as fit", &entry));
    assert_int_equal(entry.xattr_count, XATTRS_BYTES_MAX / LIMIT_XATTR_VALUE);
    assert_int_equal(entry.flags & NODE_UNREADABLE, 0);
    static const char *const over[] = {"t/too large", "t/too many"};
    for (size_t i = 0; i < 2; i++) {
        assert_true(is_captured(kit, over[i], &entry));
        assert_int_equal(entry.flags & NODE_UNREADABLE, NODE_UNREADABLE);
        assert_int_equal(entry.xattr_count, 0);
        assert_int_equal(entry.piece_count, 1);
        assert_true(is_warned_of(kit, over[i], "attributes"));
    }
    assert_int_equal(kit->result.totals.unreadable, 2);
    assert_true(kit->result.incomplete);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void
round_trip(struct capture_kit *kit)
{
    struct error e = ERROR_INIT;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
hard_links_beyond_the_table_are_read_once_per_name(void **state)
{
    (void)state;
    enum { FILES = 40, NAMES = 3, ROOM = 8 };
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    char name[32], other[32];
    kit->limits = (struct capture_limits){.names_bytes = NAMES_BYTES_MAX, .link_pieces = ROOM};
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "first%02d", i);
        capture_kit_write_text(kit, name, name);
        for (int n = 1; n < NAMES; n++) {
            (void)snprintf(other, sizeof other, "later%02d-%d", i, n);
            assert_int_equal(linkat(kit->source_fd, name, kit->source_fd, other, 0), 0);
        }
    }
    round_trip(kit);
    /* The names of one file follow each other: as the table empties, the rest finds room in it. */
    size_t once = strlen("first00");
    assert_in_range(kit->progress.bytes_read, FILES * once + 1, FILES * NAMES * once);
    assert_int_equal(kit->result.totals.files, FILES * NAMES);

    kit->limits.link_pieces = 0;
    assert_int_equal(unlinkat(kit->fd, "memory", 0), 0);
    round_trip(kit);
    assert_int_equal(kit->progress.bytes_read, FILES * NAMES * once);

    kit->limits.link_pieces = FILES * 2;
    assert_int_equal(unlinkat(kit->fd, "memory", 0), 0);
    round_trip(kit);
    assert_int_equal(kit->progress.bytes_read, FILES * once);
}

static void
attributes_of_hard_links_count_in_the_table_too(void **state)
{
    (void)state;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    enum { NAMES = 5, ROOM = 64 };
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    CLEANUP(unmount) struct mounted m;
    struct error e = ERROR_INIT;
    char other[32];
    assert_int_equal(mkdirat(kit->source_fd, "t", 0755), 0);
    mount_tmpfs(kit, "t", &m);
    capture_kit_write_text(kit, "t/first", "content");
    set_attributes(kit, "t/first", 1, LIMIT_XATTR_VALUE);
    for (int n = 1; n < NAMES; n++) {
        (void)snprintf(other, sizeof other, "t/later%d", n);
        assert_int_equal(linkat(kit->source_fd, "t/first", kit->source_fd, other, 0), 0);
    }
    kit->cross = kit->forget = true;
    kit->limits = (struct capture_limits){.names_bytes = NAMES_BYTES_MAX, .link_pieces = ROOM};
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, NAMES * strlen("content"));
    kit->limits.link_pieces = LIMIT_XATTR_VALUE;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, strlen("content"));
}

static void
links_and_other_things_with_several_names_come_back_so(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    int at = kit->source_fd;
    assert_int_equal(mkdirat(at, "d", 0755), 0);
    assert_int_equal(symlinkat("to/somewhere", at, "link"), 0);
    assert_int_equal(linkat(at, "link", at, "d/same link", 0), 0);
    assert_int_equal(mkfifoat(at, "fifo", 0600), 0);
    assert_int_equal(linkat(at, "fifo", at, "d/same fifo", 0), 0);
    round_trip(kit);
    struct stat a, b;
    assert_int_equal(fstatat(kit->fd, "out/link", &a, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstatat(kit->fd, "out/d/same link", &b, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(a.st_mode) && a.st_ino == b.st_ino && a.st_nlink == 2);
}

static void
a_directory_with_more_names_than_fit_is_read_in_runs(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    char name[64];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "%d a name of some length", i * 7919 % 500);
        capture_kit_write_text(kit, name, name);
    }
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    struct id whole = capture_kit_source_id(kit);
    kit->limits =
        (struct capture_limits){.names_bytes = NAMES_BYTES_MIN, .link_pieces = 128 * 1024};
    round_trip(kit);
    assert_int_equal(kit->progress.bytes_read, 0); /* in the memory's order, too */
    struct id in_runs = capture_kit_source_id(kit);
    assert_true(id_equal(&whole, &in_runs));
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* With ever more descriptors: every capture fails, saying why, or is whole. */
static void
too_few_descriptors_fail_a_capture_and_never_shorten_it(void **state)
{
    (void)state;
    enum { DEPTH = 12, MORE_MAX = 64 };
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    char path[128] = ".";
    for (int i = 0; i < DEPTH; i++) {
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/d");
        assert_int_equal(mkdirat(kit->source_fd, path, 0755), 0);
    }
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/file");
    capture_kit_write_text(kit, path, "in the depth");
    kit->options.memory_path = NULL;
    struct error warm = ERROR_INIT; /* whatever libraries open once */
    CHECK_OK(capture_kit_run(kit, &warm), &warm);
    struct id whole = capture_kit_source_id(kit);

    struct rlimit usual;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    CLEANUP(own_closep) int first_free = dup(kit->fd);
    unsigned failures = 0;
    enum rc rc = RC_IO;
    for (int more = 0; rc != RC_OK && more < MORE_MAX; more++) {
        struct error e = ERROR_INIT;
        const struct rlimit few = {.rlim_cur = (rlim_t)(first_free + 1 + more),
                                   .rlim_max = usual.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        rc = capture_kit_run(kit, &e);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        failures += rc != RC_OK;
        if (rc != RC_OK && strstr(e.text, "Too many open files") == NULL)
            fail_msg("%s", e.text);
    }
    CHECK_RC(rc, RC_OK);
    assert_true(failures >= DEPTH);
    struct id now = capture_kit_source_id(kit);
    assert_true(id_equal(&whole, &now)); /* with the names of owners */
    assert_false(kit->result.incomplete);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_file_system_is_entered_only_when_that_was_asked_for),
        cmocka_unit_test(what_lies_too_deep_is_named_and_makes_the_archive_incomplete),
        cmocka_unit_test(more_attributes_than_fit_are_named_and_the_content_is_kept),
        cmocka_unit_test(hard_links_beyond_the_table_are_read_once_per_name),
        cmocka_unit_test(attributes_of_hard_links_count_in_the_table_too),
        cmocka_unit_test(links_and_other_things_with_several_names_come_back_so),
        cmocka_unit_test(a_directory_with_more_names_than_fit_is_read_in_runs),
        cmocka_unit_test(too_few_descriptors_fail_a_capture_and_never_shorten_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
