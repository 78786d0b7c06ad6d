/*
 * cli_restore_here.c -- a restore to this machine.  See cli_restore.h.
 *
 * One thread fetches and unpacks; the first one draws, listens to Ctrl-C and reports to the controller.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>

#include "common/sys/file.h"
#include "common/tree/unpack.h"
#include "controller/cli/cli_interrupt.h"
#include "controller/cli/cli_job.h"
#include "controller/cli/cli_progress.h"
#include "controller/cli/cli_restore.h"
#include "controller/cli/cli_ticket.h"

enum { LOOK_MS = 200, REPORT_MS = 3000, NOTE_MS = 10000, FINDINGS_MAX = 100 };

struct here {
    struct cli *cli;
    const struct cli_place *place;
    const char *path; /* in the archive, without slashes in front */
    const char *target;
    bool dry_run, replace;
    struct cli_ticket ticket;
    struct unpack_counts counts;
    _Atomic(bool) cancel, ended;
    /* the worker's until it has ended */
    char *findings[FINDINGS_MAX];
    size_t finding_count;
    enum rc rc;
    struct error e;
    /* the first thread's */
    uint64_t total;
    struct cli_progress progress;
    struct cli_rate rate;
    struct mono reported, noted;
    bool interrupted;
};

/* ---- the worker */

static void
report_item(void *ctx, const char *path, const struct error *why)
{
    struct here *h = ctx;
    char *text = NULL;
    if (h->finding_count < FINDINGS_MAX &&
        asprintf(&text, "%s: %s", CLI_SAFE(path), why->text) >= 0)
        h->findings[h->finding_count++] = text;
}

static enum rc
unpack_root(struct here *h, const Koffer__Root *root, int target, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(4 * (size_t)LIMIT_BLOB_PLAIN);
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    struct blob_source *source = fetch_source(h->ticket.fetch);
    struct blob_ref ref;
    struct node_entry entry;
    bool found;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    TRY(cli_ticket_root(&h->ticket, root, &ref, e));
    TRY(tree_reader_new(source, &reader, e));
    TRY(tree_find(reader, &ref, h->path, arena, &found, &entry, e));
    if (!found)
        return error_set(e, RC_NOT_FOUND, "there is no '%s' in %s.%s; see 'koffer full ls'",
                         CLI_SAFE(h->path), CLI_SAFE(root->agent), CLI_SAFE(root->source));
    const struct unpack_options options = {
        .dry_run = h->dry_run,
        .existing = h->replace ? UNPACK_REPLACE : UNPACK_KEEP,
        .cancel = &h->cancel,
        .counts = &h->counts,
        .report = report_item,
        .report_ctx = h,
    };
    return unpack(source, &entry, target, &options, e);
}

/* A directory of its own, named as the operator names the archive. */
static enum rc
unpack_below(struct here *h, const Koffer__Root *root, int target, struct error *e)
{
    char name[2 * LIMIT_LABEL + 2];
    CLEANUP(own_closep) int below = -1;
    TRY(text_check_name("the name of an agent", root->agent, e)); /* it becomes a path */
    TRY(text_check_name("the name of a source", root->source, e));
    if (h->dry_run)
        return unpack_root(h, root, target, e);
    (void)snprintf(name, sizeof name, "%s.%s", root->agent, root->source);
    TRY(file_make_directory(target, name, 0700, e));
    TRY(file_open_directory(target, name, &below, e));
    return unpack_root(h, root, below, e);
}

/* One that fails does not keep the others from being restored. */
static enum rc
unpack_all(struct here *h, int target, struct error *e)
{
    enum rc first = RC_OK;
    for (size_t i = 0; i < h->ticket.ticket->n_roots; i++) {
        const Koffer__Root *root = h->ticket.ticket->roots[i];
        struct error here = ERROR_INIT;
        enum rc rc = unpack_below(h, root, target, &here);
        if (rc != RC_OK && first == RC_OK) {
            first = rc;
            *e = here;
            (void)error_context(e, "%s.%s", CLI_SAFE(root->agent), CLI_SAFE(root->source));
        }
        if (rc == RC_CANCELLED || rc == RC_NO_SPACE || rc_is_transient(rc))
            break;
    }
    return first;
}

static enum rc
unpack_ticket(struct here *h, struct error *e)
{
    CLEANUP(own_closep) int target = -1;
    if (!h->dry_run)
        TRY_IN(file_make_directory(AT_FDCWD, h->target, 0700, e), e, "target");
    TRY_IN(file_open_directory(AT_FDCWD, h->dry_run ? "/" : h->target, &target, e), e, "target");
    if (h->place->source[0] == '\0')
        return unpack_all(h, target, e);
    return unpack_root(h, h->ticket.ticket->roots[0], target, e);
}

static void *
work(void *arg)
{
    struct here *h = arg;
    h->rc = unpack_ticket(h, &h->e);
    atomic_store(&h->ended, true);
    return NULL;
}

/* ---- the first thread */

static void
draw(struct here *h)
{
    char done[TEXT_SIZE_MAX], speed[TEXT_SIZE_MAX], bar[CLI_PROGRESS_BAR], left[TEXT_DURATION_MAX];
    uint64_t bytes = atomic_load(&h->counts.bytes);
    struct mono now = clock_mono();
    cli_rate_update(&h->rate, bytes, now);
    if (h->cli->json)
        return;
    uint64_t seconds = cli_rate_left(&h->rate, h->total);
    (void)cli_progress_bar(bytes, h->total, bar);
    cli_progress_line(
        &h->progress, "restore  %s  %s  %s/s%s%s", bar, text_size(bytes, done),
        text_size((uint64_t)h->rate.per_second, speed),
        seconds == 0 ? "" : "  left: ", seconds == 0 ? "" : text_duration(seconds, left));
    cli_progress_show(&h->progress);
    if (h->progress.terminal || clock_ms_until(clock_after_ms(h->noted, NOTE_MS), now) > 0)
        return;
    h->noted = now;
    cli_progress_note(&h->progress, "restore: %s %s", done, bar);
}

static void
fill_counts(struct here *h, Koffer__RestoreCounts *out)
{
    koffer__restore_counts__init(out);
    out->files = atomic_load(&h->counts.files);
    out->directories = atomic_load(&h->counts.directories);
    out->others = atomic_load(&h->counts.others);
    out->bytes = atomic_load(&h->counts.bytes);
    out->skipped = atomic_load(&h->counts.skipped);
    out->failed = atomic_load(&h->counts.failed);
    out->existing_kept = atomic_load(&h->counts.existing_kept);
    out->owners_not_set = atomic_load(&h->counts.owners_not_set);
}

static enum rc
report(struct here *h, struct error *e)
{
    Koffer__RestoreReport message;
    Koffer__RestoreCounts counts;
    bool cancelled = false;
    h->reported = clock_mono();
    koffer__restore_report__init(&message);
    fill_counts(h, &counts);
    message.counts = &counts;
    TRY(cli_ticket_report(h->cli, &h->ticket, &message, &cancelled, e));
    if (cancelled)
        atomic_store(&h->cancel, true);
    return RC_OK;
}

/* Until the worker has ended, whatever happens: it uses what is ours. */
static enum rc
attend(struct here *h, struct error *e)
{
    enum rc rc = RC_OK;
    while (!atomic_load(&h->ended)) {
        if (cli_interrupt_wait(LOOK_MS)) {
            cli_interrupt_taken();
            h->interrupted = true;
            atomic_store(&h->cancel, true);
            fetch_cancel(h->ticket.fetch);
        }
        draw(h);
        if (rc != RC_OK || clock_ms_until(clock_after_ms(h->reported, REPORT_MS), clock_mono()) > 0)
            continue;
        rc = report(h, e);
        if (rc != RC_OK) { /* without a controller nobody knows of it any more */
            atomic_store(&h->cancel, true);
            fetch_cancel(h->ticket.fetch);
        }
    }
    return rc;
}

static const char *
summary(const struct here *h, char out[static ERROR_TEXT_MAX])
{
    char size[TEXT_SIZE_MAX];
    (void)snprintf(out, ERROR_TEXT_MAX,
                   "%s %" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " others, %s%s",
                   h->dry_run ? "would restore" : "restored", atomic_load(&h->counts.files),
                   atomic_load(&h->counts.directories), atomic_load(&h->counts.others),
                   text_size(atomic_load(&h->counts.bytes), size),
                   atomic_load(&h->counts.existing_kept) > 0
                       ? "; what existed already was kept (--replace overwrites)"
                       : "");
    return out;
}

/* A stream that was cut because somebody wished so has not failed. */
static void
settle(struct here *h)
{
    struct error ignored = ERROR_INIT;
    if (rc_is_transient(h->rc) && !atomic_load(&h->cancel) && report(h, &ignored) != RC_OK)
        return; /* the controller has gone, too: that is told next */
    if (h->rc != RC_OK && atomic_load(&h->cancel))
        h->rc = error_set(&h->e, RC_CANCELLED, "cancelled");
}

static enum rc
report_end(struct here *h, struct error *e)
{
    char text[ERROR_TEXT_MAX];
    Koffer__RestoreReport message;
    Koffer__RestoreCounts counts;
    bool ignored;
    koffer__restore_report__init(&message);
    fill_counts(h, &counts);
    message.counts = &counts;
    message.final = true;
    message.code = (uint32_t)h->rc;
    message.text = message_text(h->rc == RC_OK ? summary(h, text) : h->e.text);
    message.n_findings = h->finding_count;
    message.findings = h->findings;
    return cli_ticket_report(h->cli, &h->ticket, &message, &ignored, e);
}

static enum rc
run_worker(struct here *h, struct error *e)
{
    pthread_t worker;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* Ctrl-C is for the first thread */
    int failed = pthread_create(&worker, NULL, work, h);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return error_set(e, RC_NO_MEMORY, "thread for a restore");
    enum rc rc = attend(h, e);
    (void)pthread_join(worker, NULL);
    return rc;
}

static void
release(struct here *h)
{
    cli_progress_end(&h->progress);
    cli_ticket_clear(&h->ticket);
    for (size_t i = 0; i < h->finding_count; i++)
        free(h->findings[i]);
}

static enum rc
restore(struct here *h, struct error *e)
{
    TRY(cli_interrupt_arm(e)); /* before the job exists, so that Ctrl-C always reaches it */
    TRY(cli_ticket_get(h->cli, h->place, &(struct cli_ticket_ask){.target = h->target}, &h->ticket,
                       e));
    for (size_t i = 0; h->path[0] == '\0' && i < h->ticket.ticket->n_roots; i++)
        h->total += h->ticket.ticket->roots[i]->bytes;
    h->reported = h->noted = clock_mono();
    h->rc = cli_ticket_connect(h->cli, &h->ticket, &h->e);
    if (h->rc == RC_OK)
        TRY(run_worker(h, e));
    settle(h);
    TRY(report_end(h, e));
    cli_progress_end(&h->progress);
    return cli_job_end(h->cli, h->ticket.ticket->job, h->interrupted, e);
}

enum rc
cli_restore_here(struct cli *cli, const struct cli_place *place, const char *target,
                 struct error *e)
{
    CLEANUP(release)
    struct here h = {
        .cli = cli,
        .place = place,
        .path = place->path + strspn(place->path, "/"),
        .target = target,
        .dry_run = cli_option(cli, "dry-run") != NULL,
        .replace = cli_option(cli, "replace") != NULL,
        .e = ERROR_INIT,
    };
    cli_progress_begin(&h.progress, stdout);
    return restore(&h, e);
}
