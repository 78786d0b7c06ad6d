/* frame.c -- encode and decode the message header.  See frame.h. */
#include "proto/frame.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* The bytes as they travel: big-endian, and laid out so that the compiler adds none. */
struct wire_header {
    uint8_t version;
    uint8_t flags;
    uint16_t type;
    uint32_t body_len;
    uint64_t correlation;
};
_Static_assert(sizeof(struct wire_header) == FRAME_HEADER_SIZE, "header has no padding");

enum rc
frame_decode_header(const uint8_t header[static FRAME_HEADER_SIZE], struct frame *out,
                    struct error *e)
{
    struct wire_header wire;

    memcpy(&wire, header, sizeof wire);
    if (wire.version != FRAME_VERSION)
        return error_set(e, RC_PROTOCOL, "frame version %u, expected %d", wire.version,
                         FRAME_VERSION);
    if ((wire.flags & ~FRAME_FLAGS_ALL_) != 0)
        return error_set(e, RC_PROTOCOL, "unknown frame flags 0x%02x", wire.flags);
    if ((wire.flags & FRAME_FAILURE) != 0 && (wire.flags & FRAME_REPLY) == 0)
        return error_set(e, RC_PROTOCOL, "frame is a failure but no reply");

    *out = (struct frame){
        .flags = wire.flags,
        .type = be16toh(wire.type),
        .correlation = be64toh(wire.correlation),
        .body = span_of(NULL, be32toh(wire.body_len)),
    };
    return RC_OK;
}

enum rc
frame_decode(struct span bytes, struct frame *out, struct error *e)
{
    struct frame frame;

    if (bytes.len < FRAME_HEADER_SIZE)
        return error_set(e, RC_PROTOCOL, "frame of %zu bytes has no header", bytes.len);
    TRY(frame_decode_header(bytes.data, &frame, e));

    size_t carried = bytes.len - FRAME_HEADER_SIZE;
    if (frame.body.len != carried)
        return error_set(e, RC_PROTOCOL, "frame announces %zu body bytes, carries %zu",
                         frame.body.len, carried);
    frame.body.data = bytes.data + FRAME_HEADER_SIZE;
    *out = frame;
    return RC_OK;
}

void
frame_encode_header(const struct frame *frame, uint8_t header[static FRAME_HEADER_SIZE])
{
    assert(frame->body.len <= UINT32_MAX);
    const struct wire_header wire = {
        .version = FRAME_VERSION,
        .flags = frame->flags,
        .type = htobe16(frame->type),
        .body_len = htobe32((uint32_t)frame->body.len),
        .correlation = htobe64(frame->correlation),
    };
    memcpy(header, &wire, sizeof wire);
}
