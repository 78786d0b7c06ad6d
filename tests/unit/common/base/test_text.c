/* test_text.c -- what comes from outside cannot fool a terminal. */
#include "common/base/text.h"

#include <string.h>

#include "tests/support/check.h"

static void
must_show(const char *text, const char *shown)
{
    char out[256];
    assert_string_equal(text_escape(span_of(text, strlen(text)), out, sizeof out), shown);
}

static void
letters_of_all_languages_stay(void **state)
{
    (void)state;
    must_show("Postf\xc3\xa4"
              "cher \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x82\xac \xf0\x9f\x92\xbc",
              "Postf\xc3\xa4"
              "cher \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x82\xac \xf0\x9f\x92\xbc");
}

static void
controls_and_stray_bytes_are_escaped(void **state)
{
    (void)state;
    must_show("\x1b[2J\r\n\x7f", "\\x1b[2J\\x0d\\x0a\\x7f");
    must_show("\xc2\x9b"
              "31m",
              "\\xc2\\x9b31m"); /* C1: CSI */
    must_show("\xff\xc3", "\\xff\\xc3");
    must_show("back\\slash", "back\\x5cslash");
}

static void
writing_direction_cannot_be_turned(void **state)
{
    (void)state;
    must_show("a\xe2\x80\xae"
              "b",
              "a\\xe2\\x80\\xaeb"); /* right-to-left override */
    must_show("a\xe2\x81\xa6"
              "b",
              "a\\xe2\\x81\\xa6b"); /* left-to-right isolate */
    must_show("a\xe2\x80\x8f"
              "b",
              "a\\xe2\\x80\\x8fb"); /* right-to-left mark */
    must_show("a\xd8\x9c"
              "b",
              "a\\xd8\\x9cb"); /* Arabic letter mark */
    must_show("a\xe2\x80\xa8"
              "b",
              "a\\xe2\\x80\\xa8b");            /* line separator */
    must_show("\xe2\x80\x94", "\xe2\x80\x94"); /* a dash is none of them */
}

static void
durations_and_sizes_are_said_as_people_do(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {{3, "3 s"}, {250, "4 min 10 s"}, {7500, "2 h 5 min"}, {273600, "3 d 4 h"}};
    char out[TEXT_DURATION_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(text_duration(cases[i].seconds, out), cases[i].text);
}

static void
a_blank_before_the_unit_is_fine(void **state)
{
    struct error e = ERROR_INIT;
    uint64_t value = 0;
    (void)state;
    CHECK_OK(text_parse_size("16  MiB", &value, &e), &e);
    assert_int_equal(value, 16 << 20);
    CHECK_OK(text_parse_duration("2 w", &value, &e), &e);
    assert_int_equal(value, 2 * 7 * 86400);
    CHECK_RC(text_parse_duration("2 months", &value, &e), RC_INVALID);
    CHECK_RC(text_parse_size("99999999999T", &value, &e), RC_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_all_languages_stay),
        cmocka_unit_test(controls_and_stray_bytes_are_escaped),
        cmocka_unit_test(writing_direction_cannot_be_turned),
        cmocka_unit_test(durations_and_sizes_are_said_as_people_do),
        cmocka_unit_test(a_blank_before_the_unit_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
