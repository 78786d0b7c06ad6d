/*
 * verify_parts.h -- what the files of a verification share.  Not for anyone else: they use vault_verify().
 *
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VERIFY_PARTS_H
#define CONTROLLER_VAULT_VERIFY_PARTS_H

#include "controller/vault/id_map.h"
#include "controller/vault/vault_parts.h"

enum { VERIFY_TEXT_SIZE = 1024, VERIFY_WHY_SIZE = 256, VERIFY_FULLS_SIZE = 128 };

/* What is known of a blob; in the map together with where its first whole copy lies. */
enum verify_blob {
    VERIFY_GOOD = 1, /* some pack holds it whole */
    VERIFY_REACHED = 2,
};

struct verify_pack {
    struct id name;
    bool damaged; /* found to be; what it held may be unknown */
};

/* A blob that some pack holds damaged, or that none holds: told when the fulls it hits are known. */
struct verify_loss {
    struct id id, pack; /* pack: zeros when no pack holds it */
    uint32_t offset;
    char why[VERIFY_WHY_SIZE];
    char fulls[VERIFY_FULLS_SIZE]; /* "3, 4, 7" */
    uint64_t first_full;
};

struct verify_full {
    struct vault_full full;
    struct id *roots;
    size_t root_count;
    struct keys_public signing_key; /* when it was read */
    bool read;
};

struct verify {
    struct vault *vault;
    const struct vault_verify_options *options;
    struct vault_verify_counts counts;
    struct id_map *blobs;
    struct verify_pack *packs;
    size_t pack_count, pack_capacity;
    uint32_t index_limit; /* numbers of packs from here on came later */
    struct verify_loss *losses;
    size_t loss_count, loss_capacity;
    struct id_map *losses_by_id; /* id -> 1 + place of its first loss */
    struct verify_full *fulls;
    size_t full_count;
    struct id_map *accepted; /* gaps that somebody accepted, by what does not follow */
    /* To accept more: those of full `accepting`; NULL when they are to be told. */
    struct id_map *gaps;
    uint64_t accepting;
    bool gaps_failed;
};

/* verify.c.  Report a finding; counts it as damaged or missing. */
void verify_find(struct verify *y, enum vault_finding_kind kind, uint64_t full, const char *fmt,
                 ...) PRINTF_LIKE(4, 5);
enum rc verify_check_cancel(const struct verify *y, struct error *e);
void verify_advance(const struct verify *y, uint64_t bytes);

/* verify_packs.c: every pack hashed and taken apart, and found in the index. */
enum rc verify_packs_list(struct verify *y, struct error *e);
enum rc verify_packs_read(struct verify *y, struct error *e);
bool verify_packs_is_good(const struct verify *y, const struct id *id);
/* Is its whole copy at this place? */
bool verify_packs_is_at(const struct verify *y, const struct id *id, const struct id *pack,
                        uint32_t offset);
void verify_packs_release(struct verify *y);

/* verify_loss.c */
enum rc verify_loss_note(struct verify *y, const struct id *id, const struct id *pack,
                         uint32_t offset, const char *why, struct error *e);
/* `full` reaches `id`, which no pack holds whole. */
enum rc verify_loss_hits(struct verify *y, const struct id *id, uint64_t full, struct error *e);
void verify_loss_report(struct verify *y);
void verify_loss_release(struct verify *y);

/* verify_fulls.c: records and their chains. */
enum rc verify_fulls_list(struct verify *y, struct error *e);
enum rc verify_fulls_read(struct verify *y, struct error *e);
void verify_fulls_release(struct verify *y);

/* verify_envelopes.c: each is about roots of a full that is here, and signed by who signed a full here. */
enum rc verify_envelopes(struct verify *y, struct error *e);

/* verify_chain.c: each host's archives follow each other. */
struct verify_chain;
enum rc verify_chain_new(struct verify_chain **out, struct error *e);
void verify_chain_free(struct verify_chain *chain);
DEFINE_FREEP(verify_chain)
/* The archives of one full, in any order; sorted in place. */
enum rc
verify_chain_add(struct verify_chain *chain, struct verify *y, const struct vault_full *full,
                 struct record_archive *archives, size_t count, struct error *e);

/* verify_gap.c.  What is accepted, from VAULT/gaps. */
enum rc verify_gap_load(struct verify *y, struct error *e);
/* Something does not follow what came before it. */
struct verify_gap {
    struct id follows; /* what does: an archive record, or a full */
    uint64_t full;     /* the full it is, or is in */
    uint64_t hit;      /* the first full concerned */
    const char *hits;  /* the end of the words: "; fulls hit: 3 to 5", or "" */
};
void
verify_gap(struct verify *y, const struct verify_gap *gap, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* verify_reach.c */
enum rc verify_reach_all(struct verify *y, struct error *e);
enum rc verify_reach_one(struct verify *y, struct error *e);

/* verify_index.c: the index claims nothing that the packs do not hold. */
enum rc verify_index(struct verify *y, struct error *e);

#endif
