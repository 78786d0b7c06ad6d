/* test_job.c -- a source goes through a cycle; whatever happens in between, it lets go. */
#include "agent/job/job.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/job_kit.h"

static int
begin(void **state)
{
    struct job_kit *kit = job_kit_new();
    capture_kit_write_text(kit->capture, "hosts", "127.0.0.1 localhost\n");
    capture_kit_write_text(kit->capture, "scrap.tmp", "left out\n");
    *state = kit;
    return 0;
}

static int
end(void **state)
{
    job_kit_free(*state);
    return 0;
}

static void
must_do(struct job_kit *kit, enum job_verb verb, uint64_t cycle)
{
    if (job_kit_do(kit, verb, "etc", cycle) != RC_OK)
        fail_msg("step %d: %s", (int)verb, kit->result.text);
}

static void
must_seal(struct job_kit *kit, uint64_t cycle, uint64_t sequence)
{
    kit->order.sequence = sequence;
    if (sequence > 1)
        kit->order.previous = (struct id){{1}};
    must_do(kit, JOB_SEAL, cycle);
}

static void
must_release(struct job_kit *kit, uint64_t cycle, uint64_t sequence)
{
    kit->order.sequence = sequence;
    if (sequence != 0)
        kit->order.receipt = (struct id){{1}};
    must_do(kit, JOB_RELEASE, cycle);
}

static bool
is_there(const char *folder, const char *name)
{
    char path[256];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &about) == 0;
}

static bool
holds_staging(const struct job_kit *kit)
{
    return is_there(kit->staging, "source.etc");
}

/* ---- a cycle */

static void
record_is_what_was_captured_and_signed_by_us(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    CLEANUP(arena_freep) struct arena *arena = arena_new(LIMIT_RECORD);
    struct record_archive a;
    struct blob_ref root;
    struct keys_public ours;
    must_do(kit, JOB_CHECK, 1);
    must_do(kit, JOB_CAPTURE, 1);
    struct capture_result captured = kit->result.captured;
    assert_int_equal(captured.totals.files,
                     1); /* the exclusion holds when the capture is finished */
    assert_true(holds_staging(kit));
    must_seal(kit, 1, 5);

    CHECK_OK(record_decode_archive(buffer_span(&kit->result.record), arena, &a, &e), &e);
    CHECK_OK(keys_public_of(kit->signing, &ours, &e), &e);
    assert_memory_equal(a.signing_key.bytes, ours.bytes, KEYS_PUBLIC_SIZE);
    assert_string_equal(a.host, "imap1");
    assert_string_equal(a.source, "etc");
    assert_int_equal(a.cycle, 1);
    assert_int_equal(a.sequence, 5);
    assert_int_equal(a.state, RECORD_COMPLETE);
    assert_true(id_equal(&a.root, &captured.root.id));
    CHECK_OK(record_open_root(&a, kit->custody, &root, &e), &e);
    assert_memory_equal(&root.key, &captured.root.key, sizeof root.key);

    must_release(kit, 1, 5);
    assert_false(holds_staging(kit));
    assert_true(is_there(kit->state, "receipt"));
}

static void
second_capture_of_the_same_reads_no_file(void **state)
{
    struct job_kit *kit = *state;
    capture_kit_settle(kit->capture);
    must_do(kit, JOB_CAPTURE, 1);
    struct record_totals first = kit->result.captured.totals;
    assert_true(kit->result.bytes_read > 0);
    must_seal(kit, 1, 1);
    must_release(kit, 1, 1);
    assert_true(is_there(kit->state, "memory/etc"));

    job_kit_restart(kit); /* what it remembers is on the disk */
    must_do(kit, JOB_CAPTURE, 2);
    assert_int_equal(kit->result.bytes_read, 0); /* the root differs: /tmp above has changed */
    assert_memory_equal(&kit->result.captured.totals, &first, sizeof first);
    must_release(kit, 2, 0);
}

static void
archive_that_was_not_committed_is_not_remembered(void **state)
{
    struct job_kit *kit = *state;
    must_do(kit, JOB_CAPTURE, 1);
    must_seal(kit, 1, 1);
    must_release(kit, 1, 0);
    assert_false(is_there(kit->state, "memory/etc"));
    assert_false(is_there(kit->state, "receipt"));
}

static void
told_to_forget_it_forgets(void **state)
{
    struct job_kit *kit = *state;
    must_do(kit, JOB_CAPTURE, 1);
    must_seal(kit, 1, 1);
    must_release(kit, 1, 1);
    must_do(kit, JOB_CAPTURE, 2);
    kit->order.forget = true;
    must_release(kit, 2, 0);
    assert_false(is_there(kit->state, "memory/etc"));
}

static void
release_is_idempotent(void **state)
{
    struct job_kit *kit = *state;
    must_release(kit, 1, 0); /* of what never began */
    must_do(kit, JOB_CHECK, 1);
    must_release(kit, 1, 0);
    must_release(kit, 1, 0);
    must_do(kit, JOB_CHECK, 2);
    must_release(kit, 1, 0); /* of a cycle that is long gone */
    assert_true(holds_staging(kit));
}

/* ---- refusals */

static void
nonsense_is_refused_with_its_reason(void **state)
{
    struct job_kit *kit = *state;
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "nobody", 1), RC_NOT_FOUND);
    assert_non_null(strstr(kit->result.text, "'nobody'"));
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_NOT_FOUND);
    CHECK_RC(job_kit_do(kit, (enum job_verb)4, "etc", 1), RC_UNSUPPORTED);
    CHECK_RC(job_kit_do(kit, (enum job_verb)77, "etc", 1), RC_UNSUPPORTED);
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "other", 1), RC_NOT_FOUND); /* its path is missing */
    assert_non_null(strstr(kit->result.text, "optional-paths"));
    must_do(kit, JOB_CHECK, 1);
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_NOT_FOUND);
    assert_non_null(strstr(kit->result.text, "nothing to seal"));
}

/* 0 means "holds nothing": what such a step began would be let go by no lease and no release. */
static void
step_without_a_cycle_is_refused(void **state)
{
    struct job_kit *kit = *state;
    static const enum job_verb verbs[] = {JOB_CHECK, JOB_CAPTURE, JOB_SEAL, JOB_RELEASE};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        CHECK_RC(job_kit_do(kit, verbs[i], "etc", 0), RC_INVALID);
    assert_false(holds_staging(kit));
    must_do(kit, JOB_CHECK, 1);
}

static void
number_of_a_job_is_given_to_no_other_step(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct job_order order = {.cycle = 1, .verb = JOB_CHECK, .source = "etc"};
    CHECK_OK(job_kit_submit(kit, JOB_CHECK, "etc", 1, &order.job, &e), &e);
    CHECK_OK(job_submit(kit->board, &order, &e), &e); /* the same again */
    order.verb = JOB_RELEASE;
    CHECK_RC(job_submit(kit->board, &order, &e), RC_INVALID);
    order.verb = JOB_CHECK;
    order.cycle = 2;
    CHECK_RC(job_submit(kit->board, &order, &e), RC_INVALID);
    order.cycle = 1;
    (void)snprintf(order.source, sizeof order.source, "other");
    CHECK_RC(job_submit(kit->board, &order, &e), RC_INVALID);
    job_kit_wait(kit, order.job);
    CHECK_RC(kit->result.rc, RC_OK);
}

static void
sequence_that_was_committed_is_not_signed_again(void **state)
{
    struct job_kit *kit = *state;
    must_do(kit, JOB_CAPTURE, 1);
    must_seal(kit, 1, 7);
    must_release(kit, 1, 7);
    must_do(kit, JOB_CAPTURE, 2);
    for (uint64_t sequence = 6; sequence <= 7; sequence++) {
        kit->order.sequence = sequence;
        CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 2), RC_DENIED);
        assert_non_null(strstr(kit->result.remedy, "receipt"));
    }
    must_seal(kit, 2, 8);
    must_seal(kit, 2, 8); /* never committed: once more */
}

static void
sources_released_at_the_same_time_keep_the_newest_receipt(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    static const char *const sources[] = {"etc", "other"};
    for (uint64_t turn = 1; turn <= 50; turn++) {
        uint64_t jobs[2];
        for (unsigned i = 0; i < 2; i++) {
            kit->order.receipt = (struct id){{(uint8_t)turn, (uint8_t)i, 1}};
            kit->order.sequence = 2 * turn + i;
            CHECK_OK(job_kit_submit(kit, JOB_RELEASE, sources[i], turn, &jobs[i], &e), &e);
        }
        for (unsigned i = 0; i < 2; i++) {
            job_kit_wait(kit, jobs[i]);
            assert_int_equal(kit->result.rc, RC_OK);
        }
        char path[160];
        CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(256);
        (void)snprintf(path, sizeof path, "%s/receipt", kit->state);
        CHECK_OK(file_read(AT_FDCWD, path, &bytes, &e), &e);
        assert_int_equal(bytes.data[0], (2 * turn + 1) & 0xff);
    }
}

static void
damaged_receipt_is_said_and_holds_nothing(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    char path[128];
    must_do(kit, JOB_CAPTURE, 1);
    (void)snprintf(path, sizeof path, "%s/receipt", kit->state);
    CHECK_OK(file_replace(AT_FDCWD, path, span_of("x", 1), 0600, &e), &e);
    kit->order.sequence = 1;
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_CORRUPT);
    kit->order.sequence = 1;
    kit->order.receipt = (struct id){{1}};
    CHECK_RC(job_kit_do(kit, JOB_RELEASE, "etc", 1), RC_CORRUPT);
    assert_non_null(strstr(kit->result.text, "remove it"));
    assert_false(holds_staging(kit));
}

static void
vault_that_is_full_fails_the_capture(void **state)
{
    struct job_kit *kit = *state;
    kit->fail_finish = true;
    CHECK_RC(job_kit_do(kit, JOB_CAPTURE, "etc", 1), RC_NO_SPACE);
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_NOT_FOUND);
    kit->fail_finish = false;
    must_do(kit, JOB_CAPTURE, 1);
    must_seal(kit, 1, 1);
}

/* ---- what is held is let go */

static void
new_cycle_clears_away_the_last(void **state)
{
    struct job_kit *kit = *state;
    must_do(kit, JOB_CAPTURE, 1);
    must_do(kit, JOB_CHECK, 2);
    kit->order.sequence = 1;
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_NOT_FOUND);
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 2), RC_NOT_FOUND);
}

static void
lease_over_lets_go(void **state)
{
    struct job_kit *kit = *state;
    must_do(kit, JOB_CAPTURE, 1);
    job_tick(kit->board, false);
    job_tick(kit->board, false);
    assert_true(holds_staging(kit)); /* a minute has not passed */

    kit->options.lease_ms = 0;
    job_kit_restart(kit);
    must_do(kit, JOB_CAPTURE, 1);
    job_tick(kit->board, true);
    job_tick(kit->board, true);
    assert_true(holds_staging(kit));
    job_tick(kit->board, false);
    job_tick(kit->board, false);
    assert_false(holds_staging(kit));
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_NOT_FOUND);
}

static void
leftovers_of_an_earlier_process_are_reaped_and_only_those(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    char path[160];
    (void)snprintf(path, sizeof path, "%s/source.gone/below", kit->staging);
    CHECK_OK(file_make_directory(AT_FDCWD, path, 0700, &e), &e);
    (void)snprintf(path, sizeof path, "%s/mail", kit->staging);
    CHECK_OK(file_make_directory(AT_FDCWD, path, 0700, &e), &e);
    job_kit_restart(kit);
    assert_false(is_there(kit->staging, "source.gone"));
    assert_true(is_there(kit->staging, "mail")); /* not ours, whoever put it there */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(record_is_what_was_captured_and_signed_by_us),
        TEST(second_capture_of_the_same_reads_no_file),
        TEST(archive_that_was_not_committed_is_not_remembered),
        TEST(told_to_forget_it_forgets),
        TEST(release_is_idempotent),
        TEST(nonsense_is_refused_with_its_reason),
        TEST(step_without_a_cycle_is_refused),
        TEST(number_of_a_job_is_given_to_no_other_step),
        TEST(sequence_that_was_committed_is_not_signed_again),
        TEST(sources_released_at_the_same_time_keep_the_newest_receipt),
        TEST(damaged_receipt_is_said_and_holds_nothing),
        TEST(vault_that_is_full_fails_the_capture),
        TEST(new_cycle_clears_away_the_last),
        TEST(lease_over_lets_go),
        TEST(leftovers_of_an_earlier_process_are_reaped_and_only_those),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
