/* record.c -- the parts that both kinds of record share, and the roots' envelopes.  See record.h. */
#include "common/record/record.h"

#include "common/crypto/digest.h"
#include "common/record/record_internal.h"

#define ROOT_INFO "koffer/1/root"

void
record_put_head(struct wire_writer *w, const char *magic, uint16_t version,
                const struct record_vault_id *vault)
{
    wire_put_bytes(w, span_of(magic, RECORD_MAGIC_SIZE));
    wire_put_u16(w, version);
    wire_put_u16(w, 0);
    wire_put_bytes(w, span_of(vault->bytes, RECORD_VAULT_ID_SIZE));
}

enum rc
record_take_head(struct wire_reader *r, const char *magic, uint16_t *version,
                 struct record_vault_id *vault, struct error *e)
{
    struct span found = wire_bytes(r, RECORD_MAGIC_SIZE);
    uint16_t its_version = wire_u16(r), zero = wire_u16(r);
    struct span id = wire_bytes(r, RECORD_VAULT_ID_SIZE);
    if (!wire_ok(r) || memcmp(found.data, magic, RECORD_MAGIC_SIZE) != 0)
        return error_set(e, RC_CORRUPT, "does not begin like a %s record", magic);
    if (its_version == 0 || its_version > *version)
        return error_set(e, RC_UNSUPPORTED,
                         "%s record of version %u; this program knows up to version %u", magic,
                         its_version, *version);
    if (zero != 0)
        return error_set(e, RC_CORRUPT, "%s record with reserved bits set", magic);
    memcpy(vault->bytes, id.data, RECORD_VAULT_ID_SIZE);
    *version = its_version;
    return RC_OK;
}

void
record_put_text(struct wire_writer *w, const char *text)
{
    wire_put_varbytes(w, span_of(text, strlen(text)));
}

enum rc
record_take_text(struct wire_reader *r, size_t max, struct arena *arena, const char **out,
                 struct error *e)
{
    struct span found = wire_varbytes(r, max);
    if (!wire_ok(r) || (found.len > 0 && memchr(found.data, '\0', found.len) != NULL))
        return error_set(e, RC_CORRUPT, "a text in the record is malformed");
    char *text = arena_alloc(arena, found.len + 1);
    if (text == NULL)
        return error_set(e, RC_NO_MEMORY, "texts of a record");
    if (found.len > 0)
        memcpy(text, found.data, found.len);
    *out = text;
    return RC_OK;
}

struct keys_public
record_take_key(struct wire_reader *r)
{
    struct keys_public key = {{0}};
    struct span found = wire_bytes(r, KEYS_PUBLIC_SIZE);
    if (wire_ok(r))
        memcpy(key.bytes, found.data, KEYS_PUBLIC_SIZE);
    return key;
}

enum rc
record_sign(struct buffer *out, const char *context, const struct keys_private *signer,
            struct keys_public *key, struct id *name, struct error *e)
{
    struct keys_public own;
    struct id digest;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    TRY(keys_public_of(signer, &own, e));
    TRY(buffer_append(out, span_of(own.bytes, KEYS_PUBLIC_SIZE), e));
    TRY(keys_sign(signer, context, buffer_span(out), signature, e));
    TRY(buffer_append(out, span_of(signature, KEYS_SIGNATURE_SIZE), e));
    TRY(digest_sha256(buffer_span(out), &digest, e));
    *key = own;
    *name = digest;
    return RC_OK;
}

enum rc
record_check_signature(struct span bytes, const char *context, const struct keys_public *key,
                       struct id *name, struct error *e)
{
    struct id digest;
    size_t len = bytes.len - KEYS_SIGNATURE_SIZE;
    TRY_IN(keys_check(key, context, span_of(bytes.data, len), bytes.data + len, e), e, "record");
    TRY(digest_sha256(bytes, &digest, e));
    *name = digest;
    return RC_OK;
}

enum { ROOT_INFO_LEN = sizeof ROOT_INFO - 1 + RECORD_VAULT_ID_SIZE + ID_SIZE };

static struct span
root_info(const struct record_vault_id *vault, const struct id *root,
          uint8_t out[static ROOT_INFO_LEN])
{
    size_t at = sizeof ROOT_INFO - 1;
    memcpy(out, ROOT_INFO, at);
    memcpy(out + at, vault->bytes, RECORD_VAULT_ID_SIZE);
    memcpy(out + at + RECORD_VAULT_ID_SIZE, root->bytes, ID_SIZE);
    return span_of(out, ROOT_INFO_LEN);
}

enum rc
record_seal_root(const struct record_vault_id *vault, const struct blob_ref *root,
                 const struct keys_public *recipients, size_t count, struct record_recipient *out,
                 struct error *e)
{
    uint8_t bytes[ROOT_INFO_LEN];
    struct span info = root_info(vault, &root->id, bytes);
    for (size_t i = 0; i < count; i++) {
        TRY(keys_fingerprint(&recipients[i], &out[i].fingerprint, e));
        TRY(keys_seal(&recipients[i], info, &root->key, out[i].sealed, e));
    }
    return RC_OK;
}

enum rc
record_open_sealed(const struct record_vault_id *vault, const struct id *root,
                   const struct keys_private *key, const uint8_t sealed[static KEYS_SEALED_SIZE],
                   struct id *root_key, struct error *e)
{
    uint8_t bytes[ROOT_INFO_LEN];
    return keys_open(key, root_info(vault, root, bytes), sealed, root_key, e);
}

enum rc
record_open_root(const struct record_archive *archive, const struct keys_private *key,
                 struct blob_ref *root, struct error *e)
{
    struct keys_public own;
    struct id fingerprint, opened;
    TRY(keys_public_of(key, &own, e));
    TRY(keys_fingerprint(&own, &fingerprint, e));
    for (size_t i = 0; i < archive->recipient_count; i++) {
        if (!id_equal(&archive->recipients[i].fingerprint, &fingerprint))
            continue;
        TRY_IN(record_open_sealed(&archive->vault, &archive->root, key,
                                  archive->recipients[i].sealed, &opened, e),
               e, "archive %s.%s", archive->host, archive->source);
        *root = (struct blob_ref){.id = archive->root, .key = opened};
        keys_wipe(&opened, sizeof opened);
        return RC_OK;
    }
    return error_set(e, RC_DENIED,
                     "archive %s.%s is not sealed to this key; use one of its %zu recipients' keys",
                     archive->host, archive->source, archive->recipient_count);
}
