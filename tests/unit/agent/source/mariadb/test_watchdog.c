/* test_watchdog.c -- a connection ends when its time is over, and only then. */
#include "agent/source/mariadb/watchdog.h"

#include <sys/socket.h>
#include <unistd.h>

#include "agent/source/mariadb/lock.h"
#include "tests/support/check.h"

static void
a_socket_is_shut_down_while_its_user_waits_for_an_answer(void **state)
{
    (void)state;
    int pair[2];
    char byte;
    bool bit;
    struct error e = ERROR_INIT;
    struct watchdog *w = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(watchdog_start(pair[0], 30, &w, &e), RC_OK);
    assert_int_equal(read(pair[0], &byte, 1), 0); /* would wait for ever */
    assert_int_equal(read(pair[1], &byte, 1), 0); /* the other side is told */
    watchdog_stop(w, &bit);
    assert_true(bit);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void
a_watchdog_that_is_stopped_in_time_leaves_the_socket_alone(void **state)
{
    (void)state;
    int pair[2];
    char byte = 0;
    bool bit = true;
    struct error e = ERROR_INIT;
    struct watchdog *w = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(watchdog_start(pair[0], 60000, &w, &e), RC_OK);
    watchdog_stop(w, &bit);
    assert_false(bit);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(read(pair[1], &byte, 1), 1);
    watchdog_stop(NULL, &bit);
    assert_false(bit);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void
backup_stages_are_expected_of_mariadb_since_10_4_only(void **state)
{
    (void)state;
    assert_true(lock_version_has_stages("10.11.6-MariaDB-0+deb12u1-log"));
    assert_true(lock_version_has_stages("10.4.0-MariaDB"));
    assert_true(lock_version_has_stages("11.4.2-MariaDB"));
    assert_false(lock_version_has_stages("10.3.39-MariaDB"));
    assert_false(lock_version_has_stages("8.0.36"));
    assert_false(lock_version_has_stages("MariaDB"));
    assert_false(lock_version_has_stages(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_is_shut_down_while_its_user_waits_for_an_answer),
        cmocka_unit_test(a_watchdog_that_is_stopped_in_time_leaves_the_socket_alone),
        cmocka_unit_test(backup_stages_are_expected_of_mariadb_since_10_4_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
