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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_all_languages_stay),
        cmocka_unit_test(controls_and_stray_bytes_are_escaped),
        cmocka_unit_test(writing_direction_cannot_be_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
