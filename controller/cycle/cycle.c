/* cycle.c -- the cycle's own states: what each one waits for and what follows.  See cycle.h. */
#include "controller/cycle/cycle.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"

enum rc
cycle_runner_new(const struct cycle_options *options, struct cycle_runner **out, struct error *e)
{
    struct cycle_runner *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "cycle runner");
    r->options = *options;
    *out = r;
    return RC_OK;
}

static void
free_cycle(struct cycle_runner *r, struct cycle *c)
{
    if (c == NULL)
        return;
    cycle_sources_release(r, c);
    cycle_sources_free(c);
    free(c);
}

void
cycle_runner_free(struct cycle_runner *r)
{
    if (r == NULL)
        return;
    cycle_seal_stop(r);
    free_cycle(r, r->running);
    free(r);
}

struct fleet_owner
cycle_fleet_owner(struct cycle_runner *r)
{
    return (struct fleet_owner){
        .ctx = r,
        .result = cycle_step_result,
        .progress = cycle_step_progress,
        .up = cycle_step_up,
        .lost = cycle_step_lost,
    };
}

void
cycle_set_fleet(struct cycle_runner *r, struct fleet *fleet)
{
    r->fleet = fleet;
}

const struct cycle *
cycle_running(const struct cycle_runner *r)
{
    return r->running;
}

/* ---- start and cancel */

/* A number that the vault holds already could never be committed. */
static enum rc
newest_in_vault(struct vault *v, uint64_t *out, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count = 0;
    TRY_IN(vault_fulls(v, &fulls, &count, e), e, "list the fulls of the vault");
    *out = count > 0 ? fulls[count - 1].number : 0;
    return RC_OK;
}

static enum rc
make(struct cycle_runner *r, const char *const *selection, size_t count, const char *started_by,
     struct cycle *c, struct error *e)
{
    c->started = clock_wall();
    (void)snprintf(c->started_by, sizeof c->started_by, "%s", started_by);
    uint64_t newest;
    TRY(cycle_sources_choose(r, c, selection, count, e));
    TRY(newest_in_vault(r->options.vault, &newest, e));
    return catalogue_cycle_new(r->options.catalogue, newest, started_by, c->started, &c->number, e);
}

enum rc
cycle_start(struct cycle_runner *r, const char *const *selection, size_t count,
            const char *started_by, uint64_t *number, struct error *e)
{
    if (r->running != NULL) {
        return error_set(e, RC_EXISTS, "cycle %llu is running already (%s)",
                         (unsigned long long)r->running->number,
                         cycle_fsm_state_name(r->running->state));
    }
    TRY(vault_check_ready(r->options.vault, e)); /* before anybody does anything for it (D6) */
    struct cycle *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "cycle");
    enum rc rc = make(r, selection, count, started_by, c, e);
    if (rc != RC_OK) {
        free_cycle(r, c);
        return rc;
    }
    c->doubts = vault_doubts(r->options.vault);
    c->forget = c->doubts != r->doubts;
    r->running = c;
    *number = c->number;
    log_info("cycle started", LOG_U64("cycle", c->number), LOG_U64("sources", c->count),
             LOG_TEXT("by", started_by));
    for (size_t i = 0; i < c->count; i++)
        cycle_source_save(r, &c->sources[i]);
    cycle_take(r, CYCLE_START, "");
    cycle_advance(r);
    return RC_OK;
}

enum rc
cycle_cancel(struct cycle_runner *r, uint64_t number, uint64_t *cancelled, struct error *e)
{
    struct cycle *c = r->running;
    if (c == NULL || (number != 0 && number != c->number)) {
        return number == 0 ? error_set(e, RC_NOT_FOUND, "no cycle is running")
                           : error_set(e, RC_NOT_FOUND, "cycle %llu is not running",
                                       (unsigned long long)number);
    }
    if (cycle_fsm_is_committed(c->state)) {
        return error_set(e, RC_INVALID,
                         "cycle %llu is committed already (%s); there is nothing to cancel",
                         (unsigned long long)c->number, cycle_fsm_state_name(c->state));
    }
    *cancelled = c->number;
    c->cancelled = true;
    if (c->working)
        return RC_OK; /* the commit in flight decides: see cycle_seal.c */
    cycle_take(r, CYCLE_CANCEL, "cancelled by the operator");
    cycle_advance(r);
    return RC_OK;
}

/* ---- transitions */

static void
finish(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    log_info("cycle finished", LOG_U64("cycle", c->number),
             LOG_TEXT("state", cycle_fsm_state_name(c->state)), LOG_TEXT("problem", c->problem));
    free_cycle(r, c);
    r->running = NULL;
}

static enum rc
enter(struct cycle_runner *r, enum cycle_state next, enum cycle_event event, struct error *e)
{
    struct cycle *c = r->running;
    c->state = next;
    if (next == CYCLE_UNWINDING && c->unwind_until.ns == 0)
        c->unwind_until = clock_after_ms(clock_mono(), INT64_C(1000) * CYCLE_UNWIND_S);
    log_info("cycle", LOG_U64("cycle", c->number), LOG_TEXT("state", cycle_fsm_state_name(next)),
             LOG_TEXT("event", cycle_fsm_event_name(event)));
    return catalogue_cycle_state(r->options.catalogue, c->number, cycle_fsm_state_name(next),
                                 cycle_fsm_event_name(event), c->problem, cycle_fsm_is_final(next),
                                 clock_wall(), e);
}

/* Nothing is done in a state that is not written down; only letting go and what is committed need no leave. */
static bool
needs_writing(enum cycle_state state)
{
    return !cycle_fsm_is_final(state) && !cycle_fsm_is_committed(state) && state != CYCLE_UNWINDING;
}

void
cycle_take(struct cycle_runner *r, enum cycle_event event, const char *problem)
{
    struct cycle *c = r->running;
    struct error e = ERROR_INIT;
    enum cycle_state next;
    if (cycle_fsm_next(c->state, event, &next, &e) != RC_OK) {
        log_error(&e, "cycle", LOG_U64("cycle", c->number));
        return;
    }
    if (problem[0] != '\0')
        (void)snprintf(c->problem, sizeof c->problem, "%s", problem);
    if (enter(r, next, event, &e) == RC_OK)
        return;
    log_error(&e, "cannot write down the state of the cycle", LOG_U64("cycle", c->number));
    if (!needs_writing(next))
        return; /* the next start of the controller puts the catalogue right */
    (void)snprintf(c->problem, sizeof c->problem, "%s", e.text);
    if (enter(r, CYCLE_UNWINDING, CYCLE_NOTHING_LEFT, &e) != RC_OK)
        log_error(&e, "cannot write down the end of the cycle", LOG_U64("cycle", c->number));
}

/* ---- what each state does; true: an event was taken, look again */

const char *
cycle_first_problem(const struct cycle *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->sources[i].state == CYCLE_SOURCE_FAILED)
            return c->sources[i].problem;
    return "no source is left";
}

static size_t
steps_at(const struct cycle *c, const char *agent)
{
    size_t steps = 0;
    for (size_t i = 0; i < c->count; i++)
        steps += c->sources[i].job != 0 && text_equal(c->sources[i].agent, agent);
    return steps;
}

static void
save_ordered(struct cycle_runner *r)
{
    for (size_t i = 0; i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->unsaved)
            cycle_source_save(r, s);
        s->unsaved = false;
    }
}

void
cycle_order_some(struct cycle_runner *r, enum cycle_source_state from, Koffer__StepVerb verb,
                 size_t most)
{
    struct cycle *c = r->running;
    for (size_t i = 0; i < c->count; i++)
        if (c->sources[i].state == from && steps_at(c, c->sources[i].agent) < most)
            cycle_step_order(r, &c->sources[i], verb);
    save_ordered(r);
}

static bool
do_checking(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    cycle_order_some(r, CYCLE_SOURCE_WAITING, KOFFER__STEP_VERB__STEP_CHECK, CYCLE_STEPS);
    if (cycle_sources_in(c, CYCLE_SOURCE_WAITING) + cycle_sources_in(c, CYCLE_SOURCE_CHECK) > 0)
        return false;
    bool any = cycle_sources_in(c, CYCLE_SOURCE_CHECKED) > 0;
    cycle_take(r, any ? CYCLE_CHECKED : CYCLE_NOTHING_LEFT, any ? "" : cycle_first_problem(c));
    return true;
}

static bool
do_capturing(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    cycle_order_some(r, CYCLE_SOURCE_CUT, KOFFER__STEP_VERB__STEP_CAPTURE, 1);
    if (cycle_sources_in(c, CYCLE_SOURCE_CUT) + cycle_sources_in(c, CYCLE_SOURCE_CAPTURE) > 0)
        return false;
    bool any = cycle_sources_in(c, CYCLE_SOURCE_CAPTURED) > 0;
    cycle_take(r, any ? CYCLE_CAPTURED : CYCLE_NOTHING_LEFT, any ? "" : cycle_first_problem(c));
    return true;
}

static bool
do_sealing(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    if (c->working)
        return false;
    cycle_order_some(r, CYCLE_SOURCE_CAPTURED, KOFFER__STEP_VERB__STEP_SEAL, 1);
    if (cycle_sources_in(c, CYCLE_SOURCE_CAPTURED) + cycle_sources_in(c, CYCLE_SOURCE_SEAL) > 0)
        return false;
    if (cycle_sources_in(c, CYCLE_SOURCE_SEALED) == 0) {
        cycle_take(r, CYCLE_NOTHING_LEFT, cycle_first_problem(c));
        return true;
    }
    cycle_seal_commit(r);
    return false;
}

/* Orders every release that is due; true when there is none left to wait for. */
static bool
release_all(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    bool all = true;
    for (size_t i = 0; i < c->count; i++) {
        struct cycle_source *s = &c->sources[i];
        if (s->begun && !s->released && s->job == 0 && steps_at(c, s->agent) < CYCLE_STEPS)
            cycle_step_order(r, s, KOFFER__STEP_VERB__STEP_RELEASE);
        all = all && (!s->begun || s->released);
    }
    save_ordered(r);
    return all;
}

static bool
do_releasing(struct cycle_runner *r)
{
    if (!release_all(r))
        return false;
    cycle_take(r, CYCLE_RELEASED, "");
    return true;
}

static bool
do_verifying(struct cycle_runner *r)
{
    if (!r->running->working)
        cycle_seal_verify(r);
    return false;
}

static bool
do_unwinding(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    for (size_t i = 0; i < c->count; i++)
        if (c->sources[i].job != 0 && c->sources[i].verb != KOFFER__STEP_VERB__STEP_RELEASE)
            cycle_step_cancel(r, &c->sources[i]);
    bool late = clock_ms_until(c->unwind_until, clock_mono()) == 0;
    if (!release_all(r) && !late)
        return false;
    for (size_t i = 0; i < c->count; i++) {
        struct cycle_source *s = &c->sources[i];
        if (!cycle_source_is_lost(s) && s->state != CYCLE_SOURCE_DONE) {
            s->state = CYCLE_SOURCE_CANCELLED;
            s->finished = clock_wall();
            cycle_source_save(r, s);
        }
    }
    cycle_take(r, c->cancelled ? CYCLE_UNWOUND_CANCELLED : CYCLE_UNWOUND_FAILED, "");
    return true;
}

static bool (*const deeds[CYCLE_STATE_COUNT_])(struct cycle_runner *r) = {
    [CYCLE_CHECKING] = do_checking,     [CYCLE_READYING] = cycle_do_readying,
    [CYCLE_CUTTING] = cycle_do_cutting, [CYCLE_CAPTURING] = do_capturing,
    [CYCLE_SEALING] = do_sealing,       [CYCLE_RELEASING] = do_releasing,
    [CYCLE_VERIFYING] = do_verifying,   [CYCLE_UNWINDING] = do_unwinding,
};

void
cycle_advance(struct cycle_runner *r)
{
    while (r->running != NULL && deeds[r->running->state] != NULL && deeds[r->running->state](r)) {
    }
    if (r->running != NULL && cycle_fsm_is_final(r->running->state))
        finish(r);
}

void
cycle_tick(struct cycle_runner *r)
{
    if (r->running == NULL)
        return;
    cycle_step_watch(r, clock_mono());
    cycle_advance(r);
}
