/*
 * power_life.h -- lives of what keeps state, for campaign_power.c to cut the power in.
 *
 *     life->prepare(root);               // what is on the disk before; NULL: nothing
 *     life->run(root, trace);            // one process: ends where an error ends it
 *     life->again(root, trace);          // the next one after it, without faults: must succeed
 *     life->check(root, acks, on, e);    // after a power failure: recovery works, what was promised holds, and with
 *                                        // `on` life goes on
 *
 * run and again promise with power_trace_ack().
 */
#ifndef TESTS_SUPPORT_POWER_LIFE_H
#define TESTS_SUPPORT_POWER_LIFE_H

#include "common/base/error.h"
#include "tests/support/power_trace.h"

/* All promises that hold at the power failure, of one or two lives before it. */
struct power_acks {
    const struct power_trace *traces[2];
    size_t at[2];
    unsigned count;
};
/* By number from 0; NULL behind the last. */
const struct power_ack *power_life_ack(const struct power_acks *acks, size_t n);

struct power_life {
    const char *name;
    void (*prepare)(const char *root);
    void (*run)(const char *root, struct power_trace *t);
    enum rc (*again)(const char *root, struct power_trace *t, struct error *e);
    enum rc (*check)(const char *root, const struct power_acks *acks, bool on, struct error *e);
};

/* Ends the program when a life that must succeed does not. */
void power_life_must(enum rc rc, const struct error *e);

#endif
