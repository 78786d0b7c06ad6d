/*
 * envelope.h -- the roots of one full sealed to one recipient more (docs/formats/envelope.md): codec and signature.
 *
 *     TRY(record_seal_root(&vault, &root, &recipient, 1, &sealed, e)); ...     // each into roots[i].sealed
 *     envelope.roots = roots, envelope.root_count = envelope_sort(roots, count);
 *     TRY(envelope_encode(&envelope, controller_key, &bytes, e));
 *
 *     TRY(envelope_decode(bytes, arena, &envelope, e));                        // total; checks the signature
 *     if ((found = envelope_find(&envelope, &archive->root)) != NULL)
 *         TRY(record_open_sealed(&envelope.vault, &archive->root, key, found->sealed, &root_key, e));
 *
 * Whether the key that signed it is one we trust, and whether its full is there, is the caller's question.
 * Layer: common/record.
 */
#ifndef COMMON_RECORD_ENVELOPE_H
#define COMMON_RECORD_ENVELOPE_H

#include "common/base/limits.h"
#include "common/record/record.h"

struct envelope_root {
    struct id root;
    uint8_t sealed[KEYS_SEALED_SIZE];
};

struct envelope {
    struct record_vault_id vault;
    uint64_t number; /* of the full */
    struct id full;  /* its record's name */
    struct wall made;
    struct id recipient;               /* fingerprint */
    const struct envelope_root *roots; /* ascending; after decoding: in the arena */
    size_t root_count;
    struct keys_public signing_key; /* filled by encode and decode */
    struct id name;                 /* likewise */
};

/* Sort what was gathered in any order; a root that is there twice stays once.  Returns how many are left. */
size_t envelope_sort(struct envelope_root *roots, size_t count);

/* RC_INVALID when the roots do not ascend, or are none or too many. */
enum rc envelope_encode(struct envelope *envelope, const struct keys_private *signer,
                        struct buffer *out, struct error *e);
enum rc
envelope_decode(struct span bytes, struct arena *arena, struct envelope *out, struct error *e);

/* NULL when the envelope does not hold this root. */
const struct envelope_root *envelope_find(const struct envelope *envelope, const struct id *root);

/* Everything but the signature is checked; `name` stays zero.  For fuzzing: no fuzzer finds a signature. */
enum rc
envelope_parse(struct span bytes, struct arena *arena, struct envelope *out, struct error *e);

#endif
