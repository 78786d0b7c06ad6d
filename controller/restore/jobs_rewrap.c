/* jobs_rewrap.c -- open the roots of the fulls there are with the custody key, for recipients that came later.  See jobs.h. */
#include <stdio.h>

#include "controller/restore/envelopes.h"
#include "controller/restore/jobs_internal.h"

struct rewrap {
    struct job *job;
    uint64_t fulls, envelopes, closed; /* closed: archives that the custody key does not open */
};

struct sealing {
    struct rewrap *rewrap;
    const struct archive_set *set;
    const struct keys_public *recipient;
    struct id fingerprint;
    bool *missing;
    struct envelope_root *roots;
    size_t count;
};

/* One that the custody key does not open is told and left: the others are worth having. */
static enum rc
seal_root(struct sealing *o, const struct record_archive *archive, struct error *e)
{
    const struct jobs_options *options = &o->rewrap->job->jobs->options;
    struct blob_ref root;
    struct record_recipient sealed;
    struct error why = ERROR_INIT;
    enum rc rc = archive_open_root(options->vault, o->set, archive, options->custody, &root, &why);
    if (rc == RC_DENIED) {
        o->rewrap->closed++;
        jobs_finding(o->rewrap->job, why.text);
        return RC_OK;
    }
    if (rc != RC_OK) {
        *e = why;
        return rc;
    }
    rc = record_seal_root(vault_id(options->vault), &root, o->recipient, 1, &sealed, e);
    keys_wipe(&root, sizeof root);
    TRY(rc);
    struct envelope_root *out = &o->roots[o->count++];
    out->root = archive->root;
    memcpy(out->sealed, sealed.sealed, KEYS_SEALED_SIZE);
    return RC_OK;
}

static enum rc
seal_full(struct sealing *o, struct error *e)
{
    const struct jobs_options *options = &o->rewrap->job->jobs->options;
    struct keys_public own;
    size_t lacking;
    TRY(keys_public_of(options->signer, &own, e));
    TRY(keys_fingerprint(o->recipient, &o->fingerprint, e));
    TRY(archive_missing(options->vault, o->set, &o->fingerprint, &own, o->missing, &lacking, e));
    o->count = 0;
    for (size_t i = 0; lacking > 0 && i < o->set->full.archive_count; i++)
        if (o->missing[i])
            TRY(seal_root(o, &o->set->archives[i], e));
    if (o->count == 0)
        return RC_OK;
    TRY(envelopes_publish(options->vault, o->set, &o->fingerprint, o->roots, o->count,
                          options->signer, e));
    o->rewrap->envelopes++;
    return RC_OK;
}

static enum rc
rewrap_full(struct rewrap *w, const struct vault_full *full, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "rewrap");
    TRY(archive_load_record(w->job->jobs->options.vault, full, arena, &set, e));
    struct sealing o = {
        .rewrap = w,
        .set = &set,
        .missing = arena_alloc(arena, set.full.archive_count + 1),
        .roots = arena_alloc(arena, (set.full.archive_count + 1) * sizeof *o.roots),
    };
    if (o.missing == NULL || o.roots == NULL)
        return error_set(e, RC_NO_MEMORY, "rewrap");
    for (size_t i = 0; i < w->job->recipient_count; i++) {
        o.recipient = &w->job->recipients[i];
        TRY_IN(seal_full(&o, e), e, "full %llu", (unsigned long long)full->number);
    }
    return RC_OK;
}

static enum rc
rewrap_all(struct rewrap *w, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count;
    TRY(vault_fulls(w->job->jobs->options.vault, &fulls, &count, e));
    atomic_store(&w->job->total, count);
    for (size_t i = 0; i < count; i++) {
        if (atomic_load(&w->job->cancel))
            return error_set(e, RC_CANCELLED, "cancelled");
        TRY(rewrap_full(w, &fulls[i], e));
        w->fulls++;
        atomic_store(&w->job->done, w->fulls);
    }
    return RC_OK;
}

static void *
run_rewrap(void *arg)
{
    struct job *job = arg;
    struct rewrap w = {.job = job};
    job->rc = rewrap_all(&w, &job->e);
    if (job->rc == RC_OK && w.closed > 0) {
        job->rc = error_set(&job->e, RC_DENIED,
                            "%llu archives are not sealed to the controller's key; the others are "
                            "done",
                            (unsigned long long)w.closed);
        (void)snprintf(job->remedy, sizeof job->remedy,
                       "take the sheet that opens them: koffer key rewrap --key -");
    } else if (job->rc == RC_OK) {
        (void)snprintf(job->text, sizeof job->text, "%llu fulls looked at, %llu envelopes made",
                       (unsigned long long)w.fulls, (unsigned long long)w.envelopes);
    }
    return jobs_thread_done(job);
}

enum rc
jobs_rewrap(struct jobs *j, const struct keys_public *recipients, size_t count, uint64_t *id,
            struct error *e)
{
    struct job *job;
    if (j->options.custody == NULL)
        return error_set(e, RC_DENIED, "the controller holds no key that opens fulls");
    if (count > LIMIT_RECIPIENTS)
        return error_set(e, RC_INVALID, "more than %u recipients", LIMIT_RECIPIENTS);
    TRY(jobs_add(j, JOBS_REWRAP, &job, e));
    memcpy(job->recipients, recipients, count * sizeof *recipients);
    job->recipient_count = count;
    if (jobs_run(job, run_rewrap, e) != RC_OK) {
        jobs_drop(j, job);
        return e->code;
    }
    *id = job->id;
    return RC_OK;
}
