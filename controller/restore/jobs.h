/*
 * jobs.h -- long work that an operator asked for: verifications and restores, with progress and cancel.
 *
 * Verifications run on threads of their own; a restore through an agent is one STEP_RESTORE there; one to an operator's own
 * machine is done by koffer(1), which fetches blobs over a data stream and reports (jobs_lend.c).  A finished job is remembered until JOBS_KEPT newer ones have come.
 *
 *     TRY(jobs_verify(jobs, 0, &job, e));                      // everything; else one full
 *     TRY(jobs_restore(jobs, &request, &job, e));
 *     TRY(jobs_status(jobs, job, &status, e));
 *
 * Threads: one (the controller's loop).  Layer: controller/restore.
 */
#ifndef CONTROLLER_RESTORE_JOBS_H
#define CONTROLLER_RESTORE_JOBS_H

#include <stdatomic.h>

#include "common/tree/unpack.h"
#include "controller/fleet/data.h"
#include "controller/fleet/fleet.h"
#include "controller/fleet/mailbox.h"

enum { JOBS_LEASE_MS = 60000 };
enum { JOBS_KEPT = 64, JOBS_RUNNING_MAX = 8, JOBS_FINDINGS_MAX = 100 };

struct jobs;

struct jobs_options {
    struct vault *vault; /* borrowed, as all below */
    struct catalogue *catalogue;
    struct data *data;
    struct mailbox *mailbox;
    const struct keys_private *custody; /* NULL: the controller cannot open archives */
    const struct keys_private *signer;  /* of envelopes */
    uint32_t restore_seconds;           /* deadline of a restore through an agent */
};

enum jobs_kind {
    JOBS_VERIFY_FULL,
    JOBS_VERIFY_VAULT,
    JOBS_RESTORE,
    JOBS_REPAIR,
    JOBS_JUDGE,
    JOBS_REWRAP,
    JOBS_BROWSE,
};

struct jobs_status { /* borrowed until the next call */
    uint64_t job;
    enum jobs_kind kind;
    bool final;
    enum rc rc; /* when final */
    uint64_t done, total;
    const char *unit, *text, *remedy;
    size_t finding_count;
    const char *const *findings;
    struct vault_verify_counts verified;
    Koffer__RestoreCounts restored;
    struct wall started, finished;
};

enum rc jobs_new(const struct jobs_options *options, struct jobs **out, struct error *e);
void jobs_free(struct jobs *j); /* cancels and waits */
DEFINE_FREEP(jobs)
void jobs_set_fleet(struct jobs *j, struct fleet *fleet);

/* full 0: the whole vault. */
enum rc jobs_verify(struct jobs *j, uint64_t full, uint64_t *job, struct error *e);
/* The newest good full, unless a verification has found it whole before: after a start.  Job 0: there is none. */
enum rc jobs_verify_newest(struct jobs *j, uint64_t *job, struct error *e);
/* Damaged packs of the vault out of the way (vault_repair). */
enum rc jobs_repair(struct jobs *j, uint64_t *job, struct error *e);
enum rc
jobs_restore(struct jobs *j, const Koffer__RestoreRequest *request, uint64_t *job, struct error *e);
/*
 * A restore that somebody else does: the job is shown, can be cancelled, and ends when no report came for JOBS_LEASE_MS.
 * `roots`: what may be fetched with the token.
 */
struct jobs_lend {
    const char *who;
    bool local; /* who comes through the local socket */
    bool browse;
    uint64_t bytes; /* expected; 0: unknown */
    const struct id *roots;
    size_t root_count;
};
enum rc jobs_lend(struct jobs *j, const struct jobs_lend *what, uint64_t *job, struct id *token,
                  struct error *e);
/* RC_NOT_FOUND for a job that is not `who`'s from that side, or has ended.  *cancelled: stop. */
enum rc jobs_report(struct jobs *j, const char *who, bool local,
                    const Koffer__RestoreReport *report, bool *cancelled, struct error *e);
/* Seal the roots of every full to those of these recipients that it lacks, with the custody key (jobs_rewrap.c). */
enum rc jobs_rewrap(struct jobs *j, const struct keys_public *recipients, size_t count,
                    uint64_t *job, struct error *e);
enum rc jobs_status(struct jobs *j, uint64_t job, struct jobs_status *out, struct error *e);
enum rc jobs_cancel(struct jobs *j, uint64_t job, struct error *e);
/* Who started it.  An unknown job is left alone. */
void jobs_owned(struct jobs *j, uint64_t job, const char *who, bool local);
/* This operator may not restore any more: his restores are cancelled, his tokens and data streams end. */
void jobs_cut(struct jobs *j, const char *operator);
const char *jobs_kind_name(enum jobs_kind kind);

/* From the fleet, for restores through agents; unknown jobs are left alone. */
void jobs_result(struct jobs *j, const char *agent, const Koffer__StepResult *result);
void jobs_progress(struct jobs *j, const char *agent, const Koffer__Progress *progress);
void jobs_agent_lost(struct jobs *j, const char *agent);
/*
 * Now and then: when blobs were found damaged or missing, by whomever, a job of its own looks which fulls they hit and notes
 * it in the catalogue.
 */
void jobs_watch_damage(struct jobs *j);
/* Now and then: ends restores whose agent did not answer in time, or not to a cancel. */
void jobs_tick(struct jobs *j, struct mono now);

#endif
