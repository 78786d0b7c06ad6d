/* test_ldif.c -- RFC 2849 as the directory server writes it, and everything else refused. */
#include "agent/source/ldap/ldif.h"

#include "tests/support/check.h"

static struct arena *arena;

static int
set_up(void **state)
{
    (void)state;
    arena = arena_new(1u << 20);
    return arena == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct ldif_entry *
first(const char *text)
{
    struct error e = ERROR_INIT;
    const struct ldif_entry *entry;
    struct ldif_reader r = ldif_read(span_of(text, strlen(text)));
    CHECK_OK(ldif_next(&r, arena, &entry, &e), &e);
    return entry;
}

static void
folded_lines_are_one_value(void **state)
{
    (void)state;
    const struct ldif_entry *entry = first("dn: cn=a,\n dc=b\ncn: one\n  two\n\n");
    assert_string_equal(entry->dn, "cn=a,dc=b");
    assert_string_equal(ldif_value(entry, "CN"), "one two");
}

static void
base64_values_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"dn: x\na:: \n", ""},        {"dn: x\na:: QQ==\n", "A"},      {"dn: x\na:: QUI=\n", "AB"},
        {"dn: x\na:: QUJD\n", "ABC"}, {"dn: x\na:: QU\n JD\n", "ABC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(ldif_value(first(cases[i].text), "a"), cases[i].want);
    assert_string_equal(first("dn:: Y249YQ==\nb: c\n")->dn, "cn=a");
}

static void
comments_blank_lines_and_the_version_are_passed_over(void **state)
{
    (void)state;
    const struct ldif_entry *entry = first("version: 1\n\n# a comment\n that goes on\n\n\ndn: x\n"
                                           "# inside\na: b\r\n\r\n");
    assert_string_equal(entry->dn, "x");
    assert_string_equal(ldif_value(entry, "a"), "b");
    assert_int_equal(entry->line, 7);
    assert_null(first(""));
    assert_null(first("\n\n# nothing\n"));
}

static void
damage_is_named_with_its_line(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "cn: a\n\n",
        "dn: a\nwithout colon\n",
        "dn: a\nb:: Q\n",
        "dn: a\nb:: Q!==\n",
        "dn: a\nb:< file:///etc/passwd\n",
        "dn: a\n:x\n",
        " x\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        const struct ldif_entry *entry;
        struct ldif_reader r = ldif_read(span_of(cases[i], strlen(cases[i])));
        CHECK_RC(ldif_next(&r, arena, &entry, &e), RC_CORRUPT);
        assert_non_null(strstr(e.text, "line "));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_lines_are_one_value),
        cmocka_unit_test(base64_values_are_decoded),
        cmocka_unit_test(comments_blank_lines_and_the_version_are_passed_over),
        cmocka_unit_test(damage_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
