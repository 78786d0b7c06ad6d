/*
 * campaign_restore_race.c -- while a restore writes below a directory, somebody swaps that directory for a symbolic link
 * to another place, and back, as fast as can be.  Nothing is ever written, changed or removed in the other place.
 *
 * A case is one restore.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/backup_kit.h"
#include "tests/support/campaign.h"
#include "tests/support/check.h"
#include "tests/support/describe.h"
#include "tests/support/vault_kit.h"

enum { FILES = 12, PATH = 128, TEXT_MAX = 1 << 20 };

struct race {
    struct backup_kit kit;
    struct vault *vault;
    char directory[VAULT_KIT_PATH_SIZE], outside[PATH];
    int target;
    _Atomic(bool) over;
    _Atomic(uint64_t) swaps;
};

static enum rc
make_source(struct race *r, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    struct backup_kit_full full;
    char name[PATH];
    TRY(file_open_directory(AT_FDCWD, r->kit.source, &fd, e));
    TRY(file_make_directory(fd, "d/below", 0755, e));
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "d/%s%d", i % 2 == 0 ? "below/" : "", i);
        TRY(file_write_new(fd, name, span_of(name, strlen(name)), 04755, e));
    }
    /* Found again by its path when the second name is made. */
    if (linkat(fd, "d/1", fd, "d/below/linked", 0) != 0 || linkat(fd, "d/1", fd, "z", 0) != 0)
        return error_errno(e, "hard link");
    TRY(backup_kit_create(&r->kit, e));
    TRY(backup_kit_open(&r->kit, &r->vault, e));
    return backup_kit_run(&r->kit, r->vault, &full, e);
}

/* What the attacker wants to be written over: the same names, other bytes. */
static enum rc
make_outside(struct race *r, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    (void)snprintf(r->outside, sizeof r->outside, "%s/outside", r->directory);
    TRY(file_make_directory(AT_FDCWD, r->outside, 0700, e));
    TRY(file_open_directory(AT_FDCWD, r->outside, &fd, e));
    TRY(file_make_directory(fd, "below", 0700, e));
    TRY(file_write_new(fd, "1", span_of("precious", 8), 0600, e));
    return file_write_new(fd, "below/0", span_of("precious", 8), 0600, e);
}

static bool
is_directory(const struct race *r, const char *name)
{
    struct stat about;
    return fstatat(r->target, name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(about.st_mode);
}

/* A restore that may replace removes the link and makes a directory: then there is none to swap any more. */
static void
link_again(struct race *r, unsigned *parked)
{
    char name[32];
    (void)snprintf(name, sizeof name, "parked%u", *parked);
    if (is_directory(r, "d") && is_directory(r, "link") &&
        renameat2(r->target, "link", r->target, name, RENAME_NOREPLACE) == 0)
        ++*parked;
    (void)!symlinkat(r->outside, r->target, "link"); /* most often it is there */
}

static void *
swap(void *arg)
{
    struct race *r = arg;
    unsigned parked = 0;
    while (!atomic_load(&r->over)) {
        link_again(r, &parked);
        if (renameat2(r->target, "d", r->target, "link", RENAME_EXCHANGE) == 0)
            atomic_fetch_add(&r->swaps, 1);
    }
    return NULL;
}

static enum rc
describe_outside(struct race *r, struct buffer *out, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    TRY(file_open_directory(AT_FDCWD, r->outside, &fd, e));
    TRY(describe(fd, out, e));
    return buffer_append(out, span_of("", 1), e);
}

static enum rc
prepare_target(struct race *r, struct error *e)
{
    TRY(file_remove_tree(AT_FDCWD, r->kit.target, e));
    TRY(file_make_directory(AT_FDCWD, r->kit.target, 0755, e));
    TRY(file_open_directory(AT_FDCWD, r->kit.target, &r->target, e));
    TRY(file_make_directory(r->target, "d", 0755, e));
    return symlinkat(r->outside, r->target, "link") == 0 ? RC_OK : error_errno(e, "link");
}

/* True when the restore met the other side. */
static bool
run_race(struct race *r, enum unpack_existing existing, struct error *e)
{
    struct error met = ERROR_INIT;
    pthread_t thread;
    if (prepare_target(r, e) != RC_OK)
        return false;
    atomic_store(&r->over, false);
    assert_int_equal(pthread_create(&thread, NULL, swap, r), 0);
    enum rc rc = backup_kit_restore(&r->kit, r->vault, 1, r->target, existing, &met);
    atomic_store(&r->over, true);
    (void)pthread_join(thread, NULL);
    (void)close(r->target);
    return rc != RC_OK;
}

static void
run_case(struct campaign *c, struct race *r, const struct buffer *before, uint64_t *met)
{
    CLEANUP(buffer_free) struct buffer after = BUFFER_INIT(TEXT_MAX);
    struct error e = ERROR_INIT;
    enum unpack_existing existing = campaign_below(c, 2) == 0 ? UNPACK_KEEP : UNPACK_REPLACE;
    *met += run_race(r, existing, &e) ? 1 : 0;
    if (e.code == RC_OK)
        (void)!describe_outside(r, &after, &e);
    if (e.code != RC_OK)
        campaign_violation(c, "%s", e.text);
    else if (after.len != before->len || memcmp(after.data, before->data, after.len) != 0)
        campaign_violation(c, "outside is now: %s", (const char *)after.data);
}

int
main(int argc, char *argv[])
{
    static struct race r;
    struct campaign c;
    struct error e = ERROR_INIT;
    struct buffer before = BUFFER_INIT(TEXT_MAX);
    uint64_t met = 0;
    if (!campaign_begin(&c, argc, argv, 0))
        return 2;
    vault_kit_fast_directory(r.directory);
    backup_kit_begin(&r.kit);
    backup_kit_place(&r.kit, r.directory);
    if (make_source(&r, &e) != RC_OK || make_outside(&r, &e) != RC_OK ||
        describe_outside(&r, &before, &e) != RC_OK) {
        (void)printf("%s\n", e.text);
        return 2;
    }
    for (uint64_t n; campaign_next(&c, &n);)
        run_case(&c, &r, &before, &met);
    campaign_figure(&c, "swaps", "%llu", (unsigned long long)atomic_load(&r.swaps));
    campaign_figure(&c, "restores-disturbed", "%llu", (unsigned long long)met);
    vault_close(r.vault);
    backup_kit_end(&r.kit);
    buffer_free(&before);
    vault_kit_remove(r.directory);
    return campaign_end(&c);
}
