/* fuzz_memory.c -- records of a capture's memory: what decodes can be encoded, and means the same again. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/capture/memory_record.h"
#include "common/base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MEMORY = 4 * MEMORY_RECORD_MAX };

static void
check(bool good)
{
    if (!good)
        abort();
}

static void
check_same(const struct memory_record *a, const struct memory_record *b)
{
    check(a->kind == b->kind && a->check == b->check && a->hashed == b->hashed);
    check(a->size == b->size && a->inode == b->inode && a->device == b->device);
    check(a->piece_count == b->piece_count && a->xattr_count == b->xattr_count);
    for (size_t i = 0; i < a->piece_count; i++) {
        check(a->pieces[i].kind == b->pieces[i].kind);
        check(a->pieces[i].length == b->pieces[i].length);
        check(a->pieces[i].offset == b->pieces[i].offset);
    }
}

static bool
one_record(struct span body, struct memory_ring *ring, struct arena *arena)
{
    struct error e = ERROR_INIT;
    struct memory_record record, again;
    if (memory_record_decode(body, ring, arena, &record, &e) != RC_OK)
        return false;
    struct memory_ring out = {0}, in = {0};
    struct buffer bytes = BUFFER_INIT(MEMORY_RECORD_MAX);
    check(memory_record_encode(&record, &out, &bytes, &e) == RC_OK);
    check(memory_record_decode(buffer_span(&bytes), &in, arena, &again, &e) == RC_OK);
    check_same(&record, &again);
    buffer_free(&bytes);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct wire_reader r = wire_reader_of(span_of(data, len));
    struct memory_ring ring = {0};
    struct arena *arena = arena_new(MEMORY);
    check(arena != NULL);
    bool good = true;
    while (good && wire_ok(&r) && r.rest.len > 0) {
        struct span body = wire_varbytes(&r, MEMORY_RECORD_MAX);
        arena_reset(arena);
        good = wire_ok(&r) && one_record(body, &ring, arena);
    }
    arena_free(arena);
    return 0;
}
