/*
 * catalogue.h -- what the controller remembers: peers, their sources, cycles and their sources' fates, fulls,
 * each host's chain.  SQLite, WAL, synchronous=FULL: a transition is on disk before it is acted on.
 *
 * The vault is the truth about fulls and chains; the catalogue caches them and can be made anew.
 * Texts in structs given to the catalogue are borrowed for the call; structs given to a visitor live for that call.
 * Times are struct wall; zero means never.
 *
 * Threads: one (the controller's loop).  Layer: controller/catalogue.
 */
#ifndef CONTROLLER_CATALOGUE_CATALOGUE_H
#define CONTROLLER_CATALOGUE_CATALOGUE_H

#include <stdbool.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/crypto/certificate.h"
#include "common/record/record.h"

struct catalogue;

/*
 * Creates the file (0600) when missing; migrates an older one; refuses a newer one.  After RC_OK what it shows is on the
 * disk, whatever a killed process or a failed sync left in the log.
 */
enum rc catalogue_open(const char *path, struct catalogue **out, struct error *e);
void catalogue_close(struct catalogue *c);
static inline void
catalogue_closep(struct catalogue **c)
{
    catalogue_close(*c);
}

/* ---- peers: agents and operators (catalogue_peer.c) */

struct catalogue_peer {
    enum certificate_role role;
    const char *name;
    bool enrolled;
    struct wall added, enrolled_at, last_seen, certificate_until, token_until;
    const char *version, *system, *address;
    struct keys_public signing, receiving; /* zero until enrolled */
    struct id token;                       /* SHA-256 of the open token's secret; zero: none */
    int64_t clock_offset_ns;
    struct id certificate; /* SPKI of the one that counts; zero: enrolled before this was kept */
    const char *operator_role; /* of an operator, as controller/authority names it; "": none yet */
    struct id renewed;         /* SPKI of the one that will count when it is used; zero: none */
    struct id previous;        /* SPKI of the one that counted before a renewal; zero: none */
    struct wall revoked;       /* enrolled is false then, until it enrols again */
    struct wall given;         /* when a certificate was made for it last */
};
typedef enum rc catalogue_peer_visit(void *ctx, const struct catalogue_peer *p, struct error *e);

/* Open a token for a new peer, or for a known one when `replace`; else RC_EXISTS. */
enum rc catalogue_peer_invite(struct catalogue *c, enum certificate_role role, const char *name,
                              bool replace, const struct id *token, struct wall until,
                              struct wall now, struct error *e);
/* Burn the token (whatever comes of it); RC_DENIED when it is not this peer's open one. */
enum rc catalogue_peer_burn(struct catalogue *c, enum certificate_role role, const char *name,
                            const struct id *token, struct wall now, struct error *e);
/* `certificate`: the SPKI of the new certificate; an older one of this peer counts no more. */
enum rc catalogue_peer_enrolled(struct catalogue *c, enum certificate_role role, const char *name,
                                const struct keys_public *signing,
                                const struct keys_public *receiving, const struct id *certificate,
                                struct wall until, struct wall now, struct error *e);
enum rc catalogue_peer_seen(struct catalogue *c, enum certificate_role role, const char *name,
                            const char *version, const char *system, const char *address,
                            int64_t clock_offset_ns, struct wall now, struct error *e);
/* It was connected until now, or is from now on. */
enum rc catalogue_peer_met(struct catalogue *c, enum certificate_role role, const char *name,
                           struct wall now, struct error *e);
/* RC_NOT_FOUND when there is none of that name. */
enum rc catalogue_peer_find(struct catalogue *c, enum certificate_role role, const char *name,
                            catalogue_peer_visit *visit, void *ctx, struct error *e);
enum rc catalogue_peer_each(struct catalogue *c, enum certificate_role role,
                            catalogue_peer_visit *visit, void *ctx, struct error *e);
/* Its certificate and its open token count no more; an operator's role is gone.  An agent's sources stay, withdrawn. */
enum rc catalogue_peer_revoke(struct catalogue *c, enum certificate_role role, const char *name,
                              struct wall now, struct error *e);
/*
 * A new certificate was made for an enrolled peer, and will be given to it: its own counts until this one is used.  One
 * that was made before and not used counts no more.
 */
enum rc catalogue_peer_renewed(struct catalogue *c, enum certificate_role role, const char *name,
                               const struct id *certificate, struct wall until, struct wall now,
                               struct error *e);
/* It was used: the old one counts no more, but for what is open with it. */
enum rc catalogue_peer_promote(struct catalogue *c, enum certificate_role role, const char *name,
                               const struct id *certificate, struct error *e);
/* RC_NOT_FOUND when there is no operator of that name.  Said last it counts, also after one enrols anew. */
enum rc catalogue_operator_role(struct catalogue *c, const char *name, const char *operator_role,
                                struct error *e);
/*
 * The role that goes with the token of catalogue_peer_invite: who is enrolled keeps its own until it has enrolled anew, so
 * that an old certificate never gets what was meant for the new one.
 */
enum rc catalogue_operator_invited(struct catalogue *c, const char *name, const char *operator_role,
                                   struct error *e);
enum rc catalogue_tokens_open(struct catalogue *c, struct wall now, bool *out, struct error *e);

/* ---- sources, as the agents declared them last (catalogue_source.c) */

struct catalogue_source {
    const char *agent, *name, *kind, *description;
    bool required;
    /* Read only: from the fulls and cycles. */
    uint64_t last_full;
    struct wall last_good;
    const char *last_problem;
    bool withdrawn; /* its agent no longer names it */
};
typedef enum rc
catalogue_source_visit(void *ctx, const struct catalogue_source *s, struct error *e);
/*
 * Replaces all sources of the agent.  A required one that a full holds and that is not among them
 * any more stays, withdrawn, until it is forgotten: what vanishes from a host's configuration must
 * not vanish from the backups in silence.
 */
enum rc
catalogue_sources_set(struct catalogue *c, const char *agent,
                      const struct catalogue_source *sources, size_t count, struct error *e);
/* RC_NOT_FOUND when there is no such source, RC_INVALID while its agent still names it. */
enum rc
catalogue_source_forget(struct catalogue *c, const char *agent, const char *name, struct error *e);
/* In order of agent and name; agent NULL: all. */
enum rc catalogue_source_each(struct catalogue *c, const char *agent, catalogue_source_visit *visit,
                              void *ctx, struct error *e);

/* ---- cycles (catalogue_cycle.c) */

struct catalogue_cycle {
    uint64_t number;
    const char *state, *problem, *started_by;
    struct wall started, finished;
    /* Read only, summed over the sources. */
    uint32_t sources, failed;
    uint64_t bytes, bytes_sent;
};
typedef enum rc catalogue_cycle_visit(void *ctx, const struct catalogue_cycle *cy, struct error *e);

struct catalogue_progress {
    const char *phase;
    uint64_t files, files_total, bytes, bytes_total, bytes_read, bytes_sent, bytes_known;
};

struct catalogue_note {
    bool fact; /* else a warning: name is "" */
    const char *name, *value;
};

/* When a source was cut, by its agent's clock, and how far that is from ours. */
struct catalogue_cut {
    struct wall from, until; /* {0}: read live, or not yet */
    bool snapshotted;        /* else exported or dumped */
    struct record_clock clock;
};

struct catalogue_cycle_source {
    const char *agent, *source, *kind, *state, *problem, *remedy;
    bool required;
    struct wall started, finished;
    struct record_totals totals;
    struct catalogue_progress progress;
    struct catalogue_cut cut;
};
typedef enum rc
catalogue_cycle_source_visit(void *ctx, const struct catalogue_cycle_source *s, struct error *e);
typedef enum rc catalogue_note_visit(void *ctx, const struct catalogue_note *n, struct error *e);

/* `at_least`: the vault's newest number, so that a lost catalogue does not reuse one. */
enum rc catalogue_cycle_new(struct catalogue *c, uint64_t at_least, const char *started_by,
                            struct wall now, uint64_t *number, struct error *e);
/* One transition, durable before RC_OK; also kept in the cycle's log. */
enum rc
catalogue_cycle_state(struct catalogue *c, uint64_t number, const char *state, const char *event,
                      const char *problem, bool final, struct wall now, struct error *e);
enum rc catalogue_cycle_source_set(struct catalogue *c, uint64_t number,
                                   const struct catalogue_cycle_source *s, struct error *e);
enum rc
catalogue_cycle_note(struct catalogue *c, uint64_t number, const char *agent, const char *source,
                     const struct catalogue_note *note, struct error *e);
/* Newest first, numbers below `before` (0: all), at most `limit`. */
enum rc catalogue_cycle_each(struct catalogue *c, uint64_t before, unsigned limit,
                             catalogue_cycle_visit *visit, void *ctx, struct error *e);
enum rc catalogue_cycle_find(struct catalogue *c, uint64_t number, catalogue_cycle_visit *visit,
                             void *ctx, struct error *e);
enum rc catalogue_cycle_sources(struct catalogue *c, uint64_t number,
                                catalogue_cycle_source_visit *visit, void *ctx, struct error *e);
enum rc
catalogue_cycle_notes(struct catalogue *c, uint64_t number, const char *agent, const char *source,
                      catalogue_note_visit *visit, void *ctx, struct error *e);
/* Cycles that were not final when the controller stopped; ascending. */
enum rc catalogue_cycle_unfinished(struct catalogue *c, catalogue_cycle_visit *visit, void *ctx,
                                   struct error *e);

/* ---- fulls, copied from the vault's records (catalogue_full.c) */

struct catalogue_full {
    uint64_t number;
    bool good; /* RECORD_FULL, and no verification found it damaged since */
    struct wall started, sealed, verified;
    uint32_t archives;
    uint64_t files, bytes;
    struct id record;
    int64_t skew_ns; /* -1: none, or not known */
};
typedef enum rc catalogue_full_visit(void *ctx, const struct catalogue_full *f, struct error *e);
/*
 * From a decoded record: the full, its archives per source with their cuts, and each host's chain; the facts of an
 * archive become notes of its cycle, where the cycle is not known to have brought them already.
 */
enum rc catalogue_full_add(struct catalogue *c, const struct record_full *full,
                           const struct record_archive *archives, struct error *e);
enum rc catalogue_full_has(struct catalogue *c, uint64_t number, bool *out, struct error *e);
/* Its record is not in the vault any more: neither it nor its archives are listed; chains stay. */
enum rc catalogue_full_forget(struct catalogue *c, uint64_t number, struct error *e);
/* What a verification found: `whole`, or the full is not good any more until another one finds it so. */
enum rc catalogue_full_verified(struct catalogue *c, uint64_t number, bool whole, struct wall now,
                                struct error *e);
/* Newest first; `all` also incomplete ones. */
enum rc catalogue_full_each(struct catalogue *c, uint64_t before, unsigned limit, bool all,
                            catalogue_full_visit *visit, void *ctx, struct error *e);
enum rc catalogue_full_find(struct catalogue *c, uint64_t number, catalogue_full_visit *visit,
                            void *ctx, struct error *e);
/* Number of the newest good full; 0: none. */
enum rc catalogue_full_newest(struct catalogue *c, uint64_t *out, struct error *e);
/* How the archive of `agent`.`source` in this full was cut; RC_NOT_FOUND when it has none. */
enum rc catalogue_archive_cut(struct catalogue *c, uint64_t full, const char *agent,
                              const char *source, struct catalogue_cut *out, struct error *e);
/* The source's newest complete archive: its full (0: none) and its content in bytes (0: not known). */
enum rc catalogue_archive_last(struct catalogue *c, const char *agent, const char *source,
                               uint64_t *full, uint64_t *bytes, struct error *e);
/* Hosts with an archive in the newest good full that are no agents known here, by name. */
typedef enum rc catalogue_host_visit(void *ctx, const char *host, struct error *e);
enum rc
catalogue_strangers(struct catalogue *c, catalogue_host_visit *visit, void *ctx, struct error *e);
/* The host's last committed archive record; sequence 0: none. */
enum rc catalogue_chain(struct catalogue *c, const char *host, uint64_t *sequence, struct id *name,
                        struct error *e);

/* ---- the audit log's newest signed head (catalogue_audit.c); sequence 0: none */

enum rc
catalogue_audit_head(struct catalogue *c, uint64_t *sequence, struct id *hash, struct error *e);
enum rc catalogue_audit_head_set(struct catalogue *c, uint64_t sequence, const struct id *hash,
                                 struct error *e);

#endif
