/*
 * vault.h -- where fulls live: packs of sealed blobs, an index, full records (docs/formats/pack.md).
 *
 * One process at a time opens a vault for writing (flock on VAULT/lock; RC_AGAIN names the holder).  Opening for
 * writing is recovery: tmp/ is emptied, packs that the index does not know are added, index entries
 * whose pack is gone are dropped, and the file system is synced before the first "have" (D4, D9).
 *
 *     TRY(vault_create(path, &id, e));                       // once, by `koffer-controller init`
 *     TRY(vault_open(path, &(struct vault_options){.reserve = 1 << 30}, &vault, e));
 *
 *     TRY(vault_session_begin(vault, &s, e));                // one per data stream; CLEANUP(vault_session_freep)
 *     TRY(vault_session_put(s, &id, blob, &known, e));       // checks SHA-256(blob) == id, parses the header
 *     TRY(vault_session_flush(s, e));                        // all that was put is durable and indexed
 *
 *     TRY(vault_reach(vault, roots, count, &reach, e));      // every blob reachable is present
 *     TRY(vault_commit_full(vault, record, &name, e));       // the only commit point
 *
 * Blobs put but never named by a record are garbage, harmless, and found again by "have".
 * After a failed fsync the vault is *degraded*: every later write is RC_IO until it is opened anew, and then the packs
 * written last are read from the disk before "have" is answered for them.
 * No space: RC_NO_SPACE before the file system is full (`reserve` bytes are kept); reads go on.
 *
 * Threads: a vault may be used by many threads at once, a session by one.
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_H
#define CONTROLLER_VAULT_VAULT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/own.h"
#include "common/blob/blob.h"
#include "common/record/envelope.h"

struct vault;
struct vault_session;

struct vault_options {
    bool read_only;        /* no lock, no recovery; for the recovery tool */
    uint64_t reserve;      /* bytes to leave free on the file system */
    bool allow_network_fs; /* NFS, FUSE, 9p are refused otherwise (D8), with what is lost */
    uint64_t
        lease_seconds; /* a session that is silent for so long is over; 0: LIMIT_LEASE_SECONDS */
    struct mono (*clock)(void); /* by which leases are measured; NULL: clock_mono() */
};

/*
 * An empty directory, or one to be made; refuses anything else.  RC_INVALID when the parent does not
 * exist or `require_mount` and it lies on the root file system's device.
 */
enum rc
vault_create(const char *path, bool require_mount, struct record_vault_id *id, struct error *e);
/* RC_NOT_FOUND when there is no vault: "is the file system mounted?".  Never creates one. */
enum rc vault_open(const char *path, const struct vault_options *options, struct vault **out,
                   struct error *e);
void vault_close(struct vault *v);
static inline void
vault_closep(struct vault **v)
{
    vault_close(*v);
}
const struct record_vault_id *vault_id(const struct vault *v);
const char *vault_path(const struct vault *v);
/* Changes when blobs may have been deleted: agents then distrust what they remember (D24). */
uint64_t vault_epoch(const struct vault *v);

/*
 * What a cycle needs before it begins: the vault takes writes, and there is room.  RC_IO when a sync failed, or when the
 * path names another directory by now; RC_NO_SPACE below the high-water mark.  It is asked anew each time: room that was
 * made is room.  Reading goes on whatever the answer.
 */
enum rc vault_check_ready(struct vault *v, struct error *e);
enum { VAULT_PROBLEM_SIZE = ERROR_TEXT_MAX + 128 };
/* The same in words for the operator; "" when it is ready.  Returns `out`. */
const char *vault_problem(struct vault *v, char out[static VAULT_PROBLEM_SIZE]);
/* A sync failed since it was opened: it takes no writes until it is opened anew. */
bool vault_is_degraded(const struct vault *v);

/*
 * A session lives while it is heard of (a lease, docs/decisions/0007-pins-in-memory.md).  What it was told is there, and what
 * it put, is not deleted while it lives; once it is over every use of it is RC_STALE, and the peer begins again.  After
 * the stream has ended the session may be held until the full is committed: the fence then stands for it.
 *
 *     TRY(vault_session_begin_for(vault, "imap1", job, &s, e));   // a newer one for the same host and job ends this one
 *     TRY(vault_session_has(s, &id, &there, e));                  // there: pinned in the same critical section
 *     TRY(vault_session_hold(s, &fence, e));                      // flushed before; outlives s
 *     ...
 *     TRY(vault_commit_fenced(vault, record, fences, count, &name, e));
 *     vault_fence_release(vault, &fence);                         // whatever became of it
 */
struct vault_fence { /* zeros: none */
    uint64_t opening, number;
};
enum rc vault_session_begin_for(struct vault *v, const char *host, uint64_t job,
                                struct vault_session **out, struct error *e);
/* The same for nobody in particular: no other session takes its place. */
enum rc vault_session_begin(struct vault *v, struct vault_session **out, struct error *e);
/* Like vault_has(), and what is there stays there. */
enum rc vault_session_has(struct vault_session *s, const struct id *id, bool *out, struct error *e);
/* *known: it was there already (nothing was written).  RC_CORRUPT when the bytes are not `id`. */
enum rc vault_session_put(struct vault_session *s, const struct id *id, struct span blob,
                          bool *known, struct error *e);
enum rc vault_session_flush(struct vault_session *s, struct error *e);
/* The session goes on without an end of its own until its fence is released.  RC_INVALID unless all is flushed. */
enum rc vault_session_hold(struct vault_session *s, struct vault_fence *out, struct error *e);
/* Borrowed while the session lives. */
const struct vault_fence *vault_session_fence(const struct vault_session *s);
struct vault_session_counts {
    uint64_t blobs, bytes, known;
};
struct vault_session_counts vault_session_counted(const struct vault_session *s);
/* What was not flushed is forgotten; the session is over unless it is held. */
void vault_session_free(struct vault_session *s);
DEFINE_FREEP(vault_session)
/* RC_STALE when the session is over; else it was heard of just now: also for news of it that came another way. */
enum rc vault_fence_check(struct vault *v, const struct vault_fence *fence, struct error *e);
void vault_fence_release(struct vault *v, const struct vault_fence *fence);
/* Does a living session rely on the blob?  For whoever deletes, who must hold it off meanwhile: vault_lease.h. */
enum rc vault_is_pinned(struct vault *v, const struct id *id, bool *out, struct error *e);
size_t vault_sessions(struct vault *v); /* that live */

/*
 * Durable, indexed, and not found damaged since: whoever reads a blob and finds it damaged makes this "no", so that
 * the next capture stores it again and heals every full that reaches it.
 */
enum rc vault_has(struct vault *v, const struct id *id, bool *out, struct error *e);
/*
 * How many blobs were found damaged or missing, those noted before it was opened among them: when it grows, agents believe
 * what is wrong, and fulls that were good may be so no longer (vault_judge).
 */
uint64_t vault_doubts(const struct vault *v);
/* Verified by its id.  RC_NOT_FOUND; RC_CORRUPT names the pack and offset. */
enum rc vault_get(struct vault *v, const struct id *id, struct buffer *out, struct error *e);
/* The same as a blob_source; lives as long as the vault. */
struct blob_source *vault_source(struct vault *v);

struct vault_reach {
    uint64_t blobs, bytes; /* distinct blobs reached */
    uint64_t missing;      /* or damaged */
    struct id first_missing;
};
/*
 * Walk the clear headers from the roots.  RC_OK even when blobs are missing, or are known to be damaged: the answer
 * says so.
 */
enum rc vault_reach(struct vault *v, const struct id *roots, size_t count, struct vault_reach *out,
                    struct error *e);

/*
 * Publish a full record.  Refused (RC_NOT_FOUND) unless every root in it is complete (vault_reach), and
 * RC_INVALID unless it decodes, belongs to this vault, and its number and `previous` continue the chain.
 */
enum rc vault_commit_full(struct vault *v, struct span record, struct id *name, struct error *e);
/* The same for what sessions brought: RC_STALE, and nothing is committed, unless each of them lives. */
enum rc vault_commit_fenced(struct vault *v, struct span record, const struct vault_fence *fences,
                            size_t count, struct id *name, struct error *e);

struct vault_full {
    uint64_t number;
    struct id name;
};
/* Ascending by number; malloc'ed array. */
enum rc vault_fulls(struct vault *v, struct vault_full **out, size_t *count, struct error *e);
/* The bytes of the record of exactly this name, checked against it; RC_NOT_FOUND. */
enum rc vault_full_read(struct vault *v, const struct vault_full *full, struct buffer *out,
                        struct error *e);
/* Of the first one that has the number: whoever can write into the vault can put another there. */
enum rc vault_read_full(struct vault *v, uint64_t number, struct buffer *out, struct error *e);

/* ---- envelopes: a full opened to one recipient more (docs/formats/envelope.md; vault_envelope.c) */

/*
 * Publish one, durably.  RC_INVALID unless it decodes, belongs to this vault, and is about roots of a full that is
 * here.  The same one again is RC_OK.
 */
enum rc vault_add_envelope(struct vault *v, struct span envelope, struct error *e);
/*
 * Those of one full record, in the order of their names.  What is damaged or foreign is passed over: vault_verify
 * finds it, and a reader is as well off without it.
 */
typedef enum rc vault_visit_envelope(void *ctx, const struct envelope *envelope, struct error *e);
enum rc vault_each_envelope(struct vault *v, const struct vault_full *full,
                            vault_visit_envelope *visit, void *ctx, struct error *e);

struct vault_stats {
    uint64_t fulls, packs, blobs, bytes_packs, bytes_blobs, bytes_plain, free;
};
enum rc vault_stats(struct vault *v, struct vault_stats *out, struct error *e);

/* ---- verification: needs no key (vault_verify.c) */

enum vault_finding_kind {
    VAULT_BAD_PACK,     /* name is not its hash, or its structure is broken */
    VAULT_BAD_BLOB,     /* bytes are not the id */
    VAULT_BAD_RECORD,   /* does not decode, or signature wrong, or not its name */
    VAULT_BROKEN_CHAIN, /* previous does not fit */
    VAULT_BAD_ENVELOPE, /* does not decode, or signature wrong, or not its name, or about no full here */
    VAULT_MISSING_BLOB, /* a full reaches it and no pack holds it */
    VAULT_BAD_INDEX,    /* index and packs disagree (repairable: delete index/) */
};
struct vault_finding {
    enum vault_finding_kind kind;
    const char *text; /* names the file, offset, id and the fulls hit */
    uint64_t full;    /* first full concerned, or 0 */
};
struct vault_verify_options {
    const _Atomic(bool) *cancel;
    _Atomic(uint64_t) *done, *total; /* bytes; progress */
    void (*finding)(void *ctx, const struct vault_finding *f);
    void *ctx;
    uint64_t only_full; /* 0: everything, every pack re-hashed; else what that full reaches */
};
struct vault_verify_counts {
    uint64_t fulls, archives, packs, blobs, bytes, damaged, missing, unreferenced;
};
/* RC_OK when the verification ran to its end, whatever it found (counts say); RC_CANCELLED. */
enum rc vault_verify(struct vault *v, const struct vault_verify_options *options,
                     struct vault_verify_counts *out, struct error *e);

/*
 * The gaps in the chains of full `full`, of which a verification complains, are meant: they are noted in VAULT/gaps with who
 * accepted them, and not told again.  RC_NOT_FOUND when there is none.  Nothing else is forgiven: what is missing is missing.
 */
enum rc vault_accept_gap(struct vault *v, uint64_t full, const char *who, struct wall now,
                         size_t *gaps, struct error *e);

/*
 * Which fulls are whole, by what is known now of damaged and missing blobs: reads records and nodes, no contents.  Damage
 * that was found in one full so marks every full that shares it.  Malloc'ed array, ascending by number.
 */
struct vault_verdict {
    uint64_t full;
    bool whole;
};
enum rc vault_judge(struct vault *v, struct vault_verdict **out, size_t *count, struct error *e);

/*
 * Every pack is hashed.  Of one that is damaged, each blob that is its id is saved into a new pack, which is made durable and
 * read back; then the index takes that place, and the damaged file is moved to quarantine/.  Nothing is ever deleted
 * (S19), and nothing is changed in a pack that is whole.  Needs room for a pack.  A pack that the disk does not read is
 * left where it is and told.
 */
struct vault_repair_options {
    const _Atomic(bool) *cancel;
    _Atomic(uint64_t) *done, *total; /* packs; progress */
    void (*finding)(
        void *ctx,
        const struct vault_finding *f); /* what was damaged, and each blob that is lost */
    void *ctx;
};
struct vault_repair_counts {
    uint64_t packs, damaged, unread;
    uint64_t saved, lost; /* blobs of the damaged packs; lost: no pack holds it whole */
};
/* *out is set whatever is returned: what was moved until then is moved. */
enum rc vault_repair(struct vault *v, const struct vault_repair_options *options,
                     struct vault_repair_counts *out, struct error *e);

#endif
