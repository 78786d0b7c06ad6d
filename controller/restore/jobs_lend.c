/* jobs_lend.c -- restores that an operator's own program does: a token for the data stream, and its reports.  See jobs.h. */
#include <stdio.h>

#include "common/base/text.h"
#include "controller/restore/jobs_internal.h"

enum rc
jobs_lend(struct jobs *j, const struct jobs_lend *what, uint64_t *id, struct id *token,
          struct error *e)
{
    struct job *job;
    TRY(jobs_add(j, what->browse ? JOBS_BROWSE : JOBS_RESTORE, &job, e));
    (void)snprintf(job->who, sizeof job->who, "%s", what->who);
    jobs_owned(j, job->id, what->who, what->local);
    atomic_store(&job->total, what->bytes);
    job->until = clock_after_ms(clock_mono(), JOBS_LEASE_MS);
    enum rc rc =
        data_expect_operator(j->options.data, job->id, what->local ? NULL : what->who, token, e);
    if (rc == RC_OK)
        rc = data_restrict_all(j->options.data, job->id, what->roots, what->root_count, e);
    if (rc != RC_OK) {
        data_forget(j->options.data, job->id);
        jobs_drop(j, job);
        return rc;
    }
    *id = job->id;
    return RC_OK;
}

static struct job *
lent_job(struct jobs *j, const char *who, bool local, uint64_t id)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->all[i]->id == id && !j->all[i]->final && j->all[i]->owner_local == local &&
            text_equal(j->all[i]->who, who))
            return j->all[i];
    return NULL;
}

static void
end(struct job *job, const Koffer__RestoreReport *report)
{
    for (size_t i = 0; i < report->n_findings; i++)
        jobs_finding(job, report->findings[i]);
    if (report->code != RC_OK)
        job->rc = error_set(&job->e, report->code < RC_COUNT_ ? (enum rc)report->code : RC_IO, "%s",
                            report->text);
    (void)snprintf(job->text, sizeof job->text, "%s", report->text);
    data_forget(job->jobs->options.data, job->id);
    jobs_finish(job);
}

enum rc
jobs_report(struct jobs *j, const char *who, bool local, const Koffer__RestoreReport *report,
            bool *cancelled, struct error *e)
{
    struct job *job = lent_job(j, who, local, report->job);
    if (job == NULL)
        return error_set(e, RC_NOT_FOUND, "there is no running job %llu of yours",
                         (unsigned long long)report->job);
    job->until = clock_after_ms(clock_mono(), JOBS_LEASE_MS);
    if (report->counts != NULL)
        jobs_take_counts(job, report->counts);
    *cancelled = atomic_load(&job->cancel);
    if (report->final)
        end(job, report);
    return RC_OK;
}

void
jobs_lend_expired(struct job *job)
{
    job->rc = error_set(&job->e, RC_TIMEOUT, "nothing was heard from the program of '%s' for %d s",
                        job->who, JOBS_LEASE_MS / 1000);
    (void)snprintf(job->remedy, sizeof job->remedy,
                   "start the restore again: what is there already is not restored twice");
    data_forget(job->jobs->options.data, job->id);
    jobs_finish(job);
}
