/* mandate.c -- see mandate.h. */
#include "common/record/mandate.h"

#include <string.h>

#include "common/base/wire.h"
#include "common/crypto/digest.h"

#define RECIPIENTS "koffer/1/recipients"
#define RESTORE "koffer/1/restore"
#define ENROLLED "koffer/1/enrolled"

enum { TEXT_MAX = 65536, BINDING = 32 };

static enum rc
put_recipients(const struct mandate_recipients *m, struct buffer *out, struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    wire_put_bytes(&w, span_of(m->vault.bytes, RECORD_VAULT_ID_SIZE));
    wire_put_u8(&w, (uint8_t)m->count);
    for (size_t i = 0; i < m->count; i++)
        wire_put_bytes(&w, span_of(m->recipients[i].bytes, KEYS_PUBLIC_SIZE));
    return wire_writer_finish(&w);
}

static enum rc
put_restore(const struct mandate_restore *m, struct buffer *out, struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    wire_put_bytes(&w, span_of(m->vault.bytes, RECORD_VAULT_ID_SIZE));
    wire_put_varbytes(&w, span_of(m->host, strlen(m->host)));
    wire_put_u64(&w, m->job);
    wire_put_id(&w, m->root);
    wire_put_bytes(&w, span_of(m->root_sealed, KEYS_SEALED_SIZE));
    wire_put_varbytes(&w, span_of(m->path, strlen(m->path)));
    wire_put_varbytes(&w, span_of(m->target, strlen(m->target)));
    wire_put_u8(&w, (uint8_t)(m->dry_run | m->replace << 1));
    return wire_writer_finish(&w);
}

static enum rc
deny(struct error *e, const char *what)
{
    return error_set(e, RC_DENIED,
                     "%s not signed by the controller that this agent was enrolled with; if it is "
                     "another one now, enrol this agent anew",
                     what);
}

enum rc
mandate_sign_recipients(const struct keys_private *key, const struct mandate_recipients *m,
                        uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    TRY(put_recipients(m, &text, e));
    return keys_sign(key, RECIPIENTS, buffer_span(&text), signature, e);
}

enum rc
mandate_check_recipients(const struct keys_public *key, const struct mandate_recipients *m,
                         const uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    struct error why = ERROR_INIT;
    TRY(put_recipients(m, &text, e));
    enum rc rc = keys_check(key, RECIPIENTS, buffer_span(&text), signature, &why);
    return rc == RC_OK ? RC_OK : deny(e, "the recipients are");
}

enum rc
mandate_sign_restore(const struct keys_private *key, const struct mandate_restore *m,
                     uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    TRY(put_restore(m, &text, e));
    return keys_sign(key, RESTORE, buffer_span(&text), signature, e);
}

enum rc
mandate_check_restore(const struct keys_public *key, const struct mandate_restore *m,
                      const uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    struct error why = ERROR_INIT;
    TRY(put_restore(m, &text, e));
    enum rc rc = keys_check(key, RESTORE, buffer_span(&text), signature, &why);
    return rc == RC_OK ? RC_OK : deny(e, "the restore is");
}

enum rc
mandate_enrolment_proof(const struct id *token_hash, const struct mandate_enrolment *m,
                        struct id *proof, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    struct wire_writer w = wire_writer_to(&text, e);
    wire_put_bytes(&w, span_of(ENROLLED, sizeof ENROLLED - 1));
    wire_put_bytes(&w, span_of(m->binding, BINDING));
    wire_put_bytes(&w, span_of(m->vault.bytes, RECORD_VAULT_ID_SIZE));
    wire_put_bytes(&w, span_of(m->controller.bytes, KEYS_PUBLIC_SIZE));
    TRY(wire_writer_finish(&w));
    return digest_hmac(token_hash, buffer_span(&text), (struct span){0}, proof, e);
}
