/* test_tls_address.c -- addresses as they stand in logs. */
#include "tests/support/check.h"

#include <arpa/inet.h>

#include "proto/tls_engine.h"

static void
every_family_has_its_form(void **unused)
{
    (void)unused;
    char text[80];
    nng_sockaddr address = {.s_in = {.sa_family = NNG_AF_INET, .sa_port = htons(9920)}};
    address.s_in.sa_addr = htonl(0x0a000001);
    tls_address(&address, text, sizeof text);
    assert_string_equal(text, "10.0.0.1:9920");

    address = (nng_sockaddr){.s_in6 = {.sa_family = NNG_AF_INET6, .sa_port = htons(1)}};
    address.s_in6.sa_addr[15] = 1;
    tls_address(&address, text, sizeof text);
    assert_string_equal(text, "[::1]:1");

    address = (nng_sockaddr){.s_ipc = {.sa_family = NNG_AF_IPC}};
    tls_address(&address, text, sizeof text);
    assert_string_equal(text, "local");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_family_has_its_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
