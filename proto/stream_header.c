/* stream_header.c -- the eight bytes in front of every frame of the data stream.  See stream.h. */
#include <string.h>

#include "common/base/wire.h"
#include "proto/stream.h"

enum rc
stream_decode_header(const uint8_t header[static STREAM_HEADER_SIZE], enum stream_type *type,
                     uint32_t *payload_len, struct error *e)
{
    struct wire_reader r = wire_reader_of(span_of(header, STREAM_HEADER_SIZE));
    uint32_t len = wire_u32(&r);
    uint8_t number = wire_u8(&r);
    uint16_t low = wire_u16(&r);
    uint8_t high = wire_u8(&r);

    if (number == 0 || number >= STREAM_TYPES_)
        return error_set(e, RC_PROTOCOL, "data stream: unknown frame type %u", number);
    if (low != 0 || high != 0)
        return error_set(e, RC_PROTOCOL, "data stream: reserved bytes are not zero");
    if (len > STREAM_PAYLOAD_MAX) {
        return error_set(e, RC_PROTOCOL, "data stream: frame of %u bytes, at most %u are allowed",
                         len, STREAM_PAYLOAD_MAX);
    }
    *type = (enum stream_type)number;
    *payload_len = len;
    return RC_OK;
}

void
stream_encode_header(enum stream_type type, uint32_t payload_len,
                     uint8_t header[static STREAM_HEADER_SIZE])
{
    const uint8_t bytes[STREAM_HEADER_SIZE] = {
        (uint8_t)payload_len,
        (uint8_t)(payload_len >> 8),
        (uint8_t)(payload_len >> 16),
        (uint8_t)(payload_len >> 24),
        (uint8_t)type,
    };
    memcpy(header, bytes, sizeof bytes);
}
