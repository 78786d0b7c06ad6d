/* test_kill.c -- a life of a set is killed (signal 9) before and after each system call that it makes; the next process's reaper
 * leaves no snapshot, no directory and no entry. */
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "agent/snapshot/snapshot_internal.h"
#include "tests/support/btrfs_kit.h"
#include "tests/support/check.h"

enum { POINTS_LEAST = 100, POINTS_WANTED = 250, DIED_EARLY = 3 };

static void
drop_text(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void
drop_fact(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    (void)name;
    (void)value;
}

static enum rc
live(const struct btrfs_kit *kit, struct error *e)
{
    static const _Atomic(bool) never = false;
    const struct snapshot_notes notes = {.warn = drop_text, .fact = drop_fact};
    const struct snapshot_path paths[] = {{.path = kit->mount, .cross = true}};
    const struct snapshot_request request = {
        .cycle = 17, .source = "srv", .paths = paths, .count = 1};
    CLEANUP(snapshot_host_freep) struct snapshot_host *host = NULL;
    CLEANUP(snapshot_set_freep) struct snapshot_set *set = NULL;
    TRY(snapshot_host_new(&(struct snapshot_host_options){.state = kit->state}, &host, e));
    TRY(snapshot_plan(host, &request, &notes, &set, e));
    TRY(snapshot_take(set, &never, e));
    TRY(snapshot_mount(set, e));
    TRY(snapshot_check(set, e));
    return snapshot_release(set, e);
}

static pid_t
start_life(const struct btrfs_kit *kit)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error e = ERROR_INIT;
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
            _exit(DIED_EARLY);
        _exit(live(kit, &e) == RC_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    return child;
}

/* Lets it go on for so many stops, then kills it; returns how many there were.  *whole: it came to its end. */
static unsigned
run_life(const struct btrfs_kit *kit, unsigned stops, bool *whole)
{
    pid_t child = start_life(kit);
    int status = 0;
    for (unsigned n = 0;; n++) {
        if (n == stops)
            assert_int_equal(kill(child, SIGKILL), 0);
        else
            assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFSTOPPED(status))
            continue;
        *whole = WIFEXITED(status);
        assert_true(!*whole || WEXITSTATUS(status) == 0);
        return n;
    }
}

static void
check_reaped(const struct btrfs_kit *kit, unsigned stops)
{
    struct error e = ERROR_INIT;
    size_t left;
    CLEANUP(snapshot_host_freep) struct snapshot_host *host = NULL;
    CHECK_OK(snapshot_host_new(&(struct snapshot_host_options){.state = kit->state}, &host, &e),
             &e);
    CHECK_OK(snapshot_host_reap(host, &left, &e), &e);
    if (left != 0 || btrfs_kit_count_snapshots(kit) != -1 ||
        ledger_image_of(host->ledger)->count != 0)
        fail_msg("killed at stop %u: %zu left, %d snapshots", stops, left,
                 btrfs_kit_count_snapshots(kit));
}

static void
killed_anywhere_it_leaves_nothing_that_the_reaper_does_not_find(void **state)
{
    (void)state;
    CLEANUP(btrfs_kit_freep) struct btrfs_kit *kit = btrfs_kit_new();
    bool whole;
    btrfs_kit_subvolume(kit, "sub");
    btrfs_kit_write(kit, "sub/x", "x");
    unsigned all = run_life(kit, ~0u, &whole), points = 0;
    assert_true(whole);
    check_reaped(kit, all);
    unsigned step = all > POINTS_WANTED ? all / POINTS_WANTED : 1;
    for (unsigned n = step;; n += step, points++) {
        (void)run_life(kit, n, &whole);
        check_reaped(kit, n);
        if (whole)
            break;
    }
    (void)printf("%u points of %u\n", points, all);
    assert_true(points >= POINTS_LEAST);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_it_leaves_nothing_that_the_reaper_does_not_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
