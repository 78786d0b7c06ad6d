/*
 * pulse.h -- a data stream with a heartbeat: PINGs while a slow step has nothing to say.
 *
 * The controller closes a stream that is silent for STREAM_SILENCE_MS; an export or a slow disk may well be
 * silent for longer.  A small thread sends PING when nothing was sent for PULSE_MS, and carries a job's cancel flag to
 * the stream, so that a blocked send or receive ends.
 *
 * Threads: pulse_send and pulse_receive from one thread each.  Layer: agent/net.
 */
#ifndef AGENT_NET_PULSE_H
#define AGENT_NET_PULSE_H

#include <stdatomic.h>

#include "proto/stream.h"

enum { PULSE_MS = 10000 };

struct pulse;
struct pulse_options {
    const char *url, *expect;
    const struct tls_identity *identity;
    uint64_t job;
    const struct id *token;
    const _Atomic(bool) *cancel; /* borrowed until pulse_close */
};

/* Dial, say HELLO, hear WELCOME. */
enum rc pulse_open(const struct pulse_options *options, struct pulse **out, struct error *e);
void pulse_close(struct pulse *p); /* NULL is fine */
static inline void
pulse_closep(struct pulse **p)
{
    pulse_close(*p);
}
enum rc pulse_send(struct pulse *p, enum stream_type type, const struct span *parts, size_t count,
                   struct error *e);
enum rc
pulse_receive(struct pulse *p, enum stream_type expected, struct buffer *payload, struct error *e);

#endif
