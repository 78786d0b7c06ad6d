/* blob_open.c -- decrypt, decompress.  See blob.h. */
#include "common/blob/blob_open.h"

#include <zstd.h>

#include "common/crypto/aead.h"
#include "common/crypto/digest.h"

struct blob_opener {
    struct aead *aead;
    ZSTD_DCtx *zstd;
    struct buffer body; /* decrypted, still compressed */
};

enum rc
blob_opener_new(struct blob_opener **out, struct error *e)
{
    CLEANUP(blob_opener_freep) struct blob_opener *o = calloc(1, sizeof *o);
    if (o == NULL)
        return error_set(e, RC_NO_MEMORY, "blob opener");
    o->body = BUFFER_INIT(LIMIT_BLOB_PLAIN);
    o->zstd = ZSTD_createDCtx();
    if (o->zstd == NULL)
        return error_set(e, RC_NO_MEMORY, "decompressor");
    TRY(aead_new(&o->aead, e));
    *out = TAKE(o);
    return RC_OK;
}

void
blob_opener_free(struct blob_opener *o)
{
    if (o == NULL)
        return;
    aead_free(o->aead);
    (void)ZSTD_freeDCtx(o->zstd);
    buffer_free(&o->body);
    free(o);
}

enum rc
blob_open_derive(const struct id *key, struct aead_key *out, struct error *e)
{
    return digest_expand(key, "koffer/1/chunk", out->bytes, sizeof out->bytes, e);
}

static enum rc
decompress(struct blob_opener *o, uint64_t plain_len, struct buffer *plain, struct error *e)
{
    /* One frame and nothing behind it: zstd itself would decode several in a row. */
    size_t frame = ZSTD_findFrameCompressedSize(o->body.data, o->body.len);
    if (ZSTD_isError(frame) || frame != o->body.len)
        return error_set(e, RC_CORRUPT, "its body is not one zstd frame");
    size_t got =
        ZSTD_decompressDCtx(o->zstd, plain->data, (size_t)plain_len, o->body.data, o->body.len);
    if (ZSTD_isError(got))
        return error_set(e, RC_CORRUPT, "decompress: %s", ZSTD_getErrorName(got));
    if (got != plain_len)
        return error_set(e, RC_CORRUPT, "decompresses to %zu bytes instead of %ju", got,
                         (uintmax_t)plain_len);
    plain->len = got;
    return RC_OK;
}

enum rc
blob_open_body(struct blob_opener *o, struct span blob, const struct blob_header *header,
               const struct id *key, struct buffer *plain, struct error *e)
{
    const size_t header_len = BLOB_HEADER_SIZE + (size_t)header->children * ID_SIZE;
    const struct span clear = span_of(blob.data, header_len);
    const struct span sealed = span_of(blob.data + header_len, blob.len - header_len);
    struct aead_key derived;

    buffer_clear(plain);
    TRY(buffer_reserve(plain, (size_t)header->plain_len, e));
    TRY(blob_open_derive(key, &derived, e));

    bool packed = header->compression == BLOB_ZSTD;
    struct buffer *into = packed ? &o->body : plain;
    buffer_clear(&o->body);
    TRY(buffer_reserve(into, header->body_len > 0 ? (size_t)header->body_len : 1, e));
    enum rc rc = aead_open(o->aead, &derived, clear, sealed, into->data, e);
    explicit_bzero(&derived, sizeof derived);
    if (rc != RC_OK)
        return rc;
    into->len = (size_t)header->body_len;
    return packed ? decompress(o, header->plain_len, plain, e) : RC_OK;
}

enum rc
blob_open(struct blob_opener *o, struct span blob, const struct blob_ref *ref, struct buffer *plain,
          struct error *e)
{
    char shown[ID_TEXT_SIZE];
    struct blob_header header;
    buffer_clear(plain);
    TRY(blob_check(blob, &ref->id, e));
    TRY_IN(blob_parse(blob, &header, e), e, "blob %s", id_text(&ref->id, shown));
    TRY_IN(blob_open_body(o, blob, &header, &ref->key, plain, e), e, "blob %s",
           id_text(&ref->id, shown));
    return RC_OK;
}
