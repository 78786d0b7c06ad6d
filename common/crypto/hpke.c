/* hpke.c -- the schedule of RFC 9180, on X25519, HMAC and GCM.  See hpke.h. */
#include "common/crypto/hpke.h"

#include <limits.h>

#include "common/base/buffer.h"
#include "common/crypto/algorithms.h"
#include "common/crypto/digest.h"
#include "common/crypto/keys_internal.h"

/* Section 7.1, 7.2: DHKEM(X25519, HKDF-SHA256) is 0x0020, HKDF-SHA256 is 0x0001. */
enum { SUITE_MAX = 10, LABELED_MAX = 1024, NONCE_SIZE = 12, KEY_MAX = 32 };

static const struct id no_salt; /* an absent salt is a block of zeros (RFC 5869) */

struct suite {
    uint8_t id[SUITE_MAX];
    size_t len;
};

struct message_key {
    uint8_t key[KEY_MAX], nonce[NONCE_SIZE];
};

static struct suite
suite_of_kem(void)
{
    return (struct suite){.id = {'K', 'E', 'M', 0x00, 0x20}, .len = 5};
}

static struct suite
suite_of(enum hpke_aead aead)
{
    return (struct suite){.id = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, (uint8_t)aead},
                          .len = 10};
}

/* "HPKE-v1" || suite_id || label: what both labeled functions have in common. */
static enum rc
append_label(struct buffer *b, const struct suite *suite, const char *label, struct error *e)
{
    TRY(buffer_append(b, span_of("HPKE-v1", 7), e));
    TRY(buffer_append(b, span_of(suite->id, suite->len), e));
    return buffer_append(b, span_of(label, strlen(label)), e);
}

/* LabeledExtract, section 4. */
static enum rc
labeled_extract(const struct suite *suite, const struct id *salt, const char *label,
                struct span ikm, struct id *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(LABELED_MAX);
    TRY(append_label(&b, suite, label, e));
    return digest_hmac(salt, buffer_span(&b), ikm, out, e);
}

/* LabeledExpand, section 4. */
static enum rc
labeled_expand(const struct suite *suite, const struct id *prk, const char *label, struct span info,
               uint8_t *out, size_t out_len, struct error *e)
{
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(LABELED_MAX);
    const uint8_t length[2] = {(uint8_t)(out_len >> 8), (uint8_t)out_len};
    TRY(buffer_append(&b, span_of(length, sizeof length), e));
    TRY(append_label(&b, suite, label, e));
    TRY(buffer_append(&b, info, e));
    return digest_expand_bytes(prk, buffer_span(&b), out, out_len, e);
}

/* EVP_PKEY_derive refuses an all-zero result, as section 7.1.4 demands: RC_DENIED. */
static enum rc
diffie_hellman(const struct keys_private *ours, const struct keys_public *theirs, struct id *out,
               struct error *e)
{
    EVP_PKEY *peer =
        EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, theirs->bytes, KEYS_PUBLIC_SIZE);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours->pkey, NULL);
    size_t len = ID_SIZE;
    bool ready = peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                 EVP_PKEY_derive_set_peer(ctx, peer) == 1;
    bool good = ready && EVP_PKEY_derive(ctx, out->bytes, &len) == 1 && len == ID_SIZE;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    if (good)
        return RC_OK;
    (void)algorithms_failed(e, "X25519");
    return ready ? error_set(e, RC_DENIED, "the other side's X25519 key is of low order") : e->code;
}

/* ExtractAndExpand, section 4.1. */
static enum rc
shared_secret(const struct id *dh, const uint8_t enc[static HPKE_ENC_SIZE],
              const struct keys_public *recipient, struct id *out, struct error *e)
{
    const struct suite suite = suite_of_kem();
    struct id prk;
    uint8_t context[HPKE_ENC_SIZE + KEYS_PUBLIC_SIZE];
    memcpy(context, enc, HPKE_ENC_SIZE);
    memcpy(context + HPKE_ENC_SIZE, recipient->bytes, KEYS_PUBLIC_SIZE);

    TRY(labeled_extract(&suite, &no_salt, "eae_prk", span_of(dh->bytes, ID_SIZE), &prk, e));
    enum rc rc = labeled_expand(&suite, &prk, "shared_secret", span_of(context, sizeof context),
                                out->bytes, ID_SIZE, e);
    keys_wipe(&prk, sizeof prk);
    return rc;
}

/* KeySchedule of mode_base, section 5.1; the first message's nonce is base_nonce itself. */
static enum rc
key_schedule(const struct hpke *how, const struct id *shared, struct message_key *out,
             struct error *e)
{
    const struct suite suite = suite_of(how->aead);
    struct id psk_id_hash, info_hash, secret;
    uint8_t context[1 + 2 * ID_SIZE] = {0}; /* mode 0 */
    TRY(labeled_extract(&suite, &no_salt, "psk_id_hash", (struct span){0}, &psk_id_hash, e));
    TRY(labeled_extract(&suite, &no_salt, "info_hash", how->info, &info_hash, e));
    memcpy(context + 1, psk_id_hash.bytes, ID_SIZE);
    memcpy(context + 1 + ID_SIZE, info_hash.bytes, ID_SIZE);

    TRY(labeled_extract(&suite, shared, "secret", (struct span){0}, &secret, e));
    size_t key_size = how->aead == HPKE_AES_256_GCM ? 32 : 16;
    struct span all = span_of(context, sizeof context);
    enum rc rc = labeled_expand(&suite, &secret, "key", all, out->key, key_size, e);
    if (rc == RC_OK)
        rc = labeled_expand(&suite, &secret, "base_nonce", all, out->nonce, NONCE_SIZE, e);
    keys_wipe(&secret, sizeof secret);
    return rc;
}

static enum rc
message_key(const struct hpke *how, const struct id *dh, const uint8_t enc[static HPKE_ENC_SIZE],
            const struct keys_public *recipient, struct message_key *out, struct error *e)
{
    struct id shared;
    TRY(shared_secret(dh, enc, recipient, &shared, e));
    enum rc rc = key_schedule(how, &shared, out, e);
    keys_wipe(&shared, sizeof shared);
    return rc;
}

/* Both directions of GCM up to the tag. */
static bool
run_cipher(EVP_CIPHER_CTX *ctx, const struct hpke *how, const struct algorithms *table,
           const struct message_key *key, int encrypt, struct span in, uint8_t *out)
{
    int n;
    const EVP_CIPHER *gcm = how->aead == HPKE_AES_256_GCM ? table->aes_256_gcm : table->aes_128_gcm;
    return ctx != NULL && in.len <= INT_MAX && how->aad.len <= INT_MAX &&
           EVP_CipherInit_ex2(ctx, gcm, key->key, key->nonce, encrypt, NULL) == 1 &&
           (how->aad.len == 0 ||
            EVP_CipherUpdate(ctx, NULL, &n, how->aad.data, (int)how->aad.len) == 1) &&
           (in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1);
}

static enum rc
seal_message(const struct hpke *how, const struct message_key *key, struct span plain, uint8_t *out,
             struct error *e)
{
    const struct algorithms *table = NULL;
    TRY(algorithms_get(&table, e));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *tag = out + plain.len;
    int n;
    bool good = run_cipher(ctx, how, table, key, 1, plain, out) &&
                EVP_CipherFinal_ex(ctx, tag, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good ? RC_OK : algorithms_failed(e, "seal with HPKE");
}

static enum rc
open_message(const struct hpke *how, const struct message_key *key, struct span sealed,
             uint8_t *out, struct error *e)
{
    const struct algorithms *table = NULL;
    TRY(algorithms_get(&table, e));
    size_t len = sealed.len - HPKE_TAG_SIZE;
    uint8_t tag[HPKE_TAG_SIZE], none[1];
    memcpy(tag, sealed.data + len, sizeof tag);

    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    bool ready = run_cipher(ctx, how, table, key, 0, span_of(sealed.data, len), out) &&
                 EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, HPKE_TAG_SIZE, tag) == 1;
    bool good = ready && EVP_CipherFinal_ex(ctx, none, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (good)
        return RC_OK;
    keys_wipe(out, len); /* unauthenticated text goes to nobody */
    return ready ? error_set(e, RC_DENIED, "this key does not open what is sealed here")
                 : algorithms_failed(e, "open with HPKE");
}

static enum rc
seal_with(const struct hpke *how, const struct keys_public *recipient,
          const struct keys_private *ephemeral, struct span plain,
          uint8_t enc[static HPKE_ENC_SIZE], uint8_t *out, struct error *e)
{
    struct keys_public public;
    struct message_key key = {{0}, {0}};
    struct id dh;
    TRY(keys_public_of(ephemeral, &public, e));
    memcpy(enc, public.bytes, HPKE_ENC_SIZE);
    TRY(diffie_hellman(ephemeral, recipient, &dh, e));

    enum rc rc = message_key(how, &dh, enc, recipient, &key, e);
    if (rc == RC_OK)
        rc = seal_message(how, &key, plain, out, e);
    keys_wipe(&dh, sizeof dh);
    keys_wipe(&key, sizeof key);
    return rc;
}

enum rc
hpke_seal(const struct hpke *how, const struct keys_public *recipient,
          const struct keys_private *ephemeral, struct span plain,
          uint8_t enc[static HPKE_ENC_SIZE], uint8_t *out, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *fresh = NULL;
    if (ephemeral == NULL)
        TRY(keys_generate(KEYS_RECEIVING, &fresh, e));
    return seal_with(how, recipient, ephemeral == NULL ? fresh : ephemeral, plain, enc, out, e);
}

enum rc
hpke_open(const struct hpke *how, const struct keys_private *recipient,
          const uint8_t enc[static HPKE_ENC_SIZE], struct span sealed, uint8_t *out,
          struct error *e)
{
    struct keys_public ours, theirs;
    struct message_key key = {{0}, {0}};
    struct id dh;
    if (sealed.len < HPKE_TAG_SIZE)
        return error_set(e, RC_DENIED, "%zu sealed bytes are shorter than a tag", sealed.len);
    memcpy(theirs.bytes, enc, HPKE_ENC_SIZE);
    TRY(keys_public_of(recipient, &ours, e));
    TRY(diffie_hellman(recipient, &theirs, &dh, e));

    enum rc rc = message_key(how, &dh, enc, &ours, &key, e);
    if (rc == RC_OK)
        rc = open_message(how, &key, sealed, out, e);
    keys_wipe(&dh, sizeof dh);
    keys_wipe(&key, sizeof key);
    return rc;
}
