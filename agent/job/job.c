/* job.c -- the board: submit, cancel, collect, leases.  See job.h. */
#include "agent/job/job.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "agent/job/job_internal.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/record/mandate.h"
#include "common/sys/file.h"

/* Warnings, facts, and what a source wants to keep for the length of one step (imapd.conf's lists). */
enum { REPORT_ARENA = 64 * 1024 * 1024 };

static enum rc
find_sources(struct job_board *b, struct error *e)
{
    const struct config_section *root = config_root(b->options.config);
    size_t count = config_count(root, "source");
    if (count > JOB_SOURCES_MAX)
        return error_set(e, RC_INVALID, "more than %d sources", (int)JOB_SOURCES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct config_section *section = config_at(root, "source", i);
        struct job_source *source =
            &b->sources[b->source_count++]; /* too large for a literal on the stack */
        source->kind = source_kind_of(config_text(section, "kind"));
        source->section = section;
        source->name = config_title(section);
    }
    return RC_OK;
}

enum rc
job_board_new(const struct job_options *options, struct job_board **out, struct error *e)
{
    CLEANUP(job_board_freep) struct job_board *b = calloc(1, sizeof *b);
    if (b == NULL)
        return error_set(e, RC_NO_MEMORY, "job board");
    b->options = *options;
    (void)pthread_mutex_init(&b->receipt, NULL);
    TRY(find_sources(b, e));
    *out = TAKE(b);
    return RC_OK;
}

enum rc
job_set_vault(struct job_board *b, const struct job_vault *vault, struct error *e)
{
    const struct mandate_recipients mandate = {
        .vault = vault->id, .recipients = vault->recipients, .count = vault->recipient_count};
    if (memcmp(vault->id.bytes, b->options.vault.bytes, RECORD_VAULT_ID_SIZE) != 0)
        return error_set(e, RC_DENIED,
                         "that is another vault than the one this agent was enrolled for: enrol it "
                         "anew if that is meant");
    TRY(mandate_check_recipients(&b->options.controller, &mandate, vault->signature, e));
    b->vault = *vault;
    return RC_OK;
}

static struct job *
find(const struct job_board *b, uint64_t id)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i]->order.job == id)
            return b->jobs[i];
    return NULL;
}

static struct job_source *
find_source(struct job_board *b, const char *name)
{
    for (size_t i = 0; i < b->source_count; i++)
        if (text_equal(b->sources[i].name, name))
            return &b->sources[i];
    return NULL;
}

/* A step that ended does not keep its source busy, though its result may still wait for the controller. */
static bool
is_busy(const struct job_board *b, const struct job_source *s)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i]->source == s && !atomic_load(&b->jobs[i]->ended))
            return true;
    return false;
}

static void
free_job(struct job *job)
{
    arena_free(job->arena);
    buffer_free(&job->record);
    free(job);
}

void
job_drop(struct job_board *b, uint64_t id)
{
    for (size_t i = 0; i < b->job_count; i++) {
        struct job *job = b->jobs[i];
        if (job->order.job != id || !atomic_load(&job->ended))
            continue;
        memmove(&b->jobs[i], &b->jobs[i + 1], (b->job_count - i - 1) * sizeof(struct job *));
        b->job_count--;
        (void)pthread_join(job->thread, NULL);
        free_job(job);
        return;
    }
}

void
job_board_free(struct job_board *b)
{
    struct error e = ERROR_INIT;
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->job_count; i++)
        atomic_store(&b->jobs[i]->cancel, true);
    for (size_t i = 0; i < b->job_count; i++) {
        (void)pthread_join(b->jobs[i]->thread, NULL);
        free_job(b->jobs[i]);
    }
    for (size_t i = 0; i < b->source_count; i++)
        if (job_let_go(b, &b->sources[i], false, NULL, &e) != RC_OK)
            log_error(&e, "release at the end", LOG_TEXT("source", b->sources[i].name));
    job_reaper_stop(b->reaper);
    (void)pthread_mutex_destroy(&b->receipt);
    free(b);
}

/* ---- running */

static job_step *const steps[JOB_VERBS_] = {
    [JOB_CHECK] = job_step_check,     [JOB_READY] = job_step_ready,
    [JOB_CUT] = job_step_cut,         [JOB_CAPTURE] = job_step_capture,
    [JOB_SEAL] = job_step_seal,       [JOB_RELEASE] = job_step_release,
    [JOB_RESTORE] = job_step_restore,
};

static bool
is_late(const struct job *job)
{
    return job->deadline.ns != 0 && clock_ms_until(job->deadline, clock_mono()) == 0;
}

/* In the words of who watched it. */
static enum rc
why_lost(struct job *job)
{
    enum rc rc = job_cut_check(job->source, &job->e);
    return rc != RC_OK ? rc : RC_CANCELLED;
}

static void *
run(void *arg)
{
    struct job *job = arg;
    struct job_board *b = job->board;
    job->rc = steps[job->order.verb](job, &job->e);
    if (job->rc == RC_CANCELLED && is_late(job))
        job->rc = error_set(&job->e, RC_TIMEOUT, "the step did not end within its %u s",
                            job->order.deadline_seconds);
    else if (job->rc == RC_CANCELLED && atomic_load(&job->abandoned))
        job->rc = error_set(&job->e, RC_TIMEOUT,
                            "no controller was there for the %lld s of this agent's lease",
                            (long long)b->options.lease_ms / 1000);
    else if (job->rc == RC_CANCELLED && atomic_load(&job->lost))
        job->rc = why_lost(job);
    job->finished = clock_wall();
    if (job->rc != RC_OK && job->rc != RC_CANCELLED)
        log_error(&job->e, "step failed", LOG_TEXT("source", job->order.source),
                  LOG_U64("cycle", job->order.cycle), LOG_U64("job", job->order.job));
    atomic_store(&job->ended, true);
    b->options.wake(b->options.wake_ctx);
    return NULL;
}

/* A step of a new cycle: what the last one left behind goes first. */
static enum rc
adopt(struct job_board *b, struct job_source *s, const struct job_order *order, struct error *e)
{
    if (s->cycle == order->cycle || order->verb == JOB_RELEASE)
        return RC_OK;
    if (order->verb != JOB_CHECK && order->verb != JOB_CAPTURE)
        return error_set(e, RC_NOT_FOUND, "source '%s' holds nothing of cycle %llu", s->name,
                         (unsigned long long)order->cycle);
    if (s->cycle != 0) {
        log_warning("cycle was never released", LOG_TEXT("source", s->name),
                    LOG_U64("cycle", s->cycle));
        TRY(job_let_go(b, s, false, NULL, e));
    }
    s->cycle = order->cycle;
    return RC_OK;
}

static enum rc
check_restore(const struct job_board *b, const struct job_order *order, struct error *e)
{
    const struct mandate_restore mandate = {
        .vault = b->options.vault,
        .host = b->options.host,
        .job = order->job,
        .root = &order->root,
        .root_sealed = order->root_sealed,
        .path = order->path,
        .target = order->target,
        .dry_run = order->dry_run,
        .replace = order->replace,
    };
    return mandate_check_restore(&b->options.controller, &mandate, order->signature, e);
}

static enum rc
take_source(struct job_board *b, const struct job_order *order, struct job_source **out,
            struct error *e)
{
    *out = NULL;
    if (order->verb >= JOB_VERBS_ || steps[order->verb] == NULL)
        return error_set(e, RC_UNSUPPORTED, "this agent knows no step %d", (int)order->verb);
    if (b->vault.recipient_count == 0)
        return error_set(e, RC_DENIED, "nothing is done before the controller has named its vault");
    if (order->verb == JOB_RESTORE)
        return check_restore(b, order, e);
    if (order->cycle == 0) /* means "none": what it held would have no lease and no release */
        return error_set(e, RC_INVALID, "a step of a source needs the number of a cycle");
    struct job_source *s = find_source(b, order->source);
    if (s == NULL)
        return error_set(e, RC_NOT_FOUND, "no source '%s' is configured on this host",
                         order->source);
    if (is_busy(b, s)) {
        s->release_due = s->release_due || (order->verb == JOB_RELEASE && order->cycle == s->cycle);
        return error_set(e, RC_AGAIN, "source '%s' is busy with another step", s->name);
    }
    TRY(adopt(b, s, order, e));
    *out = s;
    return RC_OK;
}

static enum rc
start(struct job *job, struct error *e)
{
    sigset_t all, before; /* signals belong to the main thread */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&job->thread, NULL, run, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? RC_OK : error_set(e, RC_NO_MEMORY, "thread for a step");
}

/* The same order again is fine: its answer was lost. */
static enum rc
check_same(const struct job_order *old, const struct job_order *order, struct error *e)
{
    if (old->verb == order->verb && old->cycle == order->cycle &&
        text_equal(old->source, order->source))
        return RC_OK;
    return error_set(e, RC_INVALID, "job %llu is another step already",
                     (unsigned long long)order->job);
}

enum rc
job_submit(struct job_board *b, const struct job_order *order, struct error *e)
{
    struct job_source *source;
    const struct job *old = find(b, order->job);
    if (old != NULL)
        return check_same(&old->order, order, e);
    if (b->job_count == JOB_MAX)
        return error_set(e, RC_AGAIN, "%d steps are under way already", (int)JOB_MAX);
    TRY(take_source(b, order, &source, e));

    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return error_set(e, RC_NO_MEMORY, "step");
    job->board = b;
    job->order = *order;
    job->source = source;
    job->vault = b->vault;
    job->arena = arena_new(REPORT_ARENA);
    job->report.arena = job->arena;
    job->record = BUFFER_INIT(LIMIT_RECORD);
    job->e = ERROR_INIT;
    job->started = clock_wall();
    if (order->deadline_seconds > 0)
        job->deadline = clock_after_ms(clock_mono(), INT64_C(1000) * order->deadline_seconds);
    enum rc rc = job->arena == NULL ? error_set(e, RC_NO_MEMORY, "step") : start(job, e);
    if (rc != RC_OK) {
        free_job(job);
        return rc;
    }
    b->jobs[b->job_count++] = job;
    return RC_OK;
}

void
job_cancel(struct job_board *b, uint64_t id)
{
    struct job *job = find(b, id);
    if (job != NULL)
        atomic_store(&job->cancel, true);
}

void
job_each(struct job_board *b, job_visit *visit, void *ctx)
{
    for (size_t i = b->job_count; i-- > 0;) { /* backwards: the visitor may drop what it sees */
        struct job *job = b->jobs[i];
        bool ended = atomic_load(&job->ended);
        bool captured = ended && job->order.verb == JOB_CAPTURE && job->rc == RC_OK;
        const struct job_status status = {
            .job = job->order.job,
            .verb = job->order.verb,
            .ended = ended,
            .progress = job->order.verb == JOB_CAPTURE ? &job->progress : NULL,
            .restored = job->order.verb == JOB_RESTORE ? &job->restored : NULL,
            .rc = ended ? job->rc : RC_OK,
            .text = ended && job->rc != RC_OK ? job->e.text : "",
            .remedy = ended ? job->remedy : "",
            .report = ended ? &job->report : NULL,
            .captured = captured ? &job->captured : NULL,
            .record = ended ? buffer_span(&job->record) : (struct span){0},
            .started = job->started,
            .finished = ended ? job->finished : (struct wall){0},
            .cut_from = ended ? job->cut.from : (struct wall){0},
            .cut_until = ended ? job->cut.until : (struct wall){0},
        };
        visit(ctx, &status);
    }
}

/* ---- leftovers */

static void
cancel_jobs_of(struct job_board *b, const struct job_source *s)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i]->source == s)
            atomic_store(&b->jobs[i]->cancel, true);
}

/* A job that ended while nobody listens: its result is of no use any more once the lease is over. */
static void
drop_ended_of(struct job_board *b, const struct job_source *s)
{
    for (size_t i = b->job_count; i-- > 0;)
        if (b->jobs[i]->source == s && atomic_load(&b->jobs[i]->ended))
            job_drop(b, b->jobs[i]->order.job);
}

static void
lease_is_over(struct job_board *b, struct job_source *s)
{
    struct error e = ERROR_INIT;
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i]->source == s)
            atomic_store(&b->jobs[i]->abandoned, true);
    cancel_jobs_of(b, s);
    drop_ended_of(b, s);
    if (is_busy(b, s))
        return; /* its job must end first; the next tick looks again */
    log_warning("the controller has vanished: letting go", LOG_TEXT("source", s->name),
                LOG_U64("cycle", s->cycle));
    if (job_let_go(b, s, false, NULL, &e) != RC_OK)
        log_error(&e, "release", LOG_TEXT("source", s->name));
}

/* A release that came too early for a step that was still ending. */
static void
release_late(struct job_board *b, struct job_source *s)
{
    struct error e = ERROR_INIT;
    cancel_jobs_of(b, s);
    if (is_busy(b, s))
        return;
    if (job_let_go(b, s, false, NULL, &e) != RC_OK)
        log_error(&e, "release", LOG_TEXT("source", s->name));
}

/* Nothing that is read of a lost snapshot counts: the rest of it need not be. */
static bool
has_lost_its_snapshot(const struct job *job)
{
    return job->order.verb == JOB_CAPTURE && !atomic_load(&job->ended) &&
           job->source->set != NULL && snapshot_is_lost(job->source->set);
}

static void
stop_vain_jobs(struct job_board *b)
{
    for (size_t i = 0; i < b->job_count; i++) {
        struct job *job = b->jobs[i];
        if (has_lost_its_snapshot(job))
            atomic_store(&job->lost, true);
        if (is_late(job) || atomic_load(&job->lost))
            atomic_store(&job->cancel, true);
    }
}

void
job_tick(struct job_board *b, bool connected)
{
    struct mono now = clock_mono();
    stop_vain_jobs(b);
    for (size_t i = 0; i < b->source_count; i++) {
        struct job_source *s = &b->sources[i];
        if (s->release_due)
            release_late(b, s);
        if (connected || s->cycle == 0)
            s->alone_since = (struct mono){0};
        else if (s->alone_since.ns == 0)
            s->alone_since = now;
        else if (now.ns - s->alone_since.ns >= b->options.lease_ms * CLOCK_NS_PER_MS)
            lease_is_over(b, s);
    }
}

static enum rc
reap_one(void *ctx, const char *name, struct error *e)
{
    const struct job_board *b = ctx;
    char path[JOB_PATH_MAX];
    /* Whatever else lies there is not ours: 'staging-directory' may have been set to a wrong place. */
    if (strncmp(name, JOB_STAGING_PREFIX, sizeof JOB_STAGING_PREFIX - 1) != 0)
        return RC_OK;
    (void)snprintf(path, sizeof path, "%s/%s", b->options.staging, name);
    log_warning("removing what an earlier agent left", LOG_TEXT("path", path));
    return file_remove_tree(AT_FDCWD, path, e);
}

enum rc
job_reap(struct job_board *b, struct error *e)
{
    TRY_IN(file_make_directory(AT_FDCWD, b->options.staging, 0711, e), e, "staging directory");
    TRY(file_list(AT_FDCWD, b->options.staging, reap_one, b, e));
    if (b->options.snapshots != NULL && b->reaper == NULL)
        TRY(job_reaper_start(b->options.snapshots, &b->reaper, e));
    return RC_OK;
}
