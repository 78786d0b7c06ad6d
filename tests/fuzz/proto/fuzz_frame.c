/* fuzz_frame.c -- decoding is total, and what decodes encodes back to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct frame frame;
    uint8_t header[FRAME_HEADER_SIZE];

    enum rc rc = frame_decode(span_of(data, len), &frame, &e);
    if (rc != RC_OK) {
        if (rc != RC_PROTOCOL || e.text[0] == '\0')
            abort();
        return 0;
    }
    if (frame.body.len != len - sizeof header)
        abort();
    frame_encode_header(&frame, header);
    if (memcmp(header, data, sizeof header) != 0)
        abort();
    return 0;
}
