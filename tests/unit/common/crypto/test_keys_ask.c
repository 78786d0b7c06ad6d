/* test_keys_ask.c -- the sheet's key, as people give it. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/crypto/keys_ask.h"

/* docs/formats/keys.md: the key 00 01 02 ... 1f */
#define KEY "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"

struct file {
    char path[40];
};

static void
end_file(struct file *f)
{
    (void)unlink(f->path);
}

static void
write_file(struct file *f, const char *text)
{
    (void)snprintf(f->path, sizeof f->path, "/tmp/koffer-ask-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static enum rc
ask(const char *text, struct error *e)
{
    CLEANUP(end_file) struct file f;
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    write_file(&f, text);
    return keys_ask(f.path, &key, e);
}

static void
the_key_is_found_wherever_it_stands(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        KEY,
        KEY "\r\n\n",
        "  vault id 00ff\n\n  recovery key   " KEY "\n\n  Whoever holds this key can read it.\n",
        "kfr1 040020g3 0g2gc1r8 1450p30d 1r7h048j\n2ca1a5gq 30chm6rw 3mf1yj8h etr0\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error e = ERROR_INIT;
        CHECK_OK(ask(texts[i], &e), &e);
    }
}

static void
what_is_no_key_is_refused_with_a_reason(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    assert_int_equal(ask("", &e), RC_INVALID);
    assert_non_null(strstr(e.text, "no key was given"));
    assert_int_equal(ask("a letter\nof several lines\n", &e), RC_INVALID);
    assert_non_null(strstr(e.text, "begins with KFR1-"));
    assert_int_equal(ask("recovery key KFR1-140020G3"
                         "-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-"
                         "3MF1YJ8H-ETR0\n\nand words below\n",
                         &e),
                     RC_INVALID);
    assert_non_null(strstr(e.text, "group 1 is mistyped"));
}

static void
a_file_that_others_may_read_is_refused(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(end_file) struct file f;
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    write_file(&f, KEY);
    assert_int_equal(chmod(f.path, 0644), 0);
    assert_int_equal(keys_ask(f.path, &key, &e), RC_DENIED);
}

static void
the_standard_input_is_read_when_there_is_no_file(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    int ends[2], before = dup(STDIN_FILENO);
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], KEY "\n", sizeof KEY), (ssize_t)sizeof KEY);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    enum rc rc = keys_ask(NULL, &key, &e);
    assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(before), 0);
    assert_int_equal(close(ends[0]), 0);
    CHECK_OK(rc, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_found_wherever_it_stands),
        cmocka_unit_test(what_is_no_key_is_refused_with_a_reason),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
        cmocka_unit_test(the_standard_input_is_read_when_there_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
