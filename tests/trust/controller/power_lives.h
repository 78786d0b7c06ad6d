/* power_lives.h -- the lives that campaign_power.c cuts the power in (tests/support/power_life.h). */
#ifndef TESTS_TRUST_CONTROLLER_POWER_LIVES_H
#define TESTS_TRUST_CONTROLLER_POWER_LIVES_H

#include "tests/support/power_vault.h"

/* power_catalogue.c */
extern const struct power_life power_catalogue;
/* power_state.c: what `koffer-controller init` makes; what file_replace() keeps, receipts for one. */
extern const struct power_life power_state_made, power_state_replaced;
/* power_memory.c: of an agent. */
extern const struct power_life power_memory;
/* power_restore.c: to a directory. */
extern const struct power_life power_restore;

#endif
