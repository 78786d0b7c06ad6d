/*
 * campaign_power.c -- the power fails, anywhere: what was promised is there, and everything starts again.
 *
 * A case is one state of the disk.  Cases come in blocks; a block's life is recorded once: undisturbed; or killed at
 * its n-th change, or with an error at it, and then lived again by a second process.  Each case cuts the record
 * somewhere and makes one of the disks that may be left (power_disk.h); then the life's check has to
 * succeed on it.  One in eight goes on to a next session; one in eight lives again after its recovery and loses
 * the power a second time.  A disk that was seen in its block already, with as much promised, is not checked again.
 *
 * A violation prints what was done up to the cut; `--seed S --from N --cases N+1` repeats it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "tests/support/campaign.h"
#include "tests/support/fault_io.h"
#include "tests/support/power_disk.h"
#include "tests/support/vault_kit.h"
#include "tests/trust/controller/power_chance.h"
#include "tests/trust/controller/power_lives.h"

enum { BLOCK = 100, KINDS = 4, TWICE = 8, GOES_ON = 8, TOLD_MAX = 3 };

/* The vault is most of it. */
static const struct power_life *const lives[] = {
    &power_vault_new, &power_catalogue,      &power_vault_old, &power_state_made, &power_vault_new,
    &power_memory,    &power_state_replaced, &power_vault_old, &power_catalogue,  &power_restore,
};
enum { LIVES = sizeof lives / sizeof *lives };

enum disturbance { UNDISTURBED, KILLED, FAILED_SYNCS, FULL_DISK };

struct block {
    uint64_t number;
    const struct power_life *life;
    enum disturbance how;
    unsigned n; /* at which change */
    struct power_trace *trace;
};

static unsigned changes[LIVES]; /* of an undisturbed life */
static uint64_t seen[BLOCK];    /* fingerprints of the block's disks */
static size_t seen_count;
static uint64_t states_twice, longest, different;

/* ---- recording */

static void
live_disturbed(struct block *b, const char *root)
{
    static const int errors[] = {[FAILED_SYNCS] = EIO, [FULL_DISK] = ENOSPC};
    struct error e = ERROR_INIT;

    /* Who is killed does nothing any more, whatever its code still tries. */
    if (b->how == KILLED)
        power_trace_deaf(b->trace);
    fault_io_arm(b->n, b->how == KILLED ? EIO : errors[b->how], b->how == KILLED);
    b->life->run(root, b->trace);
    fault_io_disarm();
    power_life_must(b->life->again(root, b->trace, &e), &e);
}

static void
record(struct block *b)
{
    char root[VAULT_KIT_PATH_SIZE];
    vault_kit_fast_directory(root);
    if (b->life->prepare != NULL)
        b->life->prepare(root);
    b->trace = power_trace_begin(root);
    power_trace_changes(b->trace, true);
    if (b->how == UNDISTURBED)
        b->life->run(root, b->trace);
    else
        live_disturbed(b, root);
    power_trace_changes(b->trace, false);
    vault_kit_remove(root);
    if (power_trace_length(b->trace) > longest)
        longest = power_trace_length(b->trace);
}

static void
count_changes(void)
{
    for (unsigned i = 0; i < LIVES; i++) {
        struct block b = {.life = lives[i]};
        char root[VAULT_KIT_PATH_SIZE];
        vault_kit_fast_directory(root);
        if (b.life->prepare != NULL)
            b.life->prepare(root);
        b.trace = power_trace_begin(root);
        fault_io_arm(0, EIO, false);
        b.life->run(root, b.trace);
        changes[i] = fault_io_count();
        fault_io_disarm();
        power_trace_free(b.trace);
        vault_kit_remove(root);
    }
}

/* Which life, how disturbed, where: in an order that soon has seen a bit of everything. */
static void
begin_block(struct block *b, uint64_t seed, uint64_t number)
{
    const unsigned stride = 7919; /* a prime: visits all places before one again */
    uint64_t turn = number / LIVES;
    power_trace_free(b->trace);
    *b = (struct block){.number = number, .life = lives[number % LIVES]};
    b->how = (enum disturbance)(turn % KINDS);
    b->n = (unsigned)(turn / KINDS * stride % changes[number % LIVES]) + 1;
    seen_count = 0;
    power_chance_begin(seed ^ (number + 1) << 20);
    record(b);
}

/* ---- one state */

struct outcome {
    enum rc rc;
    struct error e;
    size_t at[2];
};

/* Recovery, another life, and the power fails in it. */
static void
fail_twice(struct campaign *c, const struct block *b, const char *first, const char *second,
           struct outcome *o)
{
    struct power_trace *t = power_trace_begin(first);
    power_trace_changes(t, true);
    o->rc = b->life->again(first, t, &o->e);
    power_trace_changes(t, false);
    if (o->rc == RC_OK) {
        o->at[1] = campaign_below(c, power_trace_length(t) + 1);
        power_disk_make(t, o->at[1], campaign_random(c), second);
        const struct power_acks acks = {{b->trace, t}, {o->at[0], o->at[1]}, 2};
        o->rc = b->life->check(second, &acks, false, &o->e);
        states_twice++;
    }
    power_trace_free(t);
}

static bool
is_new(uint64_t print, size_t acked)
{
    print ^= (acked + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i] == print)
            return false;
    }
    seen[seen_count++] = print;
    return true;
}

static size_t
acked(const struct power_acks *acks)
{
    size_t n = 0;
    while (power_life_ack(acks, n) != NULL)
        n++;
    return n;
}

static void
try_state(struct campaign *c, const struct block *b, struct outcome *o)
{
    char first[VAULT_KIT_PATH_SIZE], second[VAULT_KIT_PATH_SIZE];
    const struct power_acks acks = {{b->trace}, {o->at[0]}, 1};
    uint64_t seed = campaign_random(c);
    bool twice = campaign_below(c, TWICE) == 0, on = campaign_below(c, GOES_ON) == 0;

    if (!is_new(power_disk_print(b->trace, o->at[0], seed), acked(&acks)) && !twice)
        return;
    different++;
    vault_kit_fast_directory(first);
    power_disk_make(b->trace, o->at[0], seed, first);
    if (twice) {
        vault_kit_fast_directory(second);
        fail_twice(c, b, first, second, o);
        vault_kit_remove(second);
    } else {
        o->rc = b->life->check(first, &acks, on, &o->e);
    }
    vault_kit_remove(first);
}

static void
try_case(struct campaign *c, struct block *b, uint64_t n)
{
    static const char *const how[] = {"undisturbed", "killed", "EIO", "ENOSPC"};
    struct outcome o = {.rc = RC_OK, .e = ERROR_INIT};

    if (b->trace == NULL || b->number != n / BLOCK)
        begin_block(b, c->seed, n / BLOCK);
    /* An undisturbed record step by step, over several blocks; others anywhere. */
    size_t places = power_trace_length(b->trace) + 1;
    o.at[0] = b->how != UNDISTURBED ? campaign_below(c, places)
                                    : (n % BLOCK + b->number / LIVES / KINDS * BLOCK) % places;
    try_state(c, b, &o);
    if (o.rc == RC_OK)
        return;
    campaign_violation(c, "%s, %s at %u, cut at %zu then %zu: %s", b->life->name, how[b->how], b->n,
                       o.at[0], o.at[1], o.e.text);
    if (c->violations <= TOLD_MAX)
        power_trace_print(b->trace, o.at[0], stdout);
}

int
main(int argc, char *argv[])
{
    struct campaign c;
    struct block b = {0};

    if (!campaign_begin(&c, argc, argv, 0))
        return 2;
    log_set_level(LOG_LEVEL_ERROR);
    count_changes();
    for (uint64_t n; campaign_next(&c, &n);)
        try_case(&c, &b, n);
    power_trace_free(b.trace);
    for (unsigned i = 0; i < LIVES; i++)
        (void)printf("a life of %s: %u changes\n", lives[i]->name, changes[i]);
    campaign_figure(&c, "checked", "%" PRIu64, different);
    campaign_figure(&c, "failed-twice", "%" PRIu64, states_twice);
    campaign_figure(&c, "longest-record", "%" PRIu64, longest);
    return campaign_end(&c);
}
