/* priv_client_jobs.c -- see priv_client_jobs.h. */
#include "agent/priv/priv_client_jobs.h"

#include <stdlib.h>

enum { ARENA = 2 * SOURCE_FACTS_MAX * PRIV_REMARK_VALUE_MAX };

struct priv_client_job {
    struct priv_status status;
    bool coming, ended; /* a result: its remarks come; all has come */
    struct capture_progress progress;
    struct unpack_counts restored;
    struct capture_result captured;
    struct source_report report;
    struct arena *arena;
    struct buffer record;
};

static struct priv_client_job *
find(const struct priv_client_jobs *jobs, uint64_t job)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->all[i]->status.job == job)
            return jobs->all[i];
    return NULL;
}

static void
free_job(struct priv_client_job *j)
{
    arena_free(j->arena);
    buffer_free(&j->record);
    free(j);
}

void
priv_client_jobs_drop(struct priv_client_jobs *jobs, uint64_t job)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->all[i]->status.job != job)
            continue;
        free_job(jobs->all[i]);
        jobs->all[i] = jobs->all[--jobs->count];
        return;
    }
}

void
priv_client_jobs_clear(struct priv_client_jobs *jobs)
{
    while (jobs->count > 0)
        free_job(jobs->all[--jobs->count]);
}

static enum rc
known_or_new(struct priv_client_jobs *jobs, uint64_t job, struct priv_client_job **out,
             struct error *e)
{
    *out = find(jobs, job);
    if (*out != NULL)
        return RC_OK;
    if (jobs->count == JOB_MAX)
        return error_set(e, RC_PROTOCOL, "koffer-priv tells of more than %d jobs", (int)JOB_MAX);
    struct priv_client_job *j = calloc(1, sizeof *j);
    if (j != NULL)
        j->arena = arena_new(ARENA);
    if (j == NULL || j->arena == NULL) {
        free(j);
        return error_set(e, RC_NO_MEMORY, "job");
    }
    j->status.job = job;
    j->report.arena = j->arena;
    j->record = BUFFER_INIT(LIMIT_RECORD);
    *out = jobs->all[jobs->count++] = j;
    return RC_OK;
}

enum rc
priv_client_jobs_begin(struct priv_client_jobs *jobs, uint64_t job, enum job_verb verb,
                       struct error *e)
{
    struct priv_client_job *j = find(jobs, job);
    if (j != NULL)
        return RC_OK;
    TRY(known_or_new(jobs, job, &j, e));
    j->status.verb = verb;
    return RC_OK;
}

static void
show_progress(struct priv_client_job *j)
{
    const struct priv_progress *p = &j->status.progress;
    atomic_store(&j->progress.files, p->files);
    atomic_store(&j->progress.bytes, p->bytes);
    atomic_store(&j->progress.bytes_read, p->bytes_read);
    atomic_store(&j->progress.bytes_sent, p->bytes_sent);
    atomic_store(&j->progress.bytes_known, p->bytes_known);
    atomic_store(&j->progress.files_before, p->files_before);
    atomic_store(&j->progress.bytes_before, p->bytes_before);
    capture_progress_say(&j->progress, p->phase);
}

static void
show_restored(struct priv_client_job *j)
{
    const struct priv_restored *n = &j->status.restored;
    atomic_store(&j->restored.files, n->files);
    atomic_store(&j->restored.directories, n->directories);
    atomic_store(&j->restored.others, n->others);
    atomic_store(&j->restored.bytes, n->bytes);
    atomic_store(&j->restored.skipped, n->skipped);
    atomic_store(&j->restored.failed, n->failed);
    atomic_store(&j->restored.owners_not_set, n->owners_not_set);
    atomic_store(&j->restored.existing_kept, n->existing_kept);
}

static void
forget_result(struct priv_client_job *j)
{
    j->coming = j->ended = false;
    j->report.warning_count = j->report.fact_count = 0;
    buffer_clear(&j->record);
}

static enum rc
take_status(struct priv_client_jobs *jobs, const struct priv_message *m, struct error *e)
{
    struct priv_client_job *j;
    TRY(known_or_new(jobs, m->is.status.job, &j, e));
    if (m->type == PRIV_PROGRESS && (j->coming || j->ended))
        return error_set(e, RC_PROTOCOL, "koffer-priv tells of progress after the end of a job");
    forget_result(j); /* it may be told again */
    j->status = m->is.status;
    j->coming = m->type == PRIV_RESULT;
    show_progress(j);
    show_restored(j);
    j->captured = (struct capture_result){.root.id = m->is.status.root,
                                          .totals = m->is.status.totals,
                                          .incomplete = m->is.status.incomplete};
    return RC_OK;
}

/* Of a result that is on its way; anything else is a breach. */
static enum rc
result_of(const struct priv_client_jobs *jobs, uint64_t job, struct priv_client_job **out,
          struct error *e)
{
    *out = find(jobs, job);
    return *out != NULL && (*out)->coming
               ? RC_OK
               : error_set(e, RC_PROTOCOL, "koffer-priv tells of a job without result");
}

static enum rc
take_remark(struct priv_client_jobs *jobs, const struct priv_remark *from, struct error *e)
{
    struct priv_client_job *j;
    TRY(result_of(jobs, from->job, &j, e));
    struct source_report *r = &j->report;
    const char *value = arena_printf(j->arena, "%s", from->value);
    const char *name = arena_printf(j->arena, "%s", from->name);
    if (value == NULL || name == NULL)
        return RC_OK; /* a remark less */
    if (from->fact && r->fact_count < SOURCE_FACTS_MAX)
        r->facts[r->fact_count++] = (struct source_fact){name, value, false};
    else if (!from->fact && r->warning_count < SOURCE_WARNINGS_MAX)
        r->warnings[r->warning_count++] = value;
    return RC_OK;
}

static enum rc
take_record(struct priv_client_jobs *jobs, const struct priv_record *from, struct error *e)
{
    struct priv_client_job *j;
    TRY(result_of(jobs, from->job, &j, e));
    return buffer_append(&j->record, span_of(from->bytes, from->length), e);
}

enum rc
priv_client_jobs_take(struct priv_client_jobs *jobs, const struct priv_message *m, bool *ended,
                      struct error *e)
{
    struct priv_client_job *j;
    *ended = false;
    if (m->type == PRIV_PROGRESS || m->type == PRIV_RESULT)
        return take_status(jobs, m, e);
    if (m->type == PRIV_REMARK)
        return take_remark(jobs, &m->is.remark, e);
    if (m->type == PRIV_RECORD)
        return take_record(jobs, &m->is.record, e);
    TRY(result_of(jobs, m->is.job, &j, e));
    j->coming = false;
    *ended = j->ended = true;
    return RC_OK;
}

static void
show(struct priv_client_job *j, job_visit *visit, void *ctx)
{
    const struct priv_status *s = &j->status;
    const struct job_status status = {
        .job = s->job,
        .verb = s->verb,
        .ended = j->ended,
        .progress = s->has_progress ? &j->progress : NULL,
        .restored = s->has_restored ? &j->restored : NULL,
        .rc = s->rc,
        .text = s->text,
        .remedy = s->remedy,
        .report = j->ended ? &j->report : NULL,
        .captured = s->has_captured ? &j->captured : NULL,
        .record = j->ended ? buffer_span(&j->record) : (struct span){0},
        .started = {s->started},
        .finished = {s->finished},
        .cut_from = {s->cut_from},
        .cut_until = {s->cut_until},
    };
    visit(ctx, &status);
}

void
priv_client_jobs_each(struct priv_client_jobs *jobs, job_visit *visit, void *ctx)
{
    for (size_t i = jobs->count; i-- > 0;) /* backwards: the visitor may drop what it sees */
        show(jobs->all[i], visit, ctx);
}
