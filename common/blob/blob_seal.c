/* blob_seal.c -- compress, derive, encrypt, name, and open again.  See blob.h. */
#include <zstd.h>
#include <zstd_errors.h>

#include "common/base/wire.h"
#include "common/blob/blob_open.h"
#include "common/crypto/aead.h"
#include "common/crypto/digest.h"

enum { SUITE = 1, FLAGS = 0 };

struct blob_sealer {
    uint8_t domain[BLOB_DOMAIN_SIZE];
    struct id secret; /* the chunk secret */
    struct aead *aead;
    ZSTD_CCtx *zstd;
    struct blob_opener *opener;
    struct buffer packed, again; /* compressed body; plain text of the check */
};

static enum rc
set_up_zstd(struct blob_sealer *s, int level, struct error *e)
{
    s->zstd = ZSTD_createCCtx();
    if (s->zstd == NULL)
        return error_set(e, RC_NO_MEMORY, "compressor");
    size_t rc = ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, level);
    if (ZSTD_isError(rc))
        return error_set(e, RC_INVALID, "compression level %d: %s", level, ZSTD_getErrorName(rc));
    return RC_OK;
}

enum rc
blob_sealer_new(const struct blob_domain *domain, int level, struct blob_sealer **out,
                struct error *e)
{
    CLEANUP(blob_sealer_freep) struct blob_sealer *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(e, RC_NO_MEMORY, "blob sealer");
    s->packed = BUFFER_INIT(LIMIT_BLOB_PLAIN);
    s->again = BUFFER_INIT(LIMIT_BLOB_PLAIN);
    memcpy(s->domain, domain->id, sizeof s->domain);
    TRY(digest_expand(&domain->secret, "koffer/1/secret/chunk", s->secret.bytes, ID_SIZE, e));
    TRY(set_up_zstd(s, level, e));
    TRY(aead_new(&s->aead, e));
    TRY(blob_opener_new(&s->opener, e));
    *out = TAKE(s);
    return RC_OK;
}

void
blob_sealer_free(struct blob_sealer *s)
{
    if (s == NULL)
        return;
    explicit_bzero(&s->secret, sizeof s->secret);
    aead_free(s->aead);
    (void)ZSTD_freeCCtx(s->zstd);
    blob_opener_free(s->opener);
    buffer_free(&s->packed);
    buffer_free(&s->again);
    free(s);
}

static enum rc
check_input(const struct id *children, size_t child_count, struct span plain, struct error *e)
{
    if (plain.len > LIMIT_BLOB_PLAIN || child_count > LIMIT_BLOB_CHILDREN)
        return error_set(e, RC_INVALID, "%zu bytes with %zu children do not fit one blob",
                         plain.len, child_count);
    for (size_t i = 1; i < child_count; i++) {
        if (id_compare(&children[i - 1], &children[i]) >= 0)
            return error_set(e, RC_INVALID, "the children of a blob must ascend");
    }
    return RC_OK;
}

/* The body: compressed into room for less than the plain text, so "did not pay" is zstd giving up.
 * (zstd itself skips what does not compress at about 1 GB/s; a trial of our own would gain little.) */
static enum rc
compress(struct blob_sealer *s, struct span plain, struct span *body, struct error *e)
{
    *body = plain;
    if (plain.len < 2)
        return RC_OK;
    TRY(buffer_reserve(&s->packed, plain.len - 1, e));
    size_t len = ZSTD_compress2(s->zstd, s->packed.data, plain.len - 1, plain.data, plain.len);
    if (!ZSTD_isError(len))
        *body = span_of(s->packed.data, len);
    else if (ZSTD_getErrorCode(len) != ZSTD_error_dstSize_tooSmall)
        /* not covered: zstd fails for want of room only */
        return error_set(e, RC_IO, "compress %zu bytes: %s", plain.len, ZSTD_getErrorName(len));
    return RC_OK;
}

static enum rc
put_header(const struct blob_sealer *s, enum blob_type type, const struct id *children,
           size_t child_count, size_t plain_len, size_t body_len, struct buffer *out,
           struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    wire_put_bytes(&w, span_of("KFB1", 4));
    wire_put_u8(&w, SUITE);
    wire_put_u8(&w, (uint8_t)type);
    wire_put_u8(&w, body_len < plain_len ? BLOB_ZSTD : BLOB_PLAIN);
    wire_put_u8(&w, FLAGS);
    wire_put_bytes(&w, span_of(s->domain, sizeof s->domain));
    wire_put_u64(&w, plain_len);
    wire_put_u64(&w, body_len);
    wire_put_u32(&w, (uint32_t)child_count);
    wire_put_u32(&w, 0);
    wire_put_bytes(&w, span_of(children, child_count * sizeof *children));
    return wire_writer_finish(&w);
}

/* Append the encrypted body to the header in `out`; yields the blob's key. */
static enum rc
encrypt(struct blob_sealer *s, struct span body, struct buffer *out, struct id *key,
        struct error *e)
{
    struct aead_key derived;
    TRY(buffer_reserve(out, body.len + BLOB_TAG_SIZE, e));
    TRY(digest_hmac(&s->secret, buffer_span(out), body, key, e));
    TRY(blob_open_derive(key, &derived, e));
    enum rc rc = aead_seal(s->aead, &derived, buffer_span(out), body, out->data + out->len, e);
    explicit_bzero(&derived, sizeof derived);
    if (rc == RC_OK)
        out->len += body.len + BLOB_TAG_SIZE;
    return rc;
}

/* What does not open must not leave this function: it would be found when it is needed. */
static enum rc
open_again(struct blob_sealer *s, struct span blob, const struct id *key, struct span plain,
           struct error *e)
{
    struct blob_header header;
    TRY(blob_parse(blob, &header, e));
    TRY(blob_open_body(s->opener, blob, &header, key, &s->again, e));
    if (s->again.len != plain.len ||
        (plain.len > 0 && memcmp(s->again.data, plain.data, plain.len) != 0))
        /* not covered: memory that changes under us */
        return error_set(e, RC_CORRUPT, "it opens to other bytes");
    return RC_OK;
}

enum rc
blob_seal(struct blob_sealer *s, enum blob_type type, const struct id *children, size_t child_count,
          struct span plain, struct buffer *out, struct blob_ref *ref, struct error *e)
{
    struct span body;
    struct blob_ref sealed;
    TRY(check_input(children, child_count, plain, e));
    TRY(compress(s, plain, &body, e));
    buffer_clear(out);
    TRY(put_header(s, type, children, child_count, plain.len, body.len, out, e));
    TRY(encrypt(s, body, out, &sealed.key, e));
    TRY(digest_sha256(buffer_span(out), &sealed.id, e));
    TRY_IN(open_again(s, buffer_span(out), &sealed.key, plain, e), e,
           "a blob just sealed does not open again: this machine's memory or processor is faulty");
    *ref = sealed;
    return RC_OK;
}
