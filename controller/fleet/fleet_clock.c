/* fleet_clock.c -- see fleet_clock.h. */
#include "controller/fleet/fleet_clock.h"

void
fleet_clock_begin(struct fleet_clock_measure *m)
{
    *m = (struct fleet_clock_measure){.left = FLEET_CLOCK_QUESTIONS,
                                      .best = {.offset_ns = RECORD_CLOCK_UNKNOWN}};
}

void
fleet_clock_stop(struct fleet_clock_measure *m)
{
    m->left = 0;
    m->question = 0;
}

bool
fleet_clock_wants(const struct fleet_clock_measure *m)
{
    return m->left > 0 && m->question == 0;
}

void
fleet_clock_ask(struct fleet_clock_measure *m, uint64_t number, struct wall now, struct mono mono)
{
    m->left--;
    m->question = number;
    m->asked = now;
    m->asked_at = mono;
}

bool
fleet_clock_answer(struct fleet_clock_measure *m, uint64_t number, struct wall received,
                   struct wall sent, struct mono now)
{
    if (number == 0 || number != m->question)
        return false;
    m->question = 0;
    /* Our clock may be set meanwhile: durations are not measured by it. */
    int64_t trip = now.ns - m->asked_at.ns, theirs = clock_between(received, sent);
    if (theirs < 0 || theirs > trip)
        return false;
    int64_t uncertainty = (trip - theirs + 1) / 2;
    int64_t offset = clock_between(m->asked, received);
    bool best = m->best.offset_ns == RECORD_CLOCK_UNKNOWN || uncertainty < m->best.uncertainty_ns;
    /* The question was on its way for as long as the answer, more or less. */
    if (best && !__builtin_sub_overflow(offset, uncertainty, &offset) &&
        offset != RECORD_CLOCK_UNKNOWN)
        m->best = (struct record_clock){offset, uncertainty};
    return true;
}
