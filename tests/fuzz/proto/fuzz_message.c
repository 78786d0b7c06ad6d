/* fuzz_message.c -- the first byte chooses a message type: unpacking is total and bounded, and what
 * unpacks packs again into something that unpacks. */
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/own.h"
#include "proto/message.h"
#include "tests/support/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_repacks(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *m)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *again = NULL;

    if (message_pack(m, &packed, &e) == RC_OK &&
        message_unpack(type, buffer_span(&packed), &again, &e) != RC_OK)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    struct error e = ERROR_INIT;
    const ProtobufCMessageDescriptor *type = messages_all[data[0] % MESSAGES_COUNT];
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;

    enum rc rc = message_unpack(type, span_of(data + 1, len - 1), &m, &e);
    if (rc == RC_OK)
        check_repacks(type, m);
    else if (rc != RC_PROTOCOL)
        abort();
    return 0;
}
