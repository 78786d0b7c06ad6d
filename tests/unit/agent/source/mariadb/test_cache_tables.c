/* test_cache_tables.c -- a table is a cache only where it is known to be one. */
#include "agent/source/mariadb/cache_tables.h"

#include "tests/support/check.h"

static void
caches_are_known_in_their_own_database_only(void **state)
{
    (void)state;
    static const char *const roundcube[] = {"users",
                                            "identities",
                                            "contactgroupmembers",
                                            "cache",
                                            "cache_index",
                                            "session",
                                            "kolab_cache_event",
                                            "kolab_alarms",
                                            "policy_result_copy",
                                            "cache_custom"};
    static const char *const shop[] = {"users", "session", "cache", "statistic"};
    static const char *const kolab[] = {"policy_result", "statistic", "user_types"};
    enum { R = sizeof roundcube / sizeof *roundcube };

    assert_true(cache_tables_has(roundcube, R, "cache"));
    assert_true(cache_tables_has(roundcube, R, "session"));
    assert_true(cache_tables_has(roundcube, R, "kolab_cache_event"));
    assert_false(cache_tables_has(roundcube, R, "users"));
    assert_false(cache_tables_has(roundcube, R, "kolab_alarms"));
    assert_false(cache_tables_has(roundcube, R, "cache_custom"));
    assert_false(cache_tables_has(roundcube, R, "policy_result_copy"));
    assert_false(cache_tables_has(shop, 4, "session"));
    assert_false(cache_tables_has(shop, 4, "cache"));
    assert_false(cache_tables_has(shop, 4, "statistic"));
    assert_true(cache_tables_has(kolab, 3, "statistic"));
    assert_false(cache_tables_has(kolab, 3, "user_types"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches_are_known_in_their_own_database_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
