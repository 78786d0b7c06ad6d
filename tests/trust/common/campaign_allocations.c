/*
 * campaign_allocations.c -- every allocation fails, once and from then on, in every life of lives.h.
 *
 * Demanded: the life says RC_NO_MEMORY (RC_AGAIN where a thread could not be started), or ends as it should have;
 * nothing leaks, nothing crashes, and its check finds the old state or the new.  A case is a life, a fault and the
 * number of the allocation that it hits.
 *
 * Of OpenSSL's own allocations any error is good enough, as long as it is one.  They are many: unless all cases are
 * asked for, those beyond ours are a sample.
 */
#include <sanitizer/lsan_interface.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/alloc_fault.h"
#include "tests/support/campaign.h"
#include "tests/trust/common/lives.h"

struct kind {
    const char *name;
    struct alloc_fault_plan plan;
};

static const struct kind kinds[] = {
    {"once", {.what = ALLOC_FAULT_OURS}},
    {"from then on", {.what = ALLOC_FAULT_OURS, .sticky = true}},
    {"in OpenSSL", {.what = ALLOC_FAULT_OPENSSL}},
};

/* So many cases share a process and a look for leaks, which is slow; when something is wrong with one of them, each gets
 * its own. */
enum { KINDS = sizeof kinds / sizeof *kinds, LIVES_MAX = 32, BATCH = 40, WORDS_MAX = 65536 };

static unsigned counts[LIVES_MAX][ALLOC_FAULT_CLASSES_];

static void
arm(const void *ctx)
{
    alloc_fault_arm(ctx);
}

static void
disarm(struct sweep_world *w)
{
    alloc_fault_disarm();
    w->fired = alloc_fault_fired();
    for (int i = 0; i < ALLOC_FAULT_CLASSES_; i++)
        w->counts[i] = alloc_fault_counted((enum alloc_fault_class)i);
}

static bool
count_all(struct sweep_world *w)
{
    static const struct alloc_fault_plan none = {.at = 0};
    const struct sweep_fault fault = {.arm = arm, .disarm = disarm, .ctx = &none};
    char why[SWEEP_WHY];
    for (size_t i = 0; i < lives_count; i++) {
        /* Twice: what is allocated once for all is not to be missed later. */
        if (!sweep_once(lives[i], w, &fault, why) || !sweep_once(lives[i], w, &fault, why)) {
            (void)printf("'%s' fails without a fault: %s\n", lives[i]->name, why);
            return false;
        }
        memcpy(counts[i], w->counts, sizeof counts[i]);
        (void)printf("'%s': %u allocations, and %u of OpenSSL\n", lives[i]->name,
                     counts[i][ALLOC_FAULT_OURS], counts[i][ALLOC_FAULT_OPENSSL]);
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

/* Ours all, of the others one by chance; all, when all are asked for. */
static uint64_t
choose(const struct campaign *c, uint64_t n)
{
    uint64_t all = all_cases(), ours = 0;
    for (size_t i = 0; i < lives_count; i++)
        ours += 2 * counts[i][ALLOC_FAULT_OURS];
    if (n < ours || c->cases == all)
        return n;
    return ours + (c->seed + n) * UINT64_C(0x9e3779b97f4a7c15) % (all - ours);
}

/* The case's place in kinds x lives x allocations: ours come first. */
static void
find_case(uint64_t n, size_t *life, size_t *kind, unsigned *at)
{
    for (*kind = 0; *kind < KINDS; ++*kind) {
        for (*life = 0; *life < lives_count; ++*life) {
            unsigned count = counts[*life][kinds[*kind].plan.what];
            if (n < count) {
                *at = (unsigned)n + 1;
                return;
            }
            n -= count;
        }
    }
}

struct totals { /* shared by all processes */
    uint64_t fired, went_on;
};

struct run {
    struct campaign campaign;
    struct sweep_world *world;
    struct totals *totals;
};

/* False when something is wrong: then why says what. */
static bool
run_case(struct run *r, uint64_t n, char why[static SWEEP_WHY])
{
    size_t life = 0, kind = 0;
    unsigned at = 0;
    char words[SWEEP_WHY];
    find_case(choose(&r->campaign, n), &life, &kind, &at);
    struct alloc_fault_plan plan = kinds[kind].plan;
    plan.at = at;
    const struct sweep_fault fault = {.arm = arm, .disarm = disarm, .ctx = &plan};
    const struct sweep_world *w = r->world;
    bool good = sweep_once(lives[life], r->world, &fault, words);
    bool other = plan.what == ALLOC_FAULT_OURS && w->rc != RC_OK && w->rc != RC_NO_MEMORY &&
                 w->rc != RC_AGAIN;
    if (good && w->fired && other)
        (void)snprintf(words, sizeof words, "it says %s: %s", rc_name(w->rc), w->text);
    (void)snprintf(why, SWEEP_WHY, "%s, allocation %u fails %s: %.*s", lives[life]->name, at,
                   kinds[kind].name, SWEEP_WHY / 2, words);
    r->totals->fired += w->fired ? 1 : 0;
    r->totals->went_on += w->fired && w->rc == RC_OK ? 1 : 0;
    return good && !(w->fired && other);
}

/* ---- leaks */

/* The first frames of a leak report, without its addresses. */
static void
find_leak(int words, char out[static SWEEP_WHY])
{
    static char said[WORDS_MAX];
    ssize_t len = pread(words, said, sizeof said - 1, 0);
    said[len < 0 ? 0 : len] = '\0';
    const char *at = strstr(said, " leak of ");
    out[0] = '\0';
    for (int i = 0; i < 4 && at != NULL && (at = strstr(at, " in ")) != NULL; i++, at++) {
        size_t used = strlen(out);
        (void)snprintf(out + used, SWEEP_WHY - used, "%.*s", (int)strcspn(at, "\n"), at);
    }
}

static bool
leaks(char out[static SWEEP_WHY])
{
    int words = memfd_create("words", MFD_CLOEXEC), err = dup(STDERR_FILENO);
    (void)dup2(words, STDERR_FILENO);
    bool leaked = __lsan_do_recoverable_leak_check() != 0;
    (void)dup2(err, STDERR_FILENO);
    find_leak(words, out);
    (void)close(words);
    (void)close(err);
    return leaked;
}

/* ---- processes */

/* Runs cases [from, to) and tells what is wrong if there is only one. */
static int
run_cases(struct run *r, uint64_t from, uint64_t to)
{
    char why[SWEEP_WHY], leak[SWEEP_WHY] = "";
    bool good = true;
    for (uint64_t n = from; n < to; n++) {
        r->campaign.next = n + 1;
        bool fine = run_case(r, n, why);
        good = good && fine;
    }
    bool leaked = leaks(leak);
    if (to - from == 1 && !good)
        campaign_violation(&r->campaign, "%s", why);
    else if (to - from == 1 && leaked)
        campaign_violation(&r->campaign, "%s a leak%s", why, leak);
    (void)fflush(NULL);
    return good && !leaked ? 0 : 1;
}

/* In a process of its own.  0, or its wait status. */
static int
run_apart(struct run *r, uint64_t from, uint64_t to)
{
    int status;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(run_cases(r, from, to));
    while (waitpid(child, &status, 0) != child)
        continue;
    return status;
}

static void
run_batch(struct run *r, uint64_t from, uint64_t to)
{
    int all = run_apart(r, from, to);
    for (uint64_t n = from; n < to && all != 0; n++) {
        int status = to - from == 1 ? all : run_apart(r, n, n + 1);
        if (status == 0)
            continue;
        r->campaign.next = n + 1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
            r->campaign.violations++; /* told by the process */
        else
            campaign_violation(&r->campaign, "the process ended with the wait status %d", status);
    }
    r->campaign.next = to;
}

int
main(int argc, char *argv[])
{
    static struct run r;
    struct error e = ERROR_INIT;
    alloc_fault_begin();
    lives_begin();
    r.totals =
        mmap(NULL, sizeof *r.totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.totals == MAP_FAILED || sweep_world_new(&r.world, &e) != RC_OK || !count_all(r.world))
        return 2;
    if (!campaign_begin(&r.campaign, argc, argv, all_cases()))
        return 2;
    for (uint64_t n; campaign_next(&r.campaign, &n);) {
        uint64_t to = n + BATCH < r.campaign.cases ? n + BATCH : r.campaign.cases;
        run_batch(&r, n, to);
        r.campaign.next = to;
    }
    campaign_figure(&r.campaign, "failed", "%llu", (unsigned long long)r.totals->fired);
    campaign_figure(&r.campaign, "went-on", "%llu", (unsigned long long)r.totals->went_on);
    lives_end();
    return campaign_end(&r.campaign);
}
