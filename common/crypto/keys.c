/* keys.c -- making keys, signing and checking.  See keys.h; RFC 8032, RFC 7748. */
#include "common/crypto/keys.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/digest.h"
#include "common/crypto/keys_internal.h"

enum { CONTEXT_MAX = 64 };

const char *
keys_kind_name(enum keys_kind kind)
{
    return kind == KEYS_SIGNING ? "Ed25519" : "X25519";
}

enum rc
keys_adopt(enum keys_kind kind, EVP_PKEY *pkey, struct keys_private **out, struct error *e)
{
    struct keys_private *k = calloc(1, sizeof *k);
    if (k == NULL || EVP_PKEY_is_a(pkey, keys_kind_name(kind)) != 1) {
        enum rc rc = k == NULL
                         ? error_set(e, RC_NO_MEMORY, "private key")
                         : error_set(e, RC_INVALID, "this is not an %s key", keys_kind_name(kind));
        EVP_PKEY_free(pkey);
        free(k);
        return rc;
    }
    *k = (struct keys_private){.kind = kind, .pkey = pkey};
    *out = k;
    return RC_OK;
}

enum rc
keys_generate(enum keys_kind kind, struct keys_private **out, struct error *e)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, keys_kind_name(kind));
    if (pkey == NULL)
        return algorithms_failed(e, "generate a key");
    return keys_adopt(kind, pkey, out, e);
}

enum rc
keys_from_raw(enum keys_kind kind, const uint8_t raw[static KEYS_RAW_SIZE],
              struct keys_private **out, struct error *e)
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_private_key_ex(NULL, keys_kind_name(kind), NULL, raw, KEYS_RAW_SIZE);
    if (pkey == NULL)
        return algorithms_failed(e, "load a private key");
    return keys_adopt(kind, pkey, out, e);
}

enum rc
keys_raw_of(const struct keys_private *k, uint8_t raw[static KEYS_RAW_SIZE], struct error *e)
{
    size_t len = KEYS_RAW_SIZE;
    if (EVP_PKEY_get_raw_private_key(k->pkey, raw, &len) != 1 || len != KEYS_RAW_SIZE)
        return algorithms_failed(e, "read a private key");
    return RC_OK;
}

void
keys_private_free(struct keys_private *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pkey); /* wipes the private part */
    free(k);
}

enum rc
keys_public_of(const struct keys_private *k, struct keys_public *out, struct error *e)
{
    size_t len = KEYS_PUBLIC_SIZE;
    if (EVP_PKEY_get_raw_public_key(k->pkey, out->bytes, &len) != 1 || len != KEYS_PUBLIC_SIZE)
        return algorithms_failed(e, "read a public key");
    return RC_OK;
}

enum rc
keys_fingerprint(const struct keys_public *k, struct id *out, struct error *e)
{
    return digest_sha256(span_of(k->bytes, KEYS_PUBLIC_SIZE), out, e);
}

struct signed_bytes {
    uint8_t bytes[CONTEXT_MAX + ID_SIZE];
    size_t len;
};

/* context || SHA-256(message): a signature for one purpose says nothing in another. */
static enum rc
bytes_to_sign(const char *context, struct span message, struct signed_bytes *out, struct error *e)
{
    size_t len = strlen(context);
    struct id hash;
    assert(len <= CONTEXT_MAX);
    TRY(digest_sha256(message, &hash, e));
    memcpy(out->bytes, context, len);
    memcpy(out->bytes + len, hash.bytes, ID_SIZE);
    out->len = len + ID_SIZE;
    return RC_OK;
}

enum rc
keys_sign(const struct keys_private *k, const char *context, struct span message,
          uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e)
{
    struct signed_bytes bytes;
    if (k->kind != KEYS_SIGNING)
        return error_set(e, RC_INVALID, "an %s key cannot sign", keys_kind_name(k->kind));
    TRY(bytes_to_sign(context, message, &bytes, e));

    size_t len = KEYS_SIGNATURE_SIZE;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
                EVP_DigestSign(ctx, signature, &len, bytes.bytes, bytes.len) == 1 &&
                len == KEYS_SIGNATURE_SIZE;
    EVP_MD_CTX_free(ctx);
    return good ? RC_OK : algorithms_failed(e, "sign with Ed25519");
}

enum rc
keys_check(const struct keys_public *k, const char *context, struct span message,
           const uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e)
{
    struct signed_bytes bytes;
    TRY(bytes_to_sign(context, message, &bytes, e));

    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_public_key_ex(NULL, "Ed25519", NULL, k->bytes, KEYS_PUBLIC_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int verdict = -1;
    if (pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
        verdict = EVP_DigestVerify(ctx, signature, KEYS_SIGNATURE_SIZE, bytes.bytes, bytes.len);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    if (verdict < 0)
        return algorithms_failed(e, "check an Ed25519 signature");
    if (verdict != 1)
        return error_set(e, RC_CORRUPT, "the signature for '%s' is not by this key", context);
    return RC_OK;
}

enum rc
keys_random(void *out, size_t len, struct error *e)
{
    if (RAND_bytes_ex(NULL, out, len, 0) != 1)
        return algorithms_failed(e, "random bytes");
    return RC_OK;
}

void
keys_wipe(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}

bool
keys_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
