/*
 * job_stream.h -- the data stream of one job: dialled, introduced, and cut when nobody wants it any more.
 *
 * A small thread watches the job's channel: when its other end is closed (the job has ended, or its process has), a blocked
 * send or receive ends.
 *
 * Threads: job_stream_send and job_stream_receive from one thread each.  Layer: agent/net.
 */
#ifndef AGENT_NET_JOB_STREAM_H
#define AGENT_NET_JOB_STREAM_H

#include "proto/stream.h"

struct job_stream;
struct job_stream_options {
    const char *url, *expect;
    const struct tls_identity *identity;
    uint64_t job;
    const struct id *token;
    int channel; /* to the job; borrowed until job_stream_close */
};

/* Dial, say HELLO, hear WELCOME. */
enum rc
job_stream_open(const struct job_stream_options *options, struct job_stream **out, struct error *e);
void job_stream_close(struct job_stream *p); /* NULL is fine */
static inline void
job_stream_closep(struct job_stream **p)
{
    job_stream_close(*p);
}
enum rc job_stream_send(struct job_stream *p, enum stream_type type, const struct span *parts,
                        size_t count, struct error *e);
enum rc job_stream_receive(struct job_stream *p, enum stream_type expected, struct buffer *payload,
                           struct error *e);

#endif
