/* jobs.c -- the table of jobs, and verification.  See jobs.h. */
#include "controller/restore/jobs.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/restore/jobs_internal.h"

static const char *const kind_names[] = {
    [JOBS_VERIFY_FULL] = "verify-full", [JOBS_VERIFY_VAULT] = "verify-vault",
    [JOBS_RESTORE] = "restore",         [JOBS_REPAIR] = "repair",
    [JOBS_JUDGE] = "look-for-damage",   [JOBS_REWRAP] = "rewrap",
    [JOBS_BROWSE] = "browse",
};

const char *
jobs_kind_name(enum jobs_kind kind)
{
    return kind_names[kind];
}

enum rc
jobs_new(const struct jobs_options *options, struct jobs **out, struct error *e)
{
    struct jobs *j = calloc(1, sizeof *j);
    if (j == NULL)
        return error_set(e, RC_NO_MEMORY, "jobs");
    j->options = *options;
    j->next = (uint64_t)(clock_wall().ns / CLOCK_NS_PER_SECOND);
    *out = j;
    return RC_OK;
}

static void
free_job(struct job *job)
{
    for (size_t i = 0; i < job->finding_count; i++)
        free(job->findings[i]);
    (void)pthread_mutex_destroy(&job->lock);
    free(job->verdicts);
    free(job->path);
    free(job->target);
    free(job);
}

void
jobs_free(struct jobs *j)
{
    if (j == NULL)
        return;
    for (size_t i = 0; i < j->count; i++) {
        atomic_store(&j->all[i]->cancel, true);
        if (j->all[i]->threaded)
            (void)pthread_join(j->all[i]->thread, NULL);
        free_job(j->all[i]);
    }
    free(j);
}

void
jobs_set_fleet(struct jobs *j, struct fleet *fleet)
{
    j->fleet = fleet;
}

static struct job *
find(const struct jobs *j, uint64_t id)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->all[i]->id == id)
            return j->all[i];
    return NULL;
}

void
jobs_drop(struct jobs *j, struct job *job)
{
    for (size_t i = 0; i < j->count; i++) {
        if (j->all[i] != job)
            continue;
        memmove(&j->all[i], &j->all[i + 1], (j->count - i - 1) * sizeof *j->all);
        j->count--;
        free_job(job);
        return;
    }
}

/* Forget the oldest finished job when the table is full. */
static void
make_room(struct jobs *j)
{
    for (size_t i = 0; i < j->count && j->count == JOBS_KEPT; i++)
        if (j->all[i]->final)
            jobs_drop(j, j->all[i]);
}

enum rc
jobs_add(struct jobs *j, enum jobs_kind kind, struct job **out, struct error *e)
{
    size_t running = 0;
    for (size_t i = 0; i < j->count; i++)
        running += !j->all[i]->final;
    if (running >= JOBS_RUNNING_MAX)
        return error_set(e, RC_AGAIN, "%zu jobs are running already; wait for one or cancel one",
                         running);
    make_room(j);
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return error_set(e, RC_NO_MEMORY, "job");
    job->jobs = j;
    job->kind = kind;
    job->id = kind == JOBS_RESTORE && j->fleet != NULL ? fleet_new_job(j->fleet) : j->next++;
    job->started = clock_wall();
    job->e = ERROR_INIT;
    (void)pthread_mutex_init(&job->lock, NULL);
    j->all[j->count++] = job;
    *out = job;
    return RC_OK;
}

enum rc
jobs_run(struct job *job, void *(*run)(void *), struct error *e)
{
    if (pthread_create(&job->thread, NULL, run, job) != 0)
        return error_set(e, RC_NO_MEMORY, "thread for a job");
    job->threaded = true;
    return RC_OK;
}

void
jobs_finding(struct job *job, const char *text)
{
    (void)pthread_mutex_lock(&job->lock);
    if (job->finding_count < JOBS_FINDINGS_MAX) {
        char *copy = strdup(text);
        if (copy != NULL)
            job->findings[job->finding_count++] = copy;
    }
    (void)pthread_mutex_unlock(&job->lock);
}

void
jobs_finish(struct job *job)
{
    job->final = true;
    job->finished = clock_wall();
    log_info("job finished", LOG_U64("job", job->id), LOG_TEXT("kind", kind_names[job->kind]),
             LOG_TEXT("result", rc_name(job->rc)),
             LOG_TEXT("text", job->rc == RC_OK ? job->text : job->e.text));
}

static void
back_on_the_loop(void *ctx)
{
    struct job *job = ctx;
    struct error e = ERROR_INIT;
    (void)pthread_join(job->thread, NULL);
    job->threaded = false;
    bool judged = job->rc == RC_OK || job->verified.damaged + job->verified.missing > 0;
    if (job->kind == JOBS_VERIFY_FULL && judged &&
        catalogue_full_verified(job->jobs->options.catalogue, job->full, job->rc == RC_OK,
                                clock_wall(), &e) != RC_OK)
        log_error(&e, "cannot note a verification");
    jobs_vault_note(job);
    jobs_finish(job);
}

void *
jobs_thread_done(struct job *job)
{
    struct error e = ERROR_INIT;
    if (mailbox_post(job->jobs->options.mailbox, back_on_the_loop, job, &e) != RC_OK &&
        e.code != RC_CANCELLED)
        log_error(&e, "a finished job cannot be reported", LOG_U64("job", job->id));
    return NULL;
}

/* ---- verification */

static void
take_finding(void *ctx, const struct vault_finding *f)
{
    jobs_finding(ctx, f->text);
}

static void *
run_verify(void *arg)
{
    struct job *job = arg;
    const struct vault_verify_options options = {
        .cancel = &job->cancel,
        .done = &job->done,
        .total = &job->total,
        .finding = take_finding,
        .ctx = job,
        .only_full = job->full,
    };
    const struct vault_verify_counts *n = &job->verified;
    job->rc = vault_verify(job->jobs->options.vault, &options, &job->verified, &job->e);
    if (job->rc == RC_OK && (n->damaged > 0 || n->missing > 0)) {
        job->rc = error_set(&job->e, RC_CORRUPT, "%llu damaged and %llu missing",
                            (unsigned long long)n->damaged, (unsigned long long)n->missing);
        (void)snprintf(
            job->remedy, sizeof job->remedy,
            "the findings name what is hit; run 'koffer vault repair' for damaged packs, "
            "then a cycle to have a good full again");
    } else if (job->rc == RC_OK) {
        (void)snprintf(job->text, sizeof job->text, "every byte read is what it should be");
        if (job->kind == JOBS_VERIFY_VAULT)
            jobs_vault_judge(job);
    }
    return jobs_thread_done(job);
}

enum rc
jobs_verify(struct jobs *j, uint64_t full, uint64_t *id, struct error *e)
{
    struct job *job;
    TRY(jobs_add(j, full == 0 ? JOBS_VERIFY_VAULT : JOBS_VERIFY_FULL, &job, e));
    job->full = full;
    if (jobs_run(job, run_verify, e) != RC_OK) {
        jobs_drop(j, job);
        return e->code;
    }
    *id = job->id;
    return RC_OK;
}

static enum rc
find_verified(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    *(bool *)ctx = f->verified.ns != 0;
    return RC_OK;
}

enum rc
jobs_verify_newest(struct jobs *j, uint64_t *id, struct error *e)
{
    struct catalogue *c = j->options.catalogue;
    uint64_t newest;
    bool verified = true;
    *id = 0;
    TRY(catalogue_full_newest(c, &newest, e));
    if (newest != 0)
        TRY(catalogue_full_find(c, newest, find_verified, &verified, e));
    return verified ? RC_OK : jobs_verify(j, newest, id, e);
}

enum rc
jobs_restore(struct jobs *j, const Koffer__RestoreRequest *request, uint64_t *id, struct error *e)
{
    struct job *job;
    TRY(jobs_add(j, JOBS_RESTORE, &job, e));
    if (jobs_restore_start(job, request, e) != RC_OK) {
        jobs_drop(j, job);
        return e->code;
    }
    *id = job->id;
    return RC_OK;
}

/* ---- for the operator */

static void
show_counts(struct job *job, Koffer__RestoreCounts *out)
{
    struct unpack_counts *n = &job->restored;
    koffer__restore_counts__init(out);
    out->files = atomic_load(&n->files);
    out->directories = atomic_load(&n->directories);
    out->others = atomic_load(&n->others);
    out->bytes = atomic_load(&n->bytes);
    out->skipped = atomic_load(&n->skipped);
    out->failed = atomic_load(&n->failed);
    out->existing_kept = atomic_load(&n->existing_kept);
    out->owners_not_set = atomic_load(&n->owners_not_set);
}

enum rc
jobs_status(struct jobs *j, uint64_t id, struct jobs_status *out, struct error *e)
{
    struct job *job = find(j, id);
    if (job == NULL)
        return error_set(e, RC_NOT_FOUND, "there is no job %llu", (unsigned long long)id);
    bool restore = job->kind == JOBS_RESTORE || job->kind == JOBS_BROWSE;
    *out = (struct jobs_status){
        .job = id,
        .kind = job->kind,
        .final = job->final,
        .rc = job->final ? job->rc : RC_OK,
        .done = restore ? atomic_load(&job->restored.bytes) : atomic_load(&job->done),
        .total = atomic_load(&job->total),
        .unit = job->kind == JOBS_REWRAP ? "fulls" : "bytes",
        .text = !job->final        ? ""
                : job->rc == RC_OK ? job->text
                                   : job->e.text,
        .remedy = job->final ? job->remedy : "",
        .verified = job->final ? job->verified : (struct vault_verify_counts){0},
        .started = job->started,
        .finished = job->finished,
    };
    (void)pthread_mutex_lock(&job->lock);
    out->finding_count = job->finding_count;
    out->findings = (const char *const *)job->findings; /* only grows; entries stay */
    (void)pthread_mutex_unlock(&job->lock);
    show_counts(job, &out->restored);
    return RC_OK;
}

enum rc
jobs_cancel(struct jobs *j, uint64_t id, struct error *e)
{
    struct job *job = find(j, id);
    if (job == NULL)
        return error_set(e, RC_NOT_FOUND, "there is no job %llu", (unsigned long long)id);
    atomic_store(&job->cancel, true);
    if (!job->final && job->who[0] != '\0')
        data_forget(j->options.data, job->id); /* cuts its stream; its next report is told why */
    if (!job->final && job->agent[0] != '\0') {
        job->until = clock_after_ms(clock_mono(), JOBS_ANSWER_MS);
        fleet_cancel(j->fleet, job->agent, job->id);
    }
    return RC_OK;
}

void
jobs_owned(struct jobs *j, uint64_t id, const char *who, bool local)
{
    struct job *job = find(j, id);
    if (job == NULL)
        return;
    (void)snprintf(job->owner, sizeof job->owner, "%s", who);
    job->owner_local = local;
}

void
jobs_cut(struct jobs *j, const char *operator)
{
    struct error e = ERROR_INIT;
    for (size_t i = 0; i < j->count; i++) {
        const struct job *job = j->all[i];
        bool restore = job->kind == JOBS_RESTORE || job->kind == JOBS_BROWSE;
        if (job->final || !restore || job->owner_local || !text_equal(job->owner, operator))
            continue;
        log_info("an operator's restore ends", LOG_TEXT("operator", operator),
                 LOG_U64("job", job->id));
        (void)jobs_cancel(j, job->id, &e); /* it is there */
    }
    data_cut(j->options.data, CERTIFICATE_OPERATOR, operator);
}
