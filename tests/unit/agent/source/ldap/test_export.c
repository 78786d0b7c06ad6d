/* test_export.c -- an export is good only when file, task and server say the same. */
#include "agent/source/ldap/export.h"

#include "agent/source/ldap/dse.h"
#include "tests/support/check.h"

static const struct dse_backend backend = {.name = "userRoot"};
static const struct export_request request = {.backend = &backend, .folder = "/staging/x"};

static struct ldif_count
count_of(const char *text)
{
    struct ldif_count count = LDIF_COUNT_INIT;
    ldif_count_feed(&count, span_of(text, strlen(text)));
    return count;
}

static const char two[] = "version: 1\n\ndn: o=a\no: a\n\ndn: o=b\no: b\n\n";

static void
file_and_task_and_server_must_agree(void **state)
{
    const struct ldif_count count = count_of(two);
    struct error e = ERROR_INIT;
    bool agrees = false;
    (void)state;
    CHECK_OK(export_judge(&request, &count, 2, (const uint64_t[]){2, 2}, &agrees, &e), &e);
    assert_true(agrees);
    CHECK_OK(export_judge(&request, &count, 2, (const uint64_t[]){3, 4}, &agrees, &e), &e);
    assert_false(agrees);
    CHECK_OK(export_judge(&request, &count, 2, (const uint64_t[]){1, 0}, &agrees, &e), &e);
    assert_false(agrees);
}

static void
entries_may_come_and_go_meanwhile(void **state)
{
    const struct ldif_count count = count_of(two);
    struct error e = ERROR_INIT;
    bool agrees = false;
    (void)state;
    CHECK_OK(export_judge(&request, &count, 2, (const uint64_t[]){1, 3}, &agrees, &e), &e);
    assert_true(agrees);
    agrees = false;
    CHECK_OK(export_judge(&request, &count, 2, (const uint64_t[]){3, 2}, &agrees, &e), &e);
    assert_true(agrees);
}

static void
a_file_with_fewer_or_more_entries_than_the_task_wrote_is_corrupt(void **state)
{
    const struct ldif_count count = count_of(two);
    struct error e = ERROR_INIT;
    bool agrees;
    (void)state;
    CHECK_RC(export_judge(&request, &count, 3, (const uint64_t[]){2, 2}, &agrees, &e), RC_CORRUPT);
    assert_non_null(strstr(e.text, "holds 2 entries, the server says it wrote 3"));
    CHECK_RC(export_judge(&request, &count, 1, (const uint64_t[]){2, 2}, &agrees, &e), RC_CORRUPT);
}

static void
a_file_that_is_cut_off_is_corrupt(void **state)
{
    const struct ldif_count count = count_of("version: 1\n\ndn: o=a\no: a\n\ndn: o=b\no:");
    struct error e = ERROR_INIT;
    bool agrees;
    (void)state;
    CHECK_RC(export_judge(&request, &count, 2, (const uint64_t[]){2, 2}, &agrees, &e), RC_CORRUPT);
    assert_non_null(strstr(e.text, "cut off"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_and_task_and_server_must_agree),
        cmocka_unit_test(entries_may_come_and_go_meanwhile),
        cmocka_unit_test(a_file_with_fewer_or_more_entries_than_the_task_wrote_is_corrupt),
        cmocka_unit_test(a_file_that_is_cut_off_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
