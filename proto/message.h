/*
 * message.h -- protobuf-c, tamed: unpack with a memory cap, pack into a buffer.
 *
 * protobuf-c amplifies small inputs into large allocations and recurses without limit (facts: H8);
 * so messages are unpacked by a capped allocator (LIMIT_CONTROL_MEMORY) and tests/lint/check_proto.py refuses recursive
 * messages.  Strings in our messages are checked to be UTF-8 by nobody: treat them as outside bytes.
 *
 *     CLEANUP(message_freep) ProtobufCMessage *m = NULL;
 *     TRY(message_unpack(&koffer__agent_hello__descriptor, frame.body, &m, e));
 *     const Koffer__AgentHello *hello = (const Koffer__AgentHello *)m;
 *
 * Fill messages with koffer__<name>__init(&m), not with the ..._INIT macros, whose casts our warnings refuse.
 *
 * Layer: proto.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <string.h>

#include "common/base/buffer.h"

enum rc message_unpack(const ProtobufCMessageDescriptor *type, struct span bytes,
                       ProtobufCMessage **out, struct error *e);
void message_free(ProtobufCMessage *m); /* NULL is fine */
static inline void
message_freep(ProtobufCMessage **m)
{
    message_free(*m);
}
/* `out` is cleared first; RC_INVALID when over LIMIT_CONTROL_MESSAGE. */
enum rc message_pack(const ProtobufCMessage *m, struct buffer *out, struct error *e);

/*
 * protobuf-c's structs want pointers they may change; packing never does.  These lend it a constant
 * text or run of bytes for the time of a message_pack.
 */
static inline char *
message_text(const char *text)
{
    char *lent;
    memcpy(&lent, &text, sizeof lent);
    return lent;
}

static inline ProtobufCBinaryData
message_bytes(const void *data, size_t len)
{
    ProtobufCBinaryData lent = {.len = len};
    memcpy(&lent.data, &data, sizeof lent.data);
    return lent;
}

#endif
