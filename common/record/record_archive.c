/* record_archive.c -- one source of one host, as bytes.  See record.h and docs/formats/record.md. */
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/record/record.h"
#include "common/record/record_internal.h"

#define MAGIC "KFAR"
#define CONTEXT "koffer/1/archive"

static bool
is_kind(const char *text)
{
    static const char *const kinds[] = {"ldap", "imap", "mariadb", "files"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (text_equal(kinds[i], text))
            return true;
    return false;
}

static size_t
size_of_facts(const struct record_archive *a)
{
    size_t size = 0;
    for (size_t i = 0; i < a->fact_count; i++)
        size += strlen(a->facts[i].name) + strlen(a->facts[i].value);
    return size;
}

bool
record_fact_fits(const struct record_archive *a, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    return a->fact_count < RECORD_FACTS_MAX && name_len > 0 && name_len <= RECORD_FACT_NAME_MAX &&
           value_len <= RECORD_FACT_VALUE_MAX &&
           size_of_facts(a) + name_len + value_len <= RECORD_FACTS_SIZE_MAX;
}

static enum rc
check_facts(const struct record_archive *a, enum rc code, struct error *e)
{
    struct record_archive so_far = {.facts = a->facts};
    if (a->fact_count > RECORD_FACTS_MAX)
        return error_set(e, code, "archive record: %zu facts; %d are possible", a->fact_count,
                         (int)RECORD_FACTS_MAX);
    for (; so_far.fact_count < a->fact_count; so_far.fact_count++) {
        const struct record_fact *f = &a->facts[so_far.fact_count];
        if (!record_fact_fits(&so_far, f->name, f->value))
            return error_set(e, code, "archive record: fact %zu is too long or nameless",
                             so_far.fact_count + 1);
    }
    return RC_OK;
}

/* What must hold on both ways; the caller knows whose fault it is. */
static enum rc
check(const struct record_archive *a, enum rc code, struct error *e)
{
    struct error why = ERROR_INIT;
    if (text_check_name("host name", a->host, &why) != RC_OK ||
        text_check_name("source name", a->source, &why) != RC_OK)
        return error_set(e, code, "archive record: %s", why.text);
    if (a->sequence == 0 || (a->sequence == 1) != id_is_zero(&a->previous))
        return error_set(e, code, "archive record: its place in the host's chain is contradictory");
    if (a->state != RECORD_COMPLETE && a->state != RECORD_ARCHIVE_INCOMPLETE)
        return error_set(e, code, "archive record: state %u", (unsigned)a->state);
    if (a->recipient_count == 0 || a->recipient_count > LIMIT_RECIPIENTS)
        return error_set(e, code, "archive record: %zu recipients; 1 to %u are possible",
                         a->recipient_count, LIMIT_RECIPIENTS);
    if ((a->cut_from.ns == 0) != (a->cut_until.ns == 0))
        return error_set(e, code, "archive record: half a cut");
    return check_facts(a, code, e);
}

static void
put_totals(struct wire_writer *w, const struct record_totals *t)
{
    const uint64_t all[] = {t->files,      t->directories, t->others,  t->bytes,
                            t->unreadable, t->fuzzy,       t->vanished};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        wire_put_u64(w, all[i]);
}

static struct record_totals
take_totals(struct wire_reader *r)
{
    struct record_totals t;
    uint64_t *const all[] = {&t.files,      &t.directories, &t.others,  &t.bytes,
                             &t.unreadable, &t.fuzzy,       &t.vanished};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = wire_u64(r);
    return t;
}

static void
put_facts(struct wire_writer *w, const struct record_archive *a)
{
    wire_put_u16(w, (uint16_t)a->fact_count);
    for (size_t i = 0; i < a->fact_count; i++) {
        record_put_text(w, a->facts[i].name);
        record_put_text(w, a->facts[i].value);
    }
}

static enum rc
take_facts(struct wire_reader *r, struct arena *arena, struct record_archive *a, struct error *e)
{
    a->fact_count = wire_u16(r);
    if (a->fact_count > RECORD_FACTS_MAX)
        return error_set(e, RC_CORRUPT, "archive record: %zu facts", a->fact_count);
    struct record_fact *all = arena_alloc(arena, (a->fact_count + 1) * sizeof *all);
    if (all == NULL)
        return error_set(e, RC_NO_MEMORY, "facts of an archive record");
    for (size_t i = 0; i < a->fact_count; i++) {
        TRY(record_take_text(r, RECORD_FACT_NAME_MAX, arena, &all[i].name, e));
        TRY(record_take_text(r, RECORD_FACT_VALUE_MAX, arena, &all[i].value, e));
    }
    a->facts = all;
    return RC_OK;
}

static void
put_recipients(struct wire_writer *w, const struct record_archive *a)
{
    wire_put_u16(w, (uint16_t)a->recipient_count);
    for (size_t i = 0; i < a->recipient_count; i++) {
        wire_put_id(w, &a->recipients[i].fingerprint);
        wire_put_bytes(w, span_of(a->recipients[i].sealed, KEYS_SEALED_SIZE));
    }
}

static enum rc
take_recipients(struct wire_reader *r, struct arena *arena, struct record_archive *a,
                struct error *e)
{
    a->recipient_count = wire_u16(r);
    if (a->recipient_count > LIMIT_RECIPIENTS)
        return error_set(e, RC_CORRUPT, "archive record: %zu recipients", a->recipient_count);
    struct record_recipient *all = arena_alloc(arena, (a->recipient_count + 1) * sizeof *all);
    if (all == NULL)
        return error_set(e, RC_NO_MEMORY, "recipients of an archive record");
    for (size_t i = 0; i < a->recipient_count; i++) {
        all[i].fingerprint = wire_id(r);
        struct span sealed = wire_bytes(r, KEYS_SEALED_SIZE);
        if (wire_ok(r))
            memcpy(all[i].sealed, sealed.data, KEYS_SEALED_SIZE);
    }
    a->recipients = all;
    return RC_OK;
}

static void
put_body(struct wire_writer *w, const struct record_archive *a)
{
    record_put_head(w, MAGIC, RECORD_VERSION, &a->vault);
    record_put_text(w, a->host);
    record_put_text(w, a->source);
    record_put_text(w, a->kind);
    wire_put_u64(w, a->cycle);
    wire_put_u64(w, a->sequence);
    wire_put_id(w, &a->previous);
    wire_put_i64(w, a->started.ns);
    wire_put_i64(w, a->finished.ns);
    wire_put_i64(w, a->cut_from.ns);
    wire_put_i64(w, a->cut_until.ns);
    wire_put_u8(w, (uint8_t)a->state);
    put_totals(w, &a->totals);
    wire_put_bytes(w, span_of(a->domain, BLOB_DOMAIN_SIZE));
    wire_put_id(w, &a->root);
    put_facts(w, a);
    put_recipients(w, a);
}

enum rc
record_encode_archive(struct record_archive *archive, const struct keys_private *signer,
                      struct buffer *out, struct error *e)
{
    TRY(check(archive, RC_INVALID, e));
    if (!is_kind(archive->kind))
        return error_set(e, RC_INVALID, "archive record: kind '%.40s'", archive->kind);
    buffer_clear(out);
    struct wire_writer w = wire_writer_to(out, e);
    put_body(&w, archive);
    TRY(wire_writer_finish(&w));
    return record_sign(out, CONTEXT, signer, &archive->signing_key, &archive->name, e);
}

static enum rc
take_names(struct wire_reader *r, struct arena *arena, struct record_archive *a, struct error *e)
{
    TRY(record_take_text(r, LIMIT_LABEL, arena, &a->host, e));
    TRY(record_take_text(r, LIMIT_LABEL, arena, &a->source, e));
    TRY(record_take_text(r, LIMIT_LABEL, arena, &a->kind, e));
    if (is_kind(a->kind))
        return RC_OK;
    char shown[80];
    return error_set(e, RC_UNSUPPORTED, "archive record: unknown kind '%s'",
                     text_escape(span_of(a->kind, strlen(a->kind)), shown, sizeof shown));
}

static void
take_chain(struct wire_reader *r, uint16_t version, struct record_archive *a)
{
    a->cycle = wire_u64(r);
    a->sequence = wire_u64(r);
    a->previous = wire_id(r);
    a->started.ns = wire_i64(r);
    a->finished.ns = wire_i64(r);
    if (version > 1) {
        a->cut_from.ns = wire_i64(r);
        a->cut_until.ns = wire_i64(r);
    }
    uint8_t state = wire_u8(r);
    a->state = state == RECORD_COMPLETE             ? RECORD_COMPLETE
               : state == RECORD_ARCHIVE_INCOMPLETE ? RECORD_ARCHIVE_INCOMPLETE
                                                    : (enum record_archive_state)0;
}

enum rc
record_parse_archive(struct span bytes, struct arena *arena, struct record_archive *out,
                     struct error *e)
{
    struct record_archive a = {0};
    struct wire_reader r = wire_reader_of(bytes);
    uint16_t version = RECORD_VERSION;
    TRY(record_take_head(&r, MAGIC, &version, &a.vault, e));
    TRY(take_names(&r, arena, &a, e));
    take_chain(&r, version, &a);
    a.totals = take_totals(&r);
    struct span domain = wire_bytes(&r, BLOB_DOMAIN_SIZE);
    a.root = wire_id(&r);
    if (version > 1)
        TRY(take_facts(&r, arena, &a, e));
    TRY(take_recipients(&r, arena, &a, e));
    a.signing_key = record_take_key(&r);
    (void)wire_bytes(&r, KEYS_SIGNATURE_SIZE);
    if (!wire_done(&r))
        return error_set(e, RC_CORRUPT, "archive record is cut short or has bytes behind its end");
    memcpy(a.domain, domain.data, BLOB_DOMAIN_SIZE);
    TRY(check(&a, RC_CORRUPT, e));
    *out = a;
    return RC_OK;
}

enum rc
record_decode_archive(struct span bytes, struct arena *arena, struct record_archive *out,
                      struct error *e)
{
    struct record_archive a;
    TRY(record_parse_archive(bytes, arena, &a, e));
    TRY(record_check_signature(bytes, CONTEXT, &a.signing_key, &a.name, e));
    *out = a;
    return RC_OK;
}
