/* job_step.c -- check, capture, seal, release: what a cycle asks of a source.  See job.h. */
#include <fcntl.h>
#include <stdio.h>

#include "agent/job/job_internal.h"
#include "common/base/log.h"
#include "common/base/wire.h"
#include "common/sys/file.h"

static void
staging_path(const struct job_board *b, const struct job_source *s, char out[static JOB_PATH_MAX])
{
    (void)snprintf(out, JOB_PATH_MAX, "%s/" JOB_STAGING_PREFIX "%s", b->options.staging, s->name);
}

static void
memory_path(const struct job_board *b, const struct job_source *s, char out[static JOB_PATH_MAX])
{
    (void)snprintf(out, JOB_PATH_MAX, "%s/memory/%s", b->options.state, s->name);
}

struct source_step
job_step_of(struct job *job, const char *staging)
{
    return (struct source_step){
        .config = job->source->section,
        .name = job->source->name,
        .staging = staging,
        .cycle = job->order.cycle,
        .deadline = job->deadline,
        .cancel = &job->cancel,
        .report = &job->report,
        .cut = job->source->cut,
        .snapshotted = job->source->set != NULL,
        .memory = job->source->memory,
    };
}

static enum rc
fresh_staging(const char *path, struct error *e)
{
    TRY(file_remove_tree(AT_FDCWD, path, e));
    return file_make_directory(AT_FDCWD, path, 0700, e);
}

static enum rc
forget(const struct job_board *b, const struct job_source *s, struct error *e)
{
    char path[JOB_PATH_MAX];
    memory_path(b, s, path);
    log_warning(
        "the vault lacks blobs that were believed stored: the next capture reads everything",
        LOG_TEXT("source", s->name));
    return file_remove_tree(AT_FDCWD, path, e);
}

static enum rc
refuse_recipient(struct job *job, const char *what, const struct id *fingerprint, struct error *e)
{
    char text[ID_TEXT_SIZE];
    (void)snprintf(job->remedy, sizeof job->remedy,
                   "compare it with its recovery sheet; 'recipients' in koffer-agent.conf on this "
                   "host must name what the controller names: change the one that is wrong, and "
                   "start koffer-priv again");
    return error_set(e, RC_DENIED, "the controller %s: %s", what, id_text(fingerprint, text));
}

static bool
is_among(const struct id *named, size_t count, const struct id *fingerprint)
{
    for (size_t i = 0; i < count; i++)
        if (id_equal(&named[i], fingerprint))
            return true;
    return false;
}

/* The controller may be compromised, and add a key of its own or leave one out: where the host pins them, it cannot. */
static enum rc
check_recipients(struct job *job, struct error *e)
{
    const struct job_options *o = &job->board->options;
    const size_t count = job->vault.recipient_count;
    struct id named[LIMIT_RECIPIENTS];
    for (size_t i = 0; i < count && o->pinned_count > 0; i++) {
        TRY(keys_fingerprint(&job->vault.recipients[i], &named[i], e));
        if (!is_among(o->pinned, o->pinned_count, &named[i]))
            return refuse_recipient(job, "names a recipient that this host does not seal to",
                                    &named[i], e);
    }
    for (size_t i = 0; i < o->pinned_count; i++)
        if (!is_among(named, count, &o->pinned[i]))
            return refuse_recipient(job, "leaves out a recipient that this host seals to",
                                    &o->pinned[i], e);
    return RC_OK;
}

enum rc
job_step_check(struct job *job, struct error *e)
{
    char staging[JOB_PATH_MAX];
    TRY(check_recipients(job, e));
    staging_path(job->board, job->source, staging);
    TRY_IN(fresh_staging(staging, e), e, "staging");
    if (job->order.forget)
        TRY(forget(job->board, job->source, e));
    job_cut_release(job->source);
    struct source_step step = job_step_of(job, staging);
    enum rc rc = job->source->kind->check(&step, e);
    job->source->memory = step.memory;
    return rc;
}

/* ---- capture */

static enum rc
capture_into(struct job *job, struct capture_store *store, struct error *e)
{
    struct job_board *b = job->board;
    struct job_source *s = job->source;
    CLEANUP(capture_freep) struct capture *c = NULL;
    char memory[JOB_PATH_MAX], staging[JOB_PATH_MAX];
    memory_path(b, s, memory);
    staging_path(b, s, staging);
    TRY_IN(fresh_staging(staging, e), e, "staging");
    const struct capture_options options = {
        .memory_path = memory,
        .vault = job->vault.id,
        .epoch = job->vault.epoch,
        .domain = &b->options.domain,
        .level = b->options.level,
        .threads = b->options.threads,
        .views = s->set != NULL ? &s->views : NULL,
        .cut = s->cut.from,
        .store = store,
        .report = &job->report,
        .progress = &job->progress,
        .cancel = &job->cancel,
    };
    TRY(capture_begin(&options, &c, e));
    struct source_step step = job_step_of(job, staging);
    step.place = job_cut_place;
    step.place_ctx = s;
    enum rc rc = s->kind->capture(&step, capture_collector(c), e);
    s->memory = step.memory;
    s->cut = step.cut;
    TRY(rc);
    TRY(capture_finish(c, &s->captured, e));
    TRY(job_cut_check(s, e));
    TRY(b->options.ports.finish_store(b->options.ports.ctx, store, e));
    s->captured.incomplete = s->captured.incomplete || job->report.incomplete;
    job->captured = s->captured;
    job->cut = s->cut;
    job_cut_keep(s, &job->report);
    s->capture = TAKE(c);
    job_cut_end(s);
    return RC_OK;
}

enum rc
job_step_capture(struct job *job, struct error *e)
{
    const struct job_ports *ports = &job->board->options.ports;
    struct capture_store *store = NULL;
    TRY(job_cut_must_hold(job, e));
    capture_free(job->source->capture); /* of an order that was repeated */
    job->source->capture = NULL;
    TRY(ports->open_store(ports->ctx, job->order.job, &job->order.token, &job->cancel, &store, e));
    job->source->started = clock_wall();
    enum rc rc = capture_into(job, store, e);
    job->source->finished = clock_wall();
    ports->close_store(ports->ctx, store);
    return rc;
}

/* ---- seal */

/* The host's last committed record: u64 sequence, then its name.  Shared by all sources of the host. */
static void
receipt_path(const struct job_board *b, char out[static JOB_PATH_MAX])
{
    (void)snprintf(out, JOB_PATH_MAX, "%s/receipt", b->options.state);
}

static enum rc
read_receipt(const struct job_board *b, uint64_t *sequence, struct error *e)
{
    char path[JOB_PATH_MAX];
    bool exists;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(256);
    *sequence = 0;
    receipt_path(b, path);
    TRY(file_exists(AT_FDCWD, path, &exists, e));
    if (!exists)
        return RC_OK;
    TRY(file_read(AT_FDCWD, path, &bytes, e));
    struct wire_reader r = wire_reader_of(buffer_span(&bytes));
    *sequence = wire_u64(&r);
    (void)wire_id(&r);
    return wire_done(&r) ? RC_OK
                         : error_set(e, RC_CORRUPT,
                                     "'%s' is damaged; if nothing else is wrong "
                                     "remove it: it is made anew",
                                     path);
}

static enum rc
newer_receipt(const struct job_board *b, const struct job_order *order, struct error *e)
{
    char path[JOB_PATH_MAX];
    uint64_t newest;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(256);
    struct wire_writer w = wire_writer_to(&bytes, e);
    TRY(read_receipt(b, &newest, e));
    if (order->sequence <= newest)
        return RC_OK; /* the host's sources are released in any order */
    receipt_path(b, path);
    wire_put_u64(&w, order->sequence);
    wire_put_id(&w, &order->receipt);
    TRY(wire_writer_finish(&w));
    return file_replace(AT_FDCWD, path, buffer_span(&bytes), 0600, e);
}

static enum rc
write_receipt(struct job_board *b, const struct job_order *order, struct error *e)
{
    (void)pthread_mutex_lock(&b->receipt);
    enum rc rc = newer_receipt(b, order, e);
    (void)pthread_mutex_unlock(&b->receipt);
    return rc;
}

static enum rc
check_sequence(struct job *job, struct error *e)
{
    uint64_t committed;
    TRY(read_receipt(job->board, &committed, e));
    if (job->order.sequence > committed)
        return RC_OK;
    (void)snprintf(job->remedy, sizeof job->remedy,
                   "if that was meant, remove the file 'receipt' in the agent's state directory");
    return error_set(
        e, RC_DENIED,
        "the controller asks for record %llu of this host, but %llu was committed: its "
        "catalogue or vault was set back",
        (unsigned long long)job->order.sequence, (unsigned long long)committed);
}

enum rc
job_step_seal(struct job *job, struct error *e)
{
    struct job_board *b = job->board;
    struct job_source *s = job->source;
    struct record_recipient recipients[LIMIT_RECIPIENTS];
    struct record_fact facts[JOB_KEPT_MAX];
    if (s->capture == NULL)
        return error_set(e, RC_NOT_FOUND, "source '%s' has nothing to seal", s->name);
    TRY(check_recipients(job, e));
    TRY(check_sequence(job, e));
    TRY(record_seal_root(&job->vault.id, &s->captured.root, job->vault.recipients,
                         job->vault.recipient_count, recipients, e));
    struct record_archive archive = {
        .vault = job->vault.id,
        .host = b->options.host,
        .source = s->name,
        .kind = s->kind->name,
        .cycle = job->order.cycle,
        .sequence = job->order.sequence,
        .previous = job->order.previous,
        .started = s->started,
        .finished = s->finished,
        .cut_from = s->cut.from,
        .cut_until = s->cut.until,
        .facts = facts,
        .state = s->captured.incomplete ? RECORD_ARCHIVE_INCOMPLETE : RECORD_COMPLETE,
        .totals = s->captured.totals,
        .root = s->captured.root.id,
        .recipients = recipients,
        .recipient_count = job->vault.recipient_count,
    };
    memcpy(archive.domain, b->options.domain.id, BLOB_DOMAIN_SIZE);
    for (size_t i = 0; i < s->kept_count; i++)
        if (record_fact_fits(&archive, s->kept[i].name, s->kept[i].value))
            facts[archive.fact_count++] = (struct record_fact){s->kept[i].name, s->kept[i].value};
    return record_encode_archive(&archive, b->options.signing, &job->record, e);
}

/* ---- release */

static enum rc
release_kind(struct job_board *b, struct job_source *s, struct source_report *report,
             struct error *e)
{
    char staging[JOB_PATH_MAX];
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 16);
    struct source_report mine = {.arena = arena};
    staging_path(b, s, staging);
    struct source_step step = {
        .config = s->section,
        .name = s->name,
        .staging = staging,
        .cycle = s->cycle,
        .report = report != NULL ? report : &mine,
        .memory = s->memory,
    };
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "release");
    enum rc rc = s->kind->release(&step, e);
    s->memory = step.memory;
    return rc == RC_OK ? file_remove_tree(AT_FDCWD, staging, e) : rc;
}

enum rc
job_let_go(struct job_board *b, struct job_source *s, bool committed, struct source_report *report,
           struct error *e)
{
    enum rc rc = RC_OK;
    if (s->capture != NULL && committed)
        rc = capture_remember(s->capture, e);
    capture_free(s->capture);
    s->capture = NULL;
    if (s->cycle == 0)
        return rc;
    struct error later = ERROR_INIT;
    enum rc released = release_kind(b, s, report, &later);
    job_cut_release(s);
    s->release_due = s->release_due && released != RC_OK;
    if (released == RC_OK)
        s->cycle = 0;
    else if (rc == RC_OK)
        *e = later;
    return rc != RC_OK ? rc : released;
}

enum rc
job_step_release(struct job *job, struct error *e)
{
    struct job_board *b = job->board;
    struct job_source *s = job->source;
    bool committed = !id_is_zero(&job->order.receipt);
    struct error later = ERROR_INIT;
    enum rc rc = committed ? write_receipt(b, &job->order, e) : RC_OK;
    if (s->cycle != 0 && s->cycle != job->order.cycle)
        return rc; /* of a cycle that is long gone */
    if (rc == RC_OK && job->order.forget)
        rc = forget(b, s, e);
    /* Whatever went wrong so far, nothing stays held. */
    enum rc released = job_let_go(b, s, committed && rc == RC_OK, &job->report, &later);
    if (rc == RC_OK && released != RC_OK)
        *e = later;
    return rc != RC_OK ? rc : released;
}
