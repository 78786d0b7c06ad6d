/* fuzz_blob_open.c -- a body of any bytes, sealed as a hostile agent would: it opens to what its header says, or is corrupt.
 * Input: compression (1), plain length (4), body. */
#include <stdlib.h>

#include "common/base/wire.h"
#include "common/blob/blob_open.h"
#include "common/crypto/aead.h"
#include "common/crypto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PLAIN_MAX = 1 << 20 };

static const struct id key = {{1, 2, 3}};

static void
must(bool good)
{
    if (!good)
        abort();
}

static void
put_header(struct buffer *out, uint8_t compression, uint32_t plain_len, size_t body_len)
{
    struct error e = ERROR_INIT;
    struct wire_writer w = wire_writer_to(out, &e);
    wire_put_bytes(&w, span_of("KFB1", 4));
    wire_put_u8(&w, 1); /* suite */
    wire_put_u8(&w, BLOB_DATA);
    wire_put_u8(&w, compression);
    wire_put_u8(&w, 0); /* flags */
    wire_put_bytes(&w, span_of((const uint8_t[BLOB_DOMAIN_SIZE]){0}, BLOB_DOMAIN_SIZE));
    wire_put_u64(&w, plain_len);
    wire_put_u64(&w, body_len);
    wire_put_u64(&w, 0); /* children, zero */
    must(wire_writer_finish(&w) == RC_OK);
}

static void
seal(struct span body, struct buffer *blob)
{
    struct error e = ERROR_INIT;
    CLEANUP(aead_freep) struct aead *aead = NULL;
    struct aead_key derived;
    must(aead_new(&aead, &e) == RC_OK && blob_open_derive(&key, &derived, &e) == RC_OK);
    must(buffer_reserve(blob, body.len + BLOB_TAG_SIZE, &e) == RC_OK);
    must(aead_seal(aead, &derived, buffer_span(blob), body, blob->data + blob->len, &e) == RC_OK);
    blob->len += body.len + BLOB_TAG_SIZE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 5 || len > PLAIN_MAX)
        return 0;
    struct wire_reader r = wire_reader_of(span_of(data, len));
    uint8_t compression = wire_u8(&r);
    uint32_t plain_len = wire_u32(&r) % PLAIN_MAX;

    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    CLEANUP(buffer_free) struct buffer plain = BUFFER_INIT(LIMIT_BLOB_PLAIN);
    CLEANUP(blob_opener_freep) struct blob_opener *opener = NULL;
    put_header(&blob, compression, plain_len, r.rest.len);
    seal(r.rest, &blob);

    struct blob_ref ref = {.key = key};
    must(digest_sha256(buffer_span(&blob), &ref.id, &e) == RC_OK);
    must(blob_opener_new(&opener, &e) == RC_OK);
    enum rc rc = blob_open(opener, buffer_span(&blob), &ref, &plain, &e);
    must(rc == RC_OK || rc == RC_CORRUPT || rc == RC_UNSUPPORTED);
    must(rc == RC_OK ? plain.len == plain_len : plain.len == 0);
    return 0;
}
