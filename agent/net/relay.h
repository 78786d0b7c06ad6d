/*
 * relay.h -- joins the channels of koffer-priv's jobs to data streams to the controller, frame by frame.
 *
 * What passes is sealed: the relay knows names and sizes of blobs, not what is in them.  It can lose or delay them; the vault
 * and koffer-priv check everything by name.
 *
 *     TRY(relay_new(&options, &relay, e));
 *     relay_start(relay, &what, fd, url);         // takes fd; a thread of its own does the rest, failures go to the job
 *     relay_free(relay);                          // ends them all, and waits
 *
 * Threads: any.  Layer: agent/net.
 */
#ifndef AGENT_NET_RELAY_H
#define AGENT_NET_RELAY_H

#include "agent/net/job_stream.h"
#include "agent/priv/priv.h"

struct relay_options {
    const struct tls_identity *identity; /* borrowed, as `expect` */
    const char *expect;
};

struct relay;
enum rc relay_new(const struct relay_options *options, struct relay **out, struct error *e);
void relay_free(struct relay *r); /* NULL is fine */
void relay_start(struct relay *r, const struct priv_stream *what, int fd, const char *url);

#endif
