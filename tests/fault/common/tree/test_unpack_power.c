/* test_unpack_power.c -- a restore that has said OK survives a power failure: all of it is on the disk by then. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/power_disk.h"
#include "tests/support/restored.h"
#include "tests/support/vault_kit.h"

enum { DISKS = 60, FILES = 4, LENGTH = 3000 };

static uint8_t bytes[LENGTH];

static int
set_up(void **state)
{
    struct error e = ERROR_INIT;
    struct restored *r = NULL;
    char name[32];

    enum rc rc = restored_new(&r, &e);
    *state = r;
    memset(bytes, 'x', sizeof bytes);
    for (unsigned i = 0; i < FILES && rc == RC_OK; i++) {
        (void)snprintf(name, sizeof name, "d%u", i / 2);
        (void)mkdirat(r->source, name, 0750);
        (void)snprintf(name, sizeof name, "d%u/f%u", i / 2, i);
        rc = restored_write(r, name, span_of(bytes, LENGTH), 0640, &e);
    }
    return rc != RC_OK || restored_pack(r, &e) != RC_OK;
}

static int
tear_down(void **state)
{
    restored_free(*state);
    return 0;
}

static void
check_disk(const struct power_trace *t, uint64_t seed)
{
    char disk[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 32];
    struct error e = ERROR_INIT;

    vault_kit_fast_directory(disk);
    power_disk_make(t, power_trace_length(t), seed, disk);
    for (unsigned i = 0; i < FILES; i++) {
        CLEANUP(buffer_free) struct buffer got = BUFFER_INIT(2 * LENGTH);
        (void)snprintf(path, sizeof path, "%s/d%u/f%u", disk, i / 2, i);
        CHECK_OK(file_read(AT_FDCWD, path, &got, &e), &e);
        assert_int_equal(got.len, LENGTH);
        assert_memory_equal(got.data, bytes, LENGTH);
    }
    vault_kit_remove(disk);
}

static void
what_was_restored_is_on_the_disk(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    char target[128];

    (void)snprintf(target, sizeof target, "%s/target", r->path);
    struct power_trace *t = power_trace_begin(target);
    power_trace_changes(t, true);
    CHECK_OK(restored_unpack(r, memstore_source(r->store), UNPACK_KEEP, false, NULL, &e), &e);
    power_trace_changes(t, false);
    assert_true(power_trace_length(t) > FILES * 3);
    for (uint64_t seed = 0; seed < DISKS; seed++)
        check_disk(t, seed);
    power_trace_free(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_restored_is_on_the_disk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
