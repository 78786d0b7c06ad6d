/*
 * catalogue_acts.h -- what is done to a catalogue, act by act, and the whole of it as text: for sweeps of faults.
 *
 *     catalogue_acts_prepare(c);                            // what was there before
 *     CHECK_OK(catalogue_acts[i].run(c, &e), &e);           // in this order, or each alone
 *     catalogue_acts_describe(c, text);                     // equal states, equal texts
 */
#ifndef TESTS_SUPPORT_CATALOGUE_ACTS_H
#define TESTS_SUPPORT_CATALOGUE_ACTS_H

#include "controller/catalogue/catalogue.h"

enum { CATALOGUE_ACTS = 7, CATALOGUE_ACTS_TEXT = 2048 };

struct catalogue_act {
    const char *name;
    enum rc (*run)(struct catalogue *c, struct error *e);
};
extern const struct catalogue_act catalogue_acts[CATALOGUE_ACTS];

void catalogue_acts_prepare(struct catalogue *c);
void catalogue_acts_describe(struct catalogue *c, char out[static CATALOGUE_ACTS_TEXT]);

#endif
