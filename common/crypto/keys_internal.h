/*
 * keys_internal.h -- what the parts of keys.c share.
 *
 * Layer: common/crypto, internal.
 */
#ifndef COMMON_CRYPTO_KEYS_INTERNAL_H
#define COMMON_CRYPTO_KEYS_INTERNAL_H

#include <openssl/evp.h>

#include "common/crypto/keys.h"

enum { KEYS_RAW_SIZE = 32 };

struct keys_private {
    enum keys_kind kind;
    EVP_PKEY *pkey; /* owned */
};

/* "Ed25519", "X25519": OpenSSL's names, good for messages too. */
const char *keys_kind_name(enum keys_kind kind);

/* Takes the EVP_PKEY over, also on failure; RC_INVALID when it is not of `kind`. */
enum rc keys_adopt(enum keys_kind kind, EVP_PKEY *pkey, struct keys_private **out, struct error *e);

enum rc keys_from_raw(enum keys_kind kind, const uint8_t raw[static KEYS_RAW_SIZE],
                      struct keys_private **out, struct error *e);
/* The caller wipes `raw`. */
enum rc
keys_raw_of(const struct keys_private *k, uint8_t raw[static KEYS_RAW_SIZE], struct error *e);

#endif
