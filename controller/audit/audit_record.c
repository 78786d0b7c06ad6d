/* audit_record.c -- see audit_record.h. */
#include "controller/audit/audit_record.h"

#include <string.h>

#include "common/base/wire.h"
#include "common/crypto/digest.h"

enum { VERSION = 1 };

static struct span
of_text(const char *text)
{
    return span_of(text, strlen(text));
}

static enum rc
encode_body(const struct audit_record *r, struct buffer *out, struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    wire_put_u16(&w, VERSION);
    wire_put_u8(&w, (uint8_t)r->kind);
    wire_put_u8(&w, (uint8_t)r->result);
    wire_put_u64(&w, r->sequence);
    wire_put_id(&w, &r->previous);
    wire_put_bytes(&w, span_of(r->boot, sizeof r->boot));
    wire_put_i64(&w, r->wall.ns);
    wire_put_i64(&w, r->mono.ns);
    wire_put_varbytes(&w, of_text(r->role));
    wire_put_varbytes(&w, of_text(r->who));
    wire_put_id(&w, &r->certificate);
    wire_put_varbytes(&w, of_text(r->address));
    wire_put_varbytes(&w, of_text(r->verb));
    wire_put_varbytes(&w, of_text(r->object));
    wire_put_varbytes(&w, of_text(r->why));
    wire_put_id(&w, &r->parameters);
    if (r->kind == AUDIT_HEAD) {
        wire_put_bytes(&w, span_of(r->signing_key.bytes, sizeof r->signing_key.bytes));
        wire_put_bytes(&w, span_of(r->signature, sizeof r->signature));
    }
    return wire_writer_finish(&w);
}

enum rc
audit_encode(const struct audit_record *record, struct buffer *out, struct id *hash,
             struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(AUDIT_BODY_MAX);
    struct wire_writer w = wire_writer_to(out, e);
    TRY(encode_body(record, &body, e));
    TRY(digest_sha256(buffer_span(&body), hash, e));
    wire_put_u32(&w, (uint32_t)body.len);
    wire_put_bytes(&w, buffer_span(&body));
    wire_put_id(&w, hash);
    return wire_writer_finish(&w);
}

/* Foreign bytes into a text of fixed size; a NUL in them would hide what follows. */
static bool
take_text(struct wire_reader *r, char *out, size_t max)
{
    struct span text = wire_varbytes(r, max);
    if (!wire_ok(r) || (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
        return false;
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool
take_texts(struct wire_reader *r, struct audit_record *out)
{
    bool good = take_text(r, out->role, AUDIT_ROLE_MAX) && take_text(r, out->who, AUDIT_WHO_MAX);
    out->certificate = wire_id(r);
    good = good && take_text(r, out->address, AUDIT_ADDRESS_MAX) &&
           take_text(r, out->verb, AUDIT_VERB_MAX) && take_text(r, out->object, AUDIT_OBJECT_MAX) &&
           take_text(r, out->why, AUDIT_WHY_MAX);
    out->parameters = wire_id(r);
    return good;
}

static void
take_bytes(struct wire_reader *r, uint8_t *out, size_t len)
{
    struct span bytes = wire_bytes(r, len);
    if (wire_ok(r))
        memcpy(out, bytes.data, len);
}

static bool
is_consistent(const struct audit_record *r)
{
    bool head = r->kind == AUDIT_HEAD;
    return head == (r->result == AUDIT_NO_RESULT) && r->sequence > 0 &&
           (r->sequence == 1) == id_is_zero(&r->previous);
}

enum rc
audit_decode(struct span body, struct audit_record *out, struct error *e)
{
    struct wire_reader r = wire_reader_of(body);
    struct audit_record a = {.kind = AUDIT_DEED};
    uint16_t version = wire_u16(&r);
    if (wire_ok(&r) && version != VERSION)
        return error_set(e, RC_UNSUPPORTED, "audit record: version %u", version);
    uint8_t kind = wire_u8(&r), result = wire_u8(&r);
    a.sequence = wire_u64(&r);
    a.previous = wire_id(&r);
    take_bytes(&r, a.boot, sizeof a.boot);
    a.wall.ns = wire_i64(&r);
    a.mono.ns = wire_i64(&r);
    bool good = take_texts(&r, &a);
    a.kind = kind == AUDIT_HEAD ? AUDIT_HEAD : AUDIT_DEED;
    if (a.kind == AUDIT_HEAD) {
        take_bytes(&r, a.signing_key.bytes, sizeof a.signing_key.bytes);
        take_bytes(&r, a.signature, sizeof a.signature);
    }
    good = good && wire_done(&r) && kind == (uint8_t)a.kind && result <= AUDIT_FAILED;
    a.result = good ? (enum audit_result)result : AUDIT_NO_RESULT;
    if (!good || !is_consistent(&a))
        return error_set(e, RC_CORRUPT, "audit record: %zu bytes that are none", body.len);
    *out = a;
    return RC_OK;
}

void
audit_head_bytes(uint64_t sequence, const struct id *previous, uint8_t out[static AUDIT_HEAD_SIZE])
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(sequence >> (8 * i));
    memcpy(out + 8, previous->bytes, ID_SIZE);
}

enum rc
audit_next(struct span *rest, struct span *body, struct id *hash, struct error *e)
{
    struct wire_reader r = wire_reader_of(*rest);
    struct id told;
    if (rest->len == 0)
        return error_set(e, RC_NOT_FOUND, "the end");
    uint32_t len = wire_u32(&r);
    if (wire_ok(&r) && (len == 0 || len > AUDIT_BODY_MAX))
        return error_set(e, RC_CORRUPT, "a length of %u", len);
    struct span bytes = wire_bytes(&r, len);
    told = wire_id(&r);
    if (!wire_ok(&r))
        return error_set(e, RC_AGAIN, "%zu bytes that are no whole record", rest->len);
    TRY(digest_sha256(bytes, hash, e));
    *rest = r.rest; /* also behind a wrong one: whoever asks may look whether anything follows */
    if (!id_equal(hash, &told))
        return error_set(e, RC_CORRUPT, "the hash is not that of the record");
    *body = bytes;
    return RC_OK;
}

const char *
audit_result_name(enum audit_result result)
{
    static const char *const names[] = {"", "allowed", "refused", "failed"};
    return result <= AUDIT_FAILED ? names[result] : "";
}
