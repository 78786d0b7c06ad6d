/* test_chunker.c -- promises of the chunker on random content; PROP_SEED=n repeats a run. */
#include "common/blob/chunker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/check.h"

enum { LENGTH = 4 << 20, CUTS_MAX = LENGTH / 1024, ROUNDS = 20 };

static uint64_t prop_state;

static uint64_t
prop_rand(void)
{
    uint64_t z = prop_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void
fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = prop_rand();
        memcpy(bytes + i, &word, len - i < 8 ? len - i : 8);
    }
}

/* Ends of all chunks, as distances from the END of the content: an insertion in front keeps them. */
static size_t
cut_all(struct span rest, bool in_portions, size_t *ends)
{
    const struct chunker_sizes *sizes = &chunker_dump;
    size_t count = 0;
    while (rest.len > 0) {
        size_t n = 0;
        if (in_portions) { /* as a reader does it, whose buffer grows by small reads */
            for (size_t have = 0; n == 0 && have < rest.len; have += 40000)
                n = chunker_cut(sizes, span_of(rest.data, have), false);
        }
        if (n == 0)
            n = chunker_cut(sizes, rest, true);
        assert_true(n > 0 && n <= sizes->max);
        assert_true(n >= sizes->min || n == rest.len);
        rest = span_of(rest.data + n, rest.len - n);
        assert_true(count < CUTS_MAX);
        ends[count++] = rest.len;
    }
    return count;
}

static size_t
common_cuts(const size_t *a, size_t a_count, const size_t *b, size_t b_count)
{
    size_t common = 0;
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        common += a[i] == b[j];
        if (a[i] >= b[j])
            i++;
        else
            j++;
    }
    return common;
}

static void
chunks_cover_the_content_within_their_sizes(void **state)
{
    uint8_t *bytes = *state;
    static size_t whole[CUTS_MAX], portions[CUTS_MAX];
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t len = prop_rand() % LENGTH;
        fill(bytes, len);
        size_t count = cut_all(span_of(bytes, len), false, whole);
        size_t again = cut_all(span_of(bytes, len), true, portions);
        assert_int_equal(count, again);
        assert_memory_equal(whole, portions, count * sizeof *whole);
        assert_true(count == 0 || whole[count - 1] == 0);
    }
}

static void
an_insertion_moves_few_cuts(void **state)
{
    uint8_t *bytes = *state;
    static size_t before[CUTS_MAX], after[CUTS_MAX];
    for (unsigned round = 0; round < ROUNDS; round++) {
        const size_t grown = 1 + prop_rand() % 5000, len = LENGTH - 5000;
        const size_t place = prop_rand() % len;
        fill(bytes, len);
        size_t count = cut_all(span_of(bytes, len), false, before);
        memmove(bytes + place + grown, bytes + place, len - place);
        fill(bytes + place, grown);
        size_t count_after = cut_all(span_of(bytes, len + grown), false, after);

        /* Cuts before the place keep their distance from the front instead. */
        for (size_t i = 0; i < count && before[i] > len - place; i++)
            before[i] += grown;
        size_t kept = common_cuts(before, count, after, count_after);
        assert_true(kept + 12 >= count);
    }
}

static int
set_up(void **state)
{
    const char *text = getenv("PROP_SEED");
    prop_state = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    (void)fprintf(stderr, "PROP_SEED=%" PRIu64 "\n", prop_state);
    *state = malloc(LENGTH);
    return *state == NULL;
}

static int
tear_down(void **state)
{
    free(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_cover_the_content_within_their_sizes),
        cmocka_unit_test(an_insertion_moves_few_cuts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
