/* cli_cycle_watch.c -- see cli_cycle.h. */
#include <inttypes.h>

#include "controller/cli/cli_cycle.h"
#include "controller/cli/cli_interrupt.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_progress.h"

enum { POLL_MS = 300, NOTE_SECONDS = 15, SOURCES_MAX = 256 };

/* What the last picture said of a source, to tell news from old. */
struct seen {
    char state[32], phase[32];
    struct cli_rate rate;
    struct mono noted;
};

struct watch {
    struct cli *cli;
    uint64_t cycle;
    char state[32];
    struct cli_progress progress;
    struct seen seen[SOURCES_MAX];
};

static void
end_watch(struct watch *w)
{
    cli_progress_end(&w->progress);
}

/* Copies, truncated; whether that changed anything. */
static bool
changes(char room[static 32], const char *text)
{
    char fresh[32];
    (void)snprintf(fresh, sizeof fresh, "%s", text);
    if (text_equal(room, fresh))
        return false;
    memcpy(room, fresh, sizeof fresh);
    return true;
}

static void
draw_source(struct watch *w, const Koffer__CycleSource *s, const struct seen *seen)
{
    char bytes[TEXT_SIZE_MAX], rate[TEXT_SIZE_MAX], sent[TEXT_SIZE_MAX], known[TEXT_SIZE_MAX];
    char bar[CLI_PROGRESS_BAR], left[TEXT_DURATION_MAX];
    const Koffer__Progress *p = s->progress;
    char name[48];
    (void)snprintf(name, sizeof name, "%.20s.%.20s", s->agent, s->source);
    if (p == NULL || (p->bytes == 0 && p->files == 0)) {
        cli_progress_line(&w->progress, "  %-22s %-9s %s", name, s->state, s->problem);
        return;
    }
    uint64_t seconds = s->finished != 0 ? 0 : cli_rate_left(&seen->rate, p->bytes_total);
    /* What matters most comes first: a narrow terminal cuts the rest off. */
    cli_progress_line(
        &w->progress, "  %-22s %-8s %s %s %s/s  new %s  known %s  %" PRIu64 " files%s%s  %s", name,
        s->state, cli_progress_bar(p->bytes, p->bytes_total, bar), text_size(p->bytes, bytes),
        text_size((uint64_t)seen->rate.per_second, rate), text_size(p->bytes_sent, sent),
        text_size(p->bytes_known, known), p->files,
        seconds == 0 ? "" : "  left: ", seconds == 0 ? "" : text_duration(seconds, left),
        s->finished != 0 ? "" : p->phase);
}

static void
note_source(struct watch *w, const Koffer__CycleSource *s, struct seen *seen, struct mono now)
{
    char bytes[TEXT_SIZE_MAX], sent[TEXT_SIZE_MAX];
    const Koffer__Progress *p = s->progress;
    bool news = changes(seen->state, s->state);
    news = changes(seen->phase, p == NULL ? "" : p->phase) || news;
    bool long_ago = clock_ms_until(clock_after_ms(seen->noted, NOTE_SECONDS * 1000), now) == 0;
    bool running = p != NULL && s->finished == 0 && s->started != 0;
    if (w->progress.terminal || !(news || (long_ago && running)))
        return;
    seen->noted = now;
    if (p == NULL || p->bytes == 0)
        cli_progress_note(&w->progress, "%s.%s: %s%s%s", s->agent, s->source, s->state,
                          s->problem[0] == '\0' ? "" : ": ", s->problem);
    else
        cli_progress_note(&w->progress, "%s.%s: %s%s%s, %" PRIu64 " files, %s, %s sent", s->agent,
                          s->source, s->state, running ? " " : "", running ? p->phase : "",
                          p->files, text_size(p->bytes, bytes), text_size(p->bytes_sent, sent));
}

static void
draw(struct watch *w, const Koffer__CycleStatus *s)
{
    struct mono now = clock_mono();
    char age[TEXT_DURATION_MAX];
    int64_t seconds = clock_between((struct wall){s->started}, clock_wall()) / CLOCK_NS_PER_SECOND;
    if (w->cli->json)
        return;
    if (changes(w->state, s->state) && !w->progress.terminal)
        cli_progress_note(&w->progress, "cycle %" PRIu64 ": %s", s->cycle, s->state);
    cli_progress_line(&w->progress, "cycle %" PRIu64 ": %s, %s", s->cycle, s->state,
                      text_duration(seconds > 0 ? (uint64_t)seconds : 0, age));
    for (size_t i = 0; i < s->n_sources && i < SOURCES_MAX; i++) {
        const Koffer__CycleSource *source = s->sources[i];
        if (source->progress != NULL)
            cli_rate_update(&w->seen[i].rate, source->progress->bytes, now);
        note_source(w, source, &w->seen[i], now);
        draw_source(w, source, &w->seen[i]);
    }
    cli_progress_show(&w->progress);
}

static enum rc
stop_watching(const struct watch *w, struct error *e)
{
    w->cli->exit = CLI_INTERRUPTED;
    return error_set(e, RC_CANCELLED,
                     "no longer watching; cycle %" PRIu64
                     " goes on (koffer cycle watch, koffer cycle cancel)",
                     w->cycle);
}

static enum rc
until_final(struct watch *w, ProtobufCMessage **out, struct error *e)
{
    for (;;) {
        CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
        Koffer__CycleRef ref;
        koffer__cycle_ref__init(&ref);
        ref.cycle = w->cycle;
        TRY(cli_call(w->cli, KOFFER__MESSAGE_TYPE__CYCLE_STATUS, &ref.base,
                     &koffer__cycle_status__descriptor, &reply, e));
        const Koffer__CycleStatus *s = (const Koffer__CycleStatus *)reply;
        w->cycle = s->cycle;
        draw(w, s);
        if (s->final) {
            *out = TAKE(reply);
            return RC_OK;
        }
        if (cli_interrupt_wait(POLL_MS))
            return stop_watching(w, e);
    }
}

static enum rc
judge(struct cli *cli, const Koffer__CycleStatus *s, struct error *e)
{
    if (text_equal(s->state, "full"))
        return RC_OK;
    if (text_equal(s->state, "incomplete")) {
        cli->exit = CLI_INCOMPLETE;
        return error_set(e, RC_INVALID,
                         "cycle %" PRIu64 " is incomplete and no full; its record keeps what was "
                         "captured",
                         s->cycle);
    }
    cli->exit = CLI_FAILED;
    return error_set(e, RC_CANCELLED, "cycle %" PRIu64 " %s%s%s", s->cycle,
                     text_equal(s->state, "cancelled") ? "was cancelled" : "failed",
                     s->problem[0] == '\0' ? "" : ": ", CLI_SAFE(s->problem));
}

enum rc
cli_cycle_watch(struct cli *cli, uint64_t cycle, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *last = NULL;
    CLEANUP(own_freep) struct watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return error_set(e, RC_NO_MEMORY, "watch");
    w->cli = cli;
    w->cycle = cycle;
    cli_progress_begin(&w->progress, stdout);
    TRY(cli_interrupt_arm(e));
    enum rc rc = until_final(w, &last, e);
    end_watch(w);
    if (rc != RC_OK)
        return rc;
    const Koffer__CycleStatus *s = (const Koffer__CycleStatus *)last;
    if (cli->json)
        TRY(cli_json_print(last, e));
    else
        cli_cycle_print(s);
    return judge(cli, s, e);
}
