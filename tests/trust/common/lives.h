/*
 * lives.h -- what a campaign lets fail at every point: each life from its beginning to its end, and what must hold
 * afterwards, however it ended: old or new, never between; nothing claimed that is not so; the next run succeeds.
 *
 * Each file lives_*.c makes a program of its own with each campaign's main:
 * controller/lives_backup.c (capture, seal, pack, index, record, memory; recovery; restore), controller/lives_state.c
 * (catalogue, state directory), agent/lives_agent.c (the board of jobs, its receipt).
 */
#ifndef TESTS_TRUST_COMMON_LIVES_H
#define TESTS_TRUST_COMMON_LIVES_H

#include "tests/support/sweep.h"

extern const struct sweep_life *const lives[];
extern const size_t lives_count;

/* Before the first case and after the last, in the campaign's own process: what all cases share. */
void lives_begin(void);
void lives_end(void);

#endif
