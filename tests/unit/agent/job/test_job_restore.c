/* test_job_restore.c -- restores reach only what lies below a restore root. */
#include "agent/job/job.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/job_kit.h"

struct world {
    struct job_kit *kit;
    struct blob_ref root; /* of a captured archive */
};

static int
begin(void **state)
{
    static struct world w;
    w.kit = job_kit_new();
    capture_kit_write_text(w.kit->capture, "hosts", "127.0.0.1 localhost\n");
    CHECK_RC(job_kit_do(w.kit, JOB_CAPTURE, "etc", 1), RC_OK);
    w.root = w.kit->result.captured.root;
    CHECK_RC(job_kit_do(w.kit, JOB_RELEASE, "etc", 1), RC_OK);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    job_kit_free(w->kit);
    return 0;
}

static void
fill_order(struct world *w, const char *path, const char *target)
{
    struct error e = ERROR_INIT;
    struct keys_public receiver;
    struct record_recipient sealed;
    struct job_order *o = &w->kit->order;
    CHECK_OK(keys_public_of(w->kit->receiving, &receiver, &e), &e);
    CHECK_OK(record_seal_root(&w->kit->vault.id, &w->root, &receiver, 1, &sealed, &e), &e);
    o->root = w->root.id;
    memcpy(o->root_sealed, sealed.sealed, sizeof o->root_sealed);
    (void)snprintf(o->path, sizeof o->path, "%s", path);
    (void)snprintf(o->target, sizeof o->target, "%s", target);
}

static enum rc
restore(struct world *w, const char *path, const char *below_directory)
{
    char target[512];
    bool dry_run = w->kit->order.dry_run;
    (void)snprintf(target, sizeof target, "%s/%s", w->kit->capture->directory, below_directory);
    fill_order(w, path, target);
    w->kit->order.dry_run = dry_run;
    return job_kit_do(w->kit, JOB_RESTORE, "", 1);
}

static bool
is_there(const struct world *w, const char *name)
{
    struct stat about;
    return fstatat(w->kit->capture->fd, name, &about, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of the archive: the source directory, by its place on the host. */
static const char *
captured_path(const struct world *w, char out[static 128])
{
    (void)snprintf(out, 128, "fs%s", w->kit->capture->source);
    return out;
}

static void
files_come_back_below_a_root(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char path[128];
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(100);
    if (restore(w, captured_path(w, path), "restored/a/b") != RC_OK)
        fail_msg("%s", w->kit->result.text);
    assert_int_equal(w->kit->result.files_restored, 1);
    CHECK_OK(file_read(w->kit->capture->fd, "restored/a/b/hosts", &text, &e), &e);
    assert_memory_equal(text.data, "127.0.0.1 localhost\n", text.len);
}

static void
targets_outside_the_roots_are_refused(void **state)
{
    struct world *w = *state;
    char path[128];
    static const char *const targets[] = {"elsewhere", "restored2", "restore", "", "src"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        CHECK_RC(restore(w, captured_path(w, path), targets[i]), RC_DENIED);
        assert_non_null(strstr(w->kit->result.text, w->kit->roots));
    }
    assert_false(is_there(w, "elsewhere"));
    fill_order(w, "", "restored/relative");
    CHECK_RC(job_kit_do(w->kit, JOB_RESTORE, "", 1), RC_DENIED);
}

static void
dots_in_a_target_are_refused_also_by_a_dry_run(void **state)
{
    struct world *w = *state;
    char path[128];
    static const char *const targets[] = {"restored/..", "restored/../src", "restored/a/../../src",
                                          "restored/./a", "restored//../x"};
    for (int dry_run = 0; dry_run < 2; dry_run++) {
        for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
            w->kit->order.dry_run = dry_run == 1;
            CHECK_RC(restore(w, captured_path(w, path), targets[i]), RC_DENIED);
        }
    }
    assert_false(is_there(w, "restored"));
    CHECK_RC(restore(w, captured_path(w, path), "restored/..a/...b"), RC_OK);
}

static void
links_on_the_way_are_not_followed(void **state)
{
    struct world *w = *state;
    char path[128];
    assert_int_equal(mkdirat(w->kit->capture->fd, "restored", 0700), 0);
    assert_int_equal(symlinkat("/tmp", w->kit->capture->fd, "restored/way"), 0);
    assert_true(restore(w, captured_path(w, path), "restored/way/koffer-must-not-appear") != RC_OK);
    struct stat about;
    assert_int_not_equal(stat("/tmp/koffer-must-not-appear", &about), 0);
}

static void
dry_run_counts_and_writes_nothing(void **state)
{
    struct world *w = *state;
    char path[128];
    w->kit->order.dry_run = true;
    CHECK_RC(restore(w, captured_path(w, path), "restored/a"), RC_OK);
    assert_int_equal(w->kit->result.files_restored, 1);
    assert_false(is_there(w, "restored"));
}

/* Else who may order a restore could ask for the existence, size and time of any path of the host. */
static void
dry_run_compares_with_the_target_and_nothing_else(void **state)
{
    struct world *w = *state;
    char path[128];
    w->kit->order.dry_run = true;
    CHECK_RC(restore(w, "fs", "restored"),
             RC_OK); /* "fs/tmp/..." is there, below the root of the host */
    assert_int_equal(w->kit->result.files_restored, 1);
    assert_false(is_there(w, "restored"));
    assert_int_equal(mkdirat(w->kit->capture->fd, "restored", 0700), 0);
    w->kit->order.dry_run = true;
    CHECK_RC(restore(w, "fs", "restored"), RC_OK);
    assert_int_equal(w->kit->result.files_restored, 1);

    CHECK_RC(restore(w, captured_path(w, path), "restored/a"), RC_OK);
    w->kit->order.dry_run = true;
    CHECK_RC(restore(w, captured_path(w, path), "restored/a"), RC_OK);
    assert_int_equal(w->kit->result.files_restored, 0); /* it is there already */
    w->kit->order.dry_run = true;
    CHECK_RC(restore(w, captured_path(w, path), "restored/a/b"), RC_OK);
    assert_int_equal(w->kit->result.files_restored, 1);
}

static void
unknown_path_and_foreign_seal_are_refused(void **state)
{
    struct world *w = *state;
    char target[128];
    CHECK_RC(restore(w, "fs/nothing/here", "restored/a"), RC_NOT_FOUND);
    (void)snprintf(target, sizeof target, "%s/a", w->kit->roots);
    fill_order(w, "", target);
    w->kit->order.root_sealed[40] ^= 1;
    CHECK_RC(job_kit_do(w->kit, JOB_RESTORE, "", 1), RC_DENIED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_come_back_below_a_root),
        TEST(targets_outside_the_roots_are_refused),
        TEST(dots_in_a_target_are_refused_also_by_a_dry_run),
        TEST(links_on_the_way_are_not_followed),
        TEST(dry_run_counts_and_writes_nothing),
        TEST(dry_run_compares_with_the_target_and_nothing_else),
        TEST(unknown_path_and_foreign_seal_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
