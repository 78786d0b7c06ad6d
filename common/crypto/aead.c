/* aead.c -- AES-256-GCM over EVP.  See aead.h. */
#include "common/crypto/aead.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/crypto/algorithms.h"

struct aead {
    EVP_CIPHER_CTX *ctx;
    const EVP_CIPHER *gcm; /* borrowed from the table */
};

enum rc
aead_new(struct aead **out, struct error *e)
{
    const struct algorithms *table = NULL;
    TRY(algorithms_get(&table, e));

    CLEANUP(aead_freep) struct aead *a = calloc(1, sizeof *a);
    if (a == NULL)
        return error_set(e, RC_NO_MEMORY, "cipher");
    a->gcm = table->aes_256_gcm;
    a->ctx = EVP_CIPHER_CTX_new();
    if (a->ctx == NULL)
        return error_set(e, RC_NO_MEMORY, "cipher");
    *out = TAKE(a);
    return RC_OK;
}

void
aead_free(struct aead *a)
{
    if (a == NULL)
        return;
    EVP_CIPHER_CTX_free(a->ctx); /* wipes the key schedule */
    free(a);
}

static bool
lengths_fit(struct span header, struct span body)
{
    return header.len <= INT_MAX && body.len <= INT_MAX;
}

/* Key, nonce and associated data: what sealing and opening have in common. */
static bool
begin(struct aead *a, const struct aead_key *key, struct span header, int encrypt)
{
    int n;
    return EVP_CipherInit_ex2(a->ctx, a->gcm, key->bytes, key->bytes + AEAD_KEY_SIZE, encrypt,
                              NULL) == 1 &&
           (header.len == 0 ||
            EVP_CipherUpdate(a->ctx, NULL, &n, header.data, (int)header.len) == 1);
}

static bool
transform(struct aead *a, const uint8_t *in, size_t len, uint8_t *out)
{
    int n = 0;
    return len == 0 || (EVP_CipherUpdate(a->ctx, out, &n, in, (int)len) == 1 && (size_t)n == len);
}

enum rc
aead_seal(struct aead *a, const struct aead_key *key, struct span header, struct span plain,
          uint8_t *out, struct error *e)
{
    if (!lengths_fit(header, plain))
        return error_set(e, RC_INVALID, "%zu bytes are too many to seal at once", plain.len);

    int n = 0;
    if (!begin(a, key, header, 1) || !transform(a, plain.data, plain.len, out) ||
        EVP_CipherFinal_ex(a->ctx, out + plain.len, &n) != 1 || n != 0 ||
        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, out + plain.len) != 1)
        return algorithms_failed(e, "seal with AES-256-GCM");
    return RC_OK;
}

enum rc
aead_open(struct aead *a, const struct aead_key *key, struct span header, struct span sealed,
          uint8_t *out, struct error *e)
{
    if (sealed.len < AEAD_TAG_SIZE)
        return error_set(e, RC_CORRUPT, "%zu sealed bytes are shorter than a tag", sealed.len);
    if (!lengths_fit(header, sealed))
        return error_set(e, RC_INVALID, "%zu bytes are too many to open at once", sealed.len);

    size_t len = sealed.len - AEAD_TAG_SIZE;
    uint8_t tag[AEAD_TAG_SIZE]; /* EVP wants it writable */
    memcpy(tag, sealed.data + len, sizeof tag);

    uint8_t none[1];
    int n = 0;
    if (!begin(a, key, header, 0) || !transform(a, sealed.data, len, out) ||
        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag) != 1) {
        OPENSSL_cleanse(out, len);
        return algorithms_failed(e, "open with AES-256-GCM");
    }
    if (EVP_CipherFinal_ex(a->ctx, none, &n) != 1) {
        OPENSSL_cleanse(out, len); /* unauthenticated text goes to nobody */
        return error_set(e, RC_CORRUPT, "the tag does not fit %zu sealed bytes", sealed.len);
    }
    return RC_OK;
}
