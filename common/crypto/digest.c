/* digest.c -- hashes and what is built from them.  See digest.h. */
#include "common/crypto/digest.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/crypto/algorithms.h"

struct digest {
    EVP_MD_CTX *ctx;
    const EVP_MD *sha256; /* borrowed from the table */
};

static enum rc
start(struct digest *d, struct error *e)
{
    if (EVP_DigestInit_ex2(d->ctx, d->sha256, NULL) != 1)
        return algorithms_failed(e, "begin SHA-256");
    return RC_OK;
}

enum rc
digest_new(struct digest **out, struct error *e)
{
    const struct algorithms *a = NULL;
    TRY(algorithms_get(&a, e));

    CLEANUP(digest_freep) struct digest *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(e, RC_NO_MEMORY, "digest");
    d->sha256 = a->sha256;
    d->ctx = EVP_MD_CTX_new();
    if (d->ctx == NULL)
        return error_set(e, RC_NO_MEMORY, "digest");
    TRY(start(d, e));
    *out = TAKE(d);
    return RC_OK;
}

void
digest_free(struct digest *d)
{
    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

enum rc
digest_update(struct digest *d, struct span bytes, struct error *e)
{
    if (EVP_DigestUpdate(d->ctx, bytes.data, bytes.len) != 1)
        return algorithms_failed(e, "SHA-256");
    return RC_OK;
}

enum rc
digest_final(struct digest *d, struct id *out, struct error *e)
{
    struct id hash;
    if (EVP_DigestFinal_ex(d->ctx, hash.bytes, NULL) != 1)
        return algorithms_failed(e, "finish SHA-256");
    TRY(start(d, e));
    *out = hash;
    return RC_OK;
}

enum rc
digest_sha256(struct span bytes, struct id *out, struct error *e)
{
    const struct algorithms *a = NULL;
    TRY(algorithms_get(&a, e));
    if (EVP_Digest(bytes.data, bytes.len, out->bytes, NULL, a->sha256, NULL) != 1)
        return algorithms_failed(e, "SHA-256");
    return RC_OK;
}

/* HMAC over three runs of bytes, with a copy of the template. */
static enum rc
hmac(const struct id *key, const struct span parts[static 3], struct id *out, struct error *e)
{
    const struct algorithms *a = NULL;
    TRY(algorithms_get(&a, e));

    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(a->hmac_sha256);
    bool good = ctx != NULL && EVP_MAC_init(ctx, key->bytes, ID_SIZE, NULL) == 1;
    for (size_t i = 0; good && i < 3; i++)
        good = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
    size_t len = 0;
    good = good && EVP_MAC_final(ctx, out->bytes, &len, ID_SIZE) == 1 && len == ID_SIZE;
    EVP_MAC_CTX_free(ctx);
    return good ? RC_OK : algorithms_failed(e, "HMAC-SHA256");
}

enum rc
digest_hmac(const struct id *key, struct span first, struct span second, struct id *out,
            struct error *e)
{
    struct id mac;
    TRY(hmac(key, (const struct span[3]){first, second}, &mac, e));
    *out = mac;
    return RC_OK;
}

enum rc
digest_expand(const struct id *prk, const char *info, uint8_t *out, size_t out_len, struct error *e)
{
    return digest_expand_bytes(prk, span_of(info, strlen(info)), out, out_len, e);
}

/* T(1) || T(2) || ... with T(i) = HMAC(prk, T(i-1) || info || i); RFC 5869 section 2.3. */
enum rc
digest_expand_bytes(const struct id *prk, struct span info, uint8_t *out, size_t out_len,
                    struct error *e)
{
    assert(out_len <= (size_t)255 * ID_SIZE);

    struct id block;
    struct span previous = {0};
    enum rc rc = RC_OK;
    uint8_t counter = 1;
    for (size_t done = 0; rc == RC_OK && done < out_len; counter++) {
        rc = hmac(prk, (const struct span[3]){previous, info, span_of(&counter, 1)}, &block, e);
        size_t part = out_len - done < ID_SIZE ? out_len - done : ID_SIZE;
        if (rc == RC_OK)
            memcpy(out + done, block.bytes, part);
        previous = span_of(block.bytes, ID_SIZE);
        done += part;
    }
    OPENSSL_cleanse(&block, sizeof block);
    return rc;
}
