/* test_table.c -- tables, as they are read. */
#include "tests/support/check.h"

#include "common/base/table.h"

static void
columns_are_aligned_and_foreign_text_is_escaped(void **unused)
{
    (void)unused;
    static const char *const titles[] = {"NAME", ">SIZE", "PROBLEM", NULL};
    struct error e = ERROR_INIT;
    CLEANUP(table_freep) struct table *t = NULL;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    CHECK_OK(table_new(titles, &t, &e), &e);
    table_put(t, "m\xc3\xbcller");
    table_put_size(t, 2048);
    table_put(t, "%s", "\033[31mred");
    table_put(t, "a");
    table_put_size(t, 5);
    table_put_time(t, 0);
    CHECK_OK(table_print(t, out, &e), &e);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "NAME        SIZE  PROBLEM\n"
                              "m\xc3\xbcller  2.00 KiB  \\x1b[31mred\n"
                              "a            5 B  -\n");
    free(text);
}

static void
an_empty_table_shows_its_titles(void **unused)
{
    (void)unused;
    static const char *const titles[] = {"A", ">B", NULL};
    struct error e = ERROR_INIT;
    CLEANUP(table_freep) struct table *t = NULL;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    CHECK_OK(table_new(titles, &t, &e), &e);
    CHECK_OK(table_print(t, out, &e), &e);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "A  B\n");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_foreign_text_is_escaped),
        cmocka_unit_test(an_empty_table_shows_its_titles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
