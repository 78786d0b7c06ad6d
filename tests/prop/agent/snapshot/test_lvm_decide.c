/* test_lvm_decide.c -- in random volume groups of production volumes, our snapshots, other agents' and leftovers, nothing that is somebody's data
 * is ever to be removed, and what is ours is; PROP_SEED=n repeats a run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/snapshot/lvm_decide.h"
#include "tests/support/check.h"

#define OURS "0123456789abcdef"
#define THEIRS "fedcba9876543210"

enum { GROUPS = 20000, VOLUMES = 12 };

/* What a volume really is; the decision sees only its report. */
enum truth { PRODUCTION, FOREIGN, OUR_SNAPSHOT, OUR_LEFTOVER, TRUTHS };

static uint64_t prop_state;

static uint64_t
below(uint64_t n)
{
    uint64_t z = prop_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % n;
}

static void
put(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

/* An administrator's volume: any kind, any tags, names that come close to ours, even ours with our tags when others rest on it. */
static void
make_production(struct lvm_volume *v, size_t number)
{
    static const char *const names[][2] = {
        {"mail", ""},         {"koffer_", ""},          {"koffer_7_mail", ""},
        {"koffer_mail_", ""}, {"snap_koffer_7_x_", ""}, {"koffer_7_x_", "_old"},
        {"koffer_07_x_", ""},
    };
    static const char *const tags[] = {"", "koffer", "koffer,koffer_cycle_7",
                                       "koffer,koffer_agent_" OURS ",koffer_cycle_7",
                                       "backup,koffer_cycle_7"};
    static const char kinds[] = "-oOVtrRmMsSCe";
    char name[64];
    size_t form = below(sizeof names / sizeof names[0]);
    (void)snprintf(name, sizeof name, "%s%zu%s", names[form][0], number, names[form][1]);
    put(v->name, sizeof v->name, name);
    put(v->tags, sizeof v->tags, tags[below(5)]);
    v->attr[0] = kinds[below(sizeof kinds - 1)];
    if (below(4) == 0)
        put(v->pool, sizeof v->pool, "pool");
    if (v->attr[0] == 's' || v->attr[0] == 'S')
        put(v->origin, sizeof v->origin, "mail0");
}

static void
make_ours(struct lvm_volume *v, size_t number, uint64_t cycle, const char *mark, bool leftover)
{
    bool thin = below(2) == 0;
    (void)snprintf(v->name, sizeof v->name, "koffer_%" PRIu64 "_mail_%zu", cycle, number + 1);
    (void)snprintf(v->tags, sizeof v->tags, "koffer,koffer_agent_%s,koffer_cycle_%" PRIu64, mark,
                   cycle);
    v->attr[0] = leftover ? '-' : thin ? 'V' : below(2) == 0 ? 's' : 'S';
    if (!leftover)
        put(v->origin, sizeof v->origin, "mail0");
    if (!leftover && thin)
        put(v->pool, sizeof v->pool, "pool");
}

static enum truth
make_volume(struct lvm_volume *v, size_t number)
{
    enum truth truth = (enum truth)below(TRUTHS);
    *v = (struct lvm_volume){.group = "vg0", .minor = (int64_t)number};
    if (below(8) == 0)
        put(v->group, sizeof v->group, "vg1");
    if (truth == PRODUCTION)
        make_production(v, number);
    else
        make_ours(v, number, below(3) + 7, truth == FOREIGN ? THEIRS : OURS, truth == OUR_LEFTOVER);
    return truth;
}

/* Somebody took a snapshot of one, or made it a pool: whatever it was, from then on it is production. */
static void
rest_on_some(struct lvm_report *report, enum truth *truths)
{
    size_t below_it = below(report->count), on_it = below(report->count);
    struct lvm_volume *base = &report->at[below_it], *top = &report->at[on_it];
    if (below_it == on_it || strcmp(base->group, top->group) != 0 || below(2) == 0)
        return;
    put(below(2) == 0 ? top->origin : top->pool, sizeof top->origin, base->name);
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->at[i].name, base->name) == 0 &&
            strcmp(report->at[i].group, base->group) == 0)
            truths[i] = PRODUCTION;
    if (truths[on_it] == OUR_LEFTOVER)
        truths[on_it] = OUR_SNAPSHOT; /* of ours, by whatever accident; it may go or stay */
}

static void
decide(const struct lvm_report *report, const enum truth *truths, uint64_t seed)
{
    for (size_t i = 0; i < report->count; i++) {
        struct error e = ERROR_INIT;
        bool mounted = below(5) == 0;
        const struct lvm_claim claim = {
            .mark = OURS, .origin = below(2) == 0 ? NULL : "mail0", .mounted = mounted};
        enum rc rc = lvm_decide_removal(report, &report->at[i], &claim, &e);
        bool ours = truths[i] == OUR_SNAPSHOT || truths[i] == OUR_LEFTOVER;
        if (rc == RC_OK && (!ours || mounted || report->at[i].open))
            fail_msg("PROP_SEED=%" PRIu64 ": '%s' would be removed", seed, report->at[i].name);
        if (truths[i] == OUR_LEFTOVER && !mounted && !report->at[i].open && rc != RC_OK)
            fail_msg("PROP_SEED=%" PRIu64 ": '%s' stays: %s", seed, report->at[i].name, e.text);
    }
}

static void
a_production_volume_is_never_the_target_of_a_removal(void **state)
{
    (void)state;
    const char *given = getenv("PROP_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    (void)printf("PROP_SEED=%" PRIu64 "\n", seed);
    prop_state = seed;
    for (size_t n = 0; n < GROUPS; n++) {
        static struct lvm_volume volumes[VOLUMES]; /* too large for the stack */
        enum truth truths[VOLUMES];
        struct lvm_report report = {.at = volumes, .count = VOLUMES};
        for (size_t i = 0; i < VOLUMES; i++) {
            truths[i] = make_volume(&volumes[i], i);
            volumes[i].open = below(5) == 0;
        }
        rest_on_some(&report, truths);
        decide(&report, truths, seed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_production_volume_is_never_the_target_of_a_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
