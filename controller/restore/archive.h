/*
 * archive.h -- find an archive in a full and open its tree.
 *
 *     TRY(archive_load_committed(vault, catalogue, 17, arena, &set, e));        // the record, decoded and checked
 *     TRY(archive_select(&set, "imap1.spool", &archive, e));      // or "spool" when only one agent has it
 *     TRY(archive_open_root(vault, &set, archive, custody_key, &root, e));      // by its record, or by an envelope
 *
 * Everything lives in the arena.  Threads: any.  Layer: controller/restore.
 */
#ifndef CONTROLLER_RESTORE_ARCHIVE_H
#define CONTROLLER_RESTORE_ARCHIVE_H

#include "controller/catalogue/catalogue.h"
#include "controller/vault/vault.h"

/* A record of LIMIT_RECORD, and what decoding makes of it. */
#define ARCHIVE_ARENA (4u * LIMIT_RECORD)

struct archive_set {
    struct record_full full;
    const struct record_archive *archives; /* full.archive_count */
};

/*
 * The record that the catalogue says was committed, and no other file that bears the number: RC_CORRUPT when only another one is
 * there.  RC_NOT_FOUND when there is no such full.  For the controller's loop.
 */
enum rc archive_load_committed(struct vault *v, struct catalogue *c, uint64_t full,
                               struct arena *arena, struct archive_set *out, struct error *e);
/* The record of exactly this name. */
enum rc archive_load_record(struct vault *v, const struct vault_full *full, struct arena *arena,
                            struct archive_set *out, struct error *e);
/*
 * Whatever record bears the number: for who has no catalogue, and compares the key that signed it with one he knows.
 * RC_NOT_FOUND when the vault holds no such full.
 */
enum rc archive_load(struct vault *v, uint64_t full, struct arena *arena, struct archive_set *out,
                     struct error *e);
/*
 * "host.source", or a bare source without a dot when no archive is called so in full: nobody's source is taken for
 * another host's.  RC_NOT_FOUND, RC_INVALID when ambiguous; the message lists what there is.
 */
enum rc archive_select(const struct archive_set *set, const char *name,
                       const struct record_archive **out, struct error *e);

/* The root's key as sealed to one recipient: by the archive's record, else by an envelope.  *found: there is one. */
enum rc archive_sealed_root(struct vault *v, const struct archive_set *set,
                            const struct record_archive *archive, const struct id *recipient,
                            bool *found, uint8_t sealed[static KEYS_SEALED_SIZE], struct error *e);
/*
 * missing[i]: archive i is sealed to this recipient neither by its record nor by an envelope that the full's signer or `own`
 * (NULL: none) has signed.  *count: how many are.
 */
enum rc
archive_missing(struct vault *v, const struct archive_set *set, const struct id *recipient,
                const struct keys_public *own, bool *missing, size_t *count, struct error *e);
/* Tries all there are.  RC_DENIED when the archive is sealed to this key neither by its record nor by an envelope. */
enum rc archive_open_root(struct vault *v, const struct archive_set *set,
                          const struct record_archive *archive, const struct keys_private *key,
                          struct blob_ref *root, struct error *e);

#endif
