/* fingerprint.c -- see fingerprint.h. */
#include "agent/capture/fingerprint.h"

#include <string.h>
#include <xxhash.h>

#include "common/crypto/digest.h"

#define INFO "koffer/1/memory"

_Static_assert((int)FINGERPRINT_KEY_SIZE >= (int)XXH3_SECRET_SIZE_MIN, "too short for XXH3");

enum rc
fingerprint_key_derive(const struct blob_domain *domain, struct fingerprint_key *out,
                       struct error *e)
{
    TRY_IN(digest_expand(&domain->secret, INFO, out->bytes, sizeof out->bytes, e), e,
           "key of content hashes");
    return RC_OK;
}

void
fingerprint_key_wipe(struct fingerprint_key *key)
{
    explicit_bzero(key, sizeof *key);
}

void
fingerprint_of(const struct fingerprint_key *key, struct span bytes, struct memory_hash *out)
{
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(
        &hash, XXH3_128bits_withSecret(bytes.data, bytes.len, key->bytes, sizeof key->bytes));
    memcpy(out->bytes, hash.digest, MEMORY_HASH_SIZE);
}
