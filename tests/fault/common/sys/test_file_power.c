/*
 * test_file_power.c -- what the file verbs call durable survives a power failure, also where a killed process had begun.
 *
 * An operation is killed at each of its changes in turn; the next process does it again and is told RC_OK; the power fails.
 */
#include "common/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "tests/support/check.h"
#include "tests/support/fault_io.h"
#include "tests/support/power_disk.h"
#include "tests/support/vault_kit.h"

enum { DISKS = 40, CHANGES_MAX = 40 };

typedef enum rc operation(int root, struct error *e);

static enum rc
make_directories(int root, struct error *e)
{
    return file_make_directory(root, "a/b/c", 0700, e);
}

static enum rc
replace(int root, struct error *e)
{
    return file_replace(root, "file", span_of("new", 3), 0600, e);
}

static enum rc
publish(int root, struct error *e)
{
    TRY(file_make_directory(root, "to", 0700, e));
    TRY(file_remove_tree(root, "from", e));
    TRY(file_write_new(root, "from", span_of("new", 3), 0600, e));
    return file_publish(root, "from", root, "to/file", e);
}

/* False when it was there, whole, whatever the disk. */
static bool
is_lost(const struct power_trace *t, uint64_t seed, const char *name)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(16);
    char disk[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 16];
    struct error e = ERROR_INIT;
    bool there;

    vault_kit_fast_directory(disk);
    power_disk_make(t, power_trace_length(t), seed, disk);
    (void)snprintf(path, sizeof path, "%s/%s", disk, name);
    CHECK_OK(file_exists(AT_FDCWD, path, &there, &e), &e);
    /* A directory is RC_INVALID to read, which is as good as whole. */
    enum rc rc = there ? file_read(AT_FDCWD, path, &bytes, &e) : RC_NOT_FOUND;
    vault_kit_remove(disk);
    return rc == RC_OK ? bytes.len != 3 || memcmp(bytes.data, "new", 3) != 0 : rc != RC_INVALID;
}

static bool
killed_at(unsigned n, operation *operate, const char *name)
{
    struct error e = ERROR_INIT;
    char root[VAULT_KIT_PATH_SIZE];

    vault_kit_fast_directory(root);
    int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct power_trace *t = power_trace_begin(root);
    power_trace_deaf(t);
    power_trace_changes(t, true);
    fault_io_arm(n, EIO, true);
    (void)operate(dir, &e);
    bool fired = fault_io_fired();
    fault_io_disarm();
    CHECK_OK(operate(dir, &e), &e);
    power_trace_changes(t, false);
    for (uint64_t seed = 0; seed < DISKS; seed++) {
        if (is_lost(t, seed, name))
            fail_msg("killed at change %u, and done again: disk %u lost %s", n, (unsigned)seed,
                     name);
    }
    power_trace_free(t);
    (void)close(dir);
    vault_kit_remove(root);
    return fired;
}

static void
sweep(operation *operate, const char *name)
{
    unsigned n = 1;
    while (n < CHANGES_MAX && killed_at(n, operate, name))
        n++;
    assert_in_range(n, 4, CHANGES_MAX - 1);
}

static void
directories_that_were_made_are_there_also_those_a_killed_process_made(void **state)
{
    (void)state;
    sweep(make_directories, "a/b/c");
}

static void
a_file_that_was_replaced_is_the_new_one(void **state)
{
    (void)state;
    sweep(replace, "file");
}

static void
a_file_that_was_published_is_there(void **state)
{
    (void)state;
    sweep(publish, "to/file");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_that_were_made_are_there_also_those_a_killed_process_made),
        cmocka_unit_test(a_file_that_was_replaced_is_the_new_one),
        cmocka_unit_test(a_file_that_was_published_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
