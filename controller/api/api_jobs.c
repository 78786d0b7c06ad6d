/* api_jobs.c -- verifications, restores, and the vault's figures. */
#include "controller/api/api_internal.h"

enum rc
api_reply_job(struct api_call *call, uint64_t job, struct error *e)
{
    Koffer__JobRef *reply = API_NEW(call, Koffer__JobRef);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "job");
    koffer__job_ref__init(reply);
    reply->job = job;
    api_job_started(call, job);
    call->reply = &reply->base;
    return RC_OK;
}

enum rc
api_reply_empty(struct api_call *call, struct error *e)
{
    Koffer__Empty *reply = API_NEW(call, Koffer__Empty);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "answer");
    koffer__empty__init(reply);
    call->reply = &reply->base;
    return RC_OK;
}

static enum rc
check_full(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)ctx, (void)f, (void)e;
    return RC_OK;
}

enum rc
api_full_verify(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    uint64_t full = ((const Koffer__FullRef *)call->request)->full, job;
    if (full == 0)
        TRY(catalogue_full_newest(o->catalogue, &full, e));
    if (full == 0)
        return error_set(e, RC_NOT_FOUND, "there is no good full yet");
    TRY(catalogue_full_find(o->catalogue, full, check_full, NULL, e));
    TRY(jobs_verify(o->jobs, full, &job, e));
    return api_reply_job(call, job, e);
}

enum rc
api_vault_verify(struct api_call *call, struct error *e)
{
    uint64_t job;
    TRY(jobs_verify(call->api->options.jobs, 0, &job, e));
    return api_reply_job(call, job, e);
}

enum rc
api_vault_repair(struct api_call *call, struct error *e)
{
    uint64_t job;
    TRY(jobs_repair(call->api->options.jobs, &job, e));
    return api_reply_job(call, job, e);
}

enum rc
api_vault_accept_gap(struct api_call *call, struct error *e)
{
    uint64_t full = ((const Koffer__FullRef *)call->request)->full;
    Koffer__Accepted *reply = API_NEW(call, Koffer__Accepted);
    size_t gaps;
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "gap");
    TRY(vault_accept_gap(call->api->options.vault, full, call->who, clock_wall(), &gaps, e));
    koffer__accepted__init(reply);
    reply->gaps = gaps;
    call->reply = &reply->base;
    return RC_OK;
}

enum rc
api_restore_files(struct api_call *call, struct error *e)
{
    const Koffer__RestoreRequest *request = (const Koffer__RestoreRequest *)call->request;
    uint64_t job;
    TRY(jobs_restore(call->api->options.jobs, request, &job, e));
    return api_reply_job(call, job, e);
}

enum rc
api_job_cancel(struct api_call *call, struct error *e)
{
    TRY(api_reply_empty(call, e));
    return jobs_cancel(call->api->options.jobs, ((const Koffer__JobRef *)call->request)->job, e);
}

static void
fill_verified(Koffer__VerifyCounts *out, const struct vault_verify_counts *n)
{
    koffer__verify_counts__init(out);
    out->fulls = n->fulls;
    out->archives = n->archives;
    out->packs = n->packs;
    out->blobs = n->blobs;
    out->bytes = n->bytes;
    out->damaged = n->damaged;
    out->missing = n->missing;
    out->unreferenced = n->unreferenced;
}

enum rc
api_job_status(struct api_call *call, struct error *e)
{
    struct jobs_status s;
    struct api_list findings = {0};
    Koffer__JobStatus *reply = API_NEW(call, Koffer__JobStatus);
    Koffer__RestoreCounts *restored = API_NEW(call, Koffer__RestoreCounts);
    Koffer__VerifyCounts *verified = API_NEW(call, Koffer__VerifyCounts);
    if (reply == NULL || restored == NULL || verified == NULL)
        return error_set(e, RC_NO_MEMORY, "job");
    TRY(jobs_status(call->api->options.jobs, ((const Koffer__JobRef *)call->request)->job, &s, e));
    for (size_t i = 0; i < s.finding_count; i++)
        TRY(api_push(call, &findings, api_text(call, s.findings[i]), e));
    koffer__job_status__init(reply);
    *restored = s.restored;
    fill_verified(verified, &s.verified);
    reply->job = s.job;
    reply->kind = message_text(jobs_kind_name(s.kind));
    reply->state = message_text(!s.final               ? "running"
                                : s.rc == RC_OK        ? "done"
                                : s.rc == RC_CANCELLED ? "cancelled"
                                                       : "failed");
    reply->final = s.final;
    reply->code = (uint32_t)s.rc;
    reply->done = s.done;
    reply->total = s.total;
    reply->unit = message_text(s.unit);
    reply->text = api_text(call, s.text);
    reply->remedy = api_text(call, s.remedy);
    reply->n_findings = findings.count;
    reply->findings = (char **)findings.items;
    reply->restored = s.kind == JOBS_RESTORE ? restored : NULL;
    bool verification = s.kind == JOBS_VERIFY_FULL || s.kind == JOBS_VERIFY_VAULT;
    reply->verified = verification ? verified : NULL;
    reply->started = s.started.ns;
    reply->finished = s.finished.ns;
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- vault stats */

struct sums {
    uint64_t content, last;
};

static enum rc
sum_full(void *ctx, const struct catalogue_full *f, struct error *e)
{
    struct sums *sums = ctx;
    (void)e;
    if (sums->last == 0)
        sums->last = f->bytes; /* newest first */
    sums->content += f->bytes;
    return RC_OK;
}

enum rc
api_vault_stats(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    struct vault_stats s;
    struct sums sums = {0};
    char id[2 * RECORD_VAULT_ID_SIZE + 1];
    Koffer__VaultStats *reply = API_NEW(call, Koffer__VaultStats);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "stats");
    TRY(vault_stats(o->vault, &s, e));
    TRY(catalogue_full_each(o->catalogue, 0, UINT32_MAX, true, sum_full, &sums, e));
    koffer__vault_stats__init(reply);
    text_hex(span_of(vault_id(o->vault)->bytes, RECORD_VAULT_ID_SIZE), id);
    reply->id = api_text(call, id);
    reply->path = api_text(call, vault_path(o->vault));
    reply->fulls = s.fulls;
    reply->packs = s.packs;
    reply->blobs = s.blobs;
    reply->bytes_stored = s.bytes_packs;
    reply->bytes_content = sums.content;
    reply->bytes_last_full = sums.last;
    reply->bytes_unique = s.bytes_plain;
    reply->bytes_sealed = s.bytes_blobs;
    reply->free = s.free;
    reply->sessions = (uint32_t)vault_sessions(o->vault);
    call->reply = &reply->base;
    return RC_OK;
}
