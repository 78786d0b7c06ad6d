/* cycle_step.c -- orders to agents, and what comes back.  See cycle_internal.h. */
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"
#include "proto/message.h"

/* An agent answers within its own deadline; we wait this much longer for the answer to travel. */
enum { ANSWER_S = 30 };

static struct cycle_source *
by_job(struct cycle_runner *r, const char *agent, uint64_t job)
{
    struct cycle *c = r->running;
    for (size_t i = 0; c != NULL && job != 0 && i < c->count; i++)
        if (c->sources[i].job == job && text_equal(c->sources[i].agent, agent))
            return &c->sources[i];
    return NULL;
}

static uint32_t
seconds_of(const struct cycle_runner *r, Koffer__StepVerb verb)
{
    switch ((int)verb) {
    case KOFFER__STEP_VERB__STEP_READY:
        return r->options.ready_seconds;
    case KOFFER__STEP_VERB__STEP_CUT:
        return CYCLE_CUT_S;
    case KOFFER__STEP_VERB__STEP_CAPTURE:
        return r->options.capture_seconds;
    case KOFFER__STEP_VERB__STEP_CHECK:
        return CYCLE_CHECK_S;
    case KOFFER__STEP_VERB__STEP_SEAL:
        return CYCLE_SEAL_S;
    default:
        return CYCLE_RELEASE_S;
    }
}

/* The next place in the host's chain: behind what this cycle has signed already, else behind what is committed. */
static enum rc
next_in_chain(struct cycle_runner *r, struct cycle_source *s, struct error *e)
{
    TRY(catalogue_chain(r->options.catalogue, s->agent, &s->sequence, &s->previous, e));
    for (size_t i = 0; i < r->running->count; i++) {
        const struct cycle_source *other = &r->running->sources[i];
        if (other != s && other->state == CYCLE_SOURCE_SEALED &&
            text_equal(other->agent, s->agent) && other->sequence > s->sequence) {
            s->sequence = other->sequence;
            s->previous = other->record_name;
        }
    }
    s->sequence++;
    return RC_OK;
}

static enum rc
fill_order(struct cycle_runner *r, struct cycle_source *s, Koffer__StepOrder *order,
           struct id *token, struct error *e)
{
    order->job = s->job;
    order->cycle = r->running->number;
    order->verb = s->verb;
    order->source = s->source;
    order->deadline_seconds = seconds_of(r, s->verb);
    if (s->verb == KOFFER__STEP_VERB__STEP_CAPTURE) {
        TRY(data_expect(r->options.data, s->job, s->agent, DATA_CAPTURE, token, e));
        order->token = message_bytes(token->bytes, ID_SIZE);
    }
    if (s->verb == KOFFER__STEP_VERB__STEP_SEAL) {
        TRY(next_in_chain(r, s, e));
        order->sequence = s->sequence;
        order->previous = message_bytes(s->previous.bytes, ID_SIZE);
    }
    if (s->verb == KOFFER__STEP_VERB__STEP_RELEASE && s->state == CYCLE_SOURCE_SEALED &&
        cycle_fsm_is_committed(r->running->state)) {
        order->sequence = s->sequence;
        order->receipt = message_bytes(s->record_name.bytes, ID_SIZE);
    }
    order->forget = r->running->forget || s->forget;
    return RC_OK;
}

static enum cycle_source_state
state_during(Koffer__StepVerb verb, enum cycle_source_state now)
{
    return verb == KOFFER__STEP_VERB__STEP_CHECK     ? CYCLE_SOURCE_CHECK
           : verb == KOFFER__STEP_VERB__STEP_READY   ? CYCLE_SOURCE_READYING
           : verb == KOFFER__STEP_VERB__STEP_CUT     ? CYCLE_SOURCE_CUTTING
           : verb == KOFFER__STEP_VERB__STEP_CAPTURE ? CYCLE_SOURCE_CAPTURE
           : verb == KOFFER__STEP_VERB__STEP_SEAL    ? CYCLE_SOURCE_SEAL
                                                     : now; /* a release changes nothing */
}

static void
end_step(struct cycle_runner *r, struct cycle_source *s)
{
    if (s->verb == KOFFER__STEP_VERB__STEP_CAPTURE)
        data_forget(r->options.data, s->job);
    s->job = 0;
    s->lost_until = (struct mono){0};
}

/* Let go, or the agent does so by itself later: either way the cycle is through with it. */
static void
set_released(struct cycle_runner *r, struct cycle_source *s)
{
    s->released = true;
    if (s->state == CYCLE_SOURCE_SEALED && cycle_fsm_is_committed(r->running->state)) {
        s->state = CYCLE_SOURCE_DONE;
        s->finished = clock_wall();
    }
    cycle_source_save(r, s);
}

void
cycle_step_give_up(struct cycle_runner *r, struct cycle_source *s, const char *problem,
                   const char *remedy)
{
    bool release = s->verb == KOFFER__STEP_VERB__STEP_RELEASE;
    end_step(r, s);
    if (release) {
        /* The agent reaps what is left when it starts or meets us again; the cycle need not wait. */
        log_warning("release failed", LOG_TEXT("agent", s->agent), LOG_TEXT("source", s->source),
                    LOG_TEXT("problem", problem));
        set_released(r, s);
    } else {
        cycle_source_fail(r, s, problem, remedy);
    }
}

void
cycle_step_order(struct cycle_runner *r, struct cycle_source *s, Koffer__StepVerb verb)
{
    struct error e = ERROR_INIT;
    struct id token;
    Koffer__StepOrder order;
    koffer__step_order__init(&order);

    s->verb = verb;
    s->job = fleet_new_job(r->fleet);
    s->state = state_during(verb, s->state);
    s->deadline = clock_after_ms(clock_mono(), INT64_C(1000) * (seconds_of(r, verb) + ANSWER_S));
    if (s->started.ns == 0)
        s->started = clock_wall();
    if (fill_order(r, s, &order, &token, &e) != RC_OK ||
        fleet_order(r->fleet, s->agent, &order, &e) != RC_OK) {
        cycle_step_give_up(r, s, e.text,
                           e.code == RC_AGAIN || e.code == RC_NOT_FOUND
                               ? "start koffer-agent on that host, or see why it cannot connect"
                               : "");
        return;
    }
    s->begun = true;
    s->unsaved = true;
}

void
cycle_step_cancel(struct cycle_runner *r, struct cycle_source *s)
{
    if (s->lost_until.ns != 0) { /* nobody is there to answer */
        cycle_step_give_up(r, s, "its agent was lost", "");
        return;
    }
    fleet_cancel(r->fleet, s->agent, s->job);
    if (s->verb == KOFFER__STEP_VERB__STEP_CAPTURE)
        data_forget(r->options.data, s->job); /* cuts a stream that is waiting on us */
}

/* ---- results */

static void
copy_progress(struct cycle_source *s, const Koffer__Progress *p)
{
    (void)snprintf(s->phase, sizeof s->phase, "%s", p->phase);
    s->progress = (struct catalogue_progress){
        .phase = s->phase,
        .files = p->files,
        .files_total = p->files_total,
        .bytes = p->bytes,
        .bytes_total = p->bytes_total,
        .bytes_read = p->bytes_read,
        .bytes_sent = p->bytes_sent,
        .bytes_known = p->bytes_known,
    };
}

void
cycle_note(struct cycle_runner *r, const struct cycle_source *s, bool fact, const char *name,
           const char *value)
{
    struct error e = ERROR_INIT;
    const struct catalogue_note note = {.fact = fact, .name = name, .value = value};
    if (catalogue_cycle_note(r->options.catalogue, r->running->number, s->agent, s->source, &note,
                             &e) != RC_OK)
        log_error(&e, "cannot keep a note of the cycle");
}

static void
keep_notes(struct cycle_runner *r, const struct cycle_source *s, const Koffer__StepResult *result)
{
    enum { NOTES_MAX = 500 };
    for (size_t i = 0; i < result->n_warnings && i < NOTES_MAX; i++)
        cycle_note(r, s, false, "", result->warnings[i]);
    for (size_t i = 0; i < result->n_facts && i < NOTES_MAX; i++)
        cycle_note(r, s, true, result->facts[i]->name, result->facts[i]->value);
}

/* Half of what it was last time may be a great tidying, or an export that broke unseen (D15). */
static void
suspect_shrinking(struct cycle_runner *r, const struct cycle_source *s)
{
    struct error e = ERROR_INIT;
    uint64_t full, before;
    char now_text[TEXT_SIZE_MAX], before_text[TEXT_SIZE_MAX], note[256];
    if (catalogue_archive_last(r->options.catalogue, s->agent, s->source, &full, &before, &e) !=
        RC_OK) {
        log_error(&e, "cannot compare with the last archive");
        return;
    }
    if (s->totals.bytes >= before / 2)
        return;
    (void)snprintf(note, sizeof note,
                   "suspect: %s now, and %s in full %llu; see that nothing is missing",
                   text_size(s->totals.bytes, now_text), text_size(before, before_text),
                   (unsigned long long)full);
    cycle_note(r, s, false, "", note);
    log_warning("source has shrunk", LOG_TEXT("agent", s->agent), LOG_TEXT("source", s->source),
                LOG_TEXT("note", note));
}

static void
captured(struct cycle_runner *r, struct cycle_source *s, const Koffer__StepResult *result)
{
    s->state = CYCLE_SOURCE_CAPTURED;
    s->incomplete = result->incomplete;
    if (result->totals != NULL) {
        const Koffer__Totals *t = result->totals;
        s->totals = (struct record_totals){.files = t->files,
                                           .directories = t->directories,
                                           .others = t->others,
                                           .bytes = t->bytes,
                                           .unreadable = t->unreadable,
                                           .fuzzy = t->fuzzy,
                                           .vanished = t->vanished};
    }
    if (result->incomplete)
        (void)snprintf(s->problem, sizeof s->problem,
                       "something could not be read: see the warnings of this source");
    suspect_shrinking(r, s);
}

/* The signed record must be what we asked for, by the key that the agent enrolled with. */
struct seal_check {
    const struct record_archive *archive;
    bool known_key;
};

static enum rc
compare_key(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct seal_check *check = ctx;
    (void)e;
    check->known_key =
        memcmp(p->signing.bytes, check->archive->signing_key.bytes, KEYS_PUBLIC_SIZE) == 0;
    return RC_OK;
}

static enum rc
accept_record(struct cycle_runner *r, struct cycle_source *s, const Koffer__StepResult *result,
              struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(LIMIT_RECORD);
    struct record_archive a;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(vault_fence_check(r->options.vault, &s->fence, e)); /* a late one is refused: S16 */
    TRY(record_decode_archive(span_of(result->record.data, result->record.len), arena, &a, e));
    if (!text_equal(a.host, s->agent) || !text_equal(a.source, s->source) ||
        a.cycle != r->running->number || a.sequence != s->sequence ||
        !id_equal(&a.previous, &s->previous) ||
        memcmp(a.vault.bytes, vault_id(r->options.vault)->bytes, RECORD_VAULT_ID_SIZE) != 0)
        return error_set(e, RC_PROTOCOL, "the archive record is not the one that was asked for");
    struct seal_check check = {.archive = &a};
    TRY(catalogue_peer_find(r->options.catalogue, CERTIFICATE_AGENT, s->agent, compare_key, &check,
                            e));
    if (!check.known_key)
        return error_set(e, RC_DENIED, "the archive record is signed by an unknown key");
    buffer_clear(&s->record);
    TRY(buffer_append(&s->record, span_of(result->record.data, result->record.len), e));
    s->record_name = a.name;
    s->root = a.root;
    s->state = CYCLE_SOURCE_SEALED;
    s->incomplete = s->incomplete || a.state != RECORD_COMPLETE;
    cycle_barrier_seal(r, s, &a);
    return RC_OK;
}

static void
succeeded(struct cycle_runner *r, struct cycle_source *s, const Koffer__StepResult *result)
{
    struct error e = ERROR_INIT;
    bool kept = s->verb != KOFFER__STEP_VERB__STEP_CAPTURE ||
                data_fence(r->options.data, s->job, &s->fence);
    end_step(r, s);
    cycle_barrier_note(r, s, result);
    if (!kept) {
        cycle_source_fail(r, s, "the agent says it captured, but did not finish with the vault",
                          "see the log of koffer-agent on that host");
        return;
    }
    switch ((int)s->verb) {
    case KOFFER__STEP_VERB__STEP_CHECK:
        s->state = CYCLE_SOURCE_CHECKED;
        break;
    case KOFFER__STEP_VERB__STEP_READY:
        s->state = CYCLE_SOURCE_READY;
        break;
    case KOFFER__STEP_VERB__STEP_CUT:
        s->state = CYCLE_SOURCE_CUT;
        break;
    case KOFFER__STEP_VERB__STEP_CAPTURE:
        captured(r, s, result);
        break;
    case KOFFER__STEP_VERB__STEP_SEAL:
        if (accept_record(r, s, result, &e) != RC_OK)
            cycle_source_fail(r, s, e.text, "");
        break;
    case KOFFER__STEP_VERB__STEP_RELEASE:
        set_released(r, s);
        break;
    default:
        break;
    }
    cycle_source_save(r, s);
}

/* Its session with the vault was over before it was through: the host slept, or was cut off. */
static bool
may_restart(const struct cycle_runner *r, const struct cycle_source *s,
            const Koffer__StepResult *result)
{
    return result->code == RC_STALE && s->verb == KOFFER__STEP_VERB__STEP_CAPTURE &&
           s->restarts < CYCLE_RESTARTS && !r->running->cancelled;
}

/* In a new session: what was stored in the old one is there still, and asked for again. */
static void
restart(struct cycle_runner *r, struct cycle_source *s)
{
    s->restarts++;
    end_step(r, s);
    s->state = CYCLE_SOURCE_CUT; /* what was cut is there until the release */
    cycle_note(r, s, false, "",
               "nothing was heard of the host for too long: the capture began again");
    log_warning("capture begins again", LOG_U64("cycle", r->running->number),
                LOG_TEXT("agent", s->agent), LOG_TEXT("source", s->source));
    cycle_source_save(r, s);
}

void
cycle_step_result(void *runner, const char *agent, const Koffer__StepResult *result)
{
    struct cycle_runner *r = runner;
    struct cycle_source *s = by_job(r, agent, result->job);
    if (s == NULL)
        return; /* of a step that was given up, or of an earlier controller */
    if (result->progress != NULL && s->verb == KOFFER__STEP_VERB__STEP_CAPTURE)
        copy_progress(s, result->progress);
    keep_notes(r, s, result);
    if (result->code == RC_OK)
        succeeded(r, s, result);
    else if (may_restart(r, s, result))
        restart(r, s);
    else if (r->running->cancelled && s->verb != KOFFER__STEP_VERB__STEP_RELEASE) {
        end_step(r, s); /* however the step put it: it ended because it was told to */
        s->state = CYCLE_SOURCE_CANCELLED;
        s->finished = clock_wall();
        cycle_source_save(r, s);
    } else {
        /* The agent's deadline may be over before we see that ours is. */
        s->late = s->verb == KOFFER__STEP_VERB__STEP_READY && result->code == RC_TIMEOUT;
        cycle_step_give_up(r, s, result->text, result->remedy);
    }
    cycle_advance(r);
}

void
cycle_step_progress(void *runner, const char *agent, const Koffer__Progress *progress)
{
    struct cycle_runner *r = runner;
    struct cycle_source *s = by_job(r, agent, progress->job);
    if (s == NULL || s->verb != KOFFER__STEP_VERB__STEP_CAPTURE)
        return;
    data_heard(r->options.data, s->job);
    copy_progress(s, progress);
}
