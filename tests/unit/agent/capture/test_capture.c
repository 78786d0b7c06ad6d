/* test_capture.c -- what is captured comes back, and what did not change is not read again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "common/sys/file.h"
#include "tests/support/capture_kit.h"
#include "tests/support/check.h"

static void
fill(struct buffer *b, size_t len, uint64_t seed)
{
    struct error e = ERROR_INIT;
    buffer_clear(b);
    CHECK_OK(buffer_reserve(b, len, &e), &e);
    for (size_t i = 0; i < len; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        b->data[i] = (uint8_t)(seed >> 56);
    }
    b->len = len;
}

static void
write_noise(struct capture_kit *kit, const char *name, size_t len, uint64_t seed)
{
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(64 * 1024 * 1024);
    fill(&b, len, seed);
    capture_kit_write(kit, name, buffer_span(&b));
}

static void
round_trip(struct capture_kit *kit)
{
    struct error e = ERROR_INIT;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
make_mail(struct capture_kit *kit, int folders, int messages)
{
    char name[64];
    for (int f = 0; f < folders; f++) {
        (void)snprintf(name, sizeof name, "folder%d", f);
        assert_int_equal(mkdirat(kit->source_fd, name, 0700), 0);
        for (int m = 1; m <= messages; m++) {
            (void)snprintf(name, sizeof name, "folder%d/%d.", f, m);
            write_noise(kit, name, (size_t)(500 + m * 37 % 4000), (uint64_t)(f * 1000 + m));
        }
    }
}

static void
a_tree_of_everything_comes_back_equal(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    int at = kit->source_fd;
    make_mail(kit, 3, 20);
    assert_int_equal(mkdirat(at, "empty", 01777), 0);
    assert_int_equal(mkdirat(at, "deep", 0755), 0);
    assert_int_equal(mkdirat(at, "deep/er", 0500), 0);
    capture_kit_write_text(kit, "none", "");
    capture_kit_write_text(kit, "\xff\xfe not utf-8", "x");
    capture_kit_write_text(kit, "line\nfeed", "y");
    capture_kit_write_text(kit, "setuid", "z");
    assert_int_equal(fchmodat(at, "setuid", 04755, 0), 0);
    write_noise(kit, "deep/er/short", 255 * 1024, 1);
    write_noise(kit, "deep/long", 3 * 1024 * 1024 + 17, 2);
    assert_int_equal(symlinkat("../nowhere", at, "link"), 0);
    assert_int_equal(linkat(at, "deep/long", at, "empty/long again", 0), 0);
    assert_int_equal(linkat(at, "deep/er/short", at, "again", 0), 0);
    assert_int_equal(mkfifoat(at, "fifo", 0640), 0);
    assert_int_equal(mknodat(at, "device", S_IFCHR | 0600, makedev(1, 3)), 0);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/none", kit->source);
    if (lsetxattr(path, "user.colour", "blue", 4, 0) == 0)
        assert_int_equal(lsetxattr(path, "user.air", "", 0, 0), 0);
    const struct timespec times[2] = {{.tv_sec = -5, .tv_nsec = 123456789},
                                      {.tv_sec = -5, .tv_nsec = 123456789}};
    assert_int_equal(utimensat(at, "setuid", times, 0), 0);

    round_trip(kit);
    assert_int_equal(kit->result.totals.files, 60 + 8);
    assert_int_equal(kit->result.totals.unreadable, 0);
    assert_false(kit->result.incomplete);
}

static void
a_sparse_file_of_5_gib_costs_what_is_in_it(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    const off_t size = INT64_C(5) << 30;
    CLEANUP(own_closep) int fd = openat(kit->source_fd, "disk", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(pwrite(fd, "middle", 6, size / 2), 6);
    assert_int_equal(pwrite(fd, "end", 3, size - 3), 3);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->result.totals.bytes, size);
    assert_true(kit->progress.bytes_read < 1024 * 1024);

    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    CLEANUP(own_closep) int out = openat(kit->fd, "out/disk", O_RDONLY | O_CLOEXEC);
    struct stat st;
    char text[6];
    assert_int_equal(fstat(out, &st), 0);
    assert_int_equal(st.st_size, size);
    assert_true(st.st_blocks * 512 < 16 * 1024 * 1024);
    assert_int_equal(pread(out, text, 6, size / 2), 6);
    assert_memory_equal(text, "middle", 6);
    assert_int_equal(pread(out, text, 3, size - 3), 3);
    assert_memory_equal(text, "end", 3);
}

static void
an_unchanged_tree_is_neither_read_nor_sent_again(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 5, 40);
    write_noise(kit, "long", 2 * 1024 * 1024, 9);
    assert_int_equal(linkat(kit->source_fd, "long", kit->source_fd, "linked", 0), 0);
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    struct capture_result first = kit->result;
    size_t sent = kit->store.put_bytes;
    assert_true(sent > 2 * 1024 * 1024);

    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, 0);
    assert_int_equal(kit->progress.files_before, first.totals.files);
    assert_int_equal(kit->progress.bytes_before, first.totals.bytes);
    assert_true(kit->store.put_bytes < sent / 100);
    assert_int_equal(kit->result.totals.bytes, first.totals.bytes);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
a_lost_memory_costs_time_only(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 4, 300);
    write_noise(kit, "long", 2 * 1024 * 1024, 9);
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    struct id first = capture_kit_source_id(kit);
    uint64_t read = kit->progress.bytes_read;
    size_t sent = kit->store.put_bytes;

    assert_int_equal(unlinkat(kit->fd, "memory", 0), 0);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    struct id again = capture_kit_source_id(kit);
    assert_true(id_equal(&first, &again));
    assert_int_equal(kit->progress.bytes_read, read);
    assert_true(kit->store.put_bytes < sent / 100);
    assert_int_equal(kit->report.warning_count, 0);
}

static void
a_memory_of_another_epoch_is_not_used(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 1, 10);
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    uint64_t read = kit->progress.bytes_read;
    kit->options.epoch = 2;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, read);
    assert_int_equal(kit->report.warning_count, 0);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, 0);
}

static void
a_memory_of_an_older_version_is_not_used(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 1, 10);
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    uint64_t read = kit->progress.bytes_read;
    CLEANUP(own_closep) int fd = open(kit->memory, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "KFM1\1\0\0\0", 8, 0), 8);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, read);
    assert_int_equal(kit->report.warning_count, 0);
}

static void
a_damaged_memory_is_said_and_not_used(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 1, 10);
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    uint64_t read = kit->progress.bytes_read;
    struct stat st;
    assert_int_equal(stat(kit->memory, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    CLEANUP(own_closep) int fd = open(kit->memory, O_RDWR | O_CLOEXEC);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, read);
    assert_int_equal(kit->report.warning_count, 1);

    assert_int_equal(truncate(kit->memory, st.st_size / 3), 0);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, read);
    assert_int_equal(kit->report.warning_count, 1);
}

static void
what_was_not_committed_is_not_remembered(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 1, 10);
    capture_kit_settle(kit);
    kit->forget = true;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    bool exists;
    CHECK_OK(file_exists(kit->fd, "memory", &exists, &e), &e);
    assert_false(exists);
    CHECK_OK(file_exists(kit->fd, "memory.new", &exists, &e), &e);
    assert_false(exists);
}

static void
every_kind_of_change_is_seen(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 4, 30);
    capture_kit_write_text(kit, "sly", "before");
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e);

    struct stat st;
    assert_int_equal(fstatat(kit->source_fd, "sly", &st, 0), 0);
    capture_kit_write_text(kit, "sly", "after!");
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(kit->source_fd, "sly", times, 0), 0);
    capture_kit_write_text(kit, "folder1/5.", "changed");
    capture_kit_write_text(kit, "folder1/50.", "added");
    assert_int_equal(unlinkat(kit->source_fd, "folder1/7.", 0), 0);
    assert_int_equal(unlinkat(kit->source_fd, "folder2/1.", 0), 0);
    assert_int_equal(mkdirat(kit->source_fd, "folder2/1.", 0700), 0);
    capture_kit_write_text(kit, "folder2/1./inner", "was a file");
    assert_int_equal(renameat(kit->source_fd, "folder3", kit->source_fd, "folder0a"), 0);
    assert_int_equal(fchmodat(kit->source_fd, "folder0/3.", 0600, 0), 0);
    round_trip(kit);
    capture_kit_settle(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e); /* once more: some were changed just now */
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->progress.bytes_read, 0);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
a_file_touched_but_equal_is_not_sent_again(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    make_mail(kit, 1, 50);
    CHECK_OK(capture_kit_run(kit, &e), &e);
    size_t sent = kit->store.put_bytes;
    char name[32];
    for (int m = 1; m <= 50; m++) {
        (void)snprintf(name, sizeof name, "folder0/%d.", m);
        assert_int_equal(fchmodat(kit->source_fd, name, 0600, 0), 0);
    }
    round_trip(kit);
    assert_true(kit->progress.bytes_read > 0);
    assert_true(kit->store.put_bytes < sent / 5); /* the new nodes */
}

static enum rc
read_text(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    (void)e;
    struct span *left = ctx;
    *got = left->len < size ? left->len : size;
    if (*got == 0)
        return RC_OK;
    memcpy(out, left->data, *got);
    left->data += *got;
    left->len -= *got;
    return RC_OK;
}

static enum rc
read_broken(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    unsigned *calls = ctx;
    if (++*calls > 2)
        return error_set(e, RC_IO, "the tool died");
    memset(out, 'x', size);
    *got = size;
    return RC_OK;
}

static enum rc
deliver_made(struct capture_kit *kit, struct source_collector *c, struct error *e)
{
    static uint8_t dump[700 * 1024];
    for (size_t i = 0; i < sizeof dump; i++)
        dump[i] = (uint8_t)(i * i >> 7);
    uint64_t size;
    unsigned calls = 0;
    struct span text = span_of("facts", 5), whole = span_of(dump, sizeof dump), nothing = {0};
    TRY(c->made(c, "sql/b.sql", read_text, &whole, &size, e));
    assert_int_equal(size, sizeof dump);
    TRY(c->made(c, "sql-note", read_text, &nothing, &size, e));
    struct error broken = ERROR_INIT;
    CHECK_RC(c->made(c, "sql/a.sql", read_broken, &calls, &size, &broken), RC_IO);
    assert_non_null(strstr(broken.text, "the tool died"));
    CHECK_RC(c->made(c, "sql/b.sql", read_text, &whole, &size, &broken), RC_EXISTS);
    CHECK_RC(c->made(c, "sql/b.sql/c", read_text, &whole, &size, &broken), RC_EXISTS);
    CHECK_RC(c->made(c, "../up", read_text, &whole, &size, &broken), RC_INVALID);
    CHECK_RC(c->made(c, "/abs", read_text, &whole, &size, &broken), RC_INVALID);
    TRY(c->made(c, "facts.json", read_text, &text, &size, e));
    return c->path(c, kit->source, false, NULL, NULL, e);
}

static void
made_streams_lie_in_export(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    capture_kit_write_text(kit, "file", "x");
    kit->deliver = deliver_made;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->result.totals.files, 4);
    struct node_entry entry;
    bool found;
    CHECK_OK(capture_kit_find(kit, "export/sql/b.sql", &found, &entry, &e), &e);
    assert_true(found && entry.size == 700 * 1024 && (entry.flags & NODE_MADE) != 0);
    CHECK_OK(capture_kit_find(kit, "export/facts.json", &found, &entry, &e), &e);
    assert_true(found && entry.size == 5);
    CHECK_OK(capture_kit_find(kit, "export/sql-note", &found, &entry, &e), &e);
    assert_true(found && entry.size == 0);
    CHECK_OK(capture_kit_find(kit, "export/sql/a.sql", &found, &entry, &e), &e);
    assert_false(found);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static bool
exclude_some(void *ctx, const char *path, const char *name, mode_t mode)
{
    const struct capture_kit *kit = ctx;
    assert_int_equal(strncmp(path, kit->source, strlen(kit->source)), 0);
    assert_string_equal(strrchr(path, '/') + 1, name);
    return strcmp(name, "proc") == 0 || (S_ISREG(mode) && strcmp(name, "lock") == 0);
}

static enum rc
deliver_overlapping(struct capture_kit *kit, struct source_collector *c, struct error *e)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/proc/wanted", kit->source);
    TRY(c->path(c, path, false, NULL, NULL, e));
    (void)snprintf(path, sizeof path, "%s/by-link/z", kit->source);
    TRY(c->path(c, path, false, NULL, NULL, e));
    TRY(c->path(c, kit->source, false, exclude_some, kit, e));
    struct error missing = ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/not there/x", kit->source);
    CHECK_RC(c->path(c, path, false, NULL, NULL, &missing), RC_NOT_FOUND);
    CHECK_RC(c->path(c, "relative", false, NULL, NULL, &missing), RC_INVALID);
    return RC_OK;
}

static void
overlapping_paths_are_read_once_and_none_is_lost(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    int at = kit->source_fd;
    assert_int_equal(mkdirat(at, "proc", 0755), 0);
    assert_int_equal(mkdirat(at, "proc/wanted", 0755), 0);
    assert_int_equal(mkdirat(at, "real", 0755), 0);
    assert_int_equal(symlinkat("./real/../real", at, "by-link"), 0);
    capture_kit_write_text(kit, "proc/not wanted", "n");
    capture_kit_write_text(kit, "proc/wanted/lock", "w");
    capture_kit_write_text(kit, "real/z", "z");
    capture_kit_write_text(kit, "real/lock", "l");
    kit->deliver = deliver_overlapping;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    static const struct {
        const char *name;
        bool there;
    } want[] = {{"proc/wanted/lock", true}, {"proc/not wanted", false}, {"real/z", true},
                {"real/lock", false},       {"by-link", true},          {"proc", true}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char path[160];
        struct node_entry entry;
        bool found;
        (void)snprintf(path, sizeof path, "fs%s/%s", kit->source, want[i].name);
        CHECK_OK(capture_kit_find(kit, path, &found, &entry, &e), &e);
        if (found != want[i].there)
            fail_msg("%s: %s", path, found ? "there" : "missing");
    }
    assert_int_equal(kit->progress.bytes_read, 2);
}

static void
an_archive_of_nothing_is_an_empty_directory(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    CLEANUP(capture_freep) struct capture *c = NULL;
    kit->report.arena = kit->arena;
    CHECK_OK(capture_begin(&kit->options, &c, &e), &e);
    CHECK_OK(capture_finish(c, &kit->result, &e), &e);
    struct node_entry entry;
    bool found;
    CHECK_OK(capture_kit_find(kit, "fs", &found, &entry, &e), &e);
    assert_false(found);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_of_everything_comes_back_equal),
        cmocka_unit_test(a_sparse_file_of_5_gib_costs_what_is_in_it),
        cmocka_unit_test(an_unchanged_tree_is_neither_read_nor_sent_again),
        cmocka_unit_test(a_lost_memory_costs_time_only),
        cmocka_unit_test(a_memory_of_another_epoch_is_not_used),
        cmocka_unit_test(a_memory_of_an_older_version_is_not_used),
        cmocka_unit_test(a_damaged_memory_is_said_and_not_used),
        cmocka_unit_test(what_was_not_committed_is_not_remembered),
        cmocka_unit_test(every_kind_of_change_is_seen),
        cmocka_unit_test(a_file_touched_but_equal_is_not_sent_again),
        cmocka_unit_test(made_streams_lie_in_export),
        cmocka_unit_test(overlapping_paths_are_read_once_and_none_is_lost),
        cmocka_unit_test(an_archive_of_nothing_is_an_empty_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
