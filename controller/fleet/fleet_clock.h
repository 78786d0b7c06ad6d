/*
 * fleet_clock.h -- how far the clock of an agent is from ours: three questions, the quickest answer counts.
 *
 *     fleet_clock_begin(&m);                                     // forgets what was measured before
 *     while (fleet_clock_wants(&m))                              // one question at a time
 *         fleet_clock_ask(&m, number, clock_wall(), clock_mono()) ... send ... wait ...
 *         fleet_clock_answer(&m, number, received, sent, clock_mono());
 *     m.best                                                     // at any time
 *
 * Half of what a round trip took beside the agent's own time is the uncertainty.  An answer that cannot be (the agent's time
 * is longer than the trip) is not used.  Pure: no clock, no I/O.
 *
 * Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_FLEET_CLOCK_H
#define CONTROLLER_FLEET_FLEET_CLOCK_H

#include <stdbool.h>

#include "common/base/clock.h"
#include "common/record/record.h"

enum { FLEET_CLOCK_QUESTIONS = 3 };

struct fleet_clock_measure {
    unsigned left;     /* questions to ask */
    uint64_t question; /* the one on its way; 0: none */
    struct wall asked;
    struct mono asked_at;
    struct record_clock best;
};

void fleet_clock_begin(struct fleet_clock_measure *m);
/* No answer is to come any more: the connection is gone. */
void fleet_clock_stop(struct fleet_clock_measure *m);
bool fleet_clock_wants(const struct fleet_clock_measure *m);
void
fleet_clock_ask(struct fleet_clock_measure *m, uint64_t number, struct wall now, struct mono mono);
/* False when it is not what was asked, or cannot be. */
bool fleet_clock_answer(struct fleet_clock_measure *m, uint64_t number, struct wall received,
                        struct wall sent, struct mono now);

#endif
