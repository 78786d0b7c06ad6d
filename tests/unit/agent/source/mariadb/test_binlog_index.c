/* test_binlog_index.c -- an index that was moved names no other directory. */
#include "agent/source/mariadb/binlog_index.h"

#include <string.h>

#include "tests/support/check.h"

static void
names_lose_their_directories_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *old, *moved;
    } cases[] = {
        {"", ""},
        {"./binlog.000001\n", "./binlog.000001\n"},
        {"binlog.000001\n", "./binlog.000001\n"},
        {"/var/lib/mysql/binlog.000001\n/var/lib/mysql/binlog.000002\n",
         "./binlog.000001\n./binlog.000002\n"},
        {"/a b/c d.000001", "./c d.000001\n"},
        {"\n\n/x.000001\n\n", "./x.000001\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1024);
        assert_int_equal(binlog_index_move(span_of(cases[i].old, strlen(cases[i].old)), &out, &e),
                         RC_OK);
        assert_int_equal(out.len, strlen(cases[i].moved));
        if (out.len > 0)
            assert_memory_equal(out.data, cases[i].moved, out.len);
    }
}

static void
what_is_no_list_of_names_is_refused(void **state)
{
    (void)state;
    static const struct span bad[] = {{(const uint8_t *)"/var/lib/mysql/\n", 16},
                                      {(const uint8_t *)"a\0b\n", 4}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = ERROR_INIT;
        CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1024);
        assert_int_equal(binlog_index_move(bad[i], &out, &e), RC_CORRUPT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lose_their_directories_and_nothing_else),
        cmocka_unit_test(what_is_no_list_of_names_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
