/*
 * job.h -- runs the steps that the controller orders, each on a thread of its own.
 *
 * This is the seam of the privilege split: orders come in as one fixed-size structure that names a locally
 * configured source and a verb, results go out as plain data; nothing here knows the network.  What a capture
 * uploads to, and a restore reads from, are given by `struct job_ports`.
 *
 *     TRY(job_board_new(&options, &board, e));
 *     TRY(job_submit(board, &order, e));       // RC_AGAIN: the source is busy; RC_NOT_FOUND: no such source;
 *                                              // RC_INVALID: no cycle, or the job's number is another step's
 *     job_each(board, visit, ctx);             // progress of what runs, results of what ended
 *     job_drop(board, job);                    // the controller has the result
 *
 * A source remembers its cycle between steps (staging, the capture that waits to be sealed).  It lets go on
 * RELEASE (at once, or when the step that is still running has ended), when another cycle begins, and by itself when no controller was there for `lease_ms`.
 *
 * Threads: one (the session's loop); jobs run on their own and say so through `wake`.  Layer: agent/job.
 */
#ifndef AGENT_JOB_JOB_H
#define AGENT_JOB_JOB_H

#include "agent/capture/capture.h"
#include "agent/snapshot/snapshot.h"
#include "common/crypto/keys.h"
#include "common/tree/unpack.h"

enum { JOB_PATH_MAX = 4096, JOB_SOURCES_MAX = 256, JOB_MAX = 64 };

enum job_verb {
    JOB_CHECK = 1,
    JOB_READY,
    JOB_CUT,
    JOB_CAPTURE = 5,
    JOB_SEAL,
    JOB_RELEASE,
    JOB_RESTORE,
    JOB_VERBS_,
};

struct job_order {
    uint64_t job, cycle;
    enum job_verb verb;
    char source[LIMIT_LABEL + 1];
    uint32_t deadline_seconds;
    struct id token;    /* CAPTURE, RESTORE: for the data stream */
    uint64_t sequence;  /* SEAL; RELEASE of a committed archive */
    struct id previous; /* SEAL */
    struct id receipt;  /* RELEASE: zero when the archive was not committed */
    bool forget;        /* CHECK, RELEASE: what is remembered of the last capture is wrong */
    /* RESTORE */
    struct id root;
    uint8_t root_sealed[KEYS_SEALED_SIZE];
    char path[JOB_PATH_MAX], target[JOB_PATH_MAX];
    bool dry_run, replace;
    uint8_t
        signature[KEYS_SIGNATURE_SIZE]; /* RESTORE: the controller's (common/record/mandate.h) */
};

/* What the network side lends to a job.  What is opened lives until it is closed. */
struct job_ports {
    void *ctx;
    enum rc (*open_store)(void *ctx, uint64_t job, const struct id *token,
                          const _Atomic(bool) *cancel, struct capture_store **out, struct error *e);
    /* Everything put is durable: RC_OK only then. */
    enum rc (*finish_store)(void *ctx, struct capture_store *store, struct error *e);
    void (*close_store)(void *ctx, struct capture_store *store);
    enum rc (*open_source)(void *ctx, uint64_t job, const struct id *token,
                           const _Atomic(bool) *cancel, struct blob_source **out, struct error *e);
    void (*close_source)(void *ctx, struct blob_source *source);
};

struct job_vault { /* as the controller's Welcome says; may change when it connects anew */
    struct record_vault_id id;
    uint64_t epoch;
    struct keys_public recipients[LIMIT_RECIPIENTS];
    size_t recipient_count;
    uint8_t signature[KEYS_SIGNATURE_SIZE]; /* of the recipients, by the controller */
};

struct job_options {
    const struct config *config; /* its `source` sections; borrowed, as all below */
    const char *host;            /* our name, from the certificate */
    const char *state, *staging; /* directories */
    const char *const *restore_roots;
    size_t restore_root_count;
    struct blob_domain domain;
    const struct keys_private *signing, *receiving;
    struct keys_public controller; /* who may name recipients and order restores */
    struct record_vault_id vault;  /* as enrolled: another one is refused */
    /* SHA-256 of the recipients that this host seals to, all of them and no other; 0: those that the controller names. */
    const struct id *pinned;
    size_t pinned_count;
    int level;
    unsigned threads;
    int64_t lease_ms;
    struct snapshot_host *snapshots; /* NULL: nothing can be cut, everything is read live */
    enum snapshot_driver snapshot;   /* of sources that do not say it */
    struct job_ports ports;
    void (*wake)(void *ctx); /* from any thread: something ended */
    void *wake_ctx;
};

struct job_board;
enum rc job_board_new(const struct job_options *options, struct job_board **out, struct error *e);
void job_board_free(struct job_board *b); /* cancels, waits, releases everything */
DEFINE_FREEP(job_board)
/* RC_DENIED unless it is the vault we were enrolled for, and the controller has signed its recipients: nothing is done before. */
enum rc job_set_vault(struct job_board *b, const struct job_vault *vault, struct error *e);
/* Removes what an earlier process left in the staging directories; from now on snapshots that nobody owns go, too. */
enum rc job_reap(struct job_board *b, struct error *e);

enum rc job_submit(struct job_board *b, const struct job_order *order, struct error *e);
void job_cancel(struct job_board *b, uint64_t job);
/* Let go of sources whose lease is over, stop steps whose deadline is; call about once a second with whether the
 * controller is there. */
void job_tick(struct job_board *b, bool connected);

struct job_status { /* borrowed for the visit */
    uint64_t job;
    enum job_verb verb;
    bool ended;
    struct capture_progress *progress; /* CAPTURE */
    struct unpack_counts *restored;    /* RESTORE */
    /* when ended */
    enum rc rc;
    const char *text, *remedy;
    const struct source_report *report;
    const struct capture_result *captured; /* CAPTURE and RC_OK */
    struct span record;                    /* SEAL and RC_OK */
    struct wall started, finished;
    struct wall cut_from, cut_until; /* CUT and CAPTURE: the instants of what was cut; {0}: live */
};
typedef void job_visit(void *ctx, const struct job_status *status);
void job_each(struct job_board *b, job_visit *visit, void *ctx);
/* Forget an ended job. */
void job_drop(struct job_board *b, uint64_t job);

#endif
