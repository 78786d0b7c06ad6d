/* test_churn.c -- what the last snapshots took is remembered, and a broken file is as none. */
#include "agent/snapshot/churn.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/own.h"
#include "common/sys/file.h"
#include "tests/support/check.h"

static void
measures_are_remembered_and_a_broken_file_is_taken_as_none(void **state)
{
    (void)state;
    char folder[] = "/tmp/koffer-churn-XXXXXX";
    struct error e = ERROR_INIT;
    assert_non_null(mkdtemp(folder));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(churn_last(fd, "vg0/mail"), 0);
    CHECK_OK(churn_note(fd, "vg0/mail", 5, (struct wall){1}, &e), &e);
    CHECK_OK(churn_note(fd, "vg0/aaa", 6, (struct wall){2}, &e), &e);
    CHECK_OK(churn_note(fd, "vg0/mail", 7, (struct wall){3}, &e), &e);
    assert_int_equal(churn_last(fd, "vg0/mail"), 7);
    assert_int_equal(churn_last(fd, "vg0/aaa"), 6);
    assert_int_equal(churn_last(fd, "vg0/root"), 0);
    CHECK_OK(file_replace(fd, "churn", span_of("rubbish", 7), 0600, &e), &e);
    assert_int_equal(churn_last(fd, "vg0/mail"), 0);
    CHECK_OK(churn_note(fd, "vg0/mail", 8, (struct wall){4}, &e), &e);
    assert_int_equal(churn_last(fd, "vg0/mail"), 8);
    assert_int_equal(close(fd), 0);
    CHECK_OK(file_remove_tree(AT_FDCWD, folder, &e), &e);
}

static void
of_too_many_the_oldest_goes(void **state)
{
    (void)state;
    char folder[] = "/tmp/koffer-churn-XXXXXX", name[32];
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) struct churn *c = calloc(1, sizeof *c);
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(CHURN_FILE_MAX);
    assert_non_null(c);
    assert_non_null(mkdtemp(folder));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (; c->count < CHURN_MAX; c->count++) {
        (void)snprintf(c->at[c->count].name, CHURN_NAME_MAX, "vg0/%03zu", c->count);
        c->at[c->count].used = 1;
        c->at[c->count].time.ns = c->count == 100 ? 1 : 50;
    }
    CHECK_OK(churn_encode(c, &bytes, &e), &e);
    CHECK_OK(file_replace(fd, "churn", buffer_span(&bytes), 0600, &e), &e);
    CHECK_OK(churn_note(fd, "vg0/new", 9, (struct wall){60}, &e), &e);
    assert_int_equal(churn_last(fd, "vg0/new"), 9);
    assert_int_equal(churn_last(fd, "vg0/100"), 0);
    (void)snprintf(name, sizeof name, "vg0/%03d", CHURN_MAX - 1);
    assert_int_equal(churn_last(fd, name), 1);
    assert_int_equal(close(fd), 0);
    CHECK_OK(file_remove_tree(AT_FDCWD, folder, &e), &e);
}

static void
a_file_with_any_byte_changed_is_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    static struct churn c, out;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(CHURN_FILE_MAX);
    c.count = 1;
    (void)snprintf(c.at[0].name, sizeof c.at[0].name, "vg0/mail");
    CHECK_OK(churn_encode(&c, &bytes, &e), &e);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 1;
        assert_true(churn_decode(buffer_span(&bytes), &out, &e) != RC_OK);
        bytes.data[i] ^= 1;
    }
    CHECK_OK(churn_decode(buffer_span(&bytes), &out, &e), &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_are_remembered_and_a_broken_file_is_taken_as_none),
        cmocka_unit_test(of_too_many_the_oldest_goes),
        cmocka_unit_test(a_file_with_any_byte_changed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
