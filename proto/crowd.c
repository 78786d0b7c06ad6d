/* crowd.c -- see crowd.h. */
#include "proto/crowd.h"

#include <string.h>

uint64_t
crowd_origin(const nng_sockaddr *address)
{
    uint64_t origin = 0;
    if (address->s_family == NNG_AF_INET)
        origin = address->s_in.sa_addr;
    else if (address->s_family == NNG_AF_INET6)
        memcpy(&origin, address->s_in6.sa_addr, sizeof origin);
    return origin;
}

uint64_t
crowd_origin_of(nng_stream *stream)
{
    nng_sockaddr address;
    return nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) == 0 ? crowd_origin(&address) : 0;
}

void
crowd_add(struct crowd *c, uint64_t origin, void *who)
{
    if (c->count == CROWD_MAX)
        return;
    c->waiting[c->count].origin = origin;
    c->waiting[c->count++].who = who;
}

static size_t
size_of(const struct crowd *c, uint64_t origin)
{
    size_t size = 0;
    for (size_t i = 0; i < c->count; i++)
        size += c->waiting[i].origin == origin;
    return size;
}

void *
crowd_choose(const struct crowd *c)
{
    void *chosen = NULL;
    size_t largest = 0;
    for (size_t i = 0; i < c->count; i++) {
        size_t size = size_of(c, c->waiting[i].origin);
        if (size > largest) { /* the first of its address, so the longest */
            largest = size;
            chosen = c->waiting[i].who;
        }
    }
    return chosen;
}
