/* test_btrfs.c -- a whole life of a set on a real btrfs: what is found, frozen, seen, checked and removed. */
#include "agent/snapshot/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#include "tests/support/btrfs_kit.h"
#include "tests/support/check.h"

static const _Atomic(bool) never = false;
static char facts_told[4096];

static void
drop_text(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void
drop_fact(void *ctx, const char *name, const char *value)
{
    size_t used = strlen(facts_told);
    (void)ctx;
    (void)snprintf(facts_told + used, sizeof facts_told - used, "%s=%s;", name, value);
}

static const struct snapshot_notes notes = {.warn = drop_text, .fact = drop_fact};

static struct snapshot_host *
host_of(const struct btrfs_kit *kit)
{
    struct snapshot_host *host;
    struct error e = ERROR_INIT;
    CHECK_OK(snapshot_host_new(&(struct snapshot_host_options){.state = kit->state}, &host, &e),
             &e);
    return host;
}

static enum rc
plan(struct snapshot_host *host, const char *path, bool cross, struct snapshot_set **out,
     struct error *e)
{
    const struct snapshot_path paths[] = {{.path = path, .cross = cross, .must = true}};
    const struct snapshot_request request = {
        .cycle = 17, .source = "srv", .paths = paths, .count = 1};
    return snapshot_plan(host, &request, &notes, out, e);
}

static struct snapshot_set *
cut(struct snapshot_host *host, const char *path, bool cross)
{
    struct snapshot_set *set;
    struct error e = ERROR_INIT;
    CHECK_OK(plan(host, path, cross, &set, &e), &e);
    snapshot_settle(set);
    CHECK_OK(snapshot_take(set, &never, &e), &e);
    CHECK_OK(snapshot_mount(set, &e), &e);
    return set;
}

static const struct snapshot_view *
view_of(const struct snapshot_set *set, const char *top, const char *name)
{
    char path[256];
    struct snapshot_views views = snapshot_views_of(set);
    (void)snprintf(path, sizeof path, "%s%s%s", top, name[0] == '\0' ? "" : "/", name);
    for (size_t i = 0; i < views.count; i++)
        if (strcmp(views.at[i].path, path) == 0)
            return &views.at[i];
    fail_msg("no view of '%s'", path);
    return NULL;
}

static void
check_text(const struct snapshot_view *view, const char *name, const char *want)
{
    char text[64] = "";
    CLEANUP(own_closep) int fd = openat(view->root, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("'%s' is not in the snapshot: %s", name, strerror(errno));
    assert_true(read(fd, text, sizeof text - 1) >= 0);
    assert_string_equal(text, want);
}

static void
check_nothing_left(const struct btrfs_kit *kit, struct snapshot_host *host)
{
    size_t left;
    struct error e = ERROR_INIT;
    assert_int_equal(btrfs_kit_count_snapshots(kit), -1);
    assert_int_equal(ledger_image_of(host->ledger)->count, 0);
    CHECK_OK(snapshot_host_reap(host, &left, &e), &e);
    assert_int_equal(left, 0);
}

static void
finish(const struct btrfs_kit *kit, struct snapshot_host *host, struct snapshot_set *set)
{
    struct error e = ERROR_INIT;
    CHECK_OK(snapshot_check(set, &e), &e);
    assert_false(snapshot_is_lost(set));
    CHECK_OK(snapshot_release(set, &e), &e);
    snapshot_set_free(set);
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

static void
what_is_written_after_the_cut_is_not_seen_below_it(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    struct stat live;
    btrfs_kit_write(kit, "a", "before");
    struct snapshot_set *set = cut(host, kit->mount, false);
    btrfs_kit_write(kit, "a", "after");
    btrfs_kit_write(kit, "b", "after");
    const struct snapshot_view *view = view_of(set, kit->mount, "");
    check_text(view, "a", "before");
    assert_int_equal(faccessat(view->root, "b", F_OK, 0), -1);
    assert_int_equal(stat(kit->mount, &live), 0);
    assert_int_equal(view->origin, live.st_dev);
    assert_int_not_equal(view->device, live.st_dev);
    struct snapshot_taken taken = snapshot_taken_of(set);
    assert_string_equal(taken.driver, "btrfs");
    assert_int_equal(taken.volumes, 1);
    assert_true(taken.from.ns > 0 && taken.until.ns >= taken.from.ns && taken.command_ns > 0);
    finish(kit, host, set);
}

static void
a_plan_makes_no_snapshot_and_goes_without_a_trace(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    struct snapshot_set *set;
    struct error e = ERROR_INIT;
    facts_told[0] = '\0';
    CHECK_OK(plan(host, kit->mount, false, &set, &e), &e);
    assert_int_equal(btrfs_kit_count_snapshots(kit), 0);
    assert_int_equal(ledger_image_of(host->ledger)->count, 1);
    assert_non_null(strstr(facts_told, "snapshot.volume="));
    assert_non_null(strstr(facts_told, ": btrfs subvolume 5;snapshot=btrfs;"));
    snapshot_set_free(set);
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

/* "/srv" without what is below it, and "/srv/sub" by its own name: whichever is named first. */
static void
a_volume_below_that_is_named_itself_is_never_left_out(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    btrfs_kit_subvolume(kit, "sub");
    btrfs_kit_write(kit, "sub/x", "x");
    char below[256];
    (void)snprintf(below, sizeof below, "%s/sub", kit->mount);
    for (int turn = 0; turn < 2; turn++) {
        struct error e = ERROR_INIT;
        struct snapshot_set *set;
        const struct snapshot_path paths[] = {
            {.path = turn == 0 ? kit->mount : below, .must = true},
            {.path = turn == 0 ? below : kit->mount, .must = true},
        };
        const struct snapshot_request request = {
            .cycle = 17, .source = "srv", .paths = paths, .count = 2};
        CHECK_OK(snapshot_plan(host, &request, &notes, &set, &e), &e);
        CHECK_OK(snapshot_take(set, &never, &e), &e);
        CHECK_OK(snapshot_mount(set, &e), &e);
        assert_int_equal(snapshot_taken_of(set).volumes, 2);
        check_text(view_of(set, kit->mount, "sub"), "x", "x");
        snapshot_set_free(set);
    }
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

/* A live walk enters it, for it is the same file system. */
static void
a_directory_that_is_mounted_once_more_below_is_not_left_out(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    char from[256], to[256];
    (void)snprintf(from, sizeof from, "%s/from", kit->mount);
    (void)snprintf(to, sizeof to, "%s/to", kit->mount);
    assert_int_equal(mkdir(from, 0755), 0);
    assert_int_equal(mkdir(to, 0755), 0);
    btrfs_kit_write(kit, "from/x", "x");
    assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
    char file[256], over[256];
    (void)snprintf(file, sizeof file, "%s/from/x", kit->mount);
    (void)snprintf(over, sizeof over, "%s/over", kit->mount);
    btrfs_kit_write(kit, "over", "y");
    assert_int_equal(mount(file, over, NULL, MS_BIND, NULL), 0);
    for (int cross = 0; cross < 2; cross++) {
        struct snapshot_set *set = cut(host, kit->mount, cross == 1);
        assert_int_equal(snapshot_taken_of(set).volumes, 1);
        check_text(view_of(set, kit->mount, "to"), "x", "x");
        snapshot_set_free(set);
    }
    assert_int_equal(umount(to), 0);
    assert_int_equal(umount(over), 0);
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

static void
nested_subvolumes_are_left_out_unless_the_source_crosses(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    btrfs_kit_subvolume(kit, "sub");
    btrfs_kit_subvolume(kit, "sub/deep");
    btrfs_kit_write(kit, "sub/x", "x");
    btrfs_kit_write(kit, "sub/deep/y", "y");
    struct snapshot_set *set = cut(host, kit->mount, false);
    assert_int_equal(snapshot_taken_of(set).volumes, 1);
    assert_int_equal(view_of(set, kit->mount, "sub")->root, -1);
    assert_false(view_of(set, kit->mount, "sub")->quiet);
    assert_true(view_of(set, kit->mount, ".koffer")->quiet);
    assert_true(view_of(set, kit->mount, ".koffer")->hidden);
    assert_false(view_of(set, kit->mount, "sub")->hidden);
    snapshot_set_free(set);

    set = cut(host, kit->mount, true);
    assert_int_equal(snapshot_taken_of(set).volumes, 3);
    check_text(view_of(set, kit->mount, "sub"), "x", "x");
    check_text(view_of(set, kit->mount, "sub/deep"), "y", "y");
    finish(kit, host, set);
}

static void
paths_of_one_volume_share_a_snapshot_and_a_mount_from_its_inside_is_found_in_it(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    struct error e = ERROR_INIT;
    struct snapshot_set *set;
    char path[256];
    btrfs_kit_subvolume(kit, "sub");
    (void)snprintf(path, sizeof path, "%s/sub/dir", kit->mount);
    assert_int_equal(mkdir(path, 0755), 0);
    btrfs_kit_write(kit, "sub/dir/x", "x");
    btrfs_kit_bind(kit, "sub/dir");
    const struct snapshot_path paths[] = {{.path = path}, {.path = kit->again}};
    const struct snapshot_request request = {
        .cycle = 17, .source = "srv", .driver = SNAPSHOT_BTRFS, .paths = paths, .count = 2};
    CHECK_OK(snapshot_plan(host, &request, &notes, &set, &e), &e);
    CHECK_OK(snapshot_take(set, &never, &e), &e);
    CHECK_OK(snapshot_mount(set, &e), &e);
    assert_int_equal(snapshot_taken_of(set).volumes, 1);
    check_text(view_of(set, kit->mount, "sub"), "dir/x", "x");
    check_text(view_of(set, kit->again, ""), "x", "x");
    finish(kit, host, set);
}

static void
a_mount_from_the_inside_of_a_subvolume_alone_is_refused_with_the_remedy(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    struct error e = ERROR_INIT;
    struct snapshot_set *set;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/dir", kit->mount);
    assert_int_equal(mkdir(path, 0755), 0);
    btrfs_kit_bind(kit, "dir");
    assert_int_equal(umount(kit->mount), 0);
    CHECK_RC(plan(host, kit->again, false, &set, &e), RC_UNSUPPORTED);
    assert_non_null(strstr(e.text, "from inside a subvolume"));
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

static void
what_is_mounted_below_is_left_out_by_name_and_the_kernels_own_in_silence(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    char memory[256], kernel[256];
    (void)snprintf(memory, sizeof memory, "%s/memory", kit->mount);
    (void)snprintf(kernel, sizeof kernel, "%s/proc", kit->mount);
    assert_int_equal(mkdir(memory, 0755), 0);
    assert_int_equal(mkdir(kernel, 0755), 0);
    assert_int_equal(mount("none", memory, "tmpfs", 0, NULL), 0);
    assert_int_equal(mount("none", kernel, "proc", 0, NULL), 0);
    struct snapshot_set *set = cut(host, kit->mount, true);
    assert_int_equal(view_of(set, kit->mount, "memory")->root, -1);
    assert_false(view_of(set, kit->mount, "memory")->quiet);
    assert_int_equal(view_of(set, kit->mount, "proc")->root, -1);
    assert_true(view_of(set, kit->mount, "proc")->quiet);
    assert_int_equal(umount(memory), 0);
    assert_int_equal(umount(kernel), 0);
    finish(kit, host, set);
}

static void
a_file_system_without_snapshots_is_refused_with_the_remedy(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    CLEANUP(snapshot_host_freep) struct snapshot_host *host = host_of(kit);
    struct snapshot_set *set;
    struct error e = ERROR_INIT;
    assert_int_equal(mount("none", kit->again, "tmpfs", 0, NULL), 0);
    CHECK_RC(plan(host, kit->again, false, &set, &e), RC_UNSUPPORTED);
    assert_non_null(strstr(e.text, kit->again));
    assert_non_null(strstr(e.text, "tmpfs"));
    assert_non_null(strstr(e.text, "snapshot = none"));
    assert_int_equal(ledger_image_of(host->ledger)->count, 0);
}

static void
with_driver_none_the_live_tree_is_read_and_a_missing_path_is_told(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    CLEANUP(snapshot_host_freep) struct snapshot_host *host = host_of(kit);
    struct error e = ERROR_INIT;
    struct snapshot_set *set;
    struct snapshot_path path = {.path = kit->mount};
    struct snapshot_request request = {
        .cycle = 1, .source = "srv", .driver = SNAPSHOT_NONE, .paths = &path, .count = 1};
    CHECK_OK(snapshot_plan(host, &request, &notes, &set, &e), &e);
    CHECK_OK(snapshot_take(set, &never, &e), &e);
    CHECK_OK(snapshot_mount(set, &e), &e);
    assert_int_equal(snapshot_views_of(set).count, 0);
    assert_string_equal(snapshot_taken_of(set).driver, "none");
    assert_int_equal(snapshot_taken_of(set).from.ns, 0);
    snapshot_set_free(set);
    path.path = "/koffer/is/not/here";
    CHECK_RC(snapshot_plan(host, &request, &notes, &set, &e), RC_NOT_FOUND);
}

static void
a_snapshot_that_somebody_removed_is_lost_not_empty(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    struct error e = ERROR_INIT;
    struct snapshot_set *set = cut(host, kit->mount, false);
    struct error why = ERROR_INIT;
    CHECK_OK(snapshot_check(set, &e), &e);
    CHECK_OK(snapshot_btrfs.remove(host, &set->volumes[0].entry, &why), &why);
    CHECK_RC(snapshot_check(set, &e), RC_STALE);
    assert_non_null(strstr(e.text, "snapshot lost"));
    snapshot_set_free(set);
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

static void
a_cancelled_cut_takes_nothing(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    static const _Atomic(bool) now = true;
    struct snapshot_set *set;
    struct error e = ERROR_INIT;
    CHECK_OK(plan(host, kit->mount, false, &set, &e), &e);
    CHECK_RC(snapshot_take(set, &now, &e), RC_CANCELLED);
    assert_int_equal(btrfs_kit_count_snapshots(kit), 0);
    snapshot_set_free(set);
    check_nothing_left(kit, host);
    snapshot_host_free(host);
}

static void
sets_of_two_sources_on_one_volume_do_not_disturb_each_other(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    btrfs_kit_write(kit, "a", "one");
    struct snapshot_set *one = cut(host, kit->mount, false);
    btrfs_kit_write(kit, "a", "two");
    struct snapshot_set *two = cut(host, kit->mount, false);
    assert_int_equal(btrfs_kit_count_snapshots(kit), 2);
    snapshot_set_free(one);
    assert_int_equal(btrfs_kit_count_snapshots(kit), 1);
    check_text(view_of(two, kit->mount, ""), "a", "two");
    size_t left;
    struct error e = ERROR_INIT;
    CHECK_OK(snapshot_host_reap(host, &left, &e), &e);
    assert_int_equal(btrfs_kit_count_snapshots(kit), 1); /* it has an owner */
    finish(kit, host, two);
}

static void
what_another_put_in_the_place_of_a_snapshot_is_left_alone_and_reported(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    struct snapshot_set *set;
    struct error e = ERROR_INIT;
    char name[LEDGER_NAME_MAX + 16];
    size_t left;
    CHECK_OK(plan(host, kit->mount, false, &set, &e), &e);
    (void)snprintf(name, sizeof name, ".koffer/%s", set->volumes[0].entry.name);
    btrfs_kit_subvolume(kit, name);
    CHECK_RC(snapshot_release(set, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "not made as a snapshot"));
    snapshot_set_free(set);
    CHECK_OK(snapshot_host_reap(host, &left, &e), &e);
    assert_int_equal(left, 1);
    assert_int_equal(btrfs_kit_count_snapshots(kit), 1);
    snapshot_host_free(host);
}

static void
a_directory_of_ours_that_others_may_write_is_refused(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    CLEANUP(snapshot_host_freep) struct snapshot_host *host = host_of(kit);
    struct snapshot_set *set;
    struct error e = ERROR_INIT;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/.koffer", kit->mount);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    CHECK_RC(plan(host, kit->mount, false, &set, &e), RC_DENIED);
}

static void
a_mount_that_is_read_only_for_us_is_cut_all_the_same(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    struct snapshot_host *host = host_of(kit);
    btrfs_kit_write(kit, "a", "a");
    assert_int_equal(mount(NULL, kit->mount, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    struct snapshot_set *set = cut(host, kit->mount, false);
    check_text(view_of(set, kit->mount, ""), "a", "a");
    finish(kit, host, set);
}

static void
only_a_read_only_snapshot_of_ours_on_that_file_system_may_be_removed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct ledger_entry entry = {.driver = LEDGER_BTRFS,
                                 .name = "koffer_1_5_1",
                                 .origin = {1},
                                 .origin_len = LEDGER_FSID_SIZE};
    const struct btrfs_facts good = {
        .fsid = {1}, .parent = {1}, .subvolume = true, .read_only = true};
    struct btrfs_facts bad = good;
    CHECK_OK(btrfs_may_remove(&entry, &good, &e), &e);
    bad.fsid[0] = 2;
    CHECK_RC(btrfs_may_remove(&entry, &bad, &e), RC_DENIED);
    bad = good;
    bad.parent[0] = 0;
    CHECK_RC(btrfs_may_remove(&entry, &bad, &e), RC_DENIED);
    bad = good;
    bad.subvolume = false;
    CHECK_RC(btrfs_may_remove(&entry, &bad, &e), RC_DENIED);
    bad = good;
    bad.read_only = false;
    CHECK_RC(btrfs_may_remove(&entry, &bad, &e), RC_DENIED);
    (void)snprintf(entry.name, sizeof entry.name, "home");
    CHECK_RC(btrfs_may_remove(&entry, &good, &e), RC_DENIED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_after_the_cut_is_not_seen_below_it),
        cmocka_unit_test(a_plan_makes_no_snapshot_and_goes_without_a_trace),
        cmocka_unit_test(nested_subvolumes_are_left_out_unless_the_source_crosses),
        cmocka_unit_test(a_volume_below_that_is_named_itself_is_never_left_out),
        cmocka_unit_test(a_directory_that_is_mounted_once_more_below_is_not_left_out),
        cmocka_unit_test(
            paths_of_one_volume_share_a_snapshot_and_a_mount_from_its_inside_is_found_in_it),
        cmocka_unit_test(a_mount_from_the_inside_of_a_subvolume_alone_is_refused_with_the_remedy),
        cmocka_unit_test(what_is_mounted_below_is_left_out_by_name_and_the_kernels_own_in_silence),
        cmocka_unit_test(a_file_system_without_snapshots_is_refused_with_the_remedy),
        cmocka_unit_test(with_driver_none_the_live_tree_is_read_and_a_missing_path_is_told),
        cmocka_unit_test(a_snapshot_that_somebody_removed_is_lost_not_empty),
        cmocka_unit_test(a_cancelled_cut_takes_nothing),
        cmocka_unit_test(sets_of_two_sources_on_one_volume_do_not_disturb_each_other),
        cmocka_unit_test(what_another_put_in_the_place_of_a_snapshot_is_left_alone_and_reported),
        cmocka_unit_test(a_directory_of_ours_that_others_may_write_is_refused),
        cmocka_unit_test(a_mount_that_is_read_only_for_us_is_cut_all_the_same),
        cmocka_unit_test(only_a_read_only_snapshot_of_ours_on_that_file_system_may_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
