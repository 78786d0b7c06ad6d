/* test_ledger.c -- what stands in the ledger, and what is refused. */
#include "agent/snapshot/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/check.h"

struct place {
    char path[64];
};

static int
set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->path, sizeof p->path, "/tmp/koffer-ledger-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *p = *state;
    struct error e = ERROR_INIT;
    CHECK_OK(file_remove_tree(AT_FDCWD, p->path, &e), &e);
    free(p);
    return 0;
}

static struct ledger *
open_ledger(const struct place *p)
{
    struct ledger *l;
    struct error e = ERROR_INIT;
    CHECK_OK(ledger_open(p->path, &l, &e), &e);
    return l;
}

static struct ledger_entry
an_entry(enum ledger_driver driver, uint64_t cycle)
{
    struct ledger_entry entry = {.driver = driver, .cycle = cycle, .time = {1}, .volume = "vg0"};
    entry.origin_len = driver == LEDGER_BTRFS ? LEDGER_FSID_SIZE : 4;
    memcpy(entry.origin,
           driver == LEDGER_BTRFS ? "0123\0"
                                    "56789abcdef"
                                  : "root",
           entry.origin_len);
    return entry;
}

static void
what_was_promised_is_there_after_a_restart_and_what_was_dropped_is_not(void **state)
{
    struct error e = ERROR_INIT;
    struct ledger *l = open_ledger(*state);
    uint64_t mark = ledger_image_of(l)->mark;
    struct ledger_entry first = an_entry(LEDGER_LVM, 7), second = an_entry(LEDGER_BTRFS, 8);
    CHECK_OK(ledger_add(l, &first, "root", &e), &e);
    CHECK_OK(ledger_add(l, &second, "257", &e), &e);
    assert_string_equal(first.name, "koffer_7_root_1");
    assert_string_equal(second.name, "koffer_8_257_2");
    ledger_free(l);

    l = open_ledger(*state);
    assert_int_equal(ledger_image_of(l)->mark, mark);
    assert_int_equal(ledger_image_of(l)->count, 2);
    assert_string_equal(ledger_image_of(l)->entries[1].name, second.name);
    assert_memory_equal(ledger_image_of(l)->entries[1].origin, second.origin, LEDGER_FSID_SIZE);
    CHECK_OK(ledger_drop(l, first.serial, &e), &e);
    ledger_free(l);

    CLEANUP(ledger_freep) struct ledger *again = open_ledger(*state);
    assert_int_equal(ledger_image_of(again)->count, 1);
    assert_int_equal(ledger_image_of(again)->entries[0].serial, 2);
}

static void
a_serial_is_never_given_twice(void **state)
{
    struct error e = ERROR_INIT;
    struct ledger_entry entry = an_entry(LEDGER_LVM, 7);
    for (uint64_t i = 1; i <= 3; i++) {
        CLEANUP(ledger_freep) struct ledger *l = open_ledger(*state);
        CHECK_OK(ledger_add(l, &entry, "root", &e), &e);
        assert_int_equal(entry.serial, i);
        CHECK_OK(ledger_drop(l, entry.serial, &e), &e);
    }
}

static void
a_full_ledger_refuses_and_keeps_what_it_has(void **state)
{
    struct error e = ERROR_INIT;
    struct ledger_image full = {.mark = 1, .next = LEDGER_ENTRIES_MAX + 1};
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LEDGER_FILE_MAX);
    full.entries = calloc(LEDGER_ENTRIES_MAX, sizeof *full.entries);
    assert_non_null(full.entries);
    for (; full.count < LEDGER_ENTRIES_MAX; full.count++) {
        full.entries[full.count] = an_entry(LEDGER_LVM, 1);
        full.entries[full.count].serial = full.count + 1;
        (void)snprintf(full.entries[full.count].name, LEDGER_NAME_MAX, "koffer_1_x_%zu",
                       full.count + 1);
    }
    CHECK_OK(ledger_encode(&full, &bytes, &e), &e);
    ledger_image_free(&full);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/ledger", ((struct place *)*state)->path);
    CHECK_OK(file_replace(AT_FDCWD, path, buffer_span(&bytes), 0600, &e), &e);
    CLEANUP(ledger_freep) struct ledger *again = open_ledger(*state);
    struct ledger_entry more = an_entry(LEDGER_LVM, 2);
    CHECK_RC(ledger_add(again, &more, "root", &e), RC_NO_SPACE);
    assert_int_equal(ledger_image_of(again)->count, LEDGER_ENTRIES_MAX);
}

static void
the_file_is_for_root_only(void **state)
{
    char path[96];
    struct stat about;
    ledger_free(open_ledger(*state));
    (void)snprintf(path, sizeof path, "%s/ledger", ((struct place *)*state)->path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void
a_ledger_with_any_byte_changed_is_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct ledger_entry entry = an_entry(LEDGER_LVM, 7);
    entry.serial = 1;
    (void)snprintf(entry.name, sizeof entry.name, "koffer_7_root_1");
    struct ledger_image image = {.mark = 5, .next = 2, .entries = &entry, .count = 1}, out;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LEDGER_FILE_MAX);
    CHECK_OK(ledger_encode(&image, &bytes, &e), &e);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 1;
        assert_true(ledger_decode(buffer_span(&bytes), &out, &e) != RC_OK);
        bytes.data[i] ^= 1;
        assert_true(ledger_decode(span_of(bytes.data, i), &out, &e) != RC_OK);
    }
    CHECK_OK(ledger_decode(buffer_span(&bytes), &out, &e), &e);
    ledger_image_free(&out);
}

/* With a good checksum: who could write the file could aim at any volume, but only under a name of ours. */
static void
entries_that_no_agent_of_ours_writes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *volume;
        uint64_t serial, next;
    } bad[] = {
        {"root", "vg0", 1, 2},
        {"koffer_7_root_2", "vg0", 1, 3},
        {"koffer_8_root_1", "vg0", 1, 2},
        {"koffer_7__1", "vg0", 1, 2},
        {"koffer_7_1", "vg0", 1, 2},
        {"koffer_7_a/b_1", "vg0", 1, 2},
        {"koffer_7_root_1", "", 1, 2},
        {"koffer_7_root_1", "vg0", 1, 1},
        {"koffer_7_root_0", "vg0", 0, 1},
    };
    struct error e = ERROR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ledger_entry entry = an_entry(LEDGER_LVM, 7);
        struct ledger_image out, image = {.next = bad[i].next, .entries = &entry, .count = 1};
        CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LEDGER_FILE_MAX);
        entry.serial = bad[i].serial;
        (void)snprintf(entry.name, sizeof entry.name, "%s", bad[i].name);
        (void)snprintf(entry.volume, sizeof entry.volume, "%s", bad[i].volume);
        CHECK_OK(ledger_encode(&image, &bytes, &e), &e);
        CHECK_RC(ledger_decode(buffer_span(&bytes), &out, &e), RC_CORRUPT);
    }
}

static void
a_later_version_is_named_not_guessed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct ledger_image out, image = {.next = 1};
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LEDGER_FILE_MAX);
    CHECK_OK(ledger_encode(&image, &bytes, &e), &e);
    bytes.data[4] = 2;
    CHECK_RC(ledger_decode(buffer_span(&bytes), &out, &e), RC_UNSUPPORTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_was_promised_is_there_after_a_restart_and_what_was_dropped_is_not, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_serial_is_never_given_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_ledger_refuses_and_keeps_what_it_has, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_file_is_for_root_only, set_up, tear_down),
        cmocka_unit_test(a_ledger_with_any_byte_changed_is_refused),
        cmocka_unit_test(entries_that_no_agent_of_ours_writes_are_refused),
        cmocka_unit_test(a_later_version_is_named_not_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
