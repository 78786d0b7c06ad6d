/* power_vault.c -- lives of a vault: made, filled, committed to, opened again.  See power_vault.h. */
#include <fcntl.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/sys/file.h"
#include "controller/vault/vault.h"
#include "tests/support/power_vault.h"
#include "tests/support/vault_kit.h"

enum { LEAVES = 6, TREES = 3, BLOBS = LEAVES + TREES, PATH = 256, ARENA = 4 << 20 };
enum promise { VAULT_CREATED, BLOB_SAFE, FULL_SAFE };

/* Trees over leaves that they share. */
static const uint32_t below[TREES][3] = {{0, 1, 2}, {1, 2, 3}, {3, 4, 5}};

static struct {
    bool ready;
    struct vault_kit kit;
    struct id ids[BLOBS];
    struct buffer blobs[BLOBS], record, got;
} w;

static void
make_world(void)
{
    if (w.ready)
        return;
    w.ready = true;
    vault_kit_begin(&w.kit);
    w.record = BUFFER_INIT(LIMIT_RECORD);
    w.got = BUFFER_INIT(LIMIT_BLOB);
    for (uint32_t i = 0; i < LEAVES; i++) {
        w.blobs[i] = BUFFER_INIT(LIMIT_BLOB);
        vault_kit_blob(&w.blobs[i], &w.ids[i], i, 100 + 700 * i, NULL, 0);
    }
    for (uint32_t i = 0; i < TREES; i++) {
        struct id children[3] = {w.ids[below[i][0]], w.ids[below[i][1]], w.ids[below[i][2]]};
        w.blobs[LEAVES + i] = BUFFER_INIT(LIMIT_BLOB);
        vault_kit_blob(&w.blobs[LEAVES + i], &w.ids[LEAVES + i], 70 + i, 100, children, 3);
    }
}

static const char *
path_of(const char *root, const char *name, char out[static PATH])
{
    (void)snprintf(out, PATH, "%s/vault%s", root, name);
    return out;
}

/* ---- what a life does; `t` is NULL when nobody asks what was promised */

static void
promise(struct power_trace *t, enum promise what, uint64_t number, const struct id *id)
{
    if (t != NULL)
        power_trace_ack(t, what, number, id);
}

/* The blobs with these numbers are put, then all are durable. */
static enum rc
put(struct vault_session *s, const uint32_t *numbers, size_t count, struct power_trace *t,
    struct error *e)
{
    bool known;
    for (size_t i = 0; i < count; i++) {
        uint32_t n = numbers[i];
        TRY(vault_session_put(s, &w.ids[n], buffer_span(&w.blobs[n]), &known, e));
    }
    TRY(vault_session_flush(s, e));
    for (size_t i = 0; i < count; i++)
        promise(t, BLOB_SAFE, numbers[i], NULL);
    return RC_OK;
}

static enum rc
put_tree(struct vault *v, uint32_t tree, struct power_trace *t, struct error *e)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    const uint32_t root = LEAVES + tree;
    TRY(vault_session_begin(v, &s, e));
    TRY(put(s, below[tree], 3, t, e));
    return put(s, &root, 1, t, e);
}

/* The chain goes on where the vault's last full left it. */
static enum rc
learn_chain(struct vault *v, struct vault_full *last, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA);
    struct record_full full;
    struct record_archive archive = {0};
    size_t count;

    *last = (struct vault_full){0};
    TRY(vault_fulls(v, &fulls, &count, e));
    if (count > 0) {
        *last = fulls[count - 1];
        TRY(vault_read_full(v, last->number, &w.got, e));
        TRY(record_decode_full(buffer_span(&w.got), arena, &full, e));
        TRY(record_decode_archive(full.archives[0], arena, &archive, e));
    }
    w.kit.sequence = archive.sequence;
    w.kit.last_archive = archive.name;
    return RC_OK;
}

static enum rc
commit(struct vault *v, uint32_t tree, struct power_trace *t, struct error *e)
{
    struct vault_full last;
    struct id name;
    TRY(learn_chain(v, &last, e));
    vault_kit_record(&w.kit, vault_id(v), last.number + 1, &last.name, &w.ids[LEAVES + tree],
                     &w.record);
    TRY(vault_commit_full(v, buffer_span(&w.record), &name, e));
    promise(t, FULL_SAFE, last.number + 1, &name);
    return RC_OK;
}

static enum rc
create_and_open(const char *root, struct vault **v, struct power_trace *t, struct error *e)
{
    char path[PATH];
    struct record_vault_id id;
    enum rc rc = vault_create(path_of(root, "", path), false, &id, e);
    if (rc != RC_EXISTS) {
        TRY(rc);
        promise(t, VAULT_CREATED, 0, NULL);
    }
    TRY(vault_open(path, &(struct vault_options){0}, v, e));
    /* One that another process began, and that was refused, is there for good when it could be opened. */
    promise(t, VAULT_CREATED, 0, NULL);
    return RC_OK;
}

/* What a start says it has, it must have: agents and operators are told. */
static enum rc
promise_what_is_there(struct vault *v, struct power_trace *t, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count;
    bool there;

    for (uint32_t i = 0; i < BLOBS; i++) {
        TRY(vault_has(v, &w.ids[i], &there, e));
        if (there)
            promise(t, BLOB_SAFE, i, NULL);
    }
    TRY(vault_fulls(v, &fulls, &count, e));
    for (size_t i = 0; i < count; i++)
        promise(t, FULL_SAFE, fulls[i].number, &fulls[i].name);
    return RC_OK;
}

static enum rc
live(const char *root, uint32_t first, uint32_t second, struct power_trace *t, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    TRY(create_and_open(root, &v, t, e));
    TRY(promise_what_is_there(v, t, e));
    TRY(put_tree(v, first, t, e));
    TRY(commit(v, first, t, e));
    TRY(put_tree(v, second, t, e));
    return commit(v, second, t, e);
}

static void
run(const char *root, struct power_trace *t)
{
    struct error e = ERROR_INIT;
    (void)live(root, 0, 1, t, &e);
}

static enum rc
again(const char *root, struct power_trace *t, struct error *e)
{
    return live(root, 1, 2, t, e);
}

/* ---- afterwards */

static void
note_finding(void *ctx, const struct vault_finding *f)
{
    (void)error_set(ctx, RC_CORRUPT, "%s", f->text);
}

static enum rc
check_verified(struct vault *v, struct error *e)
{
    struct error found = ERROR_INIT;
    struct vault_verify_counts counts;
    const struct vault_verify_options options = {.finding = note_finding, .ctx = &found};
    TRY(vault_verify(v, &options, &counts, e));
    if (counts.damaged + counts.missing > 0)
        return error_set(e, RC_CORRUPT, "verify: %s", found.text);
    return RC_OK;
}

static enum rc
check_ack(struct vault *v, const struct power_ack *ack, struct error *e)
{
    bool there = true;
    if (ack->what == BLOB_SAFE) {
        TRY(vault_get(v, &w.ids[ack->number], &w.got, e));
        TRY(vault_has(v, &w.ids[ack->number], &there, e));
        const struct buffer *blob = &w.blobs[ack->number];
        if (!there || w.got.len != blob->len || memcmp(w.got.data, blob->data, blob->len) != 0)
            return error_set(e, RC_CORRUPT, "blob %llu is not what was put",
                             (unsigned long long)ack->number);
    }
    if (ack->what == FULL_SAFE) {
        CLEANUP(own_freep) struct vault_full *fulls = NULL;
        size_t count, i = 0;
        TRY(vault_fulls(v, &fulls, &count, e));
        while (i < count && (fulls[i].number != ack->number || !id_equal(&fulls[i].name, &ack->id)))
            i++;
        if (i == count)
            return error_set(e, RC_NOT_FOUND, "full %llu is gone", (unsigned long long)ack->number);
        TRY(vault_read_full(v, ack->number, &w.got, e));
    }
    return RC_OK;
}

static enum rc
check_tidy(const char *root, struct error *e)
{
    char path[PATH];
    size_t left = vault_kit_count(path_of(root, "", path), "tmp");
    return left == 0 ? RC_OK : error_set(e, RC_EXISTS, "%zu leftovers in tmp/", left);
}

static enum rc
check(const char *root, const struct power_acks *acks, bool on, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    const struct power_ack *ack;
    char path[PATH];

    if (power_life_ack(acks, 0) != NULL)
        TRY_IN(vault_open(path_of(root, "", path), &(struct vault_options){0}, &v, e), e, "open");
    else
        TRY_IN(create_and_open(root, &v, NULL, e), e, "create and open");
    for (size_t n = 0; (ack = power_life_ack(acks, n)) != NULL; n++)
        TRY_IN(check_ack(v, ack, e), e, "promised");
    TRY(check_verified(v, e));
    TRY(check_tidy(root, e));
    if (!on)
        return RC_OK;
    TRY_IN(put_tree(v, 2, NULL, e), e, "the next session");
    TRY_IN(commit(v, 2, NULL, e), e, "the next full");
    TRY_IN(check_verified(v, e), e, "after the next full");
    return check_tidy(root, e);
}

/* ---- a vault with a past: a full, an index that is lost, and what a dead writer left */

static void
prepare_new(const char *root)
{
    (void)root;
    make_world();
}

static void
prepare_old(const char *root)
{
    struct error e = ERROR_INIT;
    char path[PATH];

    make_world();
    power_life_must(live(root, 0, 0, NULL, &e), &e);
    power_life_must(file_remove_tree(AT_FDCWD, path_of(root, "/index", path), &e), &e);
    power_life_must(file_make_directory(AT_FDCWD, path_of(root, "/tmp/index", path), 0700, &e), &e);
    power_life_must(file_write_new(AT_FDCWD, path_of(root, "/tmp/index/data.mdb", path),
                                   span_of("?", 1), 0600, &e),
                    &e);
    power_life_must(
        file_write_new(AT_FDCWD, path_of(root, "/tmp/pack-0", path), span_of("?", 1), 0600, &e),
        &e);
}

const struct power_life power_vault_new = {"vault", prepare_new, run, again, check};
const struct power_life power_vault_old = {"old-vault", prepare_old, run, again, check};
