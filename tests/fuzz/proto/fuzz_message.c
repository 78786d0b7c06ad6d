/* fuzz_message.c -- the first byte chooses a message type: unpacking is total and bounded, and what
 * unpacks packs again into something that unpacks. */
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/own.h"
#include "proto/message.h"
#include "tests/support/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool has_unknown(const ProtobufCMessage *m);

static bool
field_has_unknown(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *at = (const uint8_t *)m + field->offset;
    ProtobufCMessage *const *parts = (ProtobufCMessage *const *)(const void *)at;
    size_t count = 1;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&count, (const uint8_t *)m + field->quantifier_offset, sizeof count);
        memcpy(&parts, at, sizeof parts);
    }
    for (size_t i = 0; i < count; i++)
        if (parts[i] != NULL && has_unknown(parts[i]))
            return true;
    return false;
}

/* protobuf-c keeps unknown fields, also one of number 0 whose tag is written longer than need be; it would write that tag shorter,
 * and refuse what it wrote. */
static bool
has_unknown(const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++)
        if (field_has_unknown(m, &m->descriptor->fields[i]))
            return true;
    return m->n_unknown_fields > 0;
}

static void
check_repacks(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *m)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *again = NULL;

    if (message_pack(m, &packed, &e) != RC_OK)
        return;
    enum rc rc = message_unpack(type, buffer_span(&packed), &again, &e);
    if (rc != RC_OK && !(rc == RC_PROTOCOL && has_unknown(m)))
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
