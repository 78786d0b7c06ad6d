/* jobs_restore.c -- restores through an agent.  See jobs.h. */
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/restore/jobs_internal.h"
#include "proto/message.h"

static void
summarise(struct job *job)
{
    char size[TEXT_SIZE_MAX];
    (void)snprintf(job->text, sizeof job->text,
                   "%s %llu files, %llu directories, %llu others, %s%s",
                   job->dry_run ? "would restore" : "restored",
                   (unsigned long long)atomic_load(&job->restored.files),
                   (unsigned long long)atomic_load(&job->restored.directories),
                   (unsigned long long)atomic_load(&job->restored.others),
                   text_size(atomic_load(&job->restored.bytes), size),
                   atomic_load(&job->restored.existing_kept) > 0
                       ? "; what existed already was kept (--replace overwrites)"
                       : "");
}

/* ---- through an agent */

struct receiver {
    struct keys_public key;
    bool enrolled;
};

static enum rc
take_receiver(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(struct receiver *)ctx = (struct receiver){.key = p->receiving, .enrolled = p->enrolled};
    return RC_OK;
}

/* The root's key, sealed to the agent: by the operator's program, or here with the custody key. */
static enum rc
seal_to_agent(const struct job *job, const struct archive_set *set,
              const struct record_archive *archive, const struct keys_public *agent,
              uint8_t out[static KEYS_SEALED_SIZE], struct error *e)
{
    const struct jobs_options *o = &job->jobs->options;
    struct record_recipient sealed;
    struct blob_ref root;
    if (job->resealed && !id_equal(&job->root, &archive->root))
        return error_set(e, RC_INVALID, "the sealed root is not that of %s.%s in full %llu",
                         archive->host, archive->source, (unsigned long long)set->full.number);
    if (job->resealed) {
        memcpy(out, job->root_sealed, KEYS_SEALED_SIZE);
        return RC_OK;
    }
    TRY(archive_open_root(o->vault, set, archive, o->custody, &root, e));
    enum rc rc = record_seal_root(vault_id(o->vault), &root, agent, 1, &sealed, e);
    keys_wipe(&root, sizeof root);
    TRY(rc);
    memcpy(out, sealed.sealed, KEYS_SEALED_SIZE);
    return RC_OK;
}

static enum rc
order_restore(struct job *job, const struct archive_set *set, const struct record_archive *archive,
              struct error *e)
{
    struct jobs *j = job->jobs;
    struct receiver receiver = {.enrolled = false};
    uint8_t sealed[KEYS_SEALED_SIZE];
    struct id token, root = archive->root;
    Koffer__StepOrder order;
    Koffer__RestoreOrder restore;

    TRY(catalogue_peer_find(j->options.catalogue, CERTIFICATE_AGENT, job->agent, take_receiver,
                            &receiver, e));
    if (!receiver.enrolled)
        return error_set(e, RC_NOT_FOUND, "agent '%s' is not enrolled", job->agent);
    TRY(seal_to_agent(job, set, archive, &receiver.key, sealed, e));
    TRY(data_expect(j->options.data, job->id, job->agent, DATA_RESTORE, &token, e));
    TRY(data_restrict(j->options.data, job->id, &root, e));

    koffer__restore_order__init(&restore);
    restore.root_id = message_bytes(root.bytes, ID_SIZE);
    restore.root_sealed = message_bytes(sealed, KEYS_SEALED_SIZE);
    restore.path = job->path;
    restore.target = job->target;
    restore.dry_run = job->dry_run;
    restore.replace = job->replace;
    koffer__step_order__init(&order);
    order.job = job->id;
    order.cycle = job->full;
    order.verb = KOFFER__STEP_VERB__STEP_RESTORE;
    order.token = message_bytes(token.bytes, ID_SIZE);
    order.deadline_seconds = j->options.restore_seconds;
    job->until =
        clock_after_ms(clock_mono(), INT64_C(1000) * j->options.restore_seconds + JOBS_ANSWER_MS);
    order.restore = &restore;
    enum rc rc = fleet_order(j->fleet, job->agent, &order, e);
    if (rc != RC_OK)
        data_forget(j->options.data, job->id);
    return rc;
}

static enum rc
start_remote(struct job *job, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    const struct record_archive *archive;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    if (job->source[0] == '\0')
        return error_set(e, RC_INVALID,
                         "a restore through an agent needs one source: write "
                         "FULL:AGENT.SOURCE");
    TRY(archive_load_committed(job->jobs->options.vault, job->jobs->options.catalogue, job->full,
                               arena, &set, e));
    TRY(archive_select(&set, job->source, &archive, e));
    if (job->path[0] == '\0')
        atomic_store(&job->total, archive->totals.bytes);
    return order_restore(job, &set, archive, e);
}

static struct job *
remote_job(struct jobs *j, const char *agent, uint64_t id)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->all[i]->id == id && !j->all[i]->final && text_equal(j->all[i]->agent, agent))
            return j->all[i];
    return NULL;
}

void
jobs_end_elsewhere(struct job *job)
{
    data_forget(job->jobs->options.data, job->id);
    if (job->rc == RC_OK)
        summarise(job);
    jobs_finish(job);
}

void
jobs_take_counts(struct job *job, const Koffer__RestoreCounts *n)
{
    atomic_store(&job->restored.files, n->files);
    atomic_store(&job->restored.directories, n->directories);
    atomic_store(&job->restored.others, n->others);
    atomic_store(&job->restored.bytes, n->bytes);
    atomic_store(&job->restored.skipped, n->skipped);
    atomic_store(&job->restored.failed, n->failed);
    atomic_store(&job->restored.existing_kept, n->existing_kept);
    atomic_store(&job->restored.owners_not_set, n->owners_not_set);
}

void
jobs_result(struct jobs *j, const char *agent, const Koffer__StepResult *result)
{
    struct job *job = remote_job(j, agent, result->job);
    if (job == NULL)
        return;
    if (result->restored != NULL)
        jobs_take_counts(job, result->restored);
    for (size_t i = 0; i < result->n_warnings; i++)
        jobs_finding(job, result->warnings[i]);
    if (result->code != RC_OK) {
        enum rc code = result->code < RC_COUNT_ ? (enum rc)result->code : RC_IO;
        job->rc = error_set(&job->e, code, "agent '%s': %s", agent, result->text);
        (void)snprintf(job->remedy, sizeof job->remedy, "%s", result->remedy);
    }
    jobs_end_elsewhere(job);
}

void
jobs_progress(struct jobs *j, const char *agent, const Koffer__Progress *progress)
{
    struct job *job = remote_job(j, agent, progress->job);
    if (job == NULL)
        return;
    atomic_store(&job->restored.bytes, progress->bytes);
    atomic_store(&job->restored.files, progress->files);
}

void
jobs_agent_lost(struct jobs *j, const char *agent)
{
    for (size_t i = 0; i < j->count; i++) {
        struct job *job = j->all[i];
        if (job->final || !text_equal(job->agent, agent))
            continue;
        job->rc = error_set(&job->e, RC_AGAIN, "agent '%s' was lost during the restore", agent);
        (void)snprintf(job->remedy, sizeof job->remedy,
                       "start it again: what is there already is not restored twice");
        jobs_end_elsewhere(job);
    }
}

void
jobs_tick(struct jobs *j, struct mono now)
{
    for (size_t i = 0; i < j->count; i++) {
        struct job *job = j->all[i];
        if (job->final || job->until.ns == 0 || clock_ms_until(job->until, now) > 0)
            continue;
        if (job->who[0] != '\0') {
            jobs_lend_expired(job);
            continue;
        }
        bool cancelled = atomic_load(&job->cancel);
        job->rc = error_set(&job->e, cancelled ? RC_CANCELLED : RC_TIMEOUT,
                            "agent '%s' did not answer %s", job->agent,
                            cancelled ? "when the restore was cancelled" : "within the deadline");
        (void)snprintf(job->remedy, sizeof job->remedy,
                       "see koffer-agent's log on that host; it may still be writing");
        jobs_end_elsewhere(job);
    }
}

static enum rc
take_sealed(struct job *job, const Koffer__RestoreRequest *request, struct error *e)
{
    job->resealed = request->root_sealed.len > 0;
    if (!job->resealed)
        return RC_OK;
    if (request->root_sealed.len != KEYS_SEALED_SIZE || request->root.len != ID_SIZE)
        return error_set(e, RC_INVALID, "the sealed root is malformed");
    memcpy(job->root.bytes, request->root.data, ID_SIZE);
    memcpy(job->root_sealed, request->root_sealed.data, KEYS_SEALED_SIZE);
    return RC_OK;
}

enum rc
jobs_restore_start(struct job *job, const Koffer__RestoreRequest *request, struct error *e)
{
    struct jobs *j = job->jobs;
    TRY(take_sealed(job, request, e));
    if (j->options.custody == NULL && !job->resealed)
        return error_set(e, RC_DENIED,
                         "the controller holds no key that opens fulls: type the key of a recovery "
                         "sheet, with --key -");
    if (request->agent[0] == '\0')
        return error_set(e, RC_INVALID,
                         "the controller does not write to its own disk: name an agent, or use a "
                         "koffer program that restores to its own machine");
    if (request->target[0] != '/')
        return error_set(e, RC_INVALID, "the target '%.200s' is not an absolute path",
                         request->target);
    if (strlen(request->source) >= sizeof job->source || strlen(request->agent) > LIMIT_LABEL)
        return error_set(e, RC_INVALID, "the name of the source or agent is too long");
    job->path = strdup(request->path);
    job->target = strdup(request->target);
    if (job->path == NULL || job->target == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    (void)snprintf(job->source, sizeof job->source, "%s", request->source);
    (void)snprintf(job->agent, sizeof job->agent, "%s", request->agent);
    job->dry_run = request->dry_run;
    job->replace = request->replace;
    job->full = request->full;
    if (job->full == 0)
        TRY(catalogue_full_newest(j->options.catalogue, &job->full, e));
    if (job->full == 0)
        return error_set(e, RC_NOT_FOUND, "there is no good full yet");
    return start_remote(job, e);
}
