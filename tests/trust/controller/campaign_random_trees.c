/*
 * campaign_random_trees.c -- a random tree, captured by the agent's code into a real vault, comes back equal.
 *
 * A case is a tree: captured and restored, then changed and captured and restored, two more times.  Each full must be
 * equal to the tree as it was at its time, also after the last one; the vault verifies.
 *
 * Known limit, and not tried: a change that leaves size, mtime, ctime and inode as they were.
 */
#include <fcntl.h>
#include <stdio.h>

#include "common/sys/file.h"
#include "tests/support/backup_kit.h"
#include "tests/support/campaign.h"
#include "tests/support/check.h"
#include "tests/support/describe.h"
#include "tests/support/vault_kit.h"
#include "tests/trust/controller/random_tree.h"

enum { FULLS = 3, TEXT_MAX = 32 << 20, CHANGES = 6, PATH = 128 };

struct trees {
    struct campaign campaign;
    struct backup_kit kit;
    struct buffer texts[FULLS + 1]; /* of the tree at each full, from 1 */
    struct buffer now;
    uint64_t bytes;
};

static enum rc
describe_path(const char *path, struct buffer *out, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    TRY(file_open_directory(AT_FDCWD, path, &fd, e));
    TRY(describe(fd, out, e));
    return buffer_append(out, span_of("", 1), e);
}

static enum rc
compare(struct trees *t, unsigned full, struct error *e)
{
    TRY(describe_path(t->kit.target, &t->now, e));
    const char *a = (const char *)t->texts[full].data, *b = (const char *)t->now.data;
    while (*a != '\0' && strncmp(a, b, strcspn(a, "\n") + 1) == 0) {
        a += strcspn(a, "\n") + 1;
        b += strcspn(b, "\n") + (b[strcspn(b, "\n")] != '\0');
    }
    if (*a == '\0' && *b == '\0')
        return RC_OK;
    return error_set(e, RC_INVALID, "full %u: '%.*s' became '%.*s'", full, (int)strcspn(a, "\n"), a,
                     (int)strcspn(b, "\n"), b);
}

static enum rc
restore(struct trees *t, struct vault *v, unsigned full, struct error *e)
{
    TRY_IN(backup_kit_restore_anew(&t->kit, v, full, e), e, "restore of full %u", full);
    return compare(t, full, e);
}

static enum rc
change_source(struct trees *t, unsigned full, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    TRY(file_open_directory(AT_FDCWD, t->kit.source, &fd, e));
    if (full == 1)
        random_tree_make(fd, &t->campaign);
    for (uint64_t i = campaign_below(&t->campaign, CHANGES); full > 1 && i > 0; i--)
        random_tree_change(fd, &t->campaign);
    return RC_OK;
}

static enum rc
run_full(struct trees *t, struct vault *v, unsigned full, struct error *e)
{
    struct backup_kit_full made;
    TRY(change_source(t, full, e));
    TRY(describe_path(t->kit.source, &t->texts[full], e));
    TRY_IN(backup_kit_run(&t->kit, v, &made, e), e, "full %u", full);
    if (made.incomplete)
        return error_set(e, RC_INVALID, "full %u says that it is incomplete", full);
    t->bytes += made.bytes_read;
    return restore(t, v, full, e);
}

static enum rc
verify(struct vault *v, struct error *e)
{
    const struct vault_verify_options o = {.only_full = 0};
    struct vault_verify_counts counts;
    TRY(vault_verify(v, &o, &counts, e));
    if (counts.damaged + counts.missing > 0)
        return error_set(e, RC_INVALID, "the vault does not verify");
    return RC_OK;
}

static enum rc
run_tree(struct trees *t, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    TRY(backup_kit_create(&t->kit, e));
    TRY(backup_kit_open(&t->kit, &v, e));
    for (unsigned full = 1; full <= FULLS; full++)
        TRY(run_full(t, v, full, e));
    for (unsigned full = 1; full < FULLS; full++)
        TRY(restore(t, v, full, e));
    return verify(v, e);
}

static void
run_case(struct trees *t)
{
    struct error e = ERROR_INIT;
    char directory[VAULT_KIT_PATH_SIZE];
    vault_kit_fast_directory(directory);
    backup_kit_place(&t->kit, directory);
    if (run_tree(t, &e) != RC_OK)
        campaign_violation(&t->campaign, "%s", e.text);
    vault_kit_remove(directory);
}

int
main(int argc, char *argv[])
{
    static struct trees t;
    if (!campaign_begin(&t.campaign, argc, argv, 0))
        return 2;
    backup_kit_begin(&t.kit);
    t.now = BUFFER_INIT(TEXT_MAX);
    for (unsigned i = 0; i <= FULLS; i++)
        t.texts[i] = BUFFER_INIT(TEXT_MAX);
    for (uint64_t n; campaign_next(&t.campaign, &n);)
        run_case(&t);
    campaign_figure(&t.campaign, "bytes-read", "%llu", (unsigned long long)t.bytes);
    backup_kit_end(&t.kit);
    buffer_free(&t.now);
    for (unsigned i = 0; i <= FULLS; i++)
        buffer_free(&t.texts[i]);
    return campaign_end(&t.campaign);
}
