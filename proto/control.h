/*
 * control.h -- one connection of the control protocol, as both hub and link see it: frames queued
 * for sending, the window, heartbeats.  Not thread-safe by itself: the owner's monitor guards it.
 *
 *     TRY(control_open(&c, stream, &owner, e));        owner.received gets frames through control_take
 *     control_send(&c, &frame, e) ; control_beat(&c) ; owner.sent -> control_sent(&c)
 *
 * Each end says a heartbeat first.  A side believes in the connection when it has heard one: with
 * TLS 1.3 a client's handshake ends before the server has judged it.
 * Layer: proto.
 */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include <sys/queue.h>

#include "common/base/limits.h"
#include "proto/channel.h"
#include "proto/frame.h"
#include "proto/window.h"

enum { CONTROL_HEARTBEAT = 1 /* MessageType HEARTBEAT */ };

struct control_frame;

struct control {
    struct channel *channel;
    struct window window;
    STAILQ_HEAD(, control_frame) queue; /* the first one is being sent when `busy` */
    bool busy, sending_frame, beat_due;
    uint8_t beat[FRAME_HEADER_SIZE];
    unsigned waiting; /* received and not yet taken by the program */
};

/* Fills `header_size`, `payload_max` and `measure` of the owner. */
enum rc
control_open(struct control *c, nng_stream *stream, struct channel_owner owner, struct error *e);
/* Frees what is queued; the channel too.  Waits for the owner's functions. */
void control_close(struct control *c);

/* RC_AGAIN when the window is closed, RC_INVALID when it is too long. */
enum rc control_send(struct control *c, const struct frame *frame, struct error *e);
/* A heartbeat that says how many frames were taken. */
void control_beat(struct control *c);
/* From owner.sent: send what is next. */
void control_sent(struct control *c);

/* What came: a heartbeat (`frame` says so; `reopened`: a refused sender may go on) or a frame. */
enum rc control_received(struct control *c, const uint8_t *header, const struct buffer *payload,
                         struct frame *frame, bool *reopened, struct error *e);
/* The program has taken one. */
void control_taken(struct control *c);

#endif
