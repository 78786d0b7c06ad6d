/* test_clock.c -- times from outside, however odd, are times. */
#include "common/base/clock.h"

#include "tests/support/check.h"

static void
difference_of_odd_times_stops_at_the_ends(void **state)
{
    (void)state;
    const struct wall first = {INT64_MIN}, last = {INT64_MAX},
                      now = {1700000000 * CLOCK_NS_PER_SECOND};
    assert_int_equal(clock_between(now, (struct wall){now.ns + 5}), 5);
    assert_int_equal(clock_between(now, (struct wall){now.ns - 5}), -5);
    assert_int_equal(clock_between(first, now), INT64_MAX);
    assert_int_equal(clock_between(now, first), INT64_MIN);
    assert_int_equal(clock_between(first, last), INT64_MAX);
    assert_int_equal(clock_between(last, first), INT64_MIN);
}

static void
odd_seconds_stop_at_the_ends(void **state)
{
    (void)state;
    assert_int_equal(clock_wall_of(2, 3).ns, 2 * CLOCK_NS_PER_SECOND + 3);
    assert_int_equal(clock_wall_of(-2, 3).ns, -2 * CLOCK_NS_PER_SECOND + 3);
    assert_int_equal(clock_wall_of(INT64_MAX, 0).ns, INT64_MAX);
    assert_int_equal(clock_wall_of(INT64_MIN, 999999999).ns, INT64_MIN);
    assert_int_equal(clock_wall_of(INT64_MAX / CLOCK_NS_PER_SECOND, 999999999).ns, INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(difference_of_odd_times_stops_at_the_ends),
        cmocka_unit_test(odd_seconds_stop_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
