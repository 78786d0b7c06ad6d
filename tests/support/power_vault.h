/* power_vault.h -- lives of a vault to cut the power in (power_life.h): a new one, and one with a past. */
#ifndef TESTS_SUPPORT_POWER_VAULT_H
#define TESTS_SUPPORT_POWER_VAULT_H

#include "tests/support/power_life.h"

extern const struct power_life power_vault_new, power_vault_old;

#endif
