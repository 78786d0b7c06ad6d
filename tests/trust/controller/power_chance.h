/*
 * power_chance.h -- what keys_random() gives in campaign_power.c: the same for the same seed, so that a case can be repeated.
 *
 * Names of packs follow from a vault's id, and what is done to the disk follows from those.  Keys are made by libcrypto from
 * chance of its own; nothing but signatures depends on them.
 */
#ifndef TESTS_TRUST_CONTROLLER_POWER_CHANCE_H
#define TESTS_TRUST_CONTROLLER_POWER_CHANCE_H

#include <stdint.h>

void power_chance_begin(uint64_t seed);

#endif
