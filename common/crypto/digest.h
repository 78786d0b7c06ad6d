/*
 * digest.h -- SHA-256, HMAC-SHA256 and HKDF-Expand (RFC 6234, 2104, 5869), over OpenSSL's EVP.
 *
 * One-shot forms for short inputs, a streaming object where bytes arrive in pieces.  Algorithms are
 * fetched once per process.  Failures of the library are RC_IO with OpenSSL's own words.
 *
 *     struct digest *d = NULL;  TRY(digest_new(&d, e));      // CLEANUP(digest_freep)
 *     TRY(digest_update(d, bytes, e)); ... TRY(digest_final(d, &id, e));  // ready for the next one
 *
 * Threads: an object belongs to one thread at a time; the one-shots may be called from any.
 * Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_DIGEST_H
#define COMMON_CRYPTO_DIGEST_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/own.h"
#include "common/base/span.h"

struct digest;

enum rc digest_new(struct digest **out, struct error *e);
void digest_free(struct digest *d);
DEFINE_FREEP(digest)
enum rc digest_update(struct digest *d, struct span bytes, struct error *e);
/* Yields the hash and starts over. */
enum rc digest_final(struct digest *d, struct id *out, struct error *e);

enum rc digest_sha256(struct span bytes, struct id *out, struct error *e);
/* HMAC over first || second (either may be empty). */
enum rc digest_hmac(const struct id *key, struct span first, struct span second, struct id *out,
                    struct error *e);
/* HKDF-Expand with SHA-256; out_len <= 255 * 32. */
enum rc digest_expand(const struct id *prk, const char *info, uint8_t *out, size_t out_len,
                      struct error *e);
/* The same with any bytes as info. */
enum rc digest_expand_bytes(const struct id *prk, struct span info, uint8_t *out, size_t out_len,
                            struct error *e);

#endif
