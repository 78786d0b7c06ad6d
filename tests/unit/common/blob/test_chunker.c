/* test_chunker.c -- the constants and the corners of the chunker. */
#include "common/blob/chunker.h"

#include <stdlib.h>

#include "common/blob/chunker_gear.h"
#include "tests/support/check.h"

static uint64_t
splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void
gear_table_is_splitmix64(void **state)
{
    (void)state;
    uint64_t seed = CHUNKER_GEAR_SEED;
    for (size_t i = 0; i < 256; i++)
        assert_true(chunker_gear_table[i] == splitmix64(&seed));
}

static void
short_content_is_one_chunk(void **state)
{
    (void)state;
    static const uint8_t zeros[16 * 1024];
    assert_int_equal(chunker_cut(&chunker_dump, span_of(zeros, sizeof zeros), true), sizeof zeros);
    assert_int_equal(chunker_cut(&chunker_dump, span_of(zeros, 1), true), 1);
    assert_int_equal(chunker_cut(&chunker_dump, span_of(zeros, 0), true), 0);
    assert_int_equal(chunker_cut(&chunker_dump, span_of(zeros, sizeof zeros), false), 0);
}

static void
content_without_a_cut_is_cut_at_max(void **state)
{
    (void)state;
    static const uint8_t zeros[300 * 1024];
    struct span bytes = span_of(zeros, sizeof zeros);
    assert_int_equal(chunker_cut(&chunker_dump, bytes, false), chunker_dump.max);
    bytes.len = chunker_dump.max - 1;
    assert_int_equal(chunker_cut(&chunker_dump, bytes, false), 0);
    assert_int_equal(chunker_cut(&chunker_dump, bytes, true), bytes.len);
}

/* The definition of docs/formats/chunking.md, word for word. */
static size_t
cut_by_definition(const struct chunker_sizes *sizes, struct span b)
{
    unsigned k = (unsigned)__builtin_ctzll(sizes->average);
    size_t end = b.len < sizes->max ? b.len : sizes->max;
    for (size_t n = sizes->min; n < end; n++) {
        uint64_t h = 0;
        for (unsigned j = 0; j < 64; j++)
            h += chunker_gear_table[b.data[n - 1 - j]] << j;
        if (h < UINT64_C(1) << (n < sizes->average ? 64 - k - 2 : 64 - k + 2))
            return n;
    }
    return end;
}

static void
cuts_are_where_the_specification_says(void **state)
{
    (void)state;
    static const struct chunker_sizes small = {64, 256, 1024};
    static uint8_t noise[32 * 1024];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)splitmix64(&seed);

    struct span rest = span_of(noise, sizeof noise);
    while (rest.len > 0) {
        size_t n = chunker_cut(&small, rest, true);
        assert_int_equal(n, cut_by_definition(&small, rest));
        rest = span_of(rest.data + n, rest.len - n);
    }
}

static void
first_cut_of_known_noise_never_moves(void **state)
{
    (void)state;
    enum { LENGTH = 4 << 20, FIRST = 1582471, SECOND = 67784 };
    uint8_t *noise = malloc(LENGTH);
    assert_non_null(noise);
    uint64_t seed = 2;
    for (size_t i = 0; i < LENGTH; i++)
        noise[i] = (uint8_t)splitmix64(&seed);
    assert_int_equal(chunker_cut(&chunker_file, span_of(noise, LENGTH), true), FIRST);
    assert_int_equal(chunker_cut(&chunker_dump, span_of(noise, LENGTH), true), SECOND);
    free(noise);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gear_table_is_splitmix64),
        cmocka_unit_test(short_content_is_one_chunk),
        cmocka_unit_test(content_without_a_cut_is_cut_at_max),
        cmocka_unit_test(cuts_are_where_the_specification_says),
        cmocka_unit_test(first_cut_of_known_noise_never_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
