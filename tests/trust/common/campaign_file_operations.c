/*
 * campaign_file_operations.c -- every file operation fails, in every way, in every life of lives.h.
 *
 * A case is a life, a fault and the number of the operation that it hits.  How many operations there are is counted
 * by living each life once without a fault.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/campaign.h"
#include "tests/support/check.h"
#include "tests/support/fault_io.h"
#include "tests/trust/common/lives.h"

struct kind {
    const char *name;
    struct fault_io_plan plan;
};

#define CHANGE_FAILS(text, how_, number)                                                           \
    {                                                                                              \
        text,                                                                                      \
        {                                                                                          \
            .what = FAULT_IO_CHANGES, .how = how_, .error_number = number                          \
        }                                                                                          \
    }

static const struct kind kinds[] = {
    CHANGE_FAILS("EIO once", FAULT_IO_ONCE, EIO),
    CHANGE_FAILS("EIO from then on", FAULT_IO_STICKY, EIO),
    CHANGE_FAILS("ENOSPC once", FAULT_IO_ONCE, ENOSPC),
    CHANGE_FAILS("ENOSPC from then on", FAULT_IO_STICKY, ENOSPC),
    CHANGE_FAILS("EDQUOT once", FAULT_IO_ONCE, EDQUOT),
    CHANGE_FAILS("EDQUOT from then on", FAULT_IO_STICKY, EDQUOT),
    CHANGE_FAILS("EINTR once", FAULT_IO_ONCE, EINTR),
    CHANGE_FAILS("the process ends, a write torn", FAULT_IO_TORN, 0),
    {"a short write", {.what = FAULT_IO_WRITES, .how = FAULT_IO_SHORT}},
    {"short writes from then on", {.what = FAULT_IO_WRITES, .how = FAULT_IO_SHORT_STICKY}},
    {"EMFILE once", {.what = FAULT_IO_OPENS, .how = FAULT_IO_ONCE, .error_number = EMFILE}},
    {"EMFILE from then on",
     {.what = FAULT_IO_OPENS, .how = FAULT_IO_STICKY, .error_number = EMFILE}},
    {"EIO once when reading", {.what = FAULT_IO_READS, .how = FAULT_IO_ONCE, .error_number = EIO}},
    {"EIO from then on when reading",
     {.what = FAULT_IO_READS, .how = FAULT_IO_STICKY, .error_number = EIO}},
    {"EINTR once when reading",
     {.what = FAULT_IO_READS, .how = FAULT_IO_ONCE, .error_number = EINTR}},
};

enum { KINDS = sizeof kinds / sizeof *kinds, LIVES_MAX = 32 };

static unsigned counts[LIVES_MAX][FAULT_IO_CLASSES_];

static void
arm(const void *ctx)
{
    fault_io_plan(ctx);
}

static void
disarm(struct sweep_world *w)
{
    fault_io_disarm();
    w->fired = fault_io_fired();
    for (int i = 0; i < FAULT_IO_CLASSES_; i++)
        w->counts[i] = fault_io_counted((enum fault_io_class)i);
}

static bool
count_all(struct sweep_world *w)
{
    static const struct fault_io_plan none = {.at = 0};
    const struct sweep_fault fault = {.arm = arm, .disarm = disarm, .ctx = &none};
    char why[SWEEP_WHY];
    for (size_t i = 0; i < lives_count; i++) {
        if (!sweep_once(lives[i], w, &fault, why)) {
            (void)printf("'%s' fails without a fault: %s\n", lives[i]->name, why);
            return false;
        }
        memcpy(counts[i], w->counts, sizeof counts[i]);
        (void)printf("'%s': %u changes, %u of them writes, %u opens, %u reads\n", lives[i]->name,
                     counts[i][FAULT_IO_CHANGES], counts[i][FAULT_IO_WRITES],
                     counts[i][FAULT_IO_OPENS], counts[i][FAULT_IO_READS]);
    }
    return true;
}

static uint64_t
all_cases(void)
{
    uint64_t all = 0;
    for (size_t i = 0; i < lives_count; i++)
        for (size_t k = 0; k < KINDS; k++)
            all += counts[i][kinds[k].plan.what];
    return all;
}

/* The case's place in lives x kinds x operations. */
static void
find_case(uint64_t n, size_t *life, size_t *kind, unsigned *at)
{
    for (*life = 0; *life < lives_count; ++*life) {
        for (*kind = 0; *kind < KINDS; ++*kind) {
            unsigned count = counts[*life][kinds[*kind].plan.what];
            if (n < count) {
                *at = (unsigned)n + 1;
                return;
            }
            n -= count;
        }
    }
}

/* True when the fault came to pass. */
static bool
run_case(struct campaign *c, struct sweep_world *w, uint64_t n)
{
    char why[SWEEP_WHY];
    size_t life = 0, kind = 0;
    unsigned at = 0;
    find_case(n, &life, &kind, &at);
    struct fault_io_plan plan = kinds[kind].plan;
    plan.at = at;
    const struct sweep_fault fault = {.arm = arm,
                                      .disarm = disarm,
                                      .ctx = &plan,
                                      .ends_with =
                                          plan.how == FAULT_IO_TORN ? FAULT_IO_TORN_STATUS : 0};
    if (!sweep_once(lives[life], w, &fault, why))
        campaign_violation(c, "%s, operation %u, %s: %s", lives[life]->name, at, kinds[kind].name,
                           why);
    return w->fired;
}

int
main(int argc, char *argv[])
{
    struct campaign c;
    struct sweep_world *w;
    struct error e = ERROR_INIT;
    uint64_t fired = 0;

    lives_begin();
    if (sweep_world_new(&w, &e) != RC_OK || !count_all(w))
        return 2;
    if (!campaign_begin(&c, argc, argv, all_cases()))
        return 2;
    for (uint64_t n; campaign_next(&c, &n);)
        fired += run_case(&c, w, n) ? 1 : 0;
    campaign_figure(&c, "faults", "%llu", (unsigned long long)fired);
    lives_end();
    return campaign_end(&c);
}
