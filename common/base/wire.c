/* wire.c -- see wire.h. */
#include "common/base/wire.h"

#include <endian.h>
#include <string.h>

struct span
wire_bytes(struct wire_reader *r, size_t len)
{
    if (r->failed || len > r->rest.len) {
        r->failed = true;
        return (struct span){0};
    }
    struct span taken = span_of(r->rest.data, len);
    r->rest = span_of(r->rest.data + len, r->rest.len - len);
    return taken;
}

static bool
take(struct wire_reader *r, void *out, size_t len)
{
    struct span s = wire_bytes(r, len);
    if (r->failed)
        return false;
    memcpy(out, s.data, len);
    return true;
}

uint8_t
wire_u8(struct wire_reader *r)
{
    uint8_t v = 0;
    return take(r, &v, sizeof v) ? v : 0;
}

uint16_t
wire_u16(struct wire_reader *r)
{
    uint16_t v;
    return (uint16_t)(take(r, &v, sizeof v) ? le16toh(v) : 0);
}

uint32_t
wire_u32(struct wire_reader *r)
{
    uint32_t v;
    return take(r, &v, sizeof v) ? le32toh(v) : 0;
}

uint64_t
wire_u64(struct wire_reader *r)
{
    uint64_t v;
    return take(r, &v, sizeof v) ? le64toh(v) : 0;
}

int64_t
wire_i64(struct wire_reader *r)
{
    return (int64_t)wire_u64(r);
}

struct id
wire_id(struct wire_reader *r)
{
    struct id id = {{0}};
    (void)take(r, id.bytes, sizeof id.bytes);
    return id;
}

uint64_t
wire_varint(struct wire_reader *r)
{
    enum { LAST_SHIFT = 63 };
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = wire_u8(r);
        bool overflows = shift == LAST_SHIFT && byte > 1;
        bool padded = byte == 0 && shift > 0;
        if (r->failed || shift > LAST_SHIFT || overflows || padded) {
            r->failed = true;
            return 0;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
}

struct span
wire_varbytes(struct wire_reader *r, size_t max)
{
    uint64_t len = wire_varint(r);
    if (len > max)
        r->failed = true;
    return wire_bytes(r, r->failed ? 0 : (size_t)len);
}

void
wire_put_bytes(struct wire_writer *w, struct span bytes)
{
    if (w->rc == RC_OK)
        w->rc = buffer_append(w->out, bytes, w->e);
}

void
wire_put_u8(struct wire_writer *w, uint8_t v)
{
    wire_put_bytes(w, span_of(&v, sizeof v));
}

void
wire_put_u16(struct wire_writer *w, uint16_t v)
{
    v = htole16(v);
    wire_put_bytes(w, span_of(&v, sizeof v));
}

void
wire_put_u32(struct wire_writer *w, uint32_t v)
{
    v = htole32(v);
    wire_put_bytes(w, span_of(&v, sizeof v));
}

void
wire_put_u64(struct wire_writer *w, uint64_t v)
{
    v = htole64(v);
    wire_put_bytes(w, span_of(&v, sizeof v));
}

void
wire_put_i64(struct wire_writer *w, int64_t v)
{
    wire_put_u64(w, (uint64_t)v);
}

void
wire_put_id(struct wire_writer *w, const struct id *id)
{
    wire_put_bytes(w, span_of(id->bytes, ID_SIZE));
}

void
wire_put_varint(struct wire_writer *w, uint64_t v)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (v > 0x7f) {
        bytes[len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[len++] = (uint8_t)v;
    wire_put_bytes(w, span_of(bytes, len));
}

void
wire_put_varbytes(struct wire_writer *w, struct span bytes)
{
    wire_put_varint(w, bytes.len);
    wire_put_bytes(w, bytes);
}

enum rc
wire_writer_finish(const struct wire_writer *w)
{
    return w->rc;
}
