/* record_full.c -- one cycle, as bytes.  See record.h and docs/formats/record.md. */
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/record/record.h"
#include "common/record/record_internal.h"

#define MAGIC "KFFR"
#define CONTEXT "koffer/1/full"

static const struct record_clock unknown_clock = {.offset_ns = RECORD_CLOCK_UNKNOWN};

static bool
is_clock(const struct record_clock *c)
{
    return c->uncertainty_ns >= 0 &&
           (c->offset_ns != RECORD_CLOCK_UNKNOWN || c->uncertainty_ns == 0);
}

/* What must hold on both ways; the caller knows whose fault it is. */
static enum rc
check(const struct record_full *f, enum rc code, struct error *e)
{
    if (f->number == 0)
        return error_set(e, code, "full record without a number");
    if (f->state != RECORD_FULL && f->state != RECORD_INCOMPLETE)
        return error_set(e, code, "full record: state %u", (unsigned)f->state);
    if (f->skew_ns < -1)
        return error_set(e, code, "full record: negative skew");
    if (f->archive_count > LIMIT_ARCHIVES || f->missing_count > LIMIT_ARCHIVES)
        return error_set(e, code, "full record: more than %u sources", LIMIT_ARCHIVES);
    for (size_t i = 0; f->clocks != NULL && i < f->archive_count; i++)
        if (!is_clock(&f->clocks[i]))
            return error_set(e, code, "full record: the clock of archive %zu cannot be", i + 1);
    for (size_t i = 0; i < f->missing_count; i++) {
        struct error why = ERROR_INIT;
        if (text_check_name("host name", f->missing[i].host, &why) != RC_OK ||
            text_check_name("source name", f->missing[i].source, &why) != RC_OK)
            return error_set(e, code, "full record: %s", why.text);
        if (strlen(f->missing[i].reason) > RECORD_REASON_MAX)
            return error_set(e, code, "full record: a reason is too long");
    }
    return RC_OK;
}

static void
put_archives(struct wire_writer *w, const struct record_full *f)
{
    wire_put_u16(w, (uint16_t)f->archive_count);
    for (size_t i = 0; i < f->archive_count; i++) {
        const struct record_clock *clock = f->clocks != NULL ? &f->clocks[i] : &unknown_clock;
        wire_put_i64(w, clock->offset_ns);
        wire_put_i64(w, clock->uncertainty_ns);
        wire_put_u32(w, (uint32_t)f->archives[i].len);
        wire_put_bytes(w, f->archives[i]);
    }
}

static struct record_clock
take_clock(struct wire_reader *r, uint16_t version)
{
    struct record_clock c = unknown_clock;
    if (version > 1) {
        c.offset_ns = wire_i64(r);
        c.uncertainty_ns = wire_i64(r);
    }
    return c;
}

static enum rc
take_archives(struct wire_reader *r, uint16_t version, struct arena *arena, struct record_full *f,
              struct error *e)
{
    f->archive_count = wire_u16(r);
    if (f->archive_count > LIMIT_ARCHIVES)
        return error_set(e, RC_CORRUPT, "full record: %zu archives", f->archive_count);
    struct span *all = arena_alloc(arena, (f->archive_count + 1) * sizeof *all);
    struct record_clock *clocks = arena_alloc(arena, (f->archive_count + 1) * sizeof *clocks);
    if (all == NULL || clocks == NULL)
        return error_set(e, RC_NO_MEMORY, "archives of a full record");
    for (size_t i = 0; i < f->archive_count; i++) {
        clocks[i] = take_clock(r, version);
        all[i] = wire_bytes(r, wire_u32(r));
    }
    f->archives = all;
    f->clocks = clocks;
    return RC_OK;
}

static void
put_missing(struct wire_writer *w, const struct record_full *f)
{
    wire_put_u16(w, (uint16_t)f->missing_count);
    for (size_t i = 0; i < f->missing_count; i++) {
        record_put_text(w, f->missing[i].host);
        record_put_text(w, f->missing[i].source);
        record_put_text(w, f->missing[i].reason);
    }
}

static enum rc
take_missing(struct wire_reader *r, struct arena *arena, struct record_full *f, struct error *e)
{
    f->missing_count = wire_u16(r);
    if (f->missing_count > LIMIT_ARCHIVES)
        return error_set(e, RC_CORRUPT, "full record: %zu missing sources", f->missing_count);
    struct record_missing *all = arena_alloc(arena, (f->missing_count + 1) * sizeof *all);
    if (all == NULL)
        return error_set(e, RC_NO_MEMORY, "missing sources of a full record");
    for (size_t i = 0; i < f->missing_count; i++) {
        TRY(record_take_text(r, LIMIT_LABEL, arena, &all[i].host, e));
        TRY(record_take_text(r, LIMIT_LABEL, arena, &all[i].source, e));
        TRY(record_take_text(r, RECORD_REASON_MAX, arena, &all[i].reason, e));
    }
    f->missing = all;
    return RC_OK;
}

enum rc
record_encode_full(struct record_full *full, const struct keys_private *signer, struct buffer *out,
                   struct error *e)
{
    TRY(check(full, RC_INVALID, e));
    buffer_clear(out);
    struct wire_writer w = wire_writer_to(out, e);
    record_put_head(&w, MAGIC, RECORD_VERSION, &full->vault);
    wire_put_u64(&w, full->number);
    wire_put_id(&w, &full->previous);
    wire_put_i64(&w, full->started.ns);
    wire_put_i64(&w, full->sealed.ns);
    wire_put_u8(&w, (uint8_t)full->state);
    wire_put_i64(&w, full->skew_ns);
    put_archives(&w, full);
    put_missing(&w, full);
    TRY(wire_writer_finish(&w));
    return record_sign(out, CONTEXT, signer, &full->signing_key, &full->name, e);
}

static void
take_numbers(struct wire_reader *r, struct record_full *f)
{
    f->number = wire_u64(r);
    f->previous = wire_id(r);
    f->started.ns = wire_i64(r);
    f->sealed.ns = wire_i64(r);
    uint8_t state = wire_u8(r);
    f->state = state == RECORD_FULL         ? RECORD_FULL
               : state == RECORD_INCOMPLETE ? RECORD_INCOMPLETE
                                            : (enum record_full_state)0;
    f->skew_ns = wire_i64(r);
}

enum rc
record_parse_full(struct span bytes, struct arena *arena, struct record_full *out, struct error *e)
{
    struct record_full f = {0};
    struct wire_reader r = wire_reader_of(bytes);
    if (bytes.len > LIMIT_RECORD)
        return error_set(e, RC_CORRUPT, "full record of %zu bytes", bytes.len);
    uint16_t version = RECORD_VERSION;
    TRY(record_take_head(&r, MAGIC, &version, &f.vault, e));
    take_numbers(&r, &f);
    TRY(take_archives(&r, version, arena, &f, e));
    TRY(take_missing(&r, arena, &f, e));
    f.signing_key = record_take_key(&r);
    (void)wire_bytes(&r, KEYS_SIGNATURE_SIZE);
    if (!wire_done(&r))
        return error_set(e, RC_CORRUPT, "full record is cut short or has bytes behind its end");
    TRY(check(&f, RC_CORRUPT, e));
    *out = f;
    return RC_OK;
}

enum rc
record_decode_full(struct span bytes, struct arena *arena, struct record_full *out, struct error *e)
{
    struct record_full f;
    TRY(record_parse_full(bytes, arena, &f, e));
    TRY(record_check_signature(bytes, CONTEXT, &f.signing_key, &f.name, e));
    *out = f;
    return RC_OK;
}
