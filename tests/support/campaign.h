/*
 * campaign.h -- a campaign's program: cases by number, chance by seed, violations counted (tests/campaign says the rest).
 *
 *     int main(int argc, char *argv[])
 *     {
 *         struct campaign c;
 *         if (!campaign_begin(&c, argc, argv, all_there_are)) // 0: as many as --cases says
 *             return 2;
 *         for (uint64_t n; campaign_next(&c, &n);) {
 *             uint64_t chance = campaign_random(&c);           // the same for the same seed and case, wherever it began
 *             if (!holds(n, chance))
 *                 campaign_violation(&c, "full %u is unreadable", full);
 *         }
 *         campaign_figure(&c, "kills", "%u", kills);
 *         return campaign_end(&c);
 *     }
 *
 * Threads: one.
 */
#ifndef TESTS_SUPPORT_CAMPAIGN_H
#define TESTS_SUPPORT_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/base/compiler.h"

struct campaign {
    uint64_t seed, next, cases;
    uint64_t state; /* of the case's chance */
    uint64_t violations;
    time_t told;
};

/* False when the words are none of --cases N --seed N --from N.  `all`: how many cases there are, at the most; 0: no
 * limit. */
bool campaign_begin(struct campaign *c, int argc, char *argv[], uint64_t all);
/* The next case's number, counting from 0; false when all are done. */
bool campaign_next(struct campaign *c, uint64_t *n);
/* splitmix64 over seed and case. */
uint64_t campaign_random(struct campaign *c);
/* Below `limit`, which is not 0. */
uint64_t campaign_below(struct campaign *c, uint64_t limit);
void campaign_violation(struct campaign *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A number for the summary; no blanks in either. */
void campaign_figure(struct campaign *c, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The exit status of the program. */
int campaign_end(struct campaign *c);

#endif
