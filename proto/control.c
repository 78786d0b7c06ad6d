/* control.c -- see control.h. */
#include "proto/control.h"

#include <stdlib.h>
#include <string.h>

#include "proto/hub.h"

/* A well-behaved peer has HUB_OUTSTANDING under way; twice that is a breach. */
enum { WAITING_MAX = 2 * HUB_OUTSTANDING };

struct control_frame {
    STAILQ_ENTRY(control_frame) next;
    size_t len;
    uint8_t bytes[]; /* header and body */
};

static enum rc
measure(const uint8_t *header, size_t *payload_len, struct error *e)
{
    struct frame frame;
    TRY(frame_decode_header(header, &frame, e));
    *payload_len = frame.body.len;
    return RC_OK;
}

enum rc
control_open(struct control *c, nng_stream *stream, struct channel_owner owner, struct error *e)
{
    *c = (struct control){.busy = false};
    STAILQ_INIT(&c->queue);
    owner.header_size = FRAME_HEADER_SIZE;
    owner.payload_max = LIMIT_CONTROL_MESSAGE;
    owner.measure = measure;
    return channel_open(stream, &owner, &c->channel, e);
}

void
control_close(struct control *c)
{
    channel_free(c->channel);
    c->channel = NULL;
    while (!STAILQ_EMPTY(&c->queue)) {
        struct control_frame *first = STAILQ_FIRST(&c->queue);
        STAILQ_REMOVE_HEAD(&c->queue, next);
        free(first);
    }
}

/* ---- sending */

static void
pump(struct control *c)
{
    struct span part;

    if (c->busy)
        return;
    if (c->beat_due) {
        c->beat_due = false;
        const struct frame beat = {.type = CONTROL_HEARTBEAT,
                                   .correlation = window_tell(&c->window)};
        frame_encode_header(&beat, c->beat);
        part = span_of(c->beat, sizeof c->beat);
    } else if (!STAILQ_EMPTY(&c->queue)) {
        part = span_of(STAILQ_FIRST(&c->queue)->bytes, STAILQ_FIRST(&c->queue)->len);
    } else {
        return;
    }
    c->busy = true;
    c->sending_frame = part.data != c->beat;
    channel_send(c->channel, &part, 1);
}

void
control_sent(struct control *c)
{
    c->busy = false;
    if (c->sending_frame) {
        struct control_frame *first = STAILQ_FIRST(&c->queue);
        STAILQ_REMOVE_HEAD(&c->queue, next);
        free(first);
    }
    pump(c);
}

void
control_beat(struct control *c)
{
    c->beat_due = true;
    pump(c);
}

enum rc
control_send(struct control *c, const struct frame *frame, struct error *e)
{
    if (frame->body.len > LIMIT_CONTROL_MESSAGE)
        return error_set(e, RC_INVALID, "message of %zu bytes, at most %u are allowed",
                         frame->body.len, LIMIT_CONTROL_MESSAGE);
    if (!window_may_send(&c->window))
        return error_set(e, RC_AGAIN, "the peer has not taken the last %d frames yet",
                         HUB_OUTSTANDING);
    struct control_frame *copy = malloc(sizeof *copy + FRAME_HEADER_SIZE + frame->body.len);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "message of %zu bytes", frame->body.len);
    copy->len = FRAME_HEADER_SIZE + frame->body.len;
    frame_encode_header(frame, copy->bytes);
    if (frame->body.len > 0)
        memcpy(copy->bytes + FRAME_HEADER_SIZE, frame->body.data, frame->body.len);
    STAILQ_INSERT_TAIL(&c->queue, copy, next);
    window_sent(&c->window);
    pump(c);
    return RC_OK;
}

/* ---- receiving */

enum rc
control_received(struct control *c, const uint8_t *header, const struct buffer *payload,
                 struct frame *frame, bool *reopened, struct error *e)
{
    *reopened = false;
    TRY(frame_decode_header(header, frame, e));
    frame->body = buffer_span(payload);
    if (frame->type == CONTROL_HEARTBEAT) {
        if (!window_acknowledged(&c->window, frame->correlation, reopened))
            return error_set(e, RC_PROTOCOL, "the peer took more frames than it was sent");
        return RC_OK;
    }
    if (c->waiting >= WAITING_MAX)
        return error_set(e, RC_PROTOCOL, "the peer sent more than %d frames ahead", WAITING_MAX);
    c->waiting++;
    return RC_OK;
}

void
control_taken(struct control *c)
{
    c->waiting--;
    if (window_taken(&c->window))
        control_beat(c);
}
