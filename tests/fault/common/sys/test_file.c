/* test_file.c -- every operation of the durable file verbs fails in turn: old or new, never between. */
#include "common/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/fault_io.h"

enum { NEW_SIZE = 200000, SWEEP_MAX = 100 };

struct place {
    char path[32];
    int fd;
    uint8_t *fresh;
};

static int
enter(void **state)
{
    static struct place place;
    place = (struct place){.path = "/tmp/koffer-fault-XXXXXX", .fresh = malloc(NEW_SIZE)};
    if (place.fresh == NULL || mkdtemp(place.path) == NULL)
        return -1;
    for (size_t i = 0; i < NEW_SIZE; i++)
        place.fresh[i] = (uint8_t)(i % 251);
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &place;
    return place.fd < 0 ? -1 : 0;
}

static int
leave(void **state)
{
    struct place *place = *state;
    struct error e = ERROR_INIT;
    free(place->fresh);
    (void)close(place->fd);
    return file_remove_tree(AT_FDCWD, place->path, &e) == RC_OK ? 0 : -1;
}

static struct span
fresh(const struct place *place)
{
    return span_of(place->fresh, NEW_SIZE);
}

static bool
exists(const struct place *place, const char *name)
{
    struct error e = ERROR_INIT;
    bool found = false;
    CHECK_OK(file_exists(place->fd, name, &found, &e), &e);
    return found;
}

static void
put_old(const struct place *place, const char *name)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_remove_tree(place->fd, name, &e), &e);
    CHECK_OK(file_write_new(place->fd, name, span_of("old", 3), 0600, &e), &e);
}

/* True when the file is new; fails the test when it is neither old nor new. */
static bool
is_new(const struct place *place, const char *name)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(NEW_SIZE);
    CHECK_OK(file_read(place->fd, name, &b, &e), &e);
    if (b.len == 3) {
        assert_memory_equal(b.data, "old", 3);
        return false;
    }
    assert_int_equal(b.len, NEW_SIZE);
    assert_memory_equal(b.data, place->fresh, NEW_SIZE);
    return true;
}

struct fault {
    int error_number;
    bool sticky;
};

static const struct fault faults[] = {
    {EIO, false}, {EIO, true}, {ENOSPC, false}, {ENOSPC, true}, {EDQUOT, false}, {EINTR, false},
};
enum { FAULTS = sizeof faults / sizeof faults[0] };

static void
replace_leaves_the_old_file_or_the_new_one(void **state)
{
    const struct place *place = *state;
    for (size_t f = 0; f < FAULTS; f++) {
        bool fired = true;
        for (unsigned n = 1; fired; n++) {
            struct error e = ERROR_INIT;
            assert_true(n < SWEEP_MAX);
            put_old(place, "x");
            fault_io_arm(n, faults[f].error_number, faults[f].sticky);
            enum rc rc = file_replace(place->fd, "x", fresh(place), 0600, &e);
            fault_io_disarm();
            fired = fault_io_fired();
            bool new = is_new(place, "x");
            if (rc == RC_OK)
                assert_true(new);
            else
                assert_true(fired);
            /* When every later call fails too, so does the cleaning up: the next replace does it. */
            if (!faults[f].sticky)
                assert_false(exists(place, "x.new"));
            CHECK_OK(file_replace(place->fd, "x", fresh(place), 0600, &e), &e);
            assert_true(is_new(place, "x"));
            assert_false(exists(place, "x.new"));
        }
    }
}

static void
short_writes_are_continued(void **state)
{
    const struct place *place = *state;
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        struct error e = ERROR_INIT;
        put_old(place, "x");
        fault_io_arm_short(n);
        enum rc rc = file_replace(place->fd, "x", fresh(place), 0600, &e);
        fault_io_disarm();
        fired = fault_io_fired();
        CHECK_OK(rc, &e);
        assert_true(is_new(place, "x"));
    }
}

static void
publish_shows_the_old_file_or_the_new_one(void **state)
{
    const struct place *place = *state;
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        struct error e = ERROR_INIT;
        put_old(place, "x");
        CHECK_OK(file_remove_tree(place->fd, "t", &e), &e);
        CHECK_OK(file_write_new(place->fd, "t", fresh(place), 0600, &e), &e);
        fault_io_arm(n, EIO, false);
        enum rc rc = file_publish(place->fd, "t", place->fd, "x", &e);
        fault_io_disarm();
        fired = fault_io_fired();
        bool new = is_new(place, "x");
        assert_true((rc == RC_OK) == !fired);
        assert_true(rc != RC_OK || new);
        assert_true(exists(place, "t") == !new);
    }
}

static void
a_failed_new_file_is_not_there(void **state)
{
    const struct place *place = *state;
    for (size_t f = 0; f < FAULTS; f++) {
        bool fired = true;
        for (unsigned n = 1; fired && !faults[f].sticky; n++) {
            struct error e = ERROR_INIT;
            CHECK_OK(file_remove_tree(place->fd, "y", &e), &e);
            fault_io_arm(n, faults[f].error_number, false);
            enum rc rc = file_write_new(place->fd, "y", fresh(place), 0600, &e);
            fault_io_disarm();
            fired = fault_io_fired();
            assert_true(exists(place, "y") == (rc == RC_OK));
            if (rc == RC_OK)
                assert_true(is_new(place, "y"));
        }
    }
}

static void
a_failure_making_directories_is_told_and_repeatable(void **state)
{
    const struct place *place = *state;
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        struct error e = ERROR_INIT;
        CHECK_OK(file_remove_tree(place->fd, "a", &e), &e);
        fault_io_arm(n, EIO, false);
        enum rc rc = file_make_directory(place->fd, "a/b/c", 0700, &e);
        fault_io_disarm();
        fired = fault_io_fired();
        assert_true((rc == RC_OK) == !fired);
        CHECK_OK(file_make_directory(place->fd, "a/b/c", 0700, &e), &e);
        assert_true(exists(place, "a/b/c"));
    }
}

static void
no_descriptor_is_lost_to_a_fault(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    int before = dup(place->fd);
    assert_int_equal(close(before), 0);
    fault_io_arm(0, 0, false);
    CHECK_OK(file_replace(place->fd, "z", fresh(place), 0600, &e), &e);
    fault_io_disarm();
    unsigned operations = fault_io_count();
    assert_true(operations >= 6); /* unlink, create, write, sync, close, rename, sync */
    for (unsigned n = 1; n <= operations; n++) {
        fault_io_arm(n, EIO, false);
        enum rc rc = file_replace(place->fd, "z", fresh(place), 0600, &e);
        fault_io_disarm();
        assert_true(rc != RC_OK);
    }
    int after = dup(place->fd);
    assert_int_equal(close(after), 0);
    assert_int_equal(before, after);
}

static enum rc
count_name(void *ctx, const char *name, struct error *e)
{
    (void)name;
    (void)e;
    ++*(unsigned *)ctx;
    return RC_OK;
}

/* A list that ends early would say that what comes behind is not there. */
static void
a_directory_that_breaks_off_is_no_shorter_one(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    unsigned seen = 0, n = 1;

    put_old(place, "a");
    put_old(place, "b");
    for (bool fired = true; fired; n++) {
        seen = 0;
        fault_io_plan(
            &(struct fault_io_plan){.what = FAULT_IO_READS, .error_number = EIO, .at = n});
        enum rc rc = file_list(place->fd, ".", count_name, &seen, &e);
        fired = fault_io_fired();
        fault_io_disarm();
        assert_int_equal(rc, fired ? RC_IO : RC_OK);
    }
    assert_int_equal(seen, 2);
    assert_true(n > 5); /* two names, ".", "..", the end */
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(replace_leaves_the_old_file_or_the_new_one),
        PLACE_TEST(short_writes_are_continued),
        PLACE_TEST(publish_shows_the_old_file_or_the_new_one),
        PLACE_TEST(a_failed_new_file_is_not_there),
        PLACE_TEST(a_failure_making_directories_is_told_and_repeatable),
        PLACE_TEST(no_descriptor_is_lost_to_a_fault),
        PLACE_TEST(a_directory_that_breaks_off_is_no_shorter_one),
    };
    return cmocka_run_group_tests_name("file under faults", tests, NULL, NULL);
}
