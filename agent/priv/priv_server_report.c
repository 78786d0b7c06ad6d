/* priv_server_report.c -- what the network side is told about jobs.  See priv_server.h. */
#include <stdio.h>

#include "agent/priv/priv_server_internal.h"
#include "common/base/log.h"

enum { PROGRESS_MS = 1000 };

static void
fill_progress(struct priv_status *out, struct capture_progress *p)
{
    out->has_progress = true;
    out->progress = (struct priv_progress){
        .files = atomic_load(&p->files),
        .bytes = atomic_load(&p->bytes),
        .bytes_read = atomic_load(&p->bytes_read),
        .bytes_sent = atomic_load(&p->bytes_sent),
        .bytes_known = atomic_load(&p->bytes_known),
        .files_before = atomic_load(&p->files_before),
        .bytes_before = atomic_load(&p->bytes_before),
    };
    (void)capture_progress_phase(p, out->progress.phase);
}

static void
fill_restored(struct priv_status *out, struct unpack_counts *n)
{
    out->has_restored = true;
    out->restored = (struct priv_restored){
        .files = atomic_load(&n->files),
        .directories = atomic_load(&n->directories),
        .others = atomic_load(&n->others),
        .bytes = atomic_load(&n->bytes),
        .skipped = atomic_load(&n->skipped),
        .failed = atomic_load(&n->failed),
        .owners_not_set = atomic_load(&n->owners_not_set),
        .existing_kept = atomic_load(&n->existing_kept),
    };
}

static const struct priv_message *
tell_of(struct priv_server *server, enum priv_type type, const struct job_status *from)
{
    struct priv_message *m = priv_server_message(server, type);
    struct priv_status *s = &m->is.status;
    s->job = from->job;
    s->verb = from->verb;
    if (from->progress != NULL)
        fill_progress(s, from->progress);
    if (from->restored != NULL)
        fill_restored(s, from->restored);
    if (type != PRIV_RESULT)
        return m;
    s->rc = from->rc;
    (void)snprintf(s->text, sizeof s->text, "%s", from->text);
    (void)snprintf(s->remedy, sizeof s->remedy, "%s", from->remedy);
    s->started = from->started.ns;
    s->finished = from->finished.ns;
    s->cut_from = from->cut_from.ns;
    s->cut_until = from->cut_until.ns;
    if (from->captured == NULL)
        return m;
    s->has_captured = true; /* the name of the root, never its key */
    s->totals = from->captured->totals;
    s->incomplete = from->captured->incomplete;
    s->root = from->captured->root.id;
    return m;
}

static enum rc
send_remark(struct priv_server *s, uint64_t job, const char *name, const char *value,
            struct error *e)
{
    struct priv_message *m = priv_server_message(s, PRIV_REMARK);
    struct priv_remark *r = &m->is.remark;
    r->job = job;
    r->fact = name != NULL;
    (void)snprintf(r->name, sizeof r->name, "%s", name != NULL ? name : "");
    (void)snprintf(r->value, sizeof r->value, "%s", value);
    return priv_server_send(s, m, e);
}

static enum rc
send_remarks(struct priv_server *s, uint64_t job, const struct source_report *from, struct error *e)
{
    for (size_t i = 0; i < from->warning_count; i++)
        TRY(send_remark(s, job, NULL, from->warnings[i], e));
    for (size_t i = 0; i < from->fact_count; i++)
        TRY(send_remark(s, job, from->facts[i].name, from->facts[i].value, e));
    return RC_OK;
}

static enum rc
send_record(struct priv_server *s, uint64_t job, struct span rest, struct error *e)
{
    while (rest.len > 0) {
        struct priv_message *m = priv_server_message(s, PRIV_RECORD);
        size_t some = rest.len < PRIV_RECORD_PIECE_MAX ? rest.len : PRIV_RECORD_PIECE_MAX;
        m->is.record.job = job;
        m->is.record.length = (uint16_t)some;
        memcpy(m->is.record.bytes, rest.data, some);
        TRY(priv_server_send(s, m, e));
        rest = span_of(rest.data + some, rest.len - some);
    }
    return RC_OK;
}

static enum rc
send_result(struct priv_server *s, const struct job_status *status, struct error *e)
{
    TRY(priv_server_send(s, tell_of(s, PRIV_RESULT, status), e));
    TRY(send_remarks(s, status->job, status->report, e));
    TRY(send_record(s, status->job, status->record, e));
    struct priv_message *end = priv_server_message(s, PRIV_END);
    end->is.job = status->job;
    return priv_server_send(s, end, e);
}

static bool
was_sent(const struct priv_server *s, uint64_t job)
{
    for (size_t i = 0; i < s->sent_count; i++)
        if (s->sent[i] == job)
            return true;
    return false;
}

struct visit {
    struct priv_server *server;
    bool progress;
};

static void
look(void *ctx, const struct job_status *status)
{
    struct visit *v = ctx;
    struct priv_server *s = v->server;
    struct error e = ERROR_INIT;
    if (status->ended && !was_sent(s, status->job)) {
        if (s->sent_count == JOB_MAX)
            s->sent_count = 0; /* more than there can be jobs: forget, and send again */
        s->sent[s->sent_count++] = status->job;
        if (send_result(s, status, &e) != RC_OK)
            log_error(&e, "cannot hand over a result", LOG_U64("job", status->job));
    } else if (!status->ended && v->progress) {
        (void)priv_server_send(s, tell_of(s, PRIV_PROGRESS, status),
                               &e); /* a failure has closed the connection */
    }
}

void
priv_server_report(struct priv_server *s, struct mono now)
{
    struct visit v = {.server = s};
    if (!s->greeted)
        return;
    v.progress = clock_ms_until(s->next_progress, now) == 0;
    if (v.progress)
        s->next_progress = clock_after_ms(now, PROGRESS_MS);
    job_each(s->board, look, &v);
}
