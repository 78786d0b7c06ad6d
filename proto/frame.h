/*
 * frame.h -- the 16-byte header in front of every control message (docs/formats/frame.md).
 *
 *     offset  size  field
 *          0     1  version, currently 1
 *          1     1  flags: bit 0 reply, bit 1 failure; others zero
 *          2     2  message type (enum MessageType of koffer.proto)
 *          4     4  body length
 *          8     8  correlation id, chosen by the asker, 0 when no reply is wanted
 *
 * Integers are big-endian.  Transport boundaries are nng's; the length field makes truncation
 * visible.  Decoding is total: any input yields a frame or RC_PROTOCOL, never anything else.
 *
 * Layer: proto.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/span.h"

enum { FRAME_HEADER_SIZE = 16, FRAME_VERSION = 1 };

enum frame_flags {
    FRAME_REPLY = 1 << 0,
    FRAME_FAILURE = 1 << 1,
    FRAME_FLAGS_ALL_ = FRAME_REPLY | FRAME_FAILURE,
};

struct frame {
    uint8_t flags;
    uint16_t type;
    uint64_t correlation;
    struct span body; /* borrows from the decoded bytes */
};

enum rc frame_decode(struct span bytes, struct frame *out, struct error *e);
/* The header alone: out->body has the announced length and no data yet. */
enum rc frame_decode_header(const uint8_t header[static FRAME_HEADER_SIZE], struct frame *out,
                            struct error *e);
void frame_encode_header(const struct frame *frame, uint8_t header[static FRAME_HEADER_SIZE]);

#endif
