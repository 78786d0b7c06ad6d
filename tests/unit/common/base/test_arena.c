/* test_arena.c -- an arena keeps its limit, to the byte, and gives zeroed memory again after a reset. */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/check.h"

enum { UNIT = alignof(max_align_t) };

static void
no_more_is_given_than_the_limit(void **state)
{
    (void)state;
    CLEANUP(arena_freep) struct arena *a = arena_new(100000);
    assert_non_null(a);
    assert_null(arena_alloc(a, 100001));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_non_null(arena_alloc(a, 60000));
    assert_null(arena_alloc(a, 60000));
    assert_null(arena_printf(a, "%060000d", 1));
}

/* The last block is no larger than what is left. */
static void
the_last_bytes_below_the_limit_are_given(void **state)
{
    (void)state;
    CLEANUP(arena_freep) struct arena *a = arena_new(100000);
    assert_non_null(arena_alloc(a, 99000 / UNIT * UNIT));
    size_t left = 0;
    while (arena_alloc(a, UNIT) != NULL)
        left += UNIT;
    assert_true(left + 99000 / UNIT * UNIT + UNIT > 100000);
}

static void
what_was_used_is_zero_again_after_a_reset(void **state)
{
    static const char zero[64];
    (void)state;
    CLEANUP(arena_freep) struct arena *a = arena_new(100000);
    for (int i = 0; i < 5; i++) {
        char *first = arena_alloc(a, sizeof zero), *large = arena_alloc(a, 50000);
        assert_non_null(first);
        assert_non_null(large);
        assert_memory_equal(first, zero, sizeof zero);
        memset(first, 'x', sizeof zero);
        memset(large, 'x', 50000);
        assert_int_equal((uintptr_t)large % UNIT, 0);
        arena_reset(a);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_is_given_than_the_limit),
        cmocka_unit_test(the_last_bytes_below_the_limit_are_given),
        cmocka_unit_test(what_was_used_is_zero_again_after_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
