/*
 * aead.h -- AES-256-GCM with a key that is used once.
 *
 * There is no way to pass a nonce on its own: key and nonce come together from a derivation, so
 * they cannot be reused by mistake (facts: S5).  Tag: 16 bytes behind the ciphertext.
 * aead_open gives RC_CORRUPT when the tag does not fit, and no plain text then.
 * Threads: an object belongs to one thread at a time.  Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_AEAD_H
#define COMMON_CRYPTO_AEAD_H

#include "common/base/error.h"
#include "common/base/own.h"
#include "common/base/span.h"

enum { AEAD_KEY_SIZE = 32, AEAD_NONCE_SIZE = 12, AEAD_TAG_SIZE = 16 };

struct aead_key {
    uint8_t bytes[AEAD_KEY_SIZE + AEAD_NONCE_SIZE]; /* key || nonce, as HKDF-Expand yields them */
};

struct aead; /* a cipher context, made once and used for many messages */

enum rc aead_new(struct aead **out, struct error *e);
void aead_free(struct aead *a);
DEFINE_FREEP(aead)

/* Writes plain.len + AEAD_TAG_SIZE bytes to `out`, which may not overlap `plain`. */
enum rc aead_seal(struct aead *a, const struct aead_key *key, struct span header, struct span plain,
                  uint8_t *out, struct error *e);
/* Writes sealed.len - AEAD_TAG_SIZE bytes to `out`; RC_CORRUPT if sealed is shorter than a tag. */
enum rc aead_open(struct aead *a, const struct aead_key *key, struct span header,
                  struct span sealed, uint8_t *out, struct error *e);

#endif
