/*
 * removals.c -- what the reaper removes of a real volume group, and what it never touches; run in the guest by
 * inside/test_removals.py.
 *
 *     guest_removals GROUP ORIGIN STATE        a mounted volume, with 100 MiB free in its group; an empty directory
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/snapshot/lvm_command.h"
#include "agent/snapshot/snapshot_internal.h"
#include "common/sys/file.h"
#include "common/sys/process.h"
#include "tests/support/check.h"

enum { CYCLE = 7, LIMIT_MS = 120 * 1000, ARGUMENTS = 4, WORDS = 24, TEXT = 2 * LEDGER_NAME_MAX };

static const char *group, *origin, *state_directory;

static void
run(const char *const *argv)
{
    struct error e = ERROR_INIT;
    CHECK_OK(lvm_command_run(argv, LIMIT_MS, NULL, &e), &e);
}

static int
set_up(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(file_remove_tree(AT_FDCWD, state_directory, &e), &e);
    return mkdir(state_directory, 0700);
}

static struct snapshot_host *
new_host(void)
{
    struct snapshot_host *host;
    struct error e = ERROR_INIT;
    CHECK_OK(
        snapshot_host_new(&(struct snapshot_host_options){.state = state_directory}, &host, &e),
        &e);
    return host;
}

/* As a process that is killed next leaves it. */
static struct ledger_entry
promise(char mark[static LEDGER_MARK_TEXT_SIZE])
{
    struct error e = ERROR_INIT;
    struct ledger_entry entry = {.driver = LEDGER_LVM, .cycle = CYCLE, .time = {1}};
    CLEANUP(ledger_freep) struct ledger *l = NULL;
    (void)snprintf(entry.volume, sizeof entry.volume, "%s", group);
    entry.origin_len = strlen(origin);
    memcpy(entry.origin, origin, entry.origin_len + 1);
    CHECK_OK(ledger_open(state_directory, &l, &e), &e);
    CHECK_OK(ledger_add(l, &entry, origin, &e), &e);
    (void)ledger_mark_text(l, mark);
    return entry;
}

/* A volume of this name; a snapshot of the origin or a plain one, with the tags of an agent or none. */
static void
make(const char *name, bool snapshot, const char *mark)
{
    char agent[TEXT], source[TEXT];
    const char *argv[WORDS] = {lvm_command_lvcreate, "-y", "-Wn", "-L", "4M", "-n", name};
    size_t n = 7;
    (void)snprintf(agent, sizeof agent, "koffer_agent_%s", mark == NULL ? "" : mark);
    (void)snprintf(source, sizeof source, "%s/%s", group, origin);
    for (size_t i = 0; mark != NULL && i < 3; i++) {
        argv[n++] = "--addtag";
        argv[n++] = i == 0 ? "koffer" : i == 1 ? "koffer_cycle_7" : agent;
    }
    if (snapshot) {
        argv[2] = "-s";
        argv[n++] = "--monitor";
        argv[n++] = "n";
    }
    argv[n++] = snapshot ? source : group;
    run(argv);
}

static bool
is_there(const char *name)
{
    struct error e = ERROR_INIT;
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    CHECK_OK(lvm_command_report(&report, &e), &e);
    assert_non_null(lvm_report_find(&report, group, origin)); /* whatever happens */
    return lvm_report_find(&report, group, name) != NULL;
}

static void
remove_by_hand(const char *name)
{
    char path[TEXT];
    (void)snprintf(path, sizeof path, "%s/%s", group, name);
    run((const char *const[]){lvm_command_lvremove, "-y", path, NULL});
}

/* A new process's first turn. */
static size_t
reap(void)
{
    size_t left;
    struct error e = ERROR_INIT;
    CLEANUP(snapshot_host_freep) struct snapshot_host *host = new_host();
    CHECK_OK(snapshot_host_reap(host, &left, &e), &e);
    assert_int_equal(ledger_image_of(host->ledger)->count, left);
    return left;
}

static void
a_snapshot_and_the_plain_volume_of_a_killed_lvcreate_are_removed(void **state)
{
    (void)state;
    char mark[LEDGER_MARK_TEXT_SIZE];
    const struct ledger_entry snapshot = promise(mark), plain = promise(mark),
                              never = promise(mark);
    make(snapshot.name, true, mark);
    make(plain.name, false, mark);
    assert_int_equal(reap(), 0);
    assert_false(is_there(snapshot.name) || is_there(plain.name) || is_there(never.name));
}

static void
what_the_ledger_does_not_name_is_found_by_its_tags(void **state)
{
    (void)state;
    char mark[LEDGER_MARK_TEXT_SIZE];
    (void)promise(mark);
    make("koffer_7_late_4711", true, mark);
    assert_int_equal(reap(), 0);
    assert_false(is_there("koffer_7_late_4711"));
}

static void
another_agents_snapshot_is_not_touched(void **state)
{
    (void)state;
    make("koffer_7_theirs_1", true, "0000000000000001");
    assert_int_equal(reap(), 0);
    assert_true(is_there("koffer_7_theirs_1"));
    remove_by_hand("koffer_7_theirs_1");
}

static void
a_volume_without_our_tags_stays_even_when_the_ledger_names_it(void **state)
{
    (void)state;
    char mark[LEDGER_MARK_TEXT_SIZE];
    const struct ledger_entry entry = promise(mark);
    make(entry.name, false, NULL);
    assert_int_equal(reap(), 1);
    assert_true(is_there(entry.name));
    remove_by_hand(entry.name);
}

static void
what_is_in_use_stays_for_now_and_goes_later(void **state)
{
    (void)state;
    char mark[LEDGER_MARK_TEXT_SIZE], path[TEXT];
    const struct ledger_entry entry = promise(mark);
    make(entry.name, true, mark);
    (void)snprintf(path, sizeof path, "/dev/%s/%s", group, entry.name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(reap(), 1);
    assert_true(is_there(entry.name));
    assert_int_equal(close(fd), 0);
    assert_int_equal(reap(), 0);
    assert_false(is_there(entry.name));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_snapshot_and_the_plain_volume_of_a_killed_lvcreate_are_removed,
                               set_up),
        cmocka_unit_test_setup(what_the_ledger_does_not_name_is_found_by_its_tags, set_up),
        cmocka_unit_test_setup(another_agents_snapshot_is_not_touched, set_up),
        cmocka_unit_test_setup(a_volume_without_our_tags_stays_even_when_the_ledger_names_it,
                               set_up),
        cmocka_unit_test_setup(what_is_in_use_stays_for_now_and_goes_later, set_up),
    };
    if (argc != ARGUMENTS) {
        (void)fprintf(stderr, "usage: guest_removals GROUP ORIGIN STATE\n");
        return 2;
    }
    group = argv[1];
    origin = argv[2];
    state_directory = argv[3];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
