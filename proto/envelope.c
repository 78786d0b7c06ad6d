/* envelope.c -- see envelope.h. */
#include "proto/envelope.h"

#include <string.h>

enum rc
envelope_seal(const struct frame *frame, const uint32_t *words, size_t word_count, nng_msg **out,
              struct error *e)
{
    nng_msg *msg = NULL;

    if (frame->body.len > LIMIT_CONTROL_MESSAGE) {
        return error_set(e, RC_INVALID, "message of %zu bytes, at most %u are allowed",
                         frame->body.len, LIMIT_CONTROL_MESSAGE);
    }
    int error = nng_msg_alloc(&msg, FRAME_HEADER_SIZE + frame->body.len);
    for (size_t i = 0; error == 0 && i < word_count; i++)
        error = nng_msg_header_append_u32(msg, words[i]);
    if (error != 0) {
        if (msg != NULL)
            nng_msg_free(msg);
        return error_set(e, RC_NO_MEMORY, "message of %zu bytes", frame->body.len);
    }
    uint8_t *body = nng_msg_body(msg);
    frame_encode_header(frame, body);
    if (frame->body.len > 0)
        memcpy(body + FRAME_HEADER_SIZE, frame->body.data, frame->body.len);
    *out = msg;
    return RC_OK;
}

enum rc
envelope_open(nng_msg *msg, struct buffer *bytes, struct frame *frame, struct error *e)
{
    buffer_clear(bytes);
    TRY(buffer_append(bytes, span_of(nng_msg_body(msg), nng_msg_len(msg)), e));
    return frame_decode(buffer_span(bytes), frame, e);
}
