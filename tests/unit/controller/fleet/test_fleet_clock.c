/* test_fleet_clock.c -- the offset is right to within the uncertainty, whatever an agent says. */
#include "controller/fleet/fleet_clock.h"

#include "tests/support/check.h"

#define MS CLOCK_NS_PER_MS

/* A trip of `out` and `back`, with `inside` at the agent, whose clock is `off`.  Begins at `at` of both our clocks. */
static bool
trip(struct fleet_clock_measure *m, int64_t at, int64_t off, int64_t out, int64_t inside,
     int64_t back)
{
    static uint64_t number;
    assert_true(fleet_clock_wants(m));
    fleet_clock_ask(m, ++number, (struct wall){at}, (struct mono){at});
    assert_false(fleet_clock_wants(m));
    return fleet_clock_answer(m, number, (struct wall){at + out + off},
                              (struct wall){at + out + inside + off},
                              (struct mono){at + out + inside + back});
}

static void
the_quickest_of_three_counts(void **state)
{
    struct fleet_clock_measure m;
    (void)state;
    fleet_clock_begin(&m);
    assert_true(trip(&m, 1000 * MS, 250 * MS, 40 * MS, 0, 0));
    assert_true(trip(&m, 2000 * MS, 250 * MS, 2 * MS, 7 * MS, 2 * MS));
    assert_true(trip(&m, 3000 * MS, 250 * MS, 0, 0, 90 * MS));
    assert_false(fleet_clock_wants(&m));
    assert_int_equal(m.best.offset_ns, 250 * MS);
    assert_int_equal(m.best.uncertainty_ns, 2 * MS);
}

static void
the_true_offset_lies_within_the_uncertainty(void **state)
{
    static const int64_t ways[] = {0, 1, 3 * MS, 77 * MS};
    (void)state;
    for (size_t out = 0; out < 4; out++) {
        for (size_t back = 0; back < 4; back++) {
            struct fleet_clock_measure m;
            fleet_clock_begin(&m);
            assert_true(trip(&m, 500 * MS, -9 * MS, ways[out], MS, ways[back]));
            assert_in_range(-9 * MS - m.best.offset_ns + m.best.uncertainty_ns, 0,
                            2 * m.best.uncertainty_ns);
        }
    }
}

static void
an_answer_that_cannot_be_is_not_used(void **state)
{
    struct fleet_clock_measure m;
    (void)state;
    fleet_clock_begin(&m);
    assert_false(trip(&m, 1000 * MS, 0, 5 * MS, -1, 5 * MS)); /* sent before it was received */
    assert_int_equal(m.best.offset_ns, RECORD_CLOCK_UNKNOWN);
    assert_true(fleet_clock_wants(&m));
    fleet_clock_ask(&m, 99, (struct wall){0}, (struct mono){0});
    assert_false(fleet_clock_answer(&m, 98, (struct wall){0}, (struct wall){0}, (struct mono){5}));
    /* longer than the whole trip, and so far that it is no number any more */
    assert_false(fleet_clock_answer(&m, 99, (struct wall){INT64_MIN}, (struct wall){INT64_MAX},
                                    (struct mono){5}));
    assert_false(fleet_clock_answer(&m, 99, (struct wall){0}, (struct wall){0}, (struct mono){5}));
    assert_true(trip(&m, 0, 10, 5, 0, 5));
    assert_int_equal(m.best.offset_ns, 10);
}

static void
the_oddest_clock_is_no_overflow(void **state)
{
    static const int64_t odd[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct fleet_clock_measure m;
        fleet_clock_begin(&m);
        fleet_clock_ask(&m, 7, (struct wall){2000}, (struct mono){100});
        (void)fleet_clock_answer(&m, 7, (struct wall){odd[i]}, (struct wall){odd[i]},
                                 (struct mono){200});
        assert_true(m.best.offset_ns != RECORD_CLOCK_UNKNOWN || m.best.uncertainty_ns == 0);
    }
}

static void
a_new_measurement_forgets_the_old_one(void **state)
{
    struct fleet_clock_measure m;
    (void)state;
    fleet_clock_begin(&m);
    assert_true(trip(&m, 0, 10, 5, 0, 5));
    fleet_clock_stop(&m);
    assert_false(fleet_clock_wants(&m));
    assert_int_equal(m.best.offset_ns, 10);
    fleet_clock_begin(&m);
    assert_int_equal(m.best.offset_ns, RECORD_CLOCK_UNKNOWN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quickest_of_three_counts),
        cmocka_unit_test(the_true_offset_lies_within_the_uncertainty),
        cmocka_unit_test(an_answer_that_cannot_be_is_not_used),
        cmocka_unit_test(the_oddest_clock_is_no_overflow),
        cmocka_unit_test(a_new_measurement_forgets_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
