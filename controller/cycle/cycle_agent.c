/* cycle_agent.c -- agents that come and go in the middle of steps, and deadlines.  See cycle_internal.h. */
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"

static bool
has_job(const uint64_t *jobs, size_t count, uint64_t job)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i] == job)
            return true;
    return false;
}

void
cycle_step_up(void *runner, const char *agent, const uint64_t *jobs, size_t count)
{
    struct cycle_runner *r = runner;
    for (size_t i = 0; r->running != NULL && i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->job == 0 || !text_equal(s->agent, agent))
            continue;
        if (has_job(jobs, count, s->job))
            s->lost_until = (struct mono){0};
        else
            cycle_step_give_up(
                r, s,
                "the agent came back without this step: it was restarted, or had let go while we were away",
                "start the cycle again: what was uploaded is not sent twice");
    }
    cycle_advance(r);
}

void
cycle_step_lost(void *runner, const char *agent)
{
    struct cycle_runner *r = runner;
    for (size_t i = 0; r->running != NULL && i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->job != 0 && text_equal(s->agent, agent))
            s->lost_until = clock_after_ms(clock_mono(), CYCLE_GRACE_MS);
    }
}

void
cycle_step_watch(struct cycle_runner *r, struct mono now)
{
    for (size_t i = 0; i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->job == 0)
            continue;
        bool readying = s->verb == KOFFER__STEP_VERB__STEP_READY;
        if (s->lost_until.ns != 0 && clock_ms_until(s->lost_until, now) == 0)
            cycle_step_give_up(r, s,
                               "the agent was lost in the middle of the step and did not come back",
                               "see why koffer-agent on that host stopped or cannot connect");
        else if (clock_ms_until(s->deadline, now) == 0) {
            fleet_cancel(r->fleet, s->agent, s->job);
            cycle_step_give_up(r, s, "the step did not end within its deadline",
                               s->verb == KOFFER__STEP_VERB__STEP_CAPTURE
                                   ? "raise capture-deadline in koffer-controller.conf if it needs "
                                     "more time"
                                   : "see in the log of koffer-priv on that host what hung");
        }
        s->late = s->late || (readying && s->job == 0);
    }
}
