/* session_report.c -- progress of what runs, results of what ended. */
#include "agent/net/session_internal.h"
#include "common/base/log.h"
#include "proto/message.h"

enum { PROGRESS_MS = 1000, FACTS_MAX = SOURCE_FACTS_MAX, WARNINGS_MAX = SOURCE_WARNINGS_MAX };

/* All that a result message points to. */
struct report {
    Koffer__StepResult result;
    Koffer__Totals totals;
    Koffer__Progress progress;
    char phase[CAPTURE_PHASE_SIZE];
    Koffer__RestoreCounts restored;
    Koffer__Fact facts[FACTS_MAX];
    Koffer__Fact *fact_list[FACTS_MAX];
    char *warning_list[WARNINGS_MAX];
};

static void
fill_progress(Koffer__Progress *out, const struct job_status *status,
              char phase[static CAPTURE_PHASE_SIZE])
{
    koffer__progress__init(out);
    out->job = status->job;
    if (status->progress != NULL) {
        struct capture_progress *p = status->progress;
        out->phase = message_text(capture_progress_phase(p, phase));
        out->files = atomic_load(&p->files);
        out->bytes = atomic_load(&p->bytes);
        out->files_total = atomic_load(&p->files_before);
        out->bytes_total = atomic_load(&p->bytes_before);
        out->bytes_read = atomic_load(&p->bytes_read);
        out->bytes_sent = atomic_load(&p->bytes_sent);
        out->bytes_known = atomic_load(&p->bytes_known);
    } else if (status->restored != NULL) {
        out->phase = message_text("restore");
        out->files = atomic_load(&status->restored->files);
        out->bytes = atomic_load(&status->restored->bytes);
    }
}

static void
send_progress(struct session *s, const struct job_status *status)
{
    struct error e = ERROR_INIT;
    Koffer__Progress progress;
    char phase[CAPTURE_PHASE_SIZE];
    if (status->progress == NULL && status->restored == NULL)
        return;
    fill_progress(&progress, status, phase);
    if (session_send(s, KOFFER__MESSAGE_TYPE__STEP_PROGRESS, 0, &progress.base, &e) != RC_OK &&
        e.code != RC_AGAIN)
        log_error(&e, "progress");
}

static void
fill_totals(struct report *r, const struct capture_result *captured)
{
    const struct record_totals *t = &captured->totals;
    koffer__totals__init(&r->totals);
    r->totals.files = t->files;
    r->totals.directories = t->directories;
    r->totals.others = t->others;
    r->totals.bytes = t->bytes;
    r->totals.unreadable = t->unreadable;
    r->totals.fuzzy = t->fuzzy;
    r->totals.vanished = t->vanished;
    r->result.totals = &r->totals;
    r->result.incomplete = captured->incomplete;
    r->result.root_id = message_bytes(captured->root.id.bytes, ID_SIZE);
}

static void
fill_restored(struct report *r, struct unpack_counts *n)
{
    koffer__restore_counts__init(&r->restored);
    r->restored.files = atomic_load(&n->files);
    r->restored.directories = atomic_load(&n->directories);
    r->restored.others = atomic_load(&n->others);
    r->restored.bytes = atomic_load(&n->bytes);
    r->restored.skipped = atomic_load(&n->skipped);
    r->restored.failed = atomic_load(&n->failed);
    r->restored.existing_kept = atomic_load(&n->existing_kept);
    r->restored.owners_not_set = atomic_load(&n->owners_not_set);
    r->result.restored = &r->restored;
}

static void
fill_remarks(struct report *r, const struct source_report *from)
{
    for (size_t i = 0; i < from->warning_count; i++)
        r->warning_list[i] = message_text(from->warnings[i]);
    for (size_t i = 0; i < from->fact_count; i++) {
        koffer__fact__init(&r->facts[i]);
        r->facts[i].name = message_text(from->facts[i].name);
        r->facts[i].value = message_text(from->facts[i].value);
        r->fact_list[i] = &r->facts[i];
    }
    r->result.n_warnings = from->warning_count;
    r->result.warnings = r->warning_list;
    r->result.n_facts = from->fact_count;
    r->result.facts = r->fact_list;
}

/* False when nothing is left to leave out. */
static bool
leave_out_half(struct report *r)
{
    bool any = r->result.n_facts > 0 || r->result.n_warnings > 0;
    r->result.n_facts /= 2;
    r->result.n_warnings /= 2;
    return any;
}

static enum rc
send_result(struct session *s, const struct job_status *status, struct error *e)
{
    CLEANUP(own_freep) struct report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "result");
    koffer__step_result__init(&r->result);
    r->result.job = status->job;
    r->result.code = (uint32_t)status->rc;
    r->result.text = message_text(status->text);
    r->result.remedy = message_text(status->remedy);
    r->result.started = status->started.ns;
    r->result.finished = status->finished.ns;
    r->result.cut_from = status->cut_from.ns;
    r->result.cut_until = status->cut_until.ns;
    r->result.record = message_bytes(status->record.data, status->record.len);
    fill_remarks(r, status->report);
    if (status->captured != NULL)
        fill_totals(r, status->captured);
    if (status->restored != NULL)
        fill_restored(r, status->restored);
    if (status->progress != NULL) {
        fill_progress(&r->progress, status, r->phase);
        r->result.progress = &r->progress;
    }
    enum rc rc;
    do { /* a result must arrive: remarks that do not fit into a message are left out */
        rc = session_send(s, KOFFER__MESSAGE_TYPE__STEP_RESULT, status->job, &r->result.base, e);
    } while (rc == RC_INVALID && leave_out_half(r));
    return rc;
}

/* Due now?  Notes the time of sending if so. */
static bool
is_due(struct session *s, uint64_t job, struct mono now)
{
    for (size_t i = 0; i < s->sent_count; i++) {
        if (s->sent[i].job != job)
            continue;
        bool due = now.ns - s->sent[i].at.ns >= SESSION_RESEND_MS * CLOCK_NS_PER_MS;
        if (due)
            s->sent[i].at = now;
        return due;
    }
    if (s->sent_count == JOB_MAX)
        s->sent_count = 0; /* more than there can be jobs: forget, and send again */
    s->sent[s->sent_count++] = (struct session_sent){job, now};
    return true;
}

struct visit {
    struct session *session;
    struct mono now;
    bool progress;
};

static void
look(void *ctx, const struct job_status *status)
{
    struct visit *v = ctx;
    struct error e = ERROR_INIT;
    if (!status->ended) {
        if (v->progress)
            send_progress(v->session, status);
    } else if (is_due(v->session, status->job, v->now) &&
               send_result(v->session, status, &e) != RC_OK) {
        log_error(&e, "cannot send a result yet", LOG_U64("job", status->job));
    }
}

void
session_report(struct session *s, struct mono now)
{
    struct visit v = {.session = s, .now = now};
    if (!s->welcome)
        return;
    v.progress = clock_ms_until(s->next_progress, now) == 0;
    if (v.progress)
        s->next_progress = clock_after_ms(now, PROGRESS_MS);
    priv_client_each(s->priv, look, &v);
}
