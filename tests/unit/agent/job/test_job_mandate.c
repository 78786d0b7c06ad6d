/* test_job_mandate.c -- who is not the controller names no recipients and orders no restores. */
#include <stdio.h>

#include "common/record/mandate.h"
#include "tests/support/check.h"
#include "tests/support/job_kit.h"

static int
begin(void **state)
{
    *state = job_kit_new();
    return 0;
}

static int
end(void **state)
{
    job_kit_free(*state);
    return 0;
}

/* The network side of an agent, taken over: it has everything that passes through it, and no key. */
static void
stranger_cannot_name_a_recipient(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct job_vault mine = kit->vault;
    memset(mine.recipients[mine.recipient_count++].bytes, 'x', KEYS_PUBLIC_SIZE);
    CHECK_RC(job_set_vault(kit->board, &mine, &e), RC_DENIED);
    mine = kit->vault;
    mine.id.bytes[0]++;
    CHECK_RC(job_set_vault(kit->board, &mine, &e), RC_DENIED);
}

static void
refused_recipients_leave_the_old_ones(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct job_vault mine = kit->vault;
    memset(mine.recipients[0].bytes, 'x', KEYS_PUBLIC_SIZE);
    CHECK_RC(job_set_vault(kit->board, &mine, &e), RC_DENIED);
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "etc", 1), RC_OK);
    CHECK_RC(job_kit_do(kit, JOB_CAPTURE, "etc", 1), RC_OK);
    kit->order.sequence = 1;
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_OK);
    struct record_archive archive;
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    CHECK_OK(record_decode_archive(buffer_span(&kit->result.record), arena, &archive, &e), &e);
    struct id expected;
    CHECK_OK(keys_fingerprint(&kit->vault.recipients[0], &expected, &e), &e);
    assert_int_equal(archive.recipient_count, 1);
    assert_true(id_equal(&archive.recipients[0].fingerprint, &expected));
}

static void
nothing_is_done_before_the_controller_has_named_its_vault(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct job_board *fresh = NULL;
    const struct job_order order = {.job = 1, .cycle = 1, .verb = JOB_CHECK, .source = "etc"};
    CHECK_OK(job_board_new(&kit->options, &fresh, &e), &e);
    CHECK_RC(job_submit(fresh, &order, &e), RC_DENIED);
    job_board_free(fresh);
}

static void
unsigned_restore_is_refused(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct job_order order = {.job = 1, .verb = JOB_RESTORE, .root = {{1}}};
    (void)snprintf(order.target, sizeof order.target, "%s/back", kit->roots);
    CHECK_RC(job_submit(kit->board, &order, &e), RC_DENIED);
}

/* A controller that was taken over can sign a key of its own, but not write this host's configuration. */
static void
a_host_that_pins_its_recipients_seals_to_no_other(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct id pinned;
    CHECK_OK(keys_fingerprint(&kit->vault.recipients[0], &pinned, &e), &e);
    kit->options.pinned = &pinned;
    kit->options.pinned_count = 1;
    job_kit_restart(kit);
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "etc", 1), RC_OK);
    CHECK_RC(job_kit_do(kit, JOB_CAPTURE, "etc", 1), RC_OK);

    memset(kit->vault.recipients[kit->vault.recipient_count++].bytes, 'x', KEYS_PUBLIC_SIZE);
    const struct mandate_recipients signed_by_it = {.vault = kit->vault.id,
                                                    .recipients = kit->vault.recipients,
                                                    .count = kit->vault.recipient_count};
    CHECK_OK(mandate_sign_recipients(kit->controller, &signed_by_it, kit->vault.signature, &e), &e);
    CHECK_OK(job_set_vault(kit->board, &kit->vault, &e), &e);
    kit->order.sequence = 1;
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_DENIED);
    assert_non_null(strstr(kit->result.text, "does not seal to"));
    assert_non_null(strstr(kit->result.remedy, "koffer-agent.conf"));
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "etc", 2), RC_DENIED);
}

/* Else what is sealed from then on could be kept from a sheet that the operator relies on. */
static void
a_host_that_pins_its_recipients_seals_to_all_of_them(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct id pinned[2] = {{{0}},
                           {{1}}}; /* the second: of a sheet that the controller does not name */
    CHECK_OK(keys_fingerprint(&kit->vault.recipients[0], &pinned[0], &e), &e);
    kit->options.pinned = pinned;
    kit->options.pinned_count = 2;
    job_kit_restart(kit);
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "etc", 1), RC_DENIED);
    assert_non_null(strstr(kit->result.text, "leaves out a recipient"));
    CHECK_RC(job_kit_do(kit, JOB_CAPTURE, "etc", 1), RC_OK);
    kit->order.sequence = 1;
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_DENIED);
    assert_non_null(strstr(kit->result.remedy, "koffer-agent.conf"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stranger_cannot_name_a_recipient),
        TEST(refused_recipients_leave_the_old_ones),
        TEST(nothing_is_done_before_the_controller_has_named_its_vault),
        TEST(unsigned_restore_is_refused),
        TEST(a_host_that_pins_its_recipients_seals_to_no_other),
        TEST(a_host_that_pins_its_recipients_seals_to_all_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
