/* test_job_busy.c -- what happens while a step runs: cancel, deadline, a second order, the end of the agent. */
#include "agent/job/job.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/check.h"
#include "tests/support/job_kit.h"

/* The capture stands still in its store until the test lets it go on. */
static struct {
    sem_t reached, go_on;
    bool hold;
} gate;

static void
stand_still(struct capture_kit *kit, struct span blob)
{
    (void)kit;
    (void)blob;
    if (!gate.hold)
        return;
    gate.hold = false;
    assert_int_equal(sem_post(&gate.reached), 0);
    assert_int_equal(sem_wait(&gate.go_on), 0);
}

static int
begin(void **state)
{
    struct job_kit *kit = job_kit_new();
    capture_kit_write_text(kit->capture, "hosts", "127.0.0.1 localhost\n");
    assert_int_equal(sem_init(&gate.reached, 0, 0), 0);
    assert_int_equal(sem_init(&gate.go_on, 0, 0), 0);
    gate.hold = true;
    kit->capture->store.on_call = stand_still;
    *state = kit;
    return 0;
}

static int
end(void **state)
{
    job_kit_free(*state);
    return 0;
}

static uint64_t
start_capture(struct job_kit *kit, uint32_t deadline_seconds)
{
    struct error e = ERROR_INIT;
    uint64_t job;
    kit->order.deadline_seconds = deadline_seconds;
    CHECK_OK(job_kit_submit(kit, JOB_CAPTURE, "etc", 1, &job, &e), &e);
    assert_int_equal(sem_wait(&gate.reached), 0);
    return job;
}

static void
let_go_on(void)
{
    assert_int_equal(sem_post(&gate.go_on), 0);
}

static bool
holds_staging(const struct job_kit *kit)
{
    char path[160];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/source.etc", kit->staging);
    return stat(path, &about) == 0;
}

static void
cancelled_capture_says_so(void **state)
{
    struct job_kit *kit = *state;
    uint64_t job = start_capture(kit, 0);
    job_cancel(kit->board, job + 1000); /* unknown: nothing */
    job_cancel(kit->board, job);
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_CANCELLED);
    CHECK_RC(job_kit_do(kit, JOB_SEAL, "etc", 1), RC_NOT_FOUND);
    CHECK_RC(job_kit_do(kit, JOB_RELEASE, "etc", 1), RC_OK);
    assert_false(holds_staging(kit));
}

static void
busy_source_takes_no_second_step(void **state)
{
    struct job_kit *kit = *state;
    uint64_t job = start_capture(kit, 0);
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "etc", 1), RC_AGAIN);
    assert_non_null(strstr(kit->result.text, "busy"));
    CHECK_RC(job_kit_do(kit, JOB_CHECK, "other", 1), RC_NOT_FOUND); /* its path; but it ran */
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_OK);
}

static void
same_order_again_is_the_same_job(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    uint64_t job = start_capture(kit, 0);
    struct job_order again = {.job = job, .cycle = 1, .verb = JOB_CAPTURE, .source = "etc"};
    CHECK_OK(job_submit(kit->board, &again, &e), &e);
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_OK);
}

static void
early_release_is_done_when_the_step_has_ended(void **state)
{
    struct job_kit *kit = *state;
    uint64_t job = start_capture(kit, 0);
    CHECK_RC(job_kit_do(kit, JOB_RELEASE, "etc", 1), RC_AGAIN);
    job_tick(kit->board, true);
    assert_true(holds_staging(kit));
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_CANCELLED);
    job_tick(kit->board, true);
    assert_false(holds_staging(kit));
    CHECK_RC(job_kit_do(kit, JOB_CAPTURE, "etc", 1), RC_OK); /* and a new start is free */
    job_tick(kit->board, true);
    assert_true(holds_staging(kit));
}

static void
lease_over_ends_the_step_first(void **state)
{
    struct job_kit *kit = *state;
    kit->options.lease_ms = 0;
    job_kit_restart(kit);
    uint64_t job = start_capture(kit, 0);
    job_tick(kit->board, false);
    job_tick(kit->board, false);
    assert_true(holds_staging(kit));
    let_go_on();
    while (holds_staging(kit)) {
        assert_int_equal(sem_wait(&kit->woken), 0);
        job_tick(kit->board, false);
    }
    (void)job; /* dropped: nobody asks for its result */
}

/* The controller may be back before the step has ended, and is told why. */
static void
step_that_the_lease_ended_says_so(void **state)
{
    struct job_kit *kit = *state;
    kit->options.lease_ms = 0;
    job_kit_restart(kit);
    uint64_t job = start_capture(kit, 0);
    job_tick(kit->board, false);
    job_tick(kit->board, false);
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_TIMEOUT);
    assert_non_null(strstr(kit->result.text, "lease"));
}

static void
end_of_the_agent_ends_the_step_and_clears_away(void **state)
{
    struct job_kit *kit = *state;
    (void)start_capture(kit, 0);
    let_go_on();
    job_board_free(kit->board);
    kit->board = NULL;
    assert_false(holds_staging(kit));
}

static void
step_past_its_deadline_is_stopped(void **state)
{
    struct job_kit *kit = *state;
    struct mono start = clock_mono();
    uint64_t job = start_capture(kit, 1);
    while (clock_ms_until(clock_after_ms(start, 1100), clock_mono()) > 0)
        job_tick(kit->board,
                 true); /* a loop does this once a second; the clock is the event here */
    job_tick(kit->board, true);
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_TIMEOUT);
}

static void
reconnect_in_the_middle_does_not_change_the_vault_of_a_step(void **state)
{
    struct job_kit *kit = *state;
    struct error e = ERROR_INIT;
    struct job_vault other = kit->vault;
    uint64_t job = start_capture(kit, 0);
    other.epoch++;
    CHECK_OK(job_set_vault(kit->board, &other, &e),
             &e); /* the thread sanitizer would see a shared one */
    let_go_on();
    job_kit_wait(kit, job);
    CHECK_RC(kit->result.rc, RC_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cancelled_capture_says_so),
        TEST(busy_source_takes_no_second_step),
        TEST(same_order_again_is_the_same_job),
        TEST(early_release_is_done_when_the_step_has_ended),
        TEST(lease_over_ends_the_step_first),
        TEST(step_that_the_lease_ended_says_so),
        TEST(end_of_the_agent_ends_the_step_and_clears_away),
        TEST(step_past_its_deadline_is_stopped),
        TEST(reconnect_in_the_middle_does_not_change_the_vault_of_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
