/* test_cycle_fsm.c -- properties of the whole table rather than examples from it. */
#include "tests/support/check.h"

#include "controller/cycle/cycle_fsm.h"

static bool
step(unsigned state, unsigned event, enum cycle_state *next)
{
    struct error e = ERROR_INIT;
    return cycle_fsm_next((enum cycle_state)state, (enum cycle_event)event, next, &e) == RC_OK;
}

static void
final_states_accept_nothing_and_only_they(void **unused)
{
    (void)unused;
    for (unsigned s = 0; s < CYCLE_STATE_COUNT_; s++) {
        unsigned exits = 0;
        for (unsigned v = 0; v < CYCLE_EVENT_COUNT_; v++)
            exits += step(s, v, &(enum cycle_state){0});
        assert_true(cycle_fsm_is_final((enum cycle_state)s) == (exits == 0));
    }
}

static void
every_live_cycle_takes_a_cancel_and_survives_a_restart(void **unused)
{
    (void)unused;
    for (unsigned s = 0; s < CYCLE_STATE_COUNT_; s++) {
        enum cycle_state next;
        if (cycle_fsm_is_final((enum cycle_state)s))
            continue;
        assert_true(step(s, CYCLE_CANCEL, &next));
        assert_true(step(s, CYCLE_RESTARTED, &next));
    }
}

static void
what_was_begun_is_released_before_the_end(void **unused)
{
    (void)unused;
    for (unsigned s = CYCLE_CHECKING; s <= CYCLE_SEALING; s++) {
        for (unsigned v = 0; v < CYCLE_EVENT_COUNT_; v++) {
            enum cycle_state next;
            if (step(s, v, &next))
                assert_false(cycle_fsm_is_final(next));
        }
    }
}

static void
a_committed_cycle_stays_committed_and_no_other_becomes_full(void **unused)
{
    (void)unused;
    for (unsigned s = 0; s < CYCLE_STATE_COUNT_; s++) {
        for (unsigned v = 0; v < CYCLE_EVENT_COUNT_; v++) {
            enum cycle_state next;
            if (!step(s, v, &next))
                continue;
            bool before = cycle_fsm_is_committed((enum cycle_state)s);
            bool after = cycle_fsm_is_committed(next);
            assert_true(after || !before);
            assert_true(before || !after || v == CYCLE_COMMITTED);
        }
    }
}

static void
nothing_is_cut_before_all_are_ready_nor_captured_before_all_are_cut(void **unused)
{
    static const struct {
        enum cycle_state state, only_before;
        enum cycle_event by;
    } order[] = {{CYCLE_READYING, CYCLE_CHECKING, CYCLE_CHECKED},
                 {CYCLE_CUTTING, CYCLE_READYING, CYCLE_READY},
                 {CYCLE_CAPTURING, CYCLE_CUTTING, CYCLE_CUT}};
    (void)unused;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        for (unsigned s = 0; s < CYCLE_STATE_COUNT_; s++) {
            for (unsigned v = 0; v < CYCLE_EVENT_COUNT_; v++) {
                enum cycle_state next;
                if (step(s, v, &next) && next == order[i].state)
                    assert_true(s == order[i].only_before && v == order[i].by);
            }
        }
    }
}

static void
names_lead_back_to_their_states(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    for (unsigned s = 0; s < CYCLE_STATE_COUNT_; s++) {
        enum cycle_state back = CYCLE_STATE_COUNT_;
        CHECK_OK(cycle_fsm_state_of(cycle_fsm_state_name((enum cycle_state)s), &back, &e), &e);
        assert_int_equal(back, s);
    }
    CHECK_RC(cycle_fsm_state_of("sleeping", &(enum cycle_state){0}, &e), RC_CORRUPT);
}

static void
a_nonsense_event_is_refused_in_words(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    enum cycle_state next = CYCLE_PLANNED;

    CHECK_RC(cycle_fsm_next(CYCLE_FULL, CYCLE_START, &next, &e), RC_INVALID);
    assert_int_equal(next, CYCLE_PLANNED);
    assert_string_equal(e.text, "a cycle that is full cannot take 'start'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_states_accept_nothing_and_only_they),
        cmocka_unit_test(every_live_cycle_takes_a_cancel_and_survives_a_restart),
        cmocka_unit_test(what_was_begun_is_released_before_the_end),
        cmocka_unit_test(a_committed_cycle_stays_committed_and_no_other_becomes_full),
        cmocka_unit_test(nothing_is_cut_before_all_are_ready_nor_captured_before_all_are_cut),
        cmocka_unit_test(names_lead_back_to_their_states),
        cmocka_unit_test(a_nonsense_event_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
