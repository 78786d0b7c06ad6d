/* test_files_source.c -- what a pattern leaves out, and no more. */
#include "agent/source/files/files_source.h"

#include <string.h>

#include "tests/support/check.h"

static void
patterns_are_anchored(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool out;
    } cases[] = {
        {"*.o", "/srv/a/b.o", true},        {"*.o", "/srv/a.o/b", false},
        {"tmp", "/srv/tmp", true},          {"tmp", "/srv/tmp2", false},
        {"/srv/tmp", "/srv/tmp", true},     {"/srv/tmp", "/srv/x/srv/tmp", false},
        {"/srv/*/tmp", "/srv/a/tmp", true}, {"/srv/*/tmp", "/srv/a/b/tmp", false},
        {"/srv/tmp", "/srv/tmp/x", false}, /* never asked: tmp itself is not entered */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = strrchr(cases[i].path, '/') + 1;
        if (files_source_match(cases[i].pattern, cases[i].path, name) != cases[i].out)
            fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(patterns_are_anchored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
