/*
 * channel.h -- frames both ways over one nng_stream, without a thread of its own.
 *
 *     TRY(channel_open(stream, &owner, &c, e));   takes the stream, also when it fails
 *     channel_start(c);
 *     channel_send(c, parts, count);              ... owner.sent
 *     channel_close(c);                           ... owner.ended, if something was under way
 *     channel_free(c);
 *
 * The owner's functions are called on nng's threads, one at a time per direction, without any lock:
 * they note what happened and return.  They may call everything here except channel_free, which
 * waits for them.
 * Each direction has one operation under way at most.  nng never hears of an operation after the
 * stream was closed: it would neither finish nor refuse it.
 * Threads: any.  Layer: proto.
 */
#ifndef PROTO_CHANNEL_H
#define PROTO_CHANNEL_H

#include <nng/nng.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"

enum { CHANNEL_HEADER_MAX = 16, CHANNEL_PARTS_MAX = 8 };

struct channel_owner {
    void *context;
    size_t header_size;
    size_t payload_max;
    /* How long is the payload after this header?  Total: a failure ends the channel. */
    enum rc (*measure)(const uint8_t *header, size_t *payload_len, struct error *e);
    /* A frame is complete.  The payload may be taken by swapping the buffer for another one of
     * the same limit.  False: receive no more until channel_resume. */
    bool (*received)(void *context, const uint8_t *header, struct buffer *payload);
    /* What channel_send was given has been handed to the connection. */
    void (*sent)(void *context);
    /* Nothing is under way any more, and nothing will be.  Called once; not when the channel was
     * idle in both directions.  `protocol` is NULL unless the peer's bytes were at fault. */
    void (*ended)(void *context, int nng_error, const struct error *protocol);
};

struct channel;
enum rc channel_open(nng_stream *stream, const struct channel_owner *owner, struct channel **out,
                     struct error *e);
void channel_free(struct channel *c);                /* NULL is fine */
nng_stream *channel_stream(const struct channel *c); /* borrowed */

void channel_start(struct channel *c);
void channel_resume(struct channel *c);
/* The parts' bytes (not the array) stay the channel's until sent or ended.  Not before the last one
 * is through. */
void channel_send(struct channel *c, const struct span *parts, size_t count);
void channel_close(struct channel *c);
/* When bytes last moved. */
struct mono channel_heard(struct channel *c);
struct mono channel_said(struct channel *c);
/* For `ms`: the rest of a frame does not come, or bytes of ours are not taken.  Silence between
 * frames is no fault. */
bool channel_is_stuck(struct channel *c, struct mono now, int ms);

#endif
