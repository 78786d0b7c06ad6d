/* tls_address.c -- a peer's address for people.  See tls_engine.h. */
#include <arpa/inet.h>
#include <stdio.h>

#include "proto/tls_engine.h"

void
tls_address(const nng_sockaddr *address, char *out, size_t out_size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->s_family == NNG_AF_INET) {
        (void)inet_ntop(AF_INET, &address->s_in.sa_addr, host, sizeof host);
        (void)snprintf(out, out_size, "%s:%u", host, ntohs(address->s_in.sa_port));
    } else if (address->s_family == NNG_AF_INET6) {
        (void)inet_ntop(AF_INET6, address->s_in6.sa_addr, host, sizeof host);
        (void)snprintf(out, out_size, "[%s]:%u", host, ntohs(address->s_in6.sa_port));
    } else {
        (void)snprintf(out, out_size, "local");
    }
}
