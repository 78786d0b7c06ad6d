/* fuzz_priv.c -- whatever the network side sends koffer-priv is a whole message or refused; the first byte chooses who speaks. */
#include <stdlib.h>
#include <string.h>

#include "agent/priv/priv.h"
#include "agent/priv/priv_pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was decoded is encoded to the same bytes: there is one spelling of everything. */
static void
check_packet(struct span bytes, enum priv_from from)
{
    struct error e = ERROR_INIT;
    struct priv_message m;
    CLEANUP(buffer_free) struct buffer again = BUFFER_INIT(PRIV_PACKET_MAX);
    if (priv_decode(bytes, from, &m, &e) != RC_OK)
        return;
    if (priv_encode(&m, &again, &e) != RC_OK || again.len != bytes.len ||
        memcmp(again.data, bytes.data, bytes.len) != 0)
        abort();
}

static void
check_frame(struct span bytes)
{
    struct error e = ERROR_INIT;
    enum priv_pipe_type type;
    uint32_t length;
    if (bytes.len >= PRIV_PIPE_HEADER &&
        priv_pipe_decode(bytes.data, &type, &length, &e) == RC_OK && length > PRIV_PIPE_PAYLOAD_MAX)
        abort();
    if (priv_pipe_failure(bytes, &e) == RC_OK)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0 || len > PRIV_PACKET_MAX)
        return 0;
    const struct span rest = span_of(data + 1, len - 1);
    if (data[0] % 3 == 0)
        check_packet(rest, PRIV_FROM_NETWORK);
    else if (data[0] % 3 == 1)
        check_packet(rest, PRIV_FROM_PRIVILEGED);
    else
        check_frame(rest);
    return 0;
}
