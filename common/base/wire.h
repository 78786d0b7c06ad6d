/*
 * wire.h -- little-endian fields, read within bounds and written into a buffer.
 *
 * Reading keeps a sticky failure, so a decoder reads all fields of a fixed part and checks once:
 *
 *     struct wire_reader r = wire_reader_of(bytes);
 *     uint16_t version = wire_u16(&r);
 *     struct span body = wire_bytes(&r, wire_u32(&r));
 *     if (!wire_ok(&r)) return error_set(e, RC_CORRUPT, "...truncated");
 *
 * After a failure every read yields zero or an empty span, and nothing outside `bytes` is touched.
 * Writing appends to a buffer and keeps the first failure the same way: wire_writer_finish().
 * Layer: common/base.
 */
#ifndef COMMON_BASE_WIRE_H
#define COMMON_BASE_WIRE_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/id.h"

struct wire_reader {
    struct span rest;
    bool failed;
};

static inline struct wire_reader
wire_reader_of(struct span bytes)
{
    return (struct wire_reader){.rest = bytes};
}

static inline bool
wire_ok(const struct wire_reader *r)
{
    return !r->failed;
}

/* All read, nothing failed. */
static inline bool
wire_done(const struct wire_reader *r)
{
    return !r->failed && r->rest.len == 0;
}

uint8_t wire_u8(struct wire_reader *r);
uint16_t wire_u16(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
uint64_t wire_u64(struct wire_reader *r);
int64_t wire_i64(struct wire_reader *r);
struct id wire_id(struct wire_reader *r);
struct span wire_bytes(struct wire_reader *r, size_t len); /* borrows */
/* Unsigned LEB128, at most 10 bytes, shortest form only (anything else fails). */
uint64_t wire_varint(struct wire_reader *r);
/* A varint length, then that many bytes; fails when longer than `max`. */
struct span wire_varbytes(struct wire_reader *r, size_t max);

struct wire_writer {
    struct buffer *out; /* borrowed */
    struct error *e;    /* borrowed; holds the first failure */
    enum rc rc;
};

static inline struct wire_writer
wire_writer_to(struct buffer *out, struct error *e)
{
    return (struct wire_writer){.out = out, .e = e, .rc = RC_OK};
}

void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_i64(struct wire_writer *w, int64_t v);
void wire_put_id(struct wire_writer *w, const struct id *id);
void wire_put_bytes(struct wire_writer *w, struct span bytes);
void wire_put_varint(struct wire_writer *w, uint64_t v);
void wire_put_varbytes(struct wire_writer *w, struct span bytes);

/* RC_OK when every put succeeded; else the first failure, which is in the error already. */
enum rc wire_writer_finish(const struct wire_writer *w);

#endif
