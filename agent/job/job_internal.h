/* job_internal.h -- what the files of the job board share.  Layer: agent/job. */
#ifndef AGENT_JOB_JOB_INTERNAL_H
#define AGENT_JOB_JOB_INTERNAL_H

#include <pthread.h>

#include "agent/job/job.h"
#include "agent/job/job_reaper.h"

/* Of the directories in the staging directory: "source.<name>". */
#define JOB_STAGING_PREFIX "source."

enum { JOB_KEPT_MAX = 64, JOB_KEPT_NAME = 64, JOB_KEPT_VALUE = 255 };

/* A fact that goes into the archive record (record.md). */
struct job_kept {
    char name[JOB_KEPT_NAME + 1], value[JOB_KEPT_VALUE + 1];
};

/* A configured source, and what it holds between the steps of a cycle. */
struct job_source {
    const struct source_kind *kind;
    const struct config_section *section;
    const char *name;
    uint64_t cycle;           /* 0: none */
    bool release_due;         /* the cycle was released while a step of it was still ending */
    void *memory;             /* the kind's own, see source_step */
    struct snapshot_set *set; /* planned by ready, taken by cut, until released; NULL: live */
    struct snapshot_views views;
    bool cut_made; /* the snapshots are there, and mounted */
    bool ready;    /* of this cycle, and not captured since: what is to be cut was */
    struct source_cut cut;
    struct job_kept kept[JOB_KEPT_MAX];
    size_t kept_count;
    struct capture *capture; /* finished, until released */
    struct capture_result captured;
    struct wall started, finished;
    struct mono alone_since; /* the controller has been away since then; {0}: it is here */
};

struct job {
    struct job_board *board;
    struct job_order order;
    struct job_source *source; /* NULL: restore */
    struct job_vault vault; /* as it was when the order came: a reconnect may change the board's */
    pthread_t thread;
    _Atomic(bool) cancel, ended;
    _Atomic(bool) abandoned; /* cancelled because nobody asked for it any more */
    _Atomic(bool) lost;      /* cancelled because its snapshot is */
    struct mono deadline;
    struct capture_progress progress;
    struct unpack_counts restored;
    struct arena *arena;
    struct source_report report;
    struct capture_result captured;
    struct buffer record;
    enum rc rc;
    struct error e;
    char remedy[256];
    struct wall started, finished;
    struct source_cut cut;
};

struct job_board {
    struct job_options options;
    struct job_vault vault;
    struct job_source sources[JOB_SOURCES_MAX];
    size_t source_count;
    pthread_mutex_t receipt; /* the host's receipt: sources are released at the same time */
    struct job *jobs[JOB_MAX];
    size_t job_count;
    struct job_reaper *reaper;
};

/* One per verb, on the job's thread: job_step.c, job_restore.c. */
typedef enum rc job_step(struct job *job, struct error *e);
job_step job_step_check, job_step_ready, job_step_cut, job_step_capture, job_step_seal,
    job_step_release, job_step_restore;

/* What the kind's operations of this step are called with. */
struct source_step job_step_of(struct job *job, const char *staging);

/* job_cut.c */
/* Kept facts of a step that went well are the source's from now on, a newer one in place of an older. */
void job_cut_keep(struct job_source *s, const struct source_report *report);
/* Snapshots and mounts go, what was kept is forgotten; what cannot be removed now the reaper takes later. */
void job_cut_release(struct job_source *s);
/* source_step.place; its ctx is the source. */
const char *job_cut_place(const struct source_step *step, const char *path);
/* RC_NOT_FOUND when a capture would read live what this host cuts: its snapshots went with a restart, or a lease. */
enum rc job_cut_must_hold(const struct job *job, struct error *e);
/* Captured: the snapshots go now, for the others of the cluster may take hours; what was kept of the cut stays. */
void job_cut_end(struct job_source *s);
/* After the walk: RC_IO when a snapshot did not last until here. */
enum rc job_cut_check(struct job_source *s, struct error *e);

/* Whatever the source holds for its cycle is let go; idempotent.  `committed`: the new memory replaces the old. */
enum rc job_let_go(struct job_board *b, struct job_source *s, bool committed,
                   struct source_report *report, struct error *e);

#endif
