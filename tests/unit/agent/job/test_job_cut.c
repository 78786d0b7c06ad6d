/* test_job_cut.c -- a source on a real btrfs is made ready, cut, captured and let go of. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/daemon/settings.h"
#include "agent/job/job_internal.h"
#include "common/record/record.h"
#include "common/sys/file.h"
#include "common/sys/process.h"
#include "tests/support/btrfs_kit.h"
#include "tests/support/check.h"
#include "tests/support/job_kit.h"

struct world {
    struct btrfs_kit *disk;
    struct snapshot_host *snapshots;
    struct job_kit *kit;
    char directory[256];
};

static void
open_snapshots(struct world *w)
{
    struct error e = ERROR_INIT;
    CHECK_OK(snapshot_host_new(&(struct snapshot_host_options){.state = w->disk->state},
                               &w->snapshots, &e),
             &e);
    w->kit->options.snapshots = w->snapshots;
}

static int
begin(void **state)
{
    static struct world w;
    w = (struct world){.disk = btrfs_kit_new()};
    (void)snprintf(w.directory, sizeof w.directory, "%s/host", w.disk->mount);
    assert_int_equal(mkdir(w.directory, 0755), 0);
    w.kit = job_kit_new_at(w.directory);
    open_snapshots(&w);
    job_kit_restart(w.kit);
    capture_kit_write_text(w.kit->capture, "mail", "before");
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    job_kit_free(w->kit);
    snapshot_host_free(w->snapshots);
    btrfs_kit_free(w->disk);
    return 0;
}

static void
must_do(struct world *w, enum job_verb verb)
{
    if (job_kit_do(w->kit, verb, "etc", 1) != RC_OK)
        fail_msg("step %d: %s", (int)verb, w->kit->result.text);
}

static int
snapshots(const struct world *w)
{
    int count = btrfs_kit_count_snapshots(w->disk);
    return count < 0 ? 0 : count;
}

static uint64_t
captured_size(struct world *w)
{
    struct error e = ERROR_INIT;
    struct node_entry entry;
    char path[512];
    bool found;
    w->kit->capture->result = w->kit->result.captured;
    (void)snprintf(path, sizeof path, "fs%s/mail", w->kit->capture->source);
    CHECK_OK(capture_kit_find(w->kit->capture, path, &found, &entry, &e), &e);
    return found ? entry.size : UINT64_MAX;
}

/* A restored database server would take it for a database. */
static bool
holds_our_directory(struct world *w)
{
    struct error e = ERROR_INIT;
    struct node_entry entry;
    char path[512];
    bool found;
    (void)snprintf(path, sizeof path, "fs%s/.koffer", w->disk->mount);
    CHECK_OK(capture_kit_find(w->kit->capture, path, &found, &entry, &e), &e);
    return found;
}

static void
what_is_captured_is_what_was_cut(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    CLEANUP(arena_freep) struct arena *arena = arena_new(LIMIT_RECORD);
    struct record_archive a;
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    assert_int_equal(snapshots(w), 0);
    must_do(w, JOB_CUT);
    assert_int_equal(snapshots(w), 1);
    capture_kit_write_text(w->kit->capture, "mail", "after the cut, and longer");
    must_do(w, JOB_CAPTURE);
    assert_int_equal(captured_size(w), strlen("before"));
    assert_int_equal(snapshots(w), 0); /* the others of the cluster may take hours */
    w->kit->order.sequence = 1;
    must_do(w, JOB_SEAL);
    CHECK_OK(record_decode_archive(buffer_span(&w->kit->result.record), arena, &a, &e), &e);
    assert_true(a.cut_from.ns > 0 && a.cut_from.ns <= a.cut_until.ns);
    assert_true(a.cut_until.ns <= a.started.ns);
    assert_true(a.fact_count > 0);
    assert_false(holds_our_directory(w));
    assert_string_equal(a.facts[0].name, "cut.driver");
    assert_string_equal(a.facts[0].value, "btrfs");
    must_do(w, JOB_RELEASE);
    assert_int_equal(snapshots(w), 0);
}

static void
without_a_cut_nothing_that_was_made_ready_is_captured(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    CHECK_RC(job_kit_do(w->kit, JOB_CAPTURE, "etc", 1), RC_INVALID);
    assert_non_null(strstr(w->kit->result.text, "never cut"));
}

/* A restart takes the snapshots with it; what is read then is another moment, and no controller must take it for the cut. */
static void
what_was_cut_before_a_restart_is_not_read_live(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    job_kit_restart(w->kit);
    CHECK_RC(job_kit_do(w->kit, JOB_CAPTURE, "etc", 1), RC_NOT_FOUND);
    assert_non_null(strstr(w->kit->result.text, "holds no cut"));
    must_do(w, JOB_RELEASE);
}

static void
what_is_cut_on_this_host_is_never_captured_without(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    CHECK_RC(job_kit_do(w->kit, JOB_CAPTURE, "etc", 1), RC_NOT_FOUND);
}

static void
a_capture_that_is_ordered_again_needs_a_cut_again(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    must_do(w, JOB_CAPTURE);
    CHECK_RC(job_kit_do(w->kit, JOB_CAPTURE, "etc", 1), RC_NOT_FOUND);
}

static void
nothing_is_made_where_the_configuration_says_none(void **state)
{
    struct world *w = *state;
    w->kit->options.snapshot = SNAPSHOT_NONE;
    job_kit_restart(w->kit);
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    assert_int_equal(snapshots(w), 0);
    capture_kit_write_text(w->kit->capture, "mail", "live");
    must_do(w, JOB_CAPTURE);
    assert_int_equal(captured_size(w), strlen("live"));
}

static void
orders_that_come_twice_leave_one_snapshot_and_then_none(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    for (int turn = 0; turn < 2; turn++) {
        must_do(w, JOB_READY);
        must_do(w, JOB_CUT);
    }
    assert_int_equal(snapshots(w), 1);
    must_do(w, JOB_RELEASE);
    assert_int_equal(snapshots(w), 0);
}

static enum rc
delete_snapshot(void *folder, const char *name, struct error *e)
{
    char path[384];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)folder, name);
    const char *const argv[] = {"/usr/bin/btrfs", "subvolume", "delete", path, NULL};
    CLEANUP(buffer_free) struct buffer said = BUFFER_INIT(4096);
    return process_run(&(struct process_options){.argv = argv}, &said, NULL, e);
}

static void
a_snapshot_that_is_gone_is_lost_and_nothing_was_deleted(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char folder[256];
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    (void)snprintf(folder, sizeof folder, "%s/.koffer", w->disk->mount);
    CHECK_OK(file_list(AT_FDCWD, folder, delete_snapshot, folder, &e), &e);
    CHECK_RC(job_kit_do(w->kit, JOB_CAPTURE, "etc", 1), RC_IO);
    assert_non_null(strstr(w->kit->result.text, "snapshot lost"));
    must_do(w, JOB_RELEASE);
}

static void
a_new_cycle_removes_the_snapshots_of_one_that_was_never_released(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    assert_int_equal(job_kit_do(w->kit, JOB_CHECK, "etc", 2), RC_OK);
    assert_int_equal(snapshots(w), 0);
}

/* As a lease that ended, or koffer-priv that stops, does. */
static void
a_board_that_ends_removes_its_snapshots(void **state)
{
    struct world *w = *state;
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    job_kit_restart(w->kit);
    assert_int_equal(snapshots(w), 0);
}

/* Somebody cleared our directory away between ready and cut. */
static void
a_cut_that_fails_holds_nothing(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char folder[256];
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    (void)snprintf(folder, sizeof folder, "%s/.koffer", w->disk->mount);
    CHECK_OK(file_remove_tree(AT_FDCWD, folder, &e), &e);
    assert_true(job_kit_do(w->kit, JOB_CUT, "etc", 1) != RC_OK);
    CHECK_RC(job_kit_do(w->kit, JOB_CAPTURE, "etc", 1), RC_NOT_FOUND);
    must_do(w, JOB_RELEASE);
}

static void
a_source_may_say_by_itself_how_it_is_cut(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char text[512];
    (void)snprintf(text, sizeof text,
                   "source \"etc\" {\n kind = files\n snapshot = none\n paths = {\"%s\"}\n}\n",
                   w->kit->capture->source);
    struct config *own = NULL;
    CHECK_OK(config_parse(settings_keys, "test", text, &own, &e), &e);
    const struct config *before = w->kit->options.config;
    w->kit->options.config = own;
    job_kit_restart(w->kit);
    must_do(w, JOB_CHECK);
    must_do(w, JOB_READY);
    must_do(w, JOB_CUT);
    assert_int_equal(snapshots(w), 0);
    must_do(w, JOB_CAPTURE);
    must_do(w, JOB_RELEASE);
    w->kit->options.config = before;
    job_kit_restart(w->kit);
    config_free(own);
}

static void
a_tool_is_told_where_in_the_snapshot_a_live_path_is(void **state)
{
    struct world *w = *state;
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 16);
    struct source_report report = {.arena = arena};
    char below[256], want[64];
    (void)snprintf(below, sizeof below, "%s/host", w->disk->mount);
    const struct snapshot_view at[] = {{.path = w->disk->mount, .root = 70},
                                       {.path = below, .root = 71},
                                       {.path = "/usr", .root = -1}};
    static struct job_source s; /* too large for the stack */
    s.views = (struct snapshot_views){.at = at, .count = 3};
    const struct source_step step = {.report = &report, .place_ctx = &s};
    assert_string_equal(job_cut_place(&step, w->disk->mount), "/proc/self/fd/70/.");
    assert_string_equal(job_cut_place(&step, below), "/proc/self/fd/71/.");
    (void)snprintf(want, sizeof want, "/proc/self/fd/71%s",
                   w->kit->capture->source + strlen(below));
    assert_string_equal(job_cut_place(&step, w->kit->capture->source), want);
    assert_null(job_cut_place(&step, "/usr/bin")); /* left out of the cut */
    assert_null(job_cut_place(&step, "/etc"));     /* of another volume */
    assert_null(job_cut_place(&step, "/nowhere/at/all"));
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(what_is_captured_is_what_was_cut),
        IN_A_WORLD(without_a_cut_nothing_that_was_made_ready_is_captured),
        IN_A_WORLD(what_was_cut_before_a_restart_is_not_read_live),
        IN_A_WORLD(what_is_cut_on_this_host_is_never_captured_without),
        IN_A_WORLD(a_capture_that_is_ordered_again_needs_a_cut_again),
        IN_A_WORLD(nothing_is_made_where_the_configuration_says_none),
        IN_A_WORLD(orders_that_come_twice_leave_one_snapshot_and_then_none),
        IN_A_WORLD(a_snapshot_that_is_gone_is_lost_and_nothing_was_deleted),
        IN_A_WORLD(a_new_cycle_removes_the_snapshots_of_one_that_was_never_released),
        IN_A_WORLD(a_board_that_ends_removes_its_snapshots),
        IN_A_WORLD(a_cut_that_fails_holds_nothing),
        IN_A_WORLD(a_source_may_say_by_itself_how_it_is_cut),
        IN_A_WORLD(a_tool_is_told_where_in_the_snapshot_a_live_path_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
