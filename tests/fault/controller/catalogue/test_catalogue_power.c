/*
 * test_catalogue_power.c -- a controller acts on what its catalogue shows when it starts; so that must be on the disk by
 * then, also what a killed process had written and not yet synced, and what a failed sync gave up.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <stdio.h>

#include "controller/catalogue/catalogue.h"
#include "tests/support/fault_io.h"
#include "tests/support/power_disk.h"
#include "tests/support/vault_kit.h"

enum { DISKS = 6, CHANGES_MAX = 400 };

static const struct wall now = {1000};

static enum rc
open_in(const char *root, struct catalogue **c, struct error *e)
{
    char path[VAULT_KIT_PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/catalogue.db", root);
    return catalogue_open(path, c, e);
}

static enum rc
begin_two_cycles(const char *root, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    uint64_t number;
    TRY(open_in(root, &c, e));
    TRY(catalogue_cycle_new(c, 0, "root", now, &number, e));
    return catalogue_cycle_new(c, 0, "root", now, &number, e);
}

static enum rc
count_cycle(void *ctx, const struct catalogue_cycle *cycle, struct error *e)
{
    (void)cycle;
    (void)e;
    ++*(unsigned *)ctx;
    return RC_OK;
}

/* What a start shows; noted in `t`, if there is one, before it ends: its end may sync. */
static unsigned
cycles_in(const char *root, struct power_trace *t)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    struct error e = ERROR_INIT;
    unsigned count = 0;
    CHECK_OK(open_in(root, &c, &e), &e);
    CHECK_OK(catalogue_cycle_each(c, 0, 10, count_cycle, &count, &e), &e);
    if (t != NULL)
        power_trace_ack(t, 0, count, NULL);
    return count;
}

/* A process disturbed at its n-th change, a start after it, and the power fails.  False: fewer than n changes. */
static bool
start_after(unsigned n, bool killed)
{
    struct error e = ERROR_INIT;
    char root[VAULT_KIT_PATH_SIZE], disk[VAULT_KIT_PATH_SIZE];

    vault_kit_fast_directory(root);
    struct power_trace *t = power_trace_begin(root);
    power_trace_changes(t, true);
    if (killed)
        power_trace_deaf(t);
    fault_io_arm(n, EIO, killed);
    (void)begin_two_cycles(root, &e);
    bool fired = fault_io_fired();
    fault_io_disarm();
    unsigned seen = cycles_in(root, t);
    power_trace_changes(t, false);
    size_t at = power_trace_length(t);
    while (power_trace_acked(t, at - 1, 0) != NULL)
        at--;
    vault_kit_remove(root);
    for (uint64_t seed = 1; seed <= DISKS; seed++) {
        vault_kit_fast_directory(disk);
        power_disk_make(t, at, seed, disk);
        unsigned left = cycles_in(disk, NULL);
        if (left < seen)
            power_trace_print(t, at, stderr);
        if (left < seen)
            fail_msg("change %u, disk %u: %u cycles of %u are left", n, (unsigned)seed, left, seen);
        vault_kit_remove(disk);
    }
    power_trace_free(t);
    return fired;
}

static void
what_a_start_shows_is_on_the_disk_whenever_the_process_before_was_killed(void **state)
{
    unsigned n = 1;
    (void)state;
    while (n < CHANGES_MAX && start_after(n, true))
        n++;
    assert_in_range(n, 20, CHANGES_MAX - 1);
}

static void
what_a_start_shows_is_on_the_disk_whichever_change_failed_before(void **state)
{
    unsigned n = 1;
    (void)state;
    while (n < CHANGES_MAX && start_after(n, false))
        n++;
    assert_in_range(n, 20, CHANGES_MAX - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_start_shows_is_on_the_disk_whenever_the_process_before_was_killed),
        cmocka_unit_test(what_a_start_shows_is_on_the_disk_whichever_change_failed_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
