/* job_internal.h -- what the files of the job board share.  Layer: agent/job. */
#ifndef AGENT_JOB_JOB_INTERNAL_H
#define AGENT_JOB_JOB_INTERNAL_H

#include <pthread.h>

#include "agent/job/job.h"

/* Of the directories in the staging directory: "source.<name>". */
#define JOB_STAGING_PREFIX "source."

/* A configured source, and what it holds between the steps of a cycle. */
struct job_source {
    const struct source_kind *kind;
    const struct config_section *section;
    const char *name;
    uint64_t cycle;          /* 0: none */
    bool release_due;        /* the cycle was released while a step of it was still ending */
    void *memory;            /* the kind's own, see source_step */
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
};

struct job_board {
    struct job_options options;
    struct job_vault vault;
    struct job_source sources[JOB_SOURCES_MAX];
    size_t source_count;
    pthread_mutex_t receipt; /* the host's receipt: sources are released at the same time */
    struct job *jobs[JOB_MAX];
    size_t job_count;
};

/* One per verb, on the job's thread: job_step.c, job_restore.c. */
typedef enum rc job_step(struct job *job, struct error *e);
job_step job_step_check, job_step_capture, job_step_seal, job_step_release, job_step_restore;

/* Whatever the source holds for its cycle is let go; idempotent.  `committed`: the new memory replaces the old. */
enum rc job_let_go(struct job_board *b, struct job_source *s, bool committed,
                   struct source_report *report, struct error *e);

#endif
