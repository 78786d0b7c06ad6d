/*
 * base32.h -- Crockford's base 32 (https://www.crockford.com/base32.html), for what people copy by
 * hand: no I, L, O, U; case does not matter; dashes and blanks are skipped; O reads as 0, I and L
 * as 1.  Five bits a character, most significant first; the last character is filled with zero bits.
 *
 * Layer: common/crypto, internal.
 */
#ifndef COMMON_CRYPTO_BASE32_H
#define COMMON_CRYPTO_BASE32_H

#include "common/base/error.h"
#include "common/base/span.h"

#define BASE32_CHARS(bytes) (((bytes)*8 + 4) / 5)

/* Writes BASE32_CHARS(bytes.len) characters and a NUL. */
void base32_encode(struct span bytes, char *out);

enum { BASE32_SKIP = -1, BASE32_BAD = -2 };
/* The value of one character: 0..31, BASE32_SKIP for a dash or a blank, BASE32_BAD. */
int base32_value(char c);

/*
 * At most `size` bytes to `out`; *len says how many.  RC_INVALID for a character outside the
 * alphabet, for more than `size` bytes, and for a text that no bytes are encoded as.
 */
enum rc base32_decode(const char *text, uint8_t *out, size_t size, size_t *len, struct error *e);

#endif
