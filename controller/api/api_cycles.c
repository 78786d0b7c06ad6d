/* api_cycles.c -- start, watch, cancel, list cycles. */
#include "controller/api/api_internal.h"

enum { LIST_DEFAULT = 20, LIST_MAX = 500 };

enum rc
api_cycle_start(struct api_call *call, struct error *e)
{
    const Koffer__CycleStart *request = (const Koffer__CycleStart *)call->request;
    Koffer__CycleRef *reply = API_NEW(call, Koffer__CycleRef);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "cycle");
    koffer__cycle_ref__init(reply);
    enum rc rc = cycle_start(call->api->options.cycles, (const char *const *)request->sources,
                             request->n_sources, call->who, &reply->cycle, e);
    if (rc == RC_EXISTS)
        call->remedy = "watch it with 'koffer cycle watch', or end it with 'koffer cycle cancel'";
    call->reply = &reply->base;
    return rc;
}

enum rc
api_cycle_cancel(struct api_call *call, struct error *e)
{
    const Koffer__CycleRef *request = (const Koffer__CycleRef *)call->request;
    Koffer__CycleRef *reply = API_NEW(call, Koffer__CycleRef);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "cycle");
    koffer__cycle_ref__init(reply);
    call->reply = &reply->base;
    return cycle_cancel(call->api->options.cycles, request->cycle, &reply->cycle, e);
}

/* ---- status */

struct gathering {
    struct api_call *call;
    struct api_list sources, warnings, facts;
    uint64_t cycle;
    size_t *room; /* bytes that remarks may still take: a long answer must not fail for them */
};

enum { REMARKS_MAX = LIMIT_CONTROL_MESSAGE / 2, REMARK_OVERHEAD = 16 };

/* Takes room for a remark; when there is none left, the first time says so. */
static enum rc
take_room(struct gathering *g, const struct catalogue_note *n, bool *fits, struct error *e)
{
    size_t size = strlen(n->name) + strlen(n->value) + REMARK_OVERHEAD;
    *fits = size <= *g->room;
    if (*fits)
        *g->room -= size;
    if (*fits || *g->room == 0)
        return RC_OK;
    *g->room = 0;
    return api_push(g->call, &g->warnings,
                    message_text("there are more remarks than fit here; see the agent's log"), e);
}

static enum rc
add_note(void *ctx, const struct catalogue_note *n, struct error *e)
{
    struct gathering *g = ctx;
    bool fits;
    TRY(take_room(g, n, &fits, e));
    if (!fits)
        return RC_OK;
    if (!n->fact)
        return api_push(g->call, &g->warnings, api_text(g->call, n->value), e);
    Koffer__Fact *fact = API_NEW(g->call, Koffer__Fact);
    TRY(api_push(g->call, &g->facts, fact, e));
    koffer__fact__init(fact);
    fact->name = api_text(g->call, n->name);
    fact->value = api_text(g->call, n->value);
    return RC_OK;
}

static Koffer__Progress *
progress_of(struct api_call *call, const struct catalogue_progress *p)
{
    Koffer__Progress *out = API_NEW(call, Koffer__Progress);
    if (out == NULL)
        return NULL;
    koffer__progress__init(out);
    out->phase = api_text(call, p->phase != NULL ? p->phase : "");
    out->files = p->files;
    out->files_total = p->files_total;
    out->bytes = p->bytes;
    out->bytes_total = p->bytes_total;
    out->bytes_read = p->bytes_read;
    out->bytes_sent = p->bytes_sent;
    out->bytes_known = p->bytes_known;
    return out;
}

static Koffer__Totals *
totals_of(struct api_call *call, const struct record_totals *t)
{
    Koffer__Totals *out = API_NEW(call, Koffer__Totals);
    if (out == NULL)
        return NULL;
    koffer__totals__init(out);
    out->files = t->files;
    out->directories = t->directories;
    out->others = t->others;
    out->bytes = t->bytes;
    out->unreadable = t->unreadable;
    out->fuzzy = t->fuzzy;
    out->vanished = t->vanished;
    return out;
}

static enum rc
add_source(void *ctx, const struct catalogue_cycle_source *s, struct error *e)
{
    struct gathering *g = ctx;
    struct gathering notes = {.call = g->call, .room = g->room};
    Koffer__CycleSource *out = API_NEW(g->call, Koffer__CycleSource);
    TRY(api_push(g->call, &g->sources, out, e));
    koffer__cycle_source__init(out);
    out->agent = api_text(g->call, s->agent);
    out->source = api_text(g->call, s->source);
    out->kind = api_text(g->call, s->kind);
    out->required = s->required;
    out->state = api_text(g->call, s->state);
    out->problem = api_text(g->call, s->problem);
    out->remedy = api_text(g->call, s->remedy);
    out->started = s->started.ns;
    out->finished = s->finished.ns;
    out->progress = progress_of(g->call, &s->progress);
    out->totals = totals_of(g->call, &s->totals);
    TRY(api_cut_of(g->call, &s->cut, &out->cut, e));
    TRY(catalogue_cycle_notes(g->call->api->options.catalogue, g->cycle, s->agent, s->source,
                              add_note, &notes, e));
    out->n_warnings = notes.warnings.count;
    out->warnings = (char **)notes.warnings.items;
    out->n_facts = notes.facts.count;
    out->facts = (Koffer__Fact **)notes.facts.items;
    return RC_OK;
}

/* The running cycle's sources are fresher in memory than in the catalogue. */
static enum rc
add_live_sources(struct gathering *g, const struct cycle *c, struct error *e)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct cycle_source *s = &c->sources[i];
        const struct catalogue_cycle_source row = {
            .agent = s->agent,
            .source = s->source,
            .kind = s->kind,
            .state = cycle_source_state_name(s->state),
            .problem = s->problem,
            .remedy = s->remedy,
            .required = s->required,
            .started = s->started,
            .finished = s->finished,
            .totals = s->totals,
            .progress = s->progress,
            .cut = cycle_source_cut(s),
        };
        TRY(add_source(g, &row, e));
    }
    return RC_OK;
}

struct status_fill {
    struct api_call *call;
    Koffer__CycleStatus *out;
};

static enum rc
fill_status(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    struct status_fill *fill = ctx;
    enum cycle_state state;
    TRY(cycle_fsm_state_of(cy->state, &state, e));
    fill->out->cycle = cy->number;
    fill->out->state = api_text(fill->call, cy->state);
    fill->out->final = cycle_fsm_is_final(state);
    fill->out->started = cy->started.ns;
    fill->out->finished = cy->finished.ns;
    fill->out->problem = api_text(fill->call, cy->problem);
    fill->out->started_by = api_text(fill->call, cy->started_by);
    return RC_OK;
}

static enum rc
take_number(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    (void)e;
    *(uint64_t *)ctx = cy->number;
    return RC_OK;
}

static enum rc
take_skew(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    *(int64_t *)ctx = f->skew_ns;
    return RC_OK;
}

/* Known with the record: a cycle that was not committed has none. */
static enum rc
find_skew(struct catalogue *c, uint64_t number, int64_t *out, struct error *e)
{
    bool committed;
    *out = -1;
    TRY(catalogue_full_has(c, number, &committed, e));
    return committed ? catalogue_full_find(c, number, take_skew, out, e) : RC_OK;
}

enum rc
api_cycle_status(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    const struct cycle *running = cycle_running(o->cycles);
    uint64_t number = ((const Koffer__CycleRef *)call->request)->cycle;
    Koffer__CycleStatus *reply = API_NEW(call, Koffer__CycleStatus);
    struct status_fill fill = {.call = call, .out = reply};
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "cycle");
    koffer__cycle_status__init(reply);
    if (number == 0)
        TRY(catalogue_cycle_each(o->catalogue, 0, 1, take_number, &number, e));
    if (number == 0)
        return error_set(e, RC_NOT_FOUND, "there has been no cycle yet");
    TRY(catalogue_cycle_find(o->catalogue, number, fill_status, &fill, e));

    TRY(find_skew(o->catalogue, number, &reply->skew, e));
    size_t room = REMARKS_MAX;
    struct gathering g = {.call = call, .cycle = number, .room = &room};
    if (running != NULL && running->number == number)
        TRY(add_live_sources(&g, running, e));
    else
        TRY(catalogue_cycle_sources(o->catalogue, number, add_source, &g, e));
    reply->n_sources = g.sources.count;
    reply->sources = (Koffer__CycleSource **)g.sources.items;
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- list */

static enum rc
add_summary(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    struct gathering *g = ctx;
    Koffer__CycleSummary *out = API_NEW(g->call, Koffer__CycleSummary);
    TRY(api_push(g->call, &g->sources, out, e));
    koffer__cycle_summary__init(out);
    out->cycle = cy->number;
    out->state = api_text(g->call, cy->state);
    out->started = cy->started.ns;
    out->finished = cy->finished.ns;
    out->sources = cy->sources;
    out->failed = cy->failed;
    out->bytes = cy->bytes;
    out->bytes_sent = cy->bytes_sent;
    out->problem = api_text(g->call, cy->problem);
    return RC_OK;
}

enum rc
api_cycle_list(struct api_call *call, struct error *e)
{
    const Koffer__ListRequest *request = (const Koffer__ListRequest *)call->request;
    struct gathering g = {.call = call};
    uint32_t limit = request->limit == 0 ? LIST_DEFAULT : request->limit;
    Koffer__CycleList *reply = API_NEW(call, Koffer__CycleList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "cycles");
    TRY(catalogue_cycle_each(call->api->options.catalogue, request->before,
                             limit < LIST_MAX ? limit : LIST_MAX, add_summary, &g, e));
    koffer__cycle_list__init(reply);
    reply->n_cycles = g.sources.count;
    reply->cycles = (Koffer__CycleSummary **)g.sources.items;
    call->reply = &reply->base;
    return RC_OK;
}
