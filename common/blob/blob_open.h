/*
 * blob_open.h -- the inner half of opening, shared by blob_open() and by the sealer, which opens what
 * it has just sealed without hashing it a second time.
 * Layer: common/blob (not for other folders).
 */
#ifndef COMMON_BLOB_BLOB_OPEN_H
#define COMMON_BLOB_BLOB_OPEN_H

#include "common/blob/blob.h"

/* Decrypt and decompress a parsed blob, whose id is not looked at.  `plain` is empty on failure. */
enum rc blob_open_body(struct blob_opener *o, struct span blob, const struct blob_header *header,
                       const struct id *key, struct buffer *plain, struct error *e);

/* The AES key and nonce of a blob, from its key (docs/formats/blob.md: ikm). */
struct aead_key;
enum rc blob_open_derive(const struct id *key, struct aead_key *out, struct error *e);

#endif
