/* fuzz_stream_header.c -- decoding is total, and what decodes encodes back to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    uint8_t header[STREAM_HEADER_SIZE] = {0}, back[STREAM_HEADER_SIZE];
    enum stream_type type;
    uint32_t payload_len;

    if (len < sizeof header)
        return 0;
    memcpy(header, data, sizeof header);
    enum rc rc = stream_decode_header(header, &type, &payload_len, &e);
    if (rc != RC_OK) {
        if (rc != RC_PROTOCOL)
            abort();
        return 0;
    }
    if (payload_len > STREAM_PAYLOAD_MAX || type >= STREAM_TYPES_)
        abort();
    stream_encode_header(type, payload_len, back);
    if (memcmp(header, back, sizeof back) != 0)
        abort();
    return 0;
}
