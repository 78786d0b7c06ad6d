/* test_lvm_report.c -- real output of LVM is understood, anything else is refused. */
#include "agent/snapshot/lvm_report.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/unit/agent/snapshot/lvm_recorded.h"

static struct lvm_report
read_recorded(void)
{
    struct lvm_report report;
    struct error e = ERROR_INIT;
    CHECK_OK(lvm_report_read(span_of(lvm_recorded, strlen(lvm_recorded)), &report, &e), &e);
    return report;
}

static void
a_real_report_is_read_whole(void **state)
{
    (void)state;
    CLEANUP(lvm_report_free) struct lvm_report report = read_recorded();
    assert_int_equal(report.count, 7);
    const struct lvm_volume *full = lvm_report_find(&report, "vg0", "koffer_17_mail_1");
    assert_non_null(full);
    assert_true(full->invalid);
    assert_string_equal(full->origin, "mail");
    assert_int_equal(full->data, 1000);
    assert_int_equal(full->metadata, -1);
    assert_int_equal(full->size, 8388608);
    assert_int_equal(full->extent, 4194304);
    assert_int_equal(full->group_free, 377487360);
    assert_int_equal(full->major, 253);
    assert_int_equal(full->minor, 8);
    assert_false(full->open);
    assert_string_equal(full->device, "/dev/mapper/vg0-koffer_17_mail_1");
    const struct lvm_volume *pool = lvm_report_find(&report, "vg0", "pool");
    assert_true(pool->open);
    assert_int_equal(pool->metadata, 109);
    const struct lvm_volume *hidden = lvm_report_find(&report, "vg0", "lvol0_pmspare");
    assert_non_null(hidden); /* printed in brackets */
    assert_int_equal(hidden->minor, -1);
    assert_false(hidden->open);
    assert_null(lvm_report_find(&report, "vg1", "mail"));
}

static void
a_tag_is_found_whole_or_not_at_all(void **state)
{
    (void)state;
    CLEANUP(lvm_report_free) struct lvm_report report = read_recorded();
    const struct lvm_volume *v = lvm_report_find(&report, "vg0", "koffer_17_thin_2");
    assert_true(lvm_report_has_tag(v, "koffer"));
    assert_true(lvm_report_has_tag(v, "koffer_cycle_17"));
    assert_true(lvm_report_has_tag(v, "koffer_agent_0123456789abcdef"));
    assert_false(lvm_report_has_tag(v, "koffer_cycle_1"));
    assert_false(lvm_report_has_tag(v, "koff"));
    assert_false(lvm_report_has_tag(v, ""));
    assert_false(lvm_report_has_tag(lvm_report_find(&report, "vg0", "mail"), "koffer"));
}

static void
what_lvm_does_not_print_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"report\":[]}",
        "{\"report\":[{\"lv\":{}}]}",
        "{\"report\":[{\"lv\":[{}]}]}",
        "{\"report\":[{\"lv\":[1]}]}",
        "  WARNING: something\n{\"report\":[{\"lv\":[]}]}",
    };
    struct error e = ERROR_INIT;
    struct lvm_report report;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_RC(lvm_report_read(span_of(bad[i], strlen(bad[i])), &report, &e), RC_PROTOCOL);
}

static void
a_host_without_volumes_has_an_empty_report(void **state)
{
    (void)state;
    static const char none[] = "{\"report\":[{\"lv\":[]}]}";
    struct error e = ERROR_INIT;
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    CHECK_OK(lvm_report_read(span_of(none, strlen(none)), &report, &e), &e);
    assert_int_equal(report.count, 0);
}

static void
each_value_that_is_out_of_bounds_is_refused_by_its_field(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *field;
    } changes[] = {
        {"\"lv_size\":\"8388608\"", "\"lv_size\":\"-388608\"", "lv_size"},
        {"\"data_percent\":\"100.00\"", "\"data_percent\":\"100.01\"", "data_percent"},
        {"\"data_percent\":\"100.00\"", "\"data_percent\":\"1e9999\"", "data_percent"},
        {"\"lv_kernel_minor\":\"8\"", "\"lv_kernel_minor\":\"x\"", "lv_kernel_minor"},
        {"\"lv_name\":\"mail\"", "\"lv_nama\":\"mail\"", "lv_name"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char text[sizeof lvm_recorded];
        struct error e = ERROR_INIT;
        struct lvm_report report;
        memcpy(text, lvm_recorded, sizeof text);
        char *at = strstr(text, changes[i].from);
        assert_non_null(at);
        memcpy(at, changes[i].to, strlen(changes[i].to));
        CHECK_RC(lvm_report_read(span_of(text, strlen(text)), &report, &e), RC_PROTOCOL);
        assert_non_null(strstr(e.text, changes[i].field));
    }
}

static void
the_state_of_a_snapshot_and_of_a_pool_are_told(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct lvm_status status;
    CHECK_OK(lvm_report_status("0 131072 snapshot 16/16384 16\n", &status, &e), &e);
    assert_true(status.valid);
    assert_int_equal(status.used, 16 * 512);
    assert_int_equal(status.total, 16384 * 512);
    assert_int_equal(status.metadata, -1);
    static const char *const gone[] = {
        "0 131072 snapshot Invalid\n", "0 131072 snapshot Overflow\n",
        "0 131072 snapshot Merge failed\n", "0 131072 thin-pool Fail\n"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        CHECK_OK(lvm_report_status(gone[i], &status, &e), &e);
        assert_false(status.valid);
    }
    CHECK_OK(
        lvm_report_status(
            "0 131072 thin-pool 2 112/1024 512/1024 - rw discard_passdown queue_if_no_space - 256 \n",
            &status, &e),
        &e);
    assert_true(status.valid);
    assert_int_equal(status.metadata, 109);
    assert_int_equal(status.used * 2, status.total);
    CHECK_OK(lvm_report_status(
                 "0 131072 thin-pool 2 112/1024 1024/1024 - out_of_data_space discard_passdown\n",
                 &status, &e),
             &e);
    assert_false(status.valid);
    static const char *const others[] = {"",
                                         "0 131072 linear \n",
                                         "0 131072 thin 0 -\n",
                                         "0 1 snapshot 9/8 1\n",
                                         "Device does not exist.\n",
                                         "0 8 thin-pool 2 5/4 0/1 - rw\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK_RC(lvm_report_status(others[i], &status, &e), RC_PROTOCOL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_report_is_read_whole),
        cmocka_unit_test(a_tag_is_found_whole_or_not_at_all),
        cmocka_unit_test(what_lvm_does_not_print_is_refused),
        cmocka_unit_test(a_host_without_volumes_has_an_empty_report),
        cmocka_unit_test(each_value_that_is_out_of_bounds_is_refused_by_its_field),
        cmocka_unit_test(the_state_of_a_snapshot_and_of_a_pool_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
