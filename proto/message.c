/* message.c -- protobuf-c behind a memory cap.  See message.h. */
#include "proto/message.h"

#include <stdlib.h>

#include "common/base/limits.h"

/* What malloc adds to each block: without it, millions of empty messages would look free. */
enum { BLOCK_OVERHEAD = 16 };

struct allowance {
    size_t left;
    bool refused; /* the message would take more than it may */
    bool failed;  /* ours is the want: the message may be a good one */
};

static void *
take(void *data, size_t size)
{
    struct allowance *allowance = data;

    if (size > allowance->left || allowance->left - size < BLOCK_OVERHEAD) {
        allowance->refused = true;
        return NULL;
    }
    allowance->left -= size + BLOCK_OVERHEAD;
    void *block = malloc(size);
    allowance->failed = allowance->failed || block == NULL;
    return block;
}

/* Memory is not handed back to the allowance: protobuf-c keeps nearly all of it until the end. */
static void
release(void *data, void *block)
{
    (void)data;
    free(block);
}

enum rc
message_unpack(const ProtobufCMessageDescriptor *type, struct span bytes, ProtobufCMessage **out,
               struct error *e)
{
    if (bytes.len > LIMIT_CONTROL_MESSAGE) {
        return error_set(e, RC_PROTOCOL, "%s of %zu bytes, at most %u are allowed",
                         type->short_name, bytes.len, LIMIT_CONTROL_MESSAGE);
    }
    struct allowance allowance = {.left = LIMIT_CONTROL_MEMORY};
    ProtobufCAllocator capped = {.alloc = take, .free = release, .allocator_data = &allowance};
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &capped, bytes.len, bytes.data);
    if (m == NULL && allowance.refused) {
        return error_set(e, RC_PROTOCOL, "%s of %zu bytes would take more than %u in memory",
                         type->short_name, bytes.len, LIMIT_CONTROL_MEMORY);
    }
    if (m == NULL && allowance.failed)
        return error_set(e, RC_NO_MEMORY, "%s of %zu bytes", type->short_name, bytes.len);
    if (m == NULL)
        return error_set(e, RC_PROTOCOL, "%zu bytes are no %s", bytes.len, type->short_name);
    *out = m;
    return RC_OK;
}

void
message_free(ProtobufCMessage *m)
{
    if (m != NULL)
        protobuf_c_message_free_unpacked(m, NULL); /* malloc's blocks, as take() gave them */
}

enum rc
message_pack(const ProtobufCMessage *m, struct buffer *out, struct error *e)
{
    size_t size = protobuf_c_message_get_packed_size(m);

    buffer_clear(out);
    if (size > LIMIT_CONTROL_MESSAGE) {
        return error_set(e, RC_INVALID, "%s would be %zu bytes long, at most %u are allowed",
                         m->descriptor->short_name, size, LIMIT_CONTROL_MESSAGE);
    }
    TRY_IN(buffer_reserve(out, size, e), e, "%s", m->descriptor->short_name);
    out->len = size == 0 ? 0 : protobuf_c_message_pack(m, out->data);
    return RC_OK;
}
