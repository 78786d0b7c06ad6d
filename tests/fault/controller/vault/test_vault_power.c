/*
 * test_vault_power.c -- a vault's process is killed, or one of its changes fails, at each change in turn; the next one
 * starts, is asked what it has, and goes on; then the power fails.  What either was told holds.
 *
 * The campaign `power` does the same with chance, and for more than the vault; this is the part that misses no change.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/fault_io.h"
#include "tests/support/power_disk.h"
#include "tests/support/power_vault.h"
#include "tests/support/vault_kit.h"

enum { CUTS = 6, CHANGES_MAX = 400 };

struct disturbance {
    int error_number;
    bool killed;
};

/* False when the life has fewer than n changes. */
static bool
live_disturbed(const struct power_life *life, struct disturbance how, unsigned n,
               struct power_trace **out)
{
    struct error e = ERROR_INIT;
    char root[VAULT_KIT_PATH_SIZE];

    vault_kit_fast_directory(root);
    life->prepare(root);
    struct power_trace *t = power_trace_begin(root);
    power_trace_changes(t, true);
    if (how.killed)
        power_trace_deaf(t);
    fault_io_arm(n, how.error_number, how.killed);
    life->run(root, t);
    bool fired = fault_io_fired();
    fault_io_disarm();
    CHECK_OK(life->again(root, t, &e), &e);
    power_trace_changes(t, false);
    vault_kit_remove(root);
    *out = t;
    return fired;
}

/* Where most was promised and least synced since: just behind a promise. */
static size_t
cut_place(const struct power_trace *t, uint64_t seed)
{
    size_t at = power_trace_length(t) - (size_t)(seed * 2654435761u) % (power_trace_length(t) / 2);
    size_t promised = 0, before = 0;
    while (power_trace_acked(t, at, promised) != NULL)
        promised++;
    while (at > 1 && before + 1 < promised && power_trace_acked(t, at - 1, promised - 1) != NULL)
        at--;
    return at;
}

static void
cut(const struct power_life *life, const struct power_trace *t, unsigned n, uint64_t seed)
{
    struct error e = ERROR_INIT;
    char disk[VAULT_KIT_PATH_SIZE];
    const size_t at = cut_place(t, seed + n);
    const struct power_acks acks = {{t}, {at}, 1};

    vault_kit_fast_directory(disk);
    power_disk_make(t, at, seed + n, disk);
    if (life->check(disk, &acks, false, &e) != RC_OK) {
        power_trace_print(t, at, stderr);
        fail_msg("change %u, cut at %zu, seed %u: %s", n, at, (unsigned)(seed + n), e.text);
    }
    vault_kit_remove(disk);
}

static void
sweep(const struct power_life *life, struct disturbance how)
{
    unsigned n = 1;
    for (bool more = true; more && n < CHANGES_MAX; n++) {
        struct power_trace *t;
        more = live_disturbed(life, how, n, &t);
        for (uint64_t seed = 0; seed < CUTS; seed++)
            cut(life, t, n, seed);
        power_trace_free(t);
    }
    assert_in_range(n, 40, CHANGES_MAX - 1);
}

static void
killed_anywhere_the_next_process_promises_nothing_that_a_power_failure_takes(void **state)
{
    (void)state;
    sweep(&power_vault_new, (struct disturbance){EIO, true});
    sweep(&power_vault_old, (struct disturbance){EIO, true});
}

static void
whatever_failed_nothing_promised_is_lost_by_a_power_failure(void **state)
{
    (void)state;
    sweep(&power_vault_new, (struct disturbance){EIO, false});
}

static void
whatever_found_no_room_nothing_promised_is_lost_by_a_power_failure(void **state)
{
    (void)state;
    sweep(&power_vault_new, (struct disturbance){ENOSPC, false});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            killed_anywhere_the_next_process_promises_nothing_that_a_power_failure_takes),
        cmocka_unit_test(whatever_failed_nothing_promised_is_lost_by_a_power_failure),
        cmocka_unit_test(whatever_found_no_room_nothing_promised_is_lost_by_a_power_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
