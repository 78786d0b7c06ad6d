/* cycle_barrier.c -- all get ready, then all are cut at once.  See cycle_internal.h, docs/architecture/cut.md. */
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"

/* Clocks that are farther apart, or known less well, make the instants of a cut doubtful. */
#define CLOCK_OFF_NS CLOCK_NS_PER_SECOND
#define CLOCK_UNCERTAIN_NS (50 * CLOCK_NS_PER_MS)

/* ---- ready */

static bool
is_first_of_its_agent(const struct cycle *c, const struct cycle_source *s)
{
    for (const struct cycle_source *other = c->sources; other < s; other++)
        if (text_equal(other->agent, s->agent) && !cycle_source_is_lost(other))
            return false;
    return true;
}

/* Once for each agent; the answers come while its sources get ready. */
static void
begin(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    c->ready_until = clock_after_ms(clock_mono(), INT64_C(1000) * r->options.ready_seconds);
    for (size_t i = 0; i < c->count; i++)
        if (!cycle_source_is_lost(&c->sources[i]) && is_first_of_its_agent(c, &c->sources[i]))
            fleet_clock_measure(r->fleet, c->sources[i].agent);
}

/* Who knows no barrier is read live.  Who is not there now is asked like everybody, and so found missing. */
static void
pass_by(struct cycle_runner *r)
{
    for (size_t i = 0; i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->state != CYCLE_SOURCE_CHECKED)
            continue;
        s->barrier = fleet_can(r->fleet, s->agent, FLEET_CUT);
        if (!s->barrier)
            s->state = CYCLE_SOURCE_READY;
    }
}

static bool
is_getting_ready(const struct cycle_source *s)
{
    return s->state == CYCLE_SOURCE_CHECKED || s->state == CYCLE_SOURCE_READYING;
}

static void
give_up_stragglers(struct cycle_runner *r)
{
    char problem[64];
    (void)snprintf(problem, sizeof problem, "it was not ready within %u s",
                   (unsigned)r->options.ready_seconds);
    for (size_t i = 0; i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (!is_getting_ready(s))
            continue;
        s->late = true;
        if (s->job != 0)
            fleet_cancel(r->fleet, s->agent, s->job);
        cycle_step_give_up(r, s, problem,
                           "see in the log of koffer-priv on that host what it waits for; raise "
                           "ready-deadline in koffer-controller.conf if it needs more time");
    }
}

/* True when a required one is among them. */
static bool
name_stragglers(const struct cycle_runner *r, char *out, size_t size)
{
    const struct cycle *c = r->running;
    bool required = false;
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->count; i++) {
        const struct cycle_source *s = &c->sources[i];
        if (!s->late)
            continue;
        required = required || s->required;
        if (len == 0)
            (void)snprintf(out, size, "not ready within %u s: %s.%s",
                           (unsigned)r->options.ready_seconds, s->agent, s->source);
        else if (len + 1 < size) /* what does not fit is found source by source */
            (void)snprintf(out + len, size - len, ", %s.%s", s->agent, s->source);
        len = strlen(out);
    }
    return required;
}

bool
cycle_do_readying(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    char stragglers[ERROR_TEXT_MAX];
    if (c->ready_until.ns == 0)
        begin(r);
    pass_by(r);
    cycle_order_some(r, CYCLE_SOURCE_CHECKED, KOFFER__STEP_VERB__STEP_READY, CYCLE_STEPS);
    if (clock_ms_until(c->ready_until, clock_mono()) == 0)
        give_up_stragglers(r);
    if (cycle_sources_in(c, CYCLE_SOURCE_CHECKED) + cycle_sources_in(c, CYCLE_SOURCE_READYING) > 0)
        return false;
    if (name_stragglers(r, stragglers, sizeof stragglers))
        cycle_take(r, CYCLE_STRAGGLER, stragglers);
    else if (cycle_sources_in(c, CYCLE_SOURCE_READY) > 0)
        cycle_take(r, CYCLE_READY, stragglers);
    else
        cycle_take(r, CYCLE_NOTHING_LEFT, cycle_first_problem(c));
    return true;
}

/* ---- cut */

static void
cut_live(struct cycle_runner *r)
{
    for (size_t i = 0; i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->state == CYCLE_SOURCE_READY && !s->barrier)
            s->state = CYCLE_SOURCE_CUT;
    }
}

bool
cycle_do_cutting(struct cycle_runner *r)
{
    struct cycle *c = r->running;
    cut_live(r);
    cycle_order_some(r, CYCLE_SOURCE_READY, KOFFER__STEP_VERB__STEP_CUT, CYCLE_STEPS);
    if (cycle_sources_in(c, CYCLE_SOURCE_READY) + cycle_sources_in(c, CYCLE_SOURCE_CUTTING) > 0)
        return false;
    bool any = cycle_sources_in(c, CYCLE_SOURCE_CUT) > 0;
    cycle_take(r, any ? CYCLE_CUT : CYCLE_NOTHING_LEFT, any ? "" : cycle_first_problem(c));
    return true;
}

/* ---- what is known of it */

void
cycle_barrier_note(struct cycle_runner *r, struct cycle_source *s, const Koffer__StepResult *result)
{
    bool cut = s->verb == KOFFER__STEP_VERB__STEP_CUT;
    if (s->verb == KOFFER__STEP_VERB__STEP_RELEASE)
        return;
    s->clock = fleet_clock(r->fleet, s->agent);
    if (result->cut_from == 0 || result->cut_until == 0 ||
        (!cut && s->verb != KOFFER__STEP_VERB__STEP_CAPTURE))
        return;
    s->cut_from.ns = result->cut_from;
    s->cut_until.ns = result->cut_until;
    s->snapshotted = s->snapshotted || cut;
}

static void
judge_clock(struct cycle_runner *r, const struct cycle_source *s)
{
    char note[256];
    const struct record_clock *c = &s->clock;
    if (c->offset_ns == RECORD_CLOCK_UNKNOWN || !is_first_of_its_agent(r->running, s))
        return;
    if (c->offset_ns > CLOCK_OFF_NS || c->offset_ns < -CLOCK_OFF_NS)
        (void)snprintf(note, sizeof note,
                       "the clock of this host is off by %.3f s: synchronise the clocks of this "
                       "host and the controller (chrony, systemd-timesyncd)",
                       (double)c->offset_ns / 1e9);
    else if (c->uncertainty_ns > CLOCK_UNCERTAIN_NS)
        (void)snprintf(note, sizeof note,
                       "the clock of this host is known to within %.0f ms only, and so are the "
                       "instants of its cut: the host or the network was slow to answer",
                       (double)c->uncertainty_ns / 1e6);
    else
        return;
    cycle_note(r, s, false, "", note);
    log_warning("clock of an agent", LOG_U64("cycle", r->running->number),
                LOG_TEXT("agent", s->agent), LOG_I64("offset_ns", c->offset_ns),
                LOG_I64("uncertainty_ns", c->uncertainty_ns));
}

void
cycle_barrier_seal(struct cycle_runner *r, struct cycle_source *s, const struct record_archive *a)
{
    s->cut_from = a->cut_from;
    s->cut_until = a->cut_until;
    s->snapshotted = record_archive_is_snapshot(a);
    judge_clock(r, s);
}
