/*
 * rotten.h -- a sample vault of about 1 MiB, and the ways in which its files can rot.
 *
 *     rotten_begin(&r, e);                                  // eight fulls, one of them incomplete, small packs
 *
 *     rotten_apply(&r, &change, r.kit.vault);               // the vault stays open
 *     found = rotten_is_found(&r, file, why);               // by what vault_verify does to this file, without any key
 *     rotten_undo(&r, &change);
 *
 *     rotten_copy(&r, e); rotten_apply(&r, &change, r.copy); rotten_check_copy(...);   // all of it, and restores
 *
 * What a full held is kept beside it, so that no restore may give anything else.
 */
#ifndef TESTS_TRUST_CONTROLLER_ROTTEN_H
#define TESTS_TRUST_CONTROLLER_ROTTEN_H

#include "common/base/buffer.h"
#include "tests/support/backup_kit.h"
#include "tests/support/vault_kit.h"

enum {
    ROTTEN_FILES = 64,
    ROTTEN_FULLS = 8,
    ROTTEN_INCOMPLETE = 5, /* this one */
    ROTTEN_PATH = 192,
    ROTTEN_BLOCK = 4096,
    ROTTEN_WHY = 1024,
};

struct rotten_file {
    char name[ROTTEN_PATH]; /* within the vault */
    uint64_t size;
    bool is_pack, is_record; /* neither: "format" */
    struct id pack;
    uint8_t *bytes; /* as they should be */
};

enum rotten_kind {
    ROTTEN_FLIP,     /* the bits of `mask` at `offset` */
    ROTTEN_TRUNCATE, /* to `offset` bytes */
    ROTTEN_ZERO,     /* the block at `offset` */
    ROTTEN_SWAP,     /* the blocks at `offset` and `other` */
    /* Whole files; these cannot be undone. */
    ROTTEN_DELETE,
    ROTTEN_EMPTY,
    ROTTEN_DUPLICATE, /* under another name of its kind */
    ROTTEN_RENAME,    /* to that name */
    ROTTEN_EXCHANGE,  /* with the next of its kind */
    ROTTEN_KINDS_,
};

struct rotten_change {
    enum rotten_kind kind;
    const struct rotten_file *file;
    uint64_t offset, other;
    uint8_t mask;
};

struct rotten {
    char directory[VAULT_KIT_PATH_SIZE], copy[ROTTEN_PATH];
    struct backup_kit kit;
    struct vault *vault;
    struct rotten_file files[ROTTEN_FILES];
    size_t file_count;
    uint64_t bytes; /* of all of them */
};

enum rc rotten_begin(struct rotten *r, struct error *e);
void rotten_end(struct rotten *r);

/* Does verification find that this file of the vault is not what it was?  If not, why says what it did. */
bool rotten_is_found(struct rotten *r, const struct rotten_file *file, char why[static ROTTEN_WHY]);

/* To the vault in the directory `vault`: r->kit.vault or r->copy. */
void rotten_apply(const struct rotten *r, const struct rotten_change *change, const char *vault);
/* In r->kit.vault. */
void rotten_undo(const struct rotten *r, const struct rotten_change *change);

/* A fresh copy of the vault at r->copy. */
enum rc rotten_copy(struct rotten *r, struct error *e);
struct rotten_demand {
    bool found;       /* there is a finding, or it does not open ... */
    const char *name; /* ... which names this file; NULL: any */
    bool
        cache; /* what is damaged can be made anew: any finding does for a full that cannot be restored */
    uint64_t gone; /* this full, and nobody can know */
};
/*
 * Opens and verifies the copy, and restores every full of it.  False unless what is demanded holds, whatever cannot be
 * restored is named as a victim, and whatever is restored is equal to what was captured.
 */
bool rotten_check_copy(struct rotten *r, const struct rotten_demand *demand,
                       char why[static ROTTEN_WHY]);

#endif
