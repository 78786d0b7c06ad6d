/*
 * campaign_bit_rot.c -- every bit of a vault flips, every file is cut at every length, blocks are zeroed and swapped,
 * whole files vanish, double, and change places.
 *
 * All is found by verification, which has no key; the finding names the file; a full that cannot be restored is named
 * as hit; and no restore gives what was not captured.  A case is one change.  The small kinds are run in any size; of
 * the bits and lengths a sample, unless all are asked for.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/sys/file.h"
#include "tests/support/campaign.h"
#include "tests/trust/controller/rotten.h"

/* One in so many single changes is also looked at with all that a verification does, and restored. */
enum { WHOLE_EVERY = 1000, INDEX_CASES = 50, SECONDS_MAX = 60 };

struct rot {
    struct campaign campaign;
    struct rotten sample;
    uint64_t whole, flips, lengths, blocks, files, index;
};

static void
judge(struct rot *r, const struct rotten_change *c, bool good, const char *why)
{
    static const char *const names[ROTTEN_KINDS_] = {
        "bits flipped",   "cut",     "a block zeroed",
        "blocks swapped", "deleted", "emptied",
        "duplicated",     "renamed", "changed with its neighbour",
    };
    if (!good)
        campaign_violation(&r->campaign, "'%s' %s (at %" PRIu64 ", mask %u): %s", c->file->name,
                           names[c->kind], c->offset, c->mask, why);
}

static bool
is_last_record(const struct rotten *s, const struct rotten_file *file)
{
    return file->is_record && !file[1].is_record && file + 1 < s->files + s->file_count;
}

static struct rotten_demand
demand_of(const struct rotten *s, const struct rotten_change *c)
{
    bool own_name =
        c->kind < ROTTEN_DELETE || c->kind == ROTTEN_EMPTY || c->kind == ROTTEN_EXCHANGE;
    /* No record follows the last one and misses it: the catalogue and the agent's receipt do. */
    bool gone = c->kind == ROTTEN_DELETE && is_last_record(s, c->file);
    /* Nobody looks at a second format. */
    bool idle = c->kind == ROTTEN_DUPLICATE && !c->file->is_pack && !c->file->is_record;
    return (struct rotten_demand){.found = !gone && !idle,
                                  .name = own_name ? c->file->name : NULL,
                                  .gone = gone ? ROTTEN_FULLS : 0};
}

static void
run_whole(struct rot *r, const struct rotten_change *c)
{
    struct error e = ERROR_INIT;
    char why[ROTTEN_WHY] = "";
    const struct rotten_demand demand = demand_of(&r->sample, c);
    if (rotten_copy(&r->sample, &e) != RC_OK) {
        judge(r, c, false, e.text);
        return;
    }
    rotten_apply(&r->sample, c, r->sample.copy);
    judge(r, c, rotten_check_copy(&r->sample, &demand, why), why);
    r->whole++;
}

static void
run_in_place(struct rot *r, const struct rotten_change *c)
{
    char why[ROTTEN_WHY];
    rotten_apply(&r->sample, c, r->sample.kit.vault);
    bool found = rotten_is_found(&r->sample, c->file, why);
    rotten_undo(&r->sample, c);
    judge(r, c, found, why);
    if (campaign_below(&r->campaign, WHOLE_EVERY) == 0)
        run_whole(r, c);
}

/* ---- which change */

/* The file that holds byte `at` of all, and where in it. */
static const struct rotten_file *
file_at(const struct rotten *s, uint64_t at, uint64_t *offset)
{
    const struct rotten_file *file = s->files;
    for (; at >= file->size; file++)
        at -= file->size;
    *offset = at;
    return file;
}

static void
run_flip(struct rot *r, uint64_t bit)
{
    struct rotten_change c = {.kind = ROTTEN_FLIP, .mask = (uint8_t)(1u << (bit % 8))};
    c.file = file_at(&r->sample, bit / 8, &c.offset);
    run_in_place(r, &c);
    r->flips++;
}

static void
run_cut(struct rot *r, uint64_t at)
{
    struct rotten_change c = {.kind = ROTTEN_TRUNCATE};
    c.file = file_at(&r->sample, at, &c.offset);
    run_in_place(r, &c);
    r->lengths++;
}

/* Of the block that holds byte `at`: zeroed, or swapped with another of its file. */
static void
run_block(struct rot *r, uint64_t block, bool swap)
{
    struct rotten_change c = {.kind = swap ? ROTTEN_SWAP : ROTTEN_ZERO};
    c.file = file_at(&r->sample, block * ROTTEN_BLOCK, &c.offset);
    c.offset -= c.offset % ROTTEN_BLOCK;
    uint64_t blocks = c.file->size / ROTTEN_BLOCK; /* whole ones */
    if (swap && blocks > 1)
        c.other = (c.offset / ROTTEN_BLOCK + 1 + campaign_below(&r->campaign, blocks - 1)) %
                  blocks * ROTTEN_BLOCK;
    if (c.other == c.offset || blocks < 2)
        c.kind = ROTTEN_ZERO;
    run_in_place(r, &c);
    r->blocks++;
}

static void
run_file(struct rot *r, uint64_t n)
{
    enum { WAYS = ROTTEN_KINDS_ - ROTTEN_DELETE };
    const struct rotten_change c = {.kind = ROTTEN_DELETE + (enum rotten_kind)(n % WAYS),
                                    .file = &r->sample.files[n / WAYS]};
    bool alone = !c.file->is_pack && !c.file->is_record;
    if (!(alone && c.kind == ROTTEN_EXCHANGE)) /* of "format" there is one */
        run_whole(r, &c);
    r->files++;
}

/* ---- the index: a cache, whose damage costs nothing but time */

static void
damage_index(struct rot *r, const char *path, uint64_t size)
{
    uint64_t at = campaign_random(&r->campaign);
    if (at % 4 == 0 && truncate(path, (off_t)(at / 4 % size)) == 0)
        return;
    vault_kit_flip(path, at / 4 % size, (uint8_t)(1u << (at >> 61)));
}

static bool
make_damaged_index(struct rot *r, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    char path[2 * ROTTEN_PATH];
    struct stat about;
    if (rotten_copy(&r->sample, e) != RC_OK ||
        vault_open(r->sample.copy, &(struct vault_options){0}, &v, e) != RC_OK)
        return false;
    vault_close(TAKE(v)); /* the index is made */
    (void)snprintf(path, sizeof path, "%s/index/data.mdb", r->sample.copy);
    if (stat(path, &about) != 0 || about.st_size == 0)
        return false;
    damage_index(r, path, (uint64_t)about.st_size);
    return true;
}

/* It is found or made anew; and after the remedy that a finding names, everything is there. */
static bool
check_index(struct rot *r, char why[static ROTTEN_WHY])
{
    const struct rotten_demand cache = {.cache = true}, whole = {.cache = false};
    struct error e = ERROR_INIT;
    char path[2 * ROTTEN_PATH];
    (void)snprintf(path, sizeof path, "%s/index", r->sample.copy);
    if (make_damaged_index(r, &e) && !rotten_check_copy(&r->sample, &cache, why))
        return false;
    if (e.code == RC_OK && file_remove_tree(AT_FDCWD, path, &e) == RC_OK)
        return rotten_check_copy(&r->sample, &whole, why);
    (void)snprintf(why, ROTTEN_WHY, "%s", e.text);
    return false;
}

/* In a process of its own: LMDB trusts its pages, so a bad one may end it. */
static void
run_index(struct rot *r)
{
    char why[ROTTEN_WHY] = "";
    int status;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(SECONDS_MAX);
        bool good = check_index(r, why);
        if (!good)
            campaign_violation(&r->campaign, "index: %s", why);
        (void)fflush(NULL);
        _exit(good ? 0 : 1);
    }
    while (waitpid(child, &status, 0) != child)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        campaign_violation(&r->campaign, "a damaged index ended the process, wait status %d",
                           status);
    else if (status != 0)
        r->campaign.violations++;
    r->index++;
}

/* ---- cases */

struct counts {
    uint64_t files, blocks, index, bytes;
};

static struct counts
count(const struct rotten *s)
{
    enum { WAYS = ROTTEN_KINDS_ - ROTTEN_DELETE };
    return (struct counts){.files = s->file_count * WAYS,
                           .blocks = s->bytes / ROTTEN_BLOCK,
                           .index = INDEX_CASES,
                           .bytes = s->bytes};
}

static uint64_t
all_cases(const struct counts *k)
{
    return k->files + k->index + 2 * k->blocks + k->bytes + 8 * k->bytes;
}

static void
run_case(struct rot *r, const struct counts *k, uint64_t n)
{
    const uint64_t small = k->files + k->index + 2 * k->blocks, large = 9 * k->bytes;
    if (n < k->files) {
        run_file(r, n);
    } else if (n < k->files + k->index) {
        run_index(r);
    } else if (n < small) {
        n -= k->files + k->index;
        run_block(r, n / 2, n % 2 == 1);
    } else {
        bool all = r->campaign.cases == small + large;
        n = all ? n - small : campaign_below(&r->campaign, large);
        if (n < k->bytes)
            run_cut(r, n);
        else
            run_flip(r, n - k->bytes);
    }
}

int
main(int argc, char *argv[])
{
    static struct rot r;
    struct error e = ERROR_INIT;
    if (rotten_begin(&r.sample, &e) != RC_OK) {
        (void)printf("the sample vault: %s\n", e.text);
        return 2;
    }
    const struct counts k = count(&r.sample);
    if (!campaign_begin(&r.campaign, argc, argv, all_cases(&k)))
        return 2;
    (void)printf("%zu files, %" PRIu64 " bytes\n", r.sample.file_count, r.sample.bytes);
    for (uint64_t n; campaign_next(&r.campaign, &n);)
        run_case(&r, &k, n);
    campaign_figure(&r.campaign, "bits", "%" PRIu64, r.flips);
    campaign_figure(&r.campaign, "lengths", "%" PRIu64, r.lengths);
    campaign_figure(&r.campaign, "blocks", "%" PRIu64, r.blocks);
    campaign_figure(&r.campaign, "whole-verifications", "%" PRIu64, r.whole);
    rotten_end(&r.sample);
    return campaign_end(&r.campaign);
}
