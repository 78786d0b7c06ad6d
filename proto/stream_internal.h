/*
 * stream_internal.h -- the data stream's insides, for stream*.c.
 *
 *     stream_header.c    the frame header
 *     stream.c           a connection: send, receive, the end
 *     stream_dial.c      the agent's side of making one
 *     stream_listen.c    the controller's side: a loop that accepts, and a thread per connection
 *
 * One frame is read ahead while the program works on the last one.
 * Layer: proto.
 */
#ifndef PROTO_STREAM_INTERNAL_H
#define PROTO_STREAM_INTERNAL_H

#include <nng/nng.h>

#include "proto/channel.h"
#include "proto/monitor.h"
#include "proto/stream.h"
#include "proto/tls_engine.h"

struct stream {
    struct monitor monitor;
    struct channel *channel;
    struct tls_setup *setup; /* dialled: owned; accepted: the listener's, for its reasons */
    bool dialled;
    struct tls_peer peer;
    nng_aio *tick;
    struct mono begun;

    bool ready; /* a frame waits: */
    enum stream_type type;
    struct buffer payload;
    bool paused; /* the channel waits for channel_resume */

    bool sending, pinging; /* the channel has something of stream_send, or a ping */
    uint8_t header[STREAM_HEADER_SIZE], ping[STREAM_HEADER_SIZE];

    bool cancelled, ended, draining;
    struct error why; /* when ended */

    /* Accepted streams: their place in the listener, under its monitor. */
    struct stream_listener *listener;
    struct stream *next, **link;
    bool started;    /* its thread runs */
    uint64_t origin; /* crowd.h */
    bool evicted;    /* it had to make room */
};

/* Takes the nng stream and starts receiving. */
enum rc stream_begin(nng_stream *nng, struct tls_setup *setup, bool dialled,
                     struct stream_listener *listener, struct stream **out, struct error *e);
/* Something has come, or it has ended: time to give it a thread, or to free it. */
bool stream_is_settled(struct stream *s);
bool stream_has_ended(struct stream *s);
enum rc stream_learn_peer(struct stream *s, struct error *e);
/* Over ipc: RC_DENIED unless it is root or runs as we do. */
enum rc stream_learn_local_peer(struct stream *s, struct error *e);
/* From stream.c to stream_listen.c. */
void stream_listener_notice(struct stream_listener *l);
void stream_listener_forget(struct stream *s);

#endif
