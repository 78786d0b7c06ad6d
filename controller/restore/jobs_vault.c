/* jobs_vault.c -- repair, and which fulls are hit by damage.  See jobs.h. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "controller/restore/jobs_internal.h"

static enum rc
start(struct jobs *j, enum jobs_kind kind, void *(*run)(void *), uint64_t *id, struct error *e)
{
    struct job *job;

    TRY(jobs_add(j, kind, &job, e));
    if (jobs_run(job, run, e) != RC_OK) {
        jobs_drop(j, job);
        return e->code;
    }
    *id = job->id;
    return RC_OK;
}

/* ---- repair */

static void
take_finding(void *ctx, const struct vault_finding *f)
{
    jobs_finding(ctx, f->text);
}

static void
put_in_words(struct job *job)
{
    const struct vault_repair_counts *n = &job->repaired;

    (void)snprintf(job->text, sizeof job->text,
                   "%" PRIu64 " packs read, %" PRIu64 " damaged and moved to quarantine/; %" PRIu64
                   " blobs saved from them, %" PRIu64 " lost",
                   n->packs, n->damaged, n->saved, n->lost);
    if (n->lost == 0 && n->unread == 0)
        return;
    job->rc = error_set(&job->e, RC_CORRUPT, "%s; %" PRIu64 " packs cannot be read", job->text,
                        n->unread);
    (void)snprintf(job->remedy, sizeof job->remedy,
                   "run a cycle: what is still on its host is stored again; check the disk");
}

static void *
run_repair(void *arg)
{
    struct job *job = arg;
    const struct vault_repair_options options = {
        .cancel = &job->cancel,
        .done = &job->done,
        .total = &job->total,
        .finding = take_finding,
        .ctx = job,
    };

    job->rc = vault_repair(job->jobs->options.vault, &options, &job->repaired, &job->e);
    if (job->rc == RC_OK)
        put_in_words(job);
    return jobs_thread_done(job);
}

enum rc
jobs_repair(struct jobs *j, uint64_t *id, struct error *e)
{
    for (size_t i = 0; i < j->count; i++) {
        if (!j->all[i]->final && j->all[i]->kind == JOBS_REPAIR)
            return error_set(e, RC_AGAIN, "job %" PRIu64 " repairs the vault already",
                             j->all[i]->id);
    }
    return start(j, JOBS_REPAIR, run_repair, id, e);
}

/* ---- which fulls are hit */

void
jobs_vault_judge(struct job *job)
{
    struct error e = ERROR_INIT;

    if (vault_judge(job->jobs->options.vault, &job->verdicts, &job->verdict_count, &e) != RC_OK)
        log_error(&e, "cannot look which fulls are hit by damage");
}

static void *
run_judge(void *arg)
{
    struct job *job = arg;
    size_t hit = 0;

    job->rc = vault_judge(job->jobs->options.vault, &job->verdicts, &job->verdict_count, &job->e);
    for (size_t i = 0; i < job->verdict_count; i++)
        hit += job->verdicts[i].whole ? 0 : 1;
    (void)snprintf(job->text, sizeof job->text, "%zu of %zu fulls are hit by damage", hit,
                   job->verdict_count);
    return jobs_thread_done(job);
}

/* A verification that read everything and found nothing proves each full; damage only ever takes the proof away. */
void
jobs_vault_note(struct job *job)
{
    struct catalogue *c = job->jobs->options.catalogue;
    struct error e = ERROR_INIT;
    bool proves = job->kind == JOBS_VERIFY_VAULT;

    for (size_t i = 0; i < job->verdict_count; i++) {
        const struct vault_verdict *v = &job->verdicts[i];
        if (v->whole && !proves)
            continue;
        if (catalogue_full_verified(c, v->full, v->whole, clock_wall(), &e) != RC_OK)
            log_error(&e, "cannot note what a verification found", LOG_U64("full", v->full));
    }
}

static bool
finds_damage(enum jobs_kind kind)
{
    return kind == JOBS_VERIFY_FULL || kind == JOBS_VERIFY_VAULT || kind == JOBS_REPAIR ||
           kind == JOBS_JUDGE;
}

void
jobs_watch_damage(struct jobs *j)
{
    uint64_t known = vault_doubts(j->options.vault), id;
    struct error e = ERROR_INIT;

    if (known == j->judged)
        return;
    for (size_t i = 0; i < j->count; i++) {
        if (!j->all[i]->final && finds_damage(j->all[i]->kind))
            return; /* it may find more; and one at a time */
    }
    if (start(j, JOBS_JUDGE, run_judge, &id, &e) == RC_OK)
        j->judged = known;
    else if (e.code != RC_AGAIN)
        log_error(&e, "cannot look which fulls are hit by damage");
}
