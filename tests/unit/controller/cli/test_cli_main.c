/* test_cli_main.c -- the exit status tells what happened, as koffer(1) promises. */
#include "tests/support/check.h"

#include "controller/cli/cli.h"

static int
status_of(const char *const *words)
{
    char *argv[16] = {NULL};
    int argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = message_text(words[argc]);
    return cli_main(argc, argv);
}

#define STATUS_OF(...) status_of((const char *[]){"koffer", __VA_ARGS__, NULL})

static void
help_and_version_succeed_without_a_controller(void **unused)
{
    (void)unused;
    assert_int_equal(STATUS_OF("--help"), CLI_OK);
    assert_int_equal(STATUS_OF("--version"), CLI_OK);
    assert_int_equal(STATUS_OF("full", "ls", "--help"), CLI_OK);
    assert_int_equal(STATUS_OF("completion", "bash"), CLI_OK);
    assert_int_equal(STATUS_OF("version", "--controller", "ipc:///nonexistent/control"), CLI_OK);
}

static void
wrong_words_are_usage(void **unused)
{
    (void)unused;
    assert_int_equal(STATUS_OF("agent"), CLI_USAGE);
    assert_int_equal(STATUS_OF("status", "--controller", "http://localhost"), CLI_USAGE);
    assert_int_equal(STATUS_OF("completion", "fish"), CLI_USAGE);
    assert_int_equal(STATUS_OF("restore", "files", "latest", "--to", "here"), CLI_USAGE);
    assert_int_equal(STATUS_OF("cycle", "show", "newest"), CLI_USAGE);
}

static void
a_controller_that_is_not_there_is_unreachable(void **unused)
{
    (void)unused;
    assert_int_equal(STATUS_OF("status", "--controller", "ipc:///nonexistent/control"),
                     CLI_UNREACHABLE);
    assert_int_equal(STATUS_OF("cycle", "watch", "--controller", "ipc:///nonexistent/control"),
                     CLI_UNREACHABLE);
}

static void
without_a_certificate_no_far_controller_is_asked(void **unused)
{
    (void)unused;
    assert_int_equal(setenv("KOFFER_OPERATOR", "/nonexistent", 1), 0);
    assert_int_equal(STATUS_OF("status", "--controller", "tls+tcp://127.0.0.1:1"), CLI_NOT_FOUND);
    assert_int_equal(unsetenv("KOFFER_OPERATOR"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version_succeed_without_a_controller),
        cmocka_unit_test(wrong_words_are_usage),
        cmocka_unit_test(a_controller_that_is_not_there_is_unreachable),
        cmocka_unit_test(without_a_certificate_no_far_controller_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
