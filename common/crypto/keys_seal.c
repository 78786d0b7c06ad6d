/* keys_seal.c -- 32 bytes to a recipient: the one form of HPKE that we store.  See keys.h. */
#include "common/crypto/hpke.h"
#include "common/crypto/keys.h"
#include "common/crypto/keys_internal.h"

_Static_assert((int)KEYS_SEALED_SIZE == (int)HPKE_ENC_SIZE + (int)ID_SIZE + (int)HPKE_TAG_SIZE,
               "enc, secret, tag");

enum rc
keys_seal(const struct keys_public *recipient, struct span info, const struct id *secret,
          uint8_t out[static KEYS_SEALED_SIZE], struct error *e)
{
    const struct hpke how = {.aead = HPKE_AES_256_GCM, .info = info};
    return hpke_seal(&how, recipient, NULL, span_of(secret->bytes, ID_SIZE), out,
                     out + HPKE_ENC_SIZE, e);
}

enum rc
keys_open(const struct keys_private *k, struct span info,
          const uint8_t sealed[static KEYS_SEALED_SIZE], struct id *out, struct error *e)
{
    const struct hpke how = {.aead = HPKE_AES_256_GCM, .info = info};
    struct id secret;
    if (k->kind != KEYS_RECEIVING)
        return error_set(e, RC_INVALID, "an %s key cannot receive", keys_kind_name(k->kind));
    TRY(hpke_open(&how, k, sealed,
                  span_of(sealed + HPKE_ENC_SIZE, KEYS_SEALED_SIZE - HPKE_ENC_SIZE), secret.bytes,
                  e));
    *out = secret;
    keys_wipe(&secret, sizeof secret);
    return RC_OK;
}
