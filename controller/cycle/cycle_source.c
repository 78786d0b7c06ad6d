/* cycle_source.c -- the sources of a cycle: chosen, counted, written down.  See cycle_internal.h. */
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"

static const char *const state_names[] = {
    [CYCLE_SOURCE_WAITING] = "waiting",   [CYCLE_SOURCE_CHECK] = "check",
    [CYCLE_SOURCE_CHECKED] = "checked",   [CYCLE_SOURCE_READYING] = "readying",
    [CYCLE_SOURCE_READY] = "ready",       [CYCLE_SOURCE_CUTTING] = "cutting",
    [CYCLE_SOURCE_CUT] = "cut",           [CYCLE_SOURCE_CAPTURE] = "capture",
    [CYCLE_SOURCE_CAPTURED] = "captured", [CYCLE_SOURCE_SEAL] = "seal",
    [CYCLE_SOURCE_SEALED] = "sealed",     [CYCLE_SOURCE_DONE] = "done",
    [CYCLE_SOURCE_FAILED] = "failed",     [CYCLE_SOURCE_CANCELLED] = "cancelled",
    [CYCLE_SOURCE_SKIPPED] = "skipped",
};

const char *
cycle_source_state_name(enum cycle_source_state state)
{
    return state_names[state];
}

struct catalogue_cut
cycle_source_cut(const struct cycle_source *s)
{
    return (struct catalogue_cut){s->cut_from, s->cut_until, s->snapshotted, s->clock};
}

bool
cycle_source_is_lost(const struct cycle_source *s)
{
    return s->state == CYCLE_SOURCE_FAILED || s->state == CYCLE_SOURCE_CANCELLED ||
           s->state == CYCLE_SOURCE_SKIPPED;
}

size_t
cycle_sources_in(const struct cycle *c, enum cycle_source_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->sources[i].state == state;
    return count;
}

void
cycle_sources_free(struct cycle *c)
{
    for (size_t i = 0; i < c->count; i++)
        buffer_free(&c->sources[i].record);
    free(c->sources);
    c->sources = NULL;
    c->count = 0;
}

void
cycle_sources_release(struct cycle_runner *r, struct cycle *c)
{
    for (size_t i = 0; i < c->count; i++) {
        vault_fence_release(r->options.vault, &c->sources[i].fence);
        c->sources[i].fence = (struct vault_fence){0};
    }
}

/* ---- choosing */

struct choice {
    struct cycle *cycle;
    const char *const *selection;
    size_t selected;
    bool *matched;    /* per selector */
    bool has_sources; /* of the agent being looked at */
    bool revoked;     /* it is */
};

static enum rc
add(struct cycle *c, const struct catalogue_source *from, struct cycle_source **out,
    struct error *e)
{
    struct cycle_source *grown = realloc(c->sources, (c->count + 1) * sizeof *grown);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "sources of a cycle");
    c->sources = grown;
    struct cycle_source *s = &grown[c->count++];
    *s = (struct cycle_source){.required = from->required,
                               .record = BUFFER_INIT(LIMIT_RECORD),
                               .clock = {.offset_ns = RECORD_CLOCK_UNKNOWN}};
    (void)snprintf(s->agent, sizeof s->agent, "%s", from->agent);
    (void)snprintf(s->source, sizeof s->source, "%s", from->name);
    (void)snprintf(s->kind, sizeof s->kind, "%s", from->kind);
    *out = s;
    return RC_OK;
}

/* A bare name has no dot: a source that is called like another host's would be taken for that. */
static bool
is_bare_name_of(const char *wanted, const char *source)
{
    return strchr(wanted, '.') == NULL && text_equal(wanted, source);
}

static bool
is_selected(struct choice *choice, const char *agent, const char *source)
{
    char both[2 * LIMIT_LABEL + 2];
    bool any = choice->selected == 0;
    (void)snprintf(both, sizeof both, "%s.%s", agent, source);
    for (size_t i = 0; i < choice->selected; i++) {
        const char *wanted = choice->selection[i];
        if (text_equal(wanted, both) || text_equal(wanted, agent) ||
            is_bare_name_of(wanted, source))
            any = choice->matched[i] = true;
    }
    return any;
}

static enum rc
choose_source(void *ctx, const struct catalogue_source *from, struct error *e)
{
    struct choice *choice = ctx;
    struct cycle_source *s;
    TRY(add(choice->cycle, from, &s, e));
    choice->has_sources = true;
    if (!is_selected(choice, s->agent, s->source)) {
        s->state = CYCLE_SOURCE_SKIPPED;
        s->finished = choice->cycle->started;
        (void)snprintf(s->problem, sizeof s->problem, "not asked for in this cycle");
    } else if (from->withdrawn) {
        s->state = CYCLE_SOURCE_FAILED;
        s->finished = choice->cycle->started;
        (void)snprintf(s->problem, sizeof s->problem,
                       choice->revoked ? "its agent was revoked"
                                       : "it is no longer in the configuration of its agent");
        (void)snprintf(
            s->remedy, sizeof s->remedy, "%s, or run 'koffer source forget %s.%s' if that is meant",
            choice->revoked ? "enrol the agent anew" : "put it back there", s->agent, s->source);
    }
    return RC_OK;
}

struct agents {
    struct cycle_runner *runner;
    struct choice choice;
};

/* Stands for the sources of an agent that never told any: a record takes names only, and so no '*'. */
#define UNTOLD "unknown"

/* An enrolled agent that never told its sources must not be forgotten in silence. */
static enum rc
add_silent_agent(struct choice *choice, const char *agent, struct error *e)
{
    struct cycle_source *s;
    const struct catalogue_source nothing = {
        .agent = agent, .name = UNTOLD, .kind = "unknown", .required = true};
    TRY(add(choice->cycle, &nothing, &s, e));
    s->state = is_selected(choice, agent, UNTOLD) ? CYCLE_SOURCE_FAILED : CYCLE_SOURCE_SKIPPED;
    s->finished = choice->cycle->started;
    (void)snprintf(s->problem, sizeof s->problem,
                   s->state == CYCLE_SOURCE_FAILED ? "the agent has not told any source yet"
                                                   : "not asked for in this cycle");
    (void)snprintf(s->remedy, sizeof s->remedy,
                   "start koffer-agent on that host and declare its sources");
    return RC_OK;
}

static enum rc
choose_agent(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct agents *agents = ctx;
    if (!p->enrolled && p->revoked.ns == 0)
        return RC_OK;
    agents->choice.has_sources = false;
    agents->choice.revoked = !p->enrolled;
    TRY(catalogue_source_each(agents->runner->options.catalogue, p->name, choose_source,
                              &agents->choice, e));
    return agents->choice.has_sources || !p->enrolled
               ? RC_OK
               : add_silent_agent(&agents->choice, p->name, e);
}

enum rc
cycle_sources_choose(struct cycle_runner *r, struct cycle *c, const char *const *selection,
                     size_t count, struct error *e)
{
    enum { SELECTION_MAX = 256 };
    bool matched[SELECTION_MAX] = {false};
    if (count > SELECTION_MAX)
        return error_set(e, RC_INVALID, "more than %d sources named", (int)SELECTION_MAX);
    struct agents agents = {
        .runner = r,
        .choice = {.cycle = c, .selection = selection, .selected = count, .matched = matched},
    };
    TRY(catalogue_peer_each(r->options.catalogue, CERTIFICATE_AGENT, choose_agent, &agents, e));
    for (size_t i = 0; i < count; i++) {
        char shown[2 * LIMIT_LABEL];
        if (!matched[i]) {
            return error_set(
                e, RC_NOT_FOUND,
                "no source, agent or agent.source is named '%s'; see 'koffer source "
                "list'",
                text_escape(span_of(selection[i], strlen(selection[i])), shown, sizeof shown));
        }
    }
    if (c->count == 0) {
        return error_set(e, RC_NOT_FOUND,
                         "there is nothing to back up yet: enrol agents with 'koffer agent add'");
    }
    return RC_OK;
}

/* ---- fate */

void
cycle_source_save(struct cycle_runner *r, const struct cycle_source *s)
{
    struct error e = ERROR_INIT;
    const struct catalogue_cycle_source row = {
        .agent = s->agent,
        .source = s->source,
        .kind = s->kind,
        .state = state_names[s->state],
        .problem = s->problem,
        .remedy = s->remedy,
        .required = s->required,
        .started = s->started,
        .finished = s->finished,
        .totals = s->totals,
        .progress = s->progress,
        .cut = cycle_source_cut(s),
    };
    if (catalogue_cycle_source_set(r->options.catalogue, r->running->number, &row, &e) != RC_OK)
        log_error(&e, "cannot write down the state of a source", LOG_TEXT("agent", s->agent),
                  LOG_TEXT("source", s->source));
}

void
cycle_source_fail(struct cycle_runner *r, struct cycle_source *s, const char *problem,
                  const char *remedy)
{
    s->state = CYCLE_SOURCE_FAILED;
    s->finished = clock_wall();
    (void)snprintf(s->problem, sizeof s->problem, "%s", problem);
    (void)snprintf(s->remedy, sizeof s->remedy, "%s", remedy);
    log_warning("source failed", LOG_U64("cycle", r->running->number), LOG_TEXT("agent", s->agent),
                LOG_TEXT("source", s->source), LOG_TEXT("problem", problem));
    cycle_source_save(r, s);
}
