/* test_capture_progress.c -- the phase is a text of the progress itself: whoever said it may be gone. */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "agent/capture/capture.h"

static void
a_phase_outlives_what_it_was_made_of(void **unused)
{
    (void)unused;
    struct capture_progress p = {0};
    char out[CAPTURE_PHASE_SIZE];
    assert_string_equal(capture_progress_phase(&p, out), "");
    char *said = strdup("read /srv/data");
    assert_non_null(said);
    capture_progress_say(&p, said);
    free(said);
    assert_string_equal(capture_progress_phase(&p, out), "read /srv/data");
    capture_progress_say(&p, "seal");
    assert_string_equal(capture_progress_phase(&p, out), "seal");
}

static void
a_long_phase_is_cut_and_ends(void **unused)
{
    (void)unused;
    struct capture_progress p = {0};
    char out[CAPTURE_PHASE_SIZE], said[1000];
    memset(said, 'x', sizeof said - 1);
    said[sizeof said - 1] = '\0';
    capture_progress_say(&p, said);
    assert_int_equal(strlen(capture_progress_phase(&p, out)), CAPTURE_PHASE_SIZE - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phase_outlives_what_it_was_made_of),
        cmocka_unit_test(a_long_phase_is_cut_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
