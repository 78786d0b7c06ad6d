/*
 * test_vault_sweep.c -- whatever change of stored state fails, and however: before or after, never between.
 *
 * A life of a vault is run again and again, each time with another change failing, in our code or in LMDB.
 * Then, without faults, everything that was acknowledged must be there, all must verify, and nothing may
 * lie around.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "controller/vault/vault.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { LEAVES = 3, LONG = 1300000, SWEEP_MAX = 1000 };

/* What the callers were told, and so may rely on. */
struct acks {
    bool created, flushed, committed;
    struct id leaves[LEAVES], root, full;
    uint64_t number;
};

struct world {
    char parent[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 8];
    struct record_vault_id id;
    struct vault_kit kit;
    struct buffer blobs[LEAVES + 1], record, got;
    struct acks acks;
};

static void
prepare_blobs(struct world *w)
{
    struct id children[LEAVES];

    for (uint32_t i = 0; i < LEAVES; i++) {
        vault_kit_blob(&w->blobs[i], &w->acks.leaves[i], i, i == 0 ? LONG : 100, NULL, 0);
        children[i] = w->acks.leaves[i];
    }
    vault_kit_blob(&w->blobs[LEAVES], &w->acks.root, 77, 100, children, LEAVES);
}

static int
begin(void **state)
{
    static struct world w;

    w = (struct world){.record = BUFFER_INIT(LIMIT_RECORD), .got = BUFFER_INIT(LIMIT_BLOB)};
    for (size_t i = 0; i <= LEAVES; i++)
        w.blobs[i] = BUFFER_INIT(LIMIT_BLOB);
    vault_kit_begin(&w.kit);
    prepare_blobs(&w);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i <= LEAVES; i++)
        buffer_free(&w->blobs[i]);
    buffer_free(&w->record);
    buffer_free(&w->got);
    vault_kit_end(&w->kit);
    return 0;
}

/* ---- lives */

static enum rc
put_all(struct world *w, struct vault *v, struct error *e)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    bool known;

    TRY(vault_session_begin(v, &s, e));
    for (size_t i = 0; i < LEAVES; i++)
        TRY(vault_session_put(s, &w->acks.leaves[i], buffer_span(&w->blobs[i]), &known, e));
    TRY(vault_session_flush(s, e)); /* one pack */
    TRY(vault_session_put(s, &w->acks.root, buffer_span(&w->blobs[LEAVES]), &known, e));
    TRY(vault_session_flush(s, e)); /* another */
    w->acks.flushed = true;
    return RC_OK;
}

static enum rc
commit_next(struct world *w, struct vault *v, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    struct vault_full last = {0};
    size_t count;

    TRY(vault_fulls(v, &fulls, &count, e));
    if (count > 0)
        last = fulls[count - 1];
    w->kit.sequence = 0;
    w->kit.last_archive = (struct id){{0}};
    vault_kit_record(&w->kit, vault_id(v), last.number + 1, &last.name, &w->acks.root, &w->record);
    TRY(vault_commit_full(v, buffer_span(&w->record), &w->acks.full, e));
    w->acks.number = last.number + 1;
    w->acks.committed = true;
    return RC_OK;
}

static enum rc
open_and_fill(struct world *w, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;

    TRY(vault_open(w->path, &(struct vault_options){0}, &v, e));
    TRY(put_all(w, v, e));
    return commit_next(w, v, e);
}

static enum rc
from_nothing(struct world *w, struct error *e)
{
    TRY(vault_create(w->path, false, &w->id, e));
    w->acks.created = true;
    return open_and_fill(w, e);
}

static void
prepare_nothing(struct world *w)
{
    (void)w;
}

/* A vault with a full, whose index is lost and whose last writer left its work behind. */
static void
prepare_wreck(struct world *w)
{
    struct error e = ERROR_INIT;
    char path[128];

    CHECK_OK(from_nothing(w, &e), &e);
    (void)snprintf(path, sizeof path, "%s/index", w->path);
    vault_kit_remove(path);
    (void)snprintf(path, sizeof path, "%s/tmp/index", w->path);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/tmp/index/data.mdb", w->path);
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of("?", 1), 0600, &e), &e);
    (void)snprintf(path, sizeof path, "%s/tmp/pack-0", w->path);
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of("?", 1), 0600, &e), &e);
}

/* ---- repair */

static enum rc
damage_tail(void *ctx, const struct id *name, struct error *e)
{
    const struct world *w = ctx;
    char relative[PACK_PATH_SIZE], path[256];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", w->path, pack_format_path(name, relative));
    if (stat(path, &st) != 0 || truncate(path, st.st_size - 9) != 0)
        return error_errno(e, "cut '%s'", path);
    return RC_OK;
}

static void
flip_in_pack_of(struct world *w, struct vault *v, const struct id *id)
{
    struct error e = ERROR_INIT;
    char relative[PACK_PATH_SIZE], path[256];
    struct pack_place place;
    struct id name;
    uint32_t pack;
    bool found;

    CHECK_OK(vault_index_find(v->index, id, &found, &place, &pack, &e), &e);
    assert_true(found);
    CHECK_OK(vault_index_pack(v->index, pack, &name, &e), &e);
    (void)snprintf(path, sizeof path, "%s/%s", w->path, pack_format_path(&name, relative));
    vault_kit_flip(path, place.offset + 80, 1);
}

/* The packs of a full have lost their tails, and one that no full needs has a damaged blob beside a whole one. */
static void
prepare_damage(struct world *w)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id junk;
    bool known;

    CHECK_OK(from_nothing(w, &e), &e);
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    CHECK_OK(vault_each_pack(v->dir, damage_tail, w, &e), &e);
    CHECK_OK(vault_session_begin(v, &s, &e), &e);
    for (uint32_t i = 0; i < 2; i++) {
        vault_kit_blob(&w->got, &junk, 7000 + i, 100, NULL, 0);
        CHECK_OK(vault_session_put(s, &junk, buffer_span(&w->got), &known, &e), &e);
    }
    CHECK_OK(vault_session_flush(s, &e), &e);
    flip_in_pack_of(w, v, &junk);
}

static enum rc
open_and_repair(struct world *w, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct vault_repair_counts n;

    TRY(vault_open(w->path, &(struct vault_options){0}, &v, e));
    return vault_repair(v, &(struct vault_repair_options){0}, &n, e);
}

/* ---- afterwards */

static void
print_finding(void *ctx, const struct vault_finding *f)
{
    (void)ctx;
    print_error("%s\n", f->text);
}

static void
check_acknowledged(struct world *w, struct vault *v)
{
    struct error e = ERROR_INIT;
    bool known = false;

    for (size_t i = 0; w->acks.flushed && i < LEAVES; i++)
        CHECK_OK(vault_get(v, &w->acks.leaves[i], &w->got, &e), &e);
    if (w->acks.flushed) {
        CHECK_OK(vault_has(v, &w->acks.root, &known, &e), &e);
        assert_true(known);
    }
    if (w->acks.committed)
        CHECK_OK(vault_read_full(v, w->acks.number, &w->got, &e), &e);
}

static void
check_world(struct world *w)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    const struct vault_verify_options o = {.finding = print_finding};
    struct vault_verify_counts counts;
    struct vault_repair_counts repaired;
    struct error e = ERROR_INIT;

    if (!w->acks.created) {
        /* Not made, or made and not told: it can be made again, or it is there. */
        enum rc rc = vault_create(w->path, false, &w->id, &e);
        if (rc != RC_EXISTS)
            CHECK_OK(rc, &e);
    }
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    check_acknowledged(w, v);
    /* What a repair left undone is done by the next; where there is nothing to do it does nothing. */
    CHECK_OK(vault_repair(v, &(struct vault_repair_options){0}, &repaired, &e), &e);
    CHECK_OK(vault_verify(v, &o, &counts, &e), &e);
    assert_int_equal(counts.damaged + counts.missing, 0);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
    /* And life goes on. */
    CHECK_OK(put_all(w, v, &e), &e);
    CHECK_OK(commit_next(w, v, &e), &e);
}

/* ---- the sweep */

enum { ONCE, STICKY, SHORT };
struct fault {
    const char *name;
    int error_number, mode;
};

static void
arm(const struct fault *f, unsigned n)
{
    if (f->mode == SHORT)
        fault_io_arm_short(n);
    else
        fault_io_arm(n, f->error_number, f->mode == STICKY);
}

typedef void prepare_life(struct world *w);
typedef enum rc live(struct world *w, struct error *e);

/* False when the life has fewer than n changes. */
static bool
run_once(struct world *w, const struct fault *f, unsigned n, prepare_life *prepare, live *life)
{
    struct error e = ERROR_INIT;

    vault_kit_fast_directory(w->parent);
    (void)snprintf(w->path, sizeof w->path, "%s/vault", w->parent);
    w->acks.flushed = w->acks.committed = w->acks.created = false;
    prepare(w);
    size_t open_before = vault_kit_count("/proc/self", "fd");
    arm(f, n);
    enum rc rc = life(w, &e);
    fault_io_disarm();
    bool fired = fault_io_fired();
    assert_int_equal(vault_kit_count("/proc/self", "fd"), open_before);
    /* A short write is continued, except by LMDB, which takes it for a full disk and fails cleanly. */
    if (!fired || (f->mode == SHORT && strstr(e.text, "index: ") == NULL))
        CHECK_OK(rc, &e);
    if (rc != RC_OK)
        assert_true(e.text[0] != '\0');
    check_world(w);
    vault_kit_remove(w->parent);
    return fired;
}

static void
sweep(struct world *w, prepare_life *prepare, live *life)
{
    static const struct fault faults[] = {
        {"EIO once", EIO, ONCE},       {"EIO from then on", EIO, STICKY},
        {"ENOSPC once", ENOSPC, ONCE}, {"ENOSPC from then on", ENOSPC, STICKY},
        {"EINTR once", EINTR, ONCE},   {"short write", 0, SHORT},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        unsigned n = 1;
        for (; n < SWEEP_MAX && run_once(w, &faults[i], n, prepare, life); n++)
            continue;
        print_message("%s: %u changes failed in turn\n", faults[i].name, n - 1);
        assert_in_range(n, faults[i].mode == SHORT ? 2 : 20, SWEEP_MAX - 1);
    }
}

static void
a_life_from_nothing_survives_any_fault(void **state)
{
    sweep(*state, prepare_nothing, from_nothing);
}

static void
a_recovery_survives_any_fault(void **state)
{
    sweep(*state, prepare_wreck, open_and_fill);
}

static void
a_repair_survives_any_fault(void **state)
{
    sweep(*state, prepare_damage, open_and_repair);
}

/* A session that lost something says so for ever; a new one starts clean. */
static void
after_a_failed_write_no_flush_claims_success(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    bool known;

    vault_kit_fast_directory(w->parent);
    (void)snprintf(w->path, sizeof w->path, "%s/vault", w->parent);
    CHECK_OK(vault_create(w->path, false, &w->id, &e), &e);
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    CHECK_OK(vault_session_begin(v, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &w->acks.leaves[1], buffer_span(&w->blobs[1]), &known, &e), &e);
    fault_io_arm(1, ENOSPC, false);
    CHECK_RC(vault_session_put(s, &w->acks.leaves[0], buffer_span(&w->blobs[0]), &known, &e),
             RC_NO_SPACE);
    fault_io_disarm();
    CHECK_RC(vault_session_flush(s, &e), RC_IO);
    CHECK_RC(vault_session_put(s, &w->acks.leaves[1], buffer_span(&w->blobs[1]), &known, &e),
             RC_IO);
    vault_session_free(s);
    CHECK_OK(put_all(w, v, &e), &e);
    vault_kit_remove(w->parent);
}

static void
after_a_failed_sync_the_vault_refuses_writes_until_it_is_opened_anew(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id more;
    bool known;

    vault_kit_fast_directory(w->parent);
    (void)snprintf(w->path, sizeof w->path, "%s/vault", w->parent);
    CHECK_OK(vault_create(w->path, false, &w->id, &e), &e);
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    CHECK_OK(put_all(w, v, &e), &e);
    CHECK_OK(vault_session_begin(v, &s, &e), &e);
    vault_kit_blob(&w->got, &more, 4242, 100, NULL, 0);
    CHECK_OK(vault_session_put(s, &more, buffer_span(&w->got), &known, &e), &e);
    fault_io_arm(2, EIO, false); /* the write, then the sync */
    CHECK_RC(vault_session_flush(s, &e), RC_IO);
    fault_io_disarm();
    vault_session_free(TAKE(s));
    CHECK_RC(vault_session_begin(v, &s, &e), RC_IO);
    assert_non_null(strstr(e.text, "failed sync"));
    CHECK_RC(commit_next(w, v, &e), RC_IO);
    CHECK_OK(vault_get(v, &w->acks.leaves[1], &w->got, &e), &e);
    vault_close(TAKE(v));
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    CHECK_OK(commit_next(w, v, &e), &e);
    vault_kit_remove(w->parent);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_failed_write_no_flush_claims_success),
        cmocka_unit_test(after_a_failed_sync_the_vault_refuses_writes_until_it_is_opened_anew),
        cmocka_unit_test(a_life_from_nothing_survives_any_fault),
        cmocka_unit_test(a_recovery_survives_any_fault),
        cmocka_unit_test(a_repair_survives_any_fault),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
