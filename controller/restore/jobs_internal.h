/* jobs_internal.h -- what the files of the jobs share.  Layer: controller/restore. */
#ifndef CONTROLLER_RESTORE_JOBS_INTERNAL_H
#define CONTROLLER_RESTORE_JOBS_INTERNAL_H

#include <pthread.h>

#include "controller/restore/archive.h"
#include "controller/restore/jobs.h"

/* An agent keeps its own deadline; we wait this much longer for its answer. */
enum { JOBS_ANSWER_MS = 30000 };

struct job {
    struct jobs *jobs;
    uint64_t id;
    enum jobs_kind kind;
    bool threaded; /* a thread to join */
    bool final;
    pthread_t thread;
    _Atomic(bool) cancel;
    _Atomic(uint64_t) done, total;
    pthread_mutex_t lock; /* findings, while the thread runs */
    char *findings[JOBS_FINDINGS_MAX];
    size_t finding_count;
    enum rc rc;
    struct error e;
    char remedy[256], text[ERROR_TEXT_MAX];
    struct wall started, finished;
    uint64_t full; /* verify */
    struct vault_verify_counts verified;
    struct vault_repair_counts repaired;
    struct vault_verdict *verdicts; /* judge; and a verification of everything that found nothing */
    size_t verdict_count;
    struct unpack_counts restored;
    char agent[LIMIT_LABEL + 1]; /* restore through this agent; "" */
    char who[LIMIT_LABEL + 1];   /* lent to this operator; "" */
    char owner[LIMIT_LABEL + 1]; /* who started it */
    bool owner_local;            /* and that through the local socket */
    bool resealed;               /* the operator's program sealed the root's key to the agent: */
    struct id root;
    uint8_t root_sealed[KEYS_SEALED_SIZE];
    char source[2 * LIMIT_LABEL + 2], *path, *target;
    struct keys_public recipients[LIMIT_RECIPIENTS]; /* rewrap */
    size_t recipient_count;
    bool dry_run, replace;
    struct mono
        until; /* of a restore: the agent, or the operator's program, must have spoken by then */
};

struct jobs {
    struct jobs_options options;
    struct fleet *fleet;
    struct job *all[JOBS_KEPT];
    size_t count;
    uint64_t next;
    uint64_t judged; /* damage known to the vault when fulls were judged last */
};

/* jobs.c */
enum rc jobs_add(struct jobs *j, enum jobs_kind kind, struct job **out, struct error *e);
void jobs_drop(struct jobs *j, struct job *job);
enum rc jobs_run(struct job *job, void *(*run)(void *), struct error *e);
/* On the job's thread, last: gives the job back to the loop. */
void *jobs_thread_done(struct job *job);
void jobs_finish(struct job *job);
void jobs_finding(struct job *job, const char *text);

/* jobs_vault.c: on the job's thread, which fulls are whole; on the loop, into the catalogue with it. */
void jobs_vault_judge(struct job *job);
void jobs_vault_note(struct job *job);

/* jobs_lend.c: nobody spoke in time. */
void jobs_lend_expired(struct job *job);
/* jobs_restore.c */
void jobs_take_counts(struct job *job, const Koffer__RestoreCounts *n);
/* The end of a restore that was done elsewhere: its rc and error are set. */
void jobs_end_elsewhere(struct job *job);
enum rc jobs_restore_start(struct job *job, const Koffer__RestoreRequest *request, struct error *e);

#endif
