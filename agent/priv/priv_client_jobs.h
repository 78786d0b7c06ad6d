/*
 * priv_client_jobs.h -- what the network side was told about jobs, until the controller has it.
 *
 * Threads: the caller's lock.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_CLIENT_JOBS_H
#define AGENT_PRIV_PRIV_CLIENT_JOBS_H

#include "agent/priv/priv.h"

struct priv_client_job;
struct priv_client_jobs {
    struct priv_client_job *all[JOB_MAX];
    size_t count;
};

/* PROGRESS, RESULT, REMARK, RECORD, END.  *ended: a result is whole now. */
enum rc priv_client_jobs_take(struct priv_client_jobs *jobs, const struct priv_message *m,
                              bool *ended, struct error *e);
/* An order was accepted: the job runs. */
enum rc priv_client_jobs_begin(struct priv_client_jobs *jobs, uint64_t job, enum job_verb verb,
                               struct error *e);
void priv_client_jobs_each(struct priv_client_jobs *jobs, job_visit *visit, void *ctx);
void priv_client_jobs_drop(struct priv_client_jobs *jobs, uint64_t job);
void priv_client_jobs_clear(struct priv_client_jobs *jobs);

#endif
