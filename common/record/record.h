/*
 * record.h -- archive records and full records (docs/formats/record.md): codec and signatures.
 *
 * Written is version 2, read are 1 and 2: what 1 does not say is zero, and its clocks are not measured.
 *
 * Decoding is total and checks the signature against the key inside; whether that key is one we
 * trust is the caller's question (compare signing_key).
 * Layer: common/record.
 */
#ifndef COMMON_RECORD_RECORD_H
#define COMMON_RECORD_RECORD_H

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/blob/blob.h"
#include "common/crypto/keys.h"

enum { RECORD_VAULT_ID_SIZE = 16 };
/* Ten decimal digits, as in the names of a vault's files. */
#define RECORD_NUMBER_MAX UINT64_C(9999999999)
enum {
    RECORD_FACTS_MAX = 64, /* of an archive */
    RECORD_FACT_NAME_MAX = 64,
    RECORD_FACT_VALUE_MAX = 255,
    RECORD_FACTS_SIZE_MAX = 4096, /* all names and values: agents share the controller's record */
};

struct record_vault_id {
    uint8_t bytes[RECORD_VAULT_ID_SIZE];
};

enum record_archive_state { RECORD_COMPLETE = 1, RECORD_ARCHIVE_INCOMPLETE = 2 };
enum record_full_state { RECORD_FULL = 1, RECORD_INCOMPLETE = 2 };

struct record_totals {
    uint64_t files, directories, others, bytes, unreadable, fuzzy, vanished;
};

struct record_recipient {
    struct id fingerprint;
    uint8_t sealed[KEYS_SEALED_SIZE];
};

/* What must be known of a cut years later: docs/formats/record.md names those with a meaning. */
struct record_fact {
    const char *name, *value;
};

struct record_archive {
    struct record_vault_id vault;
    const char *host, *source, *kind; /* borrowed; after decoding: in the arena */
    uint64_t cycle, sequence;
    struct id previous;
    struct wall started, finished;
    struct wall cut_from, cut_until; /* the agent's clock; both {0}: read live */
    enum record_archive_state state;
    struct record_totals totals;
    uint8_t domain[BLOB_DOMAIN_SIZE];
    struct id root;
    const struct record_fact *facts; /* borrowed; after decoding: in the arena */
    size_t fact_count;
    const struct record_recipient *recipients;
    size_t recipient_count;
    struct keys_public signing_key; /* filled by encode and decode */
    struct id name;                 /* SHA-256 of the record's bytes; filled by encode and decode */
};

/* Does one more fact find room in the record?  What does not is the caller's to leave out. */
bool record_fact_fits(const struct record_archive *archive, const char *name, const char *value);

/* Seal the root key for each recipient: fills out[0..count). */
enum rc record_seal_root(const struct record_vault_id *vault, const struct blob_ref *root,
                         const struct keys_public *recipients, size_t count,
                         struct record_recipient *out, struct error *e);
/* Open one envelope made by record_seal_root; RC_DENIED when it is not for this key. */
enum rc
record_open_sealed(const struct record_vault_id *vault, const struct id *root,
                   const struct keys_private *key, const uint8_t sealed[static KEYS_SEALED_SIZE],
                   struct id *root_key, struct error *e);
/* Find our recipient and open the root.  RC_DENIED when this key is not among the recipients. */
enum rc record_open_root(const struct record_archive *archive, const struct keys_private *key,
                         struct blob_ref *root, struct error *e);

enum rc record_encode_archive(struct record_archive *archive, const struct keys_private *signer,
                              struct buffer *out, struct error *e);
enum rc record_decode_archive(struct span bytes, struct arena *arena, struct record_archive *out,
                              struct error *e);

struct record_missing {
    const char *host, *source, *reason;
};

/* An agent's clock against the controller's. */
#define RECORD_CLOCK_UNKNOWN INT64_MIN
struct record_clock {
    int64_t offset_ns; /* the agent's minus the controller's; RECORD_CLOCK_UNKNOWN: not measured */
    int64_t uncertainty_ns; /* 0 or more; 0 when not measured */
};

struct record_full {
    struct record_vault_id vault;
    uint64_t number;
    struct id previous;
    struct wall started, sealed;
    enum record_full_state state;
    int64_t skew_ns;             /* between the ends of cuts by snapshots; -1: none, or not known */
    const struct span *archives; /* encoded archive records */
    /* As many; NULL when encoding: none was measured.  After decoding: in the arena. */
    const struct record_clock *clocks;
    size_t archive_count;
    const struct record_missing *missing;
    size_t missing_count;
    struct keys_public signing_key;
    struct id name;
};

enum rc record_encode_full(struct record_full *full, const struct keys_private *signer,
                           struct buffer *out, struct error *e);
/* archives[i] borrow from `bytes`; decode each with record_decode_archive. */
enum rc record_decode_full(struct span bytes, struct arena *arena, struct record_full *out,
                           struct error *e);

/* Was it cut by snapshots, as its facts say?  Other cuts do not count for the skew. */
bool record_archive_is_snapshot(const struct record_archive *archive);

/*
 * The skew of a full, from the ends of its cuts by snapshots:
 *
 *     struct record_skew skew = {0};
 *     record_skew_add(&skew, archive->cut_until, &clock); ...
 *     full.skew_ns = record_skew_ns(&skew);                    // -1: none, or a clock was not measured
 */
struct record_skew {
    bool any, unknown;
    int64_t earliest, latest;
};
void
record_skew_add(struct record_skew *skew, struct wall cut_until, const struct record_clock *clock);
int64_t record_skew_ns(const struct record_skew *skew);

#endif
