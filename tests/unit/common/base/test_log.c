/* test_log.c -- one line for each event, with its importance for the journal, and none that is not wanted. */
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

/* What a child logs to its standard error; the test's own stays as it is. */
static void
logged(void (*say)(void), const char *journal, char *out, size_t size)
{
    int ends[2], status = -1;
    size_t len = 0;
    ssize_t got;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDERR_FILENO) < 0 ||
            (journal == NULL && unsetenv("JOURNAL_STREAM") != 0) ||
            (journal != NULL && setenv("JOURNAL_STREAM", journal, 1) != 0))
            _exit(1);
        say();
        _exit(0);
    }
    (void)close(ends[1]);
    while ((got = read(ends[0], out + len, size - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
say_all(void)
{
    log_warning("careful", LOG_U64("n", 7));
    log_debug("detail");
}

static void
say_with_detail(void)
{
    log_set_level(LOG_LEVEL_DEBUG);
    say_all();
}

static void
say_errors_only(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    say_all();
}

static void
the_journal_is_told_how_important_it_is(void **state)
{
    char text[512];
    (void)state;
    logged(say_all, "8:1", text, sizeof text);
    assert_string_equal(text, "<4>warning: careful n=7\n");
}

static void
elsewhere_the_time_stands_first(void **state)
{
    char text[512];
    (void)state;
    logged(say_all, NULL, text, sizeof text);
    assert_int_equal(strncmp(text, "20", 2), 0);
    assert_non_null(strstr(text, "Z warning: careful n=7\n"));
}

static void
what_is_less_important_than_wanted_is_not_written(void **state)
{
    char text[512];
    (void)state;
    logged(say_with_detail, "8:1", text, sizeof text);
    assert_non_null(strstr(text, "\n<7>"));
    assert_non_null(strstr(text, "detail\n"));
    logged(say_errors_only, "8:1", text, sizeof text);
    assert_string_equal(text, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_is_told_how_important_it_is),
        cmocka_unit_test(elsewhere_the_time_stands_first),
        cmocka_unit_test(what_is_less_important_than_wanted_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
