/* envelope.c -- see envelope.h and docs/formats/envelope.md. */
#include "common/record/envelope.h"

#include <stdlib.h>

#include "common/record/record_internal.h"

#define MAGIC "KFEV"
#define CONTEXT "koffer/1/envelope"
enum { VERSION = 1 };

static int
by_root(const void *a, const void *b)
{
    const struct envelope_root *x = a, *y = b;
    return id_compare(&x->root, &y->root);
}

size_t
envelope_sort(struct envelope_root *roots, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(roots, count, sizeof *roots, by_root);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !id_equal(&roots[kept - 1].root, &roots[i].root))
            roots[kept++] = roots[i];
    return kept;
}

const struct envelope_root *
envelope_find(const struct envelope *envelope, const struct id *root)
{
    const struct envelope_root wanted = {.root = *root};
    if (envelope->root_count == 0)
        return NULL;
    return bsearch(&wanted, envelope->roots, envelope->root_count, sizeof wanted, by_root);
}

/* What must hold on both ways; the caller knows whose fault it is. */
static enum rc
check(const struct envelope *v, enum rc code, struct error *e)
{
    if (v->number == 0 || v->number > RECORD_NUMBER_MAX)
        return error_set(e, code, "envelope: the number of its full is out of bounds");
    if (v->root_count == 0 || v->root_count > LIMIT_ARCHIVES)
        return error_set(e, code, "envelope: %zu roots; 1 to %u are possible", v->root_count,
                         LIMIT_ARCHIVES);
    for (size_t i = 1; i < v->root_count; i++)
        if (id_compare(&v->roots[i - 1].root, &v->roots[i].root) >= 0)
            return error_set(e, code, "envelope: its roots do not ascend");
    return RC_OK;
}

enum rc
envelope_encode(struct envelope *envelope, const struct keys_private *signer, struct buffer *out,
                struct error *e)
{
    TRY(check(envelope, RC_INVALID, e));
    buffer_clear(out);
    struct wire_writer w = wire_writer_to(out, e);
    record_put_head(&w, MAGIC, VERSION, &envelope->vault);
    wire_put_u64(&w, envelope->number);
    wire_put_id(&w, &envelope->full);
    wire_put_i64(&w, envelope->made.ns);
    wire_put_id(&w, &envelope->recipient);
    wire_put_u16(&w, (uint16_t)envelope->root_count);
    for (size_t i = 0; i < envelope->root_count; i++) {
        wire_put_id(&w, &envelope->roots[i].root);
        wire_put_bytes(&w, span_of(envelope->roots[i].sealed, KEYS_SEALED_SIZE));
    }
    TRY(wire_writer_finish(&w));
    return record_sign(out, CONTEXT, signer, &envelope->signing_key, &envelope->name, e);
}

static enum rc
take_roots(struct wire_reader *r, struct arena *arena, struct envelope *v, struct error *e)
{
    v->root_count = wire_u16(r);
    if (v->root_count > LIMIT_ARCHIVES)
        return error_set(e, RC_CORRUPT, "envelope: %zu roots", v->root_count);
    struct envelope_root *all = arena_alloc(arena, (v->root_count + 1) * sizeof *all);
    if (all == NULL)
        return error_set(e, RC_NO_MEMORY, "roots of an envelope");
    for (size_t i = 0; i < v->root_count; i++) {
        all[i].root = wire_id(r);
        struct span sealed = wire_bytes(r, KEYS_SEALED_SIZE);
        if (wire_ok(r))
            memcpy(all[i].sealed, sealed.data, KEYS_SEALED_SIZE);
    }
    v->roots = all;
    return RC_OK;
}

enum rc
envelope_parse(struct span bytes, struct arena *arena, struct envelope *out, struct error *e)
{
    struct envelope v = {0};
    struct wire_reader r = wire_reader_of(bytes);
    uint16_t version = VERSION;
    TRY(record_take_head(&r, MAGIC, &version, &v.vault, e));
    v.number = wire_u64(&r);
    v.full = wire_id(&r);
    v.made.ns = wire_i64(&r);
    v.recipient = wire_id(&r);
    TRY(take_roots(&r, arena, &v, e));
    v.signing_key = record_take_key(&r);
    (void)wire_bytes(&r, KEYS_SIGNATURE_SIZE);
    if (!wire_done(&r))
        return error_set(e, RC_CORRUPT, "envelope is cut short or has bytes behind its end");
    TRY(check(&v, RC_CORRUPT, e));
    *out = v;
    return RC_OK;
}

enum rc
envelope_decode(struct span bytes, struct arena *arena, struct envelope *out, struct error *e)
{
    struct envelope v;
    TRY(envelope_parse(bytes, arena, &v, e));
    TRY(record_check_signature(bytes, CONTEXT, &v.signing_key, &v.name, e));
    *out = v;
    return RC_OK;
}
