/* test_crowd.c -- a flood takes its own places. */
#include "proto/crowd.h"

#include <arpa/inet.h>

#include "tests/support/check.h"

static int people[CROWD_MAX + 1];

static nng_sockaddr
v4(const char *text, uint16_t port)
{
    nng_sockaddr a = {.s_in = {.sa_family = NNG_AF_INET, .sa_port = htons(port)}};
    assert_int_equal(inet_pton(AF_INET, text, &a.s_in.sa_addr), 1);
    return a;
}

static nng_sockaddr
v6(const char *text)
{
    nng_sockaddr a = {.s_in6 = {.sa_family = NNG_AF_INET6}};
    assert_int_equal(inet_pton(AF_INET6, text, &a.s_in6.sa_addr), 1);
    return a;
}

static void
the_longest_of_the_largest_crowd_goes(void **state)
{
    (void)state;
    struct crowd c = {.count = 0};
    crowd_add(&c, 1, &people[0]); /* alone, and longer here than anybody */
    for (int i = 1; i < 10; i++)
        crowd_add(&c, 2, &people[i]);
    crowd_add(&c, 3, &people[10]);
    assert_ptr_equal(crowd_choose(&c), &people[1]);
}

static void
among_equals_the_longest_goes(void **state)
{
    (void)state;
    struct crowd c = {.count = 0};
    assert_null(crowd_choose(&c));
    for (int i = 0; i < 5; i++)
        crowd_add(&c, (uint64_t)i, &people[i]);
    assert_ptr_equal(crowd_choose(&c), &people[0]);
}

static void
more_than_fit_are_not_looked_at(void **state)
{
    (void)state;
    struct crowd c = {.count = 0};
    for (int i = 0; i <= CROWD_MAX; i++)
        crowd_add(&c, 7, &people[i]);
    assert_int_equal(c.count, CROWD_MAX);
    assert_ptr_equal(crowd_choose(&c), &people[0]);
}

static void
an_origin_is_an_address_without_port_or_a_network(void **state)
{
    (void)state;
    nng_sockaddr a = v4("192.0.2.1", 1), b = v4("192.0.2.1", 2), c = v4("192.0.2.2", 1);
    assert_int_equal(crowd_origin(&a), crowd_origin(&b));
    assert_int_not_equal(crowd_origin(&a), crowd_origin(&c));
    nng_sockaddr d = v6("2001:db8::1"), e = v6("2001:db8::ffff"), f = v6("2001:db8:0:1::1");
    assert_int_equal(crowd_origin(&d), crowd_origin(&e));
    assert_int_not_equal(crowd_origin(&d), crowd_origin(&f));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_of_the_largest_crowd_goes),
        cmocka_unit_test(among_equals_the_longest_goes),
        cmocka_unit_test(more_than_fit_are_not_looked_at),
        cmocka_unit_test(an_origin_is_an_address_without_port_or_a_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
