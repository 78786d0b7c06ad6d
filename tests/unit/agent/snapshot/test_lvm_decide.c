/* test_lvm_decide.c -- what may be removed, and how large a snapshot is made. */
#include "agent/snapshot/lvm_decide.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/unit/agent/snapshot/lvm_recorded.h"

#define MARK "0123456789abcdef"
#define MIB (UINT64_C(1024) * 1024)
#define GIB (1024 * MIB)

static struct lvm_report
read_recorded(void)
{
    struct lvm_report report;
    struct error e = ERROR_INIT;
    CHECK_OK(lvm_report_read(span_of(lvm_recorded, strlen(lvm_recorded)), &report, &e), &e);
    return report;
}

static struct lvm_volume *
find(struct lvm_report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->at[i].name, name) == 0)
            return &report->at[i];
    fail_msg("no '%s'", name);
    return NULL;
}

static void
our_snapshots_and_what_a_killed_lvcreate_left_may_be_removed_and_nothing_else(void **state)
{
    (void)state;
    CLEANUP(lvm_report_free) struct lvm_report report = read_recorded();
    const struct lvm_claim claim = {.mark = MARK};
    for (size_t i = 0; i < report.count; i++) {
        struct error e = ERROR_INIT;
        bool ours = strncmp(report.at[i].name, "koffer_17_", 10) == 0;
        CHECK_RC(lvm_decide_removal(&report, &report.at[i], &claim, &e), ours ? RC_OK : RC_DENIED);
    }
}

static void
check_refused(void (*change)(struct lvm_report *report, struct lvm_volume *v,
                             struct lvm_claim *claim),
              enum rc want, const char *word)
{
    static const char *const names[] = {"koffer_17_mail_1", "koffer_17_mail_3", "koffer_17_thin_2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CLEANUP(lvm_report_free) struct lvm_report report = read_recorded();
        struct error e = ERROR_INIT;
        struct lvm_claim claim = {.mark = MARK};
        struct lvm_volume *v = find(&report, names[i]);
        change(&report, v, &claim);
        CHECK_RC(lvm_decide_removal(&report, v, &claim, &e), want);
        assert_non_null(strstr(e.text, word));
        assert_non_null(strstr(e.text, v->name));
    }
}

static void
rename_it(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)claim;
    (void)snprintf(v->name, sizeof v->name, "mail2");
}

static void
untag_it(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)claim;
    (void)snprintf(v->tags, sizeof v->tags, "koffer,koffer_cycle_17");
}

static void
be_another(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)v;
    claim->mark = "fedcba9876543210";
}

static void
be_of_another_cycle(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)claim;
    (void)snprintf(v->tags, sizeof v->tags, "koffer,koffer_cycle_18,koffer_agent_" MARK);
}

static void
rest_on_it(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)claim;
    (void)snprintf(find(report, "thin")->origin, LVM_NAME_MAX + 1, "%s", v->name);
}

static void
be_a_pool(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)claim;
    v->attr[0] = 't';
}

static void
mount_it(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)v;
    claim->mounted = true;
}

static void
open_it(struct lvm_report *report, struct lvm_volume *v, struct lvm_claim *claim)
{
    (void)report;
    (void)claim;
    v->open = true;
}

static void
each_single_doubt_keeps_a_volume(void **state)
{
    (void)state;
    check_refused(rename_it, RC_DENIED, "name");
    check_refused(untag_it, RC_DENIED, "tags");
    check_refused(be_another, RC_DENIED, "tags");
    check_refused(be_of_another_cycle, RC_DENIED, "tags");
    check_refused(rest_on_it, RC_DENIED, "rests on it");
    check_refused(be_a_pool, RC_DENIED, "neither a snapshot");
    check_refused(mount_it, RC_DENIED, "mounted");
    check_refused(open_it, RC_AGAIN, "in use");
}

static void
a_snapshot_of_another_volume_than_the_ledger_says_is_kept(void **state)
{
    (void)state;
    CLEANUP(lvm_report_free) struct lvm_report report = read_recorded();
    struct error e = ERROR_INIT;
    const struct lvm_claim right = {.mark = MARK, .origin = "mail"},
                           wrong = {.mark = MARK, .origin = "root"};
    CHECK_OK(lvm_decide_removal(&report, find(&report, "koffer_17_mail_1"), &right, &e), &e);
    CHECK_RC(lvm_decide_removal(&report, find(&report, "koffer_17_mail_1"), &wrong, &e), RC_DENIED);
    CHECK_OK(lvm_decide_removal(&report, find(&report, "koffer_17_mail_3"), &right, &e), &e);
}

static void
only_a_whole_name_is_ours(void **state)
{
    (void)state;
    uint64_t cycle, serial;
    assert_true(lvm_decide_name("koffer_17_my_mail-1_4", &cycle, &serial));
    assert_int_equal(cycle, 17);
    assert_int_equal(serial, 4);
    assert_true(lvm_decide_name("koffer_0_x_18446744073709551615", &cycle, &serial));
    static const char *const others[] = {"koffer",
                                         "koffer_",
                                         "koffer_17",
                                         "koffer_17_4",
                                         "koffer_17__4",
                                         "koffer_17_x_",
                                         "koffer_17_x",
                                         "koffer_017_x_4",
                                         "koffer_x_x_4",
                                         "Koffer_17_x_4",
                                         "xkoffer_1_x_4",
                                         "koffer_17_x_4a",
                                         "koffer_1_x_18446744073709551616"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (lvm_decide_name(others[i], &cycle, &serial))
            fail_msg("'%s' passes for ours", others[i]);
}

static struct lvm_room
room_of(uint64_t origin, uint64_t total, uint64_t free)
{
    return (struct lvm_room){.group = "vg0",
                             .name = "mail",
                             .origin = origin,
                             .extent = 4 * MIB,
                             .total = total,
                             .free = free};
}

static uint64_t
size_of(const struct lvm_room *room)
{
    uint64_t size;
    struct error e = ERROR_INIT;
    CHECK_OK(lvm_decide_size(room, &size, &e), &e);
    assert_int_equal(size % room->extent, 0);
    return size;
}

static void
where_there_is_room_a_snapshot_cannot_overflow(void **state)
{
    (void)state;
    const struct lvm_room room = room_of(10 * GIB, 100 * GIB, 50 * GIB);
    assert_true(size_of(&room) > 10 * GIB);
    assert_true(size_of(&room) < 11 * GIB);
}

static void
otherwise_it_gets_twice_what_the_last_one_took_and_no_less_than_a_share(void **state)
{
    (void)state;
    struct lvm_room room = room_of(100 * GIB, 150 * GIB, 50 * GIB);
    assert_int_equal(size_of(&room), 15 * GIB);
    room.churned = 12 * GIB;
    assert_int_equal(size_of(&room), 24 * GIB);
    room.churned = 1;
    room.free = 20 * GIB; /* 7.5 of them are the reserve */
    assert_int_equal(size_of(&room), 10 * GIB);
}

static void
a_group_without_room_is_refused_with_both_figures_and_the_remedy(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    uint64_t size;
    struct lvm_room room = room_of(100 * GIB, 160 * GIB, 17 * GIB);
    CHECK_RC(lvm_decide_size(&room, &size, &e), RC_NO_SPACE);
    assert_non_null(strstr(e.text, "10.0 GiB"));
    assert_non_null(strstr(e.text, "9.00 GiB"));
    assert_non_null(strstr(e.text, "vgextend"));
    room = room_of(100 * GIB, 150 * GIB, 50 * GIB);
    room.churned = 40 * GIB;
    CHECK_RC(lvm_decide_size(&room, &size, &e), RC_NO_SPACE);
    room.churned = 0;
    room.free = 0;
    CHECK_RC(lvm_decide_size(&room, &size, &e), RC_NO_SPACE);
}

static void
a_configured_size_is_taken_or_refused_never_changed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    uint64_t size;
    struct lvm_room room = room_of(100 * GIB, 150 * GIB, 50 * GIB);
    room.wanted = 5 * MIB;
    assert_int_equal(size_of(&room), 8 * MIB); /* whole extents */
    room.wanted = 43 * GIB;
    CHECK_RC(lvm_decide_size(&room, &size, &e), RC_NO_SPACE);
}

static void
a_thin_pool_that_is_nearly_full_or_ill_takes_no_snapshot(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct lvm_volume pool = {.group = "vg0", .name = "pool", .data = 800, .metadata = 100};
    CHECK_OK(lvm_decide_pool(&pool, &e), &e);
    pool.data = 801;
    CHECK_RC(lvm_decide_pool(&pool, &e), RC_NO_SPACE);
    assert_non_null(strstr(e.text, "lvextend vg0/pool"));
    pool.data = 10;
    pool.metadata = 900;
    CHECK_RC(lvm_decide_pool(&pool, &e), RC_NO_SPACE);
    pool.metadata = 10;
    (void)snprintf(pool.health, sizeof pool.health, "out_of_data");
    CHECK_RC(lvm_decide_pool(&pool, &e), RC_IO);
    assert_non_null(strstr(e.text, "out_of_data"));
}

static void
a_snapshot_grows_by_half_at_sixty_percent(void **state)
{
    (void)state;
    struct lvm_status status = {.valid = true, .used = 599, .total = 1000};
    assert_int_equal(lvm_decide_growth(&status, 1), 0);
    status.used = 600;
    assert_int_equal(lvm_decide_growth(&status, 1), 500);
    assert_int_equal(lvm_decide_growth(&status, 4096), 4096);
    status.valid = false; /* an overflowed one is not revived */
    assert_int_equal(lvm_decide_growth(&status, 1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            our_snapshots_and_what_a_killed_lvcreate_left_may_be_removed_and_nothing_else),
        cmocka_unit_test(each_single_doubt_keeps_a_volume),
        cmocka_unit_test(a_snapshot_of_another_volume_than_the_ledger_says_is_kept),
        cmocka_unit_test(only_a_whole_name_is_ours),
        cmocka_unit_test(where_there_is_room_a_snapshot_cannot_overflow),
        cmocka_unit_test(otherwise_it_gets_twice_what_the_last_one_took_and_no_less_than_a_share),
        cmocka_unit_test(a_group_without_room_is_refused_with_both_figures_and_the_remedy),
        cmocka_unit_test(a_configured_size_is_taken_or_refused_never_changed),
        cmocka_unit_test(a_thin_pool_that_is_nearly_full_or_ill_takes_no_snapshot),
        cmocka_unit_test(a_snapshot_grows_by_half_at_sixty_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
