/* test_unpack.c -- a restore stopped at every point leaves whole files only, and the next one finishes it. */
#include "common/tree/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/fault_io.h"
#include "tests/support/restored.h"

enum { FILES = 12, LENGTH = 150000 };

static int
set_up(void **state)
{
    static uint8_t bytes[LENGTH];
    struct error e = ERROR_INIT;
    struct restored *r = NULL;
    enum rc rc = restored_new(&r, &e);
    *state = r;
    for (unsigned i = 0; i < FILES && rc == RC_OK; i++) {
        char name[32];
        for (size_t at = 0; at < LENGTH; at++)
            bytes[at] = (uint8_t)(at * at * (i + 1) >> 7);
        (void)snprintf(name, sizeof name, "d%u", i / 4);
        (void)mkdirat(r->source, name, 0750);
        (void)snprintf(name, sizeof name, "d%u/f%u", i / 4, i);
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

/* Every line of a regular file in the target is a line of the source, to the nanosecond. */
static void
check_only_whole_files(struct restored *r)
{
    struct error e = ERROR_INIT;
    CHECK_OK(restored_describe(r, &e), &e);
    char *rest = (char *)r->target_text.data, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strstr(line, " mode 100") != NULL && strstr((char *)r->source_text.data, line) == NULL)
            fail_msg("not whole: %s", line);
    }
}

static void
empty_target(struct restored *r)
{
    struct error e = ERROR_INIT;
    for (unsigned i = 0; i < FILES / 4; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d%u", i);
        CHECK_OK(file_remove_tree(r->target, name, &e), &e);
    }
}

static void
check_equal(struct restored *r)
{
    struct error e = ERROR_INIT;
    CHECK_OK(restored_describe(r, &e), &e);
    assert_string_equal((char *)r->target_text.data, (char *)r->source_text.data);
}

/* A source that, at its n-th answer, makes somebody press Ctrl-C. */
struct cancelling {
    struct blob_source source;
    struct blob_source *inner;
    unsigned left;
    _Atomic(bool) cancelled;
};

static enum rc
get_or_cancel(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    struct cancelling *c = (struct cancelling *)source;
    if (--c->left == 0)
        atomic_store(&c->cancelled, true);
    return c->inner->get(c->inner, id, out, e);
}

static void
cancelled_anywhere_leaves_whole_files_and_can_be_finished(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    enum rc rc = RC_CANCELLED;
    for (unsigned n = 1; rc != RC_OK; n++) {
        struct cancelling c = {
            .source.get = get_or_cancel, .inner = memstore_source(r->store), .left = n};
        rc = restored_unpack(r, &c.source, UNPACK_KEEP, false, &c.cancelled, &e);
        /* Cancelled with the very last answer, there may have been nothing left to stop. */
        assert_true(rc == RC_CANCELLED || (rc == RC_OK && n > FILES));
        check_only_whole_files(r);
        CHECK_OK(restored_unpack(r, c.inner, UNPACK_KEEP, false, NULL, &e), &e);
        check_equal(r);
        empty_target(r);
    }
}

static void
a_store_that_breaks_anywhere_leaves_whole_files_and_can_be_finished(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    enum rc rc = RC_IO;
    for (unsigned n = 1; rc != RC_OK; n++) {
        memstore_fail_gets(r->store, n, RC_IO);
        rc = restored_unpack(r, memstore_source(r->store), UNPACK_KEEP, false, NULL, &e);
        assert_true(rc == RC_IO || (rc == RC_OK && n > FILES));
        check_only_whole_files(r);
        memstore_fail_gets(r->store, 0, RC_OK);
        CHECK_OK(restored_unpack(r, memstore_source(r->store), UNPACK_KEEP, false, NULL, &e), &e);
        check_equal(r);
        empty_target(r);
    }
}

/* File systems from nearly nothing to nearly enough. */
static void
a_full_disk_ends_it_with_whole_files(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        fail_msg("needs root, as tests/run has it");
    char path[128], size[32];
    (void)snprintf(path, sizeof path, "%s/target", r->path);
    for (unsigned kib = 16; kib < FILES * LENGTH / 1024; kib += 100) {
        (void)snprintf(size, sizeof size, "size=%uk", kib);
        assert_int_equal(mount("koffer-test", path, "tmpfs", 0, size), 0);
        (void)close(r->target);
        CHECK_OK(file_open_directory(AT_FDCWD, path, &r->target, &e), &e);
        CHECK_RC(restored_unpack(r, memstore_source(r->store), UNPACK_KEEP, false, NULL, &e),
                 RC_NO_SPACE);
        check_only_whole_files(r);
        assert_int_equal(umount2(path, MNT_DETACH), 0);
    }
}

static void
add_details(struct restored *r)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_closep) int fd = openat(r->source, "d0/f1", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(fd, "user.note", "kept", 4, 0), 0);
    assert_int_equal(fchmodat(r->source, "d0/f2", 04711, 0), 0);
    assert_int_equal(linkat(r->source, "d0/f0", r->source, "d1/linked", 0), 0);
    assert_int_equal(symlinkat("f0", r->source, "d0/pointer"), 0);
    assert_int_equal(fchownat(r->source, "d0/pointer", 7, 7, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_OK(restored_pack(r, &e), &e);
}

/* A mode, an owner, an attribute, a hard link: success is never said without it, and the next restore heals it. */
static void
a_detail_that_was_lost_is_told_and_comes_back_with_the_next_restore(void **state)
{
    struct restored *r = *state;
    struct blob_source *source = memstore_source(r->store);
    unsigned failures = 0;
    add_details(r);
    for (unsigned n = 1;; n++) {
        struct error e = ERROR_INIT;
        fault_io_arm(n, EIO, false);
        enum rc rc = restored_unpack(r, source, UNPACK_REPLACE, false, NULL, &e);
        fault_io_disarm();
        if (rc == RC_OK)
            check_equal(r);
        failures += rc != RC_OK;
        if (!fault_io_fired())
            break;
        CHECK_OK(restored_unpack(r, source, UNPACK_REPLACE, false, NULL, &e), &e);
        check_equal(r);
        empty_target(r);
    }
    assert_true(failures > FILES);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(cancelled_anywhere_leaves_whole_files_and_can_be_finished),
        WITH_FIXTURE(a_store_that_breaks_anywhere_leaves_whole_files_and_can_be_finished),
        WITH_FIXTURE(a_detail_that_was_lost_is_told_and_comes_back_with_the_next_restore),
        WITH_FIXTURE(a_full_disk_ends_it_with_whole_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
