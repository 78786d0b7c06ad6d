/* test_window.c -- the frames on their way to a peer are never more than allowed. */
#include "tests/support/check.h"

#include "proto/hub.h"
#include "proto/window.h"

static void
closes_after_the_allowed_number_and_reopens_when_told(void **state)
{
    (void)state;
    struct window w = {.sent = 0};
    bool reopened = true;

    for (int i = 0; i < HUB_OUTSTANDING; i++) {
        assert_true(window_may_send(&w));
        window_sent(&w);
    }
    assert_true(window_acknowledged(&w, 0, &reopened));
    assert_false(reopened);
    assert_false(window_may_send(&w));
    assert_true(window_acknowledged(&w, 1, &reopened));
    assert_true(reopened);
    assert_true(window_may_send(&w));
}

static void
nobody_is_woken_who_was_not_refused(void **state)
{
    (void)state;
    struct window w = {.sent = HUB_OUTSTANDING};
    bool reopened = true;
    assert_true(window_acknowledged(&w, 5, &reopened));
    assert_false(reopened);
}

static void
an_old_number_changes_nothing_and_a_false_one_is_refused(void **state)
{
    (void)state;
    struct window w = {.sent = 10};
    bool reopened;
    assert_true(window_acknowledged(&w, 8, &reopened));
    assert_true(window_acknowledged(&w, 3, &reopened));
    assert_int_equal(w.acknowledged, 8);
    assert_false(window_acknowledged(&w, 11, &reopened));
}

static void
the_peer_is_told_long_before_it_must_stop(void **state)
{
    (void)state;
    struct window w = {.sent = 0};
    int before_telling = 1;
    while (!window_taken(&w))
        before_telling++;
    assert_true(before_telling <= HUB_OUTSTANDING / 2);
    assert_int_equal(window_tell(&w), before_telling);
    assert_false(window_taken(&w));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closes_after_the_allowed_number_and_reopens_when_told),
        cmocka_unit_test(nobody_is_woken_who_was_not_refused),
        cmocka_unit_test(an_old_number_changes_nothing_and_a_false_one_is_refused),
        cmocka_unit_test(the_peer_is_told_long_before_it_must_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
