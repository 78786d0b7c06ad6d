/*
 * test_power_disk.c -- the simulator of power failures allows what a disk may do, and nothing else.
 *
 * Each test does a few things to a file, cuts the power behind them, and looks at many of the disks that may be left.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/fault_io.h"
#include "tests/support/power_disk.h"
#include "tests/support/vault_kit.h"

enum { DISKS = 300, LENGTH = 4 * 512 };

/* How the file was found, over all disks. */
struct seen {
    unsigned absent, empty, old, new_, torn, zeros;
};

struct world {
    char root[VAULT_KIT_PATH_SIZE];
    int dir;
    struct power_trace *trace;
};

static int
begin(void **state)
{
    static struct world w;
    vault_kit_fast_directory(w.root);
    w.dir = open(w.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w.trace = NULL;
    *state = &w;
    return w.dir < 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    power_trace_changes(w->trace, false);
    power_trace_free(w->trace);
    vault_kit_remove(w->root);
    return close(w->dir);
}

static void
record(struct world *w)
{
    w->trace = power_trace_begin(w->root);
    power_trace_changes(w->trace, true);
}

static int
write_file(struct world *w, const char *name, char byte, int flags)
{
    char bytes[LENGTH];
    memset(bytes, byte, sizeof bytes);
    int fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
    return fd;
}

static void
close_file(int fd)
{
    assert_int_equal(close(fd), 0);
}

/* Of bytes 'o', 'n' and zeros: only whole files and sectors are expected. */
static void
look(const char *root, const char *name, struct seen *seen)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(2 * LENGTH);
    struct error e = ERROR_INIT;
    char path[VAULT_KIT_PATH_SIZE + 32];
    size_t kinds[3] = {0};

    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    enum rc rc = file_read(AT_FDCWD, path, &bytes, &e);
    if (rc == RC_NOT_FOUND) {
        seen->absent++;
        return;
    }
    CHECK_OK(rc, &e);
    for (size_t i = 0; i < bytes.len; i++)
        kinds[bytes.data[i] == 'o' ? 0 : bytes.data[i] == 'n' ? 1 : 2]++;
    seen->empty += bytes.len == 0;
    seen->old += kinds[0] == LENGTH;
    seen->new_ += kinds[1] == LENGTH;
    seen->zeros += bytes.len > 0 && kinds[2] == bytes.len;
    seen->torn +=
        bytes.len > 0 && kinds[0] != LENGTH && kinds[1] != LENGTH && kinds[2] != bytes.len;
    assert_int_equal(kinds[1] % 512, 0);
}

static struct seen
disks(struct world *w, const char *name)
{
    struct seen seen = {0};
    char disk[VAULT_KIT_PATH_SIZE];

    power_trace_changes(w->trace, false);
    for (uint64_t seed = 0; seed < DISKS; seed++) {
        vault_kit_fast_directory(disk);
        power_disk_make(w->trace, power_trace_length(w->trace), seed, disk);
        look(disk, name, &seen);
        vault_kit_remove(disk);
    }
    return seen;
}

static void
what_was_there_before_is_on_every_disk(void **state)
{
    struct world *w = *state;
    close_file(write_file(w, "file", 'o', 0));
    record(w);
    assert_int_equal(disks(w, "file").old, DISKS);
}

static void
a_new_file_without_syncs_may_be_anything(void **state)
{
    struct world *w = *state;
    record(w);
    close_file(write_file(w, "file", 'n', 0));
    struct seen seen = disks(w, "file");
    assert_true(seen.absent > 0 && seen.empty > 0 && seen.zeros > 0 && seen.torn > 0);
    assert_true(seen.new_ > 0);
}

static void
synced_bytes_are_there_wherever_the_name_is(void **state)
{
    struct world *w = *state;
    record(w);
    int fd = write_file(w, "file", 'n', 0);
    assert_int_equal(fsync(fd), 0);
    close_file(fd);
    struct seen seen = disks(w, "file");
    assert_true(seen.absent > 0 && seen.new_ > 0);
    assert_int_equal(seen.absent + seen.new_, DISKS);
}

static void
synced_bytes_and_a_synced_name_are_on_every_disk(void **state)
{
    struct world *w = *state;
    record(w);
    int fd = write_file(w, "file", 'n', 0);
    assert_int_equal(fdatasync(fd), 0);
    assert_int_equal(fsync(w->dir), 0);
    close_file(fd);
    assert_int_equal(disks(w, "file").new_, DISKS);
}

static void
what_is_written_with_dsync_needs_no_other_sync(void **state)
{
    struct world *w = *state;
    record(w);
    close_file(write_file(w, "file", 'n', O_DSYNC));
    assert_int_equal(fsync(w->dir), 0);
    assert_int_equal(disks(w, "file").new_, DISKS);
}

static void
syncing_the_file_system_syncs_all(void **state)
{
    struct world *w = *state;
    record(w);
    assert_int_equal(mkdirat(w->dir, "folder", 0700), 0);
    close_file(write_file(w, "folder/file", 'n', 0));
    assert_int_equal(syncfs(w->dir), 0);
    assert_int_equal(disks(w, "folder/file").new_, DISKS);
}

static void
a_file_goes_with_the_folder_whose_name_was_not_synced(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    record(w);
    assert_int_equal(mkdirat(w->dir, "folder", 0700), 0);
    int fd = write_file(w, "folder/file", 'n', 0);
    assert_int_equal(fsync(fd), 0);
    close_file(fd);
    CHECK_OK(file_sync_directory(w->dir, "folder", &e), &e);
    struct seen seen = disks(w, "folder/file");
    assert_true(seen.absent > 0 && seen.new_ > 0);
}

static void
a_rename_over_a_file_leaves_one_of_them_whole_when_the_new_one_was_synced(void **state)
{
    struct world *w = *state;
    close_file(write_file(w, "file", 'o', 0));
    record(w);
    int fd = write_file(w, "other", 'n', 0);
    assert_int_equal(fsync(fd), 0);
    close_file(fd);
    assert_int_equal(renameat(w->dir, "other", w->dir, "file"), 0);
    struct seen seen = disks(w, "file");
    assert_true(seen.old > 0 && seen.new_ > 0);
    assert_int_equal(seen.old + seen.new_, DISKS);
}

static void
bytes_that_a_failed_sync_gave_up_are_not_saved_by_the_next_one(void **state)
{
    struct world *w = *state;
    record(w);
    int fd = write_file(w, "file", 'n', 0);
    assert_int_equal(fsync(w->dir), 0);
    fault_io_arm(1, EIO, false);
    assert_int_equal(fsync(fd), -1);
    fault_io_disarm();
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(syncfs(fd), 0);
    close_file(fd);
    struct seen seen = disks(w, "file");
    assert_int_equal(seen.absent, 0);
    assert_true(seen.empty > 0 && seen.torn > 0 && seen.new_ < DISKS);
}

static void
the_same_seed_makes_the_same_disk(void **state)
{
    struct world *w = *state;
    uint64_t first = 0, different = 0;
    record(w);
    close_file(write_file(w, "file", 'n', 0));
    power_trace_changes(w->trace, false);
    size_t at = power_trace_length(w->trace);
    for (uint64_t seed = 0; seed < DISKS; seed++) {
        uint64_t print = power_disk_print(w->trace, at, seed);
        assert_true(print == power_disk_print(w->trace, at, seed));
        first = seed == 0 ? print : first;
        different += print != first;
    }
    assert_true(different > 0);
}

int
main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        WORLD(what_was_there_before_is_on_every_disk),
        WORLD(a_new_file_without_syncs_may_be_anything),
        WORLD(synced_bytes_are_there_wherever_the_name_is),
        WORLD(synced_bytes_and_a_synced_name_are_on_every_disk),
        WORLD(what_is_written_with_dsync_needs_no_other_sync),
        WORLD(syncing_the_file_system_syncs_all),
        WORLD(a_file_goes_with_the_folder_whose_name_was_not_synced),
        WORLD(a_rename_over_a_file_leaves_one_of_them_whole_when_the_new_one_was_synced),
        WORLD(bytes_that_a_failed_sync_gave_up_are_not_saved_by_the_next_one),
        WORLD(the_same_seed_makes_the_same_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
