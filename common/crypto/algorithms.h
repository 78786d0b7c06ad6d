/*
 * algorithms.h -- the algorithms of this folder, fetched once per process, and OpenSSL's own words
 * for a failure.
 *
 *     const struct algorithms *a = NULL;
 *     TRY(algorithms_get(&a, e));
 *     if (EVP_DigestInit_ex2(ctx, a->sha256, NULL) != 1) return algorithms_failed(e, "SHA-256");
 *
 * Threads: any; the table does not change once it is there.  Layer: common/crypto, internal.
 */
#ifndef COMMON_CRYPTO_ALGORITHMS_H
#define COMMON_CRYPTO_ALGORITHMS_H

#include <openssl/evp.h>

#include "common/base/error.h"

struct algorithms {
    EVP_MD *sha256;
    EVP_MAC_CTX *hmac_sha256; /* a template: duplicate it, then give the copy its key */
    EVP_CIPHER *aes_256_gcm;
    EVP_CIPHER *aes_128_gcm; /* for the vectors of RFC 9180 only */
};

/* RC_UNSUPPORTED when OpenSSL's configuration offers none of them. */
enum rc algorithms_get(const struct algorithms **out, struct error *e);
/* RC_IO (RC_NO_MEMORY when that was it), with OpenSSL's reason; empties its error queue. */
enum rc algorithms_failed(struct error *e, const char *what);

#endif
