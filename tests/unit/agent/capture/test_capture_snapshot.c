/* test_capture_snapshot.c -- a walk over live names that goes on in a snapshot.  Any directory will do as one. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/capture_kit.h"
#include "tests/support/check.h"

enum { LIVE_DEVICE = 4711 };

struct world {
    struct capture_kit *kit;
    char snapshot[128], outside[128];
    struct snapshot_view at[2];
    struct snapshot_views views;
};

static dev_t
device_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_dev;
}

static void
begin(struct world *w)
{
    *w = (struct world){.kit = capture_kit_new()};
    (void)snprintf(w->snapshot, sizeof w->snapshot, "%s/snapshot", w->kit->directory);
    assert_int_equal(mkdir(w->snapshot, 0755), 0);
    int root = open(w->snapshot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    w->at[0] = (struct snapshot_view){
        .path = w->kit->source, .root = root, .device = device_of(root), .origin = LIVE_DEVICE};
    w->views = (struct snapshot_views){.at = w->at, .count = 1};
    w->kit->options.views = &w->views;
}

static void
end(struct world *w)
{
    (void)close(w->at[0].root);
    capture_kit_free(w->kit);
}

static void
write_at(int directory, const char *name, const char *text)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static void
run(struct world *w)
{
    struct error e = ERROR_INIT;
    CHECK_OK(capture_kit_run(w->kit, &e), &e);
}

static bool
is_captured(struct world *w, const char *name, struct node_entry *entry)
{
    char path[512];
    struct error e = ERROR_INIT;
    bool found;
    (void)snprintf(path, sizeof path, "fs%s%s", w->kit->source, name);
    CHECK_OK(capture_kit_find(w->kit, path, &found, entry, &e), &e);
    return found;
}

static bool
is_warned_of(const struct world *w, const char *what)
{
    for (size_t i = 0; i < w->kit->report.warning_count; i++)
        if (strstr(w->kit->report.warnings[i], what) != NULL)
            return true;
    return false;
}

static void
what_is_read_is_the_snapshot_under_the_live_names(void **state)
{
    CLEANUP(end) struct world w;
    struct node_entry entry;
    (void)state;
    begin(&w);
    capture_kit_write_text(w.kit, "changed", "after the cut, and longer");
    capture_kit_write_text(w.kit, "made-later", "after the cut");
    write_at(w.at[0].root, "changed", "before");
    write_at(w.at[0].root, "deleted-later", "before");
    assert_int_equal(mkdirat(w.at[0].root, "folder", 0755), 0);
    write_at(w.at[0].root, "folder/deep", "before");
    run(&w);
    assert_true(is_captured(&w, "/changed", &entry));
    assert_int_equal(entry.size, strlen("before"));
    assert_true(is_captured(&w, "/deleted-later", &entry));
    assert_true(is_captured(&w, "/folder/deep", &entry));
    assert_false(is_captured(&w, "/made-later", &entry));
    assert_false(w.kit->result.incomplete);
    assert_int_equal(w.kit->report.warning_count, 0);
}

/* Each snapshot is another device; what is remembered is the live one. */
static void
an_unchanged_file_is_not_read_again_because_its_snapshot_is_new(void **state)
{
    CLEANUP(end) struct world w;
    (void)state;
    begin(&w);
    write_at(w.at[0].root, "same", "same");
    capture_kit_settle(w.kit);
    run(&w);
    assert_int_equal(w.kit->progress.bytes_read, 4);
    run(&w);
    assert_int_equal(w.kit->progress.bytes_read, 0);
    w.at[0].origin++; /* another volume was mounted there */
    run(&w);
    assert_int_equal(w.kit->progress.bytes_read, 4);
}

/* Its times may be those of a later change, too, which the next snapshot would hold. */
static void
a_file_that_changed_in_the_moment_of_the_cut_is_read_again(void **state)
{
    CLEANUP(end) struct world w;
    struct stat st;
    (void)state;
    begin(&w);
    write_at(w.at[0].root, "same", "same");
    capture_kit_settle(w.kit);
    assert_int_equal(fstatat(w.at[0].root, "same", &st, 0), 0);
    w.kit->options.cut =
        (struct wall){st.st_ctim.tv_sec * CLOCK_NS_PER_SECOND + st.st_ctim.tv_nsec};
    run(&w);
    run(&w);
    assert_int_equal(w.kit->progress.bytes_read, 4);
    w.kit->options.cut.ns += CLOCK_NS_PER_SECOND;
    run(&w);
    run(&w);
    assert_int_equal(w.kit->progress.bytes_read, 0);
}

static void
unmount(char (*path)[128])
{
    if ((*path)[0] != '\0')
        assert_int_equal(umount2(*path, MNT_DETACH), 0);
}

/* In the snapshot the place of a mount is a directory without a sign that anything belongs there. */
static void
what_is_mounted_below_is_named_as_left_out(void **state)
{
    CLEANUP(end) struct world w;
    struct node_entry entry;
    (void)state;
    begin(&w);
    assert_int_equal(mkdirat(w.kit->source_fd, "mounted", 0755), 0);
    assert_int_equal(mkdirat(w.at[0].root, "mounted", 0755), 0);
    CLEANUP(unmount) char path[128];
    (void)snprintf(path, sizeof path, "%s/mounted", w.kit->source);
    assert_int_equal(mount("koffer-test", path, "tmpfs", MS_NODEV | MS_NOSUID, "size=1m"), 0);
    w.at[1] = (struct snapshot_view){.path = path, .root = -1};
    w.views.count = 2;
    run(&w);
    assert_true(is_captured(&w, "/mounted", &entry) && entry.type == NODE_DIRECTORY);
    assert_true(is_warned_of(&w, "another file system"));
    assert_int_equal(w.kit->report.warning_count, 1);
    assert_false(w.kit->result.incomplete);
}

/* The other way round: the way there is live, or a snapshot around it, and a volume of its own is cut, too. */
static void
a_volume_below_another_has_a_snapshot_of_its_own(void **state)
{
    CLEANUP(end) struct world w;
    struct node_entry entry;
    (void)state;
    begin(&w);
    w.kit->cross = true;
    assert_int_equal(mkdirat(w.kit->source_fd, "volume", 0755), 0);
    assert_int_equal(mkdirat(w.at[0].root, "volume", 0755), 0);
    assert_int_equal(mkdirat(w.kit->fd, "second", 0755), 0);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/volume", w.kit->source);
    int root = openat(w.kit->fd, "second", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_at(root, "inside", "x");
    w.at[1] = (struct snapshot_view){
        .path = path, .root = root, .device = device_of(root) + 1, .origin = LIVE_DEVICE + 1};
    w.views.count = 2;
    run(&w);
    (void)close(root);
    assert_true(is_captured(&w, "/volume/inside", &entry));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_the_snapshot_under_the_live_names),
        cmocka_unit_test(an_unchanged_file_is_not_read_again_because_its_snapshot_is_new),
        cmocka_unit_test(a_file_that_changed_in_the_moment_of_the_cut_is_read_again),
        cmocka_unit_test(what_is_mounted_below_is_named_as_left_out),
        cmocka_unit_test(a_volume_below_another_has_a_snapshot_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
