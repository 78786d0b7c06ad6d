/* cli_job.c -- see cli_job.h. */
#include "controller/cli/cli_job.h"

#include <inttypes.h>

#include "controller/cli/cli_interrupt.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_progress.h"

enum { POLL_MS = 300, NOTE_SECONDS = 10 };

struct follow {
    struct cli *cli;
    uint64_t job;
    bool cancelled;
    struct cli_progress progress;
    struct cli_rate rate;
    struct mono noted;
};

static void
end_follow(struct follow *f)
{
    cli_progress_end(&f->progress);
}

static enum rc
ask(struct follow *f, Koffer__JobStatus **out, struct error *e)
{
    ProtobufCMessage *reply = NULL;
    Koffer__JobRef ref;
    koffer__job_ref__init(&ref);
    ref.job = f->job;
    TRY(cli_call(f->cli, KOFFER__MESSAGE_TYPE__JOB_STATUS, &ref.base,
                 &koffer__job_status__descriptor, &reply, e));
    *out = (Koffer__JobStatus *)reply;
    return RC_OK;
}

static const char *
amount(const Koffer__JobStatus *s, uint64_t n, char out[static TEXT_SIZE_MAX + 16])
{
    if (text_equal(s->unit, "bytes"))
        return text_size(n, out);
    (void)snprintf(out, TEXT_SIZE_MAX + 16, "%" PRIu64 " %.15s", n, s->unit);
    return out;
}

static void
draw(struct follow *f, const Koffer__JobStatus *s)
{
    char done[TEXT_SIZE_MAX + 16], speed[TEXT_SIZE_MAX + 16], bar[CLI_PROGRESS_BAR];
    char left[TEXT_DURATION_MAX];
    struct mono now = clock_mono();
    cli_rate_update(&f->rate, s->done, now);
    if (f->cli->json)
        return;
    uint64_t seconds = cli_rate_left(&f->rate, s->total);
    (void)cli_progress_bar(s->done, s->total, bar);
    (void)amount(s, s->done, done);
    (void)amount(s, (uint64_t)f->rate.per_second, speed);
    cli_progress_line(
        &f->progress, "%s  %s  %s  %s/s%s%s", s->kind, bar, done, speed,
        seconds == 0 ? "" : "  left: ", seconds == 0 ? "" : text_duration(seconds, left));
    cli_progress_show(&f->progress);
    if (f->progress.terminal ||
        clock_ms_until(clock_after_ms(f->noted, NOTE_SECONDS * 1000), now) > 0)
        return;
    f->noted = now;
    cli_progress_note(&f->progress, "%s: %s %s", s->kind, done, bar);
}

static enum rc
cancel(struct follow *f, struct error *e)
{
    Koffer__JobRef ref;
    koffer__job_ref__init(&ref);
    ref.job = f->job;
    cli_interrupt_taken();
    f->cancelled = true;
    if (!f->cli->json)
        cli_progress_note(&f->progress, "cancelling; Ctrl-C again does not wait for the answer");
    return cli_call(f->cli, KOFFER__MESSAGE_TYPE__JOB_CANCEL, &ref.base, NULL, NULL, e);
}

static enum rc
until_final(struct follow *f, Koffer__JobStatus **out, struct error *e)
{
    for (;;) {
        Koffer__JobStatus *s = NULL;
        TRY(ask(f, &s, e));
        if (s->final) {
            *out = s;
            return RC_OK;
        }
        draw(f, s);
        message_free(&s->base);
        if (cli_interrupt_wait(POLL_MS))
            TRY(cancel(f, e));
    }
}

static void
print_exception(uint64_t count, const char *what)
{
    if (count > 0)
        (void)printf("%" PRIu64 " %s\n", count, what);
}

/* The job's own words count what was restored; this is about the rest. */
static void
print_restored(const Koffer__RestoreCounts *r)
{
    print_exception(r->existing_kept,
                    "existing files differ and were kept; --replace overwrites them");
    print_exception(r->skipped, "were there already");
    print_exception(r->owners_not_set, "without their owner: it could not be set");
    print_exception(r->failed, "FAILED");
}

static void
print_verified(const Koffer__VerifyCounts *v)
{
    char size[TEXT_SIZE_MAX];
    cli_field("fulls", "%" PRIu64, v->fulls);
    cli_field("archives", "%" PRIu64, v->archives);
    if (v->packs > 0)
        cli_field("packs", "%" PRIu64, v->packs);
    cli_field("blobs", "%" PRIu64 ", %s", v->blobs, text_size(v->bytes, size));
    cli_field("damaged", "%" PRIu64, v->damaged);
    cli_field("missing", "%" PRIu64, v->missing);
    if (v->unreferenced > 0)
        cli_field("in no full", "%" PRIu64, v->unreferenced);
}

static void
print_result(const Koffer__JobStatus *s)
{
    for (size_t i = 0; i < s->n_findings; i++)
        cli_paragraph(stdout, 0, s->findings[i]);
    if (text_equal(s->state, "cancelled")) {
        if (s->restored != NULL)
            (void)printf("%" PRIu64 " files were restored until then\n", s->restored->files);
        return;
    }
    if (text_equal(s->state, "done"))
        cli_paragraph(stdout, 0, s->text);
    if (s->restored != NULL)
        print_restored(s->restored);
    if (s->verified != NULL)
        print_verified(s->verified);
}

static enum rc
judge(const struct follow *f, const Koffer__JobStatus *s, struct error *e)
{
    bool damaged = s->verified != NULL && (s->verified->damaged > 0 || s->verified->missing > 0);
    if (text_equal(s->state, "cancelled")) {
        f->cli->exit = f->cancelled ? CLI_INTERRUPTED : CLI_FAILED;
        return error_set(e, RC_CANCELLED, "job %" PRIu64 " was cancelled", s->job);
    }
    if (s->restored != NULL && s->restored->failed > 0)
        f->cli->exit = CLI_INCOMPLETE; /* the rest is there */
    if (!text_equal(s->state, "done"))
        return error_set(e, s->code > RC_OK && s->code < RC_COUNT_ ? (enum rc)s->code : RC_IO,
                         "%s%s%s", s->text[0] == '\0' ? "the job failed" : CLI_SAFE(s->text),
                         s->remedy[0] == '\0' ? "" : "; ", CLI_SAFE(s->remedy));
    if (damaged)
        return error_set(e, RC_CORRUPT, "the vault is damaged; see the lines above");
    return RC_OK;
}

enum rc
cli_job_run(struct cli *cli, uint16_t type, const ProtobufCMessage *request, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *ref = NULL, *last = NULL;
    CLEANUP(end_follow) struct follow f = {.cli = cli};
    Koffer__JobStatus *status = NULL;
    cli_progress_begin(&f.progress, stdout);
    TRY(cli_interrupt_arm(e)); /* before the job exists, so that Ctrl-C always reaches it */
    TRY(cli_call(cli, type, request, &koffer__job_ref__descriptor, &ref, e));
    f.job = ((const Koffer__JobRef *)ref)->job;
    f.noted = clock_mono();
    TRY(until_final(&f, &status, e));
    last = &status->base;
    cli_progress_end(&f.progress);
    if (cli->json)
        TRY(cli_json_print(last, e));
    else
        print_result(status);
    return judge(&f, status, e);
}

enum rc
cli_job_end(struct cli *cli, uint64_t job, bool interrupted, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *last = NULL;
    struct follow f = {.cli = cli, .job = job, .cancelled = interrupted};
    Koffer__JobStatus *status = NULL;
    TRY(ask(&f, &status, e));
    last = &status->base;
    if (cli->json)
        TRY(cli_json_print(last, e));
    else
        print_result(status);
    return judge(&f, status, e);
}
