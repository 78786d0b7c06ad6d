/*
 * crowd.h -- who has to make room when too many wait: of the address that has most, the one that waited longest.
 *
 *     crowd_add(&c, origin, who) for each that waits, the longest first;  victim = crowd_choose(&c);
 *
 * So a flood from one address takes its own places and nobody else's.  From many addresses it is as if the longest of all went.
 * Threads: a struct crowd is its owner's.  Layer: proto.
 */
#ifndef PROTO_CROWD_H
#define PROTO_CROWD_H

#include <nng/nng.h>
#include <stddef.h>
#include <stdint.h>

enum { CROWD_MAX = 256 /* more than wait anywhere; those beyond are not looked at */ };

struct crowd {
    size_t count;
    struct {
        uint64_t origin;
        void *who;
    } waiting[CROWD_MAX];
};

/* The address without its port; of IPv6 the network (/64), which is one customer's. */
uint64_t crowd_origin(const nng_sockaddr *address);
/* Of the peer of a connection; 0 when it has none any more. */
uint64_t crowd_origin_of(nng_stream *stream);

void crowd_add(struct crowd *c, uint64_t origin, void *who);
void *crowd_choose(const struct crowd *c); /* NULL: nobody waits */

#endif
