/*
 * hpke.h -- HPKE (RFC 9180), base mode, one message per context: DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-GCM.
 *
 * The rest of the house uses keys_seal() and keys_open().  What is wider here -- the AEAD, the
 * associated data, the ephemeral key -- lets the RFC's own vectors be tested.
 * OpenSSL has an HPKE of its own from 3.2 on; we build on 3.0.
 * Threads: any.  Layer: common/crypto, internal.
 */
#ifndef COMMON_CRYPTO_HPKE_H
#define COMMON_CRYPTO_HPKE_H

#include "common/crypto/keys.h"

/* The identifiers of RFC 9180 section 7.3. */
enum hpke_aead { HPKE_AES_128_GCM = 1, HPKE_AES_256_GCM = 2 };
enum { HPKE_ENC_SIZE = 32, HPKE_TAG_SIZE = 16 };

struct hpke {
    enum hpke_aead aead;
    struct span info, aad;
};

/*
 * `ephemeral` must be fresh for every message (NULL: generated here).  Writes HPKE_ENC_SIZE bytes to
 * `enc` and plain.len + HPKE_TAG_SIZE bytes to `out`.
 */
enum rc hpke_seal(const struct hpke *how, const struct keys_public *recipient,
                  const struct keys_private *ephemeral, struct span plain,
                  uint8_t enc[static HPKE_ENC_SIZE], uint8_t *out, struct error *e);
/* Writes sealed.len - HPKE_TAG_SIZE bytes to `out`; RC_DENIED when this key does not open it. */
enum rc hpke_open(const struct hpke *how, const struct keys_private *recipient,
                  const uint8_t enc[static HPKE_ENC_SIZE], struct span sealed, uint8_t *out,
                  struct error *e);

#endif
