/* test_record_skew.c -- the skew is what the clocks say, or nothing. */
#include "common/record/record.h"

#include "tests/support/check.h"

static void
add(struct record_skew *s, int64_t until, int64_t offset)
{
    const struct record_clock clock = {.offset_ns = offset};
    record_skew_add(s, (struct wall){until}, &clock);
}

static void
clocks_are_corrected(void **state)
{
    struct record_skew s = {0};
    (void)state;
    add(&s, 1000, 0);
    assert_int_equal(record_skew_ns(&s), 0);
    add(&s, 6007, 5000);   /* a clock that is ahead */
    add(&s, -1997, -3000); /* and one that is behind */
    assert_int_equal(record_skew_ns(&s), 7);
}

static void
without_snapshots_or_clocks_there_is_none(void **state)
{
    struct record_skew s = {0};
    (void)state;
    assert_int_equal(record_skew_ns(&s), -1);
    add(&s, 1000, 0);
    add(&s, 1000, RECORD_CLOCK_UNKNOWN);
    assert_int_equal(record_skew_ns(&s), -1);
}

static void
the_oddest_times_give_a_skew(void **state)
{
    struct record_skew s = {0};
    (void)state;
    add(&s, INT64_MAX, INT64_MIN + 1);
    add(&s, INT64_MIN, INT64_MAX);
    assert_true(record_skew_ns(&s) == INT64_MAX);
}

static void
a_snapshot_is_what_a_driver_took(void **state)
{
    static const struct record_fact lvm[] = {{"entries", "3"}, {"cut.driver", "lvm"}};
    static const struct record_fact none[] = {{"cut.driver", "none"}};
    struct record_archive a = {.cut_from = {1}, .cut_until = {2}};
    (void)state;
    assert_false(record_archive_is_snapshot(&a)); /* an export */
    a.facts = lvm;
    a.fact_count = 2;
    assert_true(record_archive_is_snapshot(&a));
    a.cut_until.ns = 0;
    assert_false(record_archive_is_snapshot(&a));
    a.cut_until.ns = 2;
    a.facts = none;
    a.fact_count = 1;
    assert_false(record_archive_is_snapshot(&a));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_are_corrected),
        cmocka_unit_test(without_snapshots_or_clocks_there_is_none),
        cmocka_unit_test(the_oddest_times_give_a_skew),
        cmocka_unit_test(a_snapshot_is_what_a_driver_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
