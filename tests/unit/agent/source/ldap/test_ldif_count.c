/* test_ldif_count.c -- entries are counted whatever pieces the LDIF comes in. */
#include "agent/source/ldap/ldif_count.h"

#include <string.h>

#include "agent/source/ldap/export.h"
#include "tests/support/check.h"

static void
any_slicing_counts_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned entries;
        bool ended;
    } cases[] = {
        {"", 0, false},
        {"version: 1\n\n# entry-id: 1\ndn: dc=a\ncn: b\n\ndn:: Y249YQ==\ncn: x\n\n", 2, true},
        {"dn: a\ndescription: x\n dn: folded\n\nDN: b\n", 2, true},
        {"dn: a\ncn: dn: b\n\n", 1, true},
        {"dn: a\ncn: cut of", 1, false},
        {"d\ndn\ndnx: 1\ndn:", 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 9; step++) {
            struct ldif_count count = LDIF_COUNT_INIT;
            size_t len = strlen(cases[i].text);
            for (size_t at = 0; at < len; at += step)
                ldif_count_feed(&count,
                                span_of(cases[i].text + at, len - at < step ? len - at : step));
            assert_int_equal(count.entries, cases[i].entries);
            assert_int_equal(ldif_count_ended(&count), cases[i].ended);
            assert_int_equal(count.bytes, len);
        }
}

static void
the_servers_number_is_read_from_its_last_report(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(export_processed("org: Processed 501 entries (100%).", &n));
    assert_int_equal(n, 501);
    assert_true(export_processed("x: Processed 1000 entries (20%).\nx: Processed 5001 entries "
                                 "(100%).\nExport finished.",
                                 &n));
    assert_int_equal(n, 5001);
    assert_false(export_processed("Export finished.", &n));
    assert_false(export_processed("Processed many entries", &n));
    assert_false(export_processed("Processed 12 apples", &n));
    assert_false(export_processed("Processed 99999999999999999999999999 entries", &n));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_slicing_counts_the_same),
        cmocka_unit_test(the_servers_number_is_read_from_its_last_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
