/* power_lives.h -- the lives that campaign_power.c cuts the power in (tests/support/power_life.h). */
#ifndef TESTS_TRUST_CONTROLLER_POWER_LIVES_H
#define TESTS_TRUST_CONTROLLER_POWER_LIVES_H

#include "tests/support/power_life.h"

/* power_vault.c: a new vault, and one with a past. */
extern const struct power_life power_vault_new, power_vault_old;

#endif
