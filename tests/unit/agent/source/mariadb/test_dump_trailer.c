/* test_dump_trailer.c -- only a dump that ends as mariadb-dump ends it is complete. */
#include "agent/source/mariadb/dump_trailer.h"

#include <string.h>

#include "tests/support/check.h"

static void
only_the_last_line_counts_in_any_slicing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool complete;
    } cases[] = {
        {"", false},
        {"-- Dump completed\n", true},
        {"-- a\n\n-- Dump completed\n", true},
        {"-- a\n\n-- Dump completed on 2026-11-24  1:36:00\n", true},
        {"-- a\n-- Dump completed", false},
        {"-- a\n-- Dump completed\n\n", false},
        {"-- Dump completed\nINSERT", false},
        {"-- Dump completed\nINSERT\n", false},
        {"('-- Dump completed\n", false},
        {"x-- Dump completed\n", false},
        {"-- Dump completedly\n", false},
        {"-- Dump completed on \n", false},
        {"\n", false},
        {"a line that is longer than the tail of a hundred and twenty-eight bytes kept by the "
         "scanner so that nothing of its beginning is known at the end\n",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 300; step += 13) {
            struct dump_trailer trailer = DUMP_TRAILER_INIT;
            size_t len = strlen(cases[i].text);
            for (size_t at = 0; at < len; at += step)
                dump_trailer_feed(&trailer,
                                  span_of(cases[i].text + at, len - at < step ? len - at : step));
            assert_int_equal(dump_trailer_complete(&trailer), cases[i].complete);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_last_line_counts_in_any_slicing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
