/*
 * envelope.h -- frames in and out of nng messages.
 *
 * Raw REQ/REP messages carry 32-bit words in front: the pipe (towards and from REP only) and a
 * request number with the high bit set, which ends the list.  The frame is the body.
 * Layer: proto.
 */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <nng/nng.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "proto/frame.h"

enum { ENVELOPE_HEARTBEAT = 1 }; /* MessageType HEARTBEAT */
#define ENVELOPE_REQUEST 0x80000000u
#define ENVELOPE_FRAME_MAX (LIMIT_CONTROL_MESSAGE + FRAME_HEADER_SIZE)
/* What a socket accepts: nng counts the request number too. */
#define ENVELOPE_RECEIVE_MAX (ENVELOPE_FRAME_MAX + sizeof(uint32_t))

/* RC_INVALID when the body is over LIMIT_CONTROL_MESSAGE. */
enum rc envelope_seal(const struct frame *frame, const uint32_t *words, size_t word_count,
                      nng_msg **out, struct error *e);
/* Copies the message's body to `bytes` (an initialised buffer); `frame` borrows from it. */
enum rc envelope_open(nng_msg *msg, struct buffer *bytes, struct frame *frame, struct error *e);

#endif
