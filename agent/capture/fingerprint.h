/*
 * fingerprint.h -- tells whether a short file that was read again has the content it had.
 *
 *     TRY(fingerprint_key_derive(domain, &key, e));         // once per capture
 *     fingerprint_of(&key, bytes, &hash);                   // XXH3-128 with the key as its secret
 *     fingerprint_key_wipe(&key);
 *
 * Who writes the files that we read may choose their content: with a public hash he could prepare
 * two files of one hash, and the second would be stored as the first.  The key is derived from the
 * domain's secret, which he does not have (docs/formats/memory.md).
 * Threads: any; pure after the key was derived.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_FINGERPRINT_H
#define AGENT_CAPTURE_FINGERPRINT_H

#include "agent/capture/memory_record.h"
#include "common/blob/blob.h"

enum {
    FINGERPRINT_KEY_SIZE = 192
}; /* what XXH3 uses of a secret at most (XXH3_SECRET_DEFAULT_SIZE) */

struct fingerprint_key {
    uint8_t bytes[FINGERPRINT_KEY_SIZE];
};

enum rc fingerprint_key_derive(const struct blob_domain *domain, struct fingerprint_key *out,
                               struct error *e);
void fingerprint_key_wipe(struct fingerprint_key *key);
void fingerprint_of(const struct fingerprint_key *key, struct span bytes, struct memory_hash *out);

#endif
