/*
 * keys.h -- the asymmetric keys: Ed25519 for signing, X25519 for receiving, their files, their
 * printed form, and HPKE (RFC 9180) to seal 32 bytes to a recipient.
 *
 * Private keys live in 0600 files, PEM PKCS#8, readable only by the owner; reading refuses any other
 * permission or owner, and says what to do.  In memory they are struct keys_private, wiped on free.
 * File layouts and the printed form: docs/formats/keys.md.
 * Threads: a key may be used by several threads at once.  Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_KEYS_H
#define COMMON_CRYPTO_KEYS_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/own.h"
#include "common/base/span.h"

enum keys_kind { KEYS_SIGNING /* Ed25519 */, KEYS_RECEIVING /* X25519 */ };
enum { KEYS_PUBLIC_SIZE = 32, KEYS_SIGNATURE_SIZE = 64, KEYS_SEALED_SIZE = 32 + 48 };

struct keys_public {
    uint8_t bytes[KEYS_PUBLIC_SIZE];
};

struct keys_private; /* opaque; holds the EVP_PKEY */

enum rc keys_generate(enum keys_kind kind, struct keys_private **out, struct error *e);
void keys_private_free(struct keys_private *k);
DEFINE_FREEP(keys_private)
enum rc keys_public_of(const struct keys_private *k, struct keys_public *out, struct error *e);
/* SHA-256 of the 32 raw bytes: how records name a recipient. */
enum rc keys_fingerprint(const struct keys_public *k, struct id *out, struct error *e);

/* O_EXCL, 0600, durable.  RC_EXISTS if there is a file already. */
enum rc keys_write_file(const struct keys_private *k, const char *path, struct error *e);
/* RC_DENIED when others could read or change it; RC_INVALID when it is not a key of `kind`. */
enum rc
keys_read_file(enum keys_kind kind, const char *path, struct keys_private **out, struct error *e);

/* The private key as PEM PKCS#8, for a TLS identity: malloc'ed, NUL-terminated; wipe it with
 * keys_wipe before freeing it. */
enum rc keys_to_pem(const struct keys_private *k, char **pem, struct error *e);

enum rc keys_sign(const struct keys_private *k, const char *context, struct span message,
                  uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e);
/* The signature is over context || SHA-256(message), context without its NUL.  RC_CORRUPT if not
 * by this key. */
enum rc keys_check(const struct keys_public *k, const char *context, struct span message,
                   const uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e);

/* Seal 32 bytes: out = enc (32) || ciphertext (48). */
enum rc keys_seal(const struct keys_public *recipient, struct span info, const struct id *secret,
                  uint8_t out[static KEYS_SEALED_SIZE], struct error *e);
/* RC_DENIED when this key does not open it. */
enum rc keys_open(const struct keys_private *k, struct span info,
                  const uint8_t sealed[static KEYS_SEALED_SIZE], struct id *out, struct error *e);

/*
 * "KFR1-XXXXXXXX-...": Crockford base32 of version, the 32 raw private bytes, 4 bytes of SHA-256.
 * Receiving keys only; RC_INVALID for a signing key.
 */
enum { KEYS_PAPER_SIZE = 96 };
enum rc
keys_to_paper(const struct keys_private *k, char out[static KEYS_PAPER_SIZE], struct error *e);
/*
 * Forgiving about case, blanks, dashes, O/0, I/L/1.  RC_INVALID names the wrong group when one
 * mistyped character, or two swapped neighbours, explain why the check fails.
 */
enum rc keys_from_paper(const char *text, struct keys_private **out, struct error *e);

/* 32 secret bytes in a 0600 file, as one line of hexadecimal digits: domain secrets. */
enum rc keys_write_secret(const struct id *secret, const char *path, struct error *e);
enum rc keys_read_secret(const char *path, struct id *out, struct error *e);

enum rc keys_random(void *out, size_t len, struct error *e);
void keys_wipe(void *bytes, size_t len);
bool keys_equal(const void *a, const void *b, size_t len); /* in constant time */

#endif
